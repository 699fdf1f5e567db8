#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// Hears everything that is emitted while it runs; every receiver hears all of it.
import { connect, usage, waitForever } from "./example.js";

usage(process.argv.length === 2, "publish_subscribe_receive.js");

const connection = await connect();
const channel = await connection.createChannel();
await channel.assertExchange("news", "fanout", { durable: false });
// A queue of our own: the broker invents its name and removes it when this connection ends.
const { queue } = await channel.assertQueue("", { exclusive: true, durable: false });
await channel.bindQueue(queue, "news", "");
await channel.consume(queue, (news) => news && console.log(`news: ${news.content}`), { noAck: true });
waitForever(connection, "news");
