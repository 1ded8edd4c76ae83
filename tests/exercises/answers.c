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

/* The questions of this exercise whose answers are right, or aren't there yet. */
static char right[LINE], left[LINE];
static int first_left; /* the line of answers.txt; 0: none is left */
static bool any_wrong, has_answer;

static void add_to(char list[LINE], const char *id) {
    const size_t used = strlen(list);
    snprintf(list + used, LINE - used, "%s%s", used ? ", " : "", id);
}

/* What the last question's answer comes to. */
static void close_question(void) {
    stop_if_failed();
    any_wrong = any_wrong || now.wrong_answer;
    if (now.asked[0] && has_answer && !now.wrong_answer) {
        add_to(right, now.asked);
    }
    now.wrong_answer = has_answer = false;
}

void end_questions(void) {
    close_question();
    if (any_wrong && right[0]) {
        printf("Right: %s\n", right);
    }
    if (any_wrong && left[0]) {
        printf("Not answered yet: %s\n", left);
    } else if (left[0]) {
        printf("exercise %s is not written yet: %s/answers.txt:%d", left, now.work,
               first_left);
        printf(right[0] ? " (right: %s)\n" : "\n", right);
    }
    fflush(stdout);
    if (any_wrong || left[0]) {
        _exit(any_wrong ? WRONG_STATUS : NOT_WRITTEN_STATUS);
    }
}

static void begin_question(char letter, const char *question) {
    close_question();
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
        now.told->judged = now.wrong_answer = true;
        if (found < 0) { /* no other question is better off */
            fflush(stdout);
            _exit(WRONG_STATUS);
        }
        return false;
    }
    if (strchr("?", text[strspn(text, " \t")])) { /* as it was, or empty */
        add_to(left, now.asked);
        first_left = first_left ? first_left : line;
        return false;
    }
    for (size_t end = strlen(text); strchr(" \t", text[end - 1]); end--) {
        text[end - 1] = '\0';
    }
    return has_answer = true;
}

/* text without what separates thousands ("1 234 567", "1'234", "1,234"), a decimal
 * comma as a point, "1.5 e3" and "1.5 x 10^3" as "1.5e3". */
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
 * "2/3", "2 * 128 * 64", "1.5 e3"; NaN: nothing, or more than one number. */
static double understood(const char *text) {
    char plain[LINE], *end, *last;
    plainly(text, plain);
    const char *from = plain + strcspn(plain, "0123456789.+-");
    double number = strtod(from, &end);
    if (end == from) {
        return (double)NAN;
    }
    for (;;) {
        end += strspn(end, " ");
        const bool times =
            *end == '*' || (*end == 'x' && strchr(" 0123456789", end[1]));
        const double next = times || *end == '/' ? strtod(end + 1, &last) : 0;
        if ((!times && *end != '/') || last == end + 1) {
            break;
        }
        number = times ? number * next : number / next;
        end = last;
    }
    if (end[strcspn(end, "0123456789")]) {
        return (double)NAN;
    }
    return *end == '%' ? number / 100 : number;
}

/* How many digits a number has, as it is typed: "0.0250" 3, "1260" 3, "1.5e3" 2. */
static int digits_of(const char *text) {
    int digits = 0, zeros = 0;
    bool point = false;
    for (; *text && !strchr("eE", *text); text++) {
        point = point || *text == '.';
        if (isdigit((unsigned char)*text) && (digits || *text != '0')) {
            digits++;
            zeros = *text == '0' ? zeros + 1 : 0;
        }
    }
    return point ? digits : digits - zeros;
}

/* Is the quotient of the given number and the wanted one 1000, a million, or 10^9? */
static bool other_unit(double quotient, double tolerance) {
    const double log1000 = log10(fabs(quotient)) / 3;
    return quotient > 0 && rint(log1000) != 0 && fabs(log1000) < 3.5 &&
           fabs(quotient / pow(1000, rint(log1000)) - 1) <= tolerance;
}

/* What is said of a number near the wanted one. */
static const char *nearly(const char *text, double want, double tolerance) {
    const int asked = (int)ceil(-log10(tolerance));
    const bool whole = want == rint(want) && fabs(want) < 1e15;
    const int its = whole ? 1 + (int)log10(fmax(fabs(want), 1)) : asked;
    return digits_of(text) < (its < asked ? its : asked)
               ? "near it: more digits are wanted"
           : whole ? "not it"
                   : "near it, but not it";
}

/* Rounded as one rounds by hand: to three digits, if they are asked for. */
static bool is_rounded(double given, double want, double tolerance) {
    char text[32];
    double rounded = 0;
    snprintf(text, sizeof text, "%.3g", want);
    return tolerance >= 1e-3 && number_read(text, &rounded) &&
           fabs(given - rounded) <= 1e-9 * fabs(rounded);
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
        const bool number = number_read(text, &given);
        const double meant = number ? given : understood(text);
        now.form = number ? NULL : "0.25, say, or 1.5e3, and nothing else.";
        const double off = fabs(given - want) / fmax(fabs(want), 1e-30);
        if (number && !(off <= tolerance || is_rounded(given, want, tolerance))) {
            now.failed = true;
            now.unless = off <= 0.02 ? nearly(text, want, tolerance)
                         : other_unit(given / want, tolerance)
                             ? "not it, but its digits are: in which unit?"
                             : "not it";
            printf("%s: %s is ", now.asked, text);
        } else if (isfinite(meant)) {
            expect_true(number, "%s: \"%s\" is not a number alone; is %.10g meant?",
                        now.asked, text, meant);
        } else {
            expect_true(false, "%s: \"%s\" %s", now.asked, text,
                        strpbrk(text, "0123456789") ? "is more than one number"
                                                    : "is not a number");
        }
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

/* The options of a question, by their letters: "a: the logits. b: y." or "a is nn, b is
 * nt": names[0] is "the logits", or "nn"; "": there is no such option. */
static void find_options(const char *question, char names[26][LINE]) {
    for (int l = 0; l < 26; l++) {
        names[l][0] = '\0';
    }
    for (const char *c = question; *c; c++) {
        const bool begins = c == question || strchr(" (", c[-1]);
        const bool colon = c[1] == ':', is = strncmp(c + 1, " is ", 4) == 0;
        if (begins && *c >= 'a' && *c <= 'z' && (colon || is)) {
            const char *name = c + (colon ? 2 : 4);
            name += strspn(name, " ");
            snprintf(names[*c - 'a'], LINE, "%.*s", (int)strcspn(name, ".,;?"), name);
        }
    }
}

/* Reads letters, and options' names, of one word: "ac", "b", "nn". "and" and the like
 * are nothing. False: it is something else. */
static bool read_word(const char *word, char names[26][LINE], bool given[26]) {
    if (strcmp(word, "and") == 0 || strcmp(word, "or") == 0 ||
        strcmp(word, "none") == 0) {
        return true;
    }
    bool any = false, letters = true;
    for (int l = 0; l < 26; l++) {
        any = any || names[l][0];
        if (names[l][0] && strcmp(word, names[l]) == 0) {
            return given[l] = true;
        }
    }
    for (const char *c = word; *c; c++) {
        letters = letters && *c >= 'a' && *c <= 'z' && (!any || names[*c - 'a'][0]);
    }
    for (const char *c = word; letters && *c; c++) {
        given[*c - 'a'] = true;
    }
    return letters;
}

/* How many letters `these` has and `those` hasn't. */
static int letters_only_in(const bool these[26], const bool those[26]) {
    int count = 0;
    for (int l = 0; l < 26; l++) {
        count += these[l] && !those[l];
    }
    return count;
}

/* What is wrong with the letters: how many, not which. */
static void judge_letters(const bool given[26], const bool wanted[26]) {
    char letters[27], text[LINE] = "";
    int count = 0;
    for (char l = 'a'; l <= 'z'; l++) {
        if (given[l - 'a']) {
            letters[count++] = l;
        }
    }
    letters[count] = '\0';
    const int extra = letters_only_in(given, wanted),
              missing = letters_only_in(wanted, given);
    if (count == 1 && extra == 1) {
        expect_true(false, "%s: %s is not it", now.asked, letters);
        return;
    }
    if (extra > 0) {
        snprintf(text, sizeof text, "of %s, %d %s%s", letters, extra,
                 extra > 1 ? "don't belong" : "doesn't belong", missing ? "; " : "");
    }
    if (missing > 0) {
        const size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, "%d %s missing", missing,
                 missing > 1 ? "are" : "is");
    }
    expect_true(extra + missing == 0, "%s: %s", now.asked, text);
}

#define SEPARATORS " \t,;:./&+()-\"'"

void ask_which(char letter, const char *question, const char *want) {
    static char names[26][LINE];
    char text[LINE] = "";
    bool given[26] = {false}, wanted[26] = {false};
    begin_question(letter, question);
    if (now.mode == TASKS) {
        printf("%s = ?\n", now.asked);
    } else if (now.mode == ANSWERS) {
        printf("%s = %s\n", now.asked, want);
    }
    if (!answer(text)) {
        return;
    }
    for (char *c = text; *c; c++) {
        *c = (char)tolower((unsigned char)*c);
    }
    for (const char *c = want; *c; c++) {
        if (*c >= 'a' && *c <= 'z') {
            wanted[*c - 'a'] = true;
        }
    }
    find_options(question, names);
    for (int l = 0; l < 26; l++) {
        if (wanted[l] && !names[l][0]) { /* it is asked in some other form */
            find_options("", names);
        }
    }
    char *word = strtok(text, SEPARATORS);
    while (word && read_word(word, names, given)) {
        word = strtok(NULL, SEPARATORS);
    }
    now.form = word ? "letters, such as ac, and nothing else." : NULL;
    if (word) {
        expect_true(false, "%s: \"%s\" is none of the options", now.asked, word);
    } else {
        judge_letters(given, wanted);
    }
    now.got_number = (double)NAN;
}

/* The next word of letters in *from, of `length`; NULL: there is none. */
static const char *next_word(const char **from, int *length) {
    const char *c = *from;
    while (*c && !isalpha((unsigned char)*c)) {
        c++;
    }
    *length = 0;
    while (isalpha((unsigned char)c[*length]) || c[*length] == '\'') {
        ++*length;
    }
    *from = c + *length;
    return *length ? c : NULL;
}

static bool same_word(const char *a, const char *b, int length) {
    for (int i = 0; i < length; i++) {
        if (tolower((unsigned char)a[i]) != tolower((unsigned char)b[i])) {
            return false;
        }
    }
    return true;
}

/* Does text have a word that begins as one of `keys`, "back|wrong|paper"? whole: that
 * is one of them. */
static bool has_key(const char *text, const char *keys, bool whole) {
    int length;
    for (const char *word; (word = next_word(&text, &length));) {
        for (const char *key = keys; *key;) {
            const int wanted = (int)strcspn(key, "|");
            if ((whole ? wanted == length : wanted <= length) &&
                same_word(word, key, wanted)) {
                return true;
            }
            key += wanted + (key[wanted] == '|');
        }
    }
    return false;
}

/* How many different words of letters there are; numbers count for nothing. */
static int different_words(const char *text) {
    enum { MOST = LINE / 2 };
    static const char numbers[] = "one|two|three|four|five|six|seven|eight|nine|ten";
    const char *words[MOST];
    int lengths[MOST], count = 0, length;
    for (const char *word; count < MOST && (word = next_word(&text, &length));) {
        int same = 0;
        while (same < count &&
               !(lengths[same] == length && same_word(words[same], word, length))) {
            same++;
        }
        char copy[LINE];
        snprintf(copy, sizeof copy, "%.*s", length, word);
        if (same == count && !has_key(copy, numbers, true)) {
            words[count] = word;
            lengths[count++] = length;
        }
    }
    return count;
}

void ask_in_words_with(char letter, const char *question, const char *keys) {
    enum { WORDS = 5 };
    char text[LINE] = "";
    begin_question(letter, question);
    if (now.mode == TASKS) {
        printf("%s = ?\n", now.asked);
    } else if (now.mode == ANSWERS) {
        printf("%s = see the model answer in the hints%s%.*s\n", now.asked,
               keys ? ": " : "", keys ? (int)strcspn(keys, "|") : 0, keys ? keys : "");
    }
    if (answer(text)) {
        const bool enough = different_words(text) >= WORDS;
        const bool about = !keys || has_key(text, keys, false);
        now.form = enough && about
                       ? NULL
                       : "it as you would tell it to a friend, on one line.";
        expect_true(enough, "%s: a sentence is wanted, of %d different words or more",
                    now.asked, WORDS);
        expect_true(!enough || about, "%s: which words of the lesson answer it?",
                    now.asked);
        now.got_number = (double)NAN;
        const size_t used = strlen(now.told->in_words);
        if (used + 1 < sizeof now.told->in_words) {
            now.told->in_words[used] = letter;
            now.told->in_words[used + 1] = '\0';
        }
    }
}

void ask_in_words(char letter, const char *question) {
    ask_in_words_with(letter, question, NULL);
}
