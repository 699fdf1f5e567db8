#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// Handles events whose topic begins with PREFIX: their body is an amount, and 18 % of it is tax. Whoever published an event
// waits for this answer. The members of one GROUP share its events; without a GROUP this program is a group of its own.
// For example: events_handler.js orders. tax
import { Dealer } from "zeromq";
import { busUrl, usage } from "./example.js";

const [prefix, ...group] = process.argv.slice(2);
usage(prefix !== undefined && group.length < 2, "events_handler.js PREFIX [GROUP]");

/** What goes back for [id, "", topic, payload...]: the same id, and the result; or, behind a second "", the reason. */
function answer([id, , topic, ...payload]) {
  const body = payload.join("");
  const isAmount = /^\d+$/.test(body);
  const result = isAmount ? `tax ${((Number(body) * 18) / 100).toFixed(2)}` : `${body} is no amount`;
  // The id begins with the event's number. Who keeps the last one with his data knows an event that comes twice.
  console.log(`event ${String(id).split("/")[0]}, ${topic} ${body}: ${result}`);
  return isAmount ? [id, "", result] : [id, "", "", result];
}

const bus = new Dealer({ linger: 1000 });
const join = Buffer.from(`\x01${prefix}`);
// After a restart of the bus ZeroMQ connects again by itself, but the bus does not know us any more: so we join whenever a
// connection has come about, the first time too.
bus.events.on("handshake", () => bus.send([join, ...group]));
bus.connect(busUrl);
process.once("SIGINT", () => bus.close());

for await (const message of bus) {
  if (join.equals(message[0])) console.log("waiting for events, Ctrl-C ends"); // the bus says the same: we are in
  else await bus.send(answer(message));
}
