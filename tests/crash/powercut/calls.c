/* SPDX-License-Identifier: Apache-2.0
 *
 * calls.c: the calls by which a folder and its files are changed and synced, each with its notes. */
#include "crash/powercut/notes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* ---- octets ---- */

ssize_t pwritev(int fd, const struct iovec *pieces, int count, off_t offset)
{
    size_t len = 0;
    for (int i = 0; i < count; i++)
        len += pieces[i].iov_len;
    bool is_ours = notes_begin_change(fd, offset, len);
    ssize_t n = syscall(SYS_pwritev, fd, pieces, (long)count, (long)offset, 0L);
    if (is_ours)
        notes_end_change(fd);
    return n;
}

ssize_t pwrite(int fd, const void *octets, size_t len, off_t offset)
{
    return pwritev(fd, &(struct iovec){(void *)(uintptr_t)octets, len}, 1, offset);
}

int ftruncate(int fd, off_t bytes)
{
    struct stat st;
    bool shrinks = fstat(fd, &st) == 0 && st.st_size > bytes;
    off_t offset = shrinks ? bytes : st.st_size;
    bool is_ours = notes_begin_change(fd, offset, shrinks ? (size_t)(st.st_size - bytes) : 0);
    int rc = (int)syscall(SYS_ftruncate, fd, bytes);
    if (is_ours)
        notes_end_change(fd);
    return rc;
}

/* A file that grows by it is short again if it was not synced. */
int fallocate(int fd, int mode, off_t offset, off_t len)
{
    struct stat st;
    bool grows = fstat(fd, &st) == 0 && offset + len > st.st_size;
    bool is_ours = notes_begin_change(fd, st.st_size, grows ? (size_t)(offset + len - st.st_size) : 0);
    end_if(is_ours && mode != 0, "fallocate with a mode");
    int rc = (int)syscall(SYS_fallocate, fd, (long)mode, offset, len);
    if (is_ours)
        notes_end_change(fd);
    return rc;
}

/* ---- syncs ---- */

static int sync_file(int fd, long call)
{
    off_t up_to = notes_begin_sync(fd);
    int rc = (int)syscall(call, fd);
    const char *slow_us = getenv("POWERCUT_SYNC_US");
    if (up_to >= 0 && slow_us)
        usleep((unsigned)atoi(slow_us));
    if (rc == 0 && up_to >= 0)
        notes_end_sync(fd, up_to);
    return rc;
}

int fsync(int fd)
{
    return sync_file(fd, SYS_fsync);
}

int fdatasync(int fd)
{
    return sync_file(fd, SYS_fdatasync);
}

/* ---- names ---- */

static int open_in_folder(int at, const char *path, const char *name, int flags, mode_t mode)
{
    struct stat st;
    end_if((flags & (O_TRUNC | O_APPEND | O_SYNC | O_DSYNC)) != 0, "a flag of open that is not known");
    notes_lock();
    bool was_there = fstatat(at, path, &st, 0) == 0;
    int fd = (int)syscall(SYS_openat, at, path, flags, mode);
    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
        notes_open(st.st_ino);
        if (!was_there)
            notes_name("", name, st.st_ino, 0);
    }
    notes_unlock();
    return fd;
}

static int open_file(int at, const char *path, int flags, mode_t mode)
{
    const char *name = name_in_folder(at, path);
    return name ? open_in_folder(at, path, name, flags, mode)
                : (int)syscall(SYS_openat, at, path, flags, mode);
}

static mode_t mode_of(int flags, va_list more)
{
    return (flags & O_CREAT) != 0 ? va_arg(more, mode_t) : 0;
}

int openat(int at, const char *path, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    mode_t mode = mode_of(flags, more);
    va_end(more);
    return open_file(at, path, flags, mode);
}

int open(const char *path, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    mode_t mode = mode_of(flags, more);
    va_end(more);
    return open_file(AT_FDCWD, path, flags, mode);
}

static ino_t inode_of(int at, const char *path)
{
    struct stat st;
    return fstatat(at, path, &st, AT_SYMLINK_NOFOLLOW) == 0 ? st.st_ino : 0;
}

int renameat(int from_at, const char *from, int to_at, const char *to)
{
    const char *old = name_in_folder(from_at, from), *new = name_in_folder(to_at, to);
    end_if(!old != !new, "a rename into the folder or out of it");
    notes_lock();
    ino_t inode = inode_of(from_at, from), victim = old ? inode_of(to_at, to) : 0;
    if (victim)
        notes_keep(to_at, to, victim);
    int rc = (int)syscall(SYS_renameat, from_at, from, to_at, to);
    if (old && rc == 0 && inode != victim) {
        notes_open(inode);
        notes_name(old, new, inode, victim);
    }
    notes_unlock();
    return rc;
}

int rename(const char *from, const char *to)
{
    return renameat(AT_FDCWD, from, AT_FDCWD, to);
}

int unlinkat(int at, const char *path, int flags)
{
    const char *name = name_in_folder(at, path);
    notes_lock();
    ino_t inode = name ? inode_of(at, path) : 0;
    if (inode)
        notes_keep(at, path, inode);
    int rc = (int)syscall(SYS_unlinkat, at, path, flags);
    if (inode && rc == 0)
        notes_name(name, "", inode, 0);
    notes_unlock();
    return rc;
}

int unlink(const char *path)
{
    return unlinkat(AT_FDCWD, path, 0);
}

/* ---- the same calls by their other names ---- */

#define SAME(name, as) extern __typeof(name) name __attribute__((alias(as)))
SAME(open64, "open");
SAME(openat64, "openat");
SAME(pwrite64, "pwrite");
SAME(pwritev64, "pwritev");
SAME(ftruncate64, "ftruncate");
SAME(fallocate64, "fallocate");
