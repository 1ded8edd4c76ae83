/* peer.c: see peer.h. */
#include "peer.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "stopwatch.h"

/* ---- lines --------------------------------------------------------------- */

/* How the child ended, once its pipe has. */
static bool report_death(Peer *peer, Error *error) {
    int status = 0;
    const pid_t pid = peer->pid;
    kill(pid, SIGKILL); /* it may only have closed its output */
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    peer->pid = 0;
    close(peer->to);
    close(peer->from);
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
            error_set(error, "%s: no answer within %d s", peer->name, PEER_PATIENCE_S);
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

/* The child's next line, without its newline; what doesn't fit is dropped. */
static bool read_line(Peer *peer, char *line, size_t size, Error *error) {
    const double until_ms = stopwatch_ms() + 1e3 * PEER_PATIENCE_S;
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
            return true;
        }
        if (length + 1 < size) {
            line[length++] = byte;
        }
    }
}

static bool write_line(Peer *peer, const char *line, Error *error) {
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

/* In the child: become argv. Without it, say so in the words of the protocol. */
static _Noreturn void become(char *const argv[], int in, int out) {
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
    return true;
}

bool peer_start(Peer *peer, const char *name, char *const argv[], Error *error) {
    char line[480];
    *peer = (Peer){0};
    snprintf(peer->name, sizeof peer->name, "%s", name);
    if (!launch(peer, argv, error) || !read_line(peer, line, sizeof line, error)) {
        return false;
    }
    const bool ready = strncmp(line, "ready", 5) == 0;
    peer->skipped = strncmp(line, "skipped ", 8) == 0;
    if (!ready && !peer->skipped) {
        peer_kill(peer);
        return error_set(error, "%s: \"%.80s\" is no \"ready\"", name, line);
    }
    const char *words = line + (ready ? 5 : 8);
    snprintf(peer->words, sizeof peer->words, "%.399s", words + (*words == ' '));
    if (peer->skipped) {
        peer_kill(peer);
    }
    return true;
}

void peer_kill(Peer *peer) {
    if (peer->pid > 0) {
        kill(peer->pid, SIGKILL);
        while (waitpid(peer->pid, NULL, 0) < 0 && errno == EINTR) {
        }
        close(peer->to);
        close(peer->from);
        peer->pid = 0;
    }
}

/* ---- asking -------------------------------------------------------------- */

bool peer_go(Peer *peer, double seconds, double *images_per_s, Error *error) {
    char line[80];
    snprintf(line, sizeof line, "go %g\n", seconds);
    if (!write_line(peer, line, error) || !read_line(peer, line, sizeof line, error)) {
        return false;
    }
    if (sscanf(line, "%lf", images_per_s) != 1 || !(*images_per_s > 0) ||
        !isfinite(*images_per_s)) {
        return error_set(error, "%s: \"%s\" is no number of images", peer->name, line);
    }
    return true;
}

bool peer_quit(Peer *peer, double *peak_mb, double *base_mb, Error *error) {
    char line[80];
    if (!write_line(peer, "quit\n", error) ||
        !read_line(peer, line, sizeof line, error)) {
        return false;
    }
    peer_kill(peer); /* it has said all that there is to say */
    if (sscanf(line, "%lf %lf", peak_mb, base_mb) != 2) {
        return error_set(error, "%s: \"%s\" is no memory", peer->name, line);
    }
    return true;
}
