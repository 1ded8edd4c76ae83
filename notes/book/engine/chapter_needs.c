/* chapter_needs.c: a function of common/lesson/chapter.h for a page: where a demo gets
 * no memory, the worker's call ends with this line. */
#include "common/lesson/chapter.h"

#include <stdio.h>
#include <stdlib.h>

void chapter_needs(bool ok, const Error *error) {
    if (!ok) {
        fprintf(stderr, "%s\n", error->text);
        exit(1);
    }
}
