/* heartbeat_peers.c: see heartbeat_peers.h. */
#define _DEFAULT_SOURCE /* getifaddrs */
#include "chapters/08_many_machines/program/heartbeat_peers.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "chapters/08_many_machines/program/byte_messages.h"
#include "common/lesson/stopwatch.h"

enum {
    LOOK_MS = 250,     /* for a guest's first word */
    CONNECT_MS = 3000, /* for one address */
    ACCEPT_MS = 20000, /* for all ranks */
    ADDRESSES = 8,
};

/* Rank 0's to the others, over the group. */
typedef struct {
    uint64_t token;
    double patience_s;
    uint32_t address[ADDRESSES]; /* as on the wire; 0: none */
    uint16_t port;               /* as on the wire; 0: rank 0 can't be connected to */
    char host[HEARTBEAT_HOST];
} Invitation;

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

void peers_say(const Peers *peers, int to, Beat beat) {
    const int fd = peers->all[to].fd;
    beat.token = peers->token;
    beat.rank = peers->rank;
    if (fd >= 0) {
        (void)!send(fd, &beat, sizeof beat, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
}

static bool hear(Peer *p, uint64_t token) {
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

bool peers_hear(Peers *peers, int from) {
    return hear(&peers->all[from], peers->token);
}

/* ---- the beginning --------------------------------------------------------------- */

/* Short messages leave at once, and don't wait until earlier ones have arrived: the
 * last word of a process has to be out before it ends. */
static void send_at_once(int fd) {
    const int on = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

/* Rank 0: one that has connected; its first beat says who it is. */
static bool accept_one(Peers *peers, int listener, double until_ms) {
    Peer guest = {.fd = -1};
    const double left = until_ms - stopwatch_ms();
    if (left <= 0 || !wait_for(listener, POLLIN, (int)left + 1)) {
        return false;
    }
    guest.fd = accept(listener, NULL, NULL);
    while (guest.fd >= 0 && stopwatch_ms() < until_ms) {
        wait_for(guest.fd, POLLIN, LOOK_MS);
        if (hear(&guest, peers->token) && guest.next.rank > 0 &&
            guest.next.rank < peers->size) {
            peers->all[guest.next.rank].fd = guest.fd;
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

static bool all_connected(const Peers *peers) {
    for (int r = 1; r < peers->size; r++) {
        if (peers->all[r].fd < 0) {
            return false;
        }
    }
    return true;
}

/* Rank 0 hears from each rank whether it could connect, and accepts those. */
static bool receive_all(Peers *peers, Group *group, int listener, Error *error) {
    const double until = stopwatch_ms() + ACCEPT_MS;
    int stranger = 0;
    for (int r = 1; r < peers->size; r++) {
        Beat hello;
        bytes_receive(group, r, &hello, sizeof hello);
        memcpy(peers->all[r].host, hello.text, HEARTBEAT_HOST);
        stranger = hello.status == 0 && stranger == 0 ? r : stranger;
    }
    while (stranger == 0 && !all_connected(peers) &&
           accept_one(peers, listener, until)) {
    }
    for (int r = 1; r < peers->size && stranger == 0; r++) {
        stranger = peers->all[r].fd < 0 ? r : 0;
    }
    return stranger == 0 ||
           error_set(error,
                     "rank %d (%s) can't connect to rank 0 (%s), for heartbeats: is "
                     "there a firewall? --patience 0 goes without",
                     stranger, peers->all[stranger].host, peers->own_host);
}

static bool open_first(Peers *peers, Group *group, Error *error) {
    Invitation invitation = {.patience_s = peers->patience_s};
    FILE *random = fopen("/dev/urandom", "rb");
    if (!random || fread(&peers->token, sizeof peers->token, 1, random) != 1) {
        peers->token = (uint64_t)(stopwatch_ms() * 1e6) ^ (uint64_t)getpid() << 40;
    }
    if (random) {
        fclose(random);
    }
    int listener = listen_anywhere(&invitation.port);
    find_addresses(invitation.address);
    invitation.token = peers->token;
    memcpy(invitation.host, peers->own_host, sizeof peers->own_host);
    for (int r = 1; r < peers->size; r++) {
        bytes_send(group, r, &invitation, sizeof invitation);
    }
    if (peers->patience_s < 0) {
        close_it(&listener);
        return true;
    }
    int32_t good = receive_all(peers, group, listener, error) ? 1 : 0;
    close_it(&listener);
    for (int r = 1; r < peers->size; r++) {
        bytes_send(group, r, &good, sizeof good);
    }
    return good;
}

/* A rank on the same machine may be reached without a network; but two containers may
 * have the same name. */
static int connect_by(const Peers *peers, const Invitation *i) {
    int fd = -1;
    if (strcmp(i->host, peers->own_host) == 0) {
        fd = connect_to(htonl(INADDR_LOOPBACK), i->port);
    }
    for (int a = 0; a < ADDRESSES && fd < 0; a++) {
        fd = i->address[a] ? connect_to(i->address[a], i->port) : -1;
    }
    return fd;
}

static bool open_other(Peers *peers, Group *group, Error *error) {
    Invitation invitation;
    int32_t good = 0;
    bytes_receive(group, 0, &invitation, sizeof invitation);
    peers->token = invitation.token;
    peers->patience_s = invitation.patience_s;
    memcpy(peers->all[0].host, invitation.host, sizeof peers->own_host);
    if (peers->patience_s < 0) {
        return true;
    }
    peers->all[0].fd = invitation.port ? connect_by(peers, &invitation) : -1;
    Beat hello = {.word = BEAT, .status = peers->all[0].fd >= 0};
    if (peers->all[0].fd >= 0) {
        send_at_once(peers->all[0].fd);
    }
    snprintf(hello.text, sizeof hello.text, "%s", peers->own_host);
    peers_say(peers, 0, hello);
    bytes_send(group, 0, &hello, sizeof hello);
    bytes_receive(group, 0, &good, sizeof good);
    return good || error_set(error, "no heartbeats");
}

bool peers_open(Peers *peers, Group *group, double patience_s, Error *error) {
    const int count = group->rank == 0 ? group->size : 1;
    *peers = (Peers){.rank = group->rank,
                     .size = group->size,
                     .count = count,
                     .patience_s = patience_s};
    peers->all = allocate((size_t)count * sizeof *peers->all, "heartbeats", error);
    if (!peers->all) {
        bug("no memory for %d heartbeats", count);
    }
    for (int r = 0; r < count; r++) {
        peers->all[r].fd = -1;
    }
    heartbeat_host(peers->own_host);
    memcpy(peers->all[0].host, peers->own_host, sizeof peers->own_host);
    return peers->rank == 0 ? open_first(peers, group, error)
                            : open_other(peers, group, error);
}
