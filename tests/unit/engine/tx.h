/* SPDX-License-Identifier: Apache-2.0
 *
 * tx.h: what a channel asks for with transactions. */
#pragma once

#include "engine/expect.h"

static inline void tx_select(chan_t ch)
{
    push_simple(ch, COMMAND_TX_SELECT, 0);
    expect_ok(ch);
}

static inline void commit(chan_t ch)
{
    push_simple(ch, COMMAND_TX_COMMIT, 0);
}

static inline void committed(chan_t ch)
{
    commit(ch);
    expect_ok(ch);
}

static inline void rolled_back(chan_t ch)
{
    push_simple(ch, COMMAND_TX_ROLLBACK, 0);
    expect_ok(ch);
}
