/*
 * chapter5: the Vision Transformer, trained from scratch on real images.
 *
 * New since chapter 4: patches and positions (patch_embedding), the whole model
 * (vit), the loss (cross_entropy), the optimiser (adamw, schedule), the data
 * (dataset), training on threads (trainer), checkpoints (safetensors, checkpoint).
 */
#include <stdio.h>

#include "chapters/05_vision_transformer/program/classify.h"
#include "chapters/05_vision_transformer/program/describe.h"
#include "common/lesson/second_program.h"
#include "chapters/05_vision_transformer/looking_inside/dump_vit.h"
#include "chapters/05_vision_transformer/program/options.h"
#include "common/lesson/output.h"
#include "common/lesson/report.h"
#include "chapters/05_vision_transformer/program/run.h"

static void print_equations(void) {
    report_title("Chapter 5: the Vision Transformer");
    report_equation("[ViT 3.1]", "x (H,W,C) -> x_p (N, P^2 C),  N = H W / P^2");
    report_equation("[ViT eq.1]", "z_0 = [x_class; x_p^1 E; ...; x_p^N E] + E_pos");
    report_equation("[ViT eq.2]", "z'_l = MSA(LN(z_{l-1})) + z_{l-1},   l = 1 ... L");
    report_equation("[ViT eq.3]", "z_l  = MLP(LN(z'_l)) + z'_l,         l = 1 ... L");
    report_equation("[ViT eq.4]", "y = LN(z_L^0)");
    report_equation("[AIAYN 5.4]", "q = (1 - eps) onehot(label) + eps / K");
    report_equation("", "loss = - sum_k q_k log softmax(y W^T + b)_k");
    report_equation("[ViT T.3]", "Adam, weight decay, warm-up, cosine, clipping at 1");
    printf("\n");
}

/* --gradcheck: with a line for each tensor, or (brief) one for all; by the program in
 * double. Returns the exit status, or -1 as second_program. */
static int check_gradients(const Options *options, bool brief) {
    const VitConfig *model = &options->settings.model;
    const char *positions = options_word("positions", (int)model->positions);
    const char *pool = options_word("pool", (int)model->pool);
    const char *last = brief ? "--brief" : NULL;
    const char *const words[] = {"--gradcheck", "--positions", positions, "--pool",
                                 pool,          last,          NULL};
    if (!IN_DOUBLE) {
        return second_program_in_double(options->command, "chapter5", words);
    }
    if (!brief) {
        print_equations();
    }
    chapter5_gradient_checks(!brief, model);
    return brief ? report_failures() > 0 : report_verdict("chapter5", 0);
}

/* What comes before a run; 0, or an exit status. */
static int lesson(const Options *options) {
    if (options->eval) {
        return 0;
    }
    print_equations();
    const int status = check_gradients(options, true);
    if (status < 0) {
        return 1;
    }
    return status == 1 ? report_verdict("chapter5", status) : status;
}

int main(int argc, char **argv) {
    Options options;
    Error error;
    if (!output_begin("chapter5")) {
        return 1;
    }
    if (!options_parse(&options, argc, argv, &error)) {
        return output_error("chapter5", 2, "%s", error.text);
    }
    if (options.help) {
        options_help("chapter5");
        return output_end("chapter5", 0);
    }
    if (options.image) {
        return classify_run(&options);
    }
    if (options.describe) {
        return describe_run("chapter5", options.describe, &options.settings);
    }
    if (options.dump) {
        return dump_run("chapter5", options.dump, chapter5_dump,
                        options.in_double ? argv[0] : NULL);
    }
    if (options.gradcheck) {
        const int status = check_gradients(&options, options.brief);
        return status < 0 ? 1 : output_end("chapter5", status);
    }
    return run(&options, &engine_cpu, lesson);
}
