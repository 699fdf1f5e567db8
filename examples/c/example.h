/* SPDX-License-Identifier: Apache-2.0
 *
 * example.h: what all examples here share: connecting, publishing, receiving, and one way to treat errors. A
 * function that fails says on stderr what it was doing and why it failed, and ends the program with 1; so the
 * examples read like what they do when all goes well. */
#pragma once

#include <amqp.h>
#include <stdbool.h>

enum { EXAMPLE_CHANNEL = 1 };

/* Ends the program with its usage line unless `ok`. */
void example_usage(bool ok, const char *line);

/* True if `text` is a decimal number without a sign. */
bool example_is_number(const char *text);

/* Connects to the broker at AMQP_URL (amqp://guest:guest@localhost:5672/%2f if unset), logs in, opens the
 * channel. */
amqp_connection_state_t example_open(void);

/* Says goodbye and frees the connection. Everything published before has then reached the broker. */
void example_close(amqp_connection_state_t connection);

/* To be called after each request that the broker answers: ends the program if the answer was a refusal. */
void example_check(amqp_connection_state_t connection, const char *doing);

/* Declares a queue of our own, which ends with the connection, and gives its name, made up by the broker. The
 * caller frees name.bytes. */
amqp_bytes_t example_own_queue(amqp_connection_state_t connection);

void example_declare_exchange(amqp_connection_state_t connection, const char *name, const char *type);
void example_bind(amqp_connection_state_t connection, amqp_bytes_t queue, const char *exchange,
                  const char *key);

/* Publishes; does not wait for anything. `properties` may be NULL. */
void example_publish(amqp_connection_state_t connection, const char *exchange, amqp_bytes_t key,
                     amqp_bytes_t body, const amqp_basic_properties_t *properties);

/* Starts a consumer. */
void example_consume(amqp_connection_state_t connection, amqp_bytes_t queue, bool no_ack);

/* Says that the program now waits. */
void example_waiting(const char *what);

/* Waits for the next delivery; the caller ends it with amqp_destroy_envelope. A limit of 0 s: for ever. */
void example_receive(amqp_connection_state_t connection, amqp_envelope_t *envelope, int limit_s);

/* Acknowledges one delivery: the broker may forget the message. */
void example_ack(amqp_connection_state_t connection, uint64_t delivery_tag);

/* The text of a body that should be a number; -1 if it is none. */
long long example_number(amqp_bytes_t body);
