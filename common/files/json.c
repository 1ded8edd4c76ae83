/* json.c: see json.h. Recursive descent: one function for each rule of the grammar. */
#include "common/files/json.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DEPTH = 64 };

typedef struct {
    char *text, *at;   /* all of it, and the next byte; a 0 follows the last one */
    JsonValue *values; /* in the order of the text; there is room for all */
    int count;
    Error *error;
} Reader;

static bool wrong(Reader *r, const char *why) {
    return error_set(r->error, "%s, at byte %ld", why, (long)(r->at - r->text));
}

/* Is this word next, spaces aside? If so, go on after it. */
static bool take(Reader *r, const char *word) {
    const size_t length = strlen(word);
    r->at += strspn(r->at, " \t\r\n");
    if (strncmp(r->at, word, length) != 0) {
        return false;
    }
    r->at += length;
    r->at += strspn(r->at, " \t\r\n");
    return true;
}

/* The four digits of \uXXXX. */
static bool read_hex(Reader *r, uint32_t *code) {
    char digits[5] = "";
    if (strspn(r->at, "0123456789abcdefABCDEF") < 4) {
        return wrong(r, "no four digits after \\u");
    }
    memcpy(digits, r->at, 4);
    *code = (uint32_t)strtoul(digits, NULL, 16);
    r->at += 4;
    return true;
}

/* What follows a backslash. A character beyond 16 bits is two \u, a surrogate pair. */
static bool read_escape(Reader *r, uint32_t *code) {
    const char *names = "\"\\/bfnrtu", *meanings = "\"\\/\b\f\n\r\t";
    const char *found = *r->at ? strchr(names, *r->at) : NULL;
    uint32_t low = 0;
    if (!found) {
        return wrong(r, "an unknown escape");
    }
    r->at++;
    if (*found != 'u') {
        *code = (uint32_t)meanings[found - names];
        return true;
    }
    if (!read_hex(r, code)) {
        return false;
    }
    if (*code >> 10 == 0xd800 >> 10 && strncmp(r->at, "\\u", 2) == 0) {
        r->at += 2;
        if (!read_hex(r, &low) || low >> 10 != 0xdc00 >> 10) {
            return wrong(r, "half a surrogate pair");
        }
        *code = 0x10000 + ((*code & 0x3ff) << 10 | (low & 0x3ff));
    }
    return (*code > 0 && *code >> 11 != 0xd800 >> 11) ||
           wrong(r, "an escape that is no character");
}

static char *put_utf8(char *to, uint32_t code) {
    static const unsigned first[] = {0, 0, 0xc0, 0xe0, 0xf0};
    const int bytes = 1 + (code >= 0x80) + (code >= 0x800) + (code >= 0x10000);
    for (int i = bytes - 1; i > 0; i--, code >>= 6) {
        to[i] = (char)(0x80 | (code & 0x3f));
    }
    to[0] = (char)(first[bytes] | code);
    return to + bytes;
}

/* Unescaped it is shorter than escaped and in quotes, so there is room for its 0. */
static bool read_string(Reader *r, const char **text) {
    if (*r->at != '"') {
        return wrong(r, "a string was expected");
    }
    char *to = ++r->at;
    *text = to;
    while (*r->at != '"') {
        uint32_t code = 0;
        if ((unsigned char)*r->at < ' ') {
            return wrong(r, "a string without an end, or a control character in it");
        }
        if (*r->at != '\\') {
            *to++ = *r->at++;
            continue;
        }
        r->at++;
        if (!read_escape(r, &code)) {
            return false;
        }
        to = put_utf8(to, code);
    }
    r->at++;
    *to = '\0';
    return true;
}

static bool read_number(Reader *r, JsonValue *value) {
    const char *digits = "0123456789", *at = r->at + (*r->at == '-');
    const size_t whole = strspn(at, digits);
    char *end;
    if (whole == 0 || (whole > 1 && *at == '0') ||
        (at[whole] == '.' && strspn(at + whole + 1, digits) == 0)) {
        return wrong(r, "a value was expected");
    }
    errno = 0;
    value->kind = JSON_INTEGER;
    value->integer = strtoll(r->at, &end, 10);
    bool ok = errno == 0;
    value->is_number = true;
    value->number = (double)value->integer;
    if (*end == '.' || *end == 'e' || *end == 'E') {
        value->kind = JSON_OTHER;
        value->number = strtod(r->at, &end);
        ok = isfinite(value->number);
    }
    r->at = end;
    return ok || wrong(r, "a number that is too large");
}

static bool read_value(Reader *r, const JsonValue *parent, const char *key, int depth);

/* The members of an object or array, after the bracket that opens it. */
static bool read_members(Reader *r, JsonValue *parent, const char *close, int depth) {
    const JsonValue **link = &parent->first;
    if (depth == MAX_DEPTH) {
        return wrong(r, "too many brackets in brackets");
    }
    while (parent->count > 0 || *r->at != *close) {
        JsonValue *member = &r->values[r->count];
        const char *key = NULL;
        if (parent->kind == JSON_OBJECT && !read_string(r, &key)) {
            return false;
        }
        if (key && !take(r, ":")) {
            return wrong(r, "a colon was expected");
        }
        if (!read_value(r, parent, key, depth + 1)) {
            return false;
        }
        *link = member;
        link = &member->next;
        parent->count++;
        if (!take(r, ",")) {
            break;
        }
    }
    return take(r, close) || wrong(r, "a comma or the bracket's end was expected");
}

static bool read_value(Reader *r, const JsonValue *parent, const char *key, int depth) {
    JsonValue *value = &r->values[r->count++];
    *value = (JsonValue){.kind = JSON_OTHER, .parent = parent, .key = key};
    if (take(r, "{")) {
        value->kind = JSON_OBJECT;
        return read_members(r, value, "}", depth);
    }
    if (take(r, "[")) {
        value->kind = JSON_ARRAY;
        return read_members(r, value, "]", depth);
    }
    if (*r->at == '"') {
        value->kind = JSON_STRING;
        return read_string(r, &value->text);
    }
    const bool is_true = take(r, "true");
    value->is_flag = is_true || take(r, "false");
    value->number = is_true ? 1 : 0;
    return value->is_flag || take(r, "null") || read_number(r, value);
}

static int by_parent_and_key(const void *a, const void *b) {
    const JsonValue *const *x = a, *const *y = b;
    if ((*x)->parent != (*y)->parent) {
        return (*x)->parent > (*y)->parent ? 1 : -1;
    }
    return strcmp((*x)->key, (*y)->key);
}

/* Sorted, two members of one name are neighbours. */
static bool check_names(Reader *r) {
    size_t count = 0;
    bool ok = true;
    const JsonValue **named =
        allocate((size_t)r->count * sizeof(void *), "a header's names", r->error);
    if (!named) {
        return false;
    }
    for (int i = 0; i < r->count; i++) {
        named[count] = &r->values[i];
        count += r->values[i].key != NULL;
    }
    qsort(named, count, sizeof(void *), by_parent_and_key);
    for (size_t i = 1; ok && i < count; i++) {
        ok = by_parent_and_key(&named[i - 1], &named[i]) != 0 ||
             error_set(r->error, "the name \"%.64s\" is there twice", named[i]->key);
    }
    free(named);
    return ok;
}

JsonValue *json_read(char *text, size_t bytes, Error *error) {
    Reader r = {.text = text, .at = text, .error = error};
    size_t values = 1; /* one of these precedes each but the first */
    for (size_t i = 0; i < bytes; i++) {
        values += text[i] == '[' || text[i] == ',' || text[i] == ':';
    }
    r.values = allocate(values * sizeof *r.values, "a header's values", error);
    if (!r.values) {
        return NULL;
    }
    bool ok = read_value(&r, NULL, NULL, 0) && take(&r, ""); /* spaces */
    if (ok && r.at != text + bytes) {
        ok = wrong(&r, "text behind its end");
    }
    if (!ok || !check_names(&r)) {
        free(r.values);
        return NULL;
    }
    return r.values;
}

const JsonValue *json_get(const JsonValue *object, const char *key) {
    const bool is_object = object && object->kind == JSON_OBJECT;
    const JsonValue *member = is_object ? object->first : NULL;
    while (member && strcmp(member->key, key) != 0) {
        member = member->next;
    }
    return member;
}

const char *json_text(const JsonValue *value) {
    return value && value->kind == JSON_STRING ? value->text : NULL;
}

bool json_number(const JsonValue *value, double *number) {
    if (!value || !value->is_number) {
        return false;
    }
    *number = value->number;
    return true;
}

bool json_flag(const JsonValue *value, bool otherwise) {
    return value && value->is_flag ? value->number != 0 : otherwise;
}
