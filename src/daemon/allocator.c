/* SPDX-License-Identifier: Apache-2.0
 *
 * allocator.c: how jemalloc, which the daemon is linked with, is to behave; without it nobody reads this.
 *
 * One arena: messages are made by one thread and freed by another, and what the one gave up is what the other needs.
 * Memory that is free for half a second goes back to the machine, by a thread of its own, so that it does also when
 * nothing happens any more. The library looks for the name in the program, so it must be seen from there. */
extern const char *malloc_conf __attribute__((visibility("default")));
const char *malloc_conf = "narenas:1,dirty_decay_ms:500,muzzy_decay_ms:0,background_thread:true";
