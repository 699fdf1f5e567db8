#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// Hands out tasks: each argument is a number, and counting the primes below it is somebody's work.
import { connect, usage } from "./example.js";

const numbers = process.argv.slice(2);
usage(numbers.length > 0 && numbers.every((number) => /^\d+$/.test(number)), "work_queue_send.js NUMBER...");

const connection = await connect();
const channel = await connection.createChannel();
// Queue and messages are made to outlive a restart of the broker: work is not thrown away.
await channel.assertQueue("work", { durable: true });
for (const number of numbers) {
  channel.sendToQueue("work", Buffer.from(number), { persistent: true, contentType: "text/plain" });
  console.log(`sent task ${number}`);
}
await channel.close(); // returns when everything sent before has arrived
await connection.close();
