/* chapter.c: see chapter.h. */
#include "common/lesson/chapter.h"

#include <stdio.h>
#include <string.h>

#include "common/lesson/output.h"
#include "common/lesson/report.h"
#include "common/lesson/second_program.h"

int chapter_unknown(const char *name, const char *word) {
    fprintf(stderr, "%s: unknown argument \"%.60s\"; ./%s --help lists them\n", name,
            word, name);
    return 2;
}

/* In double, here or by the second program: an exit status, or -1. */
static int check_gradients(const Chapter *chapter, const char *self) {
    const char *const words[] = {"--gradcheck", NULL};
    char in_double[32];
    if (!IN_DOUBLE) {
        snprintf(in_double, sizeof in_double, "%s_double", chapter->name);
        return second_program(self, in_double, words);
    }
    chapter->gradient_checks();
    return report_failures() > 0;
}

static int lesson(const Chapter *chapter, const char *self) {
    Error error;
    if (!chapter->lesson(&error)) {
        fprintf(stderr, "%s: %s\n", chapter->name, error.text);
        return 1;
    }
    const int status = check_gradients(chapter, self);
    if (status < 0) {
        return 1;
    }
    return status > 1 ? status : report_verdict(chapter->name, status);
}

static int dump(const Chapter *chapter, int argc, char **argv) {
    const bool in_double = argc == 4 && strcmp(argv[3], "--double") == 0;
    if (!(argc == 3 || in_double) || !*argv[2] || strncmp(argv[2], "--", 2) == 0) {
        fprintf(stderr, "%s: it is --dump FILE, or --dump FILE --double\n",
                chapter->name);
        return 2;
    }
    if (in_double) {
        return dump_run_in_double(chapter->name, argv[0], argv[2], chapter->dump);
    }
    return dump_run(chapter->name, argv[2], chapter->dump);
}

int chapter_main(const Chapter *chapter, int argc, char **argv) {
    int status = -1;
    if (!output_begin(chapter->name)) {
        return 1;
    }
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        printf("%s", chapter->help);
        return output_end(chapter->name, 0);
    }
    if (argc == 2 && strcmp(argv[1], "--gradcheck") == 0) {
        status = check_gradients(chapter, argv[0]);
        return status < 0 ? 1 : output_end(chapter->name, status);
    }
    if (argc > 1 && chapter->dump && strcmp(argv[1], "--dump") == 0) {
        return dump(chapter, argc, argv);
    }
    if (argc > 1 && !chapter->options) {
        return chapter_unknown(chapter->name, argv[1]);
    }
    if (argc > 1) {
        status = chapter->options(argc, argv);
    }
    return status < 0 ? lesson(chapter, argv[0]) : status;
}
