/* peer.c: see peer.h. */
#include "tests/bench/peer.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/lesson/stopwatch.h"

double peer_patience_s = 600;

/* ---- who is running ------------------------------------------------------ */

enum { MAX_RUNNING = 16 };
static volatile pid_t running[MAX_RUNNING];

static void note(pid_t from, pid_t to) {
    for (int i = 0; i < MAX_RUNNING; i++) {
        if (running[i] == from) {
            running[i] = to;
            return;
        }
    }
}

static void end_all(int signal_number) {
    for (int i = 0; i < MAX_RUNNING; i++) {
        if (running[i] > 0) {
            kill(-running[i], SIGKILL);
        }
    }
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

void peers_end_with_us(void) {
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    signal(SIGPIPE, SIG_IGN); /* a child that died is an error, not our end */
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        if (signal(numbers[i], end_all) == SIG_IGN) {
            signal(numbers[i], SIG_IGN); /* as nohup wants it */
        }
    }
}

/* ---- lines --------------------------------------------------------------- */

/* Its exit status, once it has ended; it may have closed its output only. */
static int reap(Peer *peer) {
    int status = 0;
    for (int tenths = 0; tenths < 10; tenths++) {
        const pid_t ended = waitpid(peer->pid, &status, WNOHANG);
        if (ended == peer->pid || (ended < 0 && errno != EINTR)) {
            kill(-peer->pid, SIGKILL); /* what it has started */
            note(peer->pid, 0);
            peer->pid = 0;
            close(peer->to);
            close(peer->from);
            return status;
        }
        poll(NULL, 0, 100);
    }
    peer_kill(peer);
    return 0;
}

static bool report_death(Peer *peer, Error *error) {
    const int status = reap(peer);
    if (WIFSIGNALED(status)) {
        return error_set(error, "%s died: signal %d%s", peer->name, WTERMSIG(status),
                         WTERMSIG(status) == SIGKILL ? " (out of memory?)" : "");
    }
    return error_set(error, "%s ended without an answer: exit status %d", peer->name,
                     WEXITSTATUS(status));
}

/* One byte of the child's; 0 at the end, -1 and an error after too long a wait. */
static int read_byte(Peer *peer, double until_ms, char *byte, Error *error) {
    for (;;) {
        struct pollfd wanted = {.fd = peer->from, .events = POLLIN};
        const double left_ms = until_ms - stopwatch_ms();
        const int ready = left_ms > 0 ? poll(&wanted, 1, (int)ceil(left_ms)) : 0;
        if (ready == 0) {
            error_set(error, "%s: no answer within %g s", peer->name, peer_patience_s);
            return -1;
        }
        const ssize_t got = ready > 0 ? read(peer->from, byte, 1) : -1;
        if (got >= 0) {
            return (int)got;
        }
        if (errno != EINTR) {
            error_set(error, "%s: %s", peer->name, strerror(errno));
            return -1;
        }
    }
}

/* What follows a word and a space; NULL if the line begins otherwise. */
static const char *after(const char *line, const char *word) {
    const size_t length = strlen(word);
    if (strncmp(line, word, length) != 0 ||
        (line[length] != ' ' && line[length] != '\0')) {
        return NULL;
    }
    return line + length + (line[length] == ' ');
}

/* The child's next line, without its newline; what doesn't fit is dropped, and what
 * can't be printed is a question mark. */
static bool read_line(Peer *peer, char *line, size_t size, Error *error) {
    const double until_ms = stopwatch_ms() + 1e3 * peer_patience_s;
    size_t length = 0;
    for (char byte;;) {
        const int got = read_byte(peer, until_ms, &byte, error);
        if (got < 0) {
            peer_kill(peer);
            return false;
        }
        if (got == 0) {
            return report_death(peer, error);
        }
        if (byte == '\n') {
            line[length] = '\0';
            break;
        }
        if (length + 1 < size) {
            line[length++] = byte >= ' ' && byte <= '~' ? byte : '?';
        }
    }
    const char *why = after(line, "failed");
    return !why || error_set(error, "%s: %.300s", peer->name, why);
}

static bool write_line(Peer *peer, const char *request, Error *error) {
    char line[200];
    snprintf(line, sizeof line, "%s\n", request);
    for (size_t done = 0, all = strlen(line); done < all;) {
        const ssize_t written = write(peer->to, line + done, all - done);
        if (written < 0 && errno != EINTR) {
            return report_death(peer, error); /* its pipe is closed: EPIPE */
        }
        done += written > 0 ? (size_t)written : 0;
    }
    return true;
}

/* ---- starting and ending ------------------------------------------------- */

/* In the child: become argv, in a process group of its own. Without that program, say
 * so in the words of the protocol. */
static _Noreturn void become(char *const argv[], int in, int out) {
    setpgid(0, 0);
    if (dup2(in, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0) {
        signal(SIGPIPE, SIG_DFL);
        execvp(argv[0], argv);
    }
    dprintf(out, "skipped can't run %s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

/* Two pipes, closed in whatever is executed: the next child mustn't hold them. */
static bool make_pipes(int in[2], int out[2], Error *error) {
    if (pipe(in) != 0) {
        return error_set(error, "no pipe: %s", strerror(errno));
    }
    if (pipe(out) != 0) {
        close(in[0]);
        close(in[1]);
        return error_set(error, "no pipe: %s", strerror(errno));
    }
    for (int i = 0; i < 2; i++) {
        fcntl(in[i], F_SETFD, FD_CLOEXEC);
        fcntl(out[i], F_SETFD, FD_CLOEXEC);
    }
    return true;
}

static bool launch(Peer *peer, char *const argv[], Error *error) {
    int in[2], out[2];
    if (!make_pipes(in, out, error)) {
        return false;
    }
    fflush(NULL); /* or the child may write what is buffered once more */
    peer->pid = fork();
    if (peer->pid == 0) {
        become(argv, in[0], out[1]);
    }
    close(in[0]);
    close(out[1]);
    peer->to = in[1];
    peer->from = out[0];
    if (peer->pid < 0) {
        peer->pid = 0;
        close(peer->to);
        close(peer->from);
        return error_set(error, "%s: no process: %s", peer->name, strerror(errno));
    }
    setpgid(peer->pid, peer->pid); /* whichever of us is first */
    note(0, peer->pid);
    return true;
}

bool peer_start(Peer *peer, const char *name, char *const argv[], Error *error) {
    char line[480];
    *peer = (Peer){0};
    snprintf(peer->name, sizeof peer->name, "%s", name);
    if (!launch(peer, argv, error) || !read_line(peer, line, sizeof line, error)) {
        return false;
    }
    const char *ready = after(line, "ready"), *skipped = after(line, "skipped");
    if (!ready && !skipped) {
        peer_kill(peer);
        return error_set(error, "%s: \"%.80s\" is no \"ready\"", name, line);
    }
    peer->skipped = skipped != NULL;
    snprintf(peer->words, sizeof peer->words, "%.399s", ready ? ready : skipped);
    if (peer->skipped) {
        peer_kill(peer);
    }
    return true;
}

void peer_kill(Peer *peer) {
    if (peer->pid > 0) {
        kill(-peer->pid, SIGKILL);
        kill(peer->pid, SIGKILL);
        while (waitpid(peer->pid, NULL, 0) < 0 && errno == EINTR) {
        }
        note(peer->pid, 0);
        close(peer->to);
        close(peer->from);
        peer->pid = 0;
    }
}

void peer_end(Peer *peer) {
    if (peer->pid > 0) {
        (void)reap(peer);
    }
}

/* ---- asking -------------------------------------------------------------- */

bool peer_ask(Peer *peer, const char *request, char *answer, size_t size,
              Error *error) {
    return write_line(peer, request, error) && read_line(peer, answer, size, error);
}

/* Exactly `count` finite numbers, and nothing else. */
static bool read_numbers(const char *line, double *numbers, int count) {
    for (int i = 0; i < count; i++) {
        char *end;
        numbers[i] = strtod(line, &end);
        if (end == line || !isfinite(numbers[i]) || (*end != ' ' && *end != '\0')) {
            return false;
        }
        line = end;
    }
    return *line == '\0';
}

bool peer_numbers(Peer *peer, const char *request, double *numbers, int count,
                  Error *error) {
    char line[200];
    if (!peer_ask(peer, request, line, sizeof line, error)) {
        return false;
    }
    return read_numbers(line, numbers, count) ||
           error_set(error, "%s: \"%.80s\" is no answer to %s", peer->name, line,
                     request);
}

bool peer_go(Peer *peer, double seconds, double *per_second, Error *error) {
    char request[40];
    double got[2]; /* how much, in how many seconds */
    const double start_ms = stopwatch_ms();
    snprintf(request, sizeof request, "go %.6f", seconds);
    if (!peer_numbers(peer, request, got, 2, error)) {
        return false;
    }
    const double turn = (stopwatch_ms() - start_ms) / 1e3;
    if (!(got[0] > 0) || !(got[1] >= 0.999 * seconds) || !(got[1] <= 1.01 * turn)) {
        return error_set(error, "%s: %g in %g s can't be: its turn of %g s took %.3g s",
                         peer->name, got[0], got[1], seconds, turn);
    }
    *per_second = got[0] / got[1];
    return true;
}
