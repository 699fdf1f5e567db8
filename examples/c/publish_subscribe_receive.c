/* SPDX-License-Identifier: Apache-2.0
 *
 * Hears everything that is emitted while it runs; every receiver hears all of it. */
#include <stdio.h>

#include "example.h"

int main(int count, char **arguments)
{
    (void)arguments;
    example_usage(count == 1, "publish_subscribe_receive");

    amqp_connection_state_t connection = example_open();
    example_declare_exchange(connection, "news", "fanout");
    amqp_bytes_t queue = example_own_queue(connection);
    example_bind(connection, queue, "news", "");
    example_consume(connection, queue, true);
    amqp_bytes_free(queue);

    example_waiting("news");
    for (;;) {
        amqp_envelope_t news;
        example_receive(connection, &news, 0);
        (void)printf("news: %.*s\n", (int)news.message.body.len, (const char *)news.message.body.bytes);
        amqp_destroy_envelope(&news);
    }
}
