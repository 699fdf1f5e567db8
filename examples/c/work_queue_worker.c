/* SPDX-License-Identifier: Apache-2.0
 *
 * Takes tasks from the work queue, one at a time. Start as many workers as there is work for. */
#include <stdio.h>

#include "example.h"

static bool is_prime(long long number)
{
    for (long long divisor = 2; divisor <= number / divisor; divisor++) {
        if (number % divisor == 0)
            return false;
    }
    return number > 1;
}

static long long count_primes_below(long long limit)
{
    long long primes = 0;
    for (long long number = 2; number < limit; number++)
        primes += is_prime(number);
    return primes;
}

int main(int count, char **arguments)
{
    (void)arguments;
    example_usage(count == 1, "work_queue_worker");

    amqp_connection_state_t connection = example_open();
    amqp_queue_declare(connection, EXAMPLE_CHANNEL, amqp_cstring_bytes("work"), false, true, false, false,
                       amqp_empty_table);
    example_check(connection, "declare the queue");
    /* The next task only when this one is done: idle workers go first. */
    amqp_basic_qos(connection, EXAMPLE_CHANNEL, 0, 1, false);
    example_check(connection, "limit the prefetch");
    example_consume(connection, amqp_cstring_bytes("work"), false);

    example_waiting("tasks");
    for (;;) {
        amqp_envelope_t task;
        example_receive(connection, &task, 0);
        long long limit = example_number(task.message.body);
        (void)printf("primes below %lld: %lld\n", limit, count_primes_below(limit));
        /* Only now is the task done. Had this worker died before, another one would get it. */
        example_ack(connection, task.delivery_tag);
        amqp_destroy_envelope(&task);
    }
}
