/* SPDX-License-Identifier: Apache-2.0
 *
 * queues.c: queues, as a list and one by one. One table says which fields a queue has; rows are written from it, and
 * sorted by it. Each row's JSON is made, written and freed before the next: a hundred thousand of them are large as
 * trees. */
#include "admin/admin_internal.h"

#include <stdlib.h>

#include "base/alloc.h"

typedef enum field_kind { FIELD_TEXT, FIELD_FLAG, FIELD_NUMBER } field_kind_t;

typedef struct field_value {
    bytes_t text;
    uint64_t number;
} field_value_t;

/* Where a row's octets are, and what all rows have in common. */
typedef struct rows {
    const query_t *query;
    const char *node;
} rows_t;

typedef field_value_t queue_value_t(const rows_t *of, const query_queue_t *q);

static bytes_t octets_of(const query_t *query, size_t at, size_t len)
{
    return bytes_make(len > 0 ? query->octets.data + at : NULL, len);
}

static bytes_t name_of(const query_t *query, const query_queue_t *q)
{
    return octets_of(query, q->name, q->name_len);
}

#define TEXT(b)     ((field_value_t){.text = (b)})
#define NUMBER(n)   ((field_value_t){.number = (n)})
#define FLAG(which) NUMBER((q->flags & QUERY_QUEUE_##which) != 0)

/* X(name in JSON, its C name, kind, value of row q of `of`) */
#define QUEUE_FIELDS(X)                                                                                      \
    X("name", name, TEXT, TEXT(name_of(of->query, q)))                                                       \
    X("vhost", vhost, TEXT, TEXT(BYTES("/")))                                                                \
    X("type", type, TEXT, TEXT(q->flags &QUERY_QUEUE_QUORUM ? BYTES("quorum") : BYTES("classic")))           \
    X("durable", durable, FLAG, FLAG(DURABLE))                                                               \
    X("auto_delete", auto_delete, FLAG, FLAG(AUTO_DELETE))                                                   \
    X("exclusive", exclusive, FLAG, FLAG(EXCLUSIVE))                                                         \
    X("node", node, TEXT, TEXT(bytes_string(of->node)))                                                      \
    X("state", state, TEXT, TEXT(BYTES("running")))                                                          \
    X("consumers", consumers, NUMBER, NUMBER(q->consumers))                                                  \
    X("messages", messages, NUMBER, NUMBER(q->ready + q->unacked))                                           \
    X("messages_ready", ready, NUMBER, NUMBER(q->ready))                                                     \
    X("messages_unacknowledged", unacked, NUMBER, NUMBER(q->unacked))                                        \
    X("messages_persistent", persistent, NUMBER, NUMBER(q->persistent))                                      \
    X("messages_damaged", damaged, NUMBER, NUMBER(q->damaged))                                               \
    X("damaged_first_position", damaged_first, NUMBER, NUMBER(q->damaged_first))                             \
    X("damaged_last_position", damaged_last, NUMBER, NUMBER(q->damaged_last))                                \
    X("messages_dropped", dropped, NUMBER, NUMBER(q->dropped))                                               \
    X("messages_duplicate", duplicates, NUMBER, NUMBER(q->duplicates))

#define X(json_name, c_name, kind, value)                                                                    \
    static field_value_t queue_##c_name(const rows_t *of, const query_queue_t *q)                            \
    {                                                                                                        \
        (void)of, (void)q;                                                                                   \
        return value;                                                                                        \
    }
QUEUE_FIELDS(X)
#undef X

static const struct queue_field {
    const char *name;
    field_kind_t kind;
    queue_value_t *value;
} fields[] = {
#define X(json_name, c_name, kind, value) {json_name, FIELD_##kind, queue_##c_name},
    QUEUE_FIELDS(X)
#undef X
};

#define FIELD_COUNT (sizeof fields / sizeof *fields)

/* ---- one row ---- */

static json_t *json_value(field_kind_t kind, field_value_t v)
{
    switch (kind) {
    case FIELD_TEXT:
        return json_text(v.text);
    case FIELD_FLAG:
        return json_boolean(v.number != 0);
    default:
        return json_integer((json_int_t)v.number);
    }
}

static json_t *json_row(const rows_t *of, const query_queue_t *q)
{
    json_t *row = json_object();
    for (size_t i = 0; i < FIELD_COUNT; i++)
        json_object_set_new(row, fields[i].name, json_value(fields[i].kind, fields[i].value(of, q)));
    json_object_set_new(row, "arguments", json_table(octets_of(of->query, q->arguments, q->arguments_len)));
    json_object_set_new(row, "policy", json_null()); /* there are none */
    json_object_set_new(row, "operator_policy", json_null());
    json_object_set_new(row, "effective_policy_definition", json_object());
    return row;
}

static json_t *json_chosen(const rows_t *of, const query_queue_t *q, const target_t *t)
{
    bytes_t columns;
    json_t *row = json_row(of, q);
    return target_param(t, "columns", &columns) && columns.len > 0 ? json_columns(row, columns) : row;
}

/* ---- their order ---- */

typedef struct order {
    rows_t rows;
    const struct queue_field *by; /* NULL: by name alone */
    bool reversed;
} order_t;

static int compare_values(field_kind_t kind, field_value_t a, field_value_t b)
{
    if (kind == FIELD_TEXT)
        return bytes_compare(a.text, b.text);
    return a.number < b.number ? -1 : a.number > b.number;
}

static int compare_rows(const void *left, const void *right, void *context)
{
    const order_t *o = context;
    const query_queue_t *const *a = left, *const *b = right;
    int by = o->by ? compare_values(o->by->kind, o->by->value(&o->rows, *a), o->by->value(&o->rows, *b)) : 0;
    if (by == 0)
        by = bytes_compare(name_of(o->rows.query, *a), name_of(o->rows.query, *b));
    return o->reversed ? -by : by;
}

static bool parse_order(const view_t *v, order_t *out, reply_t *r)
{
    bytes_t wanted;
    *out = (order_t){.rows = {v->query, v->about->node},
                     .reversed = target_param_is(v->target, "sort_reverse", "true")};
    if (!target_param(v->target, "sort", &wanted) || wanted.len == 0)
        return true;
    for (size_t i = 0; i < FIELD_COUNT; i++)
        if (bytes_equal(wanted, bytes_string(fields[i].name)))
            out->by = &fields[i];
    if (!out->by)
        reply_error(r, 400, "bad_request", "sort names no field that queues can be sorted by");
    return out->by != NULL;
}

/* ---- the list ---- */

/* The rows that are wanted, in their order; freed with mem_free. */
static const query_queue_t **choose(const view_t *v, const page_t *p, order_t *o, size_t *count)
{
    const query_t *q = v->query;
    const query_queue_t **rows = mem_alloc((q->queue_count + 1) * sizeof *rows);
    *count = 0;
    for (size_t i = 0; i < q->queue_count; i++)
        if (!p->wanted || page_matches(p, name_of(q, &q->queues[i])))
            rows[(*count)++] = &q->queues[i];
    qsort_r(rows, *count, sizeof *rows, compare_rows, o);
    return rows;
}

static void write_rows(const view_t *v, const order_t *o, const query_queue_t **rows, size_t count,
                       buffer_t *out)
{
    write_u8(out, '[');
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            write_u8(out, ',');
        json_write(out, json_chosen(&o->rows, rows[i], v->target));
    }
    write_u8(out, ']');
}

/* {"filtered_count":…,…,"items":[…]} */
static void write_page(const view_t *v, const page_t *p, const order_t *o, const query_queue_t **rows,
                       size_t filtered, reply_t *r)
{
    size_t first, count;
    if (!page_cut(p, filtered, &first, &count, r))
        return;
    size_t pages = filtered == 0 ? 1 : (filtered + p->size - 1) / p->size;
    reply_json(r, json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "filtered_count", (json_int_t)filtered,
                            "item_count", (json_int_t)count, "page", (json_int_t)p->number, "page_count",
                            (json_int_t)pages, "page_size", (json_int_t)p->size, "total_count",
                            (json_int_t)v->query->queue_count));
    r->body.len--; /* the closing brace comes behind the items */
    write_bytes(&r->body, BYTES(",\"items\":"));
    write_rows(v, o, rows + first, count, &r->body);
    write_u8(&r->body, '}');
}

void answer_queues(const view_t *v, reply_t *r)
{
    page_t page;
    order_t order;
    size_t count;
    if (!page_parse(v->target, &page, r) || !parse_order(v, &order, r))
        return;
    const query_queue_t **rows = choose(v, &page, &order, &count);
    if (page.wanted) {
        write_page(v, &page, &order, rows, count, r);
    } else {
        reply_text(r, "application/json");
        write_rows(v, &order, rows, count, &r->body);
    }
    mem_free(rows);
}

void answer_queue(const view_t *v, reply_t *r)
{
    const query_t *q = v->query;
    bytes_t name = v->target->parts[3];
    rows_t rows = {q, v->about->node};
    for (size_t i = 0; i < q->queue_count; i++) {
        if (bytes_equal(name_of(q, &q->queues[i]), name)) {
            reply_json(r, json_chosen(&rows, &q->queues[i], v->target));
            return;
        }
    }
    reply_not_found(r);
}
