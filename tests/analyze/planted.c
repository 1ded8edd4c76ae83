/* planted.c: a fault for each tool, which must find it: `planted race`, `planted leak`,
 * `planted unset`; and, for those that only read it, null(). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int *null(int which);

int *null(int which) {
    int *nothing = which ? NULL : malloc(sizeof *nothing);
    *nothing = which; /* where `which` isn't 0 */
    return nothing;
}

int main(int argc, char **argv) {
    const char *what = argc > 1 ? argv[1] : "";
    int sum = 0;
    if (strcmp(what, "race") == 0) {
#pragma omp parallel for
        for (int i = 0; i < 1000; i++) {
            sum += i;
        }
    } else if (strcmp(what, "leak") == 0) {
        int *lost = malloc(100);
        sum = lost != NULL;
    } else if (strcmp(what, "unset") == 0) {
        int *unset = malloc(sizeof *unset);
        sum = unset && *unset == 1;
        free(unset);
    }
    printf("%d\n", sum);
    return 0;
}
