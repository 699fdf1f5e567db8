#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// Publishes events, and waits for each until everybody who handles it is done; prints what they answered.
// For example: events_publisher.js orders.new 100 250
import { Request } from "zeromq";
import { busUrl, usage } from "./example.js";

const [topic, ...bodies] = process.argv.slice(2);
usage(bodies.length > 0, "events_publisher.js TOPIC BODY...");

const bus = new Request({ linger: 0, receiveTimeout: 10_000 });
bus.connect(busUrl);
for (const body of bodies) {
  await bus.send([topic, body]);
  const [message] = await bus.receive(); // comes when the last handler has answered, or the bus waits no longer
  const report = JSON.parse(message);
  console.log(`${topic} ${body}: ${report.status}`);
  for (const handler of report.handlers) {
    console.log(`  ${handler.status}: ${handler.result ?? handler.error ?? ""}`);
  }
}
bus.close();
