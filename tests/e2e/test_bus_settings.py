# SPDX-License-Identifier: Apache-2.0
"""The settings of the event bus: which ports it opens, what is there before anybody comes, whom it connects to, and how it
says what is wrong. Peers of ZMTP are octets here, so that nothing else is tested with it."""
import contextlib
import re
import signal
import socket
import subprocess
import time

import peers
import pytest
import wire
from lib.broker import run_daemon, tool
from pika import spec

pytestmark = pytest.mark.chaski_only
FREE = "listeners.tcp.default=127.0.0.1:0"
AT = "tcp://127.0.0.1:0"
SIGNATURE = b"\xff" + bytes(7) + b"\x01\x7f"
GREETING = SIGNATURE + b"\x03\x01" + b"NULL".ljust(20, b"\0") + bytes(32)
LIMIT_S = 10


def refused(*args, code=2):
    """A start that must fail: the one line that says why."""
    got, _, said = run_daemon(FREE, *args)
    assert got == code, f"exit code {got}, expected {code}: {said}"
    assert said.startswith("chaskid: ") and said.count("\n") == 1, said
    return said


def command(name, data=b""):
    body = bytes([len(name)]) + name + data
    return b"\x04" + bytes([len(body)]) + body


def ready(kind):
    return command(b"READY", b"\x0bSocket-Type" + len(kind).to_bytes(4, "big") + kind)


def get(w, queue, limit_s=LIMIT_S):
    """The next message of the queue, once it is there: routing key and body."""
    w.request(1, spec.Basic.Consume(queue=queue, consumer_tag="c", no_ack=True), spec.Basic.ConsumeOk)
    got = w.expect_content(spec.Basic.Deliver, limit_s=limit_s)
    w.request(1, spec.Basic.Cancel(consumer_tag="c"), spec.Basic.CancelOk)
    return got.method.routing_key, got.body


# ---- ports ----


@pytest.mark.threads
@pytest.mark.parametrize("which", ["bus", "amqp"])
def test_both_protocols_are_spoken_on_ports_of_both(broker, which):
    port = broker.bus_port() if which == "bus" else broker.port
    with wire.connect(("127.0.0.1", port)) as w:
        w.handshake()
        w.open_channel()
    with wire.connect(("127.0.0.1", port)) as w:
        w.send(SIGNATURE[:1])
        assert w.read_exactly(10) == SIGNATURE
        w.send(GREETING[1:])
        assert w.read_exactly(54)[:22] == b"\x03\x01" + b"NULL".ljust(20, b"\0")


@pytest.mark.parametrize("octets", [b"\x01", b"\xfe\xff", b"GET / HTTP/1.1\r\n\r\n"], ids=["zmtp 1.0", "noise", "http"])
def test_what_is_neither_is_answered_as_on_amqps_ports(broker, octets):
    with wire.connect(("127.0.0.1", broker.bus_port())) as w:
        w.send(octets.ljust(8, b"\0"))
        assert peers.read_until_eof(w, LIMIT_S)[0] == wire.PROTOCOL_HEADER


@pytest.mark.broker(settings={"handshake_timeout": 300})
@pytest.mark.parametrize("which", ["bus", "amqp"])
def test_who_says_nothing_is_dropped_without_a_line(broker, which):
    port = broker.bus_port() if which == "bus" else broker.port
    before = len(broker.lines)
    with wire.connect(("127.0.0.1", port)) as w:
        began = time.monotonic()
        assert w.ends_within(LIMIT_S)
        assert time.monotonic() - began > 0.25
    with wire.connect(("127.0.0.1", port)):
        pass
    with peers.Bystander(broker) as other:
        other.check()
    assert not [line for line in broker.lines[before:] if "warning" in line]


@pytest.mark.broker(settings={"handshake_timeout": 500})
def test_a_first_octet_does_not_give_the_handshake_more_time(broker):
    with wire.connect(broker) as w:
        began = time.monotonic()
        time.sleep(0.3)
        w.send(b"AMQP")
        assert w.ends_within(LIMIT_S)
        assert time.monotonic() - began < 0.75 or peers.is_tiny()


@pytest.mark.threads
def test_peers_that_say_nothing_do_not_hold_up_a_stop(start_broker):
    broker = start_broker()
    with contextlib.ExitStack() as stack:
        for port in (broker.port, broker.bus_port()) * 5:
            stack.enter_context(wire.connect(("127.0.0.1", port)))
        began = time.monotonic()
        broker.stop()
        assert time.monotonic() - began < 3 or peers.is_tiny()


def test_without_a_bus_nothing_listens_for_zmtp(start_broker):
    broker = start_broker({"bus.listen.events": None, "bus.listen": "none"})
    assert not [line for line in broker.lines if "ZMTP" in line]
    peers.opened(broker).close()


def test_a_bus_alone_serves_amqp_too(start_broker):
    broker = start_broker({"listeners.tcp.default": None, "listeners.tcp": "none"})
    with wire.connect(("127.0.0.1", broker.bus_port())) as w:
        w.handshake()


def test_all_addresses_and_unix_sockets_are_ports_too(start_broker, tmp_path):
    path = f"{tmp_path}/s"
    broker = start_broker({"bus.listen.all": "tcp://*:0", "bus.listen.local": f"unix:{path}"})
    assert broker.bus_port("all") != broker.bus_port("events")
    for where in (("127.0.0.1", broker.bus_port("all")), path):
        with wire.connect(where) as w:
            w.send(SIGNATURE)
            assert w.read_exactly(10) == SIGNATURE


def test_a_port_in_use_is_named_with_its_key(start_broker):
    broker = start_broker()
    said = refused(f"bus.listen.mine=tcp://127.0.0.1:{broker.bus_port()}", code=1)
    assert "bus.listen.mine (command line): " in said and "Address already in use" in said
    assert "bus.listen = none" in said


def test_the_api_lists_the_ports_of_the_bus(start_broker):
    broker = start_broker()
    listed = subprocess.run([tool(), "status", "--json", "--url", f"http://guest:guest@127.0.0.1:{broker.http_port}"],
                            capture_output=True, text=True, check=True, timeout=30).stdout
    assert re.search(rf'"protocol":\s*"zmtp"[^}}]*"port":\s*{broker.bus_port()}\b', listed.replace("\n", " ")), listed


def test_sighup_says_that_the_bus_waits_for_a_restart(start_broker, tmp_path):
    file = tmp_path / "chaski.conf"
    file.write_text(f"bus.listen.events = {AT}\n")
    broker = start_broker({"bus.listen.events": None}, args=["-c", str(file)])
    file.write_text(f"bus.listen.events = {AT} hwm=5\nbus.topic.a = window=1\n")
    broker.signal(signal.SIGHUP)
    for key in ("bus.listen", "bus.topic"):
        broker.wait_for_log(f"configuration: {key} differs now; it takes effect at the next start")


# ---- wrong lines ----


@pytest.mark.parametrize("line, words", [
    (f"bus.listen.a = {AT} hmw=3", ["unknown option 'hmw'", "exchange, queue"]),
    (f"bus.listen.a = {AT} hwm=3 hwm=3", ["hwm is there twice"]),
    (f"bus.listen.a = {AT} slow=never", ["slow = 'never'", "drop-newest|drop-oldest|block|disconnect"]),
    ("bus.listen.a = 5557", ["'5557'", "tcp://HOST:PORT"]),
    ("bus.listen.a = tcp://here:port", ["bus.listen.a = here:port", "0 to 65535"]),
    (f"bus.listen.a = {AT} bind=x", ["bind needs queue="]),
    (f"bus.listen.a = {AT} security=curve", ["security=curve needs key="]),
    (f"bus.listen.a = {AT} user=nobody", ["user = 'nobody'", "no such user"]),
    ("bus.listen = 5557", ["bus.listen = 5557", "none"]),
    ("bus.connect.a = tcp://127.0.0.1:1 as=PUB", ["as = 'PUB'", "SUB|PULL"]),
    ("bus.topic.a = prefix=x", ["replay=, sync=, timeout= and window="]),
    ("bus.topics.a = window=1", ["unknown key 'bus.topics.a'"]),
    ("bus.heartbeat = 5", ["bus.heartbeat", "from 100ms"]),
], ids=lambda value: value if isinstance(value, str) else "")
def test_a_wrong_line_is_named_with_its_place_and_what_is_expected(tmp_path, line, words):
    file = tmp_path / "chaski.conf"
    file.write_text(f"# the bus\n{line}\n")
    said = refused("-c", str(file))
    assert f"{file}:2: " in said
    for word in words:
        assert word in said


@pytest.mark.parametrize("option, words", [
    ("queue=amq.mine", ["queue name 'amq.mine' contains reserved prefix"]),
    ("exchange=amq.mine", ["exchange name 'amq.mine' contains reserved prefix"]),
])
def test_a_name_that_the_broker_refuses_is_named_with_its_key(tmp_path, option, words):
    said = refused(f"data_dir={tmp_path}/data", f"bus.listen.a={AT} {option}", "management.enabled=false",
                   "prometheus.enabled=false", code=1)
    for word in ["bus.listen.a (command line): ACCESS_REFUSED - ", *words]:
        assert word in said


def test_key_files_that_cannot_be_used_are_named(tmp_path):
    pair, clients, none = tmp_path / "pair", tmp_path / "clients", tmp_path / "none"
    subprocess.run([tool(), "curve", "make", str(pair)], check=True, capture_output=True, timeout=30)
    clients.write_text("not a key\n")
    begin = f"bus.listen.a={AT} security=curve key="
    data = f"data_dir={tmp_path}/data"
    assert f"bus.listen.a (command line): cannot open {none}: No such file" in refused(data, begin + str(none), code=1)
    assert f"bus.listen.a (command line): {clients}: line 1: " in refused(data, begin + str(clients), code=1)
    said = refused(data, f"{begin}{pair} clients={clients}", code=1)
    assert f"bus.listen.a (command line): {clients}: line 1: " in said
    said = refused(data, "bus.listen=none",
                   f"bus.connect.a=tcp://127.0.0.1:1 security=curve key={pair} server={'0' * 40}", code=1)
    assert "bus.connect.a (command line): server= is no key" in said


def test_a_key_that_others_may_read_is_warned_of(start_broker, tmp_path):
    pair = tmp_path / "pair"
    subprocess.run([tool(), "curve", "make", str(pair)], check=True, capture_output=True, timeout=30)
    settings = {"bus.listen.a": f"{AT} security=curve key={pair}"}
    assert not [line for line in start_broker(settings).lines if "chmod" in line]
    pair.chmod(0o644)
    start_broker(settings).wait_for_log(rf"{pair} holds a secret key, and others than its owner may read it: chmod 600")


# ---- what is there before anybody comes ----


def test_queues_exchanges_and_bindings_are_there_at_the_start_and_after_the_next(start_broker, tmp_path):
    settings = {"data_dir": f"{tmp_path}/data", "bus.listen.billing": f"{AT} queue=billing exchange=shop bind=orders."}
    for _ in range(2):
        broker = start_broker(settings)
        with peers.opened(broker) as w:
            w.request(1, spec.Exchange.Declare(exchange="shop", type="topic", durable=True), spec.Exchange.DeclareOk)
            w.request(1, spec.Queue.Declare(queue="billing", durable=True), spec.Queue.DeclareOk)
            w.publish(1, b"no", "shop", "orders")
            w.publish(1, b"yes", "shop", "orders.new.one")
            assert get(w, "billing") == ("orders.new.one", b"yes")

        broker.stop()


def test_a_queue_of_an_application_is_served_as_it_is(start_broker, tmp_path):
    settings = {"data_dir": f"{tmp_path}/data"}
    arguments = {"x-queue-type": "quorum"}
    broker = start_broker(settings)
    with peers.opened(broker) as w:
        w.request(1, spec.Queue.Declare(queue="tasks", durable=True, arguments=arguments), spec.Queue.DeclareOk)
    broker.stop()
    broker = start_broker({**settings, "bus.listen.tasks": f"{AT} queue=tasks", "bus.listen.same": f"{AT} queue=tasks"})
    with peers.opened(broker) as w:
        w.request(1, spec.Queue.Declare(queue="tasks", durable=True, arguments=arguments), spec.Queue.DeclareOk)


# ---- whom it connects to ----


@pytest.fixture
def listener():
    """A socket that a publisher would have bound."""
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as one:
        one.settimeout(LIMIT_S)
        yield one


def port_of(one):
    return one.getsockname()[1]


def accept(listener):
    one, _ = listener.accept()
    return wire.Client(one)


def greet(w, kind=b"PUB"):
    """The side of a publisher that listens: all of it may be sent at once."""
    assert w.read_exactly(10) == SIGNATURE
    w.send(GREETING + ready(kind))
    assert w.read_exactly(54)[:2] == b"\x03\x01"


@pytest.mark.threads
def test_what_a_publisher_that_listens_sends_is_published(start_broker, listener):
    broker = start_broker({"bus.listen.log": f"{AT} queue=log bind=log.",
                           "bus.connect.press": f"tcp://127.0.0.1:{port_of(listener)} prefix=log."})
    with accept(listener) as w, peers.opened(broker) as amqp:
        greet(w)
        assert w.read_exactly(len(ready(b"SUB"))) == ready(b"SUB")
        assert w.read_exactly(16) == command(b"SUBSCRIBE", b"log.")
        w.send(b"\x01\x05log.a" + b"\x00\x02hi")
        assert get(amqp, "log") == ("log.a", b"hi")
    broker.wait_for_log(rf"bus\.connect\.press: connected to 127\.0\.0\.1:{port_of(listener)}")


def test_it_connects_again_to_who_went_and_says_so_once(start_broker, listener):
    broker = start_broker({"bus.connect.press": f"tcp://127.0.0.1:{port_of(listener)}"})
    for _ in range(4):
        with accept(listener) as w:
            greet(w)
    assert len([line for line in broker.lines if "bus.connect.press: connected" in line]) == 1


def test_it_tries_until_somebody_listens_and_names_the_first_failure_alone(start_broker):
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = port_of(taken)
    broker = start_broker({"bus.connect.press": f"tcp://127.0.0.1:{port}"})
    broker.wait_for_log("bus.connect.press: cannot connect to .*: Connection refused; trying again")
    time.sleep(0.5)  # several tries, of which nothing is to be seen
    with contextlib.closing(socket.create_server(("127.0.0.1", port))) as late:
        late.settimeout(LIMIT_S)
        with accept(late) as w:
            greet(w)
            broker.wait_for_log("bus.connect.press: connected to")
    assert len([line for line in broker.lines if "cannot connect" in line]) == 1


def test_who_does_not_fit_is_not_asked_again_soon(start_broker, listener):
    broker = start_broker({"bus.connect.press": f"tcp://127.0.0.1:{port_of(listener)}"})
    with accept(listener) as w:
        greet(w, b"REQ")
        assert w.ends_within(LIMIT_S)
    broker.wait_for_log("bus.connect.press: .*do not fit together")
    listener.settimeout(1)
    with pytest.raises(TimeoutError):
        accept(listener)


@pytest.mark.threads
@pytest.mark.parametrize("what", ["nobody", "silence", "publisher"])
def test_a_stop_does_not_wait_for_whom_it_connects_to(start_broker, listener, what):
    address = "192.0.2.1:5557" if what == "nobody" else f"127.0.0.1:{port_of(listener)}"
    broker = start_broker({"bus.connect.press": f"tcp://{address}"})
    with contextlib.ExitStack() as stack:
        if what != "nobody":
            w = stack.enter_context(accept(listener))
        if what == "publisher":
            greet(w)
        began = time.monotonic()
        broker.stop()
        assert time.monotonic() - began < 4 or peers.is_tiny()
