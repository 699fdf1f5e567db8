/* SPDX-License-Identifier: Apache-2.0
 *
 * Publishes messages and has the broker confirm each; then one that no queue wants, to see it come back.
 *
 * Publishing does not wait for its confirm, but never more than WINDOW messages are under way: fast, and yet
 * this program always knows which messages it would have to send again. The broker counts the publishes of a
 * channel from 1; a confirm names such a number, and with `multiple` all up to it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "example.h"

enum { WINDOW = 100 };

typedef struct publisher {
    amqp_connection_state_t connection;
    bool *settled; /* by number of the publish; the last place stays false */
    uint64_t oldest_open;
    uint64_t published, confirmed, refused;
} publisher_t;

static void settle(publisher_t *p, uint64_t number, bool multiple, bool ok)
{
    for (uint64_t n = multiple ? p->oldest_open : number; n <= number && n <= p->published; n++) {
        if (!p->settled[n]) {
            p->settled[n] = true;
            *(ok ? &p->confirmed : &p->refused) += 1;
        }
    }
    while (p->settled[p->oldest_open]) /* confirms may come in any order */
        p->oldest_open++;
}

/* Takes one method from the broker: a confirm, a refusal, or a message that comes back. */
static void take_answer(publisher_t *p)
{
    amqp_frame_t frame;
    amqp_maybe_release_buffers(p->connection);
    int status = amqp_simple_wait_frame(p->connection, &frame);
    if (status != AMQP_STATUS_OK || frame.frame_type != AMQP_FRAME_METHOD) {
        (void)fprintf(stderr, "wait for confirms: %s\n", amqp_error_string2(status));
        exit(1);
    }
    if (frame.payload.method.id == AMQP_BASIC_ACK_METHOD) {
        const amqp_basic_ack_t *ack = frame.payload.method.decoded;
        settle(p, ack->delivery_tag, ack->multiple, true);
    } else if (frame.payload.method.id == AMQP_BASIC_NACK_METHOD) {
        const amqp_basic_nack_t *nack = frame.payload.method.decoded;
        settle(p, nack->delivery_tag, nack->multiple, false);
    } else if (frame.payload.method.id == AMQP_BASIC_RETURN_METHOD) {
        const amqp_basic_return_t *returned = frame.payload.method.decoded;
        (void)printf("returned: %.*s\n", (int)returned->reply_text.len,
                     (const char *)returned->reply_text.bytes);
        amqp_message_t message;
        amqp_read_message(p->connection, EXAMPLE_CHANNEL, &message, 0);
        example_check(p->connection, "read what came back");
        amqp_destroy_message(&message);
    } else {
        (void)fprintf(stderr, "wait for confirms: unexpected method 0x%08X\n", frame.payload.method.id);
        exit(1);
    }
}

static void wait_until_at_most(publisher_t *p, uint64_t under_way)
{
    while (p->published - p->confirmed - p->refused > under_way)
        take_answer(p);
}

int main(int count, char **arguments)
{
    example_usage(count == 1 || (count == 2 && example_is_number(arguments[1])), "confirms [COUNT]");
    uint64_t wanted = count == 2 ? strtoull(arguments[1], NULL, 10) : 100;

    publisher_t publisher = {
        .connection = example_open(), .settled = calloc(wanted + 3, sizeof(bool)), .oldest_open = 1};
    example_usage(publisher.settled != NULL, "confirms [COUNT], with a COUNT that fits into memory");
    amqp_bytes_t queue = example_own_queue(publisher.connection);
    amqp_confirm_select(publisher.connection, EXAMPLE_CHANNEL);
    example_check(publisher.connection, "switch confirms on");

    for (uint64_t i = 0; i < wanted; i++) {
        char text[40];
        (void)snprintf(text, sizeof text, "message %" PRIu64, i);
        example_publish(publisher.connection, "", queue, amqp_cstring_bytes(text), NULL);
        publisher.published++;
        wait_until_at_most(&publisher, WINDOW);
    }
    wait_until_at_most(&publisher, 0);
    (void)printf("%" PRIu64 " messages confirmed\n", publisher.confirmed);

    /* mandatory: what reaches no queue comes back, before its confirm. */
    if (amqp_basic_publish(publisher.connection, EXAMPLE_CHANNEL, amqp_empty_bytes,
                           amqp_cstring_bytes("confirms.nobody"), true, false, NULL,
                           amqp_cstring_bytes("is anybody there?")) == AMQP_STATUS_OK)
        publisher.published++;
    wait_until_at_most(&publisher, 0);

    amqp_bytes_free(queue);
    free(publisher.settled);
    example_close(publisher.connection);
    return publisher.refused == 0 ? 0 : 1;
}
