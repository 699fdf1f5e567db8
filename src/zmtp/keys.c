/* SPDX-License-Identifier: Apache-2.0
 *
 * keys.c: files of keys, line by line. A message never quotes what may be a secret. */
#include "zmtp/keys.h"

#include <sodium.h>

#include "base/alloc.h"
#include "base/text.h"
#include "base/z85.h"

#define KEY_BYTES ZMTP_CURVE_KEY_BYTES
#define KEY_CHARS Z85_CHARS(KEY_BYTES)

void zmtp_key_pair_make(const random_source_t *random, zmtp_key_pair_t *out)
{
    random->fill(random->context, out->secret_key, KEY_BYTES);
    crypto_scalarmult_base(out->public_key, out->secret_key);
}

void zmtp_key_pair_wipe(zmtp_key_pair_t *pair)
{
    sodium_memzero(pair, sizeof *pair);
}

bool zmtp_key_parse(bytes_t text, uint8_t key[KEY_BYTES])
{
    return text.len == KEY_CHARS && z85_decode(text, key) && !sodium_is_zero(key, KEY_BYTES);
}

/* ---- lines and words ---- */

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* Takes blanks and the word behind them off the front of `line`; "" if there is none, or only a comment. */
static bytes_t next_word(bytes_t *line)
{
    size_t begin = 0;
    while (begin < line->len && is_blank(line->data[begin]))
        begin++;
    size_t end = begin;
    while (end < line->len && !is_blank(line->data[end]))
        end++;
    bytes_t word = bytes_make(line->data + begin, end - begin);
    bool comment = bytes_starts_with(word, BYTES("#"));
    *line = comment ? BYTES("") : bytes_make(line->data + end, line->len - end);
    return comment ? BYTES("") : word;
}

typedef struct lines {
    bytes_t left;
    size_t number; /* of the line that was taken last, from 1 on */
} lines_t;

static bool next_line(lines_t *lines, bytes_t *line)
{
    if (lines->left.len == 0)
        return false;
    const uint8_t *end = memchr(lines->left.data, '\n', lines->left.len);
    size_t len = end ? (size_t)(end - lines->left.data) : lines->left.len;
    size_t taken = len + (end != NULL);
    *line = bytes_make(lines->left.data, len);
    lines->left = bytes_make(lines->left.data + taken, lines->left.len - taken);
    lines->number++;
    return true;
}

/* The next line that says something: its first word, and the rest. */
static bool next_said(lines_t *lines, bytes_t *word, bytes_t *rest)
{
    while (next_line(lines, rest)) {
        *word = next_word(rest);
        if (word->len > 0)
            return true;
    }
    return false;
}

/* ---- a key pair ---- */

static const char *const names[] = {"public", "secret"};

/* 0 public, 1 secret, -1 neither; takes what stands before the key off the line. */
static int take_name(bytes_t word, bytes_t *rest)
{
    for (int i = 0; i < 2; i++) {
        bytes_t name = bytes_string(names[i]);
        if (!bytes_starts_with(word, name))
            continue;
        bytes_t line = bytes_make(word.data + name.len, word.len - name.len + rest->len);
        while (line.len > 0 && is_blank(line.data[0]))
            line = bytes_make(line.data + 1, line.len - 1);
        if (line.len == 0 || line.data[0] != '=')
            return -1;
        *rest = bytes_make(line.data + 1, line.len - 1);
        return i;
    }
    return -1;
}

bool zmtp_is_key_pair(bytes_t text)
{
    lines_t lines = {.left = text};
    bytes_t word, rest;
    return next_said(&lines, &word, &rest) && take_name(word, &rest) >= 0;
}

static int parse_pair_line(bytes_t word, bytes_t rest, size_t number, uint8_t *const keys[2], size_t seen[2],
                           error_t *err)
{
    int which = take_name(word, &rest);
    if (which < 0)
        return error_set(err, "line %zu: expected 'public = KEY' or 'secret = KEY'", number);
    if (seen[which] > 0)
        return error_set(err, "line %zu: %s again, after line %zu", number, names[which], seen[which]);
    seen[which] = number;
    if (!zmtp_key_parse(next_word(&rest), keys[which]) || next_word(&rest).len > 0)
        return error_set(err, "line %zu: %s: expected a key, %d characters of Z85", number, names[which],
                         KEY_CHARS);
    return 0;
}

static int parse_pair(bytes_t text, zmtp_key_pair_t *out, error_t *err)
{
    lines_t lines = {.left = text};
    bytes_t word, rest;
    uint8_t derived[KEY_BYTES], *const keys[2] = {out->public_key, out->secret_key};
    size_t seen[2] = {0};
    while (next_said(&lines, &word, &rest))
        if (parse_pair_line(word, rest, lines.number, keys, seen, err) != 0)
            return -1;
    for (int i = 0; i < 2; i++)
        if (seen[i] == 0)
            return error_set(err, "line %zu: the end, and there was no '%s = KEY'", lines.number + 1,
                             names[i]);
    crypto_scalarmult_base(derived, out->secret_key);
    if (memcmp(derived, out->public_key, KEY_BYTES) != 0)
        return error_set(err, "line %zu: this public key does not belong to the secret one of line %zu",
                         seen[0], seen[1]);
    return 0;
}

int zmtp_key_pair_parse(bytes_t text, zmtp_key_pair_t *out, error_t *err)
{
    int rc = parse_pair(text, out, err);
    if (rc != 0)
        zmtp_key_pair_wipe(out);
    return rc;
}

void zmtp_key_pair_write(const zmtp_key_pair_t *pair, buffer_t *out)
{
    char key[KEY_CHARS + 1];
    write_bytes(out, BYTES("# A key pair of CURVE. The public key is for everybody who connects, the secret "
                           "one for nobody.\n"
                           "public = "));
    z85_encode(bytes_make(pair->public_key, KEY_BYTES), key);
    write_bytes(out, bytes_string(key));
    write_bytes(out, BYTES("\nsecret = "));
    z85_encode(bytes_make(pair->secret_key, KEY_BYTES), key);
    write_bytes(out, bytes_string(key));
    write_u8(out, '\n');
    sodium_memzero(key, sizeof key);
}

/* ---- clients ---- */

static bool is_user(bytes_t name)
{
    for (size_t i = 0; i < name.len; i++)
        if (name.data[i] < 0x20 || name.data[i] == 0x7f)
            return false;
    return name.len > 0 && name.len < sizeof((zmtp_curve_user_t *)0)->user && bytes_are_utf8(name);
}

static int parse_user(bytes_t key, bytes_t rest, size_t number, zmtp_curve_user_t *out, error_t *err)
{
    if (!zmtp_key_parse(key, out->key))
        return error_set(err, "line %zu: expected a key, %d characters of Z85, and a user", number,
                         KEY_CHARS);
    bytes_t user = next_word(&rest);
    if (!is_user(user))
        return error_set(err, "line %zu: expected a user behind the key, 1 to %zu octets of UTF-8", number,
                         sizeof out->user - 1);
    if (next_word(&rest).len > 0)
        return error_set(err, "line %zu: expected nothing behind the user", number);
    memcpy(out->user, user.data, user.len);
    out->user[user.len] = '\0';
    return 0;
}

static int refuse_double(const zmtp_curve_user_t *users, size_t count, size_t number, error_t *err)
{
    for (size_t i = 0; i < count; i++)
        if (memcmp(users[i].key, users[count].key, KEY_BYTES) == 0)
            return error_set(err, "line %zu: this key is there already, of user '%s'", number, users[i].user);
    return 0;
}

int zmtp_curve_users_parse(bytes_t text, zmtp_curve_user_t **users, size_t *count, error_t *err)
{
    lines_t lines = {.left = text};
    bytes_t word, rest;
    size_t capacity = 0;
    *count = 0;
    *users = mem_grow(NULL, sizeof **users, 0, &capacity, 16);
    while (next_said(&lines, &word, &rest)) {
        *users = mem_grow(*users, sizeof **users, *count, &capacity, 16);
        if (parse_user(word, rest, lines.number, &(*users)[*count], err) != 0 ||
            refuse_double(*users, *count, lines.number, err) != 0) {
            mem_free(*users);
            *users = NULL;
            *count = 0;
            return -1;
        }
        ++*count;
    }
    return 0;
}
