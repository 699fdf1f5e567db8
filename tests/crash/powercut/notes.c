/* SPDX-License-Identifier: Apache-2.0
 *
 * notes.c: the journals, and which files are looked after. */
#include "crash/powercut/notes.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FILES_MOST = 4096, COPY_BYTES = 64 * 1024 };
typedef enum entry_kind { ENTRY_OCTETS = 1, ENTRY_NAME, ENTRY_SYNCED } entry_kind_t;

typedef struct entry {
    uint64_t kind, a, b, c, saved;
} entry_t;

typedef struct file {
    ino_t inode;
    int journal;
    off_t end;     /* of the journal */
    off_t writing; /* where the entry of the write under way begins; -1: there is none */
    bool nameless;
} file_t;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of all that follows */
static const char *data;
static int state = -1;
static file_t folder = {.writing = -1};
static file_t files[FILES_MOST];
static size_t file_count;
static unsigned name_count, sync_count; /* while the file `end` is there */

void end_if(bool is_wrong, const char *what)
{
    if (!is_wrong)
        return;
    dprintf(STDERR_FILENO, "powercut: %s: %s; ERROR: Assertion powercut failed\n", what, strerror(errno));
    abort();
}

void notes_lock(void)
{
    pthread_mutex_lock(&lock);
}

void notes_unlock(void)
{
    int error = errno;
    pthread_mutex_unlock(&lock);
    errno = error;
}

/* ---- journals ---- */

static int open_journal(const char *name, off_t *end)
{
    int fd = (int)syscall(SYS_openat, state, name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    end_if(fd < 0, name);
    *end = lseek(fd, 0, SEEK_END);
    return fd;
}

static void put(file_t *f, const void *octets, size_t len)
{
    end_if(syscall(SYS_pwrite64, f->journal, octets, len, f->end) != (ssize_t)len, "journal");
    f->end += (off_t)len;
}

static void forget(file_t *f, off_t up_to)
{
    if (f->end > up_to) {
        put(f, &(entry_t){.kind = ENTRY_SYNCED, .a = (uint64_t)up_to}, sizeof(entry_t));
        return;
    }
    end_if(syscall(SYS_ftruncate, f->journal, 0) != 0, "journal");
    f->end = 0;
}

static void copy_to_journal(file_t *f, int fd, off_t offset, size_t len)
{
    static char buffer[COPY_BYTES];
    while (len > 0) {
        ssize_t got = syscall(SYS_pread64, fd, buffer, len < sizeof buffer ? len : sizeof buffer, offset);
        end_if(got <= 0, "old octets");
        put(f, buffer, (size_t)got);
        offset += got;
        len -= (size_t)got;
    }
}

/* ---- what is looked after ---- */

__attribute__((constructor)) static void begin(void)
{
    data = getenv("POWERCUT_DATA");
    const char *name = getenv("POWERCUT_STATE");
    end_if(!data || !name, "no POWERCUT_DATA or no POWERCUT_STATE");
    state = (int)syscall(SYS_openat, AT_FDCWD, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    end_if(state < 0, name);
    folder.journal = open_journal("names", &folder.end);
}

static bool is_folder(const struct stat *st)
{
    struct stat ours;
    return data && S_ISDIR(st->st_mode) && stat(data, &ours) == 0 && st->st_ino == ours.st_ino &&
           st->st_dev == ours.st_dev;
}

const char *name_in_folder(int at, const char *path)
{
    char parent[PATH_MAX] = ".";
    struct stat st;
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    if (slash)
        snprintf(parent, sizeof parent, "%.*s", (int)(name - path), path);
    if (strcmp(name, "") == 0 || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return NULL;
    return fstatat(at, parent, &st, 0) == 0 && is_folder(&st) ? name : NULL;
}

/* Ends the process if $POWERCUT_STATE/end says so of this event. */
static void end_at(const char *event, unsigned *count)
{
    char order[32] = {0}, what[8];
    unsigned at;
    int fd = (int)syscall(SYS_openat, state, "end", O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0)
        return;
    ssize_t got = read(fd, order, sizeof order - 1);
    close(fd);
    if (got > 0 && sscanf(order, "%7s %u", what, &at) == 2 && strcmp(what, event) == 0 && ++*count == at)
        kill(getpid(), SIGKILL);
}

static file_t *find(ino_t inode)
{
    for (size_t i = 0; i < file_count; i++)
        if (files[i].inode == inode)
            return &files[i];
    return NULL;
}

static file_t *find_open(int fd)
{
    struct stat st, ours;
    if (state < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        return NULL;
    file_t *f = find(st.st_ino);
    return f && fstat(state, &ours) == 0 && ours.st_dev == st.st_dev ? f : NULL;
}

void notes_open(ino_t inode)
{
    char name[32];
    if (find(inode))
        return;
    end_if(file_count == FILES_MOST, "too many files");
    snprintf(name, sizeof name, "undo.%ju", (uintmax_t)inode);
    file_t *f = &files[file_count++];
    *f = (file_t){.inode = inode, .writing = -1};
    f->journal = open_journal(name, &f->end);
}

void notes_keep(int at, const char *path, ino_t inode)
{
    char name[32];
    snprintf(name, sizeof name, "file.%ju", (uintmax_t)inode);
    notes_open(inode);
    end_if(syscall(SYS_linkat, at, path, state, name, 0) != 0 && errno != EEXIST, name);
}

void notes_name(const char *from, const char *to, ino_t inode, ino_t victim)
{
    size_t from_bytes = strlen(from) + 1, to_bytes = strlen(to) + 1;
    entry_t entry = {ENTRY_NAME, inode, victim, 0, from_bytes + to_bytes};
    put(&folder, &entry, sizeof entry);
    put(&folder, from, from_bytes);
    put(&folder, to, to_bytes);
    if (!to[0] || victim)
        find(to[0] ? victim : inode)->nameless = true;
    end_at("names", &name_count);
}

/* The folder is synced, and nothing came since: what has no name is gone for good. */
static void drop_nameless(void)
{
    for (size_t i = 0; i < file_count;) {
        char name[32];
        file_t *f = &files[i];
        if (!f->nameless) {
            i++;
            continue;
        }
        end_if(f->writing >= 0, "a file without a name is written");
        close(f->journal);
        snprintf(name, sizeof name, "undo.%ju", (uintmax_t)f->inode);
        syscall(SYS_unlinkat, state, name, 0);
        snprintf(name, sizeof name, "file.%ju", (uintmax_t)f->inode);
        syscall(SYS_unlinkat, state, name, 0);
        *f = files[--file_count];
    }
}

/* ---- octets ---- */

bool notes_know(int fd)
{
    notes_lock();
    bool is_known = find_open(fd) != NULL;
    notes_unlock();
    return is_known;
}

bool notes_begin_change(int fd, off_t offset, size_t len)
{
    struct stat st;
    notes_lock();
    file_t *f = find_open(fd);
    if (f) {
        end_if(f->writing >= 0, "two threads write to one file");
        f->writing = f->end;
        end_if(fstat(fd, &st) != 0, "size");
        uint64_t old = st.st_size > offset ? (uint64_t)(st.st_size - offset) : 0;
        entry_t entry = {ENTRY_OCTETS, (uint64_t)offset, (uint64_t)st.st_size, len, old < len ? old : len};
        put(f, &entry, sizeof entry);
        copy_to_journal(f, fd, offset, entry.saved);
    }
    notes_unlock();
    return f != NULL;
}

void notes_end_change(int fd)
{
    int error = errno;
    notes_lock();
    find_open(fd)->writing = -1;
    notes_unlock();
    errno = error;
}

/* ---- syncs ---- */

static file_t *find_synced(int fd)
{
    struct stat st;
    if (state < 0 || fstat(fd, &st) != 0)
        return NULL;
    return is_folder(&st) ? &folder : find_open(fd);
}

off_t notes_begin_sync(int fd)
{
    notes_lock();
    const file_t *f = find_synced(fd);
    off_t up_to = !f ? -1 : f->writing >= 0 ? f->writing : f->end;
    if (f)
        end_at("syncs", &sync_count);
    notes_unlock();
    return up_to;
}

void notes_end_sync(int fd, off_t up_to)
{
    if (faccessat(state, "lies", F_OK, 0) == 0)
        return;
    notes_lock();
    file_t *f = find_synced(fd);
    forget(f, up_to);
    if (f == &folder && folder.end == 0)
        drop_nameless();
    notes_unlock();
}
