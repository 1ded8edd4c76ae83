/* byte_messages.c: see byte_messages.h. */
#include "chapters/08_many_machines/program/byte_messages.h"

#include <string.h>

/* They travel as elements, a piece at a time. */
enum { PIECE = 256 };

static long elements(size_t bytes) {
    return (long)((bytes + sizeof(real) - 1) / sizeof(real));
}

void bytes_send(Group *group, int rank, const void *bytes, size_t count) {
    real piece[PIECE];
    for (size_t at = 0; at < count; at += sizeof piece) {
        const size_t here = count - at < sizeof piece ? count - at : sizeof piece;
        memset(piece, 0, sizeof piece);
        memcpy(piece, (const char *)bytes + at, here);
        group_send(group, (Message){rank, piece, elements(here), 0});
    }
}

void bytes_receive(Group *group, int rank, void *bytes, size_t count) {
    real piece[PIECE] = {0};
    for (size_t at = 0; at < count; at += sizeof piece) {
        const size_t here = count - at < sizeof piece ? count - at : sizeof piece;
        group_receive(group, (Message){rank, piece, elements(here), 0});
        memcpy((char *)bytes + at, piece, here);
    }
}
