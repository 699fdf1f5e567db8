/* SPDX-License-Identifier: Apache-2.0
 *
 * Hears reports whose topic matches a pattern: * stands for one word, # for any number of words, none
 * included. For example: topics_receive 'weather.*.rain' 'weather.cusco.#' */
#include <stdio.h>

#include "example.h"

int main(int count, char **arguments)
{
    example_usage(count > 1, "topics_receive PATTERN...");

    amqp_connection_state_t connection = example_open();
    example_declare_exchange(connection, "reports", "topic");
    amqp_bytes_t queue = example_own_queue(connection);
    for (int i = 1; i < count; i++) /* a report that matches two patterns still comes once */
        example_bind(connection, queue, "reports", arguments[i]);
    example_consume(connection, queue, true);
    amqp_bytes_free(queue);

    example_waiting("reports");
    for (;;) {
        amqp_envelope_t report;
        example_receive(connection, &report, 0);
        (void)printf("%.*s: %.*s\n", (int)report.routing_key.len, (const char *)report.routing_key.bytes,
                     (int)report.message.body.len, (const char *)report.message.body.bytes);
        amqp_destroy_envelope(&report);
    }
}
