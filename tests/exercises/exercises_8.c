/* exercises_8.c: many machines, graded; chapter 8's list. See exercise.h. */
#include "tests/exercises/exercises_8.h"

#include <math.h>
#include <string.h>

#include "chapters/08_many_machines/collectives/cost.h"
#include "chapters/08_many_machines/training/buckets.h"
#include "tests/exercises/exercise.h"

const int chapter_number = 8;
const char chapter_title[] = "many machines";

/* ---- 8.2 ------------------------------------------------------------------------- */

enum { BLOCK_ITEMS = 4, MAX_ITEMS = 4 + 12 * BLOCK_ITEMS + 4 };

/* A list as a Vit's, and where its parts begin: made here, not read from its names. */
typedef struct {
    Parameter items[MAX_ITEMS];
    int begins[MAX_ITEMS]; /* 0: goes on; 1: a part; 2: goes on, of head after norm */
    ParameterList list;
} Model;

static void add(Model *m, int begins, long elements, const char *format, int block) {
    Parameter *p = &m->items[m->list.count];
    char name[64];
    snprintf(name, sizeof name, format, block);
    *p = (Parameter){.offset = m->list.total};
    strcpy(p->name, name);
    p->shape = SHAPE((int)elements);
    m->begins[m->list.count++] = begins;
    m->list.total += elements;
}

static void make_model(Model *m, int depth) {
    *m = (Model){.list = {.items = m->items}};
    add(m, 1, 8, "cls_token", 0);
    add(m, 0, 40, "pos_embed", 0);
    add(m, 0, 32, "patch_embed.proj.weight", 0);
    add(m, 0, 8, "patch_embed.proj.bias", 0);
    for (int l = 0; l < depth; l++) {
        add(m, 1, 8, "blocks.%d.norm1.weight", l);
        add(m, 0, 192, "blocks.%d.attn.qkv.weight", l);
        add(m, 0, 8, "blocks.%d.norm2.weight", l);
        add(m, 0, 92, "blocks.%d.mlp.fc1.weight", l);
    }
    add(m, 1, 8, "norm.weight", 0);
    add(m, 0, 8, "norm.bias", 0);
    add(m, 2, 24, "head.weight", 0);
    add(m, 0, 3, "head.bias", 0);
}

/* Ways to cut: the right one, and mistakes. */
typedef enum {
    RIGHT,
    WITHIN,
    EACH_PART,
    MORE_THAN,
    TOO_EARLY,
    NO_REST,
    MERGED_REST,
    FROM_ZERO,
    HEAD_ALONE,
    FIRST_DIGIT,
    OF_THE_PART,
    CUTS
} Cut;

static const char *const cut_texts[CUTS] = {
    [WITHIN] = "a cut within a block: it is complete only when its first parameter is",
    [EACH_PART] =
        "a bucket for each part, however small: `least` says how many elements "
        "a message is worth",
    [MORE_THAN] = "a bucket that has `least` elements already, and goes on",
    [TOO_EARLY] = "a bucket that was closed before the part that would have filled it",
    [NO_REST] = "a list whose beginning is in no bucket: what remains is the last one, "
                "though it may be small",
    [MERGED_REST] =
        "a rest that was added to the bucket before it: that one was on its "
        "way by then",
    [FROM_ZERO] =
        "a last bucket that begins at 0: what is frozen has no gradients, and "
        "`trained` begins behind it",
    [HEAD_ALONE] = "a cut between the norm and the head, which are one part",
    [FIRST_DIGIT] =
        "a cut that knows a block by one digit of its number: blocks 1 and 10 "
        "are two",
    [OF_THE_PART] =
        "a bucket that ends only with a part which is large enough by itself",
};

static bool begins_here(const Model *m, int i, Cut cut) {
    const int kind = m->begins[i];
    if (cut == WITHIN) {
        return true;
    }
    if (cut == FIRST_DIGIT &&
        kind == 1) { /* blocks 10 and 11 go on after 9, as 1 does */
        return !strstr(m->items[i].name, "blocks.11.");
    }
    return kind == 1 || (cut == HEAD_ALONE && kind == 2);
}

static int cut_list(const Model *m, int first, long least, Cut cut, Bucket *buckets) {
    const int count = m->list.count;
    int made = 0;
    long to = m->list.total, part_end = m->list.total;
    for (int i = count - 1; i >= first; i--) {
        const long from = m->items[i].offset;
        if (i > first && !begins_here(m, i, cut)) {
            continue;
        }
        const long so_far = cut == OF_THE_PART ? part_end - from : to - from;
        bool full =
            cut == EACH_PART || (cut == MORE_THAN ? so_far > least : so_far >= least);
        if (cut == TOO_EARLY && full && part_end < to) {
            buckets[made++] = (Bucket){part_end, to};
            to = part_end;
            full = to - from >= least;
        }
        part_end = from;
        if (i == first || full) {
            if (i == first && !full && cut == NO_REST) {
                break;
            }
            if (i == first && !full && cut == MERGED_REST && made > 0) {
                buckets[made - 1].from = from;
                break;
            }
            buckets[made++] = (Bucket){cut == FROM_ZERO && i == first ? 0 : from, to};
            to = from;
        }
    }
    return made;
}

static bool same_buckets(const Bucket *a, int count, const Bucket *b, int of_b) {
    bool same = count == of_b;
    for (int i = 0; i < count && same; i++) {
        same = a[i].from == b[i].from && a[i].to == b[i].to;
    }
    return same;
}

static void name_cut(const Model *m, int first, long least, const Bucket *got,
                     int count) {
    Bucket other[2 * MAX_ITEMS];
    int made;
    for (int cut = RIGHT + 1; cut < CUTS; cut++) {
        made = cut_list(m, first, least, (Cut)cut, other);
        mistake_if(cut_texts[cut], same_buckets(got, count, other, made));
    }
    made = cut_list(m, first, least * (long)sizeof(real), RIGHT, other);
    mistake_if("a bucket that is too large: `least` counts elements, not bytes",
               same_buckets(got, count, other, made));
    made = cut_list(m, first, least, RIGHT, other);
    for (int i = 0; i < made / 2; i++) {
        const Bucket kept = other[i];
        other[i] = other[made - 1 - i];
        other[made - 1 - i] = kept;
    }
    mistake_if("buckets in the list's order: the backward pass comes from its end",
               made > 1 && same_buckets(got, count, other, made));
    bool empty = false;
    for (int i = 0; i < count; i++) {
        empty = empty || (got[i].from >= 0 && got[i].from == got[i].to);
    }
    mistake_if("a bucket of no elements", empty);
}

static void cut_case(int depth, int freeze, long least) {
    enum { CANARY = -7 };
    Model m;
    Bucket want[2 * MAX_ITEMS], got[2 * MAX_ITEMS];
    make_model(&m, depth);
    const int first = freeze > 0 ? 4 + freeze * BLOCK_ITEMS : 0;
    const ParameterList trained = {m.items + first, m.list.count - first, m.list.total};
    const int made = cut_list(&m, first, least, RIGHT, want);
    for (int i = 0; i < 2 * MAX_ITEMS; i++) {
        got[i] = (Bucket){CANARY, CANARY};
    }
    case_is("%d blocks, %d frozen, least %ld: elements %ld to %ld", depth, freeze,
            least, m.items[first].offset, m.list.total);
    const int count = buckets_cut(&trained, least, got);
    expect_true(count >= 0 && count <= MAX_BUCKETS, "It says that there are %d buckets",
                count);
    mistake_if("a count that can't be: there are at most MAX_BUCKETS", true);
    for (int b = 0; b < made && b < count; b++) {
        char name[64];
        snprintf(name, sizeof name, "bucket %d: .to", b);
        expect_number(name, (double)got[b].to, (double)want[b].to, 0);
        name_cut(&m, first, least, got, count);
        snprintf(name, sizeof name, "bucket %d: .from", b);
        expect_number(name, (double)got[b].from, (double)want[b].from, 0);
        name_cut(&m, first, least, got, count);
    }
    expect_number("the number of buckets", count, made, 0);
    name_cut(&m, first, least, got, count);
}

static void buckets_grade(void) {
    hint("Two blocks of 300, an embedding of 88, a head of 43: write down where each "
         "part "
         "begins, then walk from the end and say at each beginning whether you would "
         "send.");
    cut_case(2, 0, 1);
    cut_case(2, 0, 43);
    cut_case(4, 0, 599);
    cut_case(2, 0, 200);
    cut_case(2, 0, 320);
    cut_case(2, 0, 300);
    cut_case(2, 0, 344);
    cut_case(3, 0, 343);
    cut_case(3, 0, 100);
    cut_case(3, 0, 600);
    cut_case(2, 0, 1000000);
    cut_case(12, 0, 1);
    cut_case(12, 0, 700);
    hint("What does `trained` begin with if two blocks are frozen, and at which "
         "element?");
    cut_case(4, 2, 1);
    cut_case(4, 1, 500);
    cut_case(2, 2, 1);
    cut_case(2, 2, 500);
    cut_case(12, 3, 620);
}

/* ---- 8.3 ------------------------------------------------------------------------- */

/* The largest power of two that isn't above P, and its logarithm. */
static int power_of(int P, int *steps) {
    int power = 1;
    for (*steps = 0; 2 * power <= P; (*steps)++) {
        power *= 2;
    }
    return power;
}

static double halving(Network net, int P, double m) {
    int steps;
    const int power = power_of(P, &steps);
    return (power < P ? 2 * (net.alpha + m * net.beta) : 0) + 2 * steps * net.alpha +
           2 * (1 - 1.0 / power) * m * net.beta;
}

static double ring(Network net, int P, double m) {
    return 2 * (P - 1) * net.alpha + 2 * (1 - 1.0 / P) * m * net.beta;
}

static void ring_cost_case(Network net, int P, double m) {
    case_is("alpha %g s, beta %g s per byte, %d ranks, %g bytes", net.alpha, net.beta,
            P, m);
    const double a = net.alpha, mb = m * net.beta, steps = P - 1;
    expect_number("cost_ring, in seconds", cost_ring(net, P, m), ring(net, P, m),
                  1e-12);
    mistake_number("the reduce-scatter alone: the sums have to go round, too",
                   steps * (a + mb / P));
    mistake_number("whole vectors in each step: a step sends a chunk",
                   2 * steps * (a + mb));
    mistake_number("P steps in each half: a chunk needs P - 1 to meet everybody",
                   2 * P * (a + mb / P));
    mistake_number("the ranks' messages one after the other: they all send at once",
                   P * 2 * steps * (a + mb / P));
    mistake_number("alpha once: each of the messages waits for the one before, and has "
                   "its own",
                   a + 2 * steps * mb / P);
    mistake_number("alpha once in each half: each of the messages has its own",
                   2 * a + 2 * steps * mb / P);
    mistake_number("chunks of m / (P - 1): there are P of them", 2 * (steps * a + mb));
    mistake_number("sent and received counted as two: both happen at once",
                   4 * steps * (a + mb / P));
    mistake_number("elements for bytes: beta is per byte",
                   2 * steps * (a + 4 * mb / P));
}

static void halving_cost_case(Network net, int P, double m) {
    case_is("alpha %g s, beta %g s per byte, %d ranks, %g bytes", net.alpha, net.beta,
            P, m);
    int k;
    const double a = net.alpha, mb = m * net.beta, power = power_of(P, &k);
    const double part = 1 - 1 / power, log2_P = log2(P);
    expect_number("cost_halving, in seconds", cost_halving(net, P, m),
                  halving(net, P, m), 1e-12);
    const double within = 2 * k * a + 2 * part * mb;
    mistake_number("halves alone: what was summed has to be doubled again",
                   power < P ? -1 : within / 2);
    mistake_number("half of m in every step: the steps' messages become shorter",
                   2 * k * (a + mb / 2) + (power < P ? 2 * (a + mb) : 0));
    mistake_number("m in every step: the steps' messages become shorter",
                   2 * k * (a + mb) + (power < P ? 2 * (a + mb) : 0));
    mistake_number(
        "P - 1 steps: at each, the ranks that work together are twice as many",
        P > 2 ? 2 * (P - 1) * a + 2 * part * mb : -1);
    mistake_number("the ranks that are too many forgotten: they give their vector to a "
                   "partner, and get the sum back",
                   power < P ? within : -1);
    mistake_number(
        "one whole message for the ranks that are too many: they send a vector "
        "and get one back",
        power < P ? within + a + mb : -1);
    mistake_number("a logarithm that is no whole number: steps are counted",
                   power < P ? 2 * log2_P * a + 2 * (1 - 1.0 / P) * mb : -1);
    mistake_number("a logarithm that is no whole number: steps are counted",
                   power < P ? 2 * log2_P * a + 2 * (1 - 1.0 / P) * mb + 2 * (a + mb)
                             : -1);
    mistake_number("as many ranks as a power of two above P: the others don't exist",
                   power < P ? 2 * (k + 1) * a + 2 * (1 - 1 / (2 * power)) * mb : -1);
    mistake_number("two whole messages without their alphas",
                   power < P ? within + 2 * mb : -1);
    mistake_number("shares of P, where a power of two of ranks exchange them",
                   power < P ? 2 * k * a + 2 * (1 - 1.0 / P) * mb + 2 * (a + mb) : -1);
}

static void crossover_case(Network net, int P) {
    case_is("alpha %g s, beta %g s per byte, %d ranks", net.alpha, net.beta, P);
    int k;
    const double power = power_of(P, &k);
    const double fewer = 2.0 * (P - 1) - 2 * k - 2; /* messages, of halving */
    const double more = 2 + 2 * (1 - 1 / power) - 2 * (1 - 1.0 / P);
    const double got = cost_crossover(net, P);
    if (power >= P) {
        expect_true(isinf(got) && got > 0,
                    "cost_crossover is %g bytes, should be INFINITY", got);
        mistake_if("a size from which on the ring is faster, where there is none: with "
                   "these ranks both send the same bytes, and halving fewer messages",
                   isfinite(got));
        mistake_if("0 / 0, or infinity's other sign", true);
        return;
    }
    const double want = fewer * net.alpha / (more * net.beta);
    expect_number("cost_crossover, in bytes", got, want, 1e-9);
    mistake_number("elements: bytes are asked for", want / 4);
    mistake_number("bits: bytes are asked for", 8 * want);
    mistake_number("the size as if halving had no ranks too many",
                   want > 0 ? (fewer + 2) * net.alpha / (more * net.beta) : -1);
    mistake_if("below 0: which of the two is subtracted from the other?", got < 0);
    mistake_if("INFINITY, but here the ring does overtake halving", isinf(got));
    mistake_number("half of it", want > 0 ? want / 2 : -1);
    mistake_number("twice that", want > 0 ? want * 2 : -1);
}

static void cost_grade(void) {
    const Network slow = {1e-4, 8e-8}, fast = {5e-6, 2e-10}, far = {2e-2, 1e-9};
    hint("Follow one chunk with a pencil: which messages must have ended before the "
         "last "
         "one begins, and how long is each?");
    ring_cost_case(slow, 5, 556072);
    ring_cost_case(slow, 2, 1000);
    ring_cost_case(slow, 4, 556072);
    ring_cost_case(far, 7, 3e6);
    ring_cost_case(fast, 1000, 346270624);
    expect_number("cost_ring of 1 rank", cost_ring(slow, 1, 1000), 0, 0);
    mistake_if("a time for one rank, which has nothing to send", true);
    hint(
        "Eight ranks: write down the length of each message of rank 0, on the way down "
        "and on the way back. Then ask what ranks 8, 9, ... of ten do meanwhile.");
    halving_cost_case(slow, 4, 556072);
    halving_cost_case(far, 8, 3e6);
    halving_cost_case(fast, 1024, 346270624);
    halving_cost_case(slow, 6, 556072);
    halving_cost_case(far, 7, 3e6);
    halving_cost_case(slow, 3, 1000);
    halving_cost_case(fast, 1000, 346270624);
    expect_number("cost_halving of 1 rank", cost_halving(slow, 1, 1000), 0, 0);
    mistake_if("a time for one rank, which has nothing to send", true);
    hint("Both costs are straight lines in m. Where do two lines meet, and when don't "
         "they?");
    crossover_case(far, 6);
    crossover_case(slow, 5);
    crossover_case(fast, 1000);
    crossover_case(slow, 3);
    crossover_case(slow, 4);
    crossover_case(fast, 256);
    crossover_case(slow, 7);
    crossover_case(far, 10);
    crossover_case(far, 100);
}

/* ---- 8.6 ------------------------------------------------------------------------- */

static void predict(void) {
    const double bytes = 4 * 86567656.0;
    hint("Count vectors first: how many come in at rank 0, how many go out?");
    ask('a',
        "B/16 has 86,567,656 parameters. Eight ranks sum float gradients by gather. "
        "How "
        "many MB (10^6 bytes) does rank 0 receive and send in a step, together? (To 3 "
        "digits.)",
        14 * bytes / 1e6, 3e-3);
    mistake_number("what it receives alone: the sum has to go back", 7 * bytes / 1e6);
    mistake_number("its own vector counted, too: that is there already",
                   16 * bytes / 1e6);
    mistake_number("elements: a float has four bytes", 14 * bytes / 4e6);
    hint("Chunks, steps, halves.");
    ask('b',
        "And by the ring: how many MB does each rank send in a step? (To 3 digits.)",
        14 * bytes / 8e6, 3e-3);
    mistake_number("the reduce-scatter alone", 7 * bytes / 8e6);
    mistake_number("all ranks together: one was asked for", 14 * bytes / 1e6);
    mistake_number("eight steps in each half", 2 * bytes / 1e6);
    mistake_number("sent and received: what it sends was asked for", 28 * bytes / 8e6);
    hint("Which blocks of B/16's size does a rank have, and which of them become "
         "smaller?");
    ask('c',
        "The same model in float with AdamW: how many MB less does a rank of 32 need "
        "with --shard-optimiser? (To 3 digits.)",
        2 * bytes * 31 / 32 / 1e6, 3e-3);
    mistake_number("what it has left of the moments", 2 * bytes / 32e6);
    mistake_number("one moment: AdamW has two", bytes * 31 / 32e6);
    mistake_number("all of the moments: its own part stays", 2 * bytes / 1e6);
    mistake_number("gradients cut up, too: that is stage 2", 3 * bytes * 31 / 32e6);
    mistake_number("eight ranks: 32 was asked for", 2 * bytes * 7 / 8e6);
    hint("Write the sum of one element with brackets, once for each of the two runs. "
         "a + b = b + a holds in floating point; (a + b) + c = a + (b + c) doesn't.");
    ask_which(
        'd',
        "Each rank has one thread. Which changes move the last bits of a gradient? "
        "a: from 2 ranks to 4, with --sum ring. b: the same with --deterministic. "
        "c: from --sum ring to --sum halving, with 4 ranks. d: the same with 2 "
        "ranks.",
        "ac");
    ask_in_words(
        'e',
        "A message of 4 KB is sent by everybody to its right neighbour, then "
        "everybody receives: it works. With 4 MB it never ends. Why was the program "
        "wrong from the beginning?");
}

const Exercise exercises[] = {
    {"8.1", "ring_reduce_scatter, ring_all_gather",
     "all_reduce_ring.c: chunks that go round; in the end every rank has the sum.",
     "Draw the ranks in a circle, and follow one chunk.",
     "the lesson, \"The ring\"; all_reduce.h", ring_grade},
    {"8.2", "buckets_cut",
     "buckets.c: where the gradients are cut, so that they leave as early as they can.",
     "Where does each part begin, and when is it complete?",
     "the lesson, \"Nothing moves by itself\"; buckets.h", buckets_grade},
    {"8.3", "cost_ring, cost_halving, cost_crossover",
     "cost.c: how long an all-reduce takes, before anybody runs it.",
     "Which messages wait for which?", "the lesson, \"What a message costs\"; cost.h",
     cost_grade},
    {"8.4", "exchange_shards, which waits for ever",
     "exchange_shards.c: code that is right for short messages. Repair it.",
     "Which rank waits for which, and for what?",
     "the lesson, \"The same bits\"; sum_in_order.h, group.h", exchange_grade},
    {"8.5", "fold_shards",
     "sum_in_order.c: the same sum in the same bits, wherever its terms were computed.",
     "Which shard is the next term, and where is it?",
     "the lesson, \"The same bits\"; sum_in_order.h", fold_grade},
    {"8.6", "Answers: what many machines cost", "Predict before you measure.",
     "Count messages and bytes with a pencil.",
     "the lesson, where each question is asked", predict},
};
const int exercise_count = sizeof exercises / sizeof exercises[0];
