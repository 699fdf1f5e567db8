#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// Asks for the prime factors of each number and waits for the answers.
import { connect, usage } from "./example.js";

const PATIENCE_MS = 10_000;

const numbers = process.argv.slice(2);
usage(numbers.length > 0 && numbers.every((number) => /^\d+$/.test(number)), "rpc_client.js NUMBER...");

const connection = await connect();
const channel = await connection.createChannel();
await channel.assertQueue("factors", { durable: true });
const { queue: answers } = await channel.assertQueue("", { exclusive: true, durable: false });

const waiting = new Map(numbers.entries()); // the correlation id is the place of the question
const timer = setTimeout(() => {
  console.error(`no answer within ${PATIENCE_MS / 1000} seconds`);
  process.exit(1);
}, PATIENCE_MS);

await new Promise((answered) => {
  channel.consume(
    answers,
    (answer) => {
      const place = Number(answer?.properties.correlationId);
      if (!waiting.has(place)) return; // an answer that came twice, as may happen when a server dies
      console.log(`${waiting.get(place)} = ${answer.content}`);
      waiting.delete(place);
      if (waiting.size === 0) answered();
    },
    { noAck: true },
  );
  for (const [place, number] of waiting) {
    channel.sendToQueue("factors", Buffer.from(number), { replyTo: answers, correlationId: String(place) });
  }
});
clearTimeout(timer);
await connection.close();
