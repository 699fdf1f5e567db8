/* SPDX-License-Identifier: Apache-2.0
 *
 * machine.c: what this process may use: descriptors, memory, processors; and a line written whole.
 *
 * /proc/self/cgroup has one line a hierarchy, "number:controllers:path". Version 2 is the line with no
 * controllers; its limit is memory.max. Version 1 is the line whose controllers contain "memory"; its limit
 * is memory.limit_in_bytes below a folder "memory". A limit holds for all groups below, so the least on the
 * way up to the root counts. In a container the path may be the host's, and only its end exists here: groups
 * whose file is not there are passed over, and the root of the mount, which then is our own group, is always
 * asked. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/text.h"
#include "os/os.h"
#include "os/os_internal.h"

enum { PATH_BYTES = 4096, LINE_BYTES = 4096 };

_Static_assert(LINE_BYTES <= PIPE_BUF, "a line goes into a pipe in one piece");

uint64_t os_raise_file_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 0;
    struct rlimit raised = {.rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max};
    if (limit.rlim_cur < limit.rlim_max && setrlimit(RLIMIT_NOFILE, &raised) == 0)
        limit = raised;
    return limit.rlim_cur;
}

uint64_t os_file_limit(void)
{
    struct rlimit limit;
    return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : UINT64_MAX;
}

uint64_t os_open_files(void)
{
    DIR *folder = opendir("/proc/self/fd");
    if (folder == NULL)
        return UINT64_MAX;
    uint64_t count = 0;
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(folder);
    return count - 1; /* without the one this took */
}

/* The number in a limit file; UINT64_MAX if it says "max" or there is no such file. */
static uint64_t read_limit(const char *path)
{
    char line[64] = "";
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return UINT64_MAX;
    if (fgets(line, sizeof line, f) == NULL)
        line[0] = '\0';
    fclose(f);
    line[strcspn(line, "\n")] = '\0';
    uint64_t limit = UINT64_MAX;
    return text_parse_u64(bytes_string(line), &limit) ? limit : UINT64_MAX;
}

/* The least limit in `file` of the group `path` below `root` and of those above it. Cuts `path` on its way
 * up. */
static uint64_t least_limit(const char *root, char *path, const char *file)
{
    uint64_t least = UINT64_MAX;
    for (;;) {
        char name[PATH_BYTES + 512];
        text_format(name, sizeof name, "%s%s/%s", root, path, file);
        uint64_t limit = read_limit(name);
        least = limit < least ? limit : least;
        char *slash = strrchr(path, '/');
        if (slash == NULL)
            return least;
        *slash = '\0';
    }
}

/* True if `controllers` ("cpu,memory") contains "memory". Cuts it into words. */
static bool has_memory(char *controllers)
{
    char *rest = NULL;
    for (char *word = strtok_r(controllers, ",", &rest); word != NULL; word = strtok_r(NULL, ",", &rest))
        if (strcmp(word, "memory") == 0)
            return true;
    return false;
}

/* The limit that one line of the membership file leads to. */
static uint64_t limit_of_line(char *line, const char *root)
{
    line[strcspn(line, "\n")] = '\0';
    char *controllers = strchr(line, ':');
    char *path = controllers ? strchr(controllers + 1, ':') : NULL;
    if (path == NULL)
        return UINT64_MAX;
    *controllers++ = '\0';
    *path++ = '\0';
    if (controllers[0] == '\0')
        return least_limit(root, path, "memory.max");
    char below[512];
    text_format(below, sizeof below, "%s/memory", root);
    return has_memory(controllers) ? least_limit(below, path, "memory.limit_in_bytes") : UINT64_MAX;
}

uint64_t machine_cgroup_limit(const char *membership_file, const char *root)
{
    FILE *f = fopen(membership_file, "re");
    if (f == NULL)
        return UINT64_MAX;
    uint64_t least = UINT64_MAX;
    char line[PATH_BYTES];
    while (fgets(line, sizeof line, f) != NULL) {
        uint64_t limit = limit_of_line(line, root);
        least = limit < least ? limit : least;
    }
    fclose(f);
    return least;
}

uint64_t os_memory_total(void)
{
    long pages = sysconf(_SC_PHYS_PAGES);
    long page_bytes = sysconf(_SC_PAGESIZE);
    uint64_t machine = pages > 0 && page_bytes > 0 ? (uint64_t)pages * (uint64_t)page_bytes : UINT64_MAX;
    uint64_t group = machine_cgroup_limit("/proc/self/cgroup", "/sys/fs/cgroup");
    return group < machine ? group : machine;
}

unsigned os_cpu_count(void)
{
    /* The processors this process may run on; with more than a cpu_set_t holds, all that are there. */
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0)
        return (unsigned)CPU_COUNT(&set);
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (unsigned)online : 1;
}

/* True if a write of one line would not wait. A pipe that poll(2) calls writable has room for PIPE_BUF octets, which is
 * no less than a line. */
static bool wait_writable(int fd, int wait_ms)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    int n;
    do
        n = poll(&p, 1, wait_ms);
    while (n < 0 && errno == EINTR);
    return n > 0;
}

bool os_write_line(int fd, const char *line, int wait_ms)
{
    /* Between a thread's look and its write no other may take the room. */
    static pthread_mutex_t one_writer = PTHREAD_MUTEX_INITIALIZER;
    char out[LINE_BYTES];
    size_t len = strnlen(line, sizeof out - 1);
    memcpy(out, line, len);
    out[len] = '\n';

    pthread_mutex_lock(&one_writer);
    ssize_t n = -1;
    if (wait_writable(fd, wait_ms)) {
        do
            n = write(fd, out, len + 1);
        while (n < 0 && errno == EINTR);
    }
    pthread_mutex_unlock(&one_writer);
    return n > 0;
}

uint64_t os_memory_resident(void)
{
    unsigned long long pages = 0;
    FILE *statm = fopen("/proc/self/statm", "re");
    if (!statm)
        return 0;
    if (fscanf(statm, "%*u %llu", &pages) != 1)
        pages = 0;
    (void)fclose(statm);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}
