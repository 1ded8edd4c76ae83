/* buckets.c: see buckets.h. */
#include "chapters/08_many_machines/training/buckets.h"

/* exercise 8.2, cut: */
#include "chapters/05_vision_transformer/training/freeze.h"

/* Does a part of the model begin with parameter i? */
static bool begins_part(const ParameterList *list, int i) {
    return i == 0 ||
           parameter_part(&list->items[i]) != parameter_part(&list->items[i - 1]);
}
/* end of exercise 8.2 */

int buckets_cut(const ParameterList *trained, long least, Bucket buckets[MAX_BUCKETS]) {
    /* exercise 8.2 */
    int count = 0;
    long to = trained->total;
    for (int i = trained->count - 1; i >= 0; i--) {
        const long from = trained->items[i].offset;
        if (i == 0 || (begins_part(trained, i) && to - from >= least)) {
            buckets[count++] = (Bucket){from, to};
            to = from;
        }
    }
    return count;
    /* end of exercise 8.2 */
}
