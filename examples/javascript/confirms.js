#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// Publishes messages and has the broker confirm each; then one that no queue wants, to see it come back.
import { connect, usage } from "./example.js";

const [argument = "100", ...more] = process.argv.slice(2);
usage(/^\d+$/.test(argument) && more.length === 0, "confirms.js [COUNT]");
const count = Number(argument);

const connection = await connect();
const channel = await connection.createConfirmChannel();
const { queue } = await channel.assertQueue("", { exclusive: true, durable: false });

// Publishing does not wait: the confirms come in while further messages go out. Each message has its own callback.
let confirmed = 0;
for (let number = 0; number < count; number++) {
  channel.sendToQueue(queue, Buffer.from(`message ${number}`), {}, (refused) => {
    if (refused) console.error(`message ${number} was refused`);
    else confirmed++;
  });
}
await channel.waitForConfirms(); // throws if one was refused
console.log(`${confirmed} messages confirmed`);

channel.on("return", (message) => console.log(`returned: ${message.fields.replyText}`));
channel.publish("", "confirms.nobody", Buffer.from("is anybody there?"), { mandatory: true });
await channel.waitForConfirms(); // what comes back comes before its confirm
await connection.close();
