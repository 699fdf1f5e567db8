/* SPDX-License-Identifier: Apache-2.0
 *
 * command.c: runs a command, feeds it and reads what it says, all at once: whoever writes first to a pipe that nobody reads
 * would wait for ever. */
#include "cli/command.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/text.h"
#include "cli/bus/bus.h"

#define OUTPUT_BYTES_MOST ((size_t)64 << 20)

extern char **environ;

enum { INPUT, OUTPUT, ERRORS, PIPES };

typedef struct run {
    pid_t pid;
    int pipes[PIPES]; /* our ends; -1: closed */
    bytes_t input;    /* what is still to be written */
    char line[512];   /* of standard error, the last that is not empty: in `last` once it has ended */
    size_t line_len;
    command_result_t *result;
} run_t;

void command_result_free(command_result_t *r)
{
    buffer_free(&r->output);
}

bool command_exists(const char *name)
{
    const char *path = getenv("PATH");
    char file[4096];
    if (strchr(name, '/'))
        return access(name, X_OK) == 0;
    for (path = path ? path : "/usr/bin:/bin"; *path;) {
        size_t len = strcspn(path, ":");
        text_format(file, sizeof file, "%.*s/%s", (int)len, path, name);
        if (access(file, X_OK) == 0)
            return true;
        path += len + (path[len] == ':');
    }
    return false;
}

/* ---- beginning ---- */

static void close_end(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

static char **join_environments(const char *const *more)
{
    size_t count = 0, added = 0;
    while (environ[count])
        count++;
    while (more[added])
        added++;
    char **all = mem_alloc((count + added + 1) * sizeof *all);
    for (size_t i = 0; i < added; i++)
        all[i] = (char *)(uintptr_t)more[i]; /* of two with one name the first counts */
    memcpy(all + added, environ, (count + 1) * sizeof *all);
    return all;
}

/* Signals that we ignore or catch are the command's own again. */
static int spawn(run_t *r, char **argv, char **environment, const int theirs[PIPES])
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t usual;
    sigemptyset(&usual);
    sigaddset(&usual, SIGPIPE);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigdefault(&attributes, &usual);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
    for (int i = 0; i < PIPES; i++)
        posix_spawn_file_actions_adddup2(&actions, theirs[i], i);
    int rc = posix_spawnp(&r->pid, argv[0], &actions, &attributes, argv, environment);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return rc;
}

static int begin(run_t *r, char **argv, const char *const *environment, error_t *err)
{
    int theirs[PIPES] = {-1, -1, -1}, rc = 0;
    for (int i = 0; i < PIPES && rc == 0; i++) {
        int ends[2];
        rc = pipe2(ends, O_CLOEXEC) == 0 ? 0 : errno;
        if (rc == 0) {
            r->pipes[i] = ends[i == INPUT];
            theirs[i] = ends[i != INPUT];
            (void)fcntl(r->pipes[i], F_SETFL, O_NONBLOCK);
        }
    }
    char **all = join_environments(environment);
    if (rc == 0)
        rc = spawn(r, argv, all, theirs);
    mem_free(all);
    for (int i = 0; i < PIPES; i++)
        close_end(&theirs[i]);
    for (int i = 0; i < PIPES && rc != 0; i++)
        close_end(&r->pipes[i]);
    return rc == 0 ? 0 : error_set(err, "cannot run %s: %s", argv[0], strerror(rc));
}

/* ---- while it runs ---- */

static void feed(run_t *r)
{
    ssize_t len = r->input.len > 0 ? write(r->pipes[INPUT], r->input.data, r->input.len) : 0;
    if (len > 0)
        r->input = bytes_make(r->input.data + len, r->input.len - (size_t)len);
    else if (len < 0 && errno != EAGAIN && errno != EINTR)
        r->input.len = 0; /* it does not want the rest */
    if (r->input.len == 0)
        close_end(&r->pipes[INPUT]);
}

/* Keeps the last line that is not empty. */
static void note_errors(run_t *r, bytes_t piece)
{
    for (size_t i = 0; i < piece.len; i++) {
        bool end = piece.data[i] == '\n';
        if (!end && r->line_len + 1 < sizeof r->line)
            r->line[r->line_len++] = (char)piece.data[i];
        if (end && r->line_len > 0)
            text_format(r->result->reason, sizeof r->result->reason, "%.*s", (int)r->line_len, r->line);
        if (end)
            r->line_len = 0;
    }
}

static void take(run_t *r, int which)
{
    char piece[65536];
    ssize_t len = read(r->pipes[which], piece, sizeof piece);
    if (len < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (len <= 0) {
        close_end(&r->pipes[which]);
        return;
    }
    if (which == OUTPUT) {
        write_bytes(&r->result->output, bytes_make(piece, (size_t)len));
        return;
    }
    note_errors(r, bytes_make(piece, (size_t)len));
    (void)fwrite(piece, 1, (size_t)len, stderr);
}

static void converse(run_t *r, void (*tick)(void *), void *context)
{
    while (r->pipes[OUTPUT] >= 0 || r->pipes[ERRORS] >= 0) {
        struct pollfd items[PIPES] = {{.fd = r->pipes[INPUT], .events = POLLOUT},
                                      {.fd = r->pipes[OUTPUT], .events = POLLIN},
                                      {.fd = r->pipes[ERRORS], .events = POLLIN}};
        (void)poll(items, PIPES, CLI_SLICE_MS);
        if (items[INPUT].revents)
            feed(r);
        for (int i = OUTPUT; i < PIPES; i++)
            if (items[i].revents)
                take(r, i);
        tick(context);
    }
}

/* ---- the end ---- */

static void judge(run_t *r, int status)
{
    command_result_t *out = r->result;
    note_errors(r, BYTES("\n"));
    out->killed = WIFSIGNALED(status);
    out->failed = out->killed || WEXITSTATUS(status) != 0 || out->output.failed;
    if (out->output.failed)
        text_format(out->reason, sizeof out->reason, "its result is larger than 64 MiB");
    else if (out->reason[0] == '\0' && out->killed)
        text_format(out->reason, sizeof out->reason, "ended by signal %d", WTERMSIG(status));
    else if (out->reason[0] == '\0')
        text_format(out->reason, sizeof out->reason, "exit code %d", WEXITSTATUS(status));
    if (out->output.len > 0 && out->output.data[out->output.len - 1] == '\n')
        out->output.len--;
}

/* It may have closed its pipes and go on. */
static int await_end(const run_t *r, void (*tick)(void *), void *context)
{
    int status = 0;
    while (waitpid(r->pid, &status, WNOHANG) == 0) {
        (void)poll(NULL, 0, 1);
        tick(context);
    }
    return status;
}

int command_run(char **argv, const char *const *environment, bytes_t input, void (*tick)(void *),
                void *context, command_result_t *result, error_t *err)
{
    *result = (command_result_t){0};
    buffer_init(&result->output, OUTPUT_BYTES_MOST);
    run_t r = {.pipes = {-1, -1, -1}, .input = input, .result = result};
    if (begin(&r, argv, environment, err) != 0)
        return -1;
    converse(&r, tick, context);
    close_end(&r.pipes[INPUT]);
    judge(&r, await_end(&r, tick, context));
    return 0;
}
