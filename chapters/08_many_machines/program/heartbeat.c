/* heartbeat.c: see heartbeat.h. */
#define _DEFAULT_SOURCE /* getifaddrs */
#include "chapters/08_many_machines/program/heartbeat.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "chapters/05_vision_transformer/program/file_lock.h"
#include "chapters/08_many_machines/program/byte_messages.h"
#include "common/lesson/stopwatch.h"

enum {
    TICK_MS = 250,        /* between two beats */
    TOGETHER_MS = 1500,   /* within which ranks fail together */
    CONNECT_MS = 3000,    /* for one address */
    ACCEPT_MS = 20000,    /* for all ranks */
    TOLD_MS = 100,        /* for END to arrive */
    END_ITSELF_MS = 4000, /* for a rank to end when it is told to, or before it is */
    ADDRESSES = 8,
    USUAL_SILENCE_S = 30,
    USUAL_STILL_S = 300,
    FIRST_STILL_S = 3600, /* before one knows how long a step takes */
};

/* ---- what is said ---------------------------------------------------------------- */

typedef enum { BEAT, FAILED, BYE, END, END_IN_ORDER } Word;

/* Everything that goes over a connection. */
typedef struct {
    uint64_t token; /* a stranger doesn't know it */
    int32_t rank, word, place, waits;
    int64_t step;
    int32_t status;
    char text[sizeof((Error *)0)->text];
} Beat;

/* Rank 0's to the others, before. */
typedef struct {
    uint64_t token;
    double patience_s;
    uint32_t address[ADDRESSES]; /* as on the wire; 0: none */
    uint16_t port;               /* as on the wire; 0: rank 0 can't be connected to */
    char host[HEARTBEAT_HOST];
} Invitation;

/* What a rank knows of another: rank 0 of all, the others of rank 0. */
typedef struct {
    int fd; /* -1: none */
    char host[HEARTBEAT_HOST];
    Beat beat;    /* its last; */
    size_t bytes; /* and how much of the next has come */
    Beat next;
    double silent_s;         /* since it said something, */
    double here_s;           /* since its step or place changed, */
    double still_s;          /* since one of them changed, or it waited */
    bool gone, failed, left; /* closed; FAILED; BYE */
} Peer;

static HeartbeatPlan plan;
static bool open_now;
static int rank, size;
static uint64_t token;
static pthread_t thread;
static Peer *peers; /* (size) at rank 0; (1) elsewhere */
static char own_host[HEARTBEAT_HOST];
static double silence_limit_s, longest_step_s;
static bool was_stopped; /* this process, for so long that others gave it up */

static atomic_bool closing, said_bye, all_failed;
static int wake[2] = {-1, -1}; /* a pipe: what is written there ends a tick */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* of all below */
static HeartbeatPlace own_place;
static long own_step, tests = 1;
static atomic_bool own_failed;
static int own_status;
static char own_text[sizeof((Error *)0)->text];

void heartbeat_host(char host[HEARTBEAT_HOST]) {
    if (gethostname(host, HEARTBEAT_HOST) != 0 || host[0] == '\0') {
        snprintf(host, HEARTBEAT_HOST, "unknown");
    }
    host[HEARTBEAT_HOST - 1] = '\0';
}

/* ---- connections ----------------------------------------------------------------- */

static void close_it(int *fd) {
    if (*fd >= 0) {
        close(*fd);
    }
    *fd = -1;
}

static bool wait_for(int fd, short events, int ms) {
    struct pollfd one = {.fd = fd, .events = events};
    int result;
    do {
        result = poll(&one, 1, ms);
    } while (result < 0 && errno == EINTR);
    return result > 0;
}

/* A place that others can connect to; its port. */
static int listen_anywhere(uint16_t *port) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    address.sin_addr.s_addr = htonl(INADDR_ANY);
    if (fd >= 0 && (bind(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
                    listen(fd, SOMAXCONN) != 0 ||
                    getsockname(fd, (struct sockaddr *)&address, &length) != 0)) {
        close_it(&fd);
    }
    *port = fd >= 0 ? address.sin_port : 0;
    return fd;
}

/* This machine's addresses: first those of its network, then its own, 127.0.0.1. */
static void find_addresses(uint32_t address[ADDRESSES]) {
    struct ifaddrs *all = NULL;
    int count = 0;
    memset(address, 0, ADDRESSES * sizeof *address);
    if (getifaddrs(&all) != 0) {
        all = NULL;
    }
    for (struct ifaddrs *i = all; i && count < ADDRESSES - 1; i = i->ifa_next) {
        if (i->ifa_addr && i->ifa_addr->sa_family == AF_INET &&
            (i->ifa_flags & IFF_UP) && !(i->ifa_flags & IFF_LOOPBACK)) {
            struct sockaddr_in in;
            memcpy(&in, i->ifa_addr, sizeof in);
            address[count++] = in.sin_addr.s_addr;
        }
    }
    address[count] = htonl(INADDR_LOOPBACK);
    if (all) {
        freeifaddrs(all);
    }
}

/* -1: nobody answers there. */
static int connect_to(uint32_t address, uint16_t port) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = port};
    int problem = 0, fd = socket(AF_INET, SOCK_STREAM, 0);
    socklen_t length = sizeof problem;
    to.sin_addr.s_addr = address;
    if (fd < 0) {
        return -1;
    }
    fcntl(fd, F_SETFL, O_NONBLOCK);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) != 0 &&
        (errno != EINPROGRESS || !wait_for(fd, POLLOUT, CONNECT_MS) ||
         getsockopt(fd, SOL_SOCKET, SO_ERROR, &problem, &length) != 0 ||
         problem != 0)) {
        close_it(&fd);
    }
    return fd;
}

/* Never waits: a receiver that takes nothing gets nothing. */
static void say(int fd, Beat beat) {
    beat.token = token;
    beat.rank = rank;
    if (fd >= 0) {
        (void)!send(fd, &beat, sizeof beat, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
}

/* What has come; true for each whole beat. */
static bool hear(Peer *p) {
    if (p->fd < 0) {
        return false;
    }
    char *at = (char *)&p->next + p->bytes;
    const ssize_t got = recv(p->fd, at, sizeof p->next - p->bytes, MSG_DONTWAIT);
    if (got == 0 ||
        (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)) {
        p->gone = true;
        close_it(&p->fd);
        return false;
    }
    p->bytes += got > 0 ? (size_t)got : 0;
    if (p->bytes < sizeof p->next) {
        return false;
    }
    p->bytes = 0;
    return p->next.token == token;
}

/* ---- the beginning --------------------------------------------------------------- */

/* Short messages leave at once, and don't wait until earlier ones have arrived: the
 * last word of a process has to be out before it ends. */
static void send_at_once(int fd) {
    const int on = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

/* Rank 0: one that has connected; its first beat says who it is. */
static bool accept_one(int listener, double until_ms) {
    Peer guest = {.fd = -1};
    const double left = until_ms - stopwatch_ms();
    if (left <= 0 || !wait_for(listener, POLLIN, (int)left + 1)) {
        return false;
    }
    guest.fd = accept(listener, NULL, NULL);
    while (guest.fd >= 0 && stopwatch_ms() < until_ms) {
        wait_for(guest.fd, POLLIN, TICK_MS);
        if (hear(&guest) && guest.next.rank > 0 && guest.next.rank < size) {
            peers[guest.next.rank].fd = guest.fd;
            send_at_once(guest.fd);
            return true;
        }
        if (guest.bytes == 0) {
            break; /* nothing, or a stranger's */
        }
    }
    close_it(&guest.fd);
    return true;
}

static bool all_connected(void) {
    for (int r = 1; r < size; r++) {
        if (peers[r].fd < 0) {
            return false;
        }
    }
    return true;
}

/* Rank 0 hears from each rank whether it could connect, and accepts those. */
static bool receive_all(int listener, Error *error) {
    const double until = stopwatch_ms() + ACCEPT_MS;
    int stranger = 0;
    for (int r = 1; r < size; r++) {
        Beat hello;
        bytes_receive(plan.group, r, &hello, sizeof hello);
        memcpy(peers[r].host, hello.text, HEARTBEAT_HOST);
        stranger = hello.status == 0 && stranger == 0 ? r : stranger;
    }
    while (stranger == 0 && !all_connected() && accept_one(listener, until)) {
    }
    for (int r = 1; r < size && stranger == 0; r++) {
        stranger = peers[r].fd < 0 ? r : 0;
    }
    return stranger == 0 ||
           error_set(error,
                     "rank %d (%s) can't connect to rank 0 (%s), for heartbeats: is "
                     "there a firewall? --patience 0 goes without",
                     stranger, peers[stranger].host, own_host);
}

static bool open_first(Error *error) {
    Invitation invitation = {.patience_s = plan.patience_s};
    FILE *random = fopen("/dev/urandom", "rb");
    if (!random || fread(&token, sizeof token, 1, random) != 1) {
        token = (uint64_t)(stopwatch_ms() * 1e6) ^ (uint64_t)getpid() << 40;
    }
    if (random) {
        fclose(random);
    }
    int listener = listen_anywhere(&invitation.port);
    find_addresses(invitation.address);
    invitation.token = token;
    memcpy(invitation.host, own_host, sizeof own_host);
    for (int r = 1; r < size; r++) {
        bytes_send(plan.group, r, &invitation, sizeof invitation);
    }
    if (plan.patience_s < 0) {
        close_it(&listener);
        return true;
    }
    int32_t good = receive_all(listener, error) ? 1 : 0;
    close_it(&listener);
    for (int r = 1; r < size; r++) {
        bytes_send(plan.group, r, &good, sizeof good);
    }
    return good;
}

/* A rank on the same machine may be reached without a network; but two containers may
 * have the same name. */
static int connect_by(const Invitation *i) {
    int fd = -1;
    if (strcmp(i->host, own_host) == 0) {
        fd = connect_to(htonl(INADDR_LOOPBACK), i->port);
    }
    for (int a = 0; a < ADDRESSES && fd < 0; a++) {
        fd = i->address[a] ? connect_to(i->address[a], i->port) : -1;
    }
    return fd;
}

static bool open_other(Error *error) {
    Invitation invitation;
    int32_t good = 0;
    bytes_receive(plan.group, 0, &invitation, sizeof invitation);
    token = invitation.token;
    plan.patience_s = invitation.patience_s;
    memcpy(peers[0].host, invitation.host, sizeof own_host);
    if (plan.patience_s < 0) {
        return true;
    }
    peers[0].fd = invitation.port ? connect_by(&invitation) : -1;
    Beat hello = {.word = BEAT, .status = peers[0].fd >= 0};
    if (peers[0].fd >= 0) {
        send_at_once(peers[0].fd);
    }
    snprintf(hello.text, sizeof hello.text, "%s", own_host);
    say(peers[0].fd, hello);
    bytes_send(plan.group, 0, &hello, sizeof hello);
    bytes_receive(plan.group, 0, &good, sizeof good);
    return good || error_set(error, "no heartbeats");
}

/* ---- the end --------------------------------------------------------------------- */

/* One line, and the end of everything. Nothing half-written stays. */
static void end_with(int status, const char *line) {
    alarm(END_ITSELF_MS / 1000); /* whatever hangs below */
    signal(SIGALRM, SIG_DFL);
    if (line[0] != '\0') {
        fflush(stdout);
        fprintf(stderr, "%s: %s\n", plan.program, line);
    }
    for (int r = 0; r < (rank == 0 ? size : 0); r++) {
        say(peers[r].fd, (Beat){.word = END});
    }
    usleep(TOLD_MS * 1000);
    new_file_drop_at_signal();
    file_lock_drop_at_signal();
    if (plan.end_all) {
        plan.end_all(status);
    }
    _exit(status);
}

static const char *place_text(const Beat *b, char text[64]) {
    static const char *const places[] = {[AT_START] = "at the start",
                                         [AT_STEP] = "in step",
                                         [AT_TEST] = "in the test after step",
                                         [AT_SAVE] = "while it was saved after step"};
    if (b->place == AT_START || b->step < 0) {
        snprintf(text, 64, "%s", places[AT_START]);
    } else {
        snprintf(text, 64, "%s %lld", places[b->place], (long long)b->step);
    }
    return text;
}

typedef enum { GONE, SILENT, STILL, ALL_WAIT } Loss;

static void lost(int r, Loss loss, double seconds) {
    static const char *const why[] = {
        [GONE] = "its process has ended: killed, or crashed",
        [SILENT] = "nothing heard of it for %.0f s: stopped, or its network is down",
        [STILL] = "it has been there for %.0f s, and waits for nobody (--patience)",
        [ALL_WAIT] =
            "all ranks have waited for messages for %.0f s: is a network down?"};
    char where[64], text[128], line[sizeof(Error) + 256];
    const Peer *p = &peers[r];
    if (was_stopped) {
        end_with(1, ""); /* another rank has said which was the first */
    }
    snprintf(text, sizeof text, why[loss], seconds);
    snprintf(line, sizeof line, "rank %d (%s), %s: %s", r, p->host,
             place_text(&p->beat, where), text);
    end_with(1, line);
}

/* ---- what rank 0 makes of it ----------------------------------------------------- */

/* How long a rank may be where it is. */
static double still_limit(const Beat *b) {
    const double step =
        b->place == AT_TEST ? longest_step_s * (double)tests : longest_step_s;
    double limit = plan.patience_s > 0 ? plan.patience_s : USUAL_STILL_S;
    if (b->place == AT_START || b->place == AT_SAVE ||
        (plan.patience_s == HEARTBEAT_USUAL && longest_step_s == 0)) {
        return FIRST_STILL_S;
    }
    return 10 * step > limit ? 10 * step : limit;
}

/* Ranks that have failed: who, and do all say the same? */
static void judge_failures(double waited_s) {
    int failed = 0, first = -1;
    bool same = true;
    for (int r = 0; r < size; r++) {
        if (peers[r].failed) {
            first = first < 0 ? r : first;
            failed++;
            same = same && strcmp(peers[r].beat.text, peers[first].beat.text) == 0;
        }
    }
    if (failed == 0 || (failed < size && waited_s * 1e3 < TOGETHER_MS)) {
        return;
    }
    const Peer *p = &peers[first];
    char line[sizeof(Error) + 256], where[64];
    if (failed == size && same) {
        fflush(stdout);
        fprintf(stderr, "%s: %s\n", plan.program, p->beat.text);
        for (int r = 1; r < size; r++) {
            say(peers[r].fd, (Beat){.word = END_IN_ORDER});
        }
        all_failed = closing = true;
        return;
    }
    snprintf(line, sizeof line, "rank %d (%s), %s: %s", first, p->host,
             place_text(&p->beat, where), p->beat.text);
    end_with(p->beat.status, line);
}

static void judge_peer(int r) {
    const Peer *p = &peers[r];
    if (p->left || p->failed) {
        return;
    }
    if (p->gone) {
        lost(r, GONE, 0);
    }
    if (r > 0 && p->silent_s > silence_limit_s) {
        lost(r, SILENT, p->silent_s);
    }
    if (p->still_s > still_limit(&p->beat)) {
        lost(r, STILL, p->still_s);
    }
}

/* All wait, and nobody sends. */
static void judge_all(double dt_s) {
    static double all_wait_s;
    bool all = true;
    for (int r = 0; r < size; r++) {
        all = all && peers[r].beat.waits && peers[r].beat.step == peers[0].beat.step;
    }
    all_wait_s = all ? all_wait_s + dt_s : 0;
    if (all_wait_s > still_limit(&peers[0].beat)) {
        lost(0, ALL_WAIT, all_wait_s);
    }
}

/* A new beat of a rank. */
static void take(Peer *p, const Beat *b) {
    const bool moved = b->step != p->beat.step || b->place != p->beat.place;
    if (p == &peers[0] && b->place == AT_STEP && p->beat.place == AT_STEP && moved &&
        p->here_s > longest_step_s) {
        longest_step_s = p->here_s; /* or several short ones, within a tick */
    }
    p->here_s = moved ? 0 : p->here_s;
    p->silent_s = 0;
    p->still_s = moved || b->waits ? 0 : p->still_s;
    p->failed = p->failed || b->word == FAILED;
    p->left = p->left || b->word == BYE;
    p->beat = *b;
}

/* ---- the thread ------------------------------------------------------------------ */

static Word own_word(void) {
    if (closing) {
        return BYE;
    }
    return own_failed ? FAILED : BEAT;
}

static Beat own_beat(void) {
    static unsigned long turns_before;
    const unsigned long turns = plan.turns ? plan.turns() : 0;
    pthread_mutex_lock(&mutex);
    Beat b = {.word = (int32_t)own_word(),
              .place = (int32_t)own_place,
              .waits = turns != turns_before,
              .step = own_step,
              .status = own_status};
    memcpy(b.text, own_text, sizeof b.text);
    pthread_mutex_unlock(&mutex);
    turns_before = turns;
    return b;
}

/* What all others have said by now. */
static void listen_to_all(void) {
    for (int r = 0; r < (rank == 0 ? size : 1); r++) {
        while (hear(&peers[r])) {
            take(&peers[r], &peers[r].next);
        }
    }
}

/* A beat, to rank 0 or from it. */
static void beat(void) {
    Beat b = own_beat();
    const bool bye = b.word == BYE;
    if (rank == 0) {
        take(&peers[0], &b);
        b.word = bye ? BYE : BEAT;
    }
    for (int r = 0; r < (rank == 0 ? size : 1); r++) {
        say(peers[r].fd, b);
    }
    if (bye) {
        said_bye = true;
    }
}

/* Rank 0. */
static void judge(double dt_s) {
    static double failed_s;
    bool any = false;
    if (closing) {
        return;
    }
    for (int r = 0; r < size; r++) {
        any = any || peers[r].failed;
    }
    failed_s = any ? failed_s + dt_s : 0;
    judge_failures(failed_s);
    for (int r = 0; r < size && !closing; r++) {
        judge_peer(r);
    }
    if (!closing) {
        judge_all(dt_s);
    }
}

/* Another rank. If rank 0 is lost, rank 1 says so; the others wait until they are
 * ended, but not for ever. */
static void judge_first(double dt_s) {
    static double orphan_s;
    const Peer *p = &peers[0];
    if (p->beat.word == END) {
        usleep(END_ITSELF_MS * 1000 / 2); /* rank 0 ends all */
        _exit(1);
    }
    if (p->beat.word == END_IN_ORDER) {
        all_failed = closing = true;
    }
    if (p->left || closing || !(p->gone || p->silent_s > silence_limit_s)) {
        return;
    }
    orphan_s += dt_s;
    if (rank == 1 || orphan_s > 2 * rank) {
        lost(0, p->gone ? GONE : SILENT, p->silent_s);
    }
}

/* Until something is heard, at most so long. */
static void sleep_for(struct pollfd *fds, int count, double ms) {
    char woken;
    for (int r = 0; r < count; r++) {
        fds[r] = (struct pollfd){.fd = peers[r].fd, .events = POLLIN};
    }
    fds[count] = (struct pollfd){.fd = wake[0], .events = POLLIN};
    if (ms > 0 && poll(fds, (nfds_t)count + 1, (int)ms + 1) > 0 &&
        fds[count].revents != 0) {
        (void)!read(wake[0], &woken, 1);
    }
}

/* A process that was itself stopped for a while has heard nothing, and knows nothing:
 * of a long time only two ticks count. */
static void *beat_on(void *memory) {
    const int count = rank == 0 ? size : 1;
    double before = stopwatch_ms(), next_ms = before;
    Word said = BEAT;
    for (;;) {
        sleep_for(memory, count, next_ms - stopwatch_ms());
        const double now = stopwatch_ms(), passed = now - before;
        const double dt_s = (passed < 2 * TICK_MS ? passed : 2 * TICK_MS) / 1e3;
        before = now;
        was_stopped = was_stopped || passed > 1e3 * silence_limit_s;
        for (int r = 0; r < count; r++) {
            peers[r].silent_s += dt_s;
            peers[r].here_s += dt_s;
            peers[r].still_s += dt_s;
        }
        listen_to_all();
        if (now >= next_ms || own_word() != said) {
            said = own_word();
            beat();
            next_ms = now + TICK_MS;
        }
        if (rank == 0) {
            judge(dt_s);
        } else {
            judge_first(dt_s);
        }
    }
    return NULL;
}

static void wake_up(void) {
    (void)!write(wake[1], "", 1);
}

/* ---- what the rank says ---------------------------------------------------------- */

bool heartbeat_open(const HeartbeatPlan *p, Error *error) {
    plan = *p;
    rank = p->group->rank;
    size = p->group->size;
    if (size == 1) {
        return true;
    }
    const size_t count = rank == 0 ? (size_t)size : 1;
    struct pollfd *fds = allocate((count + 1) * sizeof *fds, "heartbeats", error);
    peers = allocate(count * sizeof *peers, "heartbeats", error);
    if (!fds || !peers) {
        bug("no memory for %zu heartbeats", count);
    }
    for (size_t r = 0; r < count; r++) {
        peers[r].fd = -1;
    }
    heartbeat_host(own_host);
    memcpy(peers[0].host, own_host, sizeof own_host);
    if (!(rank == 0 ? open_first(error) : open_other(error))) {
        return false;
    }
    if (plan.patience_s < 0) {
        return true;
    }
    silence_limit_s = plan.patience_s > 0 ? plan.patience_s : USUAL_SILENCE_S;
    open_now = pipe(wake) == 0 && pthread_create(&thread, NULL, beat_on, fds) == 0;
    return open_now || error_set(error, "there is no thread for heartbeats");
}

void heartbeat_at(HeartbeatPlace place, long step) {
    pthread_mutex_lock(&mutex);
    own_place = place;
    own_step = step;
    pthread_mutex_unlock(&mutex);
}

void heartbeat_tests(long steps) {
    pthread_mutex_lock(&mutex);
    tests = steps > 1 ? steps : 1;
    pthread_mutex_unlock(&mutex);
}

bool heartbeat_fail(int status, const char *why) {
    if (!open_now) {
        if (plan.group && size > 1) {
            fprintf(stderr, "%s: rank %d (%s): %s\n", plan.program, rank, own_host,
                    why);
            plan.end_all(status);
        }
        return false;
    }
    pthread_mutex_lock(&mutex);
    own_failed = true;
    own_status = status;
    snprintf(own_text, sizeof own_text, "%s", why);
    pthread_mutex_unlock(&mutex);
    wake_up();
    const double until = stopwatch_ms() + 2 * END_ITSELF_MS;
    while (stopwatch_ms() < until) {
        usleep(10 * 1000);
        if (all_failed) {
            return true;
        }
    }
    _exit(status);
}

void heartbeat_close(void) {
    if (!open_now) {
        return;
    }
    closing = true;
    wake_up();
    for (int i = 0; i < 2 * TICK_MS && !said_bye; i++) {
        usleep(1000);
    }
}
