/*
 * progress.c: what a student has done, in WORK/progress: a line for each attempt,
 *
 *   2026-03-01 21:40  3.2  wrong  5f3a91c2
 *
 * with the verdict, and a number made of all that was said about it. An attempt that
 * ends as the last one did is not written again. See grading.h.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/exercises/exercise.h"
#include "tests/exercises/grading.h"
#include "common/files/regular_file.h"

static const char *const words[] = {"unwritten", "waits", "wrong", "passed"};
enum { VERDICTS = 4, KNOWN = 72 };

/* The last line of an exercise. */
typedef struct {
    char id[8];
    Verdict verdict;
    unsigned number;
} Known;
static Known known[KNOWN];
static int known_count;
static bool ends_in_line; /* the file's last character */

static Known *known_of(const char *id) {
    for (int i = 0; i < known_count; i++) {
        if (strcmp(known[i].id, id) == 0) {
            return &known[i];
        }
    }
    if (known_count == KNOWN) {
        return NULL;
    }
    snprintf(known[known_count].id, sizeof known[0].id, "%s", id);
    return &known[known_count++];
}

/* Is it "3.2", or "6.a"? */
static bool is_id(const char *id) {
    return strlen(id) == 3 && strchr("1234567", id[0]) && id[1] == '.' &&
           strchr("123456abcdef", id[2]);
}

static void path_of(const char *name, char path[LINE]) {
    snprintf(path, LINE, "%s/../%s", now.work, name);
}

/* What is no such line counts as nothing. */
void progress_read(void) {
    char path[LINE], line[LINE], id[8], word[16];
    Error ignored;
    path_of("progress", path);
    known_count = 0;
    ends_in_line = true;
    FILE *file = regular_file_open(path, &ignored);
    while (file && fgets(line, sizeof line, file)) {
        int year = 0, month = 0, day = 0, hour = 0, minute = 0;
        unsigned number = 0;
        ends_in_line = strchr(line, '\n') != NULL;
        if (sscanf(line, "%4d-%2d-%2d %2d:%2d %7s %15s %x", &year, &month, &day, &hour,
                   &minute, id, word, &number) < 7 ||
            !is_id(id)) {
            continue;
        }
        for (int v = 0; v < VERDICTS; v++) {
            Known *at = strcmp(word, words[v]) == 0 ? known_of(id) : NULL;
            if (at) {
                at->verdict = (Verdict)v;
                at->number = number;
            }
        }
    }
    if (file) {
        (void)fclose(file);
    }
}

/* How many passed, before there was this file. */
static int passed_before(int chapter) {
    char name[32], path[LINE];
    int passed = 0;
    Error ignored;
    snprintf(name, sizeof name, "chapter%d/passed", chapter);
    path_of(name, path);
    FILE *file = regular_file_open(path, &ignored);
    if (file) {
        if (fscanf(file, "%d", &passed) != 1 || passed < 0 ||
            passed > exercises_of[chapter]) {
            passed = 0;
        }
        (void)fclose(file);
    }
    return passed;
}

int progress_passed(int chapter) {
    int passed = 0, lines = 0;
    for (int i = 0; i < known_count; i++) {
        if (known[i].id[0] == '0' + chapter) {
            lines++;
            passed += known[i].verdict == PASSED;
        }
    }
    return lines ? passed : passed_before(chapter);
}

bool progress_has_passed(const char *id) {
    const Known *last = known_of(id);
    return last && last->verdict == PASSED;
}

static unsigned number_of(const char *text) { /* FNV-1a */
    unsigned number = 2166136261u;
    for (; *text; text++) {
        number = (number ^ (unsigned char)*text) * 16777619u;
    }
    return number;
}

/* One write of whole lines: two graders at once don't mix theirs. */
static bool append(const char *lines) {
    char path[LINE];
    const size_t length = strlen(lines);
    path_of("progress", path);
    const int file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK, 0666);
    if (file < 0) {
        return false;
    }
    const bool whole = write(file, lines, length) == (ssize_t)length;
    return close(file) == 0 && whole;
}

void progress_add(const Result *results) {
    char lines[EXERCISES_MOST * 64 + 2], date[32];
    const time_t seconds = time(NULL);
    const struct tm *local = localtime(&seconds);
    size_t used = 0;
    strftime(date, sizeof date, "%Y-%m-%d %H:%M", local);
    lines[0] = '\0';
    for (int i = 0; i < exercise_count; i++) {
        const Result *r = &results[i];
        if (!r->graded) {
            continue;
        }
        const unsigned number = r->verdict == WRONG ? number_of(r->text) : 0;
        Known *last = known_of(exercises[i].id);
        const bool waits = r->verdict == WAITS && last && last->verdict == UNWRITTEN;
        if (!last || waits || (last->verdict == r->verdict && last->number == number)) {
            continue;
        }
        last->verdict = r->verdict;
        last->number = number;
        used +=
            (size_t)snprintf(lines + used, sizeof lines - used, "%s%s  %s  %s  %08x\n",
                             used || ends_in_line ? "" : "\n", date, exercises[i].id,
                             words[r->verdict], number);
    }
    char old[LINE];
    snprintf(old, sizeof old, "%s/passed", now.work);
    if (used && !append(lines)) {
        printf("\n  This can't be kept in %s/../progress.\n", now.work);
    } else if (used) {
        (void)remove(old); /* from before there was this file */
    }
}
