#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// Tells everybody who listens now; nobody listening is fine too.
import { connect, usage } from "./example.js";

const messages = process.argv.slice(2);
usage(messages.length > 0, "publish_subscribe_emit.js MESSAGE...");

const connection = await connect();
const channel = await connection.createChannel();
await channel.assertExchange("news", "fanout", { durable: false });
for (const message of messages) {
  channel.publish("news", "", Buffer.from(message));
  console.log(`sent ${message}`);
}
await channel.close();
await connection.close();
