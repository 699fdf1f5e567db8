/* SPDX-License-Identifier: Apache-2.0
 *
 * shim.c: a disk that fails, for a daemon that was started with LD_PRELOAD. It does what the file $SHIM_ORDER says, while
 * there is one:
 *
 *     fdatasync 3 fail      from the third such call on (counted while the file is there) they fail with EIO
 *     pwritev 1 full        likewise with ENOSPC
 *     pread 1 fail
 *     fstatvfs 1 full       nothing is free
 *     fdatasync 1 slow      each takes 300 ms longer */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#define SLOW_US 300000

static atomic_int calls;

static FILE *open_order(void)
{
    const char *name = getenv("SHIM_ORDER");
    return name ? fopen(name, "r") : NULL;
}

/* True if this call has to fail; errno says how. */
static int fails(const char *call)
{
    char ordered[32], what[32];
    int from, error = 0;
    FILE *order = open_order();
    if (!order)
        return 0;
    if (fscanf(order, "%31s %d %31s", ordered, &from, what) == 3 && strcmp(ordered, call) == 0 &&
        atomic_fetch_add(&calls, 1) + 1 >= from) {
        if (strcmp(what, "slow") == 0)
            usleep(SLOW_US);
        else
            error = strcmp(what, "full") == 0 ? ENOSPC : EIO;
    }
    fclose(order);
    errno = error;
    return error != 0;
}

int fdatasync(int fd)
{
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    return fails("fdatasync") ? -1 : real(fd);
}

ssize_t pwritev(int fd, const struct iovec *pieces, int count, off_t offset)
{
    ssize_t (*real)(int, const struct iovec *, int, off_t) =
        (ssize_t(*)(int, const struct iovec *, int, off_t))dlsym(RTLD_NEXT, "pwritev");
    return fails("pwritev") ? -1 : real(fd, pieces, count, offset);
}

ssize_t pread(int fd, void *out, size_t len, off_t offset)
{
    ssize_t (*real)(int, void *, size_t, off_t) =
        (ssize_t(*)(int, void *, size_t, off_t))dlsym(RTLD_NEXT, "pread");
    return fails("pread") ? -1 : real(fd, out, len, offset);
}

int fstatvfs(int fd, struct statvfs *out)
{
    int (*real)(int, struct statvfs *) = (int (*)(int, struct statvfs *))dlsym(RTLD_NEXT, "fstatvfs");
    int rc = real(fd, out);
    if (fails("fstatvfs"))
        out->f_bavail = 0;
    return rc;
}
