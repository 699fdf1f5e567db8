/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/listen.h"

#include <string.h>

#include "base/text.h"

listen_http_t listen_management(const settings_t *s)
{
    return (listen_http_t){
        .key = "management",
        .ip = s->management_ip,
        .port = (uint16_t)s->management_port,
        .enabled = s->management_enabled,
        .is_api = true,
    };
}

listen_http_t listen_prometheus(const settings_t *s)
{
    return (listen_http_t){
        .key = "prometheus",
        .ip = s->prometheus_ip,
        .port = (uint16_t)s->prometheus_port,
        .enabled = s->prometheus_enabled,
    };
}

bool listen_http_address(const listen_http_t *which, net_address_t *out, error_t *err)
{
    char text[sizeof out->text];
    const char *form = which->ip[0] == '\0' ? "%s%u" : strchr(which->ip, ':') ? "[%s]:%u" : "%s:%u";
    text_format(text, sizeof text, form, which->ip, which->port);
    return net_address_parse(text, out, err);
}

static bool check_http(const listen_http_t *which, error_t *err)
{
    net_address_t address;
    error_t why;
    if (listen_http_address(which, &address, &why))
        return true;
    error_set(err, "%s.tcp.ip = %s: %s", which->key, which->ip, why.text);
    return false;
}

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
    listen_http_t management = listen_management(s), prometheus = listen_prometheus(s);
    return check_http(&management, err) && check_http(&prometheus, err);
}

int listen_all(const settings_t *s, net_loop_t *loop, net_accepted_t *accepted, void *context,
               admin_listeners_t *opened, const log_t *log, error_t *err)
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
        admin_listeners_add(opened, "amqp", bound);
    }
    if (s->listener_count == 0)
        log_line(log, LOG_WARNING, "no listener is configured (listeners.tcp = none): nobody can connect");
    return 0;
}
