/*
 * gradient_checks.c: every gradient of chapter 3 against central differences, in
 * double. The loss is L = sum of C o Y with random C, so that dL/dY = C.
 */
#include "chapters/03_multi_head_attention/msa_demos.h"

#include <stdio.h>

#include "chapters/03_multi_head_attention/positions.h"
#include "common/random.h"
#include "common/lesson/report.h"

enum { B = 2, N = 5, D = 6 };

static MsaInstance msa;

static double msa_loss(void *context) {
    (void)context;
    msa_instance_forward(&msa);
    return tensor_dot(msa.dY, msa.Y);
}

/* z, then the weights: a line for each, or one line with the worst of them. */
static void check_msa(int heads, bool each_line) {
    msa_instance_make(&msa, (MsaSizes){B, N, D, heads}, 7, 1);
    msa_instance_forward(&msa);
    msa_instance_backward(&msa);
    Gradcheck worst = gradcheck(msa_loss, NULL, msa.z, msa.dz);
    if (each_line) {
        report_gradcheck("z, the input", &worst);
    }
    for (int i = 0; i < msa.list.count; i++) {
        const Parameter *p = &msa.list.items[i];
        Gradcheck check = gradcheck(msa_loss, NULL, parameter_in(p, msa.weights),
                                    parameter_in(p, msa.gradients));
        worst = gradcheck_worse(worst, check);
        if (each_line) {
            report_gradcheck(p->name, &check);
        }
    }
    if (!each_line) {
        char name[64];
        snprintf(name, sizeof name, "h = %d: z and all weights", heads);
        report_gradcheck(name, &worst);
    }
    msa_instance_free(&msa);
}

/* Learned positions: z = tokens + E_pos goes into attention; E_pos is a parameter. */
static real tokens[B * N * D], E_pos_data[N * D];
static Tensor E_pos;

static double positions_loss(void *context) {
    tensor_copy(msa.z, tensor3(tokens, B, N, D));
    positions_add(msa.z, E_pos);
    return msa_loss(context);
}

static void check_positions(void) {
    real dE_pos[N * D] = {0};
    msa_instance_make(&msa, (MsaSizes){B, N, D, 2}, 8, 1);
    E_pos = tensor2(E_pos_data, N, D);
    tensor_copy(tensor3(tokens, B, N, D), msa.z);
    random_fill_normal((Random){8, RANDOM_DEMO, 200}, E_pos, 0.5);
    positions_loss(NULL);
    msa_instance_backward(&msa);
    positions_add_backward(msa.dz, tensor2(dE_pos, N, D));
    Gradcheck check = gradcheck(positions_loss, NULL, E_pos, tensor2(dE_pos, N, D));
    report_gradcheck("E_pos, learned positions", &check);
    msa_instance_free(&msa);
}

void chapter3_gradient_checks(void) {
    report_section("3.7 Gradient checks");
    printf("In " REAL_NAME ", every element by central differences; B = 2, n = 5, "
           "D = 6, h = 3:\n");
    check_msa(3, true);
    printf("With other numbers of heads, and with learned positions before "
           "attention:\n");
    check_msa(1, false);
    check_msa(2, false);
    check_msa(6, false);
    check_positions();
}
