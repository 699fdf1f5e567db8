#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// Publishes messages on the bus: whoever subscribes to their topic gets them, on either wire.
// For example: zmq_pub.js weather.cusco 'take a coat'
import { XPublisher } from "zeromq";
import { busUrl, usage } from "./example.js";

const [topic, ...messages] = process.argv.slice(2);
usage(messages.length > 0, "zmq_pub.js TOPIC MESSAGE...");

const bus = new XPublisher();
bus.connect(busUrl);
// A Publisher drops what it sends before somebody subscribes. This one hears of it: the bus wants everything.
await bus.receive();
for (const message of messages) {
  await bus.send([topic, message]);
  console.log(`sent ${topic}: ${message}`);
}
bus.close();
