/* SPDX-License-Identifier: Apache-2.0
 *
 * vectors.h: methods and frames as another implementation encodes them.
 * Made by make_vectors.py. */
#pragma once

#include "amqp/codec.h"

/* A method, the octets of its payload and the values they stand for. */
typedef struct vector {
    amqp_method_id id;
    const char *name;
    bytes_t payload;
    amqp_method_t method;
} vector_t;

static const vector_t vectors[] = {
    {AMQP_connection_start,
     "connection.start",
     BYTES("\000\012\000\012\000\011\000\000\000\321\014x-queue-typeS\000\000\000\007classic\011x-"
           "expiresI\000\033w@\005x-bigl\000\000\001\000\000\000\000\000\012x-"
           "negativeI\377\377\377\373\004flagt\001\007nothingV\004blobx\000\000\000\002\000\377\005priceD\002"
           "\000\000\001:\004whenT\000\000\000\000e\340q\300\004listA\000\000\000 "
           "S\000\000\000\003oneI\000\000\000\002t\000F\000\000\000\014\004deepS\000\000\000\002er\005innerF"
           "\000\000\000\037\014capabilitiesF\000\000\000\015\012basic.nackt\001\000\000\000\016PLAIN "
           "AMQPLAIN\000\000\000\005en_US"),
     {.connection_start =
          {0x0, 0x9,
           BYTES("\014x-queue-typeS\000\000\000\007classic\011x-expiresI\000\033w@\005x-"
                 "bigl\000\000\001\000\000\000\000\000\012x-"
                 "negativeI\377\377\377\373\004flagt\001\007nothingV\004blobx\000\000\000\002\000\377\005pric"
                 "eD\002\000\000\001:\004whenT\000\000\000\000e\340q\300\004listA\000\000\000 "
                 "S\000\000\000\003oneI\000\000\000\002t\000F\000\000\000\014\004deepS\000\000\000\002er\005i"
                 "nnerF\000\000\000\037\014capabilitiesF\000\000\000\015\012basic.nackt\001"),
           BYTES("PLAIN AMQPLAIN"), BYTES("en_US"), 0}}},
    {AMQP_connection_start_ok,
     "connection.start_ok",
     BYTES("\000\012\000\013\000\000\000\321\014x-queue-typeS\000\000\000\007classic\011x-expiresI\000\033w@"
           "\005x-bigl\000\000\001\000\000\000\000\000\012x-"
           "negativeI\377\377\377\373\004flagt\001\007nothingV\004blobx\000\000\000\002\000\377\005priceD\002"
           "\000\000\001:\004whenT\000\000\000\000e\340q\300\004listA\000\000\000 "
           "S\000\000\000\003oneI\000\000\000\002t\000F\000\000\000\014\004deepS\000\000\000\002er\005innerF"
           "\000\000\000\037\014capabilitiesF\000\000\000\015\012basic."
           "nackt\001\005PLAIN\000\000\000\014\000guest\000guest\005en_US"),
     {.connection_start_ok =
          {BYTES("\014x-queue-typeS\000\000\000\007classic\011x-expiresI\000\033w@\005x-"
                 "bigl\000\000\001\000\000\000\000\000\012x-"
                 "negativeI\377\377\377\373\004flagt\001\007nothingV\004blobx\000\000\000\002\000\377\005pric"
                 "eD\002\000\000\001:\004whenT\000\000\000\000e\340q\300\004listA\000\000\000 "
                 "S\000\000\000\003oneI\000\000\000\002t\000F\000\000\000\014\004deepS\000\000\000\002er\005i"
                 "nnerF\000\000\000\037\014capabilitiesF\000\000\000\015\012basic.nackt\001"),
           BYTES("PLAIN"), BYTES("\000guest\000guest"), BYTES("en_US"), 0}}},
    {AMQP_connection_start_ok,
     "connection.start_ok",
     BYTES("\000\012\000\013\000\000\000\000\000\000\000\000\000\000"),
     {.connection_start_ok = {BYTES(""), BYTES(""), BYTES(""), BYTES(""), 0}}},
    {AMQP_connection_secure,
     "connection.secure",
     BYTES("\000\012\000\024\000\000\000\034Please tell me your password"),
     {.connection_secure = {BYTES("Please tell me your password"), 0}}},
    {AMQP_connection_secure_ok,
     "connection.secure_ok",
     BYTES("\000\012\000\025\000\000\000\021My password is \000\377"),
     {.connection_secure_ok = {BYTES("My password is \000\377"), 0}}},
    {AMQP_connection_tune,
     "connection.tune",
     BYTES("\000\012\000\036\007\377\000\002\000\000\000<"),
     {.connection_tune = {0x7ff, 0x20000, 0x3c, 0}}},
    {AMQP_connection_tune_ok,
     "connection.tune_ok",
     BYTES("\000\012\000\037\001\002\003\004\005\006\007\010"),
     {.connection_tune_ok = {0x102, 0x3040506, 0x708, 0}}},
    {AMQP_connection_open,
     "connection.open",
     BYTES("\000\012\000(\001/\000\000"),
     {.connection_open = {BYTES("/"), BYTES(""), false, 0}}},
    {AMQP_connection_open,
     "connection.open",
     BYTES("\000\012\000(\027gr\303\274n-\320\237\321\200\320\270\320\262\320\265\321\202-"
           "\360\237\230\200\004caps\001"),
     {.connection_open =
          {BYTES("gr\303\274n-\320\237\321\200\320\270\320\262\320\265\321\202-\360\237\230\200"),
           BYTES("caps"), true, 0}}},
    {AMQP_connection_open_ok,
     "connection.open_ok",
     BYTES("\000\012\000)\000"),
     {.connection_open_ok = {BYTES(""), 0}}},
    {AMQP_connection_close,
     "connection.close",
     BYTES("\000\012\0002\001@\027CONNECTION_FORCED - bye\000\000\000\000"),
     {.connection_close = {0x140, BYTES("CONNECTION_FORCED - bye"), 0x0, 0x0, 0}}},
    {AMQP_connection_close,
     "connection.close",
     BYTES("\000\012\0002\001\365\027gr\303\274n-\320\237\321\200\320\270\320\262\320\265\321\202-"
           "\360\237\230\200\000<\000("),
     {.connection_close =
          {0x1f5, BYTES("gr\303\274n-\320\237\321\200\320\270\320\262\320\265\321\202-\360\237\230\200"),
           0x3c, 0x28, 0}}},
    {AMQP_connection_close_ok, "connection.close_ok", BYTES("\000\012\0003"), {.connection_close_ok = {0}}},
    {AMQP_connection_blocked,
     "connection.blocked",
     BYTES("\000\012\000<\033low on memory & low on disk"),
     {.connection_blocked = {BYTES("low on memory & low on disk"), 0}}},
    {AMQP_connection_unblocked,
     "connection.unblocked",
     BYTES("\000\012\000="),
     {.connection_unblocked = {0}}},
    {AMQP_channel_open, "channel.open", BYTES("\000\024\000\012\000"), {.channel_open = {BYTES(""), 0}}},
    {AMQP_channel_open_ok,
     "channel.open_ok",
     BYTES("\000\024\000\013\000\000\000\000"),
     {.channel_open_ok = {BYTES(""), 0}}},
    {AMQP_channel_open_ok,
     "channel.open_ok",
     BYTES("\000\024\000\013\000\000\000\003\200id"),
     {.channel_open_ok = {BYTES("\200id"), 0}}},
    {AMQP_channel_flow, "channel.flow", BYTES("\000\024\000\024\001"), {.channel_flow = {true, 0}}},
    {AMQP_channel_flow, "channel.flow", BYTES("\000\024\000\024\000"), {.channel_flow = {false, 0}}},
    {AMQP_channel_flow_ok, "channel.flow_ok", BYTES("\000\024\000\025\001"), {.channel_flow_ok = {true, 0}}},
    {AMQP_channel_close,
     "channel.close",
     BYTES("\000\024\000(\001\224%NOT_FOUND - no queue 'q' in vhost '/'\0002\000\012"),
     {.channel_close = {0x194, BYTES("NOT_FOUND - no queue 'q' in vhost '/'"), 0x32, 0xa, 0}}},
    {AMQP_channel_close_ok, "channel.close_ok", BYTES("\000\024\000)"), {.channel_close_ok = {0}}},
    {AMQP_access_request,
     "access.request",
     BYTES("\000\036\000\012\005/data\036"),
     {.access_request = {BYTES("/data"), false, true, true, true, true, 0}}},
    {AMQP_access_request,
     "access.request",
     BYTES("\000\036\000\012\005/data\001"),
     {.access_request = {BYTES("/data"), true, false, false, false, false, 0}}},
    {AMQP_access_request_ok,
     "access.request_ok",
     BYTES("\000\036\000\013\012\013"),
     {.access_request_ok = {0xa0b, 0}}},
    {AMQP_exchange_declare,
     "exchange.declare",
     BYTES("\000(\000\012\000\000\004logs\005topic\012\000\000\000\321\014x-queue-"
           "typeS\000\000\000\007classic\011x-expiresI\000\033w@\005x-"
           "bigl\000\000\001\000\000\000\000\000\012x-"
           "negativeI\377\377\377\373\004flagt\001\007nothingV\004blobx\000\000\000\002\000\377\005priceD\002"
           "\000\000\001:\004whenT\000\000\000\000e\340q\300\004listA\000\000\000 "
           "S\000\000\000\003oneI\000\000\000\002t\000F\000\000\000\014\004deepS\000\000\000\002er\005innerF"
           "\000\000\000\037\014capabilitiesF\000\000\000\015\012basic.nackt\001"),
     {.exchange_declare =
          {0x0, BYTES("logs"), BYTES("topic"), false, true, false, true, false,
           BYTES("\014x-queue-typeS\000\000\000\007classic\011x-expiresI\000\033w@\005x-"
                 "bigl\000\000\001\000\000\000\000\000\012x-"
                 "negativeI\377\377\377\373\004flagt\001\007nothingV\004blobx\000\000\000\002\000\377\005pric"
                 "eD\002\000\000\001:\004whenT\000\000\000\000e\340q\300\004listA\000\000\000 "
                 "S\000\000\000\003oneI\000\000\000\002t\000F\000\000\000\014\004deepS\000\000\000\002er\005i"
                 "nnerF\000\000\000\037\014capabilitiesF\000\000\000\015\012basic.nackt\001"),
           0}}},
    {AMQP_exchange_declare,
     "exchange.declare",
     BYTES("\000("
           "\000\012\001\002\377nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"
           "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"
           "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn\027gr\303\274n-"
           "\320\237\321\200\320\270\320\262\320\265\321\202-\360\237\230\200\025\000\000\000\000"),
     {.exchange_declare =
          {0x102,
           BYTES("nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"
                 "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"
                 "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"),
           BYTES("gr\303\274n-\320\237\321\200\320\270\320\262\320\265\321\202-\360\237\230\200"), true,
           false, true, false, true, BYTES(""), 0}}},
    {AMQP_exchange_declare_ok, "exchange.declare_ok", BYTES("\000(\000\013"), {.exchange_declare_ok = {0}}},
    {AMQP_exchange_delete,
     "exchange.delete",
     BYTES("\000(\000\024\000\000\004logs\001"),
     {.exchange_delete = {0x0, BYTES("logs"), true, false, 0}}},
    {AMQP_exchange_delete,
     "exchange.delete",
     BYTES("\000(\000\024\000\000\004logs\002"),
     {.exchange_delete = {0x0, BYTES("logs"), false, true, 0}}},
    {AMQP_exchange_delete_ok, "exchange.delete_ok", BYTES("\000(\000\025"), {.exchange_delete_ok = {0}}},
    {AMQP_exchange_bind,
     "exchange.bind",
     BYTES("\000(\000\036\000\000\002to\004from\003a.#\001\000\000\000\321\014x-queue-"
           "typeS\000\000\000\007classic\011x-expiresI\000\033w@\005x-"
           "bigl\000\000\001\000\000\000\000\000\012x-"
           "negativeI\377\377\377\373\004flagt\001\007nothingV\004blobx\000\000\000\002\000\377\005priceD\002"
           "\000\000\001:\004whenT\000\000\000\000e\340q\300\004listA\000\000\000 "
           "S\000\000\000\003oneI\000\000\000\002t\000F\000\000\000\014\004deepS\000\000\000\002er\005innerF"
           "\000\000\000\037\014capabilitiesF\000\000\000\015\012basic.nackt\001"),
     {.exchange_bind =
          {0x0, BYTES("to"), BYTES("from"), BYTES("a.#"), true,
           BYTES("\014x-queue-typeS\000\000\000\007classic\011x-expiresI\000\033w@\005x-"
                 "bigl\000\000\001\000\000\000\000\000\012x-"
                 "negativeI\377\377\377\373\004flagt\001\007nothingV\004blobx\000\000\000\002\000\377\005pric"
                 "eD\002\000\000\001:\004whenT\000\000\000\000e\340q\300\004listA\000\000\000 "
                 "S\000\000\000\003oneI\000\000\000\002t\000F\000\000\000\014\004deepS\000\000\000\002er\005i"
                 "nnerF\000\000\000\037\014capabilitiesF\000\000\000\015\012basic.nackt\001"),
           0}}},
    {AMQP_exchange_bind_ok, "exchange.bind_ok", BYTES("\000(\000\037"), {.exchange_bind_ok = {0}}},
    {AMQP_exchange_unbind,
     "exchange.unbind",
     BYTES("\000(\000(\000\000\002to\004from\003a.#\000\000\000\000\000"),
     {.exchange_unbind = {0x0, BYTES("to"), BYTES("from"), BYTES("a.#"), false, BYTES(""), 0}}},
    {AMQP_exchange_unbind_ok, "exchange.unbind_ok", BYTES("\000(\0003"), {.exchange_unbind_ok = {0}}},
    {AMQP_queue_declare,
     "queue.declare",
     BYTES("\0002\000\012\000\000\000\000\000\000\000\000"),
     {.queue_declare = {0x0, BYTES(""), false, false, false, false, false, BYTES(""), 0}}},
    {AMQP_queue_declare,
     "queue.declare",
     BYTES("\0002\000\012\000\000\001q\001\000\000\000\321\014x-queue-typeS\000\000\000\007classic\011x-"
           "expiresI\000\033w@\005x-bigl\000\000\001\000\000\000\000\000\012x-"
           "negativeI\377\377\377\373\004flagt\001\007nothingV\004blobx\000\000\000\002\000\377\005priceD\002"
           "\000\000\001:\004whenT\000\000\000\000e\340q\300\004listA\000\000\000 "
           "S\000\000\000\003oneI\000\000\000\002t\000F\000\000\000\014\004deepS\000\000\000\002er\005innerF"
           "\000\000\000\037\014capabilitiesF\000\000\000\015\012basic.nackt\001"),
     {.queue_declare =
          {0x0, BYTES("q"), true, false, false, false, false,
           BYTES("\014x-queue-typeS\000\000\000\007classic\011x-expiresI\000\033w@\005x-"
                 "bigl\000\000\001\000\000\000\000\000\012x-"
                 "negativeI\377\377\377\373\004flagt\001\007nothingV\004blobx\000\000\000\002\000\377\005pric"
                 "eD\002\000\000\001:\004whenT\000\000\000\000e\340q\300\004listA\000\000\000 "
                 "S\000\000\000\003oneI\000\000\000\002t\000F\000\000\000\014\004deepS\000\000\000\002er\005i"
                 "nnerF\000\000\000\037\014capabilitiesF\000\000\000\015\012basic.nackt\001"),
           0}}},
    {AMQP_queue_declare,
     "queue.declare",
     BYTES("\0002\000\012\000\000\001q\002\000\000\000\321\014x-queue-typeS\000\000\000\007classic\011x-"
           "expiresI\000\033w@\005x-bigl\000\000\001\000\000\000\000\000\012x-"
           "negativeI\377\377\377\373\004flagt\001\007nothingV\004blobx\000\000\000\002\000\377\005priceD\002"
           "\000\000\001:\004whenT\000\000\000\000e\340q\300\004listA\000\000\000 "
           "S\000\000\000\003oneI\000\000\000\002t\000F\000\000\000\014\004deepS\000\000\000\002er\005innerF"
           "\000\000\000\037\014capabilitiesF\000\000\000\015\012basic.nackt\001"),
     {.queue_declare =
          {0x0, BYTES("q"), false, true, false, false, false,
           BYTES("\014x-queue-typeS\000\000\000\007classic\011x-expiresI\000\033w@\005x-"
                 "bigl\000\000\001\000\000\000\000\000\012x-"
                 "negativeI\377\377\377\373\004flagt\001\007nothingV\004blobx\000\000\000\002\000\377\005pric"
                 "eD\002\000\000\001:\004whenT\000\000\000\000e\340q\300\004listA\000\000\000 "
                 "S\000\000\000\003oneI\000\000\000\002t\000F\000\000\000\014\004deepS\000\000\000\002er\005i"
                 "nnerF\000\000\000\037\014capabilitiesF\000\000\000\015\012basic.nackt\001"),
           0}}},
    {AMQP_queue_declare,
     "queue.declare",
     BYTES("\0002\000\012\000\000\001q\004\000\000\000\321\014x-queue-typeS\000\000\000\007classic\011x-"
           "expiresI\000\033w@\005x-bigl\000\000\001\000\000\000\000\000\012x-"
           "negativeI\377\377\377\373\004flagt\001\007nothingV\004blobx\000\000\000\002\000\377\005priceD\002"
           "\000\000\001:\004whenT\000\000\000\000e\340q\300\004listA\000\000\000 "
           "S\000\000\000\003oneI\000\000\000\002t\000F\000\000\000\014\004deepS\000\000\000\002er\005innerF"
           "\000\000\000\037\014capabilitiesF\000\000\000\015\012basic.nackt\001"),
     {.queue_declare =
          {0x0, BYTES("q"), false, false, true, false, false,
           BYTES("\014x-queue-typeS\000\000\000\007classic\011x-expiresI\000\033w@\005x-"
                 "bigl\000\000\001\000\000\000\000\000\012x-"
                 "negativeI\377\377\377\373\004flagt\001\007nothingV\004blobx\000\000\000\002\000\377\005pric"
                 "eD\002\000\000\001:\004whenT\000\000\000\000e\340q\300\004listA\000\000\000 "
                 "S\000\000\000\003oneI\000\000\000\002t\000F\000\000\000\014\004deepS\000\000\000\002er\005i"
                 "nnerF\000\000\000\037\014capabilitiesF\000\000\000\015\012basic.nackt\001"),
           0}}},
    {AMQP_queue_declare,
     "queue.declare",
     BYTES("\0002\000\012\000\000\001q\010\000\000\000\321\014x-queue-typeS\000\000\000\007classic\011x-"
           "expiresI\000\033w@\005x-bigl\000\000\001\000\000\000\000\000\012x-"
           "negativeI\377\377\377\373\004flagt\001\007nothingV\004blobx\000\000\000\002\000\377\005priceD\002"
           "\000\000\001:\004whenT\000\000\000\000e\340q\300\004listA\000\000\000 "
           "S\000\000\000\003oneI\000\000\000\002t\000F\000\000\000\014\004deepS\000\000\000\002er\005innerF"
           "\000\000\000\037\014capabilitiesF\000\000\000\015\012basic.nackt\001"),
     {.queue_declare =
          {0x0, BYTES("q"), false, false, false, true, false,
           BYTES("\014x-queue-typeS\000\000\000\007classic\011x-expiresI\000\033w@\005x-"
                 "bigl\000\000\001\000\000\000\000\000\012x-"
                 "negativeI\377\377\377\373\004flagt\001\007nothingV\004blobx\000\000\000\002\000\377\005pric"
                 "eD\002\000\000\001:\004whenT\000\000\000\000e\340q\300\004listA\000\000\000 "
                 "S\000\000\000\003oneI\000\000\000\002t\000F\000\000\000\014\004deepS\000\000\000\002er\005i"
                 "nnerF\000\000\000\037\014capabilitiesF\000\000\000\015\012basic.nackt\001"),
           0}}},
    {AMQP_queue_declare,
     "queue.declare",
     BYTES("\0002\000\012\377\376\377nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"
           "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"
           "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn\020\000"
           "\000\000\321\014x-queue-typeS\000\000\000\007classic\011x-expiresI\000\033w@\005x-"
           "bigl\000\000\001\000\000\000\000\000\012x-"
           "negativeI\377\377\377\373\004flagt\001\007nothingV\004blobx\000\000\000\002\000\377\005priceD\002"
           "\000\000\001:\004whenT\000\000\000\000e\340q\300\004listA\000\000\000 "
           "S\000\000\000\003oneI\000\000\000\002t\000F\000\000\000\014\004deepS\000\000\000\002er\005innerF"
           "\000\000\000\037\014capabilitiesF\000\000\000\015\012basic.nackt\001"),
     {.queue_declare =
          {0xfffe,
           BYTES("nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"
                 "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"
                 "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"),
           false, false, false, false, true,
           BYTES("\014x-queue-typeS\000\000\000\007classic\011x-expiresI\000\033w@\005x-"
                 "bigl\000\000\001\000\000\000\000\000\012x-"
                 "negativeI\377\377\377\373\004flagt\001\007nothingV\004blobx\000\000\000\002\000\377\005pric"
                 "eD\002\000\000\001:\004whenT\000\000\000\000e\340q\300\004listA\000\000\000 "
                 "S\000\000\000\003oneI\000\000\000\002t\000F\000\000\000\014\004deepS\000\000\000\002er\005i"
                 "nnerF\000\000\000\037\014capabilitiesF\000\000\000\015\012basic.nackt\001"),
           0}}},
    {AMQP_queue_declare_ok,
     "queue.declare_ok",
     BYTES("\0002\000\013\011amq.gen-x\001\002\003\004\005\006\007\010"),
     {.queue_declare_ok = {BYTES("amq.gen-x"), 0x1020304, 0x5060708, 0}}},
    {AMQP_queue_bind,
     "queue.bind",
     BYTES(
         "\0002\000\024\000\000\001q\004logs\027gr\303\274n-\320\237\321\200\320\270\320\262\320\265\321\202-"
         "\360\237\230\200\000\000\000\000\321\014x-queue-typeS\000\000\000\007classic\011x-"
         "expiresI\000\033w@\005x-bigl\000\000\001\000\000\000\000\000\012x-"
         "negativeI\377\377\377\373\004flagt\001\007nothingV\004blobx\000\000\000\002\000\377\005priceD\002"
         "\000\000\001:\004whenT\000\000\000\000e\340q\300\004listA\000\000\000 "
         "S\000\000\000\003oneI\000\000\000\002t\000F\000\000\000\014\004deepS\000\000\000\002er\005innerF"
         "\000\000\000\037\014capabilitiesF\000\000\000\015\012basic.nackt\001"),
     {.queue_bind =
          {0x0, BYTES("q"), BYTES("logs"),
           BYTES("gr\303\274n-\320\237\321\200\320\270\320\262\320\265\321\202-\360\237\230\200"), false,
           BYTES("\014x-queue-typeS\000\000\000\007classic\011x-expiresI\000\033w@\005x-"
                 "bigl\000\000\001\000\000\000\000\000\012x-"
                 "negativeI\377\377\377\373\004flagt\001\007nothingV\004blobx\000\000\000\002\000\377\005pric"
                 "eD\002\000\000\001:\004whenT\000\000\000\000e\340q\300\004listA\000\000\000 "
                 "S\000\000\000\003oneI\000\000\000\002t\000F\000\000\000\014\004deepS\000\000\000\002er\005i"
                 "nnerF\000\000\000\037\014capabilitiesF\000\000\000\015\012basic.nackt\001"),
           0}}},
    {AMQP_queue_bind,
     "queue.bind",
     BYTES("\0002\000\024\000\000\000\000\000\001\000\000\000\000"),
     {.queue_bind = {0x0, BYTES(""), BYTES(""), BYTES(""), true, BYTES(""), 0}}},
    {AMQP_queue_bind_ok, "queue.bind_ok", BYTES("\0002\000\025"), {.queue_bind_ok = {0}}},
    {AMQP_queue_purge,
     "queue.purge",
     BYTES("\0002\000\036\000\000\001q\001"),
     {.queue_purge = {0x0, BYTES("q"), true, 0}}},
    {AMQP_queue_purge_ok,
     "queue.purge_ok",
     BYTES("\0002\000\037\377\376\375\374"),
     {.queue_purge_ok = {0xfffefdfc, 0}}},
    {AMQP_queue_delete,
     "queue.delete",
     BYTES("\0002\000(\000\000\001q\001"),
     {.queue_delete = {0x0, BYTES("q"), true, false, false, 0}}},
    {AMQP_queue_delete,
     "queue.delete",
     BYTES("\0002\000(\000\000\001q\002"),
     {.queue_delete = {0x0, BYTES("q"), false, true, false, 0}}},
    {AMQP_queue_delete,
     "queue.delete",
     BYTES("\0002\000(\000\000\001q\004"),
     {.queue_delete = {0x0, BYTES("q"), false, false, true, 0}}},
    {AMQP_queue_delete_ok,
     "queue.delete_ok",
     BYTES("\0002\000)\000\000\000\003"),
     {.queue_delete_ok = {0x3, 0}}},
    {AMQP_queue_unbind,
     "queue.unbind",
     BYTES("\0002\0002\000\000\001q\004logs\003key\000\000\000\321\014x-queue-"
           "typeS\000\000\000\007classic\011x-expiresI\000\033w@\005x-"
           "bigl\000\000\001\000\000\000\000\000\012x-"
           "negativeI\377\377\377\373\004flagt\001\007nothingV\004blobx\000\000\000\002\000\377\005priceD\002"
           "\000\000\001:\004whenT\000\000\000\000e\340q\300\004listA\000\000\000 "
           "S\000\000\000\003oneI\000\000\000\002t\000F\000\000\000\014\004deepS\000\000\000\002er\005innerF"
           "\000\000\000\037\014capabilitiesF\000\000\000\015\012basic.nackt\001"),
     {.queue_unbind =
          {0x0, BYTES("q"), BYTES("logs"), BYTES("key"),
           BYTES("\014x-queue-typeS\000\000\000\007classic\011x-expiresI\000\033w@\005x-"
                 "bigl\000\000\001\000\000\000\000\000\012x-"
                 "negativeI\377\377\377\373\004flagt\001\007nothingV\004blobx\000\000\000\002\000\377\005pric"
                 "eD\002\000\000\001:\004whenT\000\000\000\000e\340q\300\004listA\000\000\000 "
                 "S\000\000\000\003oneI\000\000\000\002t\000F\000\000\000\014\004deepS\000\000\000\002er\005i"
                 "nnerF\000\000\000\037\014capabilitiesF\000\000\000\015\012basic.nackt\001"),
           0}}},
    {AMQP_queue_unbind_ok, "queue.unbind_ok", BYTES("\0002\0003"), {.queue_unbind_ok = {0}}},
    {AMQP_basic_qos,
     "basic.qos",
     BYTES("\000<\000\012\001\002\003\004\005\006\001"),
     {.basic_qos = {0x1020304, 0x506, true, 0}}},
    {AMQP_basic_qos,
     "basic.qos",
     BYTES("\000<\000\012\000\000\000\000\000d\000"),
     {.basic_qos = {0x0, 0x64, false, 0}}},
    {AMQP_basic_qos_ok, "basic.qos_ok", BYTES("\000<\000\013"), {.basic_qos_ok = {0}}},
    {AMQP_basic_consume,
     "basic.consume",
     BYTES("\000<\000\024\000\000\001q\000\002\000\000\000\000"),
     {.basic_consume = {0x0, BYTES("q"), BYTES(""), false, true, false, false, BYTES(""), 0}}},
    {AMQP_basic_consume,
     "basic.consume",
     BYTES("\000<\000\024\000\000\001q\027gr\303\274n-\320\237\321\200\320\270\320\262\320\265\321\202-"
           "\360\237\230\200\005\000\000\000\321\014x-queue-typeS\000\000\000\007classic\011x-"
           "expiresI\000\033w@\005x-bigl\000\000\001\000\000\000\000\000\012x-"
           "negativeI\377\377\377\373\004flagt\001\007nothingV\004blobx\000\000\000\002\000\377\005priceD\002"
           "\000\000\001:\004whenT\000\000\000\000e\340q\300\004listA\000\000\000 "
           "S\000\000\000\003oneI\000\000\000\002t\000F\000\000\000\014\004deepS\000\000\000\002er\005innerF"
           "\000\000\000\037\014capabilitiesF\000\000\000\015\012basic.nackt\001"),
     {.basic_consume =
          {0x0, BYTES("q"),
           BYTES("gr\303\274n-\320\237\321\200\320\270\320\262\320\265\321\202-\360\237\230\200"), true,
           false, true,
           false,
           BYTES("\014x-queue-typeS\000\000\000\007classic\011x-expiresI\000\033w@\005x-"
                 "bigl\000\000\001\000\000\000\000\000\012x-"
                 "negativeI\377\377\377\373\004flagt\001\007nothingV\004blobx\000\000\000\002\000\377\005pric"
                 "eD\002\000\000\001:\004whenT\000\000\000\000e\340q\300\004listA\000\000\000 "
                 "S\000\000\000\003oneI\000\000\000\002t\000F\000\000\000\014\004deepS\000\000\000\002er\005i"
                 "nnerF\000\000\000\037\014capabilitiesF\000\000\000\015\012basic.nackt\001"),
           0}}},
    {AMQP_basic_consume,
     "basic.consume",
     BYTES("\000<\000\024\000\000\001q\004ctag\010\000\000\000\321\014x-queue-"
           "typeS\000\000\000\007classic\011x-expiresI\000\033w@\005x-"
           "bigl\000\000\001\000\000\000\000\000\012x-"
           "negativeI\377\377\377\373\004flagt\001\007nothingV\004blobx\000\000\000\002\000\377\005priceD\002"
           "\000\000\001:\004whenT\000\000\000\000e\340q\300\004listA\000\000\000 "
           "S\000\000\000\003oneI\000\000\000\002t\000F\000\000\000\014\004deepS\000\000\000\002er\005innerF"
           "\000\000\000\037\014capabilitiesF\000\000\000\015\012basic.nackt\001"),
     {.basic_consume =
          {0x0, BYTES("q"), BYTES("ctag"), false, false, false, true,
           BYTES("\014x-queue-typeS\000\000\000\007classic\011x-expiresI\000\033w@\005x-"
                 "bigl\000\000\001\000\000\000\000\000\012x-"
                 "negativeI\377\377\377\373\004flagt\001\007nothingV\004blobx\000\000\000\002\000\377\005pric"
                 "eD\002\000\000\001:\004whenT\000\000\000\000e\340q\300\004listA\000\000\000 "
                 "S\000\000\000\003oneI\000\000\000\002t\000F\000\000\000\014\004deepS\000\000\000\002er\005i"
                 "nnerF\000\000\000\037\014capabilitiesF\000\000\000\015\012basic.nackt\001"),
           0}}},
    {AMQP_basic_consume_ok,
     "basic.consume_ok",
     BYTES("\000<\000\025\012amq.ctag-1"),
     {.basic_consume_ok = {BYTES("amq.ctag-1"), 0}}},
    {AMQP_basic_cancel,
     "basic.cancel",
     BYTES("\000<\000\036\012amq.ctag-1\001"),
     {.basic_cancel = {BYTES("amq.ctag-1"), true, 0}}},
    {AMQP_basic_cancel_ok,
     "basic.cancel_ok",
     BYTES("\000<\000\037\000"),
     {.basic_cancel_ok = {BYTES(""), 0}}},
    {AMQP_basic_publish,
     "basic.publish",
     BYTES("\000<\000(\000\000\000\001q\000"),
     {.basic_publish = {0x0, BYTES(""), BYTES("q"), false, false, 0}}},
    {AMQP_basic_publish,
     "basic.publish",
     BYTES("\000<\000(\000\000\011amq.topic\005a.b.c\001"),
     {.basic_publish = {0x0, BYTES("amq.topic"), BYTES("a.b.c"), true, false, 0}}},
    {AMQP_basic_publish,
     "basic.publish",
     BYTES("\000<\000("
           "\001\002\377nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"
           "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"
           "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn\027gr\303\274n-"
           "\320\237\321\200\320\270\320\262\320\265\321\202-\360\237\230\200\002"),
     {.basic_publish =
          {0x102,
           BYTES("nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"
                 "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"
                 "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"),
           BYTES("gr\303\274n-\320\237\321\200\320\270\320\262\320\265\321\202-\360\237\230\200"), false,
           true, 0}}},
    {AMQP_basic_return,
     "basic.return",
     BYTES("\000<\0002\0018\010NO_ROUTE\002ex\003key"),
     {.basic_return = {0x138, BYTES("NO_ROUTE"), BYTES("ex"), BYTES("key"), 0}}},
    {AMQP_basic_deliver,
     "basic.deliver",
     BYTES("\000<\000<\004ctag\001\002\003\004\005\006\007\010\001\002ex\003key"),
     {.basic_deliver = {BYTES("ctag"), 0x102030405060708, true, BYTES("ex"), BYTES("key"), 0}}},
    {AMQP_basic_deliver,
     "basic.deliver",
     BYTES("\000<\000<"
           "\000\000\000\000\000\000\000\000\001\000\000\377nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"
           "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"
           "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"
           "nnnnnnnnnnnn"),
     {.basic_deliver =
          {BYTES(""), 0x1, false, BYTES(""),
           BYTES("nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"
                 "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"
                 "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"),
           0}}},
    {AMQP_basic_get,
     "basic.get",
     BYTES("\000<\000F\000\000\001q\001"),
     {.basic_get = {0x0, BYTES("q"), true, 0}}},
    {AMQP_basic_get,
     "basic.get",
     BYTES("\000<\000F\000\000\001q\000"),
     {.basic_get = {0x0, BYTES("q"), false, 0}}},
    {AMQP_basic_get_ok,
     "basic.get_ok",
     BYTES("\000<\000G\377\376\375\374\373\372\371\370\001\002ex\003key\001\002\003\004"),
     {.basic_get_ok = {0xfffefdfcfbfaf9f8, true, BYTES("ex"), BYTES("key"), 0x1020304, 0}}},
    {AMQP_basic_get_empty, "basic.get_empty", BYTES("\000<\000H\000"), {.basic_get_empty = {BYTES(""), 0}}},
    {AMQP_basic_ack,
     "basic.ack",
     BYTES("\000<\000P\001\002\003\004\005\006\007\010\001"),
     {.basic_ack = {0x102030405060708, true, 0}}},
    {AMQP_basic_ack,
     "basic.ack",
     BYTES("\000<\000P\000\000\000\000\000\000\000\000\000"),
     {.basic_ack = {0x0, false, 0}}},
    {AMQP_basic_reject,
     "basic.reject",
     BYTES("\000<\000Z\000\000\000\000\000\000\000\007\001"),
     {.basic_reject = {0x7, true, 0}}},
    {AMQP_basic_recover_async,
     "basic.recover_async",
     BYTES("\000<\000d\001"),
     {.basic_recover_async = {true, 0}}},
    {AMQP_basic_recover, "basic.recover", BYTES("\000<\000n\001"), {.basic_recover = {true, 0}}},
    {AMQP_basic_recover, "basic.recover", BYTES("\000<\000n\000"), {.basic_recover = {false, 0}}},
    {AMQP_basic_recover_ok, "basic.recover_ok", BYTES("\000<\000o"), {.basic_recover_ok = {0}}},
    {AMQP_basic_nack,
     "basic.nack",
     BYTES("\000<\000x\000\000\000\000\000\000\000\011\001"),
     {.basic_nack = {0x9, true, false, 0}}},
    {AMQP_basic_nack,
     "basic.nack",
     BYTES("\000<\000x\000\000\000\000\000\000\000\011\002"),
     {.basic_nack = {0x9, false, true, 0}}},
    {AMQP_confirm_select, "confirm.select", BYTES("\000U\000\012\001"), {.confirm_select = {true, 0}}},
    {AMQP_confirm_select_ok, "confirm.select_ok", BYTES("\000U\000\013"), {.confirm_select_ok = {0}}},
    {AMQP_tx_select, "tx.select", BYTES("\000Z\000\012"), {.tx_select = {0}}},
    {AMQP_tx_select_ok, "tx.select_ok", BYTES("\000Z\000\013"), {.tx_select_ok = {0}}},
    {AMQP_tx_commit, "tx.commit", BYTES("\000Z\000\024"), {.tx_commit = {0}}},
    {AMQP_tx_commit_ok, "tx.commit_ok", BYTES("\000Z\000\025"), {.tx_commit_ok = {0}}},
    {AMQP_tx_rollback, "tx.rollback", BYTES("\000Z\000\036"), {.tx_rollback = {0}}},
    {AMQP_tx_rollback_ok, "tx.rollback_ok", BYTES("\000Z\000\037"), {.tx_rollback_ok = {0}}},
    {AMQP_connection_update_secret,
     "connection.update_secret",
     BYTES("\000\012\000F\000\000\000\012new\000secret\007refresh"),
     {.connection_update_secret = {BYTES("new\000secret"), BYTES("refresh"), 0}}},
    {AMQP_connection_update_secret_ok,
     "connection.update_secret_ok",
     BYTES("\000\012\000G"),
     {.connection_update_secret_ok = {0}}},
    {AMQP_queue_bind,
     "queue.bind",
     BYTES("\0002\000\024\000\000\001q\001e\001k\000\000\000\000\207\001tt\001\001bb\200\001BB\377\001ss\200"
           "\000\001uu\377\377\001II\200\000\000\000\001ii\377\377\377\377\001ll\200\000\000\000\000\000\000"
           "\001\001LL\000\000\000\000\000\000\000\002\001ff\077\200\000\000\001dd\077\370\000\000\000\000"
           "\000\000\001DD\002\000\000\001:"
           "\001SS\000\000\000\002hi\001AA\000\000\000\003Vt\000\001FF\000\000\000\003\001kV\001TT\000\000"
           "\000\000e\340|@\001VV\001xx\000\000\000\001\000"),
     {.queue_bind =
          {0x0, BYTES("q"), BYTES("e"), BYTES("k"), false,
           BYTES("\001tt\001\001bb\200\001BB\377\001ss\200\000\001uu\377\377\001II\200\000\000\000\001ii\377"
                 "\377\377\377\001ll\200\000\000\000\000\000\000\001\001LL\000\000\000\000\000\000\000\002"
                 "\001ff\077\200\000\000\001dd\077\370\000\000\000\000\000\000\001DD\002\000\000\001:"
                 "\001SS\000\000\000\002hi\001AA\000\000\000\003Vt\000\001FF\000\000\000\003\001kV\001TT\000"
                 "\000\000\000e\340|@\001VV\001xx\000\000\000\001\000"),
           0}}},
    {AMQP_basic_nack,
     "basic.nack",
     BYTES("\000<\000x\000\000\000\000\000\000\000\001\003"),
     {.basic_nack = {0x1, true, true, 0}}},
    {AMQP_queue_declare,
     "queue.declare",
     BYTES("\0002\000\012\000\000\001q\037\000\000\000\000"),
     {.queue_declare = {0x0, BYTES("q"), true, true, true, true, true, BYTES(""), 0}}},
};

/* Whole frames. */
#define FRAME_HEARTBEAT BYTES("\010\000\000\000\000\000\000\316")
#define FRAME_METHOD    BYTES("\001\001\002\000\000\000\016\000<\000(\000\000\002ex\003key\001\316")
#define FRAME_BODY      BYTES("\003\000\007\000\000\000\005hello\316")
#define FRAME_HEADER_NONE                                                                                    \
    BYTES("\002\003\004\000\000\000\016\000<\000\000\001\002\003\004\005\006\007\010\000\000\316")
#define FRAME_HEADER_PERSISTENT                                                                              \
    BYTES("\002\003\004\000\000\000\017\000<\000\000\001\002\003\004\005\006\007\010\020\000\002\316")
#define FRAME_HEADER_HEADERS                                                                                 \
    BYTES("\002\003\004\000\000\000\032\000<\000\000\001\002\003\004\005\006\007\010 "                       \
          "\000\000\000\000\010\001kS\000\000\000\001v\316")
#define FRAME_HEADER_FULL                                                                                    \
    BYTES("\002\003\004\000\000\0016\000<\000\000\001\002\003\004\005\006\007\010\377\374\012text/"          \
          "plain\005utf-8\000\000\000\321\014x-queue-typeS\000\000\000\007classic\011x-expiresI\000\033w@"   \
          "\005x-bigl\000\000\001\000\000\000\000\000\012x-"                                                 \
          "negativeI\377\377\377\373\004flagt\001\007nothingV\004blobx\000\000\000\002\000\377\005priceD"    \
          "\002\000\000\001:\004whenT\000\000\000\000e\340q\300\004listA\000\000\000 "                       \
          "S\000\000\000\003oneI\000\000\000\002t\000F\000\000\000\014\004deepS\000\000\000\002er\005innerF" \
          "\000\000\000\037\014capabilitiesF\000\000\000\015\012basic.nackt\001\002\011\003c-1\025amq."      \
          "rabbitmq.reply-to\00560000\003m-1\000\000\000\000e\340q\300\001t\005guest\003app\007cluster\316")
