#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// Reports the weather on a topic, words joined by dots: weather.PLACE.KIND
import { connect, usage } from "./example.js";

const [topic, ...messages] = process.argv.slice(2);
usage(messages.length > 0, "topics_emit.js TOPIC MESSAGE...");

const connection = await connect();
const channel = await connection.createChannel();
await channel.assertExchange("reports", "topic", { durable: false });
for (const message of messages) {
  channel.publish("reports", topic, Buffer.from(message));
  console.log(`sent ${topic}: ${message}`);
}
await channel.close();
await connection.close();
