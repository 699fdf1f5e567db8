/* SPDX-License-Identifier: Apache-2.0
 *
 * read_back.c: see read_back.h. Nothing is trusted that was not checked again, as it is read again. */
#include "store/read_back.h"

#include "base/alloc.h"
#include "store/frame_search.h"

/* Beside the outcomes of journal.h: try again. */
enum { READ_LATER = READ_FAILED + 1 };

static void leave(read_back_t *r)
{
    r->segment = 0;
    r->is_inside = false;
    r->last.number = 0;
    frame_records_reset(&r->records);
}

void read_back_leave(read_back_t *r, uint64_t segment)
{
    if (r->segment != segment)
        return;
    leave(r);
    disk_close(&r->window.file);
}

void read_back_deinit(read_back_t *r)
{
    frame_records_deinit(&r->records);
    window_close(&r->window);
}

/* ---- going to a place ---- */

/* The last segment that begins at or before the record, as far as that is known. */
static size_t find_segment(const segment_list_t *l, record_no record)
{
    size_t low = 0, high = l->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (l->segments[middle].from <= record)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 ? low - 1 : SIZE_MAX;
}

static int enter(read_back_t *r, const read_source_t *from, size_t index, uint64_t offset)
{
    const listed_segment_t *s = &from->segments->segments[index];
    if (r->segment != s->number || !r->window.file) {
        leave(r);
        int rc = window_open(&r->window, from->disk, s->name, from->read_bytes, from->err);
        if (rc != 0)
            return rc == DISK_BUSY ? READ_LATER : READ_FAILED;
    }
    leave(r);
    r->segment = s->number;
    r->next_at = offset;
    return READ_OK;
}

/* To the nearest frame at or before the record of which is known where it is, unless that is behind us. */
static int seek(read_back_t *r, const read_source_t *from, record_no record)
{
    size_t index = find_segment(from->segments, record);
    if (index == SIZE_MAX)
        return READ_FAILED;
    const listed_segment_t *s = &from->segments->segments[index];
    if (record >= s->end)
        return READ_DAMAGED;
    const record_place_t *place = record_index_find(&s->index, record);
    uint64_t offset = place ? place->offset : SEGMENT_HEADER_BYTES;
    bool is_ahead = r->is_inside && r->records.number <= record;
    if (is_ahead && (r->segment > s->number || (r->segment == s->number && r->next_at > offset)))
        return READ_OK;
    return enter(r, from, index, offset);
}

/* ---- from frame to frame ---- */

static int frame_here(read_back_t *r, const read_source_t *from, bytes_t *head)
{
    frame_place_t place = {from->log, r->segment, r->next_at};
    int rc = window_frame(&r->window, &place, &r->frame, head, NULL);
    if (rc != 0)
        return rc;
    rc = window_refresh(&r->window, NULL); /* it may have been read before it was written */
    return rc == 0 ? window_frame(&r->window, &place, &r->frame, head, NULL) : rc;
}

/* Nothing is written to it any more. */
static bool is_complete(const listed_segment_t *s)
{
    return s->end != UINT64_MAX;
}

/* No frame is here, but the record is in this segment: what is here is damaged, and the next group is what comes next. */
static int skip_damage(read_back_t *r, const read_source_t *from, listed_segment_t *s, bytes_t *head)
{
    frame_search_t search = frame_search(&r->window, &from->log, s->number, frame_align(r->next_at + 1));
    frame_records_reset(&r->records);
    int rc;
    while ((rc = frame_search_next(&search, &r->frame, NULL)) > 0)
        if (r->frame.flags & FRAME_FIRST)
            break;
    if (rc <= 0)
        return rc;
    r->next_at = search.found_at;
    const record_place_t *last = record_index_last(&s->index);
    if (!last || (last->first < r->frame.first && last->offset < r->next_at))
        record_index_add(&s->index, r->frame.first, r->next_at);
    return frame_here(r, from, head);
}

static int enter_next(read_back_t *r, const read_source_t *from, size_t index, bytes_t *head)
{
    if (index + 1 >= from->segments->count)
        return READ_DAMAGED;
    int entered = enter(r, from, index + 1, SEGMENT_HEADER_BYTES);
    if (entered != READ_OK)
        return entered;
    int rc = frame_here(r, from, head);
    return rc > 0 ? READ_OK : rc < 0 ? READ_FAILED : READ_DAMAGED;
}

/* What was met on the way is known the next time. */
static void note_place(const read_back_t *r, const read_source_t *from, listed_segment_t *s)
{
    const record_place_t *last = record_index_last(&s->index);
    uint64_t known = last ? last->offset : SEGMENT_HEADER_BYTES;
    if (is_complete(s) && (r->frame.flags & FRAME_CONTINUES) == 0 && r->frame.kind == FRAME_DATA &&
        r->next_at >= known + from->index_bytes)
        record_index_add(&s->index, r->frame.first, r->next_at);
}

/* Loads the next frame's head, in the next segment if this one has no more. */
static int load_frame(read_back_t *r, const read_source_t *from, record_no record, bytes_t *head)
{
    size_t index = segment_list_find(from->segments, r->segment);
    if (index == SIZE_MAX)
        return READ_DAMAGED;
    listed_segment_t *s = &from->segments->segments[index];
    int rc = frame_here(r, from, head);
    if (rc == 0 && is_complete(s) && record < s->end)
        rc = skip_damage(r, from, s, head);
    if (rc < 0)
        return READ_FAILED;
    if (rc > 0)
        note_place(r, from, s);
    else if ((rc = enter_next(r, from, index, head)) != READ_OK)
        return rc;
    r->frame_at = r->next_at;
    r->next_at += r->frame.bytes;
    if (r->frame.flags & FRAME_LAST)
        r->next_at = frame_align(r->next_at);
    return READ_OK;
}

/* Behind the rest of the frame, whose last record may go on in the next. */
static int finish_frame(read_back_t *r)
{
    frame_record_t record;
    int rc;
    r->is_inside = false;
    if (r->frame.flags & FRAME_LAST) {
        frame_records_reset(&r->records);
        return READ_OK;
    }
    while ((rc = frame_records_next(&r->records, &record)) > 0)
        continue;
    return rc == 0 && frame_records_end(&r->records, &r->frame) ? READ_OK : READ_DAMAGED;
}

static bool is_in_frame(const frame_t *f, record_no record)
{
    return f->records > 0 && record >= f->first && record < frame_next(f);
}

static int begin_frame(read_back_t *r, bytes_t octets)
{
    if (!frame_records_begin(&r->records, &r->frame, octets))
        return READ_DAMAGED;
    r->is_inside = true;
    return READ_OK;
}

/* One frame further; *found if it is that of the record. */
static int next_frame(read_back_t *r, const read_source_t *from, record_no record, bool *found)
{
    bytes_t octets;
    r->last.number = 0;
    int rc = r->is_inside ? finish_frame(r) : READ_OK;
    if (rc == READ_OK)
        rc = load_frame(r, from, record, &octets);
    if (rc != READ_OK)
        return rc;
    if (r->frame.first > record)
        return READ_DAMAGED; /* what should have come before is not there */
    *found = is_in_frame(&r->frame, record);
    if (!*found)
        return r->frame.kind == FRAME_DATA ? begin_frame(r, octets) : READ_OK;
    if (window_get(&r->window, r->frame_at, r->frame.bytes, &octets, NULL) != 0)
        return READ_FAILED;
    return octets.len == r->frame.bytes ? begin_frame(r, octets) : READ_DAMAGED;
}

static int find_frame(read_back_t *r, const read_source_t *from, record_no record)
{
    bool found = r->is_inside && record >= r->records.number && is_in_frame(&r->frame, record);
    if (found)
        return READ_OK;
    int rc = seek(r, from, record);
    while (rc == READ_OK && !found)
        rc = next_frame(r, from, record, &found);
    return rc;
}

/* ---- messages ---- */

static message_part_t *make_parts(const record_list_t *list)
{
    message_part_t *parts = mem_alloc(list->count * sizeof *parts);
    bytes_reader_t in = bytes_reader(list->octets);
    for (uint32_t i = 0; i < list->count; i++)
        (void)record_list_next(&in, &parts[i].record, &parts[i].bytes);
    return parts;
}

static message_t *make_message(const frame_record_t *r)
{
    const record_t *record = &r->record;
    bytes_t none = {NULL, 0}, properties = none, body = r->content;
    if (record->type == RECORD_MESSAGE) {
        properties = bytes_make(r->content.data, record->properties_bytes);
        body = bytes_make(r->content.data + properties.len, r->content.len - properties.len);
    }
    message_t *m = message_new(record->exchange, record->key, properties, body.len);
    m = message_append(m, body, body.len);
    m->record = r->number;
    m->seq = record->seq;
    m->view = (uint32_t)record->view;
    if (record->parts.count > 0)
        message_set_parts(m, make_parts(&record->parts), record->parts.count);
    return m;
}

/* It is r->last then, whole. */
static int find_record(read_back_t *r, const read_source_t *from, record_no number)
{
    frame_record_t *record = &r->last;
    int rc = find_frame(r, from, number);
    if (rc != READ_OK)
        return rc;
    do
        if (frame_records_next(&r->records, record) <= 0)
            return READ_DAMAGED;
    while (record->number < number);
    if (record->number != number || !record->has_content)
        return READ_DAMAGED;
    return frame_piece_holds(&record->piece, &from->log, record->content) ? READ_OK : READ_DAMAGED;
}

static int read_one(read_back_t *r, const read_source_t *from, read_item_t *item)
{
    int rc = r->last.number == item->record ? READ_OK : find_record(r, from, item->record);
    if (rc == READ_OK)
        item->message = make_message(&r->last);
    return rc;
}

bool read_back_item(read_back_t *r, const read_source_t *from, read_item_t *item)
{
    item->message = NULL;
    int rc = read_one(r, from, item);
    if (rc == READ_DAMAGED) { /* or read ahead while it was being written: once more, from the disk */
        leave(r);
        rc = read_one(r, from, item);
    }
    if (rc != READ_OK)
        leave(r);
    if (rc == READ_LATER)
        return false;
    item->outcome = (uint8_t)rc;
    return true;
}
