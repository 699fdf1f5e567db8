/* SPDX-License-Identifier: Apache-2.0
 *
 * reload.c: SIGHUP. What can change while the broker runs does; the rest is named, so that nobody believes it
 * did. */
#include "daemon/broker.h"

static void report(void *context, const char *key, bool reloadable)
{
    const broker_t *b = context;
    if (reloadable)
        log_line(b->options.log, LOG_INFO, "configuration: %s is changed", key);
    else
        log_line(b->options.log, LOG_WARNING,
                 "configuration: %s differs now; it takes effect at the next start", key);
}

void broker_reload(broker_t *b)
{
    error_t err;
    settings_t *new = b->options.settings_again(b->options.context, &err);
    if (!new) {
        log_line(b->options.log, LOG_ERROR, "configuration not reloaded: %s", err.text);
        return;
    }
    if (new->log_level < b->options.settings->log_level)
        console_set_level(b->options.console,
                          new->log_level); /* what follows is worth a line at the new level */
    log_line(b->options.log, LOG_INFO, "configuration reloaded");
    settings_compare(b->options.settings, new, report, b);
    console_set_level(b->options.console, new->log_level);
    b->options.settings->log_level = new->log_level;
    settings_free(&new);
}
