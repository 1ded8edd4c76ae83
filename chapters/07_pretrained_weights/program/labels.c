/* labels.c: see labels.h. */
#include "chapters/07_pretrained_weights/program/labels.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chapters/07_pretrained_weights/pictures/neighbour.h"
#include "chapters/07_pretrained_weights/weights/arrays.h"
#include "common/files/json.h"
#include "common/files/number.h"

/* ---- names from a text ------------------------------------------------------ */

/* Names go to the terminal: nothing that moves its cursor. */
static void make_printable(char *name) {
    for (; *name; name++) {
        *name = (unsigned char)*name < ' ' || *name == 127 ? '?' : *name;
    }
}

/* Room for names and ids of `classes` and, behind them, the text, which is copied. */
static bool make_room(Labels *labels, int classes, const char *text, size_t bytes,
                      char **copy, Error *error) {
    const size_t pointers = 2 * (size_t)classes * sizeof(char *);
    labels->memory = allocate(pointers + bytes + 1, "labels", error);
    if (!labels->memory) {
        return false;
    }
    labels->names = labels->memory;
    labels->ids = NULL;
    *copy = (char *)labels->memory + pointers;
    memcpy(*copy, text, bytes);
    return true;
}

/* A name per line; empty lines at the end don't count. */
static bool from_lines(Labels *labels, int classes, char *text, Error *error) {
    int count = 0;
    for (char *line = text, *next; *line; line = next) {
        const size_t length = strcspn(line, "\r\n");
        next = line + length;
        next += *next == '\r';
        next += *next == '\n';
        line[length] = '\0';
        if (*line == '\0' && *next == '\0') {
            break;
        }
        if (count < classes) {
            make_printable(line);
            labels->names[count] = line;
        }
        count++;
    }
    return count == classes ||
           error_set(error, "%d names for %d classes", count, classes);
}

/* The name of class k: a text, or the last text of ["n01440764", "tench"]. */
static const char *name_in(const JsonValue *value) {
    const JsonValue *last = value && value->kind == JSON_ARRAY ? value->first : NULL;
    while (last && last->next) {
        last = last->next;
    }
    return json_text(last ? last : value);
}

/* The id of class k: the first of two texts or more. */
static const char *id_in(const JsonValue *value) {
    const bool has_both =
        value && value->kind == JSON_ARRAY && value->first && value->first->next;
    return has_both ? json_text(value->first) : NULL;
}

static char *copy_to(char **to, const char *text) {
    char *copy = *to;
    *to += sprintf(copy, "%s", text) + 1; /* shorter than it was in quotes */
    make_printable(copy);
    return copy;
}

static bool from_object(Labels *labels, int classes, const JsonValue *top, char *to,
                        Error *error) {
    const JsonValue *map = json_get(top, "id2label") ? json_get(top, "id2label") : top;
    if (map->count != classes) {
        return error_set(error, "%d names for %d classes", map->count, classes);
    }
    const JsonValue *member = map->first;
    labels->ids = labels->names + classes;
    for (int k = 0; k < classes; k++, member = member->next) {
        char key[16];
        snprintf(key, sizeof key, "%d", k);
        const JsonValue *value =
            map->kind == JSON_ARRAY || strcmp(member->key, key) == 0
                ? member
                : json_get(map, key);
        const char *name = name_in(value), *id = id_in(value);
        if (!name) {
            return error_set(error, "no name of class %d", k);
        }
        labels->names[k] = copy_to(&to, name);
        if (id && labels->ids) {
            labels->ids[k] = copy_to(&to, id);
        } else {
            labels->ids = NULL; /* of all classes, or of none */
        }
    }
    return true;
}

void labels_free(Labels *labels) {
    free(labels->memory);
    labels->memory = NULL;
    labels->names = labels->ids = NULL;
    labels->count = 0;
    labels->from[0] = labels->note[0] = '\0';
}

static bool from_json(Labels *labels, int classes, char *text, size_t bytes, char *copy,
                      Error *error) {
    JsonValue *top = json_read(text, bytes, error);
    const bool ok = top && from_object(labels, classes, top, copy, error);
    free(top);
    return ok;
}

bool labels_from_text(Labels *labels, int classes, char *text, size_t bytes,
                      Error *error) {
    const char first = text[strspn(text, " \t\r\n")];
    char *copy;
    *labels = (Labels){.count = classes};
    const bool ok = make_room(labels, classes, text, bytes, &copy, error) &&
                    (first == '{' || first == '['
                         ? from_json(labels, classes, text, bytes, copy, error)
                         : from_lines(labels, classes, copy, error));
    if (!ok) {
        labels_free(labels);
    }
    return ok;
}

/* ---- which file --------------------------------------------------------------- */

static void remember(Labels *labels, const char *path) {
    const char *slash = strrchr(path, '/');
    snprintf(labels->from, sizeof labels->from, "%s", slash ? slash + 1 : path);
}

/* transformers calls classes that have no name LABEL_0, LABEL_1, ... */
static bool says_nothing(const Labels *labels) {
    return strcmp(labels->names[0], "LABEL_0") == 0;
}

/* config.json is there for other reasons, too. */
static bool has_labels(const char *file, const char *text) {
    return strcmp(file, "config.json") != 0 || strstr(text, "\"id2label\"");
}

static bool try_neighbour(Labels *labels, const char *weights, int classes,
                          const char *file) {
    char note[sizeof labels->note];
    char *text;
    size_t bytes;
    Error why;
    memcpy(note, labels->note, sizeof note);
    if (!neighbour_read(weights, file, &text, &bytes, &why)) {
        snprintf(labels->note, sizeof labels->note, "%s can't be read", file);
        return false;
    }
    const bool wanted = text && has_labels(file, text);
    const bool ok = wanted && labels_from_text(labels, classes, text, bytes, &why);
    free(text);
    if (ok && !says_nothing(labels)) {
        remember(labels, file);
        return true;
    }
    labels_free(labels);
    memcpy(labels->note, note, sizeof note);
    if (wanted && !ok) {
        snprintf(labels->note, sizeof labels->note, "%s left out: %.60s", file,
                 why.text);
    }
    return false;
}

/* The lines of "class_names", which chapter 5's checkpoints have. */
static bool from_metadata(Labels *labels, const char *weights, int classes) {
    Error ignored;
    Arrays *file = arrays_open(weights, &ignored);
    const char *text = file ? arrays_text(file, "class_names") : NULL;
    const size_t bytes = text ? strlen(text) + 1 : 0;
    char *copy = text ? allocate(bytes, "labels", &ignored) : NULL;
    bool ok = false;
    if (copy) {
        memcpy(copy, text, bytes);
        ok = labels_from_text(labels, classes, copy, bytes - 1, &ignored);
    }
    free(copy);
    if (file) {
        arrays_close(file);
    }
    if (ok) {
        remember(labels, "the file's metadata");
    }
    return ok;
}

static bool from_named(Labels *labels, int classes, const char *named, Error *error) {
    char *text;
    size_t bytes;
    Error why;
    if (!file_read_text(named, &text, &bytes, error)) {
        return false;
    }
    const bool ok = labels_from_text(labels, classes, text, bytes, &why);
    free(text);
    if (!ok) {
        return error_set(error, "%.300s: %.150s", named, why.text);
    }
    remember(labels, named);
    return true;
}

bool labels_for(Labels *labels, const char *weights, int classes, const char *named,
                Error *error) {
    static const char *const beside[] = {"config.json", "labels.txt", "classes.txt",
                                         "imagenet_classes.txt"};
    *labels = (Labels){0};
    if (named) {
        return from_named(labels, classes, named, error);
    }
    if (from_metadata(labels, weights, classes)) {
        return true;
    }
    for (int i = 0; i < 4; i++) {
        if (try_neighbour(labels, weights, classes, beside[i])) {
            return true;
        }
    }
    if (classes == 1000) {
        try_neighbour(labels, "data/", classes, "imagenet_classes.txt");
    }
    return true;
}

/* How many of these are `name`; *found: the first of them. */
static int count_of(char *const *names, int count, const char *name, int *found) {
    int same = 0;
    for (int k = count - 1; names && k >= 0; k--) {
        if (strcmp(names[k], name) == 0) {
            *found = k;
            same++;
        }
    }
    return same;
}

int labels_find(const Labels *labels, int classes, const char *name, Error *error) {
    int found = -1;
    long number;
    const int same = count_of(labels->names, labels->count, name, &found);
    if (same > 1) {
        error_set(error,
                  "%d classes have this label: a folder can have its class's number as "
                  "its name, such as %d",
                  same, found);
        return -1;
    }
    if (same == 1 || count_of(labels->ids, labels->count, name, &found) == 1) {
        return found;
    }
    if (number_read_whole(name, 0, classes - 1, &number)) {
        return (int)number;
    }
    error_set(error, "no class of the model is called that: its %d classes %s", classes,
              labels->count > 0 ? "have labels, and numbers from 0 on"
                                : "have numbers from 0 on, and no labels (--labels)");
    return -1;
}

const char *labels_name(const Labels *labels, int k, char text[LABEL_TEXT]) {
    if (k >= 0 && k < labels->count) {
        return labels->names[k];
    }
    snprintf(text, LABEL_TEXT, "class %d", k);
    return text;
}
