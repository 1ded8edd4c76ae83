/*
 * demo_shape_mistake.c: what the course's code says when shapes don't fit. Such a
 * mistake stops the program (error.h), so it is made in a child process, and what
 * the child prints comes back through a pipe.
 */
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/matmul.h"
#include "common/lesson/report.h"
#include "chapters/01_tensor_ops/tensor_ops_demos.h"

/* In the child: Q (3,4) times K (5,4), where Q times K^T was meant. */
static void make_the_mistake(int message) {
    static real q[12], k[20], s[15];
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}); /* leave no core file behind */
    dup2(message, STDERR_FILENO);
    matmul_nn(tensor2(q, 3, 4), tensor2(k, 5, 4), tensor2(s, 3, 5));
    _exit(0); /* not reached */
}

/* What a child that made the mistake wrote to stderr; its exit status, or -1. */
static int run_child(char *text, size_t bytes) {
    int ends[2], status = -1;
    text[0] = '\0';
    fflush(stdout); /* or the child would print it again */
    if (pipe(ends) != 0) {
        return -1;
    }
    pid_t child = fork();
    if (child == 0) {
        make_the_mistake(ends[1]);
    }
    close(ends[1]);
    waitpid(child, &status, 0); /* a pipe has room for the message */
    const ssize_t got = read(ends[0], text, bytes - 1);
    text[got > 0 ? got : 0] = '\0';
    close(ends[0]);
    return status;
}

/* The text in lines of at most 80 columns, broken between words. */
static void print_wrapped(char *text) {
    size_t column = 0;
    for (char *word = strtok(text, " \n"); word; word = strtok(NULL, " \n")) {
        if (column > 0 && column + 1 + strlen(word) > 80) {
            printf("\n");
            column = 0;
        }
        column += (size_t)printf("%s%s", column == 0 ? "    " : " ", word);
    }
    printf("\n");
}

void shape_mistake_demo(void) {
    char text[1024];
    report_section("1.2 When shapes don't fit");
    printf("\nEvery function checks the shapes it is given. With Q (3,4) and K (5,4),\n"
           "matmul_nn(Q, K, S) where matmul_nt (Q times K^T) was meant says:\n\n");
    const int status = run_child(text, sizeof text);
    const bool told = WIFSIGNALED(status) && strstr(text, "matmul_nn") &&
                      strstr(text, "(3,4)") && strstr(text, "(5,4)");
    print_wrapped(text);
    printf("\n");
    report_check(told,
                 "the program stopped, and the message names the call and both shapes");
}
