/*
 * fuzz_options.c: command lines: chapter 5's, chapter 6's and the benchmark's. The
 * input's first byte says whose; the others are its words, one per line.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/bench_options.h"
#include "chapters/05_vision_transformer/program/describe.h"
#include "chapters/06_cuda_training/device_options.h"
#include "tests/fuzz/fuzz.h"
#include "chapters/05_vision_transformer/program/options.h"

enum { WORDS = 400 };

static char *words[WORDS + 1];
static char *text;

void fuzz_setup(void) {
}

/* The lines of the input, in memory of exactly their size. */
static int split(const unsigned char *bytes, size_t count) {
    int n = 1;
    text = malloc(count + 1);
    if (!text) {
        abort();
    }
    memcpy(text, bytes, count);
    text[count] = '\0';
    words[0] = "./chapter5";
    for (char *word = text; *word && n < WORDS; n++) {
        words[n] = word;
        word += strcspn(word, "\n");
        if (*word) {
            *word++ = '\0';
        }
    }
    words[n] = NULL;
    return n;
}

/* ---- chapter 5 ------------------------------------------------------------------ */

/* Settings that were read, as texts, are read back. */
static void check_settings(const Settings *settings) {
    Settings back = settings_default();
    for (int i = 0; i < settings_count(); i++) {
        char before[SETTINGS_TEXT], after[SETTINGS_TEXT];
        settings_get(settings, i, before);
        fuzz_must(settings_set(&back, i, before), "a setting's own text is read");
        settings_get(&back, i, after);
        fuzz_must(strcmp(before, after) == 0, "a setting comes back");
        (void)options_word(settings_name(i), atoi(after));
    }
}

static void check_options(const Options *o) {
    const Settings standard = settings_default();
    Settings merged;
    VitConfig config;
    Error error = {""};
    fuzz_must(o->save && o->log, "there are names for the files");
    check_settings(&o->settings);
    fuzz_must_tell(options_merge(o, &standard, &merged, &error), &error);
    if (o->describe) {
        fuzz_must_tell(describe_config(o->describe, &o->settings, &config, &error),
                       &error);
    }
}

static void chapter5(int argc, char **argv) {
    Options options;
    Error error = {""};
    const bool ok = options_parse(&options, argc, argv, &error);
    fuzz_must_tell(ok, &error);
    if (ok) {
        check_options(&options);
    }
}

/* ---- chapter 6 ------------------------------------------------------------------- */

/* In place of the kernels'. */
const char *const gpu_matmul_names[MATMUL_VERSIONS] = {
    "naive", "coalesced", "shared", "registers", "vectorised", "cublas", "cublas_tf32"};
const char *const gpu_attention_names[ATTENTION_VERSIONS] = {"materialised", "fused"};

const Engine gpu_engine;

bool gpu_matmul_available(MatmulVersion version) {
    return version < MATMUL_CUBLAS;
}

static void chapter6(int argc, char **argv) {
    static DeviceOptions own; /* main leaves its words to the end of the program */
    Error error = {""};
    if (!device_options_take(&own, argc, argv, &error)) {
        fuzz_must_tell(false, &error);
        free(own.argv);
        return;
    }
    device_options_put_small_run_first(&own);
    chapter5(own.argc, own.argv);
    free(own.argv);
}

/* ---- the benchmark --------------------------------------------------------------- */

static void benchmark(int argc, char **argv) {
    Bench bench;
    Error error = {""};
    const bool ok = bench_options_parse(&bench, argc, argv, &error);
    fuzz_must_tell(ok, &error);
    if (ok && !bench.help) {
        fuzz_must(bench.rounds >= 1 && bench.rounds <= MAX_ROUNDS &&
                      bench.seconds > 0 && bench.seconds <= 60 && bench.parts != 0,
                  "the benchmark's numbers are possible");
    }
}

void fuzz_input(const unsigned char *bytes, size_t count) {
    static void (*const programs[3])(int, char **) = {chapter5, chapter6, benchmark};
    if (count < 1) {
        return;
    }
    const int argc = split(bytes + 1, count - 1);
    programs[(bytes[0] & 3) % 3](argc, words);
    free(text);
}

/* ---- seeds ----------------------------------------------------------------------- */

static void seed(char first, const char *lines) {
    char all[1024];
    fuzz_seed(all, (size_t)snprintf(all, sizeof all, "%c%s", first, lines));
}

void fuzz_seeds(void) {
    static const char *const lines[] = {
        "--epochs\n2\n--batch\n16\n--lr\n1e-3\n--seed\n7\n--threads\n2\n",
        "--dim\n32\n--depth\n2\n--heads\n4\n--mlp\n64\n--patch\n7\n--steps\n9",
        "--norm\npost\n--activation\nrelu\n--positions\n2d\n--pool\nmean\n--schedule\n"
        "noam\n--warmup\n10",
        "--weight-decay\n0.1\n--beta2\n0.98\n--clip\n0\n--smoothing\n0.1\n--dropout\n"
        "0.1\n--shift\n2\n--flip\nyes",
        "--data\nd\n--save\ns\n--resume\nr\n--log\nl.csv",
        "--eval\ne\n--data\nd",
        "--look\nl",
        "--dump\nd\n--double",
        "--describe\nB/16",
        "--describe\nthis\n--gradcheck\n--brief\n--help"};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        seed('0', lines[i]);
    }
    seed('1',
         "--emulate\n--check\n--counts\n--times\n--matmul\nnaive\n--attention\nfused");
    seed('1', "--bench\nS/4\n--csv\nfile\n--batch\n8\n--steps\n3");
    seed('2', "--rounds\n3\n--seconds\n0.5\n--only\nmatmul,train\n--models\ntiny,b16");
    seed('2', "--quick\n--help");
}
