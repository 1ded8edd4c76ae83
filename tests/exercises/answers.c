/* answers.c: see exercise.h: questions, and what the student wrote into answers.txt. */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/error.h"
#include "tests/exercises/exercise.h"
#include "tests/exercises/grading.h"
#include "common/files/number.h"
#include "common/files/regular_file.h"

/* The lines "2.1a = ..." of answers.txt: how many there are, the text after '=', and
 * which line it is; -1: the file can't be read. */
static int find_answer(char text[LINE], int *line) {
    char path[LINE], all[LINE];
    const int length = snprintf(path, sizeof path, "%s/answers.txt", now.work);
    Error ignored;
    FILE *file = length < LINE ? regular_file_open(path, &ignored) : NULL;
    if (!file) {
        return -1;
    }
    int found = 0, number = 0;
    bool begins = true; /* a longer line comes in pieces */
    while (fgets(all, sizeof all, file)) {
        char id[8] = "";
        int at = 0;
        number += begins;
        if (begins && sscanf(all, " %7[0-9.a-z] = %n", id, &at) == 1 && at > 0 &&
            strcmp(id, now.asked) == 0) {
            snprintf(text, LINE, "%s", all + at);
            text[strcspn(text, "\r\n#")] = '\0';
            *line = number;
            found++;
        }
        begins = strchr(all, '\n') != NULL;
    }
    (void)fclose(file);
    return found;
}

static void begin_question(char letter, const char *question) {
    stop_if_failed();
    snprintf(now.asked, sizeof now.asked, "%s%c", now.current->id, letter);
    if (now.mode == TASKS || now.mode == ANSWERS) {
        printf("#\n");
        print_wrapped("#  ", (char[]){'(', letter, ')', '\0'}, question);
    }
}

/* The student's answer; false: there is nothing to compare in this mode. */
static bool answer(char text[LINE]) {
    int line = 0;
    if (now.mode != GRADE) {
        return false;
    }
    const int found = find_answer(text, &line);
    if (found != 1) {
        const char *what = found < 0    ? "can't be read: it should have a"
                           : found == 0 ? "has no"
                                        : "has more than one";
        const char *hint = found > 1 ? "only the one that you mean"
                                     : "that line again, with your answer";
        printf("%s/answers.txt %s line \"%s = ...\"\nWrite: %s.\n", now.work, what,
               now.asked, hint);
        fflush(stdout);
        now.told->judged = true;
        _exit(WRONG_STATUS);
    }
    if (strchr("?", text[strspn(text, " \t")])) { /* as it was, or empty */
        printf("exercise %s is not written yet: %s/answers.txt:%d\n", now.asked,
               now.work, line);
        fflush(stdout);
        _exit(NOT_WRITTEN_STATUS);
    }
    return true;
}

/* text without what separates thousands ("1 234 567", "1'234", "1,234"), a decimal comma
 * as a point, "1.5 e3" and "1.5 x 10^3" as "1.5e3". */
static void plainly(const char *text, char plain[LINE]) {
    size_t used = 0;
    const char *comma = strchr(text, ',');
    const bool thousands =
        comma && *text != '0' &&
        (strchr(comma + 1, ',') || strspn(comma + 1, "0123456789") == 3);
    for (const char *c = text; *c;) {
        const char *next = c + strspn(c, " *x");
        const bool after = used > 0 && isdigit((unsigned char)plain[used - 1]);
        const bool power = after && next > c && strncmp(next, "10^", 3) == 0;
        const bool exponent = after && *next == 'e' &&
                              isdigit((unsigned char)next[1 + strspn(next + 1, "+-")]);
        if (power || exponent) {
            plain[used++] = 'e';
            c = next + (power ? 3 : 1);
        } else if (after && strchr(" ',", *c) && isdigit((unsigned char)c[1]) &&
                   (*c != ',' || thousands) && strspn(c + 1, "0123456789") == 3) {
            c++;
        } else {
            plain[used++] = *c == ',' ? '.' : *c;
            c++;
        }
    }
    plain[used] = '\0';
}

/* What a text that is no number alone may mean: "0,25", "1 234 567", "3 GB", "12%",
 * "2/3", "1.5 e3"; NaN: nothing. */
static double understood(const char *text) {
    char plain[LINE], *end, *last;
    plainly(text, plain);
    const char *from = plain + strcspn(plain, "0123456789.+-");
    double number = strtod(from, &end);
    if (end == from) {
        return (double)NAN;
    }
    end += strspn(end, " ");
    if (*end == '/') {
        const double below = strtod(end + 1, &last);
        number = last > end + 1 && below != 0 ? number / below : number;
    }
    return *end == '%' ? number / 100 : number;
}

void ask(char letter, const char *question, double want, double tolerance) {
    char text[LINE] = "";
    begin_question(letter, question);
    if (now.mode == TASKS) {
        printf("%s = ?\n", now.asked);
    } else if (now.mode == ANSWERS) {
        printf("%s = %.10g\n", now.asked, want);
    }
    if (answer(text)) {
        double given = (double)NAN;
        for (size_t end = strlen(text); end > 0 && strchr(" \t", text[end - 1]);
             end--) {
            text[end - 1] = '\0';
        }
        const bool number = number_read(text, &given);
        const double meant = number ? given : understood(text);
        now.form = number ? NULL : "0.25, say, or 1.5e3, and nothing else.";
        expect_true(number || isfinite(meant), "%s: \"%s\" is not a number", now.asked,
                    text);
        expect_true(number, "%s: \"%s\" is not a number alone; is %.10g meant?",
                    now.asked, text, meant);
        const double off = fabs(given - want) / fmax(fabs(want), 1e-30);
        expect_true(isfinite(given) && off <= tolerance, "%s: %.6g is %s", now.asked,
                    given, off <= 0.02 ? "near it: more digits are wanted" : "not it");
        now.got_number = given;
        now.got_tolerance = tolerance;
    }
}

void mistake_number(const char *text, double wrong) {
    if (now.mode == MISTAKES && now.asked[0]) {
        printf("%s = %.10g | %s\n", now.asked, wrong, text);
    }
    mistake_if(text, now.failed && fabs(now.got_number - wrong) <=
                                       now.got_tolerance * fmax(fabs(wrong), 1e-30));
}

void ask_which(char letter, const char *question, const char *want) {
    char text[LINE] = "";
    bool given[26] = {false}, wanted[26] = {false};
    begin_question(letter, question);
    if (now.mode == TASKS) {
        printf("%s = ?\n", now.asked);
    } else if (now.mode == ANSWERS) {
        printf("%s = %s\n", now.asked, want);
    }
    if (answer(text)) {
        for (const char *c = text; *c; c++) {
            const int l = tolower((unsigned char)*c);
            if (l >= 'a' && l <= 'z') {
                given[l - 'a'] = true;
            }
        }
        for (const char *c = want; *c; c++) {
            if (*c >= 'a' && *c <= 'z') {
                wanted[*c - 'a'] = true;
            }
        }
        int extra = 0, missing = 0;
        for (int i = 0; i < 26; i++) {
            extra += given[i] && !wanted[i];
            missing += wanted[i] && !given[i];
        }
        expect_true(extra + missing == 0,
                    "%s: letters that don't belong: %d; letters that are missing: %d",
                    now.asked, extra, missing);
        now.got_number = (double)NAN;
    }
}

void ask_in_words(char letter, const char *question) {
    enum { WORDS = 5 };
    char text[LINE] = "";
    begin_question(letter, question);
    if (now.mode == TASKS) {
        printf("%s = ?\n", now.asked);
    } else if (now.mode == ANSWERS) {
        printf("%s = see the model answer in the hints\n", now.asked);
    }
    if (answer(text)) {
        int words = 0;
        for (const char *c = text; *c; words++) {
            c += strspn(c, " \t");
            c += strcspn(c, " \t");
        }
        now.form =
            words >= WORDS ? NULL : "it as you would tell it to a friend, on one line.";
        expect_true(words >= WORDS, "%s: a sentence is wanted, of %d words or more",
                    now.asked, WORDS);
        now.got_number = (double)NAN;
    }
}
