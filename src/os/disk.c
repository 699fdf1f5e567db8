/* SPDX-License-Identifier: Apache-2.0
 *
 * disk.c: the real disk. Everything goes through one descriptor of the folder, so it stays the same folder even if it
 * is moved.
 *
 * The lock is one of an open file description (F_OFD_SETLK): unlike the older POSIX locks it is not lost when another
 * descriptor of the same file is closed, and a second disk in this very process is refused too. A sync that failed is
 * never tried again here: the kernel may have dropped what it could not write, and would then say that all is well. */
#include "os/disk.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/text.h"

enum { FOLDER_MODE = 0750, FILE_MODE = 0640, PIECES_MOST = IOV_MAX };

typedef struct os_disk {
    disk_t disk;
    int folder_fd;
    int lock_fd; /* -1: not locked */
    char *folder;
} os_disk_t;

typedef struct os_file {
    disk_file_t file;
    int fd;
    char *name;
} os_file_t;

static os_disk_t *disk_of(disk_t *d)
{
    return (os_disk_t *)(void *)d;
}

static os_file_t *file_of(disk_file_t *f)
{
    return (os_file_t *)(void *)f;
}

static char *copy_text(const char *text)
{
    size_t bytes = strlen(text) + 1;
    return memcpy(mem_alloc(bytes), text, bytes);
}

static int fault_of(int error)
{
    switch (error) {
    case ENOENT:
        return DISK_NOT_FOUND;
    case EEXIST:
        return DISK_EXISTS;
    case ENOSPC:
    case EDQUOT:
        return DISK_FULL;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
        return DISK_BUSY;
    case EOPNOTSUPP:
    case ENOSYS:
        return DISK_UNSUPPORTED;
    default:
        return DISK_FAILED;
    }
}

/* `errno` as a fault: "cannot read /var/lib/chaski/log.0000000001: Input/output error". */
static int fail(const os_disk_t *d, const char *what, const char *name, error_t *err)
{
    int error = errno;
    error_set(err, "cannot %s %s/%s: %s", what, d->folder, name, strerror(error));
    return fault_of(error);
}

static int fail_file(const os_file_t *f, const char *what, error_t *err)
{
    return fail(disk_of(f->file.disk), what, f->name, err);
}

static int fail_folder(const os_disk_t *d, const char *what, error_t *err)
{
    int error = errno;
    error_set(err, "cannot %s %s: %s", what, d->folder, strerror(error));
    return error == ENOENT ? DISK_FAILED : fault_of(error); /* no file was asked for */
}

/* ---- files ---- */

static int disk_open_file(disk_t *disk, const char *name, disk_mode_t mode, disk_file_t **file, error_t *err)
{
    static const int flags[] = {
        [DISK_READ] = O_RDONLY, [DISK_WRITE] = O_RDWR, [DISK_CREATE] = O_RDWR | O_CREAT | O_EXCL};
    assert(strchr(name, '/') == NULL);
    os_disk_t *d = disk_of(disk);
    int fd = openat(d->folder_fd, name, flags[mode] | O_CLOEXEC, FILE_MODE);
    if (fd < 0)
        return fail(d, mode == DISK_CREATE ? "create" : "open", name, err);
    os_file_t *f = MEM_NEW(os_file_t);
    *f = (os_file_t){.file.disk = disk, .fd = fd, .name = copy_text(name)};
    *file = &f->file;
    return 0;
}

static void disk_close_file(disk_file_t *file)
{
    os_file_t *f = file_of(file);
    close(f->fd); /* what was written and not synced is not promised, so there is nothing to answer */
    mem_free(f->name);
    mem_free(f);
}

static int disk_size_of(disk_file_t *file, uint64_t *bytes, error_t *err)
{
    os_file_t *f = file_of(file);
    struct stat st;
    if (fstat(f->fd, &st) != 0)
        return fail_file(f, "look at", err);
    *bytes = (uint64_t)st.st_size;
    return 0;
}

static int disk_read_at(disk_file_t *file, uint64_t offset, void *out, size_t len, size_t *got, error_t *err)
{
    os_file_t *f = file_of(file);
    *got = 0;
    while (*got < len) {
        ssize_t n = pread(f->fd, (uint8_t *)out + *got, len - *got, (off_t)(offset + *got));
        if (n == 0)
            break;
        if (n < 0 && errno != EINTR)
            return fail_file(f, "read", err);
        if (n > 0)
            *got += (size_t)n;
    }
    return 0;
}

/* The next pieces for one system call, without the first `skip` octets of the first. */
static int fill_vector(struct iovec *vector, const output_piece_t *pieces, size_t count, size_t skip)
{
    int filled = 0;
    for (; (size_t)filled < count && filled < PIECES_MOST; filled++, skip = 0)
        vector[filled] =
            (struct iovec){(char *)(uintptr_t)pieces[filled].data + skip, pieces[filled].len - skip};
    return filled;
}

static int disk_write_at(disk_file_t *file, uint64_t offset, const output_piece_t *pieces, size_t count,
                         error_t *err)
{
    os_file_t *f = file_of(file);
    struct iovec vector[PIECES_MOST];
    size_t skip = 0; /* octets of the first piece that are written */
    while (count > 0) {
        if (skip == pieces->len) {
            pieces++, count--, skip = 0;
            continue;
        }
        ssize_t n = pwritev(f->fd, vector, fill_vector(vector, pieces, count, skip), (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n == 0)
            errno = EIO; /* a file that takes nothing and does not say why */
        if (n <= 0)
            return fail_file(f, "write", err);
        offset += (uint64_t)n;
        for (skip += (size_t)n; count > 0 && skip >= pieces->len; pieces++, count--)
            skip -= pieces->len;
    }
    return 0;
}

static int disk_allocate_file(disk_file_t *file, uint64_t bytes, error_t *err)
{
    os_file_t *f = file_of(file);
    int rc;
    do
        rc = fallocate(f->fd, 0, 0, (off_t)bytes);
    while (rc != 0 && errno == EINTR);
    return rc == 0 ? 0 : fail_file(f, "take space for", err);
}

static int disk_sync_file(disk_file_t *file, error_t *err)
{
    os_file_t *f = file_of(file);
    return fdatasync(f->fd) == 0 ? 0 : fail_file(f, "sync", err);
}

/* ---- the folder ---- */

static int disk_rename_file(disk_t *disk, const char *from, const char *to, error_t *err)
{
    os_disk_t *d = disk_of(disk);
    return renameat(d->folder_fd, from, d->folder_fd, to) == 0 ? 0 : fail(d, "rename", from, err);
}

static int disk_remove_file(disk_t *disk, const char *name, error_t *err)
{
    os_disk_t *d = disk_of(disk);
    return unlinkat(d->folder_fd, name, 0) == 0 ? 0 : fail(d, "remove", name, err);
}

static bool is_file(const os_disk_t *d, const struct dirent *entry)
{
    struct stat st;
    if (entry->d_type == DT_REG)
        return true;
    return entry->d_type != DT_DIR && fstatat(d->folder_fd, entry->d_name, &st, 0) == 0 &&
           S_ISREG(st.st_mode);
}

/* The names of all files, each with its NUL. */
static int gather_names(os_disk_t *d, buffer_t *names, error_t *err)
{
    int fd = openat(d->folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    if (folder == NULL) {
        int rc = fail_folder(d, "list", err);
        if (fd >= 0)
            close(fd);
        return rc;
    }
    const struct dirent *entry;
    while (errno = 0, (entry = readdir(folder)) != NULL)
        if (is_file(d, entry))
            write_bytes(names, bytes_make(entry->d_name, strlen(entry->d_name) + 1));
    int rc = errno == 0 ? 0 : fail_folder(d, "list", err);
    closedir(folder);
    return rc;
}

/* All names are read first: `each` may change the folder. */
static int disk_list_files(disk_t *disk, disk_each_t *each, void *context, error_t *err)
{
    buffer_t names = {0};
    int rc = gather_names(disk_of(disk), &names, err);
    for (size_t at = 0; rc == 0 && at < names.len; at += strlen((const char *)names.data + at) + 1)
        each(context, (const char *)names.data + at);
    buffer_free(&names);
    return rc;
}

static int disk_sync_folder(disk_t *disk, error_t *err)
{
    os_disk_t *d = disk_of(disk);
    return fsync(d->folder_fd) == 0 ? 0 : fail_folder(d, "sync the folder", err);
}

static int disk_free_space(disk_t *disk, uint64_t *bytes, error_t *err)
{
    os_disk_t *d = disk_of(disk);
    struct statvfs fs;
    if (fstatvfs(d->folder_fd, &fs) != 0)
        return fail_folder(d, "ask for the free space of", err);
    *bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
    return 0;
}

/* ---- the lock ---- */

/* Says who holds the lock. The holder may just be writing its number. */
static int fail_locked(const os_disk_t *d, int fd, error_t *err)
{
    char text[32];
    ssize_t n = pread(fd, text, sizeof text - 1, 0);
    text[n > 0 ? n : 0] = '\0';
    text[strcspn(text, "\n")] = '\0';
    uint64_t pid;
    if (text_parse_u64(bytes_string(text), &pid))
        error_set(err, "%s is in use by process %s", d->folder, text);
    else
        error_set(err, "%s is in use by another process", d->folder);
    return DISK_LOCKED;
}

/* The number is for people, the lock alone counts: a full disk must not keep us from it. */
static void write_pid(int fd)
{
    char text[32];
    size_t len = text_format(text, sizeof text, "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) != 0 || pwrite(fd, text, len, 0) < 0)
        return;
}

static int disk_lock_folder(disk_t *disk, const char *name, error_t *err)
{
    os_disk_t *d = disk_of(disk);
    int fd = openat(d->folder_fd, name, O_RDWR | O_CREAT | O_CLOEXEC, FILE_MODE);
    if (fd < 0)
        return fail(d, "open", name, err);
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(fd, F_OFD_SETLK, &whole) != 0) {
        int rc = errno == EAGAIN || errno == EACCES ? fail_locked(d, fd, err) : fail(d, "lock", name, err);
        close(fd);
        return rc;
    }
    assert(d->lock_fd < 0);
    d->lock_fd = fd;
    write_pid(fd);
    return 0;
}

/* ---- its life ---- */

static void disk_free_all(disk_t *disk)
{
    os_disk_t *d = disk_of(disk);
    if (d->lock_fd >= 0)
        close(d->lock_fd);
    if (d->folder_fd >= 0)
        close(d->folder_fd);
    mem_free(d->folder);
    mem_free(d);
}

static const disk_kind_t os_disk_kind = {
    .open = disk_open_file,
    .close = disk_close_file,
    .size = disk_size_of,
    .read = disk_read_at,
    .write = disk_write_at,
    .allocate = disk_allocate_file,
    .sync = disk_sync_file,
    .rename = disk_rename_file,
    .remove = disk_remove_file,
    .list = disk_list_files,
    .sync_directory = disk_sync_folder,
    .lock = disk_lock_folder,
    .free_bytes = disk_free_space,
    .free = disk_free_all,
};

/* Syncs the folder's entry in its parent. */
static int sync_parent(const os_disk_t *d)
{
    int fd = openat(d->folder_fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    int rc = fsync(fd);
    int error = errno;
    close(fd);
    errno = error;
    return rc;
}

/* Opens the folder, or makes it. */
static int open_folder(os_disk_t *d, error_t *err)
{
    bool made = mkdir(d->folder, FOLDER_MODE) == 0;
    if (!made && errno != EEXIST)
        return fail_folder(d, "make the folder", err);
    d->folder_fd = open(d->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (d->folder_fd < 0)
        return fail_folder(d, "open the folder", err);
    if (faccessat(d->folder_fd, ".", R_OK | W_OK | X_OK, AT_EACCESS) != 0)
        return fail_folder(d, "write to the folder", err);
    /* One that was there may have been made just before a crash; whose parent is closed to us was not made by us. */
    if (sync_parent(d) != 0 && made)
        return fail_folder(d, "sync the parent folder of", err);
    return 0;
}

disk_t *os_disk_open(const char *folder, error_t *err)
{
    os_disk_t *d = MEM_NEW(os_disk_t);
    *d = (os_disk_t){.disk.kind = &os_disk_kind, .folder_fd = -1, .lock_fd = -1, .folder = copy_text(folder)};
    if (open_folder(d, err) == 0)
        return &d->disk;
    disk_free_all(&d->disk);
    return NULL;
}
