/*
 * test_agreement.c: what ranks say to one another before they train (agreement.h), the
 * words of chapter 8's command line (rank_options.h), and checksums (this_program.h).
 * What needs processes is in test_ranks.sh.
 */
#include <stdio.h>
#include <string.h>

#include "chapters/05_vision_transformer/program/options.h"
#include "chapters/08_many_machines/collectives/threads_group.h"
#include "chapters/08_many_machines/program/agreement.h"
#include "chapters/08_many_machines/program/byte_messages.h"
#include "chapters/08_many_machines/program/heartbeat.h"
#include "chapters/08_many_machines/program/rank_options.h"
#include "chapters/08_many_machines/program/this_program.h"
#include "tests/check_helpers.h"
#include "tests/suites.h"

enum { P = 4 };

/* What ranks say, and what they get. */
typedef struct {
    Statement said[P];
    int status[P];
    Error why[P];
} Talk;

static void agree(Group *group, void *data) {
    Talk *talk = data;
    const int r = group->rank;
    talk->status[r] = agreement(group, &talk->said[r], &talk->why[r]);
}

/* All say the same, at first. */
static Talk *make_talk(void) {
    static Talk talk;
    talk = (Talk){.status = {-1, -1, -1, -1}};
    for (int r = 0; r < P; r++) {
        snprintf(talk.said[r].host, sizeof talk.said[r].host, "host%d", r);
        statement_add(&talk.said[r], "lr", "%g", 0.003);
        statement_add(&talk.said[r], "batch", "%d", 64);
    }
    return &talk;
}

static void expect(Talk *talk, int status, const char *line) {
    Error error = {""};
    ck_assert_msg(threads_group_run(P, agree, talk, &error), "%s", error.text);
    for (int r = 0; r < P; r++) {
        ck_assert_int_eq(talk->status[r], status);
        ck_assert_str_eq(talk->why[r].text, r == 0 ? line : "");
    }
}

START_TEST(all_alike_agree) {
    expect(make_talk(), 0, "");
}
END_TEST

START_TEST(one_that_differs_is_named) {
    Talk *talk = make_talk();
    strcpy(talk->said[2].said, "lr: 0.003\nbatch: 32\n");
    expect(talk, 1,
           "rank 2 (host2) differs from rank 0 (host0): its batch is 32, not 64");
}
END_TEST

START_TEST(lines_that_one_lacks_are_a_difference) {
    Talk *talk = make_talk();
    strcpy(talk->said[3].said, "lr: 0.003\n");
    expect(
        talk, 1,
        "rank 3 (host3) differs from rank 0 (host0): it has \"\", not \"batch: 64\"");
    talk = make_talk();
    statement_add(&talk->said[1], "more", "%d", 1);
    expect(talk, 1,
           "rank 1 (host1) differs from rank 0 (host0): it has \"more: 1\", not \"\"");
}
END_TEST

START_TEST(one_that_fails_is_named) {
    Talk *talk = make_talk();
    talk->said[1].status = 2;
    strcpy(talk->said[1].error, "no such option");
    talk->said[1].said[0] = '\0'; /* it hasn't come that far */
    expect(talk, 2, "rank 1 (host1): no such option");
}
END_TEST

START_TEST(what_all_say_is_said_once) {
    Talk *talk = make_talk();
    for (int r = 0; r < P; r++) {
        talk->said[r].status = 1;
        strcpy(talk->said[r].error, "data: no such directory");
    }
    expect(talk, 1, "data: no such directory");
    talk->said[0].status = 0;
    expect(talk, 1, "rank 1 (host1): data: no such directory (and 2 more of 4 ranks)");
}
END_TEST

START_TEST(a_statement_keeps_its_lines_apart) {
    Statement s = {0};
    statement_add(&s, "a", "%s", "two\nlines");
    statement_add(&s, "b", "%d", 2);
    ck_assert_str_eq(s.said, "a: two lines\nb: 2\n");
}
END_TEST

static void pass_bytes(Group *group, void *data) {
    unsigned char *bytes = data, got[5003];
    if (group->rank == 0) {
        for (size_t count = 0; count <= sizeof got; count += 1667) {
            bytes_send(group, 1, bytes, count);
        }
        return;
    }
    for (size_t count = 0; count <= sizeof got; count += 1667) {
        memset(got, 0, sizeof got);
        bytes_receive(group, 0, got, count);
        ck_assert(memcmp(got, bytes, count) == 0);
    }
}

START_TEST(bytes_arrive_as_they_were) {
    unsigned char bytes[5003];
    Error error = {""};
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (unsigned char)(255 - i % 251); /* NaNs among the elements, too */
    }
    ck_assert_msg(threads_group_run(2, pass_bytes, bytes, &error), "%s", error.text);
}
END_TEST

/* ---- words ----------------------------------------------------------------------- */

/* What the words become: false, and the error's text. */
static bool take(RankOptions *own, const char *words, Error *error) {
    static char text[200];
    char *argv[20], *rest[21];
    int argc = 0, count;
    snprintf(text, sizeof text, "chapter8 %s", words);
    for (char *w = strtok(text, " "); w; w = strtok(NULL, " ")) {
        argv[argc++] = w;
    }
    return rank_options_take(own, argc, argv, &count, rest, error);
}

START_TEST(words_that_a_run_goes_on_with) {
    static const char *const words[] = {"",
                                        " --sum halving",
                                        " --sum mpi --bucket 64",
                                        " --deterministic",
                                        " --shard-optimiser --patience 2.5",
                                        " --sum ring --patience 0"};
    RankOptions own;
    Error error;
    for (int i = 0; i < 6; i++) {
        char again[200];
        ck_assert(take(&own, words[i], &error));
        rank_options_again(&own, again, sizeof again);
        ck_assert_str_eq(again, words[i]);
    }
    ck_assert(own.patience_s == HEARTBEAT_NO_PATIENCE);
}
END_TEST

START_TEST(words_that_are_refused) {
    static const char *const words[] = {"--sum",
                                        "--sum all",
                                        "--deterministic --sum ring",
                                        "--bucket 0",
                                        "--patience -1",
                                        "--sum gather --bucket 4",
                                        "--shards 4",
                                        "--patience nan",
                                        "--deterministic --shard-optimiser",
                                        "--patience 1e9",
                                        "--deterministic --shards 0"};
    RankOptions own;
    for (int i = 0; i < 11; i++) {
        Error error = {""};
        ck_assert_msg(!take(&own, words[i], &error), "%s", words[i]);
        ck_assert_str_ne(error.text, "");
    }
}
END_TEST

/* Whose value is it? "--save --deterministic" is a file's name that chapter 5 refuses,
 * not a run of another kind. */
START_TEST(words_that_are_values_of_chapter_5s_options) {
    static const struct {
        const char *words;
        const char *refused;
    } cases[] = {
        {"--save --deterministic x", "--save needs a value, not an option"},
        {"--save --deterministic", "--save needs a value, not an option"},
        {"--resume --shard-optimiser", "--resume needs a value, not an option"},
        {"--log --sum ring", "--log needs a value, not an option"},
        {"--data --shards 4", "--data needs a value, not an option"},
        {"--lr --patience 1", "--lr can't be \"--patience\""},
        {"--batch --bucket", "--batch can't be \"--bucket\""}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[200], *argv[20], *rest[21];
        int argc = 0, count;
        RankOptions own;
        Options options;
        Error error = {""};
        snprintf(text, sizeof text, "chapter8 %s", cases[i].words);
        for (char *w = strtok(text, " "); w; w = strtok(NULL, " ")) {
            argv[argc++] = w;
        }
        argv[argc] = NULL;
        ck_assert(rank_options_take(&own, argc, argv, &count, rest, &error));
        ck_assert(!own.deterministic && !own.shard_optimiser && !own.shards_given);
        ck_assert(!options_parse(&options, count, rest, &error));
        ck_assert_msg(strstr(error.text, cases[i].refused) == error.text, "%s: %s",
                      cases[i].words, error.text);
    }
}
END_TEST

/* ---- checksums ------------------------------------------------------------------- */

START_TEST(a_checksum_sees_each_bit) {
    unsigned char bytes[29] = {1, 2, 3};
    const uint64_t sum = checksum_add(0, bytes, sizeof bytes);
    ck_assert(sum == checksum_add(0, bytes, sizeof bytes));
    for (int i = 0; i < 8 * 29; i++) {
        bytes[i / 8] ^= (unsigned char)(1 << i % 8);
        ck_assert(checksum_add(0, bytes, sizeof bytes) != sum);
        bytes[i / 8] ^= (unsigned char)(1 << i % 8);
    }
    ck_assert(checksum_add(0, bytes, 28) != sum);
}
END_TEST

START_TEST(this_machine_says_what_it_is) {
    char model[256], host[HEARTBEAT_HOST];
    this_processor(model);
    heartbeat_host(host);
    ck_assert_str_ne(model, "");
    ck_assert_str_ne(host, "");
    ck_assert(this_program_checksum() == this_program_checksum());
}
END_TEST

Suite *agreement_suite(void) {
    Suite *suite = suite_create("agreement");
    TCase *ranks = add_case(suite, "ranks");
    tcase_add_test(ranks, all_alike_agree);
    tcase_add_test(ranks, one_that_differs_is_named);
    tcase_add_test(ranks, lines_that_one_lacks_are_a_difference);
    tcase_add_test(ranks, one_that_fails_is_named);
    tcase_add_test(ranks, what_all_say_is_said_once);
    tcase_add_test(ranks, a_statement_keeps_its_lines_apart);
    tcase_add_test(ranks, bytes_arrive_as_they_were);
    TCase *words = add_case(suite, "words");
    tcase_add_test(words, words_that_a_run_goes_on_with);
    tcase_add_test(words, words_that_are_refused);
    tcase_add_test(words, words_that_are_values_of_chapter_5s_options);
    TCase *checksums = add_case(suite, "checksums");
    tcase_add_test(checksums, a_checksum_sees_each_bit);
    tcase_add_test(checksums, this_machine_says_what_it_is);
    return suite;
}
