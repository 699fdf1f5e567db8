/* SPDX-License-Identifier: Apache-2.0
 *
 * Tells everybody who listens now; nobody listening is fine too. */
#include <stdio.h>

#include "example.h"

int main(int count, char **arguments)
{
    example_usage(count > 1, "publish_subscribe_emit MESSAGE...");

    amqp_connection_state_t connection = example_open();
    example_declare_exchange(connection, "news", "fanout");
    for (int i = 1; i < count; i++) {
        example_publish(connection, "news", amqp_empty_bytes, amqp_cstring_bytes(arguments[i]), NULL);
        (void)printf("sent %s\n", arguments[i]);
    }
    example_close(connection);
    return 0;
}
