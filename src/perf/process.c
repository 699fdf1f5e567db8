/* SPDX-License-Identifier: Apache-2.0
 *
 * process.c: /proc/PID/stat and statm (proc(5)). */
#include "perf/process.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"

static int read_file(pid_t pid, const char *name, char *out, size_t out_bytes)
{
    char path[64];
    text_format(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t n = read(fd, out, out_bytes - 1);
    close(fd);
    if (n <= 0)
        return -1;
    out[n] = '\0';
    return 0;
}

/* Fields 14 and 15 of stat; the name in field 2 may hold anything, a parenthesis too. */
static int read_cpu(pid_t pid, double *seconds)
{
    char text[1024];
    uint64_t user, system;
    if (read_file(pid, "stat", text, sizeof text) != 0)
        return -1;
    const char *behind_name = strrchr(text, ')');
    if (!behind_name ||
        sscanf(behind_name + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64, &user,
               &system) != 2)
        return -1;
    *seconds = (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
    return 0;
}

static int read_rss(pid_t pid, uint64_t *bytes)
{
    char text[256];
    uint64_t pages;
    if (read_file(pid, "statm", text, sizeof text) != 0 || sscanf(text, "%*u %" SCNu64, &pages) != 1)
        return -1;
    *bytes = pages * (uint64_t)sysconf(_SC_PAGESIZE);
    return 0;
}

int process_usage(pid_t pid, process_usage_t *out, error_t *err)
{
    errno = 0;
    if (read_cpu(pid, &out->cpu_seconds) == 0 && read_rss(pid, &out->rss_bytes) == 0)
        return 0;
    return error_set(err, "cannot look at process %d: %s", (int)pid,
                     errno ? strerror(errno) : "/proc says nothing");
}
