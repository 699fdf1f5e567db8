/* SPDX-License-Identifier: Apache-2.0
 *
 * reader.c: the scan of an opening, which goes through everything here, told to a visitor and without consequences. */
#include "store/reader.h"

#include "store/scan.h"

typedef struct reading {
    const log_visitor_t *visitor;
    log_summary_t *summary;
} reading_t;

static void tell_segment(void *context, const catalog_segment_t *s)
{
    const reading_t *r = context;
    r->summary->segments++;
    r->summary->bytes += s->bytes;
    if (r->visitor->segment)
        r->visitor->segment(r->visitor->context,
                            &(log_segment_t){s->name, s->number, s->bytes, s->is_content, s->is_rewritten});
}

static void tell_frame(void *context, const catalog_segment_t *s, uint64_t offset, const frame_t *f)
{
    const log_visitor_t *v = ((reading_t *)context)->visitor;
    log_frame_t frame = {.file = s->name,
                         .offset = offset,
                         .bytes = f->bytes,
                         .first = f->first,
                         .next = frame_next(f),
                         .records = f->records,
                         .durable_through = f->durable_through,
                         .incarnation = f->incarnation,
                         .is_mark = f->kind != FRAME_DATA,
                         .is_sparse = (f->flags & FRAME_SPARSE) != 0};
    if (v->frame)
        v->frame(v->context, &frame);
}

static bool tell_record(void *context, record_no number, const record_t *r, bytes_t content, bool damaged)
{
    const log_visitor_t *v = ((reading_t *)context)->visitor;
    if (v->record)
        v->record(v->context, number, r, content, damaged);
    return true;
}

static void tell_fault(void *context, const char *file, uint64_t offset, bool fatal, const char *what)
{
    const log_visitor_t *v = ((reading_t *)context)->visitor;
    if (v->fault)
        v->fault(v->context, file, offset, fatal, what);
}

int log_read(disk_t *disk, const log_visitor_t *visitor, log_summary_t *summary, error_t *err)
{
    enum { READ_BYTES = 4 * 1024 * 1024 };
    *summary = (log_summary_t){0};
    reading_t reading = {visitor, summary};
    scan_visitor_t tell = {&reading, tell_segment, tell_frame, tell_record, tell_fault};
    scan_t scan = {.disk = disk,
                   .visitor = &tell,
                   .serve_damaged = true,
                   .reads_all = true,
                   .read_bytes = READ_BYTES,
                   .index_bytes = UINT64_MAX};
    int rc = scan_run(&scan, err);
    summary->frames = scan.frames;
    summary->records = scan.record_count;
    summary->first = scan.first_given ? scan.first_given : scan.first;
    summary->replay_from = scan_given_from(&scan);
    summary->last = scan_next_record(&scan) - 1;
    summary->durable_through = scan.durable;
    summary->tail_bytes = scan.cut_bytes;
    summary->faults = scan.faults;
    summary->fatal_faults = scan.fatal_faults;
    scan_deinit(&scan);
    return rc == 0 ? 0 : -1;
}
