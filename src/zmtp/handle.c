/* SPDX-License-Identifier: Apache-2.0
 *
 * handle.c: a DEALER on a bus port that handles events. It joins a group and leaves it by the frame that a SUB says to its
 * PUB:
 *
 *   [01 prefix]          joins a group of its own, which is gone with the connection
 *   [01 prefix][group]   joins a group that has a name: a durable queue, shared by all who join it
 *   [00 prefix]…         the prefix is unbound; with the last of a group it is left. Going away leaves what has a name as it
 *                        is
 *
 * A frame that joins is echoed when it counts, and before the first event: the answers of a channel come in the order of
 * its commands, so the echoes wait in a row. */
#include <assert.h>

#include "base/alloc.h"
#include "zmtp/session_internal.h"

enum { LEAVES = 0, JOINS = 1 };

bool zmtp_is_join(const zmtp_gather_t *g)
{
    return g->count <= 2 && g->lengths[0] > 0 && zmtp_gather_frame(g, 0).data[0] <= JOINS;
}

bool zmtp_join_allowed(zmtp_session_t *s)
{
    const zmtp_gather_t *g = &s->gather;
    if (g->lengths[0] - 1 > UINT8_MAX || (g->count == 2 && g->lengths[1] > UINT8_MAX))
        zmtp_session_fail(s, "a prefix or a group of more than %u octets", UINT8_MAX);
    return s->state != ZMTP_STATE_DONE && zmtp_prefixes_allowed(s);
}

/* ---- groups ---- */

/* "": its own. */
static zmtp_group_t *group_find(zmtp_session_t *s, bytes_t name)
{
    LIST_EACH (node, &s->groups) {
        zmtp_group_t *group = LIST_OF(node, zmtp_group_t, link);
        bool same =
            group->named ? bytes_equal(bytes_make(group->name, group->name_len), name) : name.len == 0;
        if (same)
            return group;
    }
    return NULL;
}

static bytes_t queue_of(const zmtp_group_t *group)
{
    return bytes_make(group->name, group->name_len);
}

static zmtp_group_t *group_new(zmtp_session_t *s, bytes_t name)
{
    char own[48];
    zmtp_group_t *group = MEM_NEW(zmtp_group_t);
    group->named = name.len > 0;
    group->number = ++s->last_number;
    if (!group->named) {
        zmtp_generate_name(s, "amq.handler-", own, sizeof own);
        name = bytes_string(own);
    }
    group->name_len = (uint8_t)name.len;
    (void)put_bytes(group->name, name);
    list_init(&group->link);
    list_append(&s->groups, &group->link);
    s->group_count++;
    return group;
}

static void group_free(zmtp_session_t *s, zmtp_group_t *group)
{
    list_remove(&group->link);
    s->group_count--;
    mem_free(group);
}

void zmtp_groups_free(zmtp_session_t *s)
{
    for (list_t *node; (node = list_first(&s->groups));)
        group_free(s, LIST_OF(node, zmtp_group_t, link));
}

static void push_declare(zmtp_session_t *s, const zmtp_group_t *group)
{
    uint16_t own = COMMAND_EXCLUSIVE | COMMAND_AUTO_DELETE | COMMAND_SERVER_NAMED;
    uint16_t flags = COMMAND_NOWAIT | (group->named ? COMMAND_DURABLE : own);
    zmtp_session_request(s, (command_t){.type = COMMAND_QUEUE_DECLARE, .flags = flags},
                         &(request_t){.name = queue_of(group)});
}

/* ---- joining ---- */

/* What is echoed is what was said. */
static void keep_echo(zmtp_session_t *s)
{
    const zmtp_gather_t *g = &s->gather;
    size_t mark = write_length_u32(&s->echoes);
    for (size_t i = 0; i < g->count; i++)
        zmtp_write_frame(&s->echoes, zmtp_gather_frame(g, i), i + 1 < g->count);
    patch_length_u32(&s->echoes, mark);
}

void zmtp_joined(zmtp_session_t *s)
{
    bytes_reader_t r = bytes_reader(buffer_bytes(&s->echoes));
    bytes_t echo = read_long_string(&r);
    assert(reader_ok(&r));
    zmtp_send(s, echo);
    buffer_consume(&s->echoes, echo.len + sizeof(uint32_t));
    if (s->echoes.len == 0)
        buffer_free(&s->echoes);
}

/* The first prefix of a group starts its consumer, whose answer is the echo; of a further one it comes as soon as the
 * binding is there. */
static void join(zmtp_session_t *s, bytes_t prefix, bytes_t name)
{
    zmtp_group_t *group = group_find(s, name);
    if (!group && s->group_count >= ZMTP_GROUPS_MOST) {
        zmtp_session_fail(s, "more than %u groups", ZMTP_GROUPS_MOST);
        return;
    }
    bool first = !group;
    if (first) {
        group = group_new(s, name);
        push_declare(s, group);
    }
    if (zmtp_prefix_add(s, group->number, prefix)) {
        group->prefixes++;
        zmtp_push_binding(s, COMMAND_QUEUE_BIND, queue_of(group), prefix);
    }
    if (first)
        zmtp_consume(s, queue_of(group), group->number, ZMTP_CAUSE_JOINED, 0);
    else
        zmtp_session_push(s, (command_t){.type = COMMAND_ECHO, .cause = ZMTP_CAUSE_JOINED});
    s->handles = true;
    keep_echo(s);
}

/* A group that has a name may have been joined by an earlier connection: its binding goes all the same. */
static void leave(zmtp_session_t *s, bytes_t prefix, bytes_t name)
{
    zmtp_group_t *group = group_find(s, name);
    if (group || name.len > 0)
        zmtp_push_binding(s, COMMAND_QUEUE_UNBIND, group ? queue_of(group) : name, prefix);
    if (!group || !zmtp_prefix_remove(s, group->number, prefix) || --group->prefixes > 0)
        return;
    zmtp_cancel(s, group->number);
    group_free(s, group);
}

void zmtp_join(zmtp_session_t *s)
{
    const zmtp_gather_t *g = &s->gather;
    bytes_t said = zmtp_gather_frame(g, 0), name = g->count == 2 ? zmtp_gather_frame(g, 1) : BYTES("");
    bytes_t prefix = bytes_make(said.data + 1, said.len - 1);
    if (said.data[0] == JOINS)
        join(s, prefix, name);
    else
        leave(s, prefix, name);
}
