/* agreement.c: see agreement.h. */
#include "chapters/08_many_machines/program/agreement.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chapters/08_many_machines/program/byte_messages.h"

void statement_add(Statement *s, const char *name, const char *format, ...) {
    const size_t used = strlen(s->said);
    const int begun = snprintf(s->said + used, sizeof s->said - used, "%s: ", name);
    size_t at = used + (size_t)begun;
    va_list arguments;
    va_start(arguments, format);
    if (at < sizeof s->said) {
        at += (size_t)vsnprintf(s->said + at, sizeof s->said - at, format, arguments);
    }
    va_end(arguments);
    if (at + 1 >= sizeof s->said) {
        bug("a statement has no room for %s", name);
    }
    for (char *c = s->said + used; *c; c++) {
        *c = *c == '\n' ? ' ' : *c;
    }
    s->said[at] = '\n';
    s->said[at + 1] = '\0';
}

/* ---- what rank 0 makes of it ----------------------------------------------------- */

/* The length of a line's name, up to ": ". */
static int name_length(const char *line) {
    const char *colon = strstr(line, ": ");
    return colon ? (int)(colon - line) : 0;
}

static int line_length(const char *line) {
    return (int)strcspn(line, "\n");
}

/* The first line in which two statements differ; false if there is none. */
static bool say_difference(const Statement *first, const Statement *other, int rank,
                           Error *why) {
    const char *a = first->said, *b = other->said;
    while (*a && *b && line_length(a) == line_length(b) &&
           strncmp(a, b, (size_t)line_length(a)) == 0) {
        a += line_length(a) + 1;
        b += line_length(b) + 1;
    }
    if (!*a && !*b) {
        return false;
    }
    const int name = name_length(b);
    if (name != name_length(a) || strncmp(a, b, (size_t)name) != 0) {
        error_set(
            why, "rank %d (%s) differs from rank 0 (%s): it has \"%.*s\", not \"%.*s\"",
            rank, other->host, first->host, line_length(b), b, line_length(a), a);
        return true;
    }
    error_set(why, "rank %d (%s) differs from rank 0 (%s): its %.*s is %.*s, not %.*s",
              rank, other->host, first->host, name, b, line_length(b) - name - 2,
              b + name + 2, line_length(a) - name - 2, a + name + 2);
    return true;
}

/* The first rank that failed, and how many others have; or all, alike. */
static int say_failure(const Statement *all, int P, Error *why) {
    int first = -1, failed = 0;
    bool alike = true;
    for (int r = 0; r < P; r++) {
        if (all[r].status != 0) {
            first = first < 0 ? r : first;
            failed++;
            alike = alike && strcmp(all[r].error, all[first].error) == 0;
        }
    }
    if (failed == 0) {
        return 0;
    }
    if (failed == P && alike) {
        error_set(why, "%s", all[0].error);
    } else if (failed == 1) {
        error_set(why, "rank %d (%s): %.380s", first, all[first].host,
                  all[first].error);
    } else {
        error_set(why, "rank %d (%s): %.360s (and %d more of %d ranks)", first,
                  all[first].host, all[first].error, failed - 1, P);
    }
    return all[first].status;
}

static int judge(const Statement *all, int P, Error *why) {
    const int status = say_failure(all, P, why);
    for (int r = 1; r < P && status == 0; r++) {
        if (say_difference(&all[0], &all[r], r, why)) {
            return 1;
        }
    }
    return status;
}

/* ---- asking ---------------------------------------------------------------------- */

int agreement(Group *group, const Statement *mine, Error *why) {
    const int P = group->size;
    int status = 1;
    why->text[0] = '\0';
    if (group->rank > 0) {
        bytes_send(group, 0, mine, sizeof *mine);
        bytes_receive(group, 0, &status, sizeof status);
        return status;
    }
    Statement *all = allocate((size_t)P * sizeof *all, "what ranks say", why);
    if (all) {
        all[0] = *mine;
        for (int r = 1; r < P; r++) {
            bytes_receive(group, r, &all[r], sizeof all[r]);
        }
        status = judge(all, P, why);
    }
    for (int r = 1; r < P; r++) {
        bytes_send(group, r, &status, sizeof status);
    }
    free(all);
    return status;
}
