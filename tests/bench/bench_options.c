/* bench_options.c: see bench_options.h. */
#include "tests/bench/bench_options.h"

#include <stdio.h>
#include <string.h>

#include "common/files/number.h"
#include "tests/bench/peer.h"

static const struct {
    const char *name;
    Part part;
} part_names[] = {
    {"matmul", PART_MATMUL}, {"train", PART_TRAIN}, {"infer", PART_INFER},
    {"memory", PART_MEMORY}, {"batch", PART_BATCH}, {"tokens", PART_TOKENS},
    {"ranks", PART_RANKS},
};

static const char help[] =
    "bench: this course's code beside OpenBLAS, BLIS and PyTorch, in one run,\n"
    "taking turns; medians of several rounds.\n\n"
    "usage: make bench BENCH='[options]'\n"
    "  --rounds N       turns of each [5]\n"
    "  --seconds S      length of a turn of training or inference [1]\n"
    "  --quick          half a minute: 2 rounds of 0.2 s, the tiny model, one size of\n"
    "                   squares, no torch.compile, no sweeps, no ranks\n"
    "  --only LIST      of matmul,train,infer,memory,batch,tokens,ranks\n"
    "  --models LIST    of tiny,small,cifar,b16 (b16 takes some 8 GB of memory)\n"
    "                   [all; ranks: tiny,cifar]\n"
    "  --patience S     a peer that is silent for so long has failed [600]\n"
    "  --help           this text\n\n"
    "ranks: two processes of one thread (chapter 8, mpirun -n 2) and one process of "
    "two\n"
    "threads, at the same batch: ratio, of images per second. Then the overhead, a "
    "step\n"
    "of two ranks over a step of one that has half of the batch, both of one thread: "
    "1 is\n"
    "a communication that costs nothing. Ours and PyTorch's DDP with gloo send over "
    "TCP\n"
    "there; \"shared memory\" is what mpirun takes by itself on one machine.\n\n"
    "Environment: PYTHON, the interpreter that has PyTorch (else python3 and\n"
    "/usr/bin/python3 are asked); OPENBLAS and BLIS, the libraries' files, if they\n"
    "aren't where the system looks; MPIRUN, what starts ranks [mpirun].\n"
    "Tables: plots/bench_matmul.csv, bench_models.csv, bench_sweeps.csv,\n"
    "bench_ranks.csv.\n"
    "Whoever isn't installed is named and skipped. Whoever is named by you or there, "
    "but\n"
    "fails, is left out.\n"
    "Exit status: 0 done, 1 something failed, 2 wrong usage.\n";

void bench_options_help(void) {
    fputs(help, stdout);
}

static bool add_part(Bench *bench, const char *name) {
    for (size_t i = 0; i < sizeof part_names / sizeof part_names[0]; i++) {
        if (strcmp(name, part_names[i].name) == 0) {
            bench->parts |= part_names[i].part;
            return true;
        }
    }
    return false;
}

static bool add_model(Bench *bench, const char *name) {
    const int i = model_index(name);
    if (i >= 0) {
        bench->model[i] = bench->models_given = true;
    }
    return i >= 0;
}

/* Each word of "a,b,c". */
static bool add_all(Bench *bench, const char *option, const char *list,
                    bool (*add)(Bench *, const char *), Error *error) {
    char copy[128];
    if (list[strspn(list, ",")] == '\0' || strlen(list) >= sizeof copy) {
        return error_set(error, "%s wants names, with commas between them", option);
    }
    snprintf(copy, sizeof copy, "%s", list);
    char *rest = copy;
    for (char *word = strtok_r(rest, ",", &rest); word;
         word = strtok_r(NULL, ",", &rest)) {
        if (!add(bench, word)) {
            return error_set(error, "%s: there is no \"%.40s\"", option, word);
        }
    }
    return true;
}

static bool read_number(const char *option, const char *text, double least, double most,
                        double *number, Error *error) {
    if (!number_read(text, number) || !(*number >= least) || !(*number <= most)) {
        return error_set(error, "%s can't be \"%.40s\": want %g to %g", option, text,
                         least, most);
    }
    return true;
}

static void set_quick(Bench *bench) {
    bench->rounds = 2;
    bench->seconds = 0.2;
    bench->matmul_ms = 5;
    bench->pytorch[COMPILE] = false;
    bench->quick = true;
}

static bool set_value(Bench *bench, const char *option, const char *value,
                      Error *error) {
    double number;
    if (strcmp(option, "--only") == 0) {
        return add_all(bench, option, value, add_part, error);
    }
    if (strcmp(option, "--models") == 0) {
        return add_all(bench, option, value, add_model, error);
    }
    if (strcmp(option, "--seconds") == 0) {
        return read_number(option, value, 0.001, 60, &bench->seconds, error);
    }
    if (strcmp(option, "--patience") == 0) {
        return read_number(option, value, 0.1, 86400, &bench->patience_s, error);
    }
    if (!read_number(option, value, 1, MAX_ROUNDS, &number, error)) {
        return false;
    }
    bench->rounds = (int)number;
    return number == bench->rounds ||
           error_set(error, "--rounds is a whole number, not %s", value);
}

static bool takes_value(const char *option) {
    static const char *names[] = {"--rounds", "--seconds", "--patience", "--only",
                                  "--models"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(option, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* What isn't said: all parts, all models; quickly: no sweeps, no ranks, the first
 * model. */
static void fill_in(Bench *bench) {
    if (bench->parts == 0) {
        bench->parts = ALL_PARTS;
        bench->parts &= bench->quick ? ~(unsigned)(SWEEPS | PART_RANKS) : ALL_PARTS;
    }
    if (!bench->models_given) {
        memset(bench->model, true, bench->quick ? 1 : BENCH_MODELS);
    }
}

bool bench_options_parse(Bench *bench, int argc, char **argv, Error *error) {
    bool quick = false;
    *bench = (Bench){.rounds = 5,
                     .seconds = 1,
                     .matmul_ms = 20,
                     .patience_s = 600,
                     .pytorch = {true, true}};
    for (int i = 1; i < argc; i++) { /* first, so that others can refine it */
        quick = quick || strcmp(argv[i], "--quick") == 0;
    }
    if (quick) {
        set_quick(bench);
    }
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            return bench->help = true;
        }
        if (strcmp(argv[i], "--quick") == 0) {
            continue;
        }
        if (!takes_value(argv[i])) {
            return error_set(error, "unknown option \"%.40s\": --help lists them",
                             argv[i]);
        }
        if (i + 1 == argc) {
            return error_set(error, "%s needs a value", argv[i]);
        }
        if (!set_value(bench, argv[i], argv[i + 1], error)) {
            return false;
        }
        i++;
    }
    fill_in(bench);
    return true;
}
