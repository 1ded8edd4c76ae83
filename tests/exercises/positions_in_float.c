/*
 * positions_in_float.c: some rows of the student's sinusoid_positions in float, as
 * training has them; the grader, in double, runs this and reads what it prints. In
 * double it can't be seen whether an angle was kept in a `real`.
 */
#include <stdio.h>

#include "chapters/03_multi_head_attention/positions.h"

int main(void) {
    enum { ROWS = 30001, COLUMNS = 6, EVERY = 7500 };
    static real data[ROWS * COLUMNS];
    sinusoid_positions(tensor2(data, ROWS, COLUMNS));
    for (int pos = 0; pos < ROWS; pos += EVERY) {
        printf("%d", pos);
        for (int column = 0; column < COLUMNS; column++) {
            printf(" %.9g", (double)data[pos * COLUMNS + column]);
        }
        printf("\n");
    }
    return 0;
}
