/* SPDX-License-Identifier: Apache-2.0
 *
 * open.c: what was found becomes a log that can be written.
 *
 * The part of the log that is whole but not known to be synced may be in the machine's memory only; and a sync of it
 * would prove nothing, since one that failed before has made the machine forget that it is not on the disk. So it is
 * written again, into a fresh segment, behind the place for the start of the new incarnation. Only when the copy is
 * synced is the start written: with it the copy counts, and what it was made from does not. Until then the directory is
 * what it was, and another opening finds the same. */
#include <assert.h>

#include "base/alloc.h"
#include "store/scan.h"
#include "store/store_internal.h"

/* ---- what the scan finds, for the one who opens ---- */

typedef struct opening {
    store_t *store;
    scan_t scan;
    store_apply_t *apply;
    void *context;
} opening_t;

static bool give_record(void *context, record_no number, const record_t *r, bytes_t content, bool damaged)
{
    opening_t *o = context;
    return o->apply(o->context, number, r, content, damaged);
}

static void log_fault(void *context, const char *file, uint64_t offset, bool fatal, const char *what)
{
    const log_t *log = ((opening_t *)context)->store->options.log;
    if (log)
        log_line(log, fatal ? LOG_ERROR : LOG_WARNING, "store: %s at %llu: %s", file,
                 (unsigned long long)offset, what);
}

/* ---- the fresh segment ---- */

static uint64_t next_number(const catalog_t *c)
{
    return c->count > 0 ? c->segments[c->count - 1].number + 1 : 1;
}

/* A file of the usual size that holds nothing of the log, and never did as far as anything says. */
static catalog_segment_t *find_unused(const catalog_t *c, uint64_t bytes)
{
    for (size_t i = 0; i < c->count; i++) {
        catalog_segment_t *s = &c->segments[i];
        bool is_used = s->in_use || s->has_first || s->is_content || s->is_left_alone;
        if (!is_used && s->bytes == bytes)
            return s;
    }
    return NULL;
}

/* A small one: each opening takes one, and it stays as long as anything before it is needed. */
static int make_fresh(opening_t *o, segment_t *fresh, error_t *err)
{
    store_t *s = o->store;
    uint64_t number = next_number(&o->scan.catalog);
    if (number > SEGMENT_NUMBER_MAX)
        return error_set(err, "the numbers of log segments are used up");
    catalog_segment_t *unused = find_unused(&o->scan.catalog, s->options.first_segment_bytes);
    s->helper.next_number = number + 1;
    if (unused) {
        unused->is_reused = true;
        return segment_recycle(fresh, s->disk, unused->name, number, &s->log, err);
    }
    int rc = segment_create(fresh, s->disk, number, err);
    if (rc == 0)
        rc = segment_fill(fresh, 0, s->options.first_segment_bytes, err);
    if (rc == 0)
        rc = segment_finish(fresh, number, &s->log, err);
    if (rc != 0 && rc != DISK_EXISTS) /* of a full disk it has the last room */
        (void)segment_remove(s->disk, fresh->name, NULL);
    return rc;
}

/* ---- the tail, written again ---- */

typedef struct copying {
    writer_t *writer;
    log_claims_t claims;
    record_index_t *index;
    uint64_t index_bytes, indexed_at, contents;
} copying_t;

static int copy_frame(void *context, const frame_place_t *place, const frame_t *f, bytes_t octets,
                      error_t *err)
{
    copying_t *c = context;
    (void)place;
    c->contents += f->piece_count;
    if ((f->flags & FRAME_CONTINUES) == 0 && c->writer->at - c->indexed_at >= c->index_bytes) {
        record_index_add(c->index, f->first, c->writer->at);
        c->indexed_at = c->writer->at;
    }
    return writer_put_copy(c->writer, f, octets, &c->claims, err);
}

static int copy_group(opening_t *o, copying_t *c, window_t *w, const tail_group_t *t, error_t *err)
{
    const catalog_segment_t *segment = &o->scan.catalog.segments[t->segment];
    frame_place_t place = {o->store->log, segment->number, t->group.at};
    int rc = log_group_each(w, &place, &t->group, copy_frame, c, err);
    writer_end_group(c->writer);
    return rc;
}

static int copy_tail(opening_t *o, copying_t *c, error_t *err)
{
    const scan_t *scan = &o->scan;
    window_t w = {.skips_unreadable = true};
    size_t segment = SIZE_MAX;
    int rc = 0;
    for (size_t i = scan->tail_begin; i < scan->tail_end && rc == 0; i++) {
        const tail_group_t *t = &scan->tail[i];
        if (t->segment != segment)
            rc = window_open(&w, o->store->disk, scan->catalog.segments[t->segment].name, scan->read_bytes,
                             err);
        segment = t->segment;
        if (rc == 0)
            rc = copy_group(o, c, &w, t, err);
    }
    window_close(&w);
    return rc;
}

/* ---- the parties ---- */

static record_no tail_first(const scan_t *scan)
{
    bool is_empty = scan->tail_begin == scan->tail_end;
    return is_empty ? scan_next_record(scan) : scan->tail[scan->tail_begin].group.frame.first;
}

/* Those with records, or with nothing but contents that may be needed. */
static void list_segment(helper_side_t *h, catalog_segment_t *found, record_no superseded)
{
    listed_segment_t *l = segment_list_add(&h->segments, found->name, found->number, found->bytes);
    l->from = found->from;
    l->end = found->end < superseded ? found->end : superseded;
    l->contents = found->contents;
    l->index = found->index;
    found->index = (record_index_t){0};
}

/* Segments with records go into the helper's list, all others are spares. */
static void hand_to_helper(opening_t *o, const segment_t *fresh, record_index_t *index)
{
    store_t *s = o->store;
    helper_side_t *h = &s->helper;
    record_no superseded = tail_first(&o->scan);
    for (size_t i = 0; i < o->scan.catalog.count; i++) {
        catalog_segment_t *found = &o->scan.catalog.segments[i];
        if (found->is_reused)
            continue;
        count_add(&s->counters.bytes, found->bytes);
        if ((found->in_use || found->is_content) && found->from < superseded)
            list_segment(h, found, superseded);
        else if (!found->is_left_alone)
            ahead_add_spare(h, found->name, found->bytes);
    }
    listed_segment_t *l = segment_list_add(&h->segments, fresh->name, fresh->number, fresh->bytes);
    l->from = superseded;
    l->index = *index;
    *index = (record_index_t){0};
    h->in_use = h->segments.count;
    count_add(&s->counters.segments, h->in_use);
    helper_tell_segments(s);
}

static void set_log_side(store_t *s, const scan_t *scan)
{
    log_side_t *l = &s->log_side;
    l->pending = mem_alloc(s->options.ring_items * sizeof *l->pending);
    l->last = scan_next_record(scan) - 1;
    l->known = (log_claims_t){l->last, scan->replay_from};
    l->replay_from_next = scan->replay_from;
    l->stated = tail_first(scan) - 1;
    l->indexed_at = l->writer.at;
    l->is_fresh = scan->tail_begin == scan->tail_end;
    l->first_claim = l->anchor = scan->replay_from;
    atomic_store(&s->anchor, l->anchor);
    atomic_store(&s->replay_from, l->anchor);
}

/* ---- what an end in the midst of rewriting has left ---- */

static void note_name(void *context, const char *name)
{
    uint64_t number, *found = context;
    if (segment_parse_new_name(name, &number))
        *found = number;
}

static int remove_new_files(disk_t *disk, error_t *err)
{
    char name[SEGMENT_NAME_BYTES];
    int rc;
    do {
        uint64_t number = 0;
        rc = disk_list(disk, note_name, &number, err);
        if (rc != 0 || number == 0)
            break;
        segment_new_name(number, name);
        rc = segment_remove(disk, name, err);
    } while (rc == 0);
    return rc;
}

/* ---- all of it ---- */

/* For one mark and the end, as in each segment: what was copied may have filled it, or more. */
static int keep_room(store_t *s, writer_t *w, error_t *err)
{
    uint64_t there = w->segment.bytes, needed = w->at + 2 * FRAME_MARK_BYTES;
    if (needed <= there)
        return 0;
    int rc = segment_fill(&w->segment, there, needed, err);
    if (rc == 0)
        count_add(&s->counters.bytes, needed - there);
    return rc;
}

static int begin_incarnation(opening_t *o, store_found_t *found, error_t *err)
{
    store_t *s = o->store;
    const scan_t *scan = &o->scan;
    segment_t fresh;
    int rc = make_fresh(o, &fresh, err);
    if (rc != 0)
        return rc;
    count_add(&s->counters.bytes, fresh.bytes);
    writer_t *w = &s->log_side.writer;
    writer_use(w, &fresh, SEGMENT_HEADER_BYTES + FRAME_GROUP_BYTES);
    bool has_tail = scan->tail_begin < scan->tail_end;
    uint64_t previous = has_tail ? scan->tail[scan->tail_begin].previous : scan->chain.previous;
    record_no last = scan_next_record(scan) - 1;
    w->previous = previous;
    record_index_t index = {0};
    copying_t copying = {w, {tail_first(scan) - 1, 0}, &index, s->index_bytes, w->at, 0};
    rc = copy_tail(o, &copying, err);
    if (rc == 0 && w->unsynced)
        rc = writer_sync(w, err);
    if (rc == 0)
        rc = keep_room(s, w, err);
    log_claims_t claims = {last, scan->replay_from};
    if (rc == 0)
        rc = writer_start(w, tail_first(scan), previous, &claims, err);
    if (rc == 0) {
        set_log_side(s, scan);
        s->log_side.contents = copying.contents;
        hand_to_helper(o, &w->segment, &index);
        found->resynced_records = last + 1 - tail_first(scan);
    }
    record_index_deinit(&index);
    return rc;
}

static void make_identity(store_t *s)
{
    random_source_t *random = &s->options.random;
    random->fill(random->context, &s->log, sizeof s->log);
}

static int find_and_begin(opening_t *o, store_found_t *found, error_t *err)
{
    store_t *s = o->store;
    scan_t *scan = &o->scan;
    int rc = scan_run(scan, err);
    if (rc == 0)
        rc = remove_new_files(s->disk, err);
    if (rc != 0)
        return rc;
    if (scan->catalog.is_log)
        s->log = scan->catalog.log;
    else
        make_identity(s);
    *found = (store_found_t){.last = scan_next_record(scan) - 1,
                             .records = scan->record_count,
                             .cut_bytes = scan->cut_bytes,
                             .damaged_contents = scan->damaged_contents,
                             .lost_ranges = scan->lost_ranges};
    s->incarnation = scan->incarnation + 1;
    writer_init(&s->log_side.writer, &s->log, s->incarnation, s->options.clock, &s->counters);
    return begin_incarnation(o, found, err);
}

int store_recover(store_t *s, store_apply_t *apply, void *context, store_found_t *found, error_t *err)
{
    enum { SCAN_BYTES = 4 * 1024 * 1024 };
    opening_t o = {.store = s, .apply = apply, .context = context};
    scan_visitor_t visitor = {.context = &o, .record = give_record, .fault = log_fault};
    o.scan = (scan_t){.disk = s->disk,
                      .visitor = &visitor,
                      .serve_damaged = s->options.serve_damaged,
                      .read_bytes = SCAN_BYTES,
                      .index_bytes = s->index_bytes};
    int rc = find_and_begin(&o, found, err);
    scan_deinit(&o.scan);
    return rc;
}
