/* number.c: see number.h. */
#include "common/files/number.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

bool number_read(const char *text, double *value) {
    if (*text == '\0' || text[strspn(text, "0123456789.+-eE")] != '\0') {
        return false;
    }
    char *end;
    errno = 0;
    const double number = strtod(text, &end);
    const bool tiny = number != 0 && fabs(number) < 1; /* a denormal: ERANGE too */
    if (*end != '\0' || end == text || (errno != 0 && !tiny)) {
        return false;
    }
    *value = number;
    return true;
}

bool number_read_whole(const char *text, long min, long max, long *value) {
    const size_t sign = *text == '-' ? 1 : 0;
    if (text[sign] == '\0' || text[sign + strspn(text + sign, "0123456789")] != '\0') {
        return false;
    }
    errno = 0;
    const long number = strtol(text, NULL, 10);
    if (errno != 0 || number < min || number > max) {
        return false;
    }
    *value = number;
    return true;
}
