/* SPDX-License-Identifier: Apache-2.0
 *
 * sim_calls.c: the calls of base/disk.h over files and names in memory, and the fate of each.
 *
 * Each operation first draws its fate (operation_begin), does as much as that says, and answers by it
 * (operation_end). */
#include <string.h>

#include "base/alloc.h"
#include "sim/sim_disk_internal.h"

typedef enum fate { DONE, UNANSWERED, IN_PART, NOT_AT_ALL } fate_t;

static sim_disk_t *disk_of(disk_t *d)
{
    return (sim_disk_t *)(void *)d;
}

static sim_handle_t *handle_of(disk_file_t *f)
{
    return (sim_handle_t *)(void *)f;
}

static int fail(error_t *err, disk_fault_t fault, const char *what, const char *name, const char *why)
{
    error_set(err, "cannot %s %s: %s", what, name, why);
    return fault;
}

/* ---- fate ---- */

/* What stands in the way of any call: 0, or the failure. */
static int check_power(const sim_disk_t *s, const char *what, const char *name, error_t *err)
{
    return s->is_off ? fail(err, DISK_FAILED, what, name, "power is off") : 0;
}

static int check_handle(const sim_handle_t *h, const char *what, error_t *err)
{
    int rc = check_power(disk_of(h->base.disk), what, h->name, err);
    if (rc == 0 && !h->file)
        rc = fail(err, DISK_FAILED, what, h->name, "its process is gone");
    return rc;
}

static fate_t operation_begin(sim_disk_t *s)
{
    uint64_t number = ++s->operations;
    if (number == s->cut_at) {
        s->is_off = true;
        return (fate_t)(UNANSWERED + sim_random_below(&s->random, 3));
    }
    if (number == s->fail_at)
        return (fate_t)(IN_PART + sim_random_below(&s->random, 2));
    return DONE;
}

static int operation_end(const sim_disk_t *s, fate_t fate, const char *what, const char *name, error_t *err)
{
    if (fate == DONE)
        return 0;
    int rc = check_power(s, what, name, err);
    return rc != 0 ? rc : fail(err, DISK_FAILED, what, name, "input/output error");
}

/* A change of names has no part. */
static bool is_done(fate_t fate)
{
    return fate == DONE || fate == UNANSWERED;
}

/* ---- files ---- */

static int sim_create(sim_disk_t *s, const char *name, error_t *err)
{
    fate_t fate = operation_begin(s);
    if (is_done(fate)) {
        sim_file_t *file = sim_file_new(&s->files);
        sim_directory_change(&s->directory, NULL, name, file);
        sim_file_unref(file); /* the directory has it */
    }
    return operation_end(s, fate, "create", name, err);
}

static int sim_open(disk_t *d, const char *name, disk_mode_t mode, disk_file_t **file, error_t *err)
{
    sim_disk_t *s = disk_of(d);
    int rc = check_power(s, "open", name, err);
    if (rc != 0)
        return rc;
    bool is_there = sim_directory_find(&s->directory, name) != NULL;
    if (mode == DISK_CREATE)
        rc = is_there ? fail(err, DISK_EXISTS, "create", name, "it exists") : sim_create(s, name, err);
    else if (!is_there)
        rc = fail(err, DISK_NOT_FOUND, "open", name, "no such file");
    if (rc != 0)
        return rc;
    sim_handle_t *h = MEM_NEW(sim_handle_t);
    h->base.disk = d;
    h->file = sim_file_ref(sim_directory_find(&s->directory, name));
    h->is_writable = mode != DISK_READ;
    strcpy(h->name, name); /* the directory has checked its length */
    list_append(&s->handles, &h->node);
    *file = &h->base;
    return 0;
}

void sim_handle_kill(sim_handle_t *h)
{
    sim_file_unref(h->file);
    h->file = NULL;
    list_remove(&h->node);
}

static void sim_close(disk_file_t *file)
{
    sim_handle_t *h = handle_of(file);
    if (h->file)
        sim_handle_kill(h);
    mem_free(h);
}

static int sim_size(disk_file_t *file, uint64_t *bytes, error_t *err)
{
    sim_handle_t *h = handle_of(file);
    int rc = check_handle(h, "look at", err);
    if (rc == 0)
        *bytes = h->file->visible.bytes;
    return rc;
}

static bool touches_bad(const sim_file_t *f, uint64_t offset, uint64_t len)
{
    return f->bad_offset < offset + len && (offset < f->bad_offset || offset - f->bad_offset < f->bad_bytes);
}

static int sim_read(disk_file_t *file, uint64_t offset, void *out, size_t len, size_t *got, error_t *err)
{
    sim_handle_t *h = handle_of(file);
    *got = 0;
    int rc = check_handle(h, "read", err);
    if (rc != 0)
        return rc;
    if (offset >= h->file->visible.bytes)
        return 0;
    uint64_t there = h->file->visible.bytes - offset;
    size_t n = len < there ? len : (size_t)there;
    if (n == 0)
        return 0;
    if (touches_bad(h->file, offset, n))
        return fail(err, DISK_FAILED, "read", h->name, "input/output error");
    memcpy(out, h->file->visible.data + offset, n);
    *got = n;
    return 0;
}

static uint64_t used_bytes(const sim_disk_t *s)
{
    uint64_t bytes = 0;
    LIST_EACH (node, &s->files)
        bytes += LIST_OF(node, sim_file_t, node)->visible.bytes;
    return bytes;
}

static uint64_t free_bytes(const sim_disk_t *s)
{
    uint64_t used = used_bytes(s);
    return used < s->limit_bytes ? s->limit_bytes - used : 0;
}

/* How far a write of `len` octets can go. */
static size_t room_for(const sim_disk_t *s, const sim_file_t *f, uint64_t offset, size_t len)
{
    if (s->limit_bytes == UINT64_MAX || offset + len <= f->visible.bytes)
        return len;
    uint64_t end = f->visible.bytes + free_bytes(s);
    if (end <= offset)
        return 0;
    return end - offset < len ? (size_t)(end - offset) : len;
}

static size_t total_bytes(const output_piece_t *pieces, size_t count)
{
    size_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += pieces[i].len;
    return total;
}

/* One write of the file for the first `len` octets, however many pieces they are: the disk knows no pieces. */
static void write_pieces(sim_file_t *f, uint64_t offset, const output_piece_t *pieces, size_t len)
{
    if (len == 0)
        return;
    if (pieces[0].len >= len) {
        sim_file_write(f, offset, pieces[0].data, len);
        return;
    }
    uint8_t *whole = mem_alloc(len);
    for (size_t at = 0; at < len; pieces++) {
        size_t n = pieces->len < len - at ? pieces->len : len - at;
        if (n > 0)
            memcpy(whole + at, pieces->data, n);
        at += n;
    }
    sim_file_write(f, offset, whole, len);
    mem_free(whole);
}

static int sim_write(disk_file_t *file, uint64_t offset, const output_piece_t *pieces, size_t count,
                     error_t *err)
{
    sim_handle_t *h = handle_of(file);
    sim_disk_t *s = disk_of(file->disk);
    int rc = check_handle(h, "write", err);
    if (rc != 0)
        return rc;
    if (!h->is_writable)
        return fail(err, DISK_FAILED, "write", h->name, "it was opened for reading");
    fate_t fate = operation_begin(s);
    size_t len = total_bytes(pieces, count), room = room_for(s, h->file, offset, len), done = room;
    if (fate == IN_PART)
        done = sim_random_below(&s->random, room + 1);
    else if (fate == NOT_AT_ALL)
        done = 0;
    write_pieces(h->file, offset, pieces, done);
    if (fate == DONE && room < len)
        return fail(err, DISK_FULL, "write", h->name, "no space left");
    return operation_end(s, fate, "write", h->name, err);
}

static int sim_allocate(disk_file_t *file, uint64_t bytes, error_t *err)
{
    sim_handle_t *h = handle_of(file);
    sim_disk_t *s = disk_of(file->disk);
    int rc = check_handle(h, "take space for", err);
    if (rc != 0)
        return rc;
    if (s->cannot_allocate)
        return fail(err, DISK_UNSUPPORTED, "take space for", h->name, "operation not supported");
    fate_t fate = operation_begin(s);
    uint64_t there = h->file->visible.bytes, wanted = bytes > there ? bytes - there : 0;
    uint64_t room = room_for(s, h->file, there, wanted), done = room;
    if (fate == IN_PART)
        done = sim_random_below(&s->random, room + 1);
    else if (fate == NOT_AT_ALL)
        done = 0;
    sim_file_extend(h->file, there + done);
    if (fate == DONE && room < wanted)
        return fail(err, DISK_FULL, "take space for", h->name, "no space left");
    return operation_end(s, fate, "take space for", h->name, err);
}

static bool is_skipped(const sim_disk_t *s, const char *name)
{
    size_t len = strlen(name), end = s->skipped_suffix ? strlen(s->skipped_suffix) : len + 1;
    return s->skip_syncs || (end <= len && strcmp(name + len - end, s->skipped_suffix) == 0);
}

/* At a cut, what is done in part needs no doing: the power cycle takes any part of what is unsynced. */
static int sim_sync(disk_file_t *file, error_t *err)
{
    sim_handle_t *h = handle_of(file);
    sim_disk_t *s = disk_of(file->disk);
    int rc = check_handle(h, "sync", err);
    if (rc != 0)
        return rc;
    fate_t fate = operation_begin(s);
    if (++s->syncs == s->fail_sync_at && fate == DONE)
        fate = NOT_AT_ALL;
    if (is_done(fate) && !is_skipped(s, h->name))
        sim_file_sync(h->file);
    else if (!is_done(fate) && !s->is_off)
        sim_file_lose(h->file);
    return operation_end(s, fate, "sync", h->name, err);
}

/* ---- names ---- */

/* The file of a name, which an operation needs. */
static int find_file(sim_disk_t *s, const char *what, const char *name, sim_file_t **file, error_t *err)
{
    int rc = check_power(s, what, name, err);
    if (rc != 0)
        return rc;
    *file = sim_directory_find(&s->directory, name);
    return *file ? 0 : fail(err, DISK_NOT_FOUND, what, name, "no such file");
}

static int sim_rename(disk_t *d, const char *from, const char *to, error_t *err)
{
    sim_disk_t *s = disk_of(d);
    sim_file_t *file;
    int rc = find_file(s, "rename", from, &file, err);
    if (rc != 0)
        return rc;
    fate_t fate = operation_begin(s);
    if (is_done(fate) && strcmp(from, to) != 0)
        sim_directory_change(&s->directory, from, to, file);
    return operation_end(s, fate, "rename", from, err);
}

static int sim_remove(disk_t *d, const char *name, error_t *err)
{
    sim_disk_t *s = disk_of(d);
    sim_file_t *file;
    int rc = find_file(s, "remove", name, &file, err);
    if (rc != 0)
        return rc;
    fate_t fate = operation_begin(s);
    if (is_done(fate))
        sim_directory_change(&s->directory, name, NULL, file);
    return operation_end(s, fate, "remove", name, err);
}

/* In any order, as directories do; from a copy, since `each` may change the names. */
static int sim_list(disk_t *d, disk_each_t *each, void *context, error_t *err)
{
    sim_disk_t *s = disk_of(d);
    int rc = check_power(s, "list", "the directory", err);
    if (rc != 0)
        return rc;
    size_t count = s->directory.visible.count;
    sim_entry_t *entries = mem_alloc(count * sizeof *entries);
    for (size_t i = 0; i < count; i++) { /* each goes to a random place among those before it */
        size_t place = sim_random_below(&s->random, i + 1);
        entries[i] = entries[place];
        entries[place] = s->directory.visible.entries[i];
    }
    for (size_t i = 0; i < count; i++)
        each(context, entries[i].name);
    mem_free(entries);
    return 0;
}

static int sim_sync_directory(disk_t *d, error_t *err)
{
    sim_disk_t *s = disk_of(d);
    int rc = check_power(s, "sync", "the directory", err);
    if (rc != 0)
        return rc;
    fate_t fate = operation_begin(s);
    if (is_done(fate) && !s->skip_directory_syncs)
        sim_directory_sync(&s->directory);
    return operation_end(s, fate, "sync", "the directory", err);
}

/* ---- the lock, the space ---- */

static int sim_lock(disk_t *d, const char *name, error_t *err)
{
    sim_disk_t *s = disk_of(d);
    int rc = check_power(s, "lock", name, err);
    if (rc != 0)
        return rc;
    if (s->is_locked)
        return fail(err, DISK_LOCKED, "lock", name, "it is in use by process 1");
    if (!sim_directory_find(&s->directory, name))
        rc = sim_create(s, name, err);
    s->is_locked = rc == 0;
    return rc;
}

static int sim_free_bytes(disk_t *d, uint64_t *bytes, error_t *err)
{
    sim_disk_t *s = disk_of(d);
    int rc = check_power(s, "ask for the free space of", "the disk", err);
    if (rc == 0)
        *bytes = free_bytes(s);
    return rc;
}

static void sim_unlock(disk_t *d)
{
    disk_of(d)->is_locked = false;
}

const disk_kind_t sim_disk_kind = {
    .open = sim_open,
    .close = sim_close,
    .size = sim_size,
    .read = sim_read,
    .write = sim_write,
    .allocate = sim_allocate,
    .sync = sim_sync,
    .rename = sim_rename,
    .remove = sim_remove,
    .list = sim_list,
    .sync_directory = sim_sync_directory,
    .lock = sim_lock,
    .free_bytes = sim_free_bytes,
    .free = sim_unlock,
};
