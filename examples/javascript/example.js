// SPDX-License-Identifier: Apache-2.0
// What all examples here share: where the broker is, how a program says what it is used for, and how it ends.
import amqp from "amqplib";

/** Connects to the broker at AMQP_URL. */
export function connect() {
  return amqp.connect(process.env.AMQP_URL ?? "amqp://guest:guest@localhost:5672/%2f");
}

/** Where the bus speaks ZeroMQ. */
export const busUrl = process.env.BUS_URL ?? "tcp://127.0.0.1:5557";

/** Ends the program with its usage line unless `ok`. */
export function usage(ok, line) {
  if (ok) return;
  console.error(`usage: ${line}`);
  process.exit(1);
}

/** Says that the program now waits, and ends it when Ctrl-C comes or the broker closes the connection. */
export function waitForever(connection, what) {
  connection.on("error", (error) => {
    console.error(error.message);
    process.exitCode = 1;
  });
  process.once("SIGINT", () => connection.close());
  console.log(`waiting for ${what}, Ctrl-C ends`);
}
