/*
 * delay_switch: a network's switch and its cables, as a program: a frame that one port
 * sends arrives at another DELAY_MS later. For `make network`, where the kernel has no
 * netem, which would do the same.
 *
 *     delay_switch DELAY_MS MBIT_PER_S NAMESPACE...
 *
 * Each network namespace (see ip-netns) gets an interface net0 that is a port of the
 * switch: a TAP device, whose frames a program reads and writes. Port i, from 1 on, has
 * the address 02:00:00:00:00:i, so that nothing needs to be learned: a frame says where
 * it goes. What goes out at a port keeps to the rate, too: two ranks that send to a
 * third share its cable. The way in is shaped by the kernel (tc tbf), before it comes
 * here.
 *
 * It ends when its standard input does, and the interfaces with it.
 */
#define _GNU_SOURCE /* setns, ppoll */
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum { PORTS = 65, FRAME_BYTES = 9100, QUEUE_BYTES = 64 << 20 };

/* A frame on its way to a port. */
typedef struct Frame {
    struct Frame *next;
    double due; /* ms */
    size_t bytes;
    unsigned char data[];
} Frame;

typedef struct {
    int file;
    Frame *first, **last;
    size_t queued; /* bytes */
    double free;   /* ms: until then the cable is busy */
} Port;

static Port ports[PORTS];
static int port_count;
static double delay_ms, bytes_per_ms;

static double now_ms(void) {
    struct timespec moment;
    clock_gettime(CLOCK_MONOTONIC, &moment);
    return 1e3 * (double)moment.tv_sec + 1e-6 * (double)moment.tv_nsec;
}

/* One line, status 1. */
static void fail(const char *what, const char *name) {
    fprintf(stderr, "delay_switch: %s %s: %s\n", what, name, strerror(errno));
    exit(1);
}

/* ---- ports ----------------------------------------------------------------------- */

/* A TAP device belongs to the namespace in which it was asked for. */
static void open_port(const char *namespace) {
    char path[200];
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
    snprintf(path, sizeof path, "/run/netns/%s", namespace);
    const int there = open(path, O_RDONLY | O_CLOEXEC);
    if (there < 0 || setns(there, CLONE_NEWNET) != 0) {
        fail("can't enter", path);
    }
    close(there);
    const int file = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    strcpy(request.ifr_name, "net0");
    if (file < 0 || ioctl(file, TUNSETIFF, &request) != 0) {
        fail("can't make a TAP device in", namespace);
    }
    ports[port_count] = (Port){.file = file};
    ports[port_count].last = &ports[port_count].first;
    port_count++;
}

/* ---- frames ---------------------------------------------------------------------- */

/* The cable is busy from when a frame leaves until all of it has left. A queue that is
 * full loses what comes: TCP sends it again. */
static void enqueue(Port *to, const unsigned char *data, size_t bytes, double now) {
    if (to->queued + bytes > QUEUE_BYTES) {
        return;
    }
    Frame *frame = malloc(sizeof *frame + bytes);
    if (!frame) {
        fail("no memory for", "a frame");
    }
    const double arrives = now + delay_ms;
    frame->next = NULL;
    frame->bytes = bytes;
    frame->due = arrives > to->free ? arrives : to->free;
    memcpy(frame->data, data, bytes);
    to->free = frame->due + (double)bytes / bytes_per_ms;
    to->queued += bytes;
    *to->last = frame;
    to->last = &frame->next;
}

static void receive(int from) {
    unsigned char data[FRAME_BYTES];
    ssize_t bytes;
    while ((bytes = read(ports[from].file, data, sizeof data)) >= 14) {
        const double now = now_ms();
        const bool to_all = data[0] & 1;
        for (int p = 0; p < port_count; p++) {
            if (p != from && (to_all || data[5] == p + 1)) {
                enqueue(&ports[p], data, (size_t)bytes, now);
            }
        }
    }
}

/* What is due leaves. A frame that the port doesn't take (it is down) is lost. */
static void send_due(Port *port, double now) {
    while (port->first && port->first->due <= now) {
        Frame *frame = port->first;
        if (write(port->file, frame->data, frame->bytes) < 0 && errno == EAGAIN) {
            return;
        }
        port->first = frame->next;
        if (!port->first) {
            port->last = &port->first;
        }
        port->queued -= frame->bytes;
        free(frame);
    }
}

/* When the next frame is due; or in a second. */
static struct timespec until_next(double now) {
    double next = now + 1000;
    for (int p = 0; p < port_count; p++) {
        if (ports[p].first && ports[p].first->due < next) {
            next = ports[p].first->due;
        }
    }
    const double ms = next > now ? next - now : 0;
    const long seconds = (long)(ms / 1e3);
    return (struct timespec){seconds, (long)((ms - 1e3 * (double)seconds) * 1e6)};
}

static void run(void) {
    struct pollfd files[PORTS + 1];
    for (int p = 0; p < port_count; p++) {
        files[p] = (struct pollfd){.fd = ports[p].file, .events = POLLIN};
    }
    files[port_count] = (struct pollfd){.fd = 0, .events = POLLIN};
    while (files[port_count].revents == 0) {
        const struct timespec wait = until_next(now_ms());
        if (ppoll(files, (nfds_t)port_count + 1, &wait, NULL) < 0 && errno != EINTR) {
            fail("can't wait for", "frames");
        }
        for (int p = 0; p < port_count; p++) {
            if (files[p].revents) {
                receive(p);
            }
        }
        for (int p = 0; p < port_count; p++) {
            send_due(&ports[p], now_ms());
        }
    }
}

int main(int argc, char **argv) {
    if (argc < 4 || argc - 3 > PORTS || atof(argv[1]) < 0 || atof(argv[2]) <= 0) {
        fprintf(stderr, "usage: delay_switch DELAY_MS MBIT_PER_S NAMESPACE...\n");
        return 2;
    }
    delay_ms = atof(argv[1]);
    bytes_per_ms = atof(argv[2]) * 1e6 / 8 / 1e3;
    for (int i = 3; i < argc; i++) {
        open_port(argv[i]);
    }
    /* Ranks that poll must not make the network slower: it comes first, if we may. And
     * timers go off when asked, not up to 50 microseconds later. */
    sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){.sched_priority = 1});
    prctl(PR_SET_TIMERSLACK, 1);
    run();
    return 0;
}
