/* SPDX-License-Identifier: Apache-2.0
 *
 * command.c: what commands own, made in one allocation each and freed by type. */
#include "model/command.h"

#include "base/alloc.h"

static bytes_t copy(uint8_t **at, bytes_t from)
{
    bytes_t to = bytes_make(*at, from.len);
    if (from.len > 0)
        memcpy(*at, from.data, from.len);
    *at += from.len;
    return to;
}

request_t *request_new(const request_t *view)
{
    size_t octets = view->name.len + view->source.len + view->routing_key.len + view->kind.len +
                    view->tag.len + view->arguments.len;
    request_t *r = mem_alloc(sizeof *r + octets);
    uint8_t *at = (uint8_t *)(r + 1);
    r->name = copy(&at, view->name);
    r->source = copy(&at, view->source);
    r->routing_key = copy(&at, view->routing_key);
    r->kind = copy(&at, view->kind);
    r->tag = copy(&at, view->tag);
    r->arguments = copy(&at, view->arguments);
    return r;
}

opening_t *opening_new(const opening_t *view)
{
    size_t octets =
        view->name.len + view->vhost.len + view->user.len + view->client_properties.len + view->identity.len;
    opening_t *o = mem_alloc(sizeof *o + octets);
    uint8_t *at = (uint8_t *)(o + 1);
    *o = *view;
    o->name = copy(&at, view->name);
    o->vhost = copy(&at, view->vhost);
    o->user = copy(&at, view->user);
    o->client_properties = copy(&at, view->client_properties);
    o->identity = copy(&at, view->identity);
    return o;
}

bool command_has_request(uint8_t type)
{
    switch ((command_type_t)type) {
    case COMMAND_EXCHANGE_DECLARE:
    case COMMAND_EXCHANGE_DELETE:
    case COMMAND_EXCHANGE_BIND:
    case COMMAND_EXCHANGE_UNBIND:
    case COMMAND_QUEUE_DECLARE:
    case COMMAND_QUEUE_BIND:
    case COMMAND_QUEUE_UNBIND:
    case COMMAND_QUEUE_PURGE:
    case COMMAND_QUEUE_DELETE:
    case COMMAND_CONSUME:
    case COMMAND_CANCEL:
    case COMMAND_GET:
    case COMMAND_SUBSCRIBER:
    case COMMAND_SUBSCRIBE:
    case COMMAND_UNSUBSCRIBE:
        return true;
    default:
        return false;
    }
}

void command_discard(command_t *c)
{
    if (command_has_request(c->type)) {
        mem_free(c->request);
        c->request = NULL;
    } else if (c->type == COMMAND_CONNECTION_OPEN) {
        mem_free(c->opening);
        c->opening = NULL;
    } else if (c->type == COMMAND_CONNECTION_CLOSE || c->type == COMMAND_REFUSE) {
        mem_free(c->refusal);
        c->refusal = NULL;
    } else if (command_has_message(c->type)) {
        message_free(c->message);
        c->message = NULL;
    } else if (c->type == COMMAND_QUERY) {
        query_free(c->query);
        c->query = NULL;
    }
}
