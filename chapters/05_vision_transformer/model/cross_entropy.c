/* cross_entropy.c: see cross_entropy.h. */
#include "chapters/05_vision_transformer/model/cross_entropy.h"

#include <stdbool.h>
#include <stddef.h>

#include "common/error.h"
#include "common/real_math.h"

/* exercise 5.5, cut: */
/* log sum_k exp(logit_k), with the largest taken out first so that exp stays finite. */
static double log_sum_exp(const real *logit, int K) {
    real max = logit[0];
    double sum = 0;
    for (int k = 1; k < K; k++) {
        max = logit[k] > max ? logit[k] : max;
    }
    for (int k = 0; k < K; k++) {
        sum += exp((double)logit[k] - (double)max);
    }
    return (double)max + log(sum);
}
/* end of exercise 5.5 */

double cross_entropy(Tensor logits, const int *labels, double smoothing, double scale,
                     Tensor dlogits) {
    const int K = tensor_cols(logits);
    double total = 0;
    for (int i = 0; i < tensor_rows(logits); i++) {
        const real *logit = tensor_row(logits, i);
        if (labels[i] < 0 || labels[i] >= K) {
            bug("cross_entropy: label %d of image %d is none of %d classes", labels[i],
                i, K);
        }
        /* exercise 5.5 */
        const double log_sum = log_sum_exp(logit, K);
        for (int k = 0; k < K; k++) {
            const double q = (k == labels[i] ? 1 - smoothing : 0) + smoothing / K;
            const double log_p = (double)logit[k] - log_sum;
            if (q > 0) { /* 0 * log 0 is 0, and not 0 * infinity */
                total -= q * log_p;
            }
            if (dlogits.data != NULL) {
                tensor_row(dlogits, i)[k] = (real)(scale * (exp(log_p) - q));
            }
        }
        /* end of exercise 5.5 */
    }
    return total;
}

int argmax_row(Tensor logits, int i) {
    const real *logit = tensor_row(logits, i);
    int best = 0;
    bool any_nan = isnan(logit[0]);
    for (int k = 1; k < tensor_cols(logits); k++) {
        best = logit[k] > logit[best] ? k : best;
        any_nan = any_nan || isnan(logit[k]);
    }
    return any_nan || isinf(logit[best]) ? -1 : best;
}
