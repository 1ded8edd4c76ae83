/*
 * chapter7: the papers' own weights, your own pictures.
 *
 * New since chapter 5: weights/ reads what others have trained, in four dialects;
 * pictures/ makes a tensor of a photo as they did; model/ is chapter 5's model and what
 * theirs have more, and where it looked; common/images/ decodes and resizes.
 */
#include <stdio.h>

#include "chapters/07_pretrained_weights/chapter7_demos.h"
#include "chapters/07_pretrained_weights/fine_tuning/fine_tune_run.h"
#include "chapters/07_pretrained_weights/program/look_at.h"
#include "common/lesson/output.h"
#include "common/lesson/report.h"

static int lesson(void) {
    report_title("Chapter 7: the papers' own weights, your own pictures");
    report_equation("[ViT eq.1]", "z_0 = [x_class; x_p^1 E; ...; x_p^N E] + E_pos");
    report_equation("[ViT eq.4]", "y = LN(z_L^0)");
    report_equation("[ViT 3.1]",
                    "logits = head(y), in pre-training head(tanh(y W + b))");
    report_equation("[ViT fig.6]", "R = the product of all A^_l, in their order");
    stripes_demo();
    dialects_demo();
    resize_demo();
    recipe_demo();
    rollout_demo();
    epsilon_demo();
    own_model_demo();
    wrong_numbers_demo();
    return report_verdict("chapter7", 0);
}

int main(int argc, char **argv) {
    SeeingOptions options;
    Error error;
    if (!output_begin("chapter7")) {
        return 1;
    }
    if (argc <= 1) {
        return lesson();
    }
    if (fine_tune_asked(argc, argv)) {
        return fine_tune_run(argc, argv);
    }
    if (!seeing_options(&options, argc, argv, &error)) {
        return output_error("chapter7", 2, "%s", error.text);
    }
    if (options.help) {
        printf("%s", seeing_help);
        fine_tune_help();
        return output_end("chapter7", 0);
    }
    return look_at("chapter7", &options);
}
