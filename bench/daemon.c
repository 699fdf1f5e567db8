/* SPDX-License-Identifier: Apache-2.0
 *
 * daemon.c: starts chaskid, reads the port from its log lines, ends it by its pid. Nobody reads its log behind the
 * ready line; the pipe takes the few lines of a benchmark's connections, and a full one does not stop the broker. */
#include "daemon.h"

#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define LISTENING "listening for AMQP on 127.0.0.1:"
#define READY     "Server startup complete"

static void run_program(const char *program, const char *data_dir, int out)
{
    char data[512];
    snprintf(data, sizeof data, "data_dir=%s", data_dir);
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* a benchmark that is interrupted leaves no broker behind */
    dup2(out, STDOUT_FILENO);
    execl(program, program, "listeners.tcp.default=127.0.0.1:0", "bus.listen.events=tcp://127.0.0.1:0", data,
          (char *)NULL);
    fprintf(stderr, "%s: %s\n", program, strerror(errno));
    _exit(127);
}

static int wait_for_ready(bench_daemon_t *d, error_t *err)
{
    FILE *log = fdopen(d->stdout_fd, "r");
    char line[1024];
    while (log != NULL && fgets(line, sizeof line, log) != NULL) {
        const char *found = strstr(line, LISTENING);
        if (found != NULL)
            d->port = (uint16_t)strtoul(found + strlen(LISTENING), NULL, 10);
        if (strstr(line, READY) != NULL)
            return d->port != 0 ? 0 : error_set(err, "the broker is ready but named no port");
    }
    return error_set(err, "the broker ended before it was ready");
}

int bench_daemon_start(bench_daemon_t *d, const char *program, const char *data_dir, error_t *err)
{
    int ends[2];
    *d = (bench_daemon_t){0};
    if (pipe(ends) != 0)
        return error_set(err, "no pipe: %s", strerror(errno));
    pid_t pid = fork();
    if (pid == 0)
        run_program(program, data_dir, ends[1]);
    close(ends[1]);
    d->stdout_fd = ends[0];
    if (pid < 0)
        return error_set(err, "cannot fork: %s", strerror(errno));
    d->pid = pid;
    return wait_for_ready(d, err);
}

void bench_daemon_stop(bench_daemon_t *d)
{
    if (d->pid > 0) {
        kill(d->pid, SIGTERM);
        waitpid(d->pid, NULL, 0);
    }
    d->pid = 0;
}

static int remove_entry(const char *path, const struct stat *what, int kind, struct FTW *where)
{
    (void)what, (void)kind, (void)where;
    return remove(path);
}

void bench_folder_remove(const char *folder)
{
    (void)nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}
