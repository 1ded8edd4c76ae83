/*
 * fuzz_csv.c: the log that a resumed run goes on with. The input's first byte is the
 * step that the checkpoint has; the rest is the log. What is kept must be lines up to
 * that step, then the new one; and resuming once more must change nothing of that. And
 * a number of a benchmark's table must be read back.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/csv.h"
#include "tests/fuzz/fuzz.h"
#include "chapters/05_vision_transformer/program/plan.h"
#include "chapters/05_vision_transformer/program/progress.h"

enum { MOST = 1 << 17 };

static const char *log_path, *table_path;
static Trainer trainer;

void fuzz_setup(void) {
    log_path = fuzz_path("log.csv");
    table_path = fuzz_path("table.csv");
    trainer.settings = settings_default();
    trainer.order_count = 6400;
}

/* Goes on after `step`; false if the log was refused. */
static bool resume(long step, bool one_more) {
    Progress progress;
    Error error = {""};
    trainer.step = step;
    if (!progress_begin(&progress, &trainer, log_path, &error)) {
        fuzz_must_tell(false, &error);
        return false;
    }
    if (one_more) {
        const StepResult result = {step + 1, 0.5, 0.25, 1, 1e-3};
        fuzz_must(progress_step(&progress, &result, false, &error),
                  "a step can be logged");
    }
    fuzz_must(progress_end(&progress, &error), "a log can be closed");
    return true;
}

/* Every line of the log is the header or of a step up to `last`, whole. */
static void check_log(const char *text, size_t count, long last) {
    bool ends = false;
    fuzz_must(count > 0 && text[count - 1] == '\n', "a log ends with a line's end");
    fuzz_must(strncmp(text, "step,", 5) == 0, "a log begins with its header");
    for (const char *line = text, *next; (next = strchr(line, '\n')); line = next + 1) {
        const long step = strtol(line, NULL, 10);
        fuzz_must(line == text || (step >= 1 && step <= last),
                  "no line is of a later step");
        ends = step == last;
    }
    fuzz_must(ends, "the new step's line is the last one");
}

/* What is asked before a run is resumed: is this log the checkpoint's? */
static void ask_plan(long step) {
    const Options options = {.log = log_path, .resume = "run.safetensors"};
    Plan plan = {
        .options = &options,
        .info = {.settings = trainer.settings, .step = step, .last_loss = 2.25}};
    Error error = {""};
    fuzz_must_tell(plan_check_log(&plan, &trainer, &error), &error);
}

static void check_resume(long step, const unsigned char *bytes, size_t count) {
    static char once[MOST + 1], twice[MOST + 1];
    fuzz_write(log_path, bytes, count);
    ask_plan(step);
    if (!resume(step, true)) {
        return;
    }
    const size_t before = fuzz_read(log_path, once, MOST);
    once[before] = '\0';
    check_log(once, before, step + 1);
    fuzz_must(resume(step + 1, false), "a log of our own is accepted");
    const size_t after = fuzz_read(log_path, twice, MOST);
    fuzz_must(before == after && memcmp(once, twice, before) == 0,
              "resuming where the log ends changes nothing");
}

static void check_table(const unsigned char *bytes) {
    char text[256] = "";
    double number, back;
    Csv csv;
    Error error = {""};
    memcpy(&number, bytes, sizeof number);
    fuzz_must(csv_open(&csv, table_path, "name,number", &error), "a table is opened");
    fprintf(csv.file, "x");
    csv_number(&csv, number);
    fuzz_must(csv_close(&csv, &error), "a table is closed");
    text[fuzz_read(table_path, text, sizeof text - 1)] = '\0';
    fuzz_must(strncmp(text, "name,number\nx,", 14) == 0, "the table is as written");
    back = strtod(text + 14, NULL);
    fuzz_must(!isfinite(number) || fabs(back - number) <= 1e-5 * fabs(number),
              "the number comes back");
}

void fuzz_input(const unsigned char *bytes, size_t count) {
    if (count < 1 || count > MOST / 2) {
        return;
    }
    if (bytes[0] == 'T') {
        if (count >= 9) {
            check_table(bytes + 1);
        }
        return;
    }
    check_resume(1 + bytes[0] % 8, bytes + 1, count - 1);
    fflush(stdout);
}

void fuzz_seeds(void) {
    static const char *const seeds[] = {
        "\2step,epoch,loss,accuracy,gradient_norm,lr,seconds\n"
        "1,1,2.300000,0.1000,1.500000,0.001,0.010\n"
        "2,1,2.200000,0.2000,1.400000,0.002,0.020\n"
        "3,1,2.100000,0.2500,1.300000,0.003,0.030\n"
        "4,1,2.100000,0.2500,1.300000,0.003,0.030\n",
        "\1step,epoch,loss,accuracy,gradient_norm,lr,seconds\n",
        "\3other,columns\n1,2\n",
        "\2step,epoch,loss,accuracy,gradient_norm,lr,seconds\r\n1,1,2,0,1,0,0\r\n2,1",
        "T\1\2\3\4\5\6\100\100",
    };
    for (size_t i = 0; i < sizeof seeds / sizeof seeds[0]; i++) {
        fuzz_seed(seeds[i], strlen(seeds[i]));
    }
}
