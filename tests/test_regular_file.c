/* test_regular_file.c: files that are written whole or not at all (regular_file.h), and
 * by one process (file_lock.h). */
#define _GNU_SOURCE 1 /* F_OFD_SETLK */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/check_helpers.h"
#include "chapters/05_vision_transformer/program/file_lock.h"
#include "common/files/regular_file.h"
#include "tests/scratch.h"
#include "tests/suites.h"

static void write_new(const char *path, const char *text) {
    NewFile file;
    Error error = {""};
    ck_assert_msg(new_file_begin(&file, path, &error), "%s", error.text);
    fputs(text, file.file);
    ck_assert_msg(new_file_end(&file, &error), "%s", error.text);
}

static void assert_text(const char *path, const char *text) {
    const Bytes is = read_bytes_of(path);
    ck_assert_uint_eq(is.count, strlen(text));
    ck_assert_int_eq(memcmp(is.bytes, text, is.count), 0);
}

static unsigned mode_of(const char *path) {
    struct stat status;
    ck_assert_int_eq(stat(path, &status), 0);
    return (unsigned)status.st_mode & 0777;
}

/* ---- writing --------------------------------------------------------------- */

START_TEST(until_its_end_a_new_file_changes_nothing) {
    NewFile file;
    Error error = {""};
    const char *path = in_scratch("file");
    write_text(path, "old");
    ck_assert(new_file_begin(&file, path, &error));
    fputs("new", file.file);
    fflush(file.file);
    assert_text(path, "old");
    ck_assert_int_eq(files_in_scratch(), 2);
    new_file_drop(&file);
    assert_text(path, "old");
    ck_assert_int_eq(files_in_scratch(), 1);
    write_new(path, "new");
    assert_text(path, "new");
    ck_assert_int_eq(files_in_scratch(), 1);
}
END_TEST

START_TEST(two_new_files_of_one_name_are_in_nobodys_way) {
    NewFile a, b;
    Error error = {""};
    const char *path = in_scratch("file");
    ck_assert(new_file_begin(&a, path, &error));
    ck_assert(new_file_begin(&b, path, &error));
    ck_assert_str_ne(a.temporary, b.temporary);
    fputs("first", a.file);
    fputs("second", b.file);
    ck_assert(new_file_end(&a, &error) && new_file_end(&b, &error));
    assert_text(path, "second");
    ck_assert_int_eq(files_in_scratch(), 1);
}
END_TEST

START_TEST(a_planted_link_is_not_followed) {
    char planted[300];
    snprintf(planted, sizeof planted, "%s.%ld-0.tmp", in_scratch("file"),
             (long)getpid());
    write_text(in_scratch("precious"), "precious");
    ck_assert_int_eq(symlink("precious", planted), 0);
    write_new(in_scratch("file"), "new");
    assert_text(in_scratch("precious"), "precious");
    assert_text(in_scratch("file"), "new");
}
END_TEST

START_TEST(links_are_followed_to_their_target) {
    mkdir(in_scratch("far"), 0777);
    ck_assert_int_eq(symlink("far/real", in_scratch("one")), 0);
    ck_assert_int_eq(symlink(in_scratch("one"), in_scratch("two")), 0);
    write_new(in_scratch("two"), "through two links");
    assert_text(in_scratch("far/real"), "through two links");
    struct stat status;
    ck_assert_int_eq(lstat(in_scratch("two"), &status), 0);
    ck_assert(S_ISLNK(status.st_mode));
    ck_assert_int_eq(symlink("round", in_scratch("round")), 0);
    Error error = {""};
    ck_assert(!new_file_possible(in_scratch("round"), &error));
    assert_error_line(error, "round|can't be written");
}
END_TEST

START_TEST(a_files_mode_is_kept_and_a_new_ones_is_the_umasks) {
    const mode_t mask = umask(027);
    write_new(in_scratch("new"), "1");
    umask(mask);
    ck_assert_uint_eq(mode_of(in_scratch("new")), 0640);
    ck_assert_int_eq(chmod(in_scratch("new"), 0602), 0);
    write_new(in_scratch("new"), "2");
    ck_assert_uint_eq(mode_of(in_scratch("new")), 0602);
}
END_TEST

START_TEST(what_is_no_file_is_refused_at_once) {
    Error error = {""};
    mkdir(in_scratch("folder"), 0777);
    ck_assert_int_eq(mkfifo(in_scratch("pipe"), 0600), 0);
    write_text(in_scratch("protected"), "x");
    chmod(in_scratch("protected"), 0444);
    const struct {
        const char *path, *words;
    } bad[] = {{in_scratch("folder"), "folder|can't be written"},
               {in_scratch("pipe"), "pipe|no regular file"},
               {in_scratch("protected"), "protected|write-protected"},
               {in_scratch("new/"), "new/|no file's name"},
               {"-", "-: |stdout"},
               {"", "can't be written"},
               {in_scratch("no/folder"), "no/folder|No such file"}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        NewFile file;
        ck_assert_msg(!new_file_begin(&file, bad[i].path, &error), "%s was begun",
                      bad[i].path);
        assert_error_line(error, bad[i].words);
    }
    ck_assert_ptr_null(regular_file_open(in_scratch("pipe"), &error)); /* no waiting */
    ck_assert_ptr_null(regular_file_open(in_scratch("folder"), &error));
}
END_TEST

START_TEST(names_of_one_file_are_known) {
    write_text(in_scratch("a"), "x");
    ck_assert_int_eq(link(in_scratch("a"), in_scratch("hard")), 0);
    ck_assert_int_eq(symlink("a", in_scratch("soft")), 0);
    ck_assert_int_eq(symlink("not-there", in_scratch("dangling")), 0);
    ck_assert(regular_file_same(in_scratch("a"), in_scratch("hard")));
    ck_assert(regular_file_same(in_scratch("soft"), in_scratch("./a")));
    ck_assert(regular_file_same(in_scratch("dangling"), in_scratch("not-there")));
    ck_assert(!regular_file_same(in_scratch("a"), in_scratch("not-there")));
    ck_assert(!regular_file_same(in_scratch("b"), in_scratch("c")));
    ck_assert(!regular_file_same(in_scratch("no/b"), in_scratch("nor/b")));
}
END_TEST

START_TEST(a_long_name_has_a_name_beside_it) {
    char name[256], beside[FILE_PATH_BYTES], path[5000];
    Error error = {""};
    memset(name, 'n', 255);
    name[255] = '\0';
    ck_assert(regular_file_beside(name, ".lock", beside, &error));
    ck_assert_uint_le(strlen(beside), 255);
    ck_assert_str_eq(beside + strlen(beside) - 5, ".lock");
    memset(path, '/', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    ck_assert(!regular_file_beside(path, ".lock", beside, &error));
    ck_assert(!regular_file_target(path, beside, &error));
    assert_error_line(error, "too long");
}
END_TEST

/* A child that is gone: its number belongs to nobody for a while. */
static long nobodys_pid(void) {
    const pid_t child = fork();
    if (child == 0) {
        _exit(0);
    }
    waitpid(child, NULL, 0);
    return (long)child;
}

START_TEST(what_a_killed_program_left_is_swept) {
    char gone[64];
    snprintf(gone, sizeof gone, "file.%ld-0.tmp", nobodys_pid());
    const char *left[] = {"file.tmp", "file.1-0.tmp", "other.tmp", "file.0-0.tmp",
                          "file.7-x.tmp"};
    write_text(in_scratch("%s", gone), "half");
    for (int i = 0; i < 5; i++) {
        write_text(in_scratch("%s", left[i]),
                   "not a left-over, or of a process that runs");
    }
    new_file_sweep(in_scratch("file"));
    ck_assert(!file_exists(in_scratch("%s", gone)));
    ck_assert_int_eq(files_in_scratch(), 5);
}
END_TEST

/* ---- one writer ------------------------------------------------------------- */

/* In another process: 0 if it gets the lock. */
static int try_in_a_child(const char *path) {
    const pid_t child = fork();
    if (child == 0) {
        Error error;
        _exit(file_lock_beside(path, &error) ? 0 : 1);
    }
    int status = -1;
    waitpid(child, &status, 0);
    return WEXITSTATUS(status);
}

START_TEST(a_lock_is_one_processs_and_ends_with_it) {
    Error error = {""};
    const char *path = in_scratch("file");
    ck_assert_int_eq(symlink("file", in_scratch("link")), 0);
    ck_assert_int_eq(try_in_a_child(path), 0); /* it ended without a release */
    ck_assert(file_lock_beside(path, &error));
    ck_assert(file_exists(in_scratch("file.lock")));
    ck_assert_int_eq(try_in_a_child(path), 1);
    ck_assert_int_eq(try_in_a_child(in_scratch("link")), 1);
    ck_assert_int_eq(try_in_a_child(in_scratch("another")), 0);
    file_lock_release();
    ck_assert(!file_exists(in_scratch("file.lock")));
    ck_assert_int_eq(try_in_a_child(path), 0);
}
END_TEST

#ifdef F_OFD_SETLK
/* A lock of an open file, as one of a process in another container: whose it is isn't
 * said. */
START_TEST(a_holder_that_is_not_known_has_no_number) {
    Error error = {""};
    struct flock all = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    write_text(in_scratch("file"), "");
    const int held = open(in_scratch("file"), O_RDWR);
    const int wanted = open(in_scratch("file"), O_RDWR);
    if (fcntl(held, F_OFD_SETLK, &all) == 0) { /* not every system knows it */
        ck_assert(!file_lock_take(wanted, "file", &error));
        ck_assert_str_eq(error.text, "file: another run is writing it: wait for it, or "
                                     "give another name");
    }
    close(held);
    close(wanted);
}
END_TEST
#endif

START_TEST(a_file_that_is_no_lock_is_left_alone) {
    Error error = {""};
    write_text(in_scratch("file.lock"), "mine");
    ck_assert(file_lock_beside(in_scratch("file"), &error));
    file_lock_drop_at_signal();
    file_lock_release();
    assert_text(in_scratch("file.lock"), "mine");
}
END_TEST

Suite *regular_file_suite(void) {
    Suite *suite = suite_create("regular_file");
    TCase *files = add_scratch_case(suite, "files");
    tcase_add_test(files, until_its_end_a_new_file_changes_nothing);
    tcase_add_test(files, two_new_files_of_one_name_are_in_nobodys_way);
    tcase_add_test(files, a_planted_link_is_not_followed);
    tcase_add_test(files, links_are_followed_to_their_target);
    tcase_add_test(files, a_files_mode_is_kept_and_a_new_ones_is_the_umasks);
    tcase_add_test(files, what_is_no_file_is_refused_at_once);
    tcase_add_test(files, names_of_one_file_are_known);
    tcase_add_test(files, a_long_name_has_a_name_beside_it);
    tcase_add_test(files, what_a_killed_program_left_is_swept);
    TCase *locks = add_scratch_case(suite, "one writer");
    tcase_add_test(locks, a_lock_is_one_processs_and_ends_with_it);
    tcase_add_test(locks, a_file_that_is_no_lock_is_left_alone);
#ifdef F_OFD_SETLK
    tcase_add_test(locks, a_holder_that_is_not_known_has_no_number);
#endif
    return suite;
}
