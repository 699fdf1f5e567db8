#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// Raises an alert of some severity; only receivers that asked for this severity hear it.
import { connect, usage } from "./example.js";

const [severity, ...messages] = process.argv.slice(2);
usage(messages.length > 0, "routing_emit.js SEVERITY MESSAGE...");

const connection = await connect();
const channel = await connection.createChannel();
await channel.assertExchange("alerts", "direct", { durable: false });
for (const message of messages) {
  channel.publish("alerts", severity, Buffer.from(message));
  console.log(`sent ${severity}: ${message}`);
}
await channel.close();
await connection.close();
