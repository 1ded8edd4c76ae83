/* dropout.c: see dropout.h. */
#include "chapters/04_encoder_block/dropout.h"

#include "common/random.h"
#include "common/real_math.h"

void dropout_apply(const Dropout *dropout, int site, Tensor X) {
    if (dropout->rate == 0) {
        return;
    }
    /* One sequence for each site and step; 1024 sites are more than enough. */
    const Random random = {.seed = dropout->seed,
                           .use = RANDOM_DROPOUT,
                           .sequence = dropout->step * 1024u + (uint32_t)site};
    /* exercise 4.6 */
    const long per_image = tensor_count(X) / X.shape[0];
    const uint64_t first = (uint64_t)dropout->image * (uint64_t)per_image;
    const real scale = (real)(1.0 / (1.0 - dropout->rate));
    uint32_t bits[4] = {0};
    const int cols = tensor_cols(X);
    for (long i = 0; i < tensor_count(X); i++) {
        const uint64_t index = first + (uint64_t)i;
        if (i == 0 || index % 4 == 0) { /* one call of the generator serves four */
            random_bits4(random, index / 4, bits);
        }
        /* [AIAYN 5.4]   a Bernoulli number for each element */
        const bool keep = bits[index % 4] * 0x1p-32 >= dropout->rate;
        real *x = tensor_row(X, (int)(i / cols)) + i % cols;
        *x = keep ? *x * scale : R(0);
    }
    /* end of exercise 4.6 */
}
