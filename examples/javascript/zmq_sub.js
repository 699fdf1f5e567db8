#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// Hears messages on the bus whose topic begins with one of the prefixes, whoever published them, on whichever wire.
// For example: zmq_sub.js weather.
import { Subscriber } from "zeromq";
import { busUrl, usage } from "./example.js";

const prefixes = process.argv.slice(2);
usage(prefixes.length > 0, "zmq_sub.js PREFIX...");

const bus = new Subscriber();
bus.connect(busUrl);
bus.subscribe(...prefixes);
process.once("SIGINT", () => bus.close());
console.log("waiting for messages, Ctrl-C ends");
for await (const [topic, ...body] of bus) console.log(`${topic}: ${body.join("")}`);
