/* names.c: the classes' names from a file. See readers.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "chapters/05_vision_transformer/own_data/readers.h"
#include "common/files/regular_file.h"

/* The lines of a file. */
typedef struct {
    char path[FILE_PATH_BYTES];
    int count, room;
    char (*name)[DATASET_NAME_BYTES]; /* owned */
} Names;

static bool add_name(Names *names, const char *line) {
    if (names->count == names->room) {
        const int room = 2 * names->room + 16;
        void *larger = realloc(names->name, (size_t)room * sizeof *names->name);
        if (!larger) {
            return false;
        }
        names->name = larger;
        names->room = room;
    }
    memcpy(names->name[names->count++], line, strlen(line) + 1);
    return true;
}

/* What is wrong with a line, or NULL. Empty lines may be at the end. */
static const char *take_line(Names *names, char *line, bool *ended) {
    line[strcspn(line, "\r\n")] = '\0';
    const char *fault = dataset_name_fault(line);
    if (line[0] == '\0') {
        *ended = true;
        return NULL;
    }
    if (*ended) {
        return "is empty";
    }
    if (!fault && names->count == DATASET_MAX_CLASSES) {
        return "is one too many";
    }
    return fault ? fault : add_name(names, line) ? NULL : "has no room in memory";
}

static bool read_lines(Names *names, FILE *file, Error *error) {
    char line[256];
    const char *fault = NULL;
    bool ended = false;
    while (!fault && fgets(line, sizeof line, file)) {
        fault = take_line(names, line, &ended);
    }
    if (ferror(file)) {
        return error_set(error, "%s: it can't be read", names->path);
    }
    if (fault) {
        return error_set(error, "%s: a name %s", names->path, fault);
    }
    return names->count > 0 ||
           error_set(error, "%s: there is no name in it", names->path);
}

/* names->count 0: there is no such file. */
static bool read_file(Names *names, Error *error) {
    struct stat found;
    if (lstat(names->path, &found) != 0 && errno == ENOENT) {
        return true;
    }
    FILE *file = regular_file_open(names->path, error);
    if (!file) {
        return false;
    }
    const bool ok = read_lines(names, file, error);
    fclose(file);
    return ok;
}

/* ---- the classes --------------------------------------------------------------- */

static int largest_label(const ImageSet *set) {
    int largest = 0;
    for (int i = 0; i < set->count; i++) {
        largest = set->labels[i] > largest ? set->labels[i] : largest;
    }
    return largest;
}

/* As many as there are: name (names->count). */
static bool name_classes(Dataset *dataset, const Names *names, Error *error) {
    const char **name = allocate((size_t)names->count * sizeof *name, "names", error);
    for (int k = 0; name && k < names->count; k++) {
        name[k] = names->name[k];
    }
    const bool ok = name && dataset_name(dataset, names->count, name, error);
    free(name);
    return ok;
}

static bool set_classes(Dataset *dataset, const Names *names, int classes,
                        Error *error) {
    const int in_train = largest_label(&dataset->train);
    const int in_test = largest_label(&dataset->test);
    const int largest = in_train > in_test ? in_train : in_test;
    if (names->count > 0 && classes > 0 && names->count != classes) {
        return error_set(error, "%s: it names %d classes, want %d", names->path,
                         names->count, classes);
    }
    if (names->count > 0 && largest >= names->count) {
        return error_set(error, "%s: it names %d classes, but %s image has label %d",
                         names->path, names->count,
                         in_train == largest ? "a training" : "a test", largest);
    }
    if (names->count > 0) {
        return name_classes(dataset, names, error);
    }
    const int least = largest > 0 ? largest + 1 : 2;
    return dataset_name(dataset, classes > least ? classes : least, NULL, error);
}

bool names_read(Dataset *dataset, const char *directory, const char *file, int classes,
                Error *error) {
    Names names = {.name = NULL};
    if (snprintf(names.path, sizeof names.path, "%s/%s", directory, file) >=
        (int)sizeof names.path) {
        return error_set(error, "%.200s: the path is too long", directory);
    }
    const bool ok =
        read_file(&names, error) && set_classes(dataset, &names, classes, error);
    free(names.name);
    return ok;
}
