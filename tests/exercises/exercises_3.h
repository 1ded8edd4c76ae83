/* exercises_3.h: the exercises of positions, 3.4 and 3.5 (exercises_3_positions.c). */
#pragma once

void sinusoids(void);
void positions_grade(void);
