/* SPDX-License-Identifier: Apache-2.0
 *
 * event.c: which events lend a message and which own something. */
#include "model/event.h"

#include "base/alloc.h"

bool event_has_message(uint8_t type)
{
    return type == EVENT_DELIVER || type == EVENT_GET_OK || type == EVENT_RETURN || type == EVENT_CONTENT;
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
