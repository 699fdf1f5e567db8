#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// Hears reports whose topic matches a pattern: * stands for one word, # for any number of words, none included.
// For example: topics_receive.js 'weather.*.rain' 'weather.cusco.#'
import { connect, usage, waitForever } from "./example.js";

const patterns = process.argv.slice(2);
usage(patterns.length > 0, "topics_receive.js PATTERN...");

const connection = await connect();
const channel = await connection.createChannel();
await channel.assertExchange("reports", "topic", { durable: false });
const { queue } = await channel.assertQueue("", { exclusive: true, durable: false });
// A report that matches two patterns still comes once.
for (const pattern of patterns) await channel.bindQueue(queue, "reports", pattern);
await channel.consume(queue, (report) => report && console.log(`${report.fields.routingKey}: ${report.content}`), {
  noAck: true,
});
waitForever(connection, "reports");
