/* SPDX-License-Identifier: Apache-2.0
 *
 * Raises an alert of some severity; only receivers that asked for this severity hear it. */
#include <stdio.h>

#include "example.h"

int main(int count, char **arguments)
{
    example_usage(count > 2, "routing_emit SEVERITY MESSAGE...");
    const char *severity = arguments[1];

    amqp_connection_state_t connection = example_open();
    example_declare_exchange(connection, "alerts", "direct");
    for (int i = 2; i < count; i++) {
        example_publish(connection, "alerts", amqp_cstring_bytes(severity), amqp_cstring_bytes(arguments[i]),
                        NULL);
        (void)printf("sent %s: %s\n", severity, arguments[i]);
    }
    example_close(connection);
    return 0;
}
