/* npz.c: see npz.h. */
#include "chapters/07_pretrained_weights/weights/npz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Some bytes of the archive. */
typedef struct {
    const unsigned char *at;
    size_t count;
} Span;

/* The number in `width` bytes from `at` on, the lowest first; there must be as many. */
static uint64_t number_at(Span span, size_t at, int width) {
    uint64_t number = 0;
    if (span.count < (size_t)width || at > span.count - (size_t)width) {
        bug("npz: byte %zu of %zu", at, span.count);
    }
    for (int i = width - 1; i >= 0; i--) {
        number = number << 8 | span.at[at + (size_t)i];
    }
    return number;
}

/* `count` bytes from `at` on; false if there aren't as many. */
static bool part_of(Span span, uint64_t at, uint64_t count, Span *part) {
    if (at > span.count || count > span.count - at) {
        return false;
    }
    *part = (Span){span.at + at, (size_t)count};
    return true;
}

/* ---- .npy --------------------------------------------------------------- */

/* A header that is read, as Python's literal that it is. */
typedef struct {
    const char *at, *end;
    double count; /* of its shape's elements: exact up to 2^53, and can't overflow */
} Reader;

static void skip_blanks(Reader *r) {
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\n')) {
        r->at++;
    }
}

static bool take(Reader *r, const char *word) {
    const size_t length = strlen(word);
    skip_blanks(r);
    if ((size_t)(r->end - r->at) < length || memcmp(r->at, word, length) != 0) {
        return false;
    }
    r->at += length;
    return true;
}

/* 'text' or "text", shorter than `room`, without escapes. */
static bool take_text(Reader *r, char *text, size_t room) {
    skip_blanks(r);
    const char quote = r->at < r->end ? *r->at : '\0';
    if (quote != '\'' && quote != '"') {
        return false;
    }
    size_t length = 0;
    for (r->at++; r->at < r->end && *r->at != quote; r->at++) {
        if (*r->at == '\\' || length + 1 >= room) {
            return false;
        }
        text[length++] = *r->at;
    }
    text[length] = '\0';
    return take(r, quote == '"' ? "\"" : "'");
}

/* One size, from 0 to the largest int. */
static bool take_size(Reader *r, int *size) {
    long value = 0;
    skip_blanks(r);
    const char *first = r->at;
    for (; r->at < r->end && *r->at >= '0' && *r->at <= '9'; r->at++) {
        value = 10 * value + (*r->at - '0');
        if (value > INT32_MAX) {
            return false;
        }
    }
    *size = (int)value;
    return r->at > first;
}

/* (), (3,) or (3, 4) */
static bool take_shape(Reader *r, Array *array) {
    if (!take(r, "(")) {
        return false;
    }
    bool comma = true;
    while (!take(r, ")")) {
        int size;
        if (!comma || !take_size(r, &size)) {
            return false;
        }
        if (array->ndim < ARRAY_NDIM) {
            array->shape[array->ndim] = size;
        }
        array->ndim++;
        r->count *= size;
        comma = take(r, ",");
    }
    return array->ndim != 1 || comma; /* (3) is a number */
}

enum { NO_KEY, DESCR = 1, FORTRAN = 2, SHAPE = 4, ALL_KEYS = 7 };

static int take_key(Reader *r) {
    char key[16];
    if (!take_text(r, key, sizeof key) || !take(r, ":")) {
        return NO_KEY;
    }
    return strcmp(key, "descr") == 0           ? DESCR
           : strcmp(key, "fortran_order") == 0 ? FORTRAN
           : strcmp(key, "shape") == 0         ? SHAPE
                                               : NO_KEY;
}

static bool take_value(Reader *r, int key, Array *array, bool *fortran) {
    switch (key) {
    case DESCR: return take_text(r, array->kind, sizeof array->kind);
    case FORTRAN: *fortran = take(r, "True"); return *fortran || take(r, "False");
    case SHAPE: return take_shape(r, array);
    default: return false;
    }
}

/* {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }, each once, in any
 * order. */
static bool read_dictionary(Reader *r, Array *array, bool *fortran) {
    int seen = 0;
    bool comma = take(r, "{"); /* before an item there is this, or a comma */
    while (!take(r, "}")) {
        const int key = take_key(r);
        if (!comma || (seen & key) != 0 || !take_value(r, key, array, fortran)) {
            return false;
        }
        seen |= key;
        comma = take(r, ",");
    }
    skip_blanks(r);
    return seen == ALL_KEYS && r->at == r->end;
}

/* '<f4' and what else is read; of another type, or the other byte order, ARRAY_OTHER.
 * NumPy has no name for bfloat16: it writes two bytes of anything, '|V2'. */
static ArrayType type_of(const char *descr) {
    static const char *const names[ARRAY_OTHER] = {[ARRAY_F16] = "<f2",
                                                   [ARRAY_BF16] = "|V2",
                                                   [ARRAY_F32] = "<f4",
                                                   [ARRAY_F64] = "<f8"};
    int type = 0;
    while (type < ARRAY_OTHER && strcmp(names[type], descr) != 0) {
        type++;
    }
    return strcmp(descr, "<V2") == 0 ? ARRAY_BF16 : (ArrayType)type;
}

static int bytes_of(ArrayType type) {
    return type == ARRAY_F64 ? 8 : type == ARRAY_F32 ? 4 : 2;
}

/* Elements, if their bytes are what there is; types that aren't read are believed. */
static bool count_elements(Array *array, double count, size_t bytes) {
    if (array->type != ARRAY_OTHER && count * bytes_of(array->type) != (double)bytes) {
        return false;
    }
    array->count = count < 9e15 && array->ndim <= ARRAY_NDIM ? (long)count : 0;
    array->bytes = (int64_t)bytes;
    return true;
}

/* The first bytes, up to the header's end. */
static bool npy_header(Span npy, Reader *r, size_t *elements) {
    Span header;
    if (npy.count < 12 || memcmp(npy.at, "\x93NUMPY", 6) != 0 || npy.at[6] < 1 ||
        npy.at[6] > 3 || npy.at[7] != 0) {
        return false;
    }
    const int width = npy.at[6] == 1 ? 2 : 4;
    const size_t begin = 8 + (size_t)width;
    if (!part_of(npy, begin, number_at(npy, 8, width), &header)) {
        return false;
    }
    r->at = (const char *)header.at;
    r->end = r->at + header.count;
    *elements = begin + header.count;
    return true;
}

static bool read_npy(Span npy, Array *array, Error *why) {
    Reader r = {.count = 1};
    bool fortran = false;
    size_t elements;
    if (!npy_header(npy, &r, &elements)) {
        return error_set(why, "array %s: damaged: no header of a .npy file",
                         array->name);
    }
    if (!read_dictionary(&r, array, &fortran)) {
        return error_set(why, "array %s: its header isn't understood", array->name);
    }
    array->type = type_of(array->kind);
    if (fortran && array->ndim >= 2) {
        return error_set(why,
                         "array %s is in Fortran's order, column by column: save it "
                         "anew with numpy.savez, after numpy.ascontiguousarray",
                         array->name);
    }
    array->at += (int64_t)elements;
    return count_elements(array, r.count, npy.count - elements) ||
           error_set(why, "array %s: damaged: its shape needs another number of bytes",
                     array->name);
}

/* ---- the archive ------------------------------------------------------ */

enum {
    LOCAL = 0x04034b50, /* "PK\3\4", a local header's first bytes; and so on */
    CENTRAL = 0x02014b50,
    END = 0x06054b50,
    END_64 = 0x06064b50,
    END_64_LOCATOR = 0x07064b50,
    LOCAL_BYTES = 30,
    CENTRAL_BYTES = 46,
    END_BYTES = 22,
    END_64_BYTES = 56,
    LOCATOR_BYTES = 20,
    STORED = 0
};

typedef struct {
    uint64_t entries, bytes, begin; /* of the central directory */
    uint64_t end;                   /* where what follows it begins */
} Directory;

/* The end record is the last 22 bytes, but for a comment of up to 65535. */
static bool find_end(Span zip, size_t *at) {
    for (size_t comment = 0; comment <= 65535 && zip.count >= END_BYTES + comment;
         comment++) {
        *at = zip.count - END_BYTES - comment;
        if (number_at(zip, *at, 4) == END && number_at(zip, *at + 20, 2) == comment) {
            return true;
        }
    }
    return false;
}

/* An archive that is too large for the end record, or one of PyTorch's, has another one
 * before it, and between them 20 bytes that say where. */
static bool read_end_64(Span zip, size_t end, Directory *d) {
    Span record;
    if (end < LOCATOR_BYTES || number_at(zip, end - 20, 4) != END_64_LOCATOR) {
        return false;
    }
    d->end = number_at(zip, end - 12, 8);
    if (d->end > end - LOCATOR_BYTES || !part_of(zip, d->end, END_64_BYTES, &record) ||
        number_at(record, 0, 4) != END_64) {
        return false;
    }
    d->entries = number_at(record, 32, 8);
    d->bytes = number_at(record, 40, 8);
    d->begin = number_at(record, 48, 8);
    return number_at(record, 24, 8) == d->entries;
}

/* Does it reach to what follows it? */
static bool is_whole(const Directory *d) {
    return d->begin <= d->end && d->bytes == d->end - d->begin &&
           d->entries <= d->bytes / CENTRAL_BYTES;
}

static bool find_directory(Span zip, Directory *d) {
    size_t end;
    if (!find_end(zip, &end)) {
        return false;
    }
    *d = (Directory){.entries = number_at(zip, end + 10, 2),
                     .bytes = number_at(zip, end + 12, 4),
                     .begin = number_at(zip, end + 16, 4),
                     .end = end};
    return is_whole(d) || (read_end_64(zip, end, d) && is_whole(d));
}

/* An entry of the central directory. */
typedef struct {
    unsigned flags, method;
    uint32_t checksum;
    uint64_t packed, size, begin; /* bytes in the archive, bytes, its local header */
    Span name;
} Entry;

/* A size that is 2^32 - 1 is in the extra field of kind 1: those of them that are, in
 * this order. */
static bool read_extra_64(Span extra, Entry *entry) {
    uint64_t *const wanted[3] = {&entry->size, &entry->packed, &entry->begin};
    size_t at = 0;
    while (at + 4 <= extra.count) {
        const uint64_t kind = number_at(extra, at, 2),
                       count = number_at(extra, at + 2, 2);
        Span field;
        if (!part_of(extra, at + 4, count, &field)) {
            return false;
        }
        size_t used = 0;
        for (int i = 0; kind == 1 && i < 3; i++) {
            if (*wanted[i] == 0xffffffff) {
                if (used + 8 > field.count) {
                    return false;
                }
                *wanted[i] = number_at(field, used, 8);
                used += 8;
            }
        }
        at += 4 + (size_t)count;
    }
    return true;
}

/* The entry at `at` of the directory; at becomes the next one's place. */
static bool read_entry(Span directory, uint64_t *at, Entry *entry) {
    Span fixed, extra;
    if (!part_of(directory, *at, CENTRAL_BYTES, &fixed) ||
        number_at(fixed, 0, 4) != CENTRAL) {
        return false;
    }
    const uint64_t name = number_at(fixed, 28, 2), more = number_at(fixed, 30, 2);
    *entry = (Entry){.flags = (unsigned)number_at(fixed, 8, 2),
                     .method = (unsigned)number_at(fixed, 10, 2),
                     .checksum = (uint32_t)number_at(fixed, 16, 4),
                     .packed = number_at(fixed, 20, 4),
                     .size = number_at(fixed, 24, 4),
                     .begin = number_at(fixed, 42, 4)};
    if (!part_of(directory, *at + CENTRAL_BYTES, name, &entry->name) ||
        !part_of(directory, *at + CENTRAL_BYTES + name, more, &extra)) {
        return false;
    }
    *at += CENTRAL_BYTES + name + more + number_at(fixed, 32, 2);
    return read_extra_64(extra, entry);
}

/* The member's bytes: behind its local header, whose lengths are its own. */
static bool find_bytes(Span members, const Entry *entry, Span *bytes, uint64_t *at) {
    Span local, name;
    if (!part_of(members, entry->begin, LOCAL_BYTES, &local) ||
        number_at(local, 0, 4) != LOCAL) {
        return false;
    }
    const uint64_t name_bytes = number_at(local, 26, 2);
    if (!part_of(members, entry->begin + LOCAL_BYTES, name_bytes, &name) ||
        name.count != entry->name.count ||
        memcmp(name.at, entry->name.at, name.count) != 0) {
        return false;
    }
    *at = entry->begin + LOCAL_BYTES + name_bytes + number_at(local, 28, 2);
    return part_of(members, *at, entry->size, bytes);
}

/* The member's name, without its ".npy". */
static bool name_array(const Entry *entry, Array *array, Error *why) {
    const size_t length = entry->name.count;
    const char *name = (const char *)entry->name.at;
    if (memchr(name, '\0', length) || length < 4 ||
        memcmp(name + length - 4, ".npy", 4) != 0) {
        return error_set(why, "member %.*s is no .npy file", (int)length, name);
    }
    if (length - 4 >= ARRAY_NAME) {
        return error_set(why, "the name %.*s is too long", (int)length, name);
    }
    snprintf(array->name, ARRAY_NAME, "%.*s", (int)(length - 4), name);
    return true;
}

static bool read_member(Span members, const Entry *entry, Array *array, Error *why) {
    Span npy;
    uint64_t at;
    *array = (Array){.ndim = 0};
    if (!name_array(entry, array, why)) {
        return false;
    }
    if (entry->method != STORED) {
        return error_set(why,
                         "array %s is compressed, which isn't read: save it anew with "
                         "numpy.savez(\"new.npz\", **numpy.load(\"old.npz\"))",
                         array->name);
    }
    if ((entry->flags & 1) != 0 || entry->packed != entry->size ||
        !find_bytes(members, entry, &npy, &at)) {
        return error_set(why, "array %s: damaged, or encrypted: its place is wrong",
                         array->name);
    }
    array->at = array->member = (int64_t)at;
    array->has_checksum = true;
    array->checksum = entry->checksum;
    return read_npy(npy, array, why);
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool check_names(const Array *arrays, int count, Error *why) {
    const char **names = allocate((size_t)count * sizeof *names, "names", why);
    bool ok = names != NULL;
    for (int i = 0; ok && i < count; i++) {
        names[i] = arrays[i].name;
    }
    if (ok) {
        qsort(names, (size_t)count, sizeof *names, by_name);
    }
    for (int i = 1; ok && i < count; i++) {
        ok = strcmp(names[i - 1], names[i]) != 0 ||
             error_set(why, "damaged: array %s is there twice", names[i]);
    }
    free(names);
    return ok;
}

static bool read_members(Span zip, const Directory *d, Array *arrays, int *count,
                         Error *why) {
    Span directory, members;
    uint64_t at = 0;
    if (!part_of(zip, d->begin, d->bytes, &directory) ||
        !part_of(zip, 0, d->begin, &members)) {
        bug("npz: a directory outside the archive");
    }
    for (uint64_t i = 0; i < d->entries; i++) {
        Entry entry;
        if (!read_entry(directory, &at, &entry)) {
            return error_set(why, "damaged: its directory of arrays is cut or wrong");
        }
        if (!read_member(members, &entry, &arrays[*count], why)) {
            return false;
        }
        ++*count;
    }
    return check_names(arrays, *count, why);
}

bool npz_list(const unsigned char *bytes, size_t size, Array **arrays, int *count,
              Error *why) {
    const Span zip = {bytes, size};
    Directory directory;
    *arrays = NULL;
    *count = 0;
    if (!find_directory(zip, &directory)) {
        return error_set(why, "damaged: a .npz file (a zip archive) without its end");
    }
    *arrays =
        allocate((size_t)directory.entries * sizeof **arrays, "a list of arrays", why);
    if (!*arrays) {
        return false;
    }
    if (!read_members(zip, &directory, *arrays, count, why)) {
        free(*arrays);
        *arrays = NULL;
        return false;
    }
    return true;
}

bool npz_pickle(const unsigned char *bytes, size_t size) {
    const Span zip = {bytes, size};
    Directory d;
    Span directory;
    Entry entry;
    uint64_t at = 0;
    if (!find_directory(zip, &d) || !part_of(zip, d.begin, d.bytes, &directory)) {
        return false;
    }
    while (read_entry(directory, &at, &entry)) {
        const size_t length = entry.name.count, word = strlen("data.pkl");
        if (length >= word &&
            memcmp(entry.name.at + length - word, "data.pkl", word) == 0) {
            return true;
        }
    }
    return false;
}
