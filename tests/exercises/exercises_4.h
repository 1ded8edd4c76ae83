/* exercises_4.h: the block's exercises, 4.4 and 4.5 (exercises_4_block.c). */
#pragma once

void block_forward_grade(void);
void block_backward_grade(void);
