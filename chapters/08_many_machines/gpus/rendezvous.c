/* rendezvous.c: see rendezvous.h. */
#include "chapters/08_many_machines/gpus/rendezvous.h"

#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "common/lesson/stopwatch.h"

/* ---- the place ------------------------------------------------------------------- */

static bool read_whole(const char *name, long least, long largest, int *value,
                       Error *error) {
    const char *text = getenv(name);
    char *end = NULL;
    if (!text || !*text) {
        return error_set(error,
                         "%s isn't set: torchrun and Kubernetes set RANK, "
                         "WORLD_SIZE, LOCAL_RANK, MASTER_ADDR and MASTER_PORT",
                         name);
    }
    errno = 0;
    const long number = strtol(text, &end, 10);
    if (errno || *end || number < least || number > largest) {
        return error_set(error, "%s is \"%.40s\": want a whole number from %ld to %ld",
                         name, text, least, largest);
    }
    *value = (int)number;
    return true;
}

/* torchrun may keep MASTER_PORT for a service of its own; then the next one is ours. */
static bool port_is_torchruns(void) {
    const char *says = getenv("TORCHELASTIC_USE_AGENT_STORE");
    return says && strcmp(says, "True") == 0;
}

bool place_read(Place *p, Error *error) {
    *p = (Place){.size = 1};
    if (!getenv("RANK") && !getenv("WORLD_SIZE")) {
        return true;
    }
    if (!read_whole("WORLD_SIZE", 1, MAX_PLACES, &p->size, error) ||
        !read_whole("RANK", 0, p->size - 1, &p->rank, error) ||
        (getenv("LOCAL_RANK") &&
         !read_whole("LOCAL_RANK", 0, MAX_PLACES, &p->local_rank, error))) {
        return false;
    }
    if (p->size == 1) {
        return true;
    }
    const char *address = getenv("MASTER_ADDR");
    if (!address || !*address || strlen(address) >= sizeof p->address) {
        return error_set(error, "MASTER_ADDR isn't set, or too long: it names rank 0's "
                                "machine");
    }
    strcpy(p->address, address);
    if (!read_whole("MASTER_PORT", 1, 65534, &p->port, error)) {
        return false;
    }
    p->port += port_is_torchruns();
    return true;
}

/* ---- sockets --------------------------------------------------------------------- */

enum { HELLO_BYTES = 128, ANSWER_BYTES = 640, PAUSE_MS = 50, SHORT_MS = 3000 };
static const char hello_begins[] = "vision-transformer-rank";
static const char answer_begins[] = "vision-transformer-rank-0";

static int left_ms(double until) {
    const double left = until - stopwatch_ms();
    return left <= 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left + 1;
}

static void pause_a_little(void) {
    nanosleep(&(struct timespec){0, PAUSE_MS * 1000000L}, NULL);
}

/* Calls that wait longer than that fail. */
static void set_patience(int fd, int ms) {
    const struct timeval t = {ms / 1000, ms % 1000 * 1000};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof t);
}

/* A machine that is gone, with nobody left to close its sockets, is noticed after
 * 20 s. */
static void keep_alive(int fd) {
    const int on = 1, idle = 5, interval = 5, count = 3;
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static bool send_all(int fd, const void *data, size_t bytes) {
    const char *at = data;
    while (bytes > 0) {
        const ssize_t n = send(fd, at, bytes, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return false;
        }
        at += n;
        bytes -= (size_t)n;
    }
    return true;
}

/* 1: all of it; 0: the other side has closed it; -1: nothing came in time. */
static int receive_all(int fd, void *data, size_t bytes) {
    char *at = data;
    while (bytes > 0) {
        const ssize_t n = recv(fd, at, bytes, 0);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return n == 0 || errno == ECONNRESET ? 0 : -1;
        }
        at += n;
        bytes -= (size_t)n;
    }
    return 1;
}

/* ---- rank 0 ---------------------------------------------------------------------- */

/* For both kinds of addresses where the system has both. -1: errno says why. */
static int listen_at(int port) {
    const int on = 1, off = 0;
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0), got = -1;
    if (fd >= 0) {
        const struct sockaddr_in6 any = {.sin6_family = AF_INET6,
                                         .sin6_addr = in6addr_any,
                                         .sin6_port = htons((uint16_t)port)};
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
        got = bind(fd, (const struct sockaddr *)&any, sizeof any);
    }
    if (got != 0 && errno != EADDRINUSE) { /* no IPv6 here */
        const struct sockaddr_in any = {.sin_family = AF_INET,
                                        .sin_port = htons((uint16_t)port)};
        if (fd >= 0) {
            close(fd);
        }
        fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0) {
            return -1;
        }
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        got = bind(fd, (const struct sockaddr *)&any, sizeof any);
    }
    if (got != 0 || listen(fd, 128) != 0) {
        const int why = errno;
        close(fd);
        errno = why;
        return -1;
    }
    return fd;
}

static bool answer(int fd, const char *verdict, const char *text) {
    char bytes[ANSWER_BYTES] = {0};
    snprintf(bytes, sizeof bytes, "%s %s %s", answer_begins, verdict, text);
    return send_all(fd, bytes, sizeof bytes);
}

/* What a rank that has come says of itself; false: it is none. */
typedef struct {
    int rank, size;
    char program[64];
} Hello;

static bool read_hello(int fd, Hello *hello) {
    char bytes[HELLO_BYTES + 1] = {0}, begins[40];
    set_patience(fd, SHORT_MS);
    return receive_all(fd, bytes, HELLO_BYTES) == 1 &&
           sscanf(bytes, "%39s %d %d %63s", begins, &hello->rank, &hello->size,
                  hello->program) == 4 &&
           strcmp(begins, hello_begins) == 0;
}

/* Is it one of those that rank 0 waits for? */
static bool belongs(const Rendezvous *r, const Hello *hello, const char *program,
                    Error *error) {
    if (strcmp(hello->program, program) != 0) {
        return error_set(error,
                         "rank %d is another program: \"%s\", rank 0 is \"%s\": all "
                         "ranks must have the same build",
                         hello->rank, hello->program, program);
    }
    if (hello->size != r->size) {
        return error_set(error,
                         "rank %d was told that there are %d ranks, rank 0 that there "
                         "are %d (WORLD_SIZE)",
                         hello->rank, hello->size, r->size);
    }
    if (hello->rank <= 0 || hello->rank >= r->size) {
        return error_set(error, "a second process says that it is rank %d (RANK)",
                         hello->rank);
    }
    return r->sockets[hello->rank] < 0 ||
           error_set(error, "two processes say that they are rank %d (RANK)",
                     hello->rank);
}

/* "ranks 1, 2 and 5" that haven't come; the first few. */
static void name_missing(const Rendezvous *r, char *text, size_t bytes) {
    size_t used = 0;
    int named = 0;
    for (int i = 1; i < r->size && used + 16 < bytes; i++) {
        if (r->sockets[i] < 0 && named < 8) {
            used += (size_t)snprintf(text + used, bytes - used, "%s%d",
                                     named++ ? ", " : "", i);
        } else if (r->sockets[i] < 0) {
            snprintf(text + used, bytes - used, ", ...");
            return;
        }
    }
}

static bool accept_ranks(Rendezvous *r, int listener, const char *program,
                         double patience_s, Error *error) {
    const double until = stopwatch_ms() + 1e3 * patience_s;
    int come = 0, strangers = 0;
    while (come < r->size - 1) {
        struct pollfd wait = {.fd = listener, .events = POLLIN};
        Hello hello;
        if (left_ms(until) == 0) {
            char missing[100] = "";
            name_missing(r, missing, sizeof missing);
            return error_set(error,
                             "rank 0: %d of %d other ranks came within %g s; missing: "
                             "%s%s",
                             come, r->size - 1, patience_s, missing,
                             strangers ? " (something that is no rank came, too)" : "");
        }
        if (poll(&wait, 1, left_ms(until)) <= 0) {
            continue;
        }
        const int fd = accept(listener, NULL, NULL);
        if (fd < 0) {
            continue;
        }
        if (!read_hello(fd, &hello)) {
            strangers++;
            close(fd);
            continue;
        }
        if (!belongs(r, &hello, program, error)) {
            answer(fd, "no", error->text);
            close(fd);
            return false;
        }
        keep_alive(fd);
        r->sockets[hello.rank] = fd;
        come++;
    }
    return true;
}

static bool meet_as_first(Rendezvous *r, const Place *place, const char *program,
                          const void *word, size_t bytes, double patience_s,
                          Error *error) {
    const int listener = listen_at(place->port);
    if (listener < 0) {
        return error_set(error, "rank 0 can't listen at port %d (MASTER_PORT): %s",
                         place->port, strerror(errno));
    }
    const bool ok = accept_ranks(r, listener, program, patience_s, error);
    close(listener);
    for (int i = 1; i < r->size; i++) {
        if (r->sockets[i] >= 0) {
            answer(r->sockets[i], ok ? "yes" : "no", ok ? "" : error->text);
        }
        if (ok && !send_all(r->sockets[i], word, bytes)) {
            return error_set(error, "rank %d has ended before training began", i);
        }
    }
    return ok;
}

/* ---- the other ranks ------------------------------------------------------------- */

/* One try at each of its addresses; -1, and why. */
static int connect_to(const Place *place, int ms, const char **why) {
    struct addrinfo want = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    char port[16];
    int fd = -1;
    snprintf(port, sizeof port, "%d", place->port);
    const int got = getaddrinfo(place->address, port, &want, &found);
    *why = got ? gai_strerror(got) : "";
    for (const struct addrinfo *a = got ? NULL : found; a && fd < 0; a = a->ai_next) {
        fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd >= 0) {
            set_patience(fd, ms);
        }
        if (fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen) != 0) {
            *why = strerror(errno == EINPROGRESS ? ETIMEDOUT : errno);
            close(fd);
            fd = -1;
        }
    }
    if (found) {
        freeaddrinfo(found);
    }
    return fd;
}

static int connect_until(const Place *place, double until, double patience_s,
                         Error *error) {
    for (;;) {
        const char *why = "";
        const int left = left_ms(until);
        const int fd =
            connect_to(place, left < SHORT_MS ? left + 1 : (int)SHORT_MS, &why);
        if (fd >= 0) {
            return fd;
        }
        if (left_ms(until) == 0) {
            error_set(
                error,
                "rank %d: nobody listens at %s port %d after %g s (%s): is rank 0 "
                "running there? (MASTER_ADDR, MASTER_PORT)",
                place->rank, place->address, place->port, patience_s, why);
            return -1;
        }
        pause_a_little();
    }
}

/* What rank 0 says: let in, or why not. */
static bool read_answer(int fd, const Place *place, Error *error) {
    char bytes[ANSWER_BYTES + 1] = {0};
    const size_t begins = strlen(answer_begins);
    const int got = receive_all(fd, bytes, ANSWER_BYTES);
    const char *verdict = bytes + begins;
    if (got < 0) {
        return error_set(error, "rank %d: rank 0 at %s port %d doesn't answer",
                         place->rank, place->address, place->port);
    }
    if (got == 1 && strncmp(bytes, answer_begins, begins) == 0 &&
        strncmp(verdict, " no ", 4) == 0) {
        return error_set(error, "rank %d: rank 0 has ended: %.400s", place->rank,
                         verdict + 4);
    }
    if (got == 1 && strncmp(bytes, answer_begins, begins) == 0) {
        return true;
    }
    return error_set(
        error,
        "rank %d: what listens at %s port %d is not rank 0 of this program, "
        "or has ended (MASTER_ADDR, MASTER_PORT)",
        place->rank, place->address, place->port);
}

static bool meet_as_other(Rendezvous *r, const Place *place, const char *program,
                          void *word, size_t bytes, double patience_s, Error *error) {
    const double until = stopwatch_ms() + 1e3 * patience_s;
    char hello[HELLO_BYTES] = {0};
    const int fd = connect_until(place, until, patience_s, error);
    if (fd < 0) {
        return false;
    }
    r->sockets[0] = fd;
    keep_alive(fd);
    set_patience(fd, left_ms(until) + SHORT_MS); /* rank 0 waits for all the others */
    snprintf(hello, sizeof hello, "%s %d %d %.60s", hello_begins, place->rank,
             place->size, program);
    (void)send_all(fd, hello, sizeof hello); /* the answer says whether it came */
    if (!read_answer(fd, place, error)) {
        return false;
    }
    return receive_all(fd, word, bytes) == 1 ||
           error_set(error, "rank %d: rank 0 has ended before training began",
                     place->rank);
}

/* ---- all ------------------------------------------------------------------------- */

static void close_all(Rendezvous *r) {
    for (int i = 0; r->sockets && i < r->size; i++) {
        if (r->sockets[i] >= 0) {
            close(r->sockets[i]);
        }
    }
    free(r->sockets);
    r->sockets = NULL;
}

bool rendezvous_meet(Rendezvous *r, const Place *place, const char *program, void *word,
                     size_t bytes, double patience_s, Error *error) {
    *r = (Rendezvous){.rank = place->rank, .size = place->size};
    r->sockets = allocate((size_t)r->size * sizeof(int), "sockets", error);
    if (!r->sockets) {
        return false;
    }
    for (int i = 0; i < r->size; i++) {
        r->sockets[i] = -1;
    }
    if (place->size == 1) {
        return true;
    }
    const bool ok =
        place->rank == 0
            ? meet_as_first(r, place, program, word, bytes, patience_s, error)
            : meet_as_other(r, place, program, word, bytes, patience_s, error);
    if (!ok) {
        close_all(r);
    }
    return ok;
}

/* One letter is a word between ranks: that all is well, or that all are to end. */
enum { WELL = 'w', ENDS = 'e' };

static void tell_all(Rendezvous *r, char word) {
    for (int i = 0; i < r->size; i++) {
        if (r->sockets[i] >= 0) {
            set_patience(r->sockets[i], SHORT_MS);
            (void)send_all(r->sockets[i], &word, 1);
        }
    }
}

/* What has happened at rank i's socket. */
static Lookout look_at(Rendezvous *r, int i, Error *why) {
    char word = 0;
    ssize_t n;
    do {
        n = recv(r->sockets[i], &word, 1, MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        return ALL_WELL;
    }
    if (n == 1 && word == ENDS) {
        return RANK_ENDED;
    }
    close(r->sockets[i]);
    r->sockets[i] = -1;
    if (n == 1 && word == WELL) {
        return ALL_WELL; /* it has done its work */
    }
    error_set(why, "rank %d has gone: killed, or its machine or network is", i);
    return RANK_LOST;
}

Lookout rendezvous_look(Rendezvous *r, Error *why) {
    for (int i = 0; r->sockets && i < r->size; i++) {
        const Lookout seen = r->sockets[i] >= 0 ? look_at(r, i, why) : ALL_WELL;
        if (seen != ALL_WELL) {
            return seen;
        }
    }
    return ALL_WELL;
}

void rendezvous_end(Rendezvous *r, const char *why) {
    if (r->sockets) {
        tell_all(r, why ? ENDS : WELL);
        close_all(r);
    }
}
