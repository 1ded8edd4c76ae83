/*
 * at_moment MILLISECONDS SIGNAL PROGRAM OPTIONS...: runs the program, with SIGINT as a
 * terminal's program has it (a shell's background jobs ignore it), and sends it the
 * signal, a number, after so long. Exits as the program does; 128 + N if signal N ended
 * it.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv) {
    if (argc < 4) {
        fprintf(stderr, "usage: at_moment MILLISECONDS SIGNAL PROGRAM OPTIONS...\n");
        return 2;
    }
    const long ms = strtol(argv[1], NULL, 10);
    const int number = (int)strtol(argv[2], NULL, 10);
    const pid_t pid = fork();
    if (pid == 0) {
        signal(SIGINT, SIG_DFL);
        signal(number, SIG_DFL); /* nohup ignores SIGHUP */
        execv(argv[3], argv + 3);
        perror(argv[3]);
        _exit(127);
    }
    if (pid < 0) {
        perror("at_moment");
        return 2;
    }
    const struct timespec wait = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    int status = 0;
    nanosleep(&wait, NULL);
    kill(pid, number); /* until it is waited for, its number is its own */
    if (waitpid(pid, &status, 0) != pid) {
        perror("at_moment");
        return 2;
    }
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
