/*
 * json.h: a strict reader of JSON (RFC 8259), for the headers of safetensors files and
 * the settings beside published weights.
 *
 * What the grammar doesn't have is refused: trailing text, a comma too many, a number
 * like 01 or .5. So are a name that an object has twice, integers beyond 64
 * bits, numbers beyond a double, half a surrogate pair, \u0000, and brackets more than
 * 64 deep. Bytes beyond ASCII are taken as they are.
 */
#pragma once

#include <stdint.h>

#include "common/error.h"

/* JSON_OTHER: a number with a fraction or an exponent, true, false, null: json_number
 * and json_flag tell. */
typedef enum {
    JSON_OBJECT,
    JSON_ARRAY,
    JSON_STRING,
    JSON_INTEGER,
    JSON_OTHER
} JsonKind;

typedef struct JsonValue {
    JsonKind kind;
    int count;                            /* an object's or array's members */
    int64_t integer;                      /* an integer's value */
    double number;                        /* any number's; 1: true, 0: false */
    bool is_number, is_flag;              /* is_flag: true or false */
    const char *text;                     /* a string, unescaped */
    const char *key;                      /* in an object: its name there */
    const struct JsonValue *parent;       /* whose member it is; NULL: the whole */
    const struct JsonValue *first, *next; /* its first member; its parent's next one */
} JsonValue;

/*
 * json_read: the value that the text is; to be freed with free(). `text` has a 0 after
 * its `bytes` bytes; strings are unescaped in place, so the value lives no longer
 * than the text. NULL and an error, which says what is wrong and at which byte.
 */
JsonValue *json_read(char *text, size_t bytes, Error *error);

/* json_get: the object's member of this name; NULL if there is none, or if it is no
 * object, or NULL. */
const JsonValue *json_get(const JsonValue *object, const char *key);

/* json_text: what a string says; NULL for any other value, and for NULL. */
const char *json_text(const JsonValue *value);

/* json_number: false, and *number untouched, if it is none, or NULL. json_flag: true or
 * false; `otherwise` for any other value, and for NULL. */
bool json_number(const JsonValue *value, double *number);
bool json_flag(const JsonValue *value, bool otherwise);
