/* SPDX-License-Identifier: Apache-2.0 */
#include "base/due.h"

static void set_deadline(dues_t *d, transport_t *t)
{
    uint64_t first = 0;
    for (int i = 0; i < DUES_MOST; i++)
        if (d->at_ms[i] != 0 && (first == 0 || d->at_ms[i] < first))
            first = d->at_ms[i];
    if (first == d->deadline_ms)
        return;
    d->deadline_ms = first;
    t->kind->set_deadline(t, first);
}

void dues_set(dues_t *d, transport_t *t, unsigned which, uint64_t at_ms)
{
    if (d->at_ms[which] == at_ms)
        return;
    d->at_ms[which] = at_ms;
    set_deadline(d, t);
}

void dues_come(dues_t *d, transport_t *t, due_handler_t *const *handlers, unsigned count, void *session)
{
    uint64_t now_ms = t->kind->now_ms(t);
    d->deadline_ms = 0; /* it has come: the transport has forgotten it */
    for (unsigned i = 0; i < count; i++)
        if (d->at_ms[i] != 0 && d->at_ms[i] <= now_ms)
            handlers[i](session, now_ms);
    set_deadline(d, t);
}
