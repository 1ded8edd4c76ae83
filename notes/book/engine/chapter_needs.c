/* chapter_needs.c: common/lesson/chapter.h's function for a page: where a lesson gets no
 * memory, the worker's call ends with this line. */
#include "common/lesson/chapter.h"

#include <stdio.h>
#include <stdlib.h>

void chapter_needs(bool ok, const Error *error) {
    if (!ok) {
        fprintf(stderr, "%s\n", error->text);
        exit(1);
    }
}
