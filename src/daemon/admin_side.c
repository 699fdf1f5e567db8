/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/admin_side.h"

#include <unistd.h>

#include "daemon/listen.h"
#include "net/net.h"

/* ---- what it is told ---- */

static void machine(void *context, admin_machine_t *out)
{
    const admin_side_t *a = context;
    *out = (admin_machine_t){
        .resident_bytes = os_memory_resident(),
        .open_files = os_open_files(),
        .open_files_max = os_file_limit(),
    };
    if (disk_free_bytes(a->options.store->disk, &out->disk_free_bytes, NULL) != 0)
        out->disk_free_bytes = UINT64_MAX;
    out->io_connections_least = UINT64_MAX; /* there is at least one side */
    for (size_t i = 0; i < a->options.io_count; i++) {
        uint64_t load = io_side_load(&a->options.io[i]);
        out->io_connections_least = load < out->io_connections_least ? load : out->io_connections_least;
        out->io_connections_most = load > out->io_connections_most ? load : out->io_connections_most;
    }
}

static uint64_t longest_step_us(void *context)
{
    admin_side_t *a = context;
    return atomic_load_explicit(&a->options.engine->longest_step_us, memory_order_relaxed);
}

static void store(void *context, store_counts_t *out)
{
    const admin_side_t *a = context;
    store_count(a->options.store->store, out);
}

/* ---- who wakes whom ---- */

static void prepare(void *context)
{
    admin_side_t *a = context;
    os_wakeup_prepare(a->wakeup);
}

static void cancel(void *context)
{
    admin_side_t *a = context;
    os_wakeup_cancel(a->wakeup);
}

static void wake_engine(void *context)
{
    admin_side_t *a = context;
    os_wakeup_ring(a->options.engine->wakeup);
}

bool admin_side_has_commands(const admin_side_t *a)
{
    return a->admin && !lane_empty(admin_port(a->admin)->commands);
}

/* ---- life ---- */

int admin_side_init(admin_side_t *a, const admin_side_options_t *options, error_t *err)
{
    const settings_t *s = options->settings;
    *a = (admin_side_t){.options = *options};
    if (!s->management_enabled && !s->prometheus_enabled)
        return 0;
    a->wakeup = os_wakeup_new(err);
    if (!a->wakeup)
        return -1;
    admin_options_t admin = {
        .auth = options->auth,
        .log = options->log,
        .clock = os_clock(),
        .sources = {a, machine, longest_step_us, store},
        .wakeup = {a, os_wakeup_fd(a->wakeup), prepare, cancel, wake_engine},
        .cluster_name = options->cluster_name,
        .node = options->node,
        .listeners = options->listeners,
        .idle_ms = s->management_idle_ms,
    };
    a->admin = admin_new(&admin, err);
    if (!a->admin)
        return -1;
    engine_attach(options->engine->engine, admin_port(a->admin));
    engine_side_add_neighbour(options->engine, (engine_neighbour_t){admin_port(a->admin), a->wakeup});
    return 0;
}

void admin_side_deinit(admin_side_t *a)
{
    admin_free(&a->admin);
    os_wakeup_free(&a->wakeup);
}

static void run(void *context)
{
    const admin_side_t *a = context;
    admin_run(a->admin);
}

int admin_side_start(admin_side_t *a, error_t *err)
{
    if (!a->admin)
        return 0;
    a->thread = os_thread_start("admin", run, a, err);
    return a->thread ? 0 : -1;
}

void admin_side_join(admin_side_t *a)
{
    if (!a->thread)
        return;
    admin_stop(a->admin);
    os_wakeup_ring(a->wakeup);
    os_thread_join(&a->thread);
}

/* ---- listeners ---- */

/* Hands the sockets over; all of them, also behind one that failed. */
static int give_sockets(admin_t *admin, admin_kind_t kind, const int *fds, size_t count, error_t *err)
{
    int rc = 0;
    for (size_t i = 0; i < count; i++) {
        if (rc != 0)
            close(fds[i]);
        else
            rc = admin_listen(admin, kind, fds[i], err);
    }
    return rc;
}

static int listen_http(admin_side_t *a, const listen_http_t *which, admin_listeners_t *opened, error_t *err)
{
    net_address_t address;
    int fds[NET_SOCKETS_MAX];
    char bound[160];
    error_t why;
    if (!which->enabled)
        return 0;
    size_t count = listen_http_address(which, &address, &why)
                       ? net_open(&address, (int)a->options.settings->backlog, fds, bound, sizeof bound, &why)
                       : 0;
    if (count == 0)
        return error_set(err,
                         "%s.tcp.port = %u: %s; choose another port, stop what uses this one, or set "
                         "%s.enabled = false",
                         which->key, which->port, why.text, which->key);
    bool is_api = which->is_api;
    if (give_sockets(a->admin, is_api ? ADMIN_API : ADMIN_METRICS, fds, count, err) != 0)
        return -1;
    log_line(a->options.log, LOG_INFO, "listening for HTTP on %s (%s)", bound,
             is_api ? "management" : "metrics");
    admin_listeners_add(opened, is_api ? "http" : "http/prometheus", bound);
    return 0;
}

int admin_side_listen(admin_side_t *a, admin_listeners_t *opened, error_t *err)
{
    listen_http_t management = listen_management(a->options.settings);
    listen_http_t prometheus = listen_prometheus(a->options.settings);
    if (!a->admin)
        return 0;
    return listen_http(a, &management, opened, err) == 0 && listen_http(a, &prometheus, opened, err) == 0
               ? 0
               : -1;
}
