/* SPDX-License-Identifier: Apache-2.0
 *
 * codec_plain.c: what the commands of PLAIN carry (RFC 24).
 *
 *   HELLO      username-length:1 username password-length:1 password
 *   WELCOME    nothing
 *   INITIATE   metadata                       codec_metadata.c
 *   READY      metadata
 *   ERROR      reason-length:1 reason         codec_command.c
 *
 * Valid if every octet is used: libzmq refuses a HELLO or WELCOME with something behind it. */
#include <assert.h>

#include "zmtp/codec.h"

zmtp_result_t zmtp_plain_hello_decode(bytes_t data, zmtp_plain_hello_t *out)
{
    bytes_reader_t r = bytes_reader(data);
    out->username = read_short_string(&r);
    out->password = read_short_string(&r);
    return reader_done(&r) ? ZMTP_DECODED : ZMTP_REFUSED_COMMAND_MALFORMED;
}

void zmtp_write_plain_hello(buffer_t *b, const zmtp_plain_hello_t *hello)
{
    assert(hello->username.len <= UINT8_MAX && hello->password.len <= UINT8_MAX);
    zmtp_write_command_head(b, ZMTP_COMMAND_HELLO, 1 + hello->username.len + 1 + hello->password.len);
    write_short_string(b, hello->username);
    write_short_string(b, hello->password);
}

zmtp_result_t zmtp_plain_welcome_decode(bytes_t data)
{
    return data.len == 0 ? ZMTP_DECODED : ZMTP_REFUSED_COMMAND_MALFORMED;
}

void zmtp_write_plain_welcome(buffer_t *b)
{
    zmtp_write_command(b, ZMTP_COMMAND_WELCOME, BYTES(""));
}
