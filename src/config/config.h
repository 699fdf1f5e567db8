/* SPDX-License-Identifier: Apache-2.0
 *
 * config.h: the settings as one struct, read from files in the form of RabbitMQ's rabbitmq.conf and from
 * KEY=VALUE arguments. Knows the table (settings.h) and the form, and nothing of what the settings do. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/log.h"
#include "config/settings.h"

#define SETTINGS_NONE UINT64_MAX
#define SETTINGS_AUTO UINT64_MAX

#define SETTINGS_TEXT_BYTES  256 /* with the NUL */
#define SETTINGS_NAMES_MAX   64  /* listeners, loopback users */
#define SETTINGS_WHERE_BYTES 192

typedef char settings_text_t[SETTINGS_TEXT_BYTES];

#define SETTING_TYPE_NUMBER   uint64_t
#define SETTING_TYPE_COUNT    uint64_t
#define SETTING_TYPE_POWER    uint64_t
#define SETTING_TYPE_SIZE     uint64_t
#define SETTING_TYPE_FRAME    uint64_t
#define SETTING_TYPE_BUDGET   uint64_t
#define SETTING_TYPE_DURATION uint64_t
#define SETTING_TYPE_THREADS  uint64_t
#define SETTING_TYPE_FRACTION double
#define SETTING_TYPE_FLAG     bool
#define SETTING_TYPE_DAMAGE   bool /* true: serve */
#define SETTING_TYPE_LEVEL    log_level_t
#define SETTING_TYPE_TEXT     settings_text_t
#define SETTING_TYPE_VERSION  settings_text_t
#define SETTING_TYPE_VHOST    settings_text_t

/* log.console.level = none: above every level there is. */
#define SETTINGS_LEVEL_NONE ((log_level_t)(LOG_ERROR + 1))

/* One name of a family. */
typedef struct settings_listener {
    settings_text_t name;
    settings_text_t address;          /* as it was written */
    char where[SETTINGS_WHERE_BYTES]; /* "FILE:LINE", "command line" or "default", for messages */
} settings_listener_t;

typedef struct settings_loopback_user {
    settings_text_t name;
    bool only_loopback;
} settings_loopback_user_t;

/* ---- the event bus ---- */

typedef enum settings_security { SETTINGS_NULL, SETTINGS_PLAIN, SETTINGS_CURVE } settings_security_t;
typedef enum settings_socket { SETTINGS_SUB, SETTINGS_PULL } settings_socket_t;
typedef enum settings_slow {
    SETTINGS_DROP_NEWEST,
    SETTINGS_DROP_OLDEST,
    SETTINGS_BLOCK,
    SETTINGS_DISCONNECT
} settings_slow_t;
typedef enum settings_sync {
    SETTINGS_SYNC_UNSET,
    SETTINGS_SYNC_ALL,
    SETTINGS_SYNC_QUORUM,
    SETTINGS_SYNC_COUNT,
    SETTINGS_SYNC_NONE
} settings_sync_t;

/* What a port of the bus has if nothing else is said. */
#define SETTINGS_BUS_EXCHANGE      "amq.events"
#define SETTINGS_BUS_HIGH_MESSAGES 1000
#define SETTINGS_BUS_HIGH_BYTES    MIB(8)
#define SETTINGS_BUS_CREDIT        64

/* The address and options of a line, as they were written. */
#define SETTINGS_LINE_BYTES 4096

/* bus.listen.NAME or bus.connect.NAME. What was not written is empty, or the default. */
typedef struct settings_bus {
    settings_text_t name;
    settings_text_t address; /* "HOST:PORT", "PORT" (all addresses) or "unix:/PATH" */
    char where[SETTINGS_WHERE_BYTES];
    char written[SETTINGS_LINE_BYTES];
    settings_text_t exchange;
    settings_text_t queue; /* empty: a bus port */
    bool bind;             /* the queue is bound with bind_prefix, which may be empty */
    settings_text_t bind_prefix;
    int security; /* settings_security_t */
    settings_text_t user;
    settings_text_t password;
    settings_text_t key_file;     /* our pair */
    settings_text_t clients_file; /* listening: who may; empty: whoever has a key */
    settings_text_t server_key;   /* dialling: theirs, as Z85 */
    int socket;                   /* dialling: settings_socket_t, what we are */
    settings_text_t prefix;       /* dialling, as SUB */
    int slow;                     /* settings_slow_t */
    uint64_t high_messages, high_bytes, credit;
    settings_text_t welcome;
} settings_bus_t;

/* bus.topic.NAME */
typedef struct settings_topic {
    settings_text_t name;
    char where[SETTINGS_WHERE_BYTES];
    char written[SETTINGS_LINE_BYTES];
    settings_text_t exchange;
    settings_text_t prefix;
    bool replay_last;
    uint64_t replay_count;       /* UINT64_MAX: all */
    int sync;                    /* settings_sync_t */
    uint64_t sync_count;         /* of SETTINGS_SYNC_COUNT */
    uint64_t timeout_ms, window; /* 0: as the exchange says */
} settings_topic_t;

typedef struct settings {
#define X(field, key, kind, value, least, most, reload, help) SETTING_TYPE_##kind field;
    SETTINGS(X)
#undef X
    settings_listener_t listeners[SETTINGS_NAMES_MAX];
    size_t listener_count;
    settings_bus_t bus_listen[SETTINGS_NAMES_MAX];
    size_t bus_listen_count;
    settings_bus_t bus_connect[SETTINGS_NAMES_MAX];
    size_t bus_connect_count;
    settings_topic_t topics[SETTINGS_NAMES_MAX];
    size_t topic_count;
    settings_loopback_user_t loopback_users[SETTINGS_NAMES_MAX];
    size_t loopback_user_count;
} settings_t;

/* Something that is accepted and has no effect, named with its place. */
typedef void settings_warning_t(void *context, const char *text);

/* Where settings come from. Later ones win: the defaults, the files in order, the assignments in order. */
typedef struct settings_source {
    const char *const *files;
    size_t file_count;
    const char *const *assignments; /* "KEY=VALUE" */
    size_t assignment_count;
    settings_warning_t *warning; /* may be NULL */
    void *context;
} settings_source_t;

/* The settings of a source, or NULL, saying which line is wrong and what is expected. `source` is not kept.
 *
 * Named listeners replace the default one; `listeners.tcp = none` in a file takes away those of all files,
 * but not those of the command line. The same goes for bus.listen and loopback_users. Source: RabbitMQ's schema, where
 * `none` decides. */
settings_t *settings_read(const settings_source_t *source, error_t *err);

/* Sets *s to NULL. */
void settings_free(settings_t **s);

/* A row of the table, for help and documents. */
typedef struct setting {
    const char *key;
    const char *value; /* the default */
    const char *help;
    bool reloadable;
} setting_t;

/* Row `index` of all keys, families and second names included; false past the end. */
bool settings_row(size_t index, setting_t *out);

/* Calls `changed` for each key whose value differs between the two. */
typedef void settings_changed_t(void *context, const char *key, bool reloadable);
void settings_compare(const settings_t *old, const settings_t *new, settings_changed_t *changed,
                      void *context);

/* True if RabbitMQ knows the key in rabbitmq.conf, whether or not chaski does. */
bool settings_rabbitmq_knows(const char *key);
