/*
 * fuzz_peer.c: what the benchmark's children say. The input is what is in the
 * child's pipe; there is no child: killing it and waiting for it do nothing.
 */
#include <signal.h>
#include <sys/wait.h>

static int no_kill(int pid, int signal_number) {
    (void)pid;
    return signal_number == SIGKILL ? 0 : -1;
}
static int no_wait(int pid, int *status, int options) {
    if (status) {
        *status = 0;
    }
    (void)options;
    return pid;
}
#define kill no_kill
#define waitpid no_wait
#include "../bench/peer.c"
#undef kill
#undef waitpid

#include <stdlib.h>

#include "tests/fuzz/fuzz.h"

void fuzz_setup(void) {
}

/* A peer whose pipe holds these bytes, and then ends. */
static Peer child_that_said(const unsigned char *bytes, size_t count) {
    int ends[2];
    Peer peer = {.pid = 999999999, .name = "child"}; /* nobody's */
    if (pipe(ends) != 0 || write(ends[1], bytes, count) != (ssize_t)count) {
        perror("fuzz: a pipe");
        exit(2);
    }
    close(ends[1]);
    peer.from = ends[0];
    peer.to = open("/dev/null", O_WRONLY);
    return peer;
}

void fuzz_input(const unsigned char *bytes, size_t count) {
    Error error = {""};
    double numbers[2] = {1, 1};
    if (count < 1 || count > 4096) {
        return;
    }
    Peer peer = child_that_said(bytes + 1, count - 1);
    if (bytes[0] & 1) {
        const bool ok = peer_go(&peer, 1e-9, numbers, &error);
        fuzz_must_tell(ok, &error);
        fuzz_must(!ok || (isfinite(numbers[0]) && numbers[0] > 0),
                  "a speed is a number above 0");
    } else {
        const bool ok = peer_numbers(&peer, "quit", numbers, 2, &error);
        fuzz_must_tell(ok, &error);
        fuzz_must(!ok || (isfinite(numbers[0]) && isfinite(numbers[1])),
                  "an answer's numbers are finite");
    }
    peer_kill(&peer);
}

void fuzz_seeds(void) {
    static const char *const seeds[] = {"112 0.01\n", "0123.4 99.5\n", "1nan 1\n",
                                        "1\n",        "01e999 -1\n",   "1failed why\n",
                                        "1no newline"};
    for (size_t i = 0; i < sizeof seeds / sizeof seeds[0]; i++) {
        fuzz_seed(seeds[i], strlen(seeds[i]));
    }
}
