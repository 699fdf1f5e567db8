/* SPDX-License-Identifier: Apache-2.0
 *
 * event.c: which events lend a message and which own something. */
#include "model/event.h"

#include "base/alloc.h"
#include "base/text.h"

bool event_has_message(uint8_t type)
{
    return type == EVENT_DELIVER || type == EVENT_GET_OK || type == EVENT_RETURN || type == EVENT_CONTENT ||
           type == EVENT_REPORT;
}

size_t event_correlation(const event_t *e, char out[EVENT_CORRELATION_MOST_BYTES])
{
    size_t at = text_decimal(out, e->channel);
    out[at++] = '.';
    return at + text_decimal(out + at, e->delivery_tag);
}

bool event_correlation_parse(bytes_t text, uint16_t *channel, uint64_t *delivery_tag)
{
    const uint8_t *dot = text.len > 0 ? memchr(text.data, '.', text.len) : NULL;
    uint64_t number;
    if (dot == NULL || !text_parse_u64(bytes_make(text.data, (size_t)(dot - text.data)), &number) ||
        number > UINT16_MAX)
        return false;
    *channel = (uint16_t)number;
    return text_parse_u64(bytes_make(dot + 1, text.len - (size_t)(dot + 1 - text.data)), delivery_tag);
}

void event_discard(event_t *e)
{
    switch ((event_type_t)e->type) {
    case EVENT_QUEUE_DECLARED:
    case EVENT_CONSUMER_CANCELLED:
        mem_free(e->request);
        e->request = NULL;
        break;
    case EVENT_CONNECTION_CLOSED:
    case EVENT_CHANNEL_REFUSED:
        mem_free(e->refusal);
        e->refusal = NULL;
        break;
    case EVENT_QUERIED:
        query_free(e->query);
        e->query = NULL;
        break;
    default:
        break;
    }
}
