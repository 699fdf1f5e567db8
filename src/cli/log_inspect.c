/* SPDX-License-Identifier: Apache-2.0
 *
 * log_inspect.c: what is in the log and what is wrong with it, for people or, with --json, one object a line. */
#include <inttypes.h>
#include <stdio.h>

#include "cli/log.h"

static json_t *number(uint64_t n)
{
    return json_integer((json_int_t)n);
}

static void segment(void *context, const log_segment_t *s)
{
    const log_options_t *o = context;
    char size[32];
    if (!o->json) {
        printf("segment %s: %s%s\n", s->file, print_size((double)s->bytes, size, sizeof size),
               s->is_rewritten ? ", rewritten"
               : s->is_content ? ", needed for contents only"
                               : "");
        return;
    }
    json_t *out = json_pack("{s:s, s:s, s:o, s:o}", "kind", "segment", "file", s->file, "number",
                            number(s->number), "bytes", number(s->bytes));
    json_object_set_new(out, "contents_only", json_boolean(s->is_content));
    json_object_set_new(out, "rewritten", json_boolean(s->is_rewritten));
    print_json_line(out);
}

static void print_json_frame(const log_frame_t *f)
{
    json_t *out = json_pack("{s:s, s:s, s:o, s:o, s:o, s:o}", "kind", "frame", "file", f->file, "offset",
                            number(f->offset), "bytes", number(f->bytes), "first", number(f->first),
                            "records", number(f->records));
    json_object_set_new(out, "durable_through", number(f->durable_through));
    json_object_set_new(out, "incarnation", number(f->incarnation));
    json_object_set_new(out, "mark", json_boolean(f->is_mark));
    if (f->is_sparse)
        json_object_set_new(out, "last", number(f->next - 1));
    print_json_line(out);
}

static void frame(void *context, const log_frame_t *f)
{
    const log_options_t *o = context;
    if (f->next <= o->from && o->from > 0)
        return;
    if (o->json) {
        print_json_frame(f);
        return;
    }
    printf("  frame at %" PRIu64 ": %" PRIu64 " octets, ", f->offset, f->bytes);
    if (f->is_sparse)
        printf("%" PRIu32 " of the records %" PRIu64 " to %" PRIu64, f->records, f->first, f->next - 1);
    else if (f->is_mark || f->records == 0)
        printf("a mark, next record %" PRIu64, f->first);
    else
        printf("records %" PRIu64 " to %" PRIu64, f->first, f->next - 1);
    printf(", durable through %" PRIu64 ", incarnation %" PRIu64 "\n", f->durable_through, f->incarnation);
}

/* ---- records: one table says which fields there are; those that are empty are left out ---- */

#define RECORD_NUMBERS(X)                                                                                    \
    X("flags", r->flags)                                                                                     \
    X("sort", r->kind)                                                                                       \
    X("vhost", r->vhost)                                                                                     \
    X("queue", r->queue)                                                                                     \
    X("position", r->position)                                                                               \
    X("mark", r->mark)                                                                                       \
    X("message", r->message)                                                                                 \
    X("seq", r->seq)                                                                                         \
    X("view", r->view)                                                                                       \
    X("need", r->need)                                                                                       \
    X("time_ms", r->time_ms)                                                                                 \
    X("properties_bytes", r->properties_bytes)                                                               \
    X("arguments_bytes", r->arguments.len)                                                                   \
    X("content_bytes", content.len)

#define RECORD_TEXTS(X)                                                                                      \
    X("name", r->name)                                                                                       \
    X("source", r->source)                                                                                   \
    X("exchange", r->exchange)                                                                               \
    X("key", r->key)

#define RECORD_LISTS(X)                                                                                      \
    X("parts", r->parts)                                                                                     \
    X("pairs", r->list)

static json_t *json_list(const record_list_t *list)
{
    json_t *out = json_array();
    bytes_reader_t in = bytes_reader(list->octets);
    for (uint64_t a, b; record_list_next(&in, &a, &b);)
        json_array_append_new(out, json_pack("[o, o]", number(a), number(b)));
    return out;
}

static void print_json_record(record_no n, const record_t *r, bytes_t content, bool damaged)
{
    json_t *out = json_pack("{s:s, s:o, s:s}", "kind", "record", "record", number(n), "type",
                            record_type_name(r->type));
#define X(name, value)                                                                                       \
    if ((value) != 0)                                                                                        \
        json_object_set_new(out, name, number(value));
    RECORD_NUMBERS(X)
#undef X
#define X(name, value)                                                                                       \
    if ((value).len > 0)                                                                                     \
        json_object_set_new(out, name, print_json_text(value));
    RECORD_TEXTS(X)
#undef X
#define X(name, value)                                                                                       \
    if ((value).count > 0)                                                                                   \
        json_object_set_new(out, name, json_list(&(value)));
    RECORD_LISTS(X)
#undef X
    if (damaged)
        json_object_set_new(out, "damaged", json_true());
    print_json_line(out);
}

/* A list may have thousands of pairs: people are shown the first few. */
#define PAIRS_SHOWN 8

static void print_list(const char *name, const record_list_t *list)
{
    uint32_t shown = 0;
    bytes_reader_t in = bytes_reader(list->octets);
    printf(", %s", name);
    for (uint64_t a, b; shown < PAIRS_SHOWN && record_list_next(&in, &a, &b); shown++)
        printf(" %" PRIu64 ":%" PRIu64, a, b);
    if (shown < list->count)
        printf(" and %" PRIu32 " more", list->count - shown);
}

static void print_record(record_no n, const record_t *r, bytes_t content, bool damaged)
{
    printf("    %" PRIu64 " %s", n, record_type_name(r->type));
#define X(name, value)                                                                                       \
    if ((value).len > 0) {                                                                                   \
        printf(", " name " '");                                                                              \
        print_text(value);                                                                                   \
        putchar('\'');                                                                                       \
    }
    RECORD_TEXTS(X)
#undef X
#define X(name, value)                                                                                       \
    if ((value) != 0)                                                                                        \
        printf(", " name " %" PRIu64, (uint64_t)(value));
    RECORD_NUMBERS(X)
#undef X
#define X(name, value)                                                                                       \
    if ((value).count > 0)                                                                                   \
        print_list(name, &(value));
    RECORD_LISTS(X)
#undef X
    printf("%s\n", damaged ? ": DAMAGED" : "");
}

static void record(void *context, record_no n, const record_t *r, bytes_t content, bool damaged)
{
    const log_options_t *o = context;
    if (!o->records || n < o->from)
        return;
    (o->json ? print_json_record : print_record)(n, r, content, damaged);
}

static void print_fault(const char *file, uint64_t offset, bool fatal, const char *what)
{
    printf("%s: offset %" PRIu64 ": %s%s\n", file, offset, what,
           fatal ? " (a broker would not start on it)" : "");
}

static void fault(void *context, const char *file, uint64_t offset, bool fatal, const char *what)
{
    const log_options_t *o = context;
    if (o->json)
        print_json_line(json_pack("{s:s, s:s, s:o, s:b, s:o}", "kind", "fault", "file", file, "offset",
                                  number(offset), "fatal", fatal, "what",
                                  print_json_text(bytes_string(what))));
    else
        print_fault(file, offset, fatal, what);
}

static void print_json_summary(const log_summary_t *s)
{
    json_t *out =
        json_pack("{s:s, s:o, s:o, s:o, s:o}", "kind", "summary", "segments", number(s->segments), "frames",
                  number(s->frames), "records", number(s->records), "bytes", number(s->bytes));
    json_object_set_new(out, "first", number(s->first));
    json_object_set_new(out, "last", number(s->last));
    json_object_set_new(out, "durable_through", number(s->durable_through));
    json_object_set_new(out, "replay_from", number(s->replay_from));
    json_object_set_new(out, "tail_bytes", number(s->tail_bytes));
    json_object_set_new(out, "faults", number(s->faults));
    json_object_set_new(out, "fatal_faults", number(s->fatal_faults));
    print_json_line(out);
}

static void print_summary(const log_options_t *o, const log_summary_t *s)
{
    char size[32];
    printf("%s: %" PRIu64 " segments, %" PRIu64 " frames, %s; ", o->folder, s->segments, s->frames,
           print_size((double)s->bytes, size, sizeof size));
    if (s->records > 0)
        printf("%" PRIu64 " records, %" PRIu64 " to %" PRIu64 ", durable through %" PRIu64 "; ", s->records,
               s->first, s->last, s->durable_through);
    else
        printf("no record; ");
    if (s->tail_bytes > 0)
        printf("%" PRIu64 " octets behind the last whole group; ", s->tail_bytes);
    if (s->faults == 0)
        printf("no fault\n");
    else
        printf("%" PRIu64 " fault%s, %" PRIu64 " fatal\n", s->faults, s->faults == 1 ? "" : "s",
               s->fatal_faults);
}

int log_inspect(const log_options_t *o, disk_t *disk, error_t *err)
{
    log_summary_t summary;
    log_options_t options = *o;
    log_visitor_t visitor = {.context = &options, .fault = fault};
    if (o->lists)
        visitor = (log_visitor_t){&options, segment, frame, record, fault};
    if (log_read(disk, &visitor, &summary, err) != 0)
        return -1;
    if (summary.segments == 0)
        return error_set(err, "%s holds no log: is it the data_dir of a broker?", o->folder);
    if (o->json)
        print_json_summary(&summary);
    else
        print_summary(o, &summary);
    return summary.faults == 0 ? CLI_DONE : CLI_FAILED;
}
