/* SPDX-License-Identifier: Apache-2.0
 *
 * Hands out tasks: each argument is a number, and counting the primes below it is somebody's work. */
#include <stdio.h>

#include "example.h"

int main(int count, char **arguments)
{
    bool all_numbers = count > 1;
    for (int i = 1; i < count; i++)
        all_numbers = all_numbers && example_is_number(arguments[i]);
    example_usage(all_numbers, "work_queue_send NUMBER...");

    amqp_connection_state_t connection = example_open();
    /* Queue and messages are made to outlive a restart of the broker: work is not thrown away. */
    amqp_queue_declare(connection, EXAMPLE_CHANNEL, amqp_cstring_bytes("work"), false, true, false, false,
                       amqp_empty_table);
    example_check(connection, "declare the queue");
    const amqp_basic_properties_t persistent = {
        ._flags = AMQP_BASIC_CONTENT_TYPE_FLAG | AMQP_BASIC_DELIVERY_MODE_FLAG,
        .content_type = amqp_cstring_bytes("text/plain"),
        .delivery_mode = AMQP_DELIVERY_PERSISTENT,
    };
    for (int i = 1; i < count; i++) {
        example_publish(connection, "", amqp_cstring_bytes("work"), amqp_cstring_bytes(arguments[i]),
                        &persistent);
        (void)printf("sent task %s\n", arguments[i]);
    }
    example_close(connection);
    return 0;
}
