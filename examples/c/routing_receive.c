/* SPDX-License-Identifier: Apache-2.0
 *
 * Hears the alerts of the severities that are named, and no others. */
#include <stdio.h>

#include "example.h"

int main(int count, char **arguments)
{
    example_usage(count > 1, "routing_receive SEVERITY...");

    amqp_connection_state_t connection = example_open();
    example_declare_exchange(connection, "alerts", "direct");
    amqp_bytes_t queue = example_own_queue(connection);
    for (int i = 1; i < count; i++) /* one binding for each word; a direct exchange compares it exactly */
        example_bind(connection, queue, "alerts", arguments[i]);
    example_consume(connection, queue, true);
    amqp_bytes_free(queue);

    example_waiting("alerts");
    for (;;) {
        amqp_envelope_t alert;
        example_receive(connection, &alert, 0);
        (void)printf("%.*s: %.*s\n", (int)alert.routing_key.len, (const char *)alert.routing_key.bytes,
                     (int)alert.message.body.len, (const char *)alert.message.body.bytes);
        amqp_destroy_envelope(&alert);
    }
}
