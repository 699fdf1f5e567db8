/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_admin.c: what strangers write into a request: "PATH\nQUERY\nAUTHORIZATION". Whatever parses is answered, about a few
 * queues whose names come from it too; what is said to be JSON must be. */
#include <assert.h>

#include "admin/admin_internal.h"
#include "base/alloc.h"

/* The next line of the input, as a string; freed with mem_free. */
static char *next_line(bytes_t *input)
{
    const uint8_t *end = input->len > 0 ? memchr(input->data, '\n', input->len) : NULL;
    size_t len = end ? (size_t)(end - input->data) : input->len, taken = end ? len + 1 : len;
    char *line = mem_alloc(len + 1);
    if (len > 0)
        memcpy(line, input->data, len);
    line[len] = '\0';
    *input = bytes_make(input->data + taken, input->len - taken);
    return line;
}

static query_t *some_queues(const target_t *t)
{
    query_t *q = query_new(QUERY_QUEUES);
    for (size_t i = 0; i < t->part_count; i++)
        query_add_queue(q, t->parts[i], bytes_make(NULL, 0))->ready = i;
    for (size_t i = 0; i < t->param_count; i++)
        query_add_queue(q, t->params[i].value, bytes_make(NULL, 0))->ready = i * 7 % 3;
    return q;
}

static void answer(const target_t *t, answer_t *answer)
{
    admin_listeners_t none = {.count = 0};
    admin_options_t about = {.cluster_name = "c", .node = "n", .listeners = &none};
    reply_t r = {0};
    query_t *q = some_queues(t);
    view_t v = {.query = q, .target = t, .about = &about};
    answer(&v, &r);
    json_t *parsed = json_loadb((const char *)r.body.data, r.body.len, JSON_ALLOW_NUL, NULL);
    assert(parsed);
    json_decref(parsed);
    buffer_free(&r.body);
    query_free(q);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    bytes_t input = bytes_make(data, len);
    char *path = next_line(&input), *query = next_line(&input), *authorization = next_line(&input);
    target_t t;
    basic_t basic;
    if (target_parse(path, query, &t)) {
        answer(&t, answer_queues);
        answer(&t, answer_overview);
        if (t.part_count == 4)
            answer(&t, answer_queue);
        target_deinit(&t);
    }
    if (basic_parse(authorization, &basic))
        assert(basic.user.len + basic.password.len < BASIC_OCTETS_MAX);
    mem_free(path), mem_free(query), mem_free(authorization);
    return 0;
}
