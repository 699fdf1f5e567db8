/* SPDX-License-Identifier: Apache-2.0
 *
 * refused.c: calls that could change the folder, and of which no notes are made: used on it they end the process. */
#include "crash/powercut/notes.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static void refuse(int fd, const char *call)
{
    end_if(notes_know(fd), call);
}

ssize_t write(int fd, const void *octets, size_t len)
{
    refuse(fd, "write");
    return syscall(SYS_write, fd, octets, len);
}

ssize_t writev(int fd, const struct iovec *pieces, int count)
{
    refuse(fd, "writev");
    return syscall(SYS_writev, fd, pieces, (long)count);
}

ssize_t sendfile(int to, int from, off_t *offset, size_t count)
{
    refuse(to, "sendfile");
    return syscall(SYS_sendfile, to, from, offset, count);
}

ssize_t copy_file_range(int from, off64_t *from_offset, int to, off64_t *to_offset, size_t len,
                        unsigned flags)
{
    refuse(to, "copy_file_range");
    return syscall(SYS_copy_file_range, from, from_offset, to, to_offset, len, (long)flags);
}

ssize_t pwritev2(int fd, const struct iovec *pieces, int count, off_t offset, int flags)
{
    refuse(fd, "pwritev2");
    return syscall(SYS_pwritev2, fd, pieces, (long)count, (long)offset, 0L, (long)flags);
}

int posix_fallocate(int fd, off_t offset, off_t len)
{
    refuse(fd, "posix_fallocate");
    return syscall(SYS_fallocate, fd, 0L, offset, len) == 0 ? 0 : errno;
}

int sync_file_range(int fd, off64_t offset, off64_t len, unsigned flags)
{
    refuse(fd, "sync_file_range");
    return (int)syscall(SYS_sync_file_range, fd, offset, len, (long)flags);
}

void *mmap(void *at, size_t len, int protection, int flags, int fd, off_t offset)
{
    if (fd >= 0 && (flags & MAP_SHARED) != 0 && (protection & PROT_WRITE) != 0)
        refuse(fd, "mmap");
    return (void *)syscall(SYS_mmap, at, len, (long)protection, (long)flags, (long)fd, offset);
}

int renameat2(int from_at, const char *from, int to_at, const char *to, unsigned flags)
{
    end_if(name_in_folder(from_at, from) || name_in_folder(to_at, to), "renameat2");
    return (int)syscall(SYS_renameat2, from_at, from, to_at, to, (long)flags);
}

int linkat(int from_at, const char *from, int to_at, const char *to, int flags)
{
    end_if(name_in_folder(from_at, from) || name_in_folder(to_at, to), "linkat");
    return (int)syscall(SYS_linkat, from_at, from, to_at, to, (long)flags);
}

int truncate(const char *path, off_t bytes)
{
    end_if(name_in_folder(AT_FDCWD, path) != NULL, "truncate");
    return (int)syscall(SYS_truncate, path, bytes);
}

FILE *fopen(const char *path, const char *mode)
{
    FILE *(*real)(const char *, const char *) =
        (FILE * (*)(const char *, const char *))(uintptr_t)dlsym(RTLD_NEXT, "fopen");
    end_if(mode[0] != 'r' && name_in_folder(AT_FDCWD, path) != NULL, "fopen");
    return real(path, mode);
}

/* ---- the same calls by their other names ---- */

#define SAME(name, as) extern __typeof(name) name __attribute__((alias(as)))
SAME(truncate64, "truncate");
SAME(pwritev64v2, "pwritev2");
SAME(sendfile64, "sendfile");
SAME(posix_fallocate64, "posix_fallocate");
SAME(mmap64, "mmap");
SAME(fopen64, "fopen");
