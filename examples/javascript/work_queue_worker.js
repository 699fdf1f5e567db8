#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// Takes tasks from the work queue, one at a time. Start as many workers as there is work for.
import { connect, usage, waitForever } from "./example.js";

function countPrimesBelow(limit) {
  const composite = new Uint8Array(limit);
  let count = 0;
  for (let candidate = 2; candidate < limit; candidate++) {
    if (composite[candidate]) continue;
    count++;
    for (let multiple = candidate * candidate; multiple < limit; multiple += candidate) composite[multiple] = 1;
  }
  return count;
}

usage(process.argv.length === 2, "work_queue_worker.js");

const connection = await connect();
const channel = await connection.createChannel();
await channel.assertQueue("work", { durable: true });
await channel.prefetch(1); // the next task only when this one is done: idle workers go first
await channel.consume("work", (task) => {
  if (task === null) return; // the queue was deleted
  const limit = Number(task.content);
  console.log(`primes below ${limit}: ${countPrimesBelow(limit)}`);
  // Only now is the task done. Had this worker died before, another one would get it.
  channel.ack(task);
});
waitForever(connection, "tasks");
