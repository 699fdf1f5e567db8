/* SPDX-License-Identifier: Apache-2.0
 *
 * log_damage.c: where a record with changed content lies. A record is told of without its place, when all of its group was
 * read; so the frames of a group are remembered until then. */
#include <inttypes.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/text.h"
#include "cli/log.h"

void log_damage_frame(log_damage_t *d, const char *file, uint64_t offset, record_no first, uint32_t records)
{
    if (d->told)
        d->count = 0;
    d->told = false;
    if (d->count == d->capacity) {
        d->capacity = d->capacity ? d->capacity * 2 : 16;
        d->places = mem_resize(d->places, d->capacity * sizeof *d->places);
    }
    log_place_t *p = &d->places[d->count++];
    *p = (log_place_t){.offset = offset, .first = first, .records = records};
    text_format(p->file, sizeof p->file, "%s", file);
}

static const log_place_t *place_of(const log_damage_t *d, record_no number)
{
    for (size_t i = 0; i < d->count; i++)
        if (number >= d->places[i].first && number - d->places[i].first < d->places[i].records)
            return &d->places[i];
    return NULL;
}

void log_damage_record(log_damage_t *d, record_no number, bool damaged)
{
    char what[96];
    d->told = true;
    if (!damaged)
        return;
    d->records++;
    const log_place_t *p = place_of(d, number);
    text_format(what, sizeof what, "record %" PRIu64 ": its content is not what was written", number);
    d->fault(d->context, p ? p->file : "?", p ? p->offset : 0, false, what);
}

void log_damage_deinit(log_damage_t *d)
{
    mem_free(d->places);
    d->places = NULL;
}
