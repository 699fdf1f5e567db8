/* SPDX-License-Identifier: Apache-2.0
 *
 * nameless.c: a queue of which messages are there, but not what says its name, when a log with lost records is served all
 * the same (store.on_damage = serve). Nothing says that it was deleted, so its messages are somebody's: they are kept in a
 * queue by a name made of its id, without arguments and bindings, until they are taken or it is deleted.
 *
 * The checkpoint that each start begins makes it a queue like others; until that is complete a start finds the same again. */
#include "engine/engine_internal.h"

/* One that no other queue has: mostly the first. */
static void make_name(const queue_t *q, char *name, size_t size)
{
    unsigned long long id = (unsigned long long)q->id;
    text_format(name, size, "chaski.lost-%llu", id);
    for (unsigned n = 2; queue_find(q->vhost, bytes_string(name)); n++)
        text_format(name, size, "chaski.lost-%llu-%u", id, n);
}

/* Who had what of it is lost too: all may have been delivered. */
void queue_name_anew(queue_t *q)
{
    engine_t *e = q->vhost->engine;
    char name[48];
    if (q->fifo.ready == 0)
        return;
    make_name(q, name, sizeof name);
    queue_define(q, &(record_t){.type = RECORD_QUEUE, .name = bytes_string(name)});
    q->mark = q->fifo.tail;
    stated_now(e, &q->stated, STATED_QUEUE, records_last(e));
    log_line(e->options.log, LOG_ERROR,
             "the name of a queue with %llu messages is lost; they are in queue '%s' in vhost '/' now",
             (unsigned long long)q->fifo.ready, name);
}
