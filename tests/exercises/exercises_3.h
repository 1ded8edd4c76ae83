/* exercises_3.h: the exercises of positions, 3.4 and 3.5 (exercises_3_positions.c). */
#ifndef EXERCISES_3_H
#define EXERCISES_3_H

void sinusoids(void);
void positions_grade(void);

#endif
