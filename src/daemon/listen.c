/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/listen.h"

bool listen_check(const settings_t *s, error_t *err)
{
    for (size_t i = 0; i < s->listener_count; i++) {
        const settings_listener_t *l = &s->listeners[i];
        net_address_t address;
        error_t why;
        if (!net_address_parse(l->address, &address, &why)) {
            error_set(err, "%s: listeners.tcp.%s = %s: %s", l->where, l->name, l->address, why.text);
            return false;
        }
    }
    return true;
}

int listen_all(const settings_t *s, net_loop_t *loop, net_accepted_t *accepted, void *context,
               const log_t *log, error_t *err)
{
    for (size_t i = 0; i < s->listener_count; i++) {
        const settings_listener_t *l = &s->listeners[i];
        net_address_t address;
        char bound[160];
        error_t why;
        if (!net_address_parse(l->address, &address, &why) ||
            !net_listen(loop, &address, accepted, context, bound, sizeof bound, &why))
            return error_set(err,
                             "listeners.tcp.%s (%s): %s; choose another address, or stop what uses this one",
                             l->name, l->where, why.text);
        log_line(log, LOG_INFO, "listening for AMQP on %s", bound);
    }
    if (s->listener_count == 0)
        log_line(log, LOG_WARNING, "no listener is configured (listeners.tcp = none): nobody can connect");
    return 0;
}
