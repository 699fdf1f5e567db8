#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// Hears the alerts of the severities that are named, and no others.
import { connect, usage, waitForever } from "./example.js";

const severities = process.argv.slice(2);
usage(severities.length > 0, "routing_receive.js SEVERITY...");

const connection = await connect();
const channel = await connection.createChannel();
await channel.assertExchange("alerts", "direct", { durable: false });
const { queue } = await channel.assertQueue("", { exclusive: true, durable: false });
// One binding for each word; a direct exchange compares it exactly.
for (const severity of severities) await channel.bindQueue(queue, "alerts", severity);
await channel.consume(queue, (alert) => alert && console.log(`${alert.fields.routingKey}: ${alert.content}`), {
  noAck: true,
});
waitForever(connection, "alerts");
