/* SPDX-License-Identifier: Apache-2.0
 *
 * shim.c: a disk that fails, for a daemon that was started with LD_PRELOAD. It does what the file $SHIM_ORDER says, while
 * there is one:
 *
 *     fdatasync 3 fail      from the third such call on (counted while the file is there) they fail with EIO
 *     pwritev 1 full        likewise with ENOSPC
 *     pread 1 fail
 *     readdir 1 fail
 *     fstatvfs 1 full       nothing is free; with fail it does not say
 *     create 1 readonly     no file can be made: EROFS; with busy no descriptor is left: EMFILE
 *     fallocate 1 fail      likewise; with unsupported the file system cannot
 *     fdatasync 1 slow      each takes 300 ms longer
 *     folder 5000000 holds  the folder of the log has room for files of so many octets in all */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#define SLOW_US 300000

typedef struct order {
    char call[32], what[32];
    long number;
} order_t;

static atomic_long calls;

static bool read_order(order_t *o)
{
    const char *name = getenv("SHIM_ORDER");
    FILE *file = name ? fopen(name, "r") : NULL;
    if (!file)
        return false;
    bool whole = fscanf(file, "%31s %ld %31s", o->call, &o->number, o->what) == 3;
    fclose(file);
    return whole;
}

static int error_of(const char *what)
{
    static const struct {
        const char *what;
        int error;
    } errors[] = {{"full", ENOSPC}, {"readonly", EROFS}, {"busy", EMFILE}, {"unsupported", EOPNOTSUPP}};
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
        if (strcmp(what, errors[i].what) == 0)
            return errors[i].error;
    return EIO;
}

/* True if this call has to fail; errno says how, else it is as it was. */
static bool fails(const char *call)
{
    order_t o;
    int before = errno;
    bool is_meant =
        read_order(&o) && strcmp(o.call, call) == 0 && atomic_fetch_add(&calls, 1) + 1 >= o.number;
    bool is_slow = is_meant && strcmp(o.what, "slow") == 0;
    if (is_slow)
        usleep(SLOW_US);
    errno = is_meant && !is_slow ? error_of(o.what) : before;
    return is_meant && !is_slow;
}

/* ---- a folder that holds only so much ---- */

/* Octets that it still has for files; -1: there is no such order. */
static long room_in(const char *folder)
{
    order_t o;
    if (!read_order(&o) || strcmp(o.call, "folder") != 0)
        return -1;
    struct dirent *(*real)(DIR *) = (struct dirent * (*)(DIR *)) dlsym(RTLD_NEXT, "readdir");
    DIR *d = opendir(folder);
    struct stat st;
    for (struct dirent *entry; d && (entry = real(d)) != NULL;)
        if (fstatat(dirfd(d), entry->d_name, &st, 0) == 0 && S_ISREG(st.st_mode))
            o.number -= st.st_size;
    if (d)
        closedir(d);
    return o.number > 0 ? o.number : 0;
}

static long room_beside(int fd)
{
    char link[64], path[4096] = "";
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    if (readlink(link, path, sizeof path - 1) < 0 || !strrchr(path, '/'))
        return -1;
    *strrchr(path, '/') = '\0';
    return room_in(path);
}

/* By so many octets; 0: it does not. */
static off_t grows(int fd, const struct iovec *pieces, int count, off_t end)
{
    struct stat st;
    for (int i = 0; i < count; i++)
        end += (off_t)pieces[i].iov_len;
    return fstat(fd, &st) == 0 && end > st.st_size ? end - st.st_size : 0;
}

static bool fits(int fd, off_t more)
{
    long room = more > 0 ? room_beside(fd) : -1;
    return room < 0 || more <= room;
}

/* ---- the calls ---- */

int fdatasync(int fd)
{
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    return fails("fdatasync") ? -1 : real(fd);
}

ssize_t pwritev(int fd, const struct iovec *pieces, int count, off_t offset)
{
    ssize_t (*real)(int, const struct iovec *, int, off_t) =
        (ssize_t(*)(int, const struct iovec *, int, off_t))dlsym(RTLD_NEXT, "pwritev");
    if (fails("pwritev"))
        return -1;
    if (fits(fd, grows(fd, pieces, count, offset)))
        return real(fd, pieces, count, offset);
    errno = ENOSPC;
    return -1;
}

int fallocate(int fd, int mode, off_t offset, off_t len)
{
    int (*real)(int, int, off_t, off_t) = (int (*)(int, int, off_t, off_t))dlsym(RTLD_NEXT, "fallocate");
    const struct iovec all = {.iov_len = (size_t)len};
    if (fails("fallocate"))
        return -1;
    if (fits(fd, grows(fd, &all, 1, offset)))
        return real(fd, mode, offset, len);
    errno = ENOSPC;
    return -1;
}

ssize_t pread(int fd, void *out, size_t len, off_t offset)
{
    ssize_t (*real)(int, void *, size_t, off_t) =
        (ssize_t(*)(int, void *, size_t, off_t))dlsym(RTLD_NEXT, "pread");
    return fails("pread") ? -1 : real(fd, out, len, offset);
}

struct dirent *readdir(DIR *d)
{
    struct dirent *(*real)(DIR *) = (struct dirent * (*)(DIR *)) dlsym(RTLD_NEXT, "readdir");
    return fails("readdir") ? NULL : real(d);
}

int openat(int folder, const char *name, int flags, ...)
{
    int (*real)(int, const char *, int, ...) =
        (int (*)(int, const char *, int, ...))dlsym(RTLD_NEXT, "openat");
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return (flags & O_CREAT) && fails("create") ? -1 : real(folder, name, flags, mode);
}

int fstatvfs(int fd, struct statvfs *out)
{
    int (*real)(int, struct statvfs *) = (int (*)(int, struct statvfs *))dlsym(RTLD_NEXT, "fstatvfs");
    char link[64];
    int rc = real(fd, out);
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    long room = room_in(link);
    if (room >= 0)
        out->f_bavail = (fsblkcnt_t)room / out->f_frsize;
    if (!fails("fstatvfs"))
        return rc;
    out->f_bavail = 0;
    return errno == ENOSPC ? rc : -1;
}
