/* SPDX-License-Identifier: Apache-2.0
 *
 * Asks for the prime factors of each number and waits for the answers. */
#include <stdio.h>

#include "example.h"

enum { PATIENCE_S = 10 };

/* Sends question number `i`; its correlation id is its place among the arguments. */
static void ask(amqp_connection_state_t connection, amqp_bytes_t answers, int i, const char *number)
{
    char place[12];
    (void)snprintf(place, sizeof place, "%d", i);
    const amqp_basic_properties_t properties = {
        ._flags = AMQP_BASIC_REPLY_TO_FLAG | AMQP_BASIC_CORRELATION_ID_FLAG,
        .reply_to = answers,
        .correlation_id = amqp_cstring_bytes(place),
    };
    example_publish(connection, "", amqp_cstring_bytes("factors"), amqp_cstring_bytes(number), &properties);
}

int main(int count, char **arguments)
{
    bool all_numbers = count > 1;
    for (int i = 1; i < count; i++)
        all_numbers = all_numbers && example_is_number(arguments[i]);
    example_usage(all_numbers, "rpc_client NUMBER...");

    amqp_connection_state_t connection = example_open();
    amqp_queue_declare(connection, EXAMPLE_CHANNEL, amqp_cstring_bytes("factors"), false, true, false, false,
                       amqp_empty_table);
    example_check(connection, "declare the queue");
    amqp_bytes_t answers = example_own_queue(connection);
    example_consume(connection, answers, true);
    for (int i = 1; i < count; i++)
        ask(connection, answers, i, arguments[i]);
    amqp_bytes_free(answers);

    for (int waiting = count - 1; waiting > 0;) {
        amqp_envelope_t answer;
        example_receive(connection, &answer, PATIENCE_S);
        long long place = example_number(answer.message.properties.correlation_id);
        if (place > 0 && place < count && arguments[place] != NULL) {
            (void)printf("%s = %.*s\n", arguments[place], (int)answer.message.body.len,
                         (const char *)answer.message.body.bytes);
            arguments[place] = NULL; /* an answer may come twice when a server dies */
            waiting--;
        }
        amqp_destroy_envelope(&answer);
    }
    example_close(connection);
    return 0;
}
