# SPDX-License-Identifier: Apache-2.0
"""Requests that change or look at definitions, each with its note in the ledger: MAYBE before it is sent, THERE or
GONE when its answer came."""
from pika import spec

from ledger import GONE, MAYBE, THERE, Exchange, Queue

CHANNEL = 1


def declare_queue(ledger, client, name):
    with ledger.lock:
        queue = ledger.queues.get(name)
        if queue is None or queue.state == GONE:
            queue = ledger.queues[name] = Queue(name)
    client.request(CHANNEL, spec.Queue.Declare(queue=name, durable=True), spec.Queue.DeclareOk)
    queue.state = THERE
    return queue


def delete_queue(ledger, client, name):
    queue = ledger.queues[name]
    queue.state = MAYBE
    client.request(CHANNEL, spec.Queue.Delete(queue=name), spec.Queue.DeleteOk)
    with ledger.lock:
        queue.state = GONE
        ledger.forget_bindings(queue=name)


def purge_queue(ledger, client, name):
    """Nobody consumes from it meanwhile."""
    queue = ledger.queues[name]
    with ledger.lock:
        queue.loose = True  # until the answer: all may be there or none
    client.request(CHANNEL, spec.Queue.Purge(queue=name), spec.Queue.PurgeOk)
    with ledger.lock:
        queue.loose = False
        for copy in queue.copies.values():
            copy.state = GONE


def declare_exchange(ledger, client, name, kind):
    with ledger.lock:
        exchange = ledger.exchanges.get(name)
        if exchange is None or exchange.state == GONE:
            exchange = ledger.exchanges[name] = Exchange(name, kind)
    client.request(CHANNEL, spec.Exchange.Declare(exchange=name, type=exchange.kind, durable=True),
                   spec.Exchange.DeclareOk)
    exchange.state = THERE
    return exchange


def delete_exchange(ledger, client, name):
    exchange = ledger.exchanges[name]
    exchange.state = MAYBE
    client.request(CHANNEL, spec.Exchange.Delete(exchange=name), spec.Exchange.DeleteOk)
    with ledger.lock:
        exchange.state = GONE
        ledger.forget_bindings(exchange=name)


def bind(ledger, client, exchange, queue, key):
    with ledger.lock:
        if ledger.bindings.get((exchange, queue, key)) != THERE:
            ledger.bindings[exchange, queue, key] = MAYBE
    client.request(CHANNEL, spec.Queue.Bind(queue=queue, exchange=exchange, routing_key=key), spec.Queue.BindOk)
    with ledger.lock:
        ledger.bindings[exchange, queue, key] = THERE


def unbind(ledger, client, exchange, queue, key):
    with ledger.lock:
        ledger.bindings[exchange, queue, key] = MAYBE
    client.request(CHANNEL, spec.Queue.Unbind(queue=queue, exchange=exchange, routing_key=key), spec.Queue.UnbindOk)
    with ledger.lock:
        del ledger.bindings[exchange, queue, key]


# ---- after a restart ----

def is_there(client, method, answer):
    """A passive declare: its answer, or None if the channel was closed with 404 (it is open again then)."""
    client.send_method(CHANNEL, method)
    _, got = client.read_method()
    if isinstance(got, answer):
        return got
    assert isinstance(got, spec.Channel.Close) and got.reply_code == 404, f"a passive declare was answered by {got}"
    client.send_method(CHANNEL, spec.Channel.CloseOk())
    client.open_channel(CHANNEL)
    return None


def check_definition(ledger, what, definition, found):
    """After this it is THERE or GONE for sure."""
    if definition.state == THERE and not found:
        ledger.fault("definition", f"{what} {definition.name} is lost")
    if definition.state == GONE and found:
        ledger.fault("deleted", f"{what} {definition.name} is back")
    definition.state = THERE if found else GONE


def check_definitions(ledger, client, rng):
    """Every definition that ever was is looked for; requests that were cut off are found out about or made again."""
    for name, exchange in sorted(ledger.exchanges.items()):
        found = is_there(client, spec.Exchange.Declare(exchange=name, type="direct", passive=True),
                         spec.Exchange.DeclareOk)
        check_definition(ledger, "exchange", exchange, found)
        if found:
            declare_exchange(ledger, client, name, exchange.kind)  # refused if it came back as another kind
        else:
            ledger.forget_bindings(exchange=name)
    for name, queue in sorted(ledger.queues.items()):
        found = is_there(client, spec.Queue.Declare(queue=name, passive=True), spec.Queue.DeclareOk)
        if queue.state == GONE and found:
            queue.copies = {}  # each message in it is a fault of its own
        elif queue.state == THERE and not found:
            report_content_lost(ledger, queue)
        check_definition(ledger, "queue", queue, found)
        if found:
            declare_queue(ledger, client, name)
        else:
            ledger.forget_bindings(queue=name)
    for binding, state in sorted(ledger.bindings.items()):
        if state == MAYBE:
            rng.choice((bind, unbind))(ledger, client, *binding)


def report_content_lost(ledger, queue):
    lost = sum(copy.state == THERE for copy in queue.copies.values())
    if lost:
        ledger.fault("lost", f"queue {queue.name}: lost with {lost} confirmed messages")
