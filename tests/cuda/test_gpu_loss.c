/* test_gpu_loss.c: gpu_loss.h against the loss in double. */
#include <stdlib.h>

#include "tests/cuda/cuda_suites.h"
#include "tests/cuda/device_helpers.h"
#include "chapters/06_cuda_training/kernels/gpu_loss.h"
#include "tests/cuda/in_double.h"

/* B images (4 to a block, 256 to a step of the sum), K classes (32 to a step). */
static const int sizes[][2] = {{1, 1},  {3, 10},   {5, 32},  {130, 10},
                               {6, 33}, {300, 37}, {2, 1000}};
enum { SIZES = sizeof sizes / sizeof sizes[0], MAX_IMAGES = 300 };

typedef struct {
    int B, K;
    Tensor logits;
    int labels[MAX_IMAGES];
} Images;

static Images make_images(const int *size) {
    Images x = {.B = size[0], .K = size[1]};
    x.logits = random_tensor('l', SHAPE(x.B, x.K));
    tensor_scale(x.logits, 20); /* nothing may overflow */
    for (int b = 0; b < x.B; b++) {
        x.labels[b] = b * 367 % x.K; /* also beyond a byte's 255 */
        if (b % 3 == 0) {            /* a third of them is right */
            tensor_row(x.logits, b)[x.labels[b]] = 100;
        }
    }
    return x;
}

/* The first size is one class: its loss and gradient are exactly 0. */
START_TEST(losses_and_gradients_are_the_cpus) {
    Images x = make_images(sizes[_i / 2]);
    const double smoothing = _i % 2 ? 0.1 : 0, scale = 1.0 / x.B;
    double *want = test_doubles(tensor_count(x.logits)), *logits = doubles_of(x.logits);
    double total = 0;
    for (int b = 0; b < x.B; b++) {
        total += naive_loss(&(NaiveLoss){x.K, x.labels[b], smoothing, scale},
                            logits + b * x.K, want + b * x.K);
    }
    Tensor on = on_device(x.logits), dlogits = device_unset(x.logits);
    Tensor losses = device_unset(SHAPE(x.B)), right = device_unset(SHAPE(x.B));
    GpuStepResult *result = device_bytes(sizeof *result, NULL), got;
    int *predictions = device_bytes(MAX_IMAGES * sizeof(int), NULL),
        classes[MAX_IMAGES];
    const int *labels = device_bytes(sizeof x.labels, x.labels);
    GpuLoss loss = {labels, (float)smoothing, (float)scale, losses,
                    right,  predictions,      result};
    gpu_cross_entropy(NULL, &loss, on, dlogits);
    bytes_from_device(&got, result, sizeof got);
    bytes_from_device(classes, predictions, sizeof classes);
    assert_close_to_naive(from_device(dlogits), want, 1e-5, "scale (softmax - q)");
    assert_number_close((double)got.loss, total, 2e-6, "- sum q log p");
    int correct = 0;
    for (int b = 0; b < x.B; b++) {
        ck_assert_int_eq(classes[b], naive_argmax(x.K, logits + b * x.K));
        correct += classes[b] == x.labels[b];
    }
    ck_assert_int_eq((int)got.correct, correct);
    ck_assert_int_gt(correct, 0);

    /* in place; and without what isn't wanted */
    loss.predictions = NULL;
    gpu_cross_entropy(NULL, &loss, on, on);
    assert_same_bits(from_device(on), from_device(dlogits));
}
END_TEST

START_TEST(each_images_loss_is_its_own) {
    Images x = make_images(sizes[4]);
    Tensor losses = device_unset(SHAPE(x.B)), right = device_unset(SHAPE(x.B));
    GpuStepResult *result = device_bytes(sizeof *result, NULL);
    const GpuLoss loss = {
        device_bytes(sizeof x.labels, x.labels), 0.1f, 1, losses, right, NULL, result};
    gpu_cross_entropy(NULL, &loss, on_device(x.logits), (Tensor){0});
    Tensor got = from_device(losses);
    double *logits = doubles_of(x.logits), *d = test_doubles(x.K);
    for (int b = 0; b < x.B; b++) {
        const double want = naive_loss(&(NaiveLoss){x.K, x.labels[b], (double)0.1f, 1},
                                       logits + b * x.K, d);
        assert_number_close((double)got.data[b], want, 2e-6, "loss of one image");
    }
}
END_TEST

/* Of equal logits the first counts, wherever it is: lanes 3 and 35 are one lane's,
 * 40 and 70 are others'. */
START_TEST(the_first_of_equal_logits_is_the_prediction) {
    static const int first[] = {0, 3, 35, 40, 70, 98};
    enum { K = 100 };
    Tensor logits = zero_tensor(SHAPE(1, K));
    for (int k = 0; k < K; k++) {
        logits.data[k] = k < first[_i] ? -1 : k % 5 == first[_i] % 5 ? 2 : 1;
    }
    Tensor losses = device_unset(SHAPE(1)), right = device_unset(SHAPE(1));
    GpuStepResult *result = device_bytes(sizeof *result, NULL);
    const int label = 3;
    int *prediction = device_bytes(sizeof(int), NULL), got;
    const GpuLoss loss = {
        device_bytes(sizeof label, &label), 0, 1, losses, right, prediction, result};
    gpu_cross_entropy(NULL, &loss, on_device(logits), (Tensor){0});
    bytes_from_device(&got, prediction, sizeof got);
    ck_assert_int_eq(got, first[_i]);
    ck_assert_int_eq((int)from_device(right).data[0], first[_i] == label);
}
END_TEST

Suite *gpu_loss_suite(void) {
    Suite *suite = suite_create("gpu_loss");
    TCase *tcase = device_case(suite, "cross-entropy");
    tcase_add_loop_test(tcase, losses_and_gradients_are_the_cpus, 0, 2 * SIZES);
    tcase_add_test(tcase, each_images_loss_is_its_own);
    tcase_add_loop_test(tcase, the_first_of_equal_logits_is_the_prediction, 0, 6);
    suite_add_tcase(suite, tcase);
    return suite;
}
