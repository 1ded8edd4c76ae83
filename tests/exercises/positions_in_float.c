/*
 * positions_in_float.c: some rows of the student's sinusoid_positions and
 * sinusoid_shift in float, as training has them; the grader, in double, runs this and
 * reads what it prints. In double nobody sees whether an angle was kept in a `real`.
 */
#include <stdio.h>

#include "chapters/03_multi_head_attention/positions.h"

enum { ROWS = 30001, COLUMNS = 6, EVERY = 7500 };

static void print_row(const char *name, int pos, const real *row) {
    printf("%s %d", name, pos);
    for (int column = 0; column < COLUMNS; column++) {
        printf(" %.9g", (double)row[column]);
    }
    printf("\n");
}

int main(void) {
    static real data[ROWS * COLUMNS], first[COLUMNS];
    sinusoid_positions(tensor2(data, ROWS, COLUMNS));
    for (int pos = 0; pos < ROWS; pos += EVERY) {
        print_row("PE", pos, data + (size_t)pos * COLUMNS);
    }
    for (int pos = 0; pos < ROWS; pos += EVERY) {
        sinusoid_shift(tensor2(data, 1, COLUMNS), pos, tensor2(first, 1, COLUMNS));
        print_row("shifted", pos, first);
    }
    return 0;
}
