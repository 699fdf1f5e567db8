# SPDX-License-Identifier: Apache-2.0
"""Who may come in at a port of the bus: by PLAIN the broker's users, by CURVE who has a key, by NULL this machine. libzmq tells
its user next to nothing about a refusal, so each time the broker's log has the reason."""
import re
import socket
import subprocess

import pytest
import zmq

import zwire
from bus import *
from client import Inbox
from lib import broker as brokers
from zmq.utils.monitor import recv_monitor_message

pytestmark = pytest.mark.threads

PLAIN = listen(events=f"{EVENTS} security=plain", tasks="queue=tasks security=plain")
GUEST = {"plain_username": b"guest", "plain_password": b"guest"}
REFUSED = zmq.EVENT_HANDSHAKE_FAILED_AUTH | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL


@pytest.fixture
def refused(zocket):
    """refused(address, options): a DEALER that connects is refused; gives the event that its monitor saw."""
    def connect(where, **options):
        socket_ = zocket(zmq.DEALER, "inproc://nowhere", bind=True, **options)
        monitor = socket_.get_monitor_socket(REFUSED | zmq.EVENT_DISCONNECTED | zmq.EVENT_HANDSHAKE_SUCCEEDED)
        socket_.connect(where)
        assert monitor.poll(LIMIT_S * 1000), "neither refused nor let in"
        event = recv_monitor_message(monitor)
        socket_.disable_monitor()
        socket_.close()
        monitor.close()
        assert event["event"] != zmq.EVENT_HANDSHAKE_SUCCEEDED, "let in"
        return event

    return connect


def is_forbidden(event):
    """What libzmq makes of ERROR 400. As a client of PLAIN it (4.3.4) looks for another spelling of ERROR, so it calls this
    one unexpected; with the same end: it does not come back."""
    return (event["event"], event["value"]) in (
        (zmq.EVENT_HANDSHAKE_FAILED_AUTH, 400),
        (zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL, zmq.PROTOCOL_ERROR_ZMTP_UNEXPECTED_COMMAND))


def let_in(zocket, broker, **options):
    """A message goes there and back."""
    push = zocket(zmq.PUSH, address(broker, "events"), **options)
    sub = joined_sub(zocket, broker, push, b"t", **options)
    push.send_multipart([b"t", b"1"])
    expect(sub, b"t", b"1")


# ---- PLAIN ----


@pytest.mark.broker(settings=PLAIN)
def test_a_user_with_the_right_password_publishes_subscribes_and_works(broker, zocket, amqp):
    let_in(zocket, broker, **GUEST)
    req, rep = (zocket(kind, address(broker, "tasks"), **GUEST) for kind in (zmq.REQ, zmq.REP))
    req.send(b"1")
    rep.send(rep.recv())
    assert req.recv() == b"1"


@pytest.mark.broker(settings=PLAIN)
def test_what_an_authenticated_user_publishes_bears_his_name(broker, zocket, amqp):
    inbox, queue = Inbox(amqp), amqp.queue_declare("", exclusive=True).method.queue
    amqp.queue_bind(queue, "amq.events", "#")
    inbox.consume(queue, auto_ack=True)
    zocket(zmq.PUSH, address(broker, "events"), **GUEST).send_multipart([b"t", b"1"])
    inbox.wait(1)
    assert inbox.items[0][1].user_id == "guest"


@pytest.mark.broker(settings=PLAIN)
@pytest.mark.parametrize("user, password", [(b"guest", b"wrong"), (b"nobody", b"guest"), (b"guest", b"g" * 255),
                                            (b"GUEST", b"guest")], ids=["wrong", "nobody", "long", "case"])
def test_a_wrong_password_or_an_unknown_user_is_refused_and_the_log_says_who(broker, zocket, refused, user, password):
    event = refused(address(broker, "events"), plain_username=user, plain_password=password)
    assert is_forbidden(event)
    broker.wait_for_log(rf"bus\.listen\.events.*'{user.decode()}'|'{user.decode()}'.*bus\.listen\.events")
    assert "g" * 255 not in broker.log()
    let_in(zocket, broker, **GUEST)


@pytest.mark.broker(settings=PLAIN)
def test_null_at_a_port_for_plain_is_refused_and_the_log_says_so(broker, zocket, refused):
    refused(address(broker, "events"))
    broker.wait_for_log(r"(?i)bus\.listen\.events.*NULL|NULL.*bus\.listen\.events")
    let_in(zocket, broker, **GUEST)


@pytest.mark.broker(settings=listen(events=EVENTS))
def test_plain_at_a_port_for_null_is_refused_and_the_log_says_so(broker, zocket, refused):
    refused(address(broker, "events"), **GUEST)
    broker.wait_for_log(r"(?i)bus\.listen\.events.*PLAIN|PLAIN.*bus\.listen\.events")
    let_in(zocket, broker)


@pytest.mark.broker(settings=PLAIN)
def test_a_peer_that_speaks_2_0_is_closed_where_it_would_have_to_say_who_it_is(broker, zocket):
    with zwire.connect(broker.host, broker.bus_port("events")) as w:
        w.send(zwire.SIGNATURE + b"\x01\x02")
        w.read_exactly(11)
        w.expect_eof()
    broker.wait_for_log(r"bus\.listen\.events.*2\.0|2\.0.*bus\.listen\.events")
    let_in(zocket, broker, **GUEST)


@pytest.mark.broker(settings=PLAIN)
@pytest.mark.parametrize("hello", [b"\x05guest\x05guestx", b"\x05guest\x05gues", b"\x05guest", b"", b"\xffguest\x05guest"],
                         ids=["longer", "shorter", "half", "empty", "lies"])
def test_a_malformed_hello_ends_the_connection(broker, hello):
    with zwire.connect(broker.host, broker.bus_port("events")) as w:
        w.greet("PLAIN")
        w.send(zwire.command(b"HELLO", hello))
        w.expect_eof()


@pytest.mark.broker(settings=PLAIN)
@pytest.mark.parametrize("hello", [b"\x05guest\x00", b"\x00\x00", b"\x00\x05guest", b"\x05guest\x05wrong"])
def test_who_is_refused_is_told_so_before_the_connection_ends(broker, hello):
    with zwire.connect(broker.host, broker.bus_port("events")) as w:
        w.greet("PLAIN")
        w.send(zwire.command(b"HELLO", hello))
        assert w.read_command() == (b"ERROR", b"\x03400")
        w.expect_eof()


@pytest.mark.broker(settings=PLAIN)
def test_who_is_refused_does_not_come_back(broker, zocket):
    socket_ = zocket(zmq.DEALER, address(broker, "events"), plain_username=b"guest", plain_password=b"wrong")
    broker.wait_for_log("wrong password")
    assert nothing_comes(socket_, 0.4)
    assert sum("wrong password" in line for line in broker.lines) == 1


# ---- CURVE ----


def chaski(*arguments):
    done = subprocess.run([brokers.tool(), *arguments], env=brokers.environment(), capture_output=True, text=True,
                          timeout=30)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


class Keys:
    """A key pair made by the tool: its file, its halves as ZeroMQ's options take them."""

    def __init__(self, folder, name):
        self.file = folder / name
        chaski("curve", "make", str(self.file))
        self.public, self.secret = (re.search(rf"^{half}\s*=\s*(\S+)", self.file.read_text(), re.M).group(1).encode()
                                    for half in ("public", "secret"))

    def to(self, server):
        return {"curve_publickey": self.public, "curve_secretkey": self.secret, "curve_serverkey": server.public}


@pytest.fixture
def keys(tmp_path):
    """keys(name): a new key pair."""
    return lambda name: Keys(tmp_path, name)


@pytest.fixture
def curve_broker(start_broker, keys, tmp_path):
    """curve_broker({name of a client: user}): gives the broker, its keys, and those of its clients."""
    def start(users):
        server, clients = keys("server"), {name: keys(name) for name in users}
        listed = tmp_path / "clients"
        listed.write_text("# who may come in\n" + "".join(
            f"{clients[name].public.decode()} {user}\n" for name, user in users.items()))
        broker = start_broker(listen(events=f"{EVENTS} security=curve key={server.file} clients={listed}"))
        return broker, server, clients

    return start


@pytest.mark.parametrize("ports", [1, 2], ids=["once", "twice"])
def test_a_client_with_a_listed_key_is_let_in_as_the_user_in_the_list(curve_broker, zocket, ports):
    broker, server, clients = curve_broker({"one": "guest"})
    for _ in range(ports):
        let_in(zocket, broker, **clients["one"].to(server))


def test_large_and_many_frames_cross_under_curve(curve_broker, zocket):
    broker, server, clients = curve_broker({"one": "guest"})
    push = zocket(zmq.PUSH, address(broker, "events"), **clients["one"].to(server))
    sub = joined_sub(zocket, broker, push, b"", **clients["one"].to(server))
    sent = [[b"t", b"x" * 1000000], [b"t", b"", b"a" * 255, b"b" * 256], [b""], [b"%d" % n for n in range(500)]]
    for frames in sent:
        push.send_multipart(frames)
    assert receive_all(sub, len(sent)) == sent


def test_a_key_that_is_not_in_the_list_is_refused_for_good_and_the_log_shows_it(curve_broker, zocket, refused, keys):
    broker, server, clients = curve_broker({"one": "guest"})
    stranger = keys("stranger")
    event = refused(address(broker, "events"), **stranger.to(server))
    assert (event["event"], event["value"]) == (zmq.EVENT_HANDSHAKE_FAILED_AUTH, 400)
    broker.wait_for_log(r"bus\.listen\.events.*" + re.escape(stranger.public.decode()))
    let_in(zocket, broker, **clients["one"].to(server))


def test_a_client_that_has_another_servers_key_is_closed_and_the_log_says_why(curve_broker, zocket, refused, keys):
    broker, server, clients = curve_broker({"one": "guest"})
    event = refused(address(broker, "events"), **clients["one"].to(keys("another")))
    assert event["event"] == zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL  # closed, so it will try again
    broker.wait_for_log(r"(?i)bus\.listen\.events.*HELLO")
    let_in(zocket, broker, **clients["one"].to(server))


def test_a_client_that_comes_back_and_back_for_the_same_refusal_is_not_a_flood_of_lines(curve_broker, zocket, keys, io_threads):
    broker, server, clients = curve_broker({"one": "guest"})
    zocket(zmq.SUB, address(broker, "events"), **clients["one"].to(keys("another")))
    broker.wait_for_log(r"HELLO does not open.*and \d+ times since")
    lines = sum("HELLO does not open" in line for line in broker.lines)
    assert lines <= 7 * max(io_threads, 1), lines
    let_in(zocket, broker, **clients["one"].to(server))


def test_a_client_with_anothers_public_key_is_closed(curve_broker, zocket, refused, keys):
    broker, server, clients = curve_broker({"one": "guest"})
    stranger = keys("stranger")
    refused(address(broker, "events"), **{**stranger.to(server), "curve_secretkey": clients["one"].secret})
    let_in(zocket, broker, **clients["one"].to(server))


def test_without_a_list_of_clients_any_key_is_let_in(start_broker, zocket, keys):
    server, anybody = keys("server"), keys("anybody")
    broker = start_broker(listen(events=f"{EVENTS} security=curve key={server.file}"))
    let_in(zocket, broker, **anybody.to(server))


@pytest.mark.parametrize("options", [{}, GUEST], ids=["NULL", "PLAIN"])
def test_who_does_not_encrypt_is_refused_at_a_port_for_curve(curve_broker, zocket, refused, options):
    broker, server, clients = curve_broker({"one": "guest"})
    refused(address(broker, "events"), **options)
    broker.wait_for_log(r"(?i)bus\.listen\.events.*(NULL|PLAIN)")
    let_in(zocket, broker, **clients["one"].to(server))


def test_the_bus_dials_a_publisher_that_wants_curve(start_broker, zocket, keys):
    server, bus = keys("publisher"), keys("bus")
    pub = zocket(zmq.XPUB, "tcp://127.0.0.1:*", bind=True, curve_server=1, curve_secretkey=server.secret)
    where = pub.last_endpoint.rstrip(b"\0").decode()
    broker = start_broker({**listen(events=EVENTS), "bus.connect.press":
                           f"{where} {EVENTS} security=curve key={bus.file} server={server.public.decode()}"})
    assert pub.recv() == b"\x01"
    push = zocket(zmq.PUSH, address(broker, "events"))
    sub = joined_sub(zocket, broker, push, b"t")
    pub.send_multipart([b"t", b"1"])
    expect(sub, b"t", b"1")


# ---- NULL ----


def address_beyond_loopback():
    """One of this machine's own that is not 127.x, if it has any."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing; says which address would be used
        except OSError:
            pytest.skip("this machine has no address but loopback")
        host = probe.getsockname()[0]
    if host.startswith("127."):
        pytest.skip("this machine has no address but loopback")
    return host


def test_who_does_not_say_who_he_is_is_let_in_from_this_machine_alone(start_broker, zocket, refused):
    host = address_beyond_loopback()
    broker = start_broker(listen(host="*", events=EVENTS))
    refused(address(broker, "events", host))
    broker.wait_for_log(rf"bus\.listen\.events.*{re.escape(host)}|{re.escape(host)}.*bus\.listen\.events")
    let_in(zocket, broker)


def test_anybody_may_come_from_anywhere_where_that_is_allowed(start_broker, zocket):
    host = address_beyond_loopback()
    broker = start_broker({**listen(host="*", events=EVENTS), "bus.allow_anonymous": "true"})
    push = zocket(zmq.PUSH, address(broker, "events", host))
    sub = zocket(zmq.SUB, address(broker, "events", host), subscribe=[b"t"])
    join(sub, push)
    push.send_multipart([b"t", b"1"])
    expect(sub, b"t", b"1")


def test_anybody_may_come_from_anywhere_by_plain(start_broker, zocket):
    host = address_beyond_loopback()
    broker = start_broker({**listen(host="*", events=f"{EVENTS} security=plain"), "loopback_users": "none"})
    push = zocket(zmq.PUSH, address(broker, "events", host), **GUEST)
    sub = zocket(zmq.SUB, address(broker, "events", host), subscribe=[b"t"], **GUEST)
    join(sub, push)
    push.send_multipart([b"t", b"1"])
    expect(sub, b"t", b"1")


def test_guest_may_not_come_by_plain_from_beyond_this_machine(start_broker, zocket, refused):
    host = address_beyond_loopback()
    broker = start_broker(listen(host="*", events=f"{EVENTS} security=plain"))
    event = refused(address(broker, "events", host), **GUEST)
    assert is_forbidden(event)
    broker.wait_for_log(r"bus\.listen\.events.*guest")
