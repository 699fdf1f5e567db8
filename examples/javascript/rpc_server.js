#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// Answers questions: takes a number from the queue "factors", sends its prime factors to whoever asked.
import { connect, usage, waitForever } from "./example.js";

function primeFactors(number) {
  const factors = [];
  for (let divisor = 2; divisor * divisor <= number; divisor++) {
    while (number % divisor === 0) {
      factors.push(divisor);
      number /= divisor;
    }
  }
  return number > 1 || factors.length === 0 ? [...factors, number] : factors;
}

usage(process.argv.length === 2, "rpc_server.js");

const connection = await connect();
const channel = await connection.createChannel();
await channel.assertQueue("factors", { durable: true });
await channel.prefetch(1);
await channel.consume("factors", (question) => {
  if (question === null) return;
  const number = String(question.content);
  const answer = /^\d+$/.test(number) ? primeFactors(Number(number)).join(" x ") : "not a number";
  console.log(`${number} = ${answer}`);
  // The question says where its answer goes, and bears a mark by which the client knows it again.
  const { replyTo, correlationId } = question.properties;
  channel.sendToQueue(replyTo, Buffer.from(answer), { correlationId });
  channel.ack(question);
});
waitForever(connection, "questions");
