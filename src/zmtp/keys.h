/* SPDX-License-Identifier: Apache-2.0
 *
 * keys.h: files of CURVE keys as text ⇄ structs. Keys are written as Z85: 40 characters. Reading and writing the files is the
 * caller's: one of a key pair should be readable by its owner alone.
 *
 *   key pair   public = KEY
 *              secret = KEY
 *   clients    KEY USER
 *              …
 * Both: a word that begins with # begins a comment (no key does: it would be of more than 256 bits); empty lines mean nothing. */
#pragma once

#include "base/clock.h"
#include "base/error.h"
#include "zmtp/zmtp.h"

typedef struct zmtp_key_pair {
    uint8_t public_key[ZMTP_CURVE_KEY_BYTES];
    uint8_t secret_key[ZMTP_CURVE_KEY_BYTES];
} zmtp_key_pair_t;

/* Draws one. */
void zmtp_key_pair_make(const random_source_t *random, zmtp_key_pair_t *out);

void zmtp_key_pair_wipe(zmtp_key_pair_t *pair);

/* The text of a file. */
void zmtp_key_pair_write(const zmtp_key_pair_t *pair, buffer_t *out);

/* 0; or -1, with the line and what is wrong with it ("line 3: …"), and nothing in `out`. Both keys must be there, and belong
 * together. */
int zmtp_key_pair_parse(bytes_t text, zmtp_key_pair_t *out, error_t *err);

/* True if the first line that is no comment begins as one of a key pair: what it is then, unless it is wrong. */
bool zmtp_is_key_pair(bytes_t text);

/* A key alone, as an option has it; false if it is none, which 40 times 0 is not, either. */
bool zmtp_key_parse(bytes_t text, uint8_t key[ZMTP_CURVE_KEY_BYTES]);

/* Who may connect. 0, with a list that the caller gives to mem_free; it is there (not NULL, which would mean everybody) also
 * when it is empty. Or -1, as above, and no list. No key may be there twice; users have 1 to 255 octets. */
int zmtp_curve_users_parse(bytes_t text, zmtp_curve_user_t **users, size_t *count, error_t *err);
