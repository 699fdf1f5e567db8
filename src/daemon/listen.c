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

static bool check_address(const char *family, const char *name, const char *where, const char *text,
                          error_t *err)
{
    net_address_t address;
    error_t why;
    if (net_address_parse(text, &address, &why))
        return true;
    error_set(err, "%s: %s.%s = %s: %s", where, family, name, text, why.text);
    return false;
}

/* There is one user. */
static bool check_bus(const settings_t *s, const char *family, const settings_bus_t *ports, size_t count,
                      error_t *err)
{
    for (size_t i = 0; i < count; i++) {
        const settings_bus_t *p = &ports[i];
        if (!check_address(family, p->name, p->where, p->address, err))
            return false;
        bool ours = p->user[0] && p->security != SETTINGS_PLAIN;
        if (ours && strcmp(p->user, s->default_user) != 0) {
            error_set(err, "%s: %s.%s: user = '%s': there is no such user (default_user)", p->where, family,
                      p->name, p->user);
            return false;
        }
    }
    return true;
}

bool listen_check(const settings_t *s, error_t *err)
{
    for (size_t i = 0; i < s->listener_count; i++) {
        const settings_listener_t *l = &s->listeners[i];
        if (!check_address("listeners.tcp", l->name, l->where, l->address, err))
            return false;
    }
    listen_http_t management = listen_management(s), prometheus = listen_prometheus(s);
    return check_bus(s, "bus.listen", s->bus_listen, s->bus_listen_count, err) &&
           check_bus(s, "bus.connect", s->bus_connect, s->bus_connect_count, err) &&
           check_http(&management, err) && check_http(&prometheus, err);
}

/* What is the same for all that are opened. */
typedef struct opening_all {
    net_loop_t *loop;
    net_accepted_t *accepted;
    admin_listeners_t *opened;
    const log_t *log;
} opening_all_t;

/* One of listeners.tcp. */
static int open_amqp(const opening_all_t *o, const settings_listener_t *l, bus_port_t *port, error_t *err)
{
    net_address_t address;
    char bound[160];
    error_t why;
    if (!net_address_parse(l->address, &address, &why) ||
        !net_listen(o->loop, &address, o->accepted, port, bound, sizeof bound, &why))
        return error_set(err, "listeners.tcp.%s (%s): %s; choose another address, or stop what uses this one",
                         l->name, l->where, why.text);
    log_line(o->log, LOG_INFO, "listening for AMQP on %s", bound);
    admin_listeners_add(o->opened, "amqp", bound);
    return 0;
}

/* One of bus.listen. */
static int open_bus(const opening_all_t *o, bus_port_t *port, error_t *err)
{
    net_address_t address;
    char bound[160];
    error_t why;
    if (!net_address_parse(port->settings->address, &address, &why) ||
        !net_listen(o->loop, &address, o->accepted, port, bound, sizeof bound, &why))
        return error_set(err,
                         "%s (%s): %s; choose another address, stop what uses this one, or set "
                         "bus.listen = none",
                         port->name, port->settings->where, why.text);
    log_line(o->log, LOG_INFO, "listening for ZMTP and AMQP on %s (%s)", bound, port->name);
    admin_listeners_add(o->opened, "zmtp", bound);
    return 0;
}

int listen_all(const settings_t *s, bus_t *bus, net_loop_t *loop, net_accepted_t *accepted,
               admin_listeners_t *opened, const log_t *log, error_t *err)
{
    opening_all_t o = {loop, accepted, opened, log};
    for (size_t i = 0; i < s->listener_count; i++)
        if (open_amqp(&o, &s->listeners[i], &bus->amqp, err) != 0)
            return -1;
    for (size_t i = 0; i < bus->listen_count; i++)
        if (open_bus(&o, &bus->listen[i], err) != 0)
            return -1;
    if (s->listener_count == 0)
        log_line(log, LOG_WARNING, "no AMQP listener is configured (listeners.tcp = none)%s",
                 bus->listen_count == 0 ? ", nor one of the bus: nobody can connect" : "");
    return 0;
}
