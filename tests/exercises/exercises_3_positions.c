/* exercises_3_positions.c: chapter 3's exercises 3.4 and 3.5. See exercise.h. */
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "tests/exercises/exercise.h"
#include "tests/exercises/exercises_3.h"
#include "chapters/03_multi_head_attention/positions.h"

#define TOLERANCE 1e-11

/* ---- 3.4 ------------------------------------------------------------------------- */

/* Column c of PE is wave(pos * 10000^-(two_i / D)), by one of these formulas. */
typedef enum {
    RIGHT,
    HALVES,
    HALF_EXPONENT,
    DOUBLE_EXPONENT,
    COLUMN_EXPONENT,
    COLUMN_TWICE,
    EXPONENT_0,
    SIGN,
    SWAPPED,
    FROM_ONE,
    LAST_HAND,
    TURNS,
    EARLIER_D,
    FORMULAS
} Formula;
static const char *const formula_texts[FORMULAS] = {
    [HALVES] = "all sines, then all cosines: the equation has them in turn, in columns "
               "2i and 2i + 1",
    [HALF_EXPONENT] = "the exponent i / D: pair i has 2i / D",
    [DOUBLE_EXPONENT] = "the exponent 4i / D: angle_step takes the pair's number i, "
                        "not the column 2i",
    [COLUMN_EXPONENT] = "an exponent of the cosine's own: both numbers of pair i have "
                        "2i / D",
    [COLUMN_TWICE] = "the exponent 4i / D: angle_step takes the pair's number i, "
                     "not the column 2i",
    [EXPONENT_0] = "the exponent 0: between two integers 2 * i / D is 0",
    [SIGN] = "pos times 10000^(2i/D): it is divided by that, and angle_step has the "
             "minus already",
    [SWAPPED] = "cosines in the even columns",
    [FROM_ONE] = "positions from 1: they begin at 0",
    [LAST_HAND] =
        "the exponent 2i / (D - 2): pair i has 2i / D, and the last one isn't "
        "quite 10000",
    [TURNS] = "an angle times 2 pi: pos / 10000^(2i/D) is in radians already",
    [EARLIER_D] = "the exponent 2i / 8, of a call before, or the first example's: D is "
                  "tensor_cols(PE)",
};

static double position(Formula formula, int pos, int column, int D) {
    int i = column / 2;
    bool sine = column % 2 == 0;
    double two_i = 2 * i;
    if (formula == HALVES) {
        sine = column < D / 2;
        two_i = 2 * (column % (D / 2));
    } else if (formula == HALF_EXPONENT) {
        two_i = i;
    } else if (formula == DOUBLE_EXPONENT) {
        two_i = 4 * i;
    } else if (formula == COLUMN_EXPONENT) {
        two_i = column;
    } else if (formula == COLUMN_TWICE) {
        two_i = 2 * column;
    } else if (formula == EXPONENT_0) {
        two_i = 0;
    } else if (formula == SIGN) {
        two_i = -2 * i;
    } else if (formula == SWAPPED) {
        sine = !sine;
    }
    const double of = formula == LAST_HAND ? D - 2 : formula == EARLIER_D ? 8 : D;
    const double angle = (formula == FROM_ONE ? pos + 1 : pos) *
                         pow(10000, -two_i / of) * (formula == TURNS ? 2 * M_PI : 1);
    return sine ? sin(angle) : cos(angle);
}

static double *positions_by(Formula formula, int n, int D) {
    double *PE = doubles((long)n * D);
    for (int k = 0; k < n * D; k++) {
        PE[k] = position(formula, k / D, k % D, D);
    }
    return PE;
}

/* What stands in PE's rows if PE.data[pos * D + j] was written. */
static double *written_by_data(Tensor PE, const double *want) {
    const int D = tensor_cols(PE);
    double *rows = doubles(tensor_count(PE));
    for (long k = 0; k < tensor_count(PE); k++) {
        const long at = k / D * PE.ld + k % D;
        rows[k] = at < tensor_count(PE) ? want[at] : (double)NAN;
    }
    return rows;
}

static void sinusoid_case(int n, int D) {
    const double *want = positions_by(RIGHT, n, D);
    case_is("%d positions, D = %d", n, D);
    Tensor PE = wide(unset(SHAPE(n, D)));
    sinusoid_positions(PE);
    expect("PE", PE, want, TOLERANCE);
    for (int formula = RIGHT + 1; formula < FORMULAS; formula++) {
        mistake(formula_texts[formula], positions_by((Formula)formula, n, D));
    }
    mistake("PE.data[pos * D + j]: a view's rows lie further apart; write "
            "tensor_row(PE, pos)[j]",
            written_by_data(PE, want));
    mistake_if("nearly right: something was computed in float (a float, powf, sinf), "
               "and double is wanted",
               tensor_max_abs_difference(PE, values(SHAPE(n, D), want)) < 1e-5);
    mistake_unwritten();
}

/* PE of so many positions that they don't fit into 16 bits. */
static void many_positions(void) {
    enum { MANY = 70000 };
    double *want = doubles(2L * MANY), *in_short = doubles(2L * MANY);
    for (int pos = 0; pos < MANY; pos++) {
        want[2 * pos] = sin(pos);
        want[2 * pos + 1] = cos(pos);
        in_short[2 * pos] = sin((short)pos);
        in_short[2 * pos + 1] = cos((short)pos);
    }
    case_is("%d positions, D = 2", MANY);
    Tensor PE = unset(SHAPE(MANY, 2));
    sinusoid_positions(PE);
    expect("PE", PE, want, TOLERANCE);
    mistake("a position in 16 bits: a short ends at 32767", in_short);
}

/* The same as training has it: in float. There the largest angle has few digits left
 * behind the point, unless it is a double. */
static void in_float_case(void) {
    FILE *program = in_float("positions_in_float");
    case_is("30001 positions, D = 6, in float, as your program has it");
    char tensor[8];
    int pos;
    double got;
    while (program && fscanf(program, "%7s %d", tensor, &pos) == 2) {
        for (int column = 0; column < 6; column++) {
            if (fscanf(program, "%lf", &got) != 1) {
                got = (double)NAN;
            }
            const double want = position(RIGHT, pos, column, 6);
            const bool shifted = strcmp(tensor, "shifted") == 0;
            expect_true(fabs(got - want) <= 6e-7,
                        shifted
                            ? "PE[0][%d], shifted by %d, is %.7g, should be %.7g"
                            : "column %d of PE's position %d is %.7g, should be %.7g",
                        column, pos, got, want);
            mistake_if("an angle that is a `real`, a float in your program: it keeps 7 "
                       "digits of it, and the sine needs those behind the point",
                       fabs(got - want) < 1e-2);
        }
    }
    if (program) {
        (void)pclose(program);
    }
}

/* What a shift by k makes of the pair (sine, cosine) of hand i, right or not. */
typedef enum {
    TURNED,
    TURNED_BACK,
    OVERWRITTEN,
    SINE_SIGN,
    BY_HAND_0,
    BY_COLUMN,
    BY_ONE,
    BY_ROW_TOO,
    NOT_AT_ALL,
    INVERSE,
    TURNS_OF_SHIFT
} Turn;
static const char *const turn_texts[TURNS_OF_SHIFT] = {
    [TURNED_BACK] = "a turn the other way: k positions back",
    [OVERWRITTEN] =
        "a cosine made of the new sine: keep the old one until both are made",
    [SINE_SIGN] = "no rotation: one of the two sums has a minus, the cosine's",
    [BY_HAND_0] = "hand 0's angle for every hand: each turns by its own",
    [BY_COLUMN] = "an angle of the column: both numbers of pair i turn by "
                  "angle_step(i, D)",
    [BY_ONE] = "a shift by 1, not by k",
    [BY_ROW_TOO] = "an angle that grows with the row: all rows turn equally far",
    [NOT_AT_ALL] = "no turn: a shift by k, which may be negative",
    [INVERSE] = "k times 10000^(2i/D): it is divided by that",
};

static double turned(Turn turn, const double *row, int pos, int k, int column, int D) {
    const int i = column / 2;
    const double hand = turn == BY_HAND_0 ? 0 : turn == BY_COLUMN ? column : i;
    const double by = turn == TURNED_BACK  ? -k
                      : turn == BY_ONE     ? 1
                      : turn == NOT_AT_ALL ? 0
                      : turn == BY_ROW_TOO ? k + pos
                                           : k;
    const double two_i = turn == INVERSE ? -2 * hand : 2 * hand;
    const double s = sin(by * pow(10000, -two_i / D)),
                 c = cos(by * pow(10000, -two_i / D));
    const double sine = row[2 * i], cosine = row[2 * i + 1];
    const double new_sine = sine * c + cosine * s;
    return column % 2 == 0 ? new_sine
                           : cosine * c + (turn == SINE_SIGN ? s : -s) *
                                              (turn == OVERWRITTEN ? new_sine : sine);
}

static double *all_turned(Turn turn, const double *from, int k, int n, int D) {
    double *rows = doubles((long)n * D);
    for (int at = 0; at < n * D; at++) {
        rows[at] = turned(turn, from + (long)(at / D) * D, at / D, k, at % D, D);
    }
    return rows;
}

static double *made_anew(int first, int n, int D) {
    double *rows = doubles((long)n * D);
    for (int at = 0; at < n * D; at++) {
        rows[at] = position(RIGHT, first + at / D, at % D, D);
    }
    return rows;
}

/* Rows that are no positions: what is computed anew, from a row's number, is wrong. */
static void shift_case(int n, int D, int k, bool in_place) {
    Tensor PE = wide(normal('P', SHAPE(n, D)));
    const double *from = doubles_of(PE);
    Tensor shifted = in_place ? writable(PE) : wide_by(unset(SHAPE(n, D)), 5);
    case_is("sinusoid_shift of %d rows that begin anywhere, D = %d, k = %d%s", n, D, k,
            in_place ? ", shifted is PE" : "");
    sinusoid_shift(PE, k, shifted);
    expect("shifted", shifted, all_turned(TURNED, from, k, n, D), TOLERANCE);
    for (int turn = TURNED + 1; turn < TURNS_OF_SHIFT; turn++) {
        mistake(turn_texts[turn], all_turned((Turn)turn, from, k, n, D));
    }
    mistake(
        "positions made anew: shifted is made of PE's rows, which may begin anywhere",
        made_anew(k, n, D));
    mistake_unwritten();
}

/* The same angle_step for both: were it another, sinusoid_positions might undo it. */
static void shift_by_angle_step(void) {
    enum { ROWS = 4, D = 6, BY = 3 };
    Tensor PE = values(SHAPE(ROWS, D), positions_by(RIGHT, ROWS, D)),
           shifted = unset(PE);
    const double *later = positions_by(RIGHT, ROWS + BY, D);
    case_is("sinusoid_shift by %d of positions 0 to 3", BY);
    sinusoid_shift(PE, BY, shifted);
    expect("shifted", shifted, later + BY * D, TOLERANCE);
    for (int turn = TURNED + 1; turn < TURNS_OF_SHIFT; turn++) {
        mistake(turn_texts[turn], all_turned((Turn)turn, doubles_of(PE), BY, ROWS, D));
    }
    mistake_unwritten();
}

void sinusoids(void) {
    sinusoid_case(5, 8);
    sinusoid_case(50, 6);
    hint("What is sin(a + b)? Which numbers of a row does it need, and which angle?");
    shift_by_angle_step();
    shift_case(4, 6, 3, false);
    shift_case(3, 8, 5, true);
    shift_case(1, 2, 1, false);
    hint("k may be negative: a turn back.");
    shift_case(5, 4, -2, true);
    hint("How large can a position be, and which type holds it?");
    many_positions();
    hint("How many digits has a float, and how many of them does a large angle leave "
         "behind the point?");
    in_float_case();
}

/* ---- 3.5 ------------------------------------------------------------------------- */

enum { B5 = 3, N5 = 4, D5 = 5, COUNT5 = N5 * D5 };

/* begin + the sum of w_b times image b's dz */
static double *summed(const double *g, double begin, const double w[B5]) {
    double *sum = doubles(COUNT5);
    for (int i = 0; i < COUNT5; i++) {
        sum[i] = begin;
        for (int b = 0; b < B5; b++) {
            sum[i] += w[b] * g[b * COUNT5 + i];
        }
    }
    return sum;
}

/* z of B images, with E_pos added `times` to the first and `to_others` to the rest */
static double *with_positions(const double *z, const double *E_pos, double times,
                              double to_others) {
    double *sum = doubles(B5 * COUNT5);
    for (int i = 0; i < B5 * COUNT5; i++) {
        sum[i] = z[i] + (i < COUNT5 ? times : to_others) * E_pos[i % COUNT5];
    }
    return sum;
}

static void positions_forward(void) {
    Tensor z = writable(wide(normal('z', SHAPE(B5, N5, D5))));
    Tensor E_pos = wide_by(normal('E', SHAPE(N5, D5)), 5);
    const double *before = doubles_of(z), *E = doubles_of(E_pos);
    case_is("%d images, %d tokens, D = %d", B5, N5, D5);
    positions_add(z, E_pos);
    expect("z", z, with_positions(before, E, 1, 1), TOLERANCE);
    mistake("positions for the first image alone: every image gets them",
            with_positions(before, E, 1, 0));
    mistake("positions added to the first image, once for each: slice b is wanted",
            with_positions(before, E, B5, 0));
}

void positions_grade(void) {
    positions_forward();
    Tensor dz = wide(named("dz", normal('d', SHAPE(B5, N5, D5))));
    Tensor dE = wide_by(zeros(SHAPE(N5, D5)), 5);
    const double *g = doubles_of(dz), third = 1.0 / B5;
    case_is("%d images, %d tokens, D = %d; dE_pos begins as ones", B5, N5, D5);
    tensor_fill(dE, 1);
    positions_add_backward(dz, dE);
    expect("dE_pos", dE, summed(g, 1, (double[]){1, 1, 1}), TOLERANCE);
    mistake("the last image's share alone: every image uses the same E_pos",
            summed(g, 0, (double[]){0, 0, 1}));
    for (int begin = 0; begin < 2; begin++) {
        mistake("the first image's share alone: every image uses the same E_pos",
                summed(g, begin, (double[]){1, 0, 0}));
        mistake("the first image's share, for every image: slice b of dz is wanted",
                summed(g, begin, (double[]){B5, 0, 0}));
        mistake("the mean over images: the sum is wanted, the loss has its own 1/B",
                summed(g, begin, (double[]){third, third, third}));
    }
    mistake(
        "what stood there, divided by the number of images: it stays, and the sum is "
        "added",
        summed(g, third, (double[]){1, 1, 1}));
    double *of_all = doubles(COUNT5);
    for (int i = 0; i < COUNT5; i++) {
        of_all[i] = 1;
        for (int row = 0; row < B5 * N5; row++) {
            of_all[i] += g[row * D5 + i % D5];
        }
    }
    mistake("the sum over all tokens: position t has token t's, of every image",
            of_all);
    mistake("a gradient written over: it is added (+=)",
            summed(g, 0, (double[]){1, 1, 1}));
    mistake("the sum without the first image: images are counted from 0",
            summed(g, 1, (double[]){0, 1, 1}));
    mistake("the sum without the last image: there are dz.shape[0]",
            summed(g, 1, (double[]){1, 1, 0}));
    mistake("ones, as it stood there: tensor_add(A, B) adds B to A, so dE_pos comes "
            "first",
            summed(g, 1, (double[]){0, 0, 0}));
}
