/* test_gpu_patches.c: gpu_patches.h against [ViT eq.1] in double. */
#include "tests/cuda/cuda_suites.h"
#include "tests/cuda/device_helpers.h"
#include "chapters/06_cuda_training/kernels/gpu_elementwise.h"
#include "chapters/06_cuda_training/kernels/gpu_matmul.h"
#include "chapters/06_cuda_training/kernels/gpu_patches.h"
#include "tests/naive_vit.h"

/* B, C, H, W, P, D: higher than wide, wider than high, one patch, many. */
static const int sizes[][6] = {
    {1, 1, 4, 4, 4, 1},  {2, 3, 6, 4, 2, 5},    {3, 1, 4, 10, 2, 33},
    {5, 3, 8, 8, 4, 64}, {1, 3, 32, 32, 16, 7}, {2, 1, 28, 28, 7, 24},
};
enum { SIZES = sizeof sizes / sizeof sizes[0] };

/* Patch t of image b, row by row of each channel: (B, N, C P P). */
static double *patches_of(const int *s, const double *images) {
    const int B = s[0], C = s[1], H = s[2], W = s[3], P = s[4];
    double *patches = test_doubles(B * C * H * W), *to = patches;
    for (int t = 0; t < B * (H / P) * (W / P); t++) {
        const int b = t / (W / P) / (H / P);
        const int row = t / (W / P) % (H / P) * P, column = t % (W / P) * P;
        for (int i = 0; i < C * P * P; i++) {
            const int c = i / P / P, y = row + i / P % P, x = column + i % P;
            *to++ = images[((b * C + c) * H + y) * W + x];
        }
    }
    return patches;
}

START_TEST(patches_are_the_cpus_to_the_bit) {
    const int *s = sizes[_i], B = s[0], C = s[1], H = s[2], W = s[3], P = s[4];
    Tensor images = random_tensor('I', SHAPE(B, C, H, W));
    Tensor patches = device_unset(SHAPE(B, H / P * (W / P), C * P * P));
    double *want = patches_of(s, doubles_of(images));
    gpu_patches_from_images(NULL, on_device(images), P, patches);
    assert_close_to_naive(from_device(patches), want, 0, "[ViT 3.1]");
}
END_TEST

/* z_0 from pixels, and from dz_0 every gradient [ViT eq.1]. */
START_TEST(tokens_and_their_gradients_are_the_cpus) {
    const int *s = sizes[_i], B = s[0], C = s[1], H = s[2], W = s[3], P = s[4],
              D = s[5];
    const int N = H / P * (W / P), n = N + 1, pixels = C * P * P;
    Tensor images = random_tensor('I', SHAPE(B, C, H, W));
    Tensor cls_token = random_tensor('c', SHAPE(1, 1, D));
    Tensor pos_embed = random_tensor('p', SHAPE(1, n, D));
    Tensor E = random_tensor('E', SHAPE(D, pixels)), b_E = random_tensor('b', SHAPE(D));
    Tensor dz_0 = random_tensor('z', SHAPE(B, n, D));
    const NaiveEmbedding naive = {B,
                                  C,
                                  H,
                                  W,
                                  P,
                                  D,
                                  doubles_of(cls_token),
                                  doubles_of(pos_embed),
                                  doubles_of(E),
                                  doubles_of(b_E)};
    double *want = test_doubles(tensor_count(dz_0)), *dz = doubles_of(dz_0);
    naive_embedding(&naive, doubles_of(images), want);
    /* gradients are added to: here to the weights themselves */
    double *want_dcls = doubles_of(cls_token), *want_dpos = doubles_of(pos_embed);
    double *want_dE = doubles_of(E), *want_db_E = doubles_of(b_E);
    const double *x = patches_of(s, doubles_of(images));
    for (int i = 0; i < B * n * D; i++) {
        const int b = i / D / n, token = i / D % n, d = i % D;
        want_dpos[token * D + d] += dz[i];
        if (token == 0) {
            want_dcls[d] += dz[i];
        } else {
            want_db_E[d] += dz[i];
            for (int p = 0; p < pixels; p++) {
                want_dE[d * pixels + p] += dz[i] * x[(b * N + token - 1) * pixels + p];
            }
        }
    }

    Tensor patches = device_unset(SHAPE(B, N, pixels));
    Tensor embedded = device_unset(SHAPE(B, N, D)), z_0 = device_unset(SHAPE(B, n, D));
    Tensor dcls = on_device(cls_token), dpos = on_device(pos_embed);
    const MatmulForm form = {MATMUL_NT, false, on_device(b_E).data};
    const MatmulForm weights = {.layout = MATMUL_TN, .accumulate = true};
    gpu_patches_from_images(NULL, on_device(images), P, patches);
    gpu_matmul(NULL, MATMUL_BEST, form, patches, on_device(E), embedded);
    gpu_embed_forward(NULL, embedded, dcls, dpos, z_0);
    assert_close_to_naive(from_device(z_0), want, 1e-5, "[ViT eq.1]");

    Tensor dE = on_device(E), db_E = on_device(b_E);
    Tensor dembedded = device_unset(SHAPE(B, N, D));
    gpu_embed_backward(NULL, on_device(dz_0), dembedded, dcls, dpos);
    gpu_matmul(NULL, MATMUL_BEST, weights, dembedded, patches, dE);
    gpu_sum_rows_add(NULL, dembedded, db_E, device_unset(SHAPE(SUM_ROWS_PARTS, D)));
    assert_close_to_naive(from_device(dcls), want_dcls, 1e-6, "dx_class");
    assert_close_to_naive(from_device(dpos), want_dpos, 1e-6, "dE_pos");
    assert_close_to_naive(from_device(dE), want_dE, 1e-5, "dE");
    assert_close_to_naive(from_device(db_E), want_db_E, 1e-5, "db_E");
}
END_TEST

START_TEST(shapes_that_do_not_fit_stop) {
    Tensor images = device_unset(SHAPE(2, 1, 4, 4)), z_0 = device_unset(SHAPE(2, 5, 3));
    Tensor four = device_unset(SHAPE(2, 4, 4)), three = device_unset(SHAPE(2, 3, 4));
    Tensor cls_token = device_unset(SHAPE(1, 1, 3)),
           pos_embed = device_unset(SHAPE(1, 5, 3));
    Tensor dembedded = device_unset(SHAPE(2, 4, 3)),
           short_one = device_unset(SHAPE(1, 4, 3));
    assert_stops("patches|N = H W / P^2",
                 gpu_patches_from_images(NULL, images, 2, three));
    assert_stops("embedded|each patch",
                 gpu_embed_forward(NULL, four, cls_token, pos_embed, z_0));
    assert_stops("dpos_embed|position for each token",
                 gpu_embed_backward(NULL, z_0, dembedded, cls_token, short_one));
}
END_TEST

Suite *gpu_patches_suite(void) {
    Suite *suite = suite_create("gpu_patches");
    TCase *tcase = device_case(suite, "patches, tokens");
    tcase_add_loop_test(tcase, patches_are_the_cpus_to_the_bit, 0, SIZES);
    tcase_add_loop_test(tcase, tokens_and_their_gradients_are_the_cpus, 0, SIZES);
    tcase_add_test(tcase, shapes_that_do_not_fit_stop);
    suite_add_tcase(suite, tcase);
    return suite;
}
