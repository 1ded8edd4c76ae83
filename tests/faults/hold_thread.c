/* hold_thread PID SECONDS: stops one thread of a process, the one of this number, as if
 * it computed without end; its other threads go on. Prints "held" once it stands still.
 * Exit status 2: the system doesn't allow it. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv) {
    int status;
    const pid_t thread = argc == 3 ? (pid_t)strtol(argv[1], NULL, 10) : 0;
    if (thread <= 0 || ptrace(PTRACE_SEIZE, thread, NULL, NULL) != 0 ||
        ptrace(PTRACE_INTERRUPT, thread, NULL, NULL) != 0 ||
        waitpid(thread, &status, __WALL) != thread) {
        perror("hold_thread");
        return 2;
    }
    printf("held\n");
    fflush(stdout);
    sleep((unsigned)strtoul(argv[2], NULL, 10));
    return 0;
}
