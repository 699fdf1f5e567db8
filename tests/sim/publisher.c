/* SPDX-License-Identifier: Apache-2.0
 *
 * publisher.c: publishers that number their messages, and publish again what was not confirmed: one for each channel of
 * each client, and not only while that lasts. What they publish again must be there once. */
#include "sim/report.h"
#include "sim/world.h"

static publisher_t *publisher_of(client_t *c, unsigned number)
{
    return &c->world->publishers[c->channels[number].index];
}

/* Of one queue that stays what it is, so that what is owed is simple. */
void publisher_number(client_t *c, unsigned number, content_spec_t *s, bool mandatory)
{
    publisher_t *p = publisher_of(c, number);
    bool is_plain = s->exchange == DEFAULT_EXCHANGE && s->copy == 0 && s->persistent && !mandatory;
    unsigned queue = s->key - (unsigned)MESSAGE_KEYS;
    if (!is_plain || s->key < MESSAGE_KEYS || !object_specs[queue].durable || object_specs[queue].fickle ||
        !c->channels[number].confirms || p->count == PUBLISHER_UNCONFIRMED || dice(c->world, 3) == 0)
        return;
    s->publisher = (uint8_t)(c->channels[number].index + 1);
    s->sequence = p->sequence += 1 + dice(c->world, 3);
}

void publisher_published(client_t *c, unsigned number, uint32_t id)
{
    publisher_t *p = publisher_of(c, number);
    p->unconfirmed[p->count++] = id;
}

void publisher_confirmed(world_t *w, const published_t *message)
{
    if (message->spec.publisher == 0)
        return;
    publisher_t *p = &w->publishers[message->spec.publisher - 1];
    uint32_t kept = 0;
    for (uint32_t i = 0; i < p->count; i++)
        if (p->unconfirmed[i] != message->spec.id)
            p->unconfirmed[kept++] = p->unconfirmed[i];
    p->count = kept;
}

bool publisher_again(client_t *c, unsigned number)
{
    publisher_t *p = publisher_of(c, number);
    if (p->count == 0)
        return false;
    ask_confirms(c, number);
    world_cut_soon(c->world);
    for (uint32_t i = 0; i < p->count; i++)
        ask_publish_again(c, number, p->unconfirmed[i]);
    return true;
}
