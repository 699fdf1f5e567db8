/* SPDX-License-Identifier: Apache-2.0
 *
 * Reports the weather on a topic, words joined by dots: weather.PLACE.KIND */
#include <stdio.h>

#include "example.h"

int main(int count, char **arguments)
{
    example_usage(count > 2, "topics_emit TOPIC MESSAGE...");
    const char *topic = arguments[1];

    amqp_connection_state_t connection = example_open();
    example_declare_exchange(connection, "reports", "topic");
    for (int i = 2; i < count; i++) {
        example_publish(connection, "reports", amqp_cstring_bytes(topic), amqp_cstring_bytes(arguments[i]),
                        NULL);
        (void)printf("sent %s: %s\n", topic, arguments[i]);
    }
    example_close(connection);
    return 0;
}
