/*
 * stream.c: see stream.h.
 *
 * The expected images have positions 0, 1, ... of an order. Position p is read into
 * slot p % ring, once the image that was there before has been given back. Threads take
 * some positions at a time, one after the other. All of this is behind one lock;
 * reading is not.
 */
#include "chapters/05_vision_transformer/own_data/stream.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "chapters/05_vision_transformer/own_data/convert.h"
#include "common/lesson/stopwatch.h"

/* UNWANTED: it is being read, but who wants it has read it himself. */
typedef enum { FREE, READING, READY, UNWANTED } SlotState;

enum { AT_ONCE = 16 }; /* positions that a thread takes, of pixels that are decoded */

typedef struct {
    ImageSource source; /* first: a Stream is an ImageSource */
    StreamPlan plan;
    size_t bytes; /* of an image */
    pthread_t *thread;
    int started; /* threads */

    pthread_mutex_t lock;
    pthread_cond_t work, ready; /* for the threads; for who asks */
    int *order, *place; /* the image at a position; an image's position, or -1 */
    int expected, next; /* positions; the next that no thread has taken */
    int at_once;        /* positions that a thread takes */
    int reading;        /* how many threads are */
    int idle, waiting;  /* threads without work; callers without their image */
    bool ending;
    SlotState *state;     /* (ring) */
    unsigned char *slots; /* (ring, bytes) */
    unsigned char *black; /* (bytes) what is given where there is no memory */
    double waited_ms;
    bool failed;
    Error error; /* the first */
} Stream;

/* ---- reading --------------------------------------------------------------------- */

/* Without the lock. */
static void note_failure(Stream *s, const Error *error) {
    pthread_mutex_lock(&s->lock);
    if (!s->failed) {
        s->failed = true;
        s->error = *error;
    }
    pthread_mutex_unlock(&s->lock);
}

/* Without the lock. An image that can't be had is black, and noted. */
static void read_image(Stream *s, int index, unsigned char *pixels) {
    const StreamPlan *p = &s->plan;
    Error error;
    const bool ok = p->spool.file >= 0
                        ? spool_get(&p->spool, index, s->bytes, pixels, &error)
                        : convert_file(p->path[index], p->channels, p->height, p->width,
                                       pixels, &error);
    if (ok) {
        return;
    }
    memset(pixels, 0, s->bytes);
    note_failure(s, &error);
}

/* How many positions can be taken: as many as a thread takes, or all that are left, if
 * their slots are free; else 0. Images that were asked for before their turn are passed
 * over. */
static int positions_to_take(Stream *s) {
    while (s->next < s->expected && s->place[s->order[s->next]] != s->next) {
        s->next++;
    }
    const int left = s->expected - s->next;
    const int count = left < s->at_once ? left : s->at_once;
    for (int i = 0; i < count; i++) {
        if (s->state[(s->next + i) % s->plan.ring] != FREE) {
            return 0;
        }
    }
    return count;
}

/* Without the lock, but where it begins and ends. */
static void read_positions(Stream *s, int first, int count) {
    int index[AT_ONCE];
    for (int i = 0; i < count; i++) {
        const int position = first + i;
        const bool asked = s->place[s->order[position]] != position;
        index[i] = asked ? -1 : s->order[position];
        s->state[position % s->plan.ring] = asked ? UNWANTED : READING;
    }
    s->reading++;
    pthread_mutex_unlock(&s->lock);
    for (int i = 0; i < count; i++) {
        const int slot = (first + i) % s->plan.ring;
        if (index[i] >= 0) {
            read_image(s, index[i], s->slots + (size_t)slot * s->bytes);
        }
    }
    pthread_mutex_lock(&s->lock);
    for (int i = 0; i < count; i++) {
        SlotState *state = &s->state[(first + i) % s->plan.ring];
        *state = *state == UNWANTED ? FREE : READY;
    }
    s->reading--;
    if (s->waiting > 0) {
        pthread_cond_broadcast(&s->ready);
    }
}

static void *work(void *stream) {
    Stream *s = stream;
    pthread_mutex_lock(&s->lock);
    while (!s->ending) {
        const int count = positions_to_take(s), first = s->next;
        if (count == 0) {
            s->idle++;
            pthread_cond_wait(&s->work, &s->lock);
            s->idle--;
            continue;
        }
        s->next += count;
        read_positions(s, first, count);
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

/* ---- asking ---------------------------------------------------------------------- */

/* Read by the caller, into memory of its own. */
static const unsigned char *read_now(Stream *s, int index) {
    unsigned char *pixels = malloc(s->bytes);
    if (!pixels) {
        Error error;
        error_set(&error, "%.300s: no memory to read it again", s->plan.path[index]);
        note_failure(s, &error);
        return s->black;
    }
    read_image(s, index, pixels);
    return pixels;
}

static void wait_ready(Stream *s) {
    s->waiting++;
    pthread_cond_wait(&s->ready, &s->lock);
    s->waiting--;
}

/* The slot of an expected image, when it is ready; -1: the caller had better read it:
 * no thread has begun with it, or to read it again takes less time than to wait. */
static int slot_of(Stream *s, int index) {
    const int position = s->place[index];
    s->place[index] = -1; /* each expected image is asked for once */
    if (position < 0 || position >= s->next) {
        return -1;
    }
    const int slot = position % s->plan.ring;
    if (s->plan.spool.file >= 0 && s->state[slot] == READING) {
        s->state[slot] = UNWANTED;
        return -1;
    }
    while (s->state[slot] != READY) {
        wait_ready(s);
    }
    return slot;
}

static const unsigned char *get(ImageSource *source, int index) {
    Stream *s = (Stream *)source;
    pthread_mutex_lock(&s->lock);
    const int position = s->place[index];
    const bool there = position >= 0 && position < s->next &&
                       s->state[position % s->plan.ring] == READY;
    const double begin = there ? 0 : stopwatch_ms();
    const int slot = slot_of(s, index);
    pthread_mutex_unlock(&s->lock);
    const unsigned char *pixels =
        slot >= 0 ? s->slots + (size_t)slot * s->bytes : read_now(s, index);
    if (!there) {
        pthread_mutex_lock(&s->lock);
        s->waited_ms += stopwatch_ms() - begin;
        pthread_mutex_unlock(&s->lock);
    }
    return pixels;
}

static void give_back(ImageSource *source, const unsigned char *pixels) {
    Stream *s = (Stream *)source;
    const uintptr_t at = (uintptr_t)pixels, slots = (uintptr_t)s->slots;
    if (pixels == s->black) {
        return;
    }
    if (at < slots || at >= slots + (size_t)s->plan.ring * s->bytes) {
        free((void *)pixels); /* read_now's */
        return;
    }
    pthread_mutex_lock(&s->lock);
    s->state[(at - slots) / s->bytes] = FREE;
    if (s->idle > 0 && positions_to_take(s) > 0) {
        pthread_cond_signal(&s->work);
    }
    pthread_mutex_unlock(&s->lock);
}

/* Nobody has an image at this time. What was read for the last order is dropped. */
static void expect(ImageSource *source, const int *indices, int count) {
    Stream *s = (Stream *)source;
    pthread_mutex_lock(&s->lock);
    s->expected = s->next; /* no more of the last order */
    while (s->reading > 0) {
        wait_ready(s);
    }
    for (int i = 0; i < s->plan.ring; i++) {
        s->state[i] = FREE;
    }
    for (int i = 0; i < s->plan.count; i++) {
        s->place[i] = -1;
    }
    for (int p = 0; p < count; p++) {
        s->order[p] = indices ? indices[p] : p;
        s->place[s->order[p]] = p;
    }
    s->expected = count;
    s->next = 0;
    pthread_cond_broadcast(&s->work);
    pthread_mutex_unlock(&s->lock);
}

bool stream_check(ImageSource *source, Error *error) {
    Stream *s = (Stream *)source;
    if (!s) {
        return true;
    }
    pthread_mutex_lock(&s->lock);
    const bool failed = s->failed;
    if (failed) {
        *error = s->error;
    }
    pthread_mutex_unlock(&s->lock);
    return !failed;
}

double stream_waited(ImageSource *source) {
    Stream *s = (Stream *)source;
    if (!s) {
        return 0;
    }
    pthread_mutex_lock(&s->lock);
    const double seconds = s->waited_ms / 1e3;
    pthread_mutex_unlock(&s->lock);
    return seconds;
}

/* ---- making and freeing ---------------------------------------------------------- */

static void plan_free(StreamPlan *plan) {
    for (int i = 0; i < plan->count; i++) {
        free(plan->path[i]);
    }
    free(plan->path);
    spool_free(&plan->spool);
}

static void stream_free(ImageSource *source) {
    Stream *s = (Stream *)source;
    pthread_mutex_lock(&s->lock);
    s->ending = true;
    pthread_cond_broadcast(&s->work);
    pthread_mutex_unlock(&s->lock);
    for (int i = 0; i < s->started; i++) {
        pthread_join(s->thread[i], NULL);
    }
    pthread_cond_destroy(&s->work);
    pthread_cond_destroy(&s->ready);
    pthread_mutex_destroy(&s->lock);
    plan_free(&s->plan);
    free(s->thread);
    free(s->order);
    free(s->place);
    free(s->state);
    free(s->slots);
    free(s->black);
    free(s);
}

/* Signals are the main thread's: these have them blocked. */
static bool start_threads(Stream *s) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool ok = true;
    for (int i = 0; ok && i < s->plan.threads; i++) {
        ok = pthread_create(&s->thread[i], NULL, work, s) == 0;
        s->started += ok;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return s->started > 0; /* some are enough */
}

static bool make_memory(Stream *s, Error *error) {
    const size_t count = (size_t)s->plan.count, ring = (size_t)s->plan.ring;
    s->thread = allocate((size_t)s->plan.threads * sizeof *s->thread, "threads", error);
    s->order = allocate(count * sizeof(int), "an order of images", error);
    s->place = allocate(count * sizeof(int), "an order of images", error);
    s->state = allocate(ring * sizeof *s->state, "images", error);
    s->slots = allocate(ring * s->bytes, "images that are read ahead", error);
    s->black = allocate(s->bytes, "an image", error);
    return s->thread && s->order && s->place && s->state && s->slots && s->black;
}

ImageSource *stream_make(StreamPlan *plan, Error *error) {
    Stream *s = allocate(sizeof *s, "a stream of images", error);
    if (!s) {
        plan_free(plan);
        return NULL;
    }
    s->source = (ImageSource){get, give_back, expect, stream_free};
    s->plan = *plan;
    s->at_once = plan->spool.file < 0 || plan->ring < 4 * AT_ONCE ? 1 : AT_ONCE;
    s->bytes = (size_t)plan->channels * (size_t)plan->height * (size_t)plan->width;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->work, NULL);
    pthread_cond_init(&s->ready, NULL);
    bool ok = make_memory(s, error);
    if (ok && !start_threads(s)) {
        ok = error_set(error, "no thread can be started to read pictures");
    }
    if (!ok) {
        stream_free(&s->source);
        return NULL;
    }
    expect(&s->source, NULL, plan->count);
    return &s->source;
}
