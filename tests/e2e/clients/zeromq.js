// SPDX-License-Identifier: Apache-2.0
// Sockets of zeromq.js, led by lines on stdin as czmq.c is.
import readline from "node:readline";
import * as zmq from "zeromq";

const types = { PUB: zmq.Publisher, SUB: zmq.Subscriber, REQ: zmq.Request, REP: zmq.Reply, DEALER: zmq.Dealer,
                ROUTER: zmq.Router, PULL: zmq.Pull, PUSH: zmq.Push };
const limitMs = 10000;
const sockets = new Map();

const frame = (text) => Buffer.from(text === "-" ? "" : text, "hex");
const text = (octets) => (octets.length === 0 ? "-" : octets.toString("hex"));

const orders = {
    open(name, type, address) {
        const timeouts = type === "PUB" || type === "PUSH" ? {} : { receiveTimeout: limitMs };
        if (type !== "SUB" && type !== "PULL")
            timeouts.sendTimeout = limitMs;
        const socket = new types[type]({ linger: 0, ...timeouts });
        if (type === "SUB" || type === "PULL")
            socket.receiveTimeout = limitMs;
        socket.connect(address);
        sockets.set(name, socket);
        return "ok";
    },
    subscribe(name, prefix) {
        sockets.get(name).subscribe(frame(prefix));
        return "ok";
    },
    async send(name, ...frames) {
        await sockets.get(name).send(frames.map(frame));
        return "ok";
    },
    async receive(name) {
        return (await sockets.get(name).receive()).map(text).join(" ");
    },
    close(name) {
        sockets.get(name).close();
        sockets.delete(name);
        return "ok";
    },
};

for await (const line of readline.createInterface({ input: process.stdin })) {
    const [order, ...words] = line.trim().split(" ");
    try {
        console.log(await orders[order](...words));
    } catch (error) {
        console.log(error.code === "EAGAIN" ? "nothing" : `error ${error}`);
    }
}
process.exit(0);
