/* SPDX-License-Identifier: Apache-2.0
 *
 * publication.c: what a message's properties must satisfy to be published, in RabbitMQ's order: readable,
 * reply-to, expiration, CC and BCC, user-id. What a channel publishes mostly has the same properties again: those of its
 * last route that satisfied are kept with it. */
#include "engine/engine_internal.h"
#include "model/frames.h"

#define MAX_EXPIRATION_MS 315360000000u /* ten years */

static refusal_t *refuse(const command_t *cmd, const char *format, bytes_t a, bytes_t b)
{
    return refusal_new(REFUSAL_PRECONDITION_FAILED, cmd->cause, format, TEXT_ARG(a), TEXT_ARG(b));
}

static refusal_t *check_reply_to(const command_t *cmd, bytes_t properties)
{
    bytes_t reply_to;
    if (!properties_get(properties, PROPERTY_REPLY_TO, &reply_to) ||
        !bytes_equal(reply_to, BYTES("amq.rabbitmq.reply-to")))
        return NULL;
    return refusal_new(REFUSAL_PRECONDITION_FAILED, cmd->cause, "fast reply consumer does not exist");
}

/* The digits at the front of `text`, after an optional sign. */
static bytes_t leading_number(bytes_t text, bool *negative)
{
    size_t at = 0;
    *negative = text.len > 0 && text.data[0] == '-';
    if (text.len > 0 && (text.data[0] == '-' || text.data[0] == '+'))
        at = 1;
    size_t end = at;
    while (end < text.len && text.data[end] >= '0' && text.data[end] <= '9')
        end++;
    return bytes_make(text.data + at, end - at);
}

static bytes_t without_leading_zeros(bytes_t digits)
{
    while (digits.len > 1 && digits.data[0] == '0')
        digits = bytes_make(digits.data + 1, digits.len - 1);
    return digits;
}

static refusal_t *check_expiration(const command_t *cmd, const exchange_t *x, bytes_t properties)
{
    bytes_t text;
    bool negative;
    uint64_t ms;
    if (!properties_get(properties, PROPERTY_EXPIRATION, &text))
        return NULL;
    bytes_t digits = leading_number(text, &negative);
    if (digits.len == 0)
        return refuse(cmd, "invalid expiration '%.*s': no_integer%.*s", text, BYTES(""));
    size_t used = (size_t)(digits.data + digits.len - text.data);
    if (used < text.len)
        return refuse(cmd, "invalid expiration '%.*s': {leftover_string,\"%.*s\"}", text,
                      bytes_make(text.data + used, text.len - used));
    digits = without_leading_zeros(digits);
    if (negative && !bytes_equal(digits, BYTES("0")))
        return refuse(cmd, "invalid expiration '%.*s': {value_negative,-%.*s}", text, digits);
    if (!text_parse_u64(digits, &ms) || ms > MAX_EXPIRATION_MS)
        return refuse(cmd, "invalid expiration '%.*s': {value_too_large,%.*s}", text, digits);
    if (x->sequencer) /* it sees to it */
        return NULL;
    return refusal_new(REFUSAL_NOT_IMPLEMENTED, cmd->cause, "property 'expiration' is not supported");
}

static refusal_t *check_copies(const command_t *cmd, bytes_t headers)
{
    static const char *const names[] = {"CC", "BCC"};
    field_t f;
    for (size_t i = 0; i < 2; i++)
        if (table_find(headers, bytes_string(names[i]), &f) && f.tag != 'A')
            return refusal_new(REFUSAL_PRECONDITION_FAILED, cmd->cause,
                               "invalid message: {unacceptable_type_in_header,\"%s\",%s}", names[i],
                               field_type_name(f.tag));
    return NULL;
}

static refusal_t *check_user_id(const channel_t *ch, const command_t *cmd, bytes_t properties)
{
    bytes_t claimed;
    bytes_t user = ch->connection->opening->user;
    if (!properties_get(properties, PROPERTY_USER_ID, &claimed) || bytes_equal(claimed, user))
        return NULL;
    return refuse(cmd, "user_id property set to '%.*s' but authenticated user was '%.*s'", claimed, user);
}

/* The properties that decide anything here. */
#define CHECKED                                                                                              \
    (PROPERTY_FLAG(PROPERTY_REPLY_TO) | PROPERTY_FLAG(PROPERTY_EXPIRATION) |                                 \
     PROPERTY_FLAG(PROPERTY_HEADERS) | PROPERTY_FLAG(PROPERTY_USER_ID))

/* Who asks would wait for ever. */
static refusal_t *check_asking(const command_t *cmd, const exchange_t *x)
{
    if (!(cmd->flags & COMMAND_ASKS) || x->sequencer)
        return NULL;
    return refusal_new(REFUSAL_PRECONDITION_FAILED, cmd->cause,
                       EXCHANGE_FORMAT " is not synchronous: what becomes of its messages is not known",
                       NAMED_ARG(x->name, x->vhost));
}

/* The channel's last route, if it begins at this exchange and may still be used. */
static route_memo_t *memo_of(const channel_t *ch, const exchange_t *x)
{
    route_memo_t *memo = ch->route;
    bool holds = memo && memo->topology == ch->connection->engine->topology && memo->exchange == x;
    return holds ? memo : NULL;
}

static void remember(route_memo_t *memo, bytes_t properties)
{
    if (properties.len > sizeof memo->checked)
        return;
    memo->checked_len = (uint8_t)properties.len;
    memcpy(memo->checked, properties.data, properties.len);
}

static refusal_t *check(const channel_t *ch, const command_t *cmd, const exchange_t *x, bytes_t properties)
{
    refusal_t *why = NULL;
    if (frames_properties_alone(properties))
        return NULL;
    if (!properties_valid(properties))
        return refusal_new(REFUSAL_INTERNAL_ERROR, cmd->cause, "%s", "");
    if (!(properties_flags(properties) & CHECKED))
        return NULL;
    if ((why = check_reply_to(cmd, properties)) || (why = check_expiration(cmd, x, properties)) ||
        (why = check_copies(cmd, properties_headers(properties))) ||
        (why = dedup_check_publisher(cmd, x, properties_headers(properties))))
        return why;
    return check_user_id(ch, cmd, properties);
}

refusal_t *publication_check(const channel_t *ch, const command_t *cmd, const exchange_t *x,
                             bytes_t properties)
{
    refusal_t *why = check_asking(cmd, x);
    if (why)
        return why;
    route_memo_t *memo = memo_of(ch, x);
    if (memo && memo->checked_len > 0 &&
        bytes_equal(properties, bytes_make(memo->checked, memo->checked_len)))
        return NULL;
    why = check(ch, cmd, x, properties);
    if (memo && !why)
        remember(memo, properties);
    return why;
}
