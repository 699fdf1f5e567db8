/* SPDX-License-Identifier: Apache-2.0
 *
 * scan.c: along the chain, group by group, segment by segment; and what is said where it is broken. */
#include "base/alloc.h"
#include "base/text.h"
#include "store/scan_internal.h"

typedef unsigned long long ull;

static frame_place_t place_at(scan_t *s, size_t index, uint64_t offset)
{
    return (frame_place_t){s->catalog.log, scan_segment(s, index)->number, offset};
}

static void tell(scan_t *s, const char *file, uint64_t offset, bool fatal, const char *what)
{
    s->faults++;
    s->fatal_faults += fatal;
    if (s->visitor->fault)
        s->visitor->fault(s->visitor->context, file, offset, fatal, what);
}

void scan_tell_fault(scan_t *s, const char *file, uint64_t offset, const char *what)
{
    tell(s, file, offset, false, what);
}

/* 0: the log is read all the same; -1: this ends the scan. */
static int tell_fatal(scan_t *s, const char *file, uint64_t offset, const char *what, error_t *err)
{
    tell(s, file, offset, true, what);
    return s->serve_damaged ? 0 : error_set(err, "%s at %llu: %s", file, (ull)offset, what);
}

/* ---- one group: giving its records ---- */

static void add_to_index(scan_t *s, const frame_place_t *place, const frame_t *f)
{
    if ((f->flags & FRAME_CONTINUES) || place->offset - s->indexed_at < s->index_bytes)
        return;
    record_index_add(&scan_segment(s, s->current)->index, f->first, place->offset);
    s->indexed_at = place->offset;
}

static void tell_damaged(scan_t *s, uint64_t offset, record_no number)
{
    char what[64];
    text_format(what, sizeof what, "the content of record %llu is damaged", (ull)number);
    scan_tell_fault(s, scan_segment(s, s->current)->name, offset, what);
    s->damaged_contents++;
}

static bool give_record(scan_t *s, uint64_t offset, const frame_record_t *r)
{
    if (r->number < s->given_from && !s->reads_all)
        return true;
    if (s->first_given == 0)
        s->first_given = r->number;
    bool damaged = r->has_content && !frame_piece_holds(&r->piece, &s->catalog.log, r->content);
    if (damaged)
        tell_damaged(s, offset, r->number);
    s->record_count++;
    bytes_t content = damaged ? bytes_make(NULL, 0) : r->content;
    return !s->visitor->record ||
           s->visitor->record(s->visitor->context, r->number, &r->record, content, damaged);
}

static int give_records(scan_t *s, const frame_place_t *place, const frame_t *f, bytes_t octets, error_t *err)
{
    const char *file = scan_segment(s, s->current)->name;
    frame_record_t r;
    int rc = -1;
    if (frame_records_begin(&s->records, f, octets))
        while ((rc = frame_records_next(&s->records, &r)) > 0)
            if (!give_record(s, place->offset, &r))
                return error_set(err, "%s at %llu: record %llu was not accepted", file, (ull)place->offset,
                                 (ull)r.number);
    if (rc == 0 && frame_records_end(&s->records, f))
        return 0;
    return error_set(err, "%s at %llu: the frame is whole, but record %llu is none that is known here", file,
                     (ull)place->offset, (ull)s->records.number);
}

int scan_give_frame(void *context, const frame_place_t *place, const frame_t *f, bytes_t octets, error_t *err)
{
    scan_t *s = context;
    s->frames++;
    scan_segment(s, s->current)->contents += f->piece_count;
    if (s->visitor->frame)
        s->visitor->frame(s->visitor->context, scan_segment(s, s->current), place->offset, f);
    add_to_index(s, place, f);
    return give_records(s, place, f, octets, err);
}

/* ---- the tail ---- */

static void add_to_tail(scan_t *s, const log_group_t *g)
{
    if (g->next <= s->stated + 1)
        return;
    if (s->tail_begin == s->tail_end)
        s->tail_begin = s->tail_end = 0;
    s->tail = mem_grow(s->tail, sizeof *s->tail, s->tail_end, &s->tail_capacity, 16);
    s->tail[s->tail_end++] = (tail_group_t){s->current, *g, s->chain.previous};
}

static void state_durable(scan_t *s, record_no through)
{
    scan_raise(&s->stated, through);
    while (s->tail_begin < s->tail_end && s->tail[s->tail_begin].group.next <= s->stated + 1)
        s->tail_begin++;
}

/* ---- going on ---- */

/* Takes the group into the log. */
static int accept_group(scan_t *s, const log_group_t *g, error_t *err)
{
    frame_place_t place = place_at(s, s->current, g->at);
    frame_records_reset(&s->records);
    int rc = log_group_each(&s->window, &place, g, scan_give_frame, s, err);
    if (rc != 0)
        return rc;
    catalog_segment_t *here = scan_segment(s, s->current);
    if (!here->in_use)
        here->from = g->frame.first;
    here->in_use = true;
    here->end = g->next;
    if (s->first == 0)
        s->first = g->frame.first;
    scan_raise(&s->durable, g->frame.durable_through);
    scan_raise(&s->replay_from, g->frame.replay_from);
    state_durable(s, g->frame.kind == FRAME_START ? g->frame.first - 1 : g->frame.durable_through);
    if (g->frame.kind == FRAME_DATA) {
        add_to_tail(s, g);
        s->chain.previous = g->checksum;
        s->chain.any_previous = false;
    }
    s->chain.expected = g->next;
    s->at = s->search_from = g->end;
    s->is_at_end = g->frame.kind == FRAME_END;
    s->has_looked_ahead = s->has_looked_ahead && !s->is_at_end; /* now there is a reason to look closer */
    return 1;
}

static int enter(scan_t *s, size_t index, uint64_t at, uint64_t incarnation, error_t *err)
{
    catalog_segment_t *here = scan_segment(s, index);
    int rc = window_open(&s->window, s->disk, here->name, s->read_bytes, err);
    if (rc != 0)
        return rc;
    if (here->header != SEGMENT_WHOLE) /* damage, or a crash while it was being recycled */
        scan_tell_fault(s, here->name, 0,
                        "the header is not whole; what it said is known from other segments");
    s->current = index;
    s->is_at_end = false;
    s->at = s->search_from = at;
    s->indexed_at = at;
    s->chain.incarnation = incarnation;
    if (at != SEGMENT_HEADER_BYTES)
        record_index_add(&here->index, s->chain.expected, at);
    if (s->visitor->segment)
        s->visitor->segment(s->visitor->context, here);
    return 1;
}

/* The next segment whose beginning is there and not superseded, or SCAN_NOWHERE. */
static size_t next_candidate(scan_t *s)
{
    for (size_t i = s->current == SCAN_NOWHERE ? 0 : s->current + 1; i < s->catalog.count; i++)
        if (catalog_is_candidate(scan_segment(s, i)))
            return i;
    return SCAN_NOWHERE;
}

static bool connects(const log_chain_t *chain, const frame_t *f)
{
    if (chain->expected == 0)
        return true;
    bool is_incarnation_right =
        f->kind == FRAME_START ? f->incarnation > chain->incarnation : f->incarnation == chain->incarnation;
    return f->first == chain->expected && (chain->any_previous || f->previous == chain->previous) &&
           is_incarnation_right;
}

/* ---- damage ---- */

static int resume_at(scan_t *s, const scan_resume_t *r, error_t *err)
{
    state_durable(s, r->frame.first - 1);
    s->chain.expected = r->frame.first;
    s->chain.any_previous = true;
    s->chain.incarnation = r->frame.incarnation;
    scan_raise(&s->incarnation, r->frame.incarnation);
    if (r->segment != s->current)
        return enter(s, r->segment, r->at, r->frame.incarnation, err);
    s->is_at_end = false;
    s->at = s->search_from = r->at;
    record_index_add(&scan_segment(s, s->current)->index, r->frame.first, r->at);
    s->indexed_at = r->at;
    return 1;
}

/* The place to name: where the chain ended, or the beginning of the segment in which it should have gone on. */
static const char *place_of_damage(scan_t *s, const scan_resume_t *r, uint64_t *offset)
{
    *offset = s->at;
    bool is_behind = s->current == SCAN_NOWHERE || (r->segment != SCAN_NOWHERE && r->segment != s->current &&
                                                    scan_is_hidden(scan_segment(s, r->segment)));
    if (!is_behind)
        return scan_segment(s, s->current)->name;
    *offset = SEGMENT_HEADER_BYTES;
    return scan_segment(s, r->segment != SCAN_NOWHERE ? r->segment : 0)->name;
}

/* Records from the next one to `last` are lost: messages, if it is their contents alone that is needed. */
static int tell_lost(scan_t *s, const char *file, uint64_t offset, record_no from, record_no last,
                     error_t *err)
{
    char what[128];
    if (last < s->given_from) {
        scan_tell_lost_contents(s, file, offset, from, last);
        return 0;
    }
    text_format(what, sizeof what, "records %llu to %llu are damaged, though they were synced", (ull)from,
                (ull)last);
    s->lost_ranges++;
    return tell_fatal(s, file, offset, what, err);
}

/* The chain is broken where something durable was. */
static int leave_out(scan_t *s, error_t *err)
{
    scan_resume_t r;
    int rc = scan_find_resume(s, SCAN_NOWHERE, &r, err);
    if (rc != 0)
        return rc;
    bool goes_on = r.segment != SCAN_NOWHERE;
    record_no next = scan_next_record(s), last = goes_on ? r.frame.first - 1 : s->durable;
    uint64_t offset;
    const char *file = place_of_damage(s, &r, &offset);
    if (last < next)
        scan_tell_fault(s, file, offset, "a frame is damaged; no record is lost");
    else if ((rc = tell_lost(s, file, offset, next, last, err)) != 0)
        return rc;
    if (goes_on)
        return resume_at(s, &r, err);
    if (last >= next)
        s->chain.expected = last + 1;
    state_durable(s, s->durable);
    return 0;
}

/* ---- the end ---- */

/* What cannot be read may have been durable. */
static int tell_unreadable(scan_t *s, error_t *err)
{
    return tell_fatal(s, scan_segment(s, s->current)->name, s->at,
                      "the disk cannot read what follows here, so it is not known where the log ends", err);
}

/* What is cut: valid frames behind the end, or the trace of one. */
static int count_cut(scan_t *s, error_t *err)
{
    if (s->frames_end > s->at) {
        s->cut_bytes = s->frames_end - s->at;
        return 0;
    }
    bytes_t octets;
    frame_place_t place = place_at(s, s->current, s->at);
    int rc = window_get(&s->window, s->at, FRAME_FIXED_BYTES, &octets, err);
    if (rc != 0 || !frame_is_trace(octets, &place))
        return rc;
    frame_t f;
    bool is_read = frame_read(octets, &place, s->window.file_bytes - s->at, &f);
    s->cut_bytes = is_read ? f.bytes : FRAME_GROUP_BYTES;
    return 0;
}

static int end_log(scan_t *s, error_t *err)
{
    if (s->current == SCAN_NOWHERE)
        return 0;
    bool is_readable = !s->is_unreadable && s->window.unreadable_end <= s->at;
    int rc = is_readable ? 0 : tell_unreadable(s, err);
    return rc == 0 ? count_cut(s, err) : rc;
}

/* There is always a file behind a segment that was left. */
static int tell_missing(scan_t *s, error_t *err)
{
    return tell_fatal(s, scan_segment(s, s->current)->name, s->at - FRAME_MARK_BYTES,
                      "the log went on behind this segment, but no other is there", err);
}

/* The chain does not go on in this segment. */
static int leave_segment(scan_t *s, error_t *err)
{
    size_t next = next_candidate(s);
    if (next != SCAN_NOWHERE && connects(&s->chain, &scan_segment(s, next)->first))
        return enter(s, next, SEGMENT_HEADER_BYTES, scan_segment(s, next)->first.incarnation, err);
    if (next != SCAN_NOWHERE)
        return leave_out(s, err);
    if (s->is_at_end && s->current + 1 == s->catalog.count) {
        int rc = tell_missing(s, err);
        if (rc != 0)
            return rc;
    }
    int durable = scan_is_durable(s, scan_next_record(s), err);
    if (durable < 0)
        return durable;
    return durable || s->is_start_lost ? leave_out(s, err) : end_log(s, err);
}

/* 1: there may be more; 0: this was the end; negative: an error. */
static int scan_step(scan_t *s, error_t *err)
{
    if (s->is_at_end)
        return leave_segment(s, err);
    frame_place_t place = place_at(s, s->current, s->at);
    log_group_t g;
    int state = log_group_check(&s->window, &place, &s->chain, &g, err);
    if (state < 0)
        return state;
    if (state == GROUP_NEXT && g.frame.kind == FRAME_START && s->at != SEGMENT_HEADER_BYTES)
        state = GROUP_BROKEN;
    if (state == GROUP_NEXT && g.frame.kind == FRAME_DATA &&
        g.frame.first >= scan_segment(s, s->current)->limit)
        return leave_segment(s, err);
    if (state != GROUP_NEXT) {
        s->search_from = state == GROUP_OTHER ? s->at : s->at + FRAME_GROUP_BYTES;
        return leave_segment(s, err);
    }
    bool is_readable = s->window.unreadable_end <= g.at;
    int keep = g.contents_hold || !is_readable ? 1 : scan_is_durable(s, g.next - 1, err);
    if (keep < 0)
        return keep;
    return keep ? accept_group(s, &g, err) : end_log(s, err);
}

/* ---- all of it ---- */

static int begin(scan_t *s, error_t *err)
{
    scan_resume_t r;
    bool is_damaged;
    int rc = scan_find_begin(s, &r, &is_damaged, err);
    if (rc != 0)
        return rc;
    bool is_anywhere = r.segment != SCAN_NOWHERE;
    size_t first = is_anywhere ? r.segment : s->catalog.count;
    scan_find_contents(s, first, is_anywhere ? r.frame.first : UINT64_MAX);
    rc = s->reads_all ? scan_read_contents(s, first, err) : 0;
    if (rc != 0)
        return rc;
    if (!is_anywhere)
        return leave_segment(s, err);
    if (!is_damaged)
        return enter(s, r.segment, r.at, r.frame.incarnation, err);
    scan_tell_fault(s, scan_segment(s, r.segment)->name, SEGMENT_HEADER_BYTES, "the first frame is damaged");
    return resume_at(s, &r, err);
}

/* Is something missing before the first record? */
static int check_beginning(scan_t *s, error_t *err)
{
    record_no needed = s->replay_from > 1 ? s->replay_from : 1;
    if (s->first <= needed)
        return 0;
    for (size_t i = 0; i < s->catalog.count; i++)
        if (scan_segment(s, i)->in_use)
            return tell_lost(s, scan_segment(s, i)->name, SEGMENT_HEADER_BYTES, needed, s->first - 1, err);
    return 0;
}

int scan_run(scan_t *s, error_t *err)
{
    s->current = SCAN_NOWHERE;
    s->chain.any_previous = true;
    s->window.skips_unreadable = s->ahead.skips_unreadable = true;
    int rc = catalog_read(&s->catalog, s->disk, err);
    if (rc != 0 || !s->catalog.is_log)
        return rc;
    scan_take_first_claims(s);
    rc = begin(s, err);
    while (rc > 0)
        rc = scan_step(s, err);
    return rc == 0 ? check_beginning(s, err) : rc;
}

void scan_deinit(scan_t *s)
{
    window_close(&s->window);
    window_close(&s->ahead);
    frame_records_deinit(&s->records);
    catalog_deinit(&s->catalog);
    mem_free(s->tail);
    s->tail = NULL;
}
