/* scale_run.c: what ./chapter8 --scale prints: see scale.h. */
#include <math.h>
#include <stdio.h>

#include "chapters/08_many_machines/scaling/scale.h"
#include "common/lesson/plot_file.h"
#include "common/lesson/report.h"

/*
 * What is assumed. The link: one of 400 Gb/s for each GPU, and all messages go over it,
 * though GPUs in one machine have faster ones. alpha: what NCCL's own model counts for
 * a step of its ring over a network (src/graph/tuning.cc of NCCL 2.10: 9.6 us, protocol
 * Simple). The GPU: an H100 SXM, whose data sheet has 989 Tflop/s in bf16 (without
 * sparsity), of which training uses 40%: an assumption; good trainers have 30 to 50%.
 */
static const Network link_400 = {.alpha = 9.6e-6, .beta = 8 / 400e9};
static const double peak = 989e12, share = 0.4;
static const double batch = 4096; /* [ViT T.3] */

/* [ViT T.2] TPUv3-core-days. Section 4.1 of the paper: JFT has 303 million images.
 * [ViT T.3] 14 epochs of H/14; L/16 has 7 and 14, of which T.2 has the better one. With
 * these the arithmetic below has 1567 and 4258 exaflop; [ViT T.6] has 1567 and 4262. A
 * TPUv3 chip has two cores and 123 Tflop/s in bf16 (Google's page about it). */
static const double jft_images = 303e6, jft_epochs = 14, tpu_core = 123e12 / 2;

static Cluster cluster_of(bool halving, double element_bytes, bool overlap) {
    return (Cluster){.network = link_400,
                     .flops = peak * share,
                     .element_bytes = element_bytes,
                     .halving = halving,
                     .overlap = overlap};
}

/* The eight ways to have it: ring or halving, fp32 or bf16, without overlap or with. */
enum { WAYS = 8 };
static Cluster way(int i) {
    return cluster_of(i & 1, i & 2 ? 2 : 4, i & 4);
}
static const char *const way_names[WAYS] = {
    "ring, fp32",          "halving, fp32",          "ring, bf16",
    "halving, bf16",       "ring, fp32, overlap",    "halving, fp32, overlap",
    "ring, bf16, overlap", "halving, bf16, overlap",
};

static void print_assumptions(void) {
    report_section("Assumed");
    printf(
        "  a link of 400 Gb/s per GPU    beta  %.2f ns per KB\n"
        "  NCCL's figure for a step      alpha %.1f us\n"
        "  an H100: %.0f Tflop/s in bf16, of which training uses %.0f%%: "
        "%.0f Tflop/s\n"
        "  a step is three forward passes; a batch of %.0f images in all [ViT T.3]\n",
        link_400.beta * 1e12, link_400.alpha * 1e6, peak / 1e12, 100 * share,
        peak * share / 1e12, batch);
}

static void print_steps(const ScaleModel *model) {
    static const int gpus[] = {1, 8, 64, 256, 512, 1000, 1024, 4096};
    printf("\n                       without overlap                 with overlap\n"
           "  in ms     com-       fp32            bf16            fp32            "
           "bf16\n"
           "    GPUs    pute    ring halving    ring halving    ring halving    ring "
           "halving\n");
    for (size_t i = 0; i < sizeof gpus / sizeof gpus[0]; i++) {
        const Cluster any = way(0);
        printf("  %6d %7.1f", gpus[i],
               1e3 * scale_compute_s(model, &any, batch / gpus[i]));
        for (int w = 0; w < WAYS; w++) {
            const Cluster cluster = way(w);
            printf(" %7.1f", 1e3 * scale_step_s(model, &cluster, gpus[i], batch));
        }
        printf("\n");
    }
}

static void print_limits(const ScaleModel *model) {
    printf("\n  Where it stops: the most GPUs (a power of two) that compute at least "
           "half of the\n  time with a batch of %.0f, how much faster than one they "
           "are, and the batch\n  from which on 1,024 compute 90%% of the time:\n\n"
           "  %-24s %6s %8s %14s\n",
           batch, "", "GPUs", "faster", "batch of 1,024");
    for (int w = 0; w < WAYS; w++) {
        const Cluster cluster = way(w);
        const int P = scale_limit(model, &cluster, batch, 0.5);
        const double faster = scale_step_s(model, &cluster, 1, batch) /
                              scale_step_s(model, &cluster, P, batch);
        printf("  %-24s %6d %7.0fx %14.0f\n", way_names[w], P, faster,
               ceil(scale_batch(model, &cluster, 1024, 0.9)));
    }
}

static void print_memory(const ScaleModel *model) {
    const double all = scale_bytes(model, 1, false) / 1e9;
    printf("\n  Memory of a GPU: weights, gradients and two moments in fp32 %.2f GB; "
           "with the\n  moments sharded over 8 GPUs %.2f GB, over 1,000 %.2f GB. "
           "Activations come on top.\n",
           all, scale_bytes(model, 8, true) / 1e9,
           scale_bytes(model, 1000, true) / 1e9);
}

/* Two blank lines between models: gnuplot's index. */
static void write_data(FILE *file, const ScaleModel *model) {
    for (int P = 1; file && P <= 1 << 14; P *= 2) {
        const Cluster any = way(0);
        fprintf(file, "%d %g", P, 1e3 * scale_compute_s(model, &any, batch / P));
        for (int w = 0; w < WAYS; w++) {
            const Cluster cluster = way(w);
            fprintf(file, " %g", 1e3 * scale_step_s(model, &cluster, P, batch));
        }
        fprintf(file, " \"ViT-%s\"\n", model->name);
    }
    if (file) {
        fprintf(file, "\n\n");
    }
}

static void print_paper(const char *name, double core_days) {
    const ScaleModel model = scale_model(name);
    const Cluster cluster = way(7);
    const double images = jft_images * jft_epochs;
    const double flops = images * 3 * model.forward_flops;
    const double done = core_days * 86400 * tpu_core;
    const double steps = images / batch;
    printf(
        "  ViT-%s: %.0f exaflop; %.0f core-days could do %.0f: %.0f%% of the peak.\n"
        "    1,024 GPUs, halving, bf16, overlap: %.0f steps of this batch, %.1f hours; "
        "if they\n    never waited, %.1f.\n",
        name, flops / 1e18, core_days, done / 1e18, 100 * flops / done, steps,
        steps * scale_step_s(&model, &cluster, 1024, batch) / 3600,
        flops / (1024 * cluster.flops) / 3600);
}

int scale_run(void) {
    static const char *const names[] = {"B/16", "H/14"};
    report_title("Many GPUs, by arithmetic");
    print_assumptions();
    FILE *file =
        plot_file_open("scale", "GPUs compute_ms step_ms of eight ways, model");
    for (int i = 0; i < 2; i++) {
        const ScaleModel model = scale_model(names[i]);
        char heading[80];
        snprintf(heading, sizeof heading,
                 "ViT-%s: %.0f parameters, %.1f Gflop an image", model.name,
                 model.parameters, model.forward_flops / 1e9);
        report_section(heading);
        print_steps(&model);
        print_limits(&model);
        print_memory(&model);
        write_data(file, &model);
    }
    report_section("What the paper took");
    printf("  [ViT T.2] in TPUv3-core-days; 14 epochs [ViT T.3] of JFT's 303 million "
           "images\n  (section 4.1). The paper counts 1567 and 4262 exaflop [ViT "
           "T.6]:\n");
    print_paper("L/16", 680);
    print_paper("H/14", 2500);
    plot_file_close(file, "scale");
    return 0;
}
