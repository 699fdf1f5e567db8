/* SPDX-License-Identifier: Apache-2.0
 *
 * role.c: socket type × port → role. PULL, REP and ROUTER cannot say on a bus port what they want; a PAIR has no place in a
 * broker. */
#include "zmtp/role.h"

static const struct role_row {
    zmtp_role_t on_bus, on_queue;
} rows[] = {
    [ZMTP_SOCKET_PAIR] = {ZMTP_ROLE_NONE, ZMTP_ROLE_NONE},
    [ZMTP_SOCKET_PUB] = {ZMTP_ROLE_PUBLISHER, ZMTP_ROLE_SENDER},
    [ZMTP_SOCKET_SUB] = {ZMTP_ROLE_SUBSCRIBER, ZMTP_ROLE_DURABLE},
    [ZMTP_SOCKET_REQ] = {ZMTP_ROLE_ASKER, ZMTP_ROLE_CALLER},
    [ZMTP_SOCKET_REP] = {ZMTP_ROLE_NONE, ZMTP_ROLE_WORKER},
    [ZMTP_SOCKET_DEALER] = {ZMTP_ROLE_ASKER, ZMTP_ROLE_CALLER},
    [ZMTP_SOCKET_ROUTER] = {ZMTP_ROLE_NONE, ZMTP_ROLE_WORKER},
    [ZMTP_SOCKET_PULL] = {ZMTP_ROLE_NONE, ZMTP_ROLE_PULLER},
    [ZMTP_SOCKET_PUSH] = {ZMTP_ROLE_PUBLISHER, ZMTP_ROLE_SENDER},
    [ZMTP_SOCKET_XPUB] = {ZMTP_ROLE_PUBLISHER, ZMTP_ROLE_SENDER},
    [ZMTP_SOCKET_XSUB] = {ZMTP_ROLE_SUBSCRIBER, ZMTP_ROLE_DURABLE},
    [ZMTP_SOCKET_NONE] = {ZMTP_ROLE_NONE, ZMTP_ROLE_NONE},
};

zmtp_role_t zmtp_role_of(const zmtp_bus_t *bus, zmtp_socket_type_t peer)
{
    return bus->queue ? rows[peer].on_queue : rows[peer].on_bus;
}
