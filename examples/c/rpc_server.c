/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers questions: takes a number from the queue "factors", sends its prime factors to whoever asked. */
#include <stdio.h>

#include "example.h"

/* Room for the longest answer: the largest power of two below 10^19 has 62 factors. */
enum { ANSWER_BYTES = 512 };

/* Writes "2 x 2 x 3" for 12. */
static void write_factors(long long number, char answer[ANSWER_BYTES])
{
    size_t length = 0;
    for (long long divisor = 2; divisor <= number / divisor; divisor++) {
        for (; number % divisor == 0 && number > divisor; number /= divisor)
            length += (size_t)snprintf(answer + length, ANSWER_BYTES - length, "%lld x ", divisor);
    }
    (void)snprintf(answer + length, ANSWER_BYTES - length, "%lld", number);
}

static void answer_question(amqp_connection_state_t connection, const amqp_message_t *question)
{
    char answer[ANSWER_BYTES] = "not a number";
    long long number = example_number(question->body);
    if (number >= 0)
        write_factors(number, answer);
    (void)printf("%.*s = %s\n", (int)question->body.len, (const char *)question->body.bytes, answer);

    /* The question says where its answer goes, and bears a mark by which the client knows it again. */
    const amqp_basic_properties_t properties = {
        ._flags = question->properties._flags & AMQP_BASIC_CORRELATION_ID_FLAG,
        .correlation_id = question->properties.correlation_id,
    };
    if (question->properties._flags & AMQP_BASIC_REPLY_TO_FLAG)
        example_publish(connection, "", question->properties.reply_to, amqp_cstring_bytes(answer),
                        &properties);
}

int main(int count, char **arguments)
{
    (void)arguments;
    example_usage(count == 1, "rpc_server");

    amqp_connection_state_t connection = example_open();
    amqp_queue_declare(connection, EXAMPLE_CHANNEL, amqp_cstring_bytes("factors"), false, true, false, false,
                       amqp_empty_table);
    example_check(connection, "declare the queue");
    amqp_basic_qos(connection, EXAMPLE_CHANNEL, 0, 1, false);
    example_check(connection, "limit the prefetch");
    example_consume(connection, amqp_cstring_bytes("factors"), false);

    example_waiting("questions");
    for (;;) {
        amqp_envelope_t question;
        example_receive(connection, &question, 0);
        answer_question(connection, &question.message);
        example_ack(connection, question.delivery_tag);
        amqp_destroy_envelope(&question);
    }
}
