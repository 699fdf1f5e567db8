/* SPDX-License-Identifier: Apache-2.0
 *
 * segment.c: names, headers, and making segments in steps of which each leaves a directory that can be opened. */
#include "store/segment.h"

#include <assert.h>

#include "base/text.h"
#include "store/checksum.h"

#define NAME_PREFIX "log."
#define NAME_DIGITS 10
#define NEW_SUFFIX  ".new"
#define CHECKED     56 /* octets of the header under its checksum */
#define REWRITTEN   1u /* flag */

static const uint8_t magic[8] = {'c', 'h', 'a', 's', 'k', 'i', 'L', 'G'};

void segment_name(uint64_t number, char *out)
{
    assert(number <= SEGMENT_NUMBER_MAX);
    text_format(out, SEGMENT_NAME_BYTES, NAME_PREFIX "%010llu", (unsigned long long)number);
}

static bool is_name(bytes_t text, uint64_t *number)
{
    bytes_t prefix = BYTES(NAME_PREFIX);
    if (!bytes_starts_with(text, prefix) || text.len != prefix.len + NAME_DIGITS)
        return false;
    return text_parse_u64(bytes_behind(text, prefix.len), number) && *number > 0;
}

bool segment_parse_name(const char *name, uint64_t *number)
{
    return is_name(bytes_string(name), number);
}

void segment_new_name(uint64_t number, char *out)
{
    segment_name(number, out);
    memcpy(out + strlen(out), NEW_SUFFIX, sizeof NEW_SUFFIX);
}

bool segment_parse_new_name(const char *name, uint64_t *number)
{
    bytes_t text = bytes_string(name), suffix = BYTES(NEW_SUFFIX);
    if (text.len <= suffix.len || !bytes_equal(bytes_behind(text, text.len - suffix.len), suffix))
        return false;
    return is_name(bytes_make(text.data, text.len - suffix.len), number);
}

/* ---- headers ---- */

void segment_write_header(uint8_t out[SEGMENT_HEADER_BYTES], const segment_header_t *h)
{
    memset(out, 0, SEGMENT_HEADER_BYTES);
    buffer_t header = buffer_over(out, SEGMENT_HEADER_BYTES);
    write_bytes(&header, bytes_make(magic, sizeof magic));
    write_u32(&header, SEGMENT_FORMAT);
    write_u32(&header, h->end > 0 ? REWRITTEN : 0);
    write_u64(&header, h->log.id);
    write_u64(&header, h->log.key);
    write_u64(&header, h->number);
    write_u64(&header, h->from);
    write_u64(&header, h->end);
    assert(header.len == CHECKED);
    write_u64(&header, checksum_of(buffer_bytes(&header), 0));
}

/* What is under a checksum that holds, and yet was never written by us. */
static bool is_range_right(const segment_header_t *h, uint32_t flags)
{
    return flags == REWRITTEN ? h->from > 0 && h->from < h->end : flags == 0 && h->from == 0 && h->end == 0;
}

segment_state_t segment_read_header(bytes_t octets, segment_header_t *out)
{
    bytes_reader_t in = bytes_reader(octets);
    bytes_t mark = read_bytes(&in, sizeof magic);
    out->format = read_u32(&in);
    uint32_t flags = read_u32(&in);
    out->log.id = read_u64(&in);
    out->log.key = read_u64(&in);
    out->number = read_u64(&in);
    out->from = read_u64(&in);
    out->end = read_u64(&in);
    uint64_t checksum = read_u64(&in);
    if (!reader_ok(&in) || memcmp(mark.data, magic, sizeof magic) != 0 || out->format == 0)
        return SEGMENT_NOT_WHOLE;
    if (out->format != SEGMENT_FORMAT)
        return SEGMENT_OTHER_FORMAT;
    bool is_whole =
        checksum_of(bytes_make(octets.data, CHECKED), 0) == checksum && is_range_right(out, flags);
    return is_whole ? SEGMENT_WHOLE : SEGMENT_NOT_WHOLE;
}

/* ---- making ---- */

static int fail(segment_t *s, int rc)
{
    disk_close(&s->file);
    return rc;
}

int segment_create(segment_t *s, disk_t *disk, uint64_t number, error_t *err)
{
    *s = (segment_t){.number = number};
    segment_name(number, s->name);
    return disk_open(disk, s->name, DISK_CREATE, &s->file, err);
}

int segment_allocate(segment_t *s, uint64_t bytes, error_t *err)
{
    int rc = disk_allocate(s->file, bytes, err);
    if (rc == 0)
        s->bytes = bytes;
    return rc;
}

static int write_zeros(segment_t *s, uint64_t at, uint64_t end, error_t *err)
{
    static const uint8_t zeros[64 * 1024];
    enum { PIECES = 64 };
    output_piece_t pieces[PIECES];
    while (at < end) {
        size_t count = 0;
        uint64_t next = at;
        for (; count < PIECES && next < end; count++) {
            size_t len = end - next < sizeof zeros ? (size_t)(end - next) : sizeof zeros;
            pieces[count] = (output_piece_t){zeros, len};
            next += len;
        }
        int rc = disk_write(s->file, at, pieces, count, err);
        if (rc != 0)
            return rc;
        at = next;
    }
    return 0;
}

int segment_fill(segment_t *s, uint64_t from, uint64_t end, error_t *err)
{
    int rc = write_zeros(s, from, end, err);
    if (rc == 0)
        rc = disk_sync(s->file, err);
    if (rc != 0)
        return fail(s, rc);
    if (s->bytes < end)
        s->bytes = end;
    return 0;
}

static int put_header(segment_t *s, const segment_header_t *h, error_t *err)
{
    uint8_t header[SEGMENT_HEADER_BYTES];
    segment_write_header(header, h);
    return disk_write(s->file, 0, &(output_piece_t){header, sizeof header}, 1, err);
}

static int write_header(segment_t *s, const log_identity_t *log, error_t *err)
{
    int rc = put_header(s, &(segment_header_t){.number = s->number, .log = *log}, err);
    return rc == 0 ? disk_sync(s->file, err) : rc;
}

static int give_number(segment_t *s, uint64_t number, error_t *err)
{
    char name[SEGMENT_NAME_BYTES];
    segment_name(number, name);
    int rc = s->number == number ? 0 : disk_rename(s->file->disk, s->name, name, err);
    if (rc != 0)
        return rc;
    memcpy(s->name, name, sizeof name);
    s->number = number;
    return 0;
}

int segment_finish(segment_t *s, uint64_t number, const log_identity_t *log, error_t *err)
{
    assert(s->bytes >= SEGMENT_HEADER_BYTES);
    int rc = give_number(s, number, err);
    if (rc == 0)
        rc = write_header(s, log, err);
    if (rc == 0)
        rc = disk_sync_directory(s->file->disk, err);
    return rc == 0 ? 0 : fail(s, rc);
}

int segment_recycle(segment_t *s, disk_t *disk, const char *old_name, uint64_t number,
                    const log_identity_t *log, error_t *err)
{
    *s = (segment_t){.number = number};
    segment_name(number, s->name);
    int rc = disk_open(disk, old_name, DISK_WRITE, &s->file, err);
    if (rc != 0)
        return rc;
    rc = disk_size(s->file, &s->bytes, err);
    if (rc == 0)
        rc = write_header(s, log, err);
    if (rc == 0)
        rc = disk_rename(disk, old_name, s->name, err);
    if (rc == 0)
        rc = disk_sync_directory(disk, err);
    return rc == 0 ? 0 : fail(s, rc);
}

/* ---- rewriting ---- */

int segment_create_new(segment_t *s, disk_t *disk, uint64_t number, const log_identity_t *log, record_no from,
                       record_no end, error_t *err)
{
    *s = (segment_t){.number = number};
    segment_new_name(number, s->name);
    int rc = disk_open(disk, s->name, DISK_CREATE, &s->file, err);
    if (rc == DISK_EXISTS) { /* one that could not be removed before */
        rc = disk_remove(disk, s->name, err);
        if (rc == 0)
            rc = disk_open(disk, s->name, DISK_CREATE, &s->file, err);
    }
    if (rc != 0)
        return rc;
    s->bytes = SEGMENT_HEADER_BYTES;
    rc = put_header(s, &(segment_header_t){.number = number, .log = *log, .from = from, .end = end}, err);
    return rc == 0 ? 0 : fail(s, rc);
}

int segment_take_place(segment_t *s, error_t *err)
{
    char name[SEGMENT_NAME_BYTES];
    segment_name(s->number, name);
    int rc = disk_sync(s->file, err);
    if (rc == 0)
        rc = disk_rename(s->file->disk, s->name, name, err);
    if (rc != 0)
        return fail(s, rc);
    memcpy(s->name, name, sizeof name);
    (void)disk_sync_directory(s->file->disk,
                              NULL); /* if it fails, the old one may come back, which has all this has */
    return 0;
}

/* ---- removing ---- */

int segment_remove(disk_t *disk, const char *name, error_t *err)
{
    int rc = disk_remove(disk, name, err);
    return rc == 0 ? disk_sync_directory(disk, err) : rc;
}
