/* chapter.c: see chapter.h. */
#include "common/lesson/chapter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/lesson/output.h"
#include "common/lesson/report.h"
#include "common/lesson/second_program.h"

static const char *running = "chapter"; /* the name of the program */

void chapter_needs(bool ok, const Error *error) {
    if (!ok) {
        exit(output_error(running, EXIT_FAILURE, "%s", error->text));
    }
}

int chapter_unknown(const char *name, const char *word) {
    return output_error(name, 2, "unknown argument \"%.60s\"; ./%s --help lists them",
                        word, name);
}

/* In double, here or by the second program: an exit status, or -1. */
static int check_gradients(const Chapter *chapter, const char *self) {
    const char *const words[] = {"--gradcheck", NULL};
    if (!IN_DOUBLE) {
        return second_program_in_double(self, chapter->name, words);
    }
    chapter->gradient_checks();
    return report_failures() > 0;
}

static int lesson(const Chapter *chapter, const char *self) {
    chapter->lesson();
    const int status = check_gradients(chapter, self);
    if (status < 0) {
        return 1;
    }
    return status > 1 ? status : report_verdict(chapter->name, status);
}

static int dump(const Chapter *chapter, int argc, char **argv) {
    const bool in_double = argc == 4 && strcmp(argv[3], "--double") == 0;
    if (!(argc == 3 || in_double) || !*argv[2] || strncmp(argv[2], "--", 2) == 0) {
        return output_error(chapter->name, 2,
                            "it is --dump FILE, or --dump FILE --double");
    }
    return dump_run(chapter->name, argv[2], chapter->dump, in_double ? argv[0] : NULL);
}

int chapter_main(const Chapter *chapter, int argc, char **argv) {
    int status = -1;
    running = chapter->name;
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
