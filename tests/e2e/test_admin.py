# SPDX-License-Identifier: Apache-2.0
"""HTTP: /api as tools of RabbitMQ ask it, /metrics as Prometheus does, and clients that mean no good."""
import re
import socket
import threading
import time
import urllib.parse

import peers
import pytest
import wire
from lib import http
from lib.broker import run_daemon, wait_until
from pika import spec

pytestmark = pytest.mark.chaski_only

MANY_QUEUES = 1000 if peers.is_tiny() else 20000


def path_of(queue):
    return "/queues/%2F/" + urllib.parse.quote(queue, safe="")


@pytest.fixture
def client(broker):
    client = peers.opened(broker)
    yield client
    client.close()


def declared(client, name, **how):
    """A queue that goes with its connection, unless told otherwise."""
    how.setdefault("exclusive", True)
    client.request(1, spec.Queue.Declare(queue=name, **how), spec.Queue.DeclareOk)
    return name


def publish_many(client, queue, count, body=b"x"):
    for _ in range(count):
        client.publish(1, body, routing_key=queue)
    wait_until(lambda: peers.ready_count(client, 1, queue) == count, f"{count} messages in {queue}")


# ---- who may ----


def test_without_a_user_it_asks_for_one(broker):
    answer = http.ask(broker.http_port, "/api/overview", who=None)
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"] == 'Basic realm="chaski"'
    assert answer.json()["error"] == "not_authorized"


@pytest.mark.parametrize("who", [("guest", "gues"), ("guest", ""), ("nobody", "guest"), ("guest", "guest2"),
                                 ("", "guest"), ("a" * 600, "b" * 600)])
def test_a_wrong_user_or_password_is_refused(broker, who):
    assert http.ask(broker.http_port, "/api/queues", who=who).status == 401


@pytest.mark.parametrize("header", ["Basic", "Basic ", "Basic !!!!", "Basic Z3Vlc3Q=", "Bearer abc",
                                    "Basic Z3Vlc3Q6Z3Vlc3Q=x", "Basic Z3Vlc3Q6Z3Vlc3Q==="])
def test_a_malformed_authorization_is_refused(broker, header):
    assert http.ask(broker.http_port, "/api/overview", who=None, headers={"Authorization": header}).status == 401


def own_address():
    """An address of this machine that is not loopback, or None."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            return None
        return probe.getsockname()[0]


def test_guest_may_ask_from_this_machine_only(start_broker):
    address = own_address()
    if not address or address.startswith("127."):
        pytest.skip("this machine has no other address")
    broker = start_broker({"management.tcp.ip": None})
    with socket.create_connection((address, broker.http_port), 10) as s:
        s.sendall(b"GET /api/overview HTTP/1.0\r\nAuthorization: Basic Z3Vlc3Q6Z3Vlc3Q=\r\n\r\n")
        said = b""
        while more := s.recv(65536):
            said += more
    assert b" 401 " in said.splitlines()[0] and b"User can only log in via localhost" in said
    broker.wait_for_log(r"\[warning\] HTTP .*: login of user 'guest' refused: ")


# ---- overview ----


def test_overview_says_who_it_is_and_what_there_is(broker, client):
    queue = declared(client, peers.unique_name("admin"))
    publish_many(client, queue, 3)
    overview = http.api(broker, "/overview")
    assert overview["product_name"] == "chaski" and overview["rates_mode"] == "none"
    assert re.fullmatch(r"\d+\.\d+\.\d+", overview["product_version"])
    assert re.fullmatch(r"4\.\d+\.\d+", overview["rabbitmq_version"]) and overview["management_version"]
    assert overview["erlang_version"] == "0" and overview["node"].startswith("chaski@") and overview["cluster_name"]
    assert {one["name"] for one in overview["exchange_types"]} == {"direct", "fanout", "headers", "topic"}
    totals = overview["object_totals"]
    assert totals["connections"] >= 1 and totals["channels"] >= 1 and totals["queues"] >= 1
    assert totals["exchanges"] >= 7
    assert overview["queue_totals"]["messages_ready"] >= 3
    assert overview["message_stats"]["publish"] >= 3
    ports = {one["protocol"]: one["port"] for one in overview["listeners"]}
    assert ports["amqp"] == broker.port
    assert ports["http"] == broker.http_port and ports["http/prometheus"] == broker.metrics_port
    own = overview["chaski"]
    assert own["uptime_ms"] > 0 and own["longest_step_us"] >= 0 and own["alarms"] == [] and own["damaged"] == 0


def test_the_memory_alarm_is_shown(start_broker):
    broker = start_broker({"vm_memory_high_watermark.absolute": "10k", "memory.bodies": "64MiB"})
    with peers.opened(broker) as client:
        queue = client.declare_queue(1)
        client.publish(1, b"x" * 20000, routing_key=queue)
        wait_until(lambda: http.api(broker, "/overview")["chaski"]["alarms"] == ["memory"], "the alarm")
        assert http.metrics(broker)["rabbitmq_alarms_memory_used_watermark"] == 1


# ---- queues ----


@pytest.mark.threads
def test_a_queue_is_shown_with_what_it_is_and_holds(broker, client):
    queue = declared(client, peers.unique_name("admin"), exclusive=False, durable=True, auto_delete=True,
                     arguments={"x-expires": 60000, "n": {"a": [1, "two", True, None]}})
    publish_many(client, queue, 4)
    client.send_method(1, spec.Basic.Get(queue=queue))
    client.expect_content(spec.Basic.GetOk, 1)
    row = http.api(broker, path_of(queue))
    assert row["name"] == queue and row["vhost"] == "/" and row["type"] == "classic" and row["state"] == "running"
    assert row["durable"] is True and row["auto_delete"] is True and row["exclusive"] is False
    assert row["arguments"] == {"x-expires": 60000, "n": {"a": [1, "two", True, None]}}
    assert (row["messages"], row["messages_ready"], row["messages_unacknowledged"]) == (4, 3, 1)
    assert row["consumers"] == 0 and row["messages_damaged"] == 0 and row["policy"] is None
    for listed in ("/queues", "/queues/%2F", "/queues/%2f/"):
        assert row in http.api(broker, listed)
    client.request(1, spec.Queue.Delete(queue=queue), spec.Queue.DeleteOk)


@pytest.mark.parametrize("tail", ["a b", "a+b", "a/b", "%2F", "ü€", "a&b=c?d#e", '"\\'])
def test_names_are_taken_as_they_are(broker, client, tail):
    queue = declared(client, peers.unique_name("admin") + tail)
    assert http.api(broker, path_of(queue))["name"] == queue
    assert http.api(broker, path_of(queue) + "/")["name"] == queue


def test_a_queue_is_shown_as_soon_as_it_is_declared_also_while_others_ask(broker, client):
    """An answer that was on its way before may not be given to who asks after."""
    stop = threading.Event()
    askers = [threading.Thread(target=ask_until, args=(broker, stop)) for _ in range(3)]
    for asker in askers:
        asker.start()
    try:
        for _ in range(30):
            queue = declared(client, peers.unique_name("admin"))
            assert http.ask(broker.http_port, "/api" + path_of(queue)).status == 200
    finally:
        stop.set()
        for asker in askers:
            asker.join()


def ask_until(broker, stop):
    while not stop.is_set():
        http.api(broker, "/queues")


def test_what_is_not_there_is_404(broker):
    for path in ("/api/queues/%2F/no-such-queue", "/api/queues/other", "/api/queues/other/q", "/api/nothing", "/",
                 "/api", "/api/queues/%2F/a/b", "/metrics"):
        answer = http.ask(broker.http_port, path)
        assert answer.status == 404 and answer.json() == {"error": "Object Not Found", "reason": "Not Found"}, path


def test_only_get_and_head_are_answered(broker):
    for method in ("POST", "PUT", "DELETE"):
        answer = http.ask(broker.http_port, "/api/queues/%2F/q", method=method, body=b"{}")
        assert answer.status == 405 and answer.headers["Allow"] == "GET, HEAD", method


@pytest.mark.parametrize("path", ["/api/overview", "/api/queues", "/api/queues/%2F/none"])
def test_head_is_get_without_the_body(broker, path):
    got, head = (http.ask(broker.http_port, path, method=method) for method in ("GET", "HEAD"))
    assert head.status == got.status and head.body == b"" and int(head.headers["Content-Length"]) > 0
    assert head.headers["Content-Type"] == got.headers["Content-Type"]
    assert head.headers["Cache-Control"] == "no-cache"


def test_malformed_paths_are_400(broker):
    for path in ("/api/queues/%2", "/api/queues/%zz", "/api/overview?a=%", "/api/queues?" + "a=1&" * 40,
                 "/a" * 20):
        assert http.ask(broker.http_port, path).status in (400, 404), path
    assert http.ask(broker.http_port, "/api/queues/%zz").status == 400


# ---- lists ----


@pytest.fixture
def ten(client):
    """Ten queues of this test's own; NAME-7 has seven messages."""
    prefix = peers.unique_name("Ten")
    for i in (3, 1, 4, 0, 5, 9, 2, 6, 8, 7):
        publish_many(client, declared(client, f"{prefix}-{i}"), i)
    return prefix


def listed(broker, query):
    return http.api(broker, "/queues/%2F?" + urllib.parse.urlencode(query))


def test_pages_have_the_rows_and_the_counts(broker, ten):
    first = listed(broker, {"page": 1, "page_size": 4, "name": ten.lower(), "use_regex": "false"})
    assert [row["name"] for row in first["items"]] == [f"{ten}-{i}" for i in range(4)]
    assert (first["filtered_count"], first["item_count"], first["page"], first["page_count"], first["page_size"]) == (
        10, 4, 1, 3, 4)
    assert first["total_count"] >= 10
    last = listed(broker, {"page": 3, "page_size": 4, "name": ten})
    assert [row["name"] for row in last["items"]] == [f"{ten}-{i}" for i in (8, 9)] and last["item_count"] == 2
    assert listed(broker, {"page": 1, "name": ten, "pagination": "false"})["items"]
    assert listed(broker, {"page": 1, "name": "none-" + ten})["items"] == []
    assert isinstance(listed(broker, {"pagination": "true"}), dict)


@pytest.mark.parametrize("query, word", [
    ({"page": 0}, "page must be"), ({"page": "x"}, "page must be"), ({"page": 1, "page_size": 501}, "page_size must be"),
    ({"page": 1, "page_size": 0}, "page_size must be"), ({"page": 1000}, "page out of range"),
    ({"page": 1, "use_regex": "true"}, "use_regex is not supported"), ({"sort": "colour"}, "sort")])
def test_what_cannot_be_paged_or_sorted_is_400(broker, query, word):
    answer = http.ask(broker.http_port, "/api/queues?" + urllib.parse.urlencode(query))
    assert answer.status == 400 and word in answer.json()["reason"]


def test_lists_are_sorted_by_name_or_by_what_is_asked_for(broker, ten):
    def order(**query):
        page = listed(broker, {"page": 1, "name": ten, **query})
        return [int(row["name"].rpartition("-")[2]) for row in page["items"]]

    assert order() == list(range(10))
    assert order(sort="name", sort_reverse="true") == list(range(9, -1, -1))
    assert order(sort="messages") == list(range(10))
    assert order(sort="messages_ready", sort_reverse="true") == list(range(9, -1, -1))


def test_columns_leave_what_is_asked_for(broker, client):
    queue = declared(client, peers.unique_name("admin"), arguments={"x-expires": 60000, "x-queue-type": "classic"})
    rows = http.api(broker, "/queues?columns=name,arguments.x-queue-type,nothing,messages.x")
    assert {"name": queue, "arguments": {"x-queue-type": "classic"}} in rows
    assert http.api(broker, path_of(queue) + "?columns=consumers") == {"consumers": 0}
    assert http.api(broker, "/overview?columns=queue_totals.messages,node").keys() == {"queue_totals", "node"}


@pytest.mark.threads
@pytest.mark.timeout(180)
def test_a_long_list_is_given_while_publishing_goes_on(start_broker):
    broker = start_broker()
    with peers.opened(broker) as client, peers.Bystander(broker) as other:
        names = [f"q{i}" for i in range(MANY_QUEUES)]
        client.send(b"".join(wire.frame(wire.METHOD, 1, wire.encode_method(spec.Queue.Declare(queue=name, nowait=True)))
                             for name in names))
        wait_until(lambda: http.api(broker, "/overview")["object_totals"]["queues"] == MANY_QUEUES + 1, "all queues",
                   60)
        rows = []
        asker = threading.Thread(target=lambda: rows.extend(http.api(broker, "/queues", limit_s=60)))
        asker.start()
        while asker.is_alive():
            other.check()
        asker.join()
        assert sorted(row["name"] for row in rows) == sorted([*names, other.queue])
        if not peers.is_tiny():
            assert http.api(broker, "/overview")["chaski"]["longest_step_us"] < 50000


# ---- metrics ----


def global_total(values, name):
    return values[f'rabbitmq_global_messages_{name}_total{{protocol="amqp091"}}']


@pytest.mark.threads
def test_metrics_say_what_is_true(broker, client):
    queue = declared(client, peers.unique_name("admin"))
    before = http.metrics(broker)
    client.request(1, spec.Confirm.Select(), spec.Confirm.SelectOk)
    for _ in range(5):
        client.publish(1, b"x", routing_key=queue)
        client.expect(spec.Basic.Ack, 1)
    client.publish(1, b"x", routing_key="nowhere", mandatory=True)
    client.expect_content(spec.Basic.Return, 1)
    client.expect(spec.Basic.Ack, 1)
    for _ in range(2):
        client.send_method(1, spec.Basic.Get(queue=queue))
        client.expect_content(spec.Basic.GetOk, 1)
    client.send_method(1, spec.Basic.Ack(delivery_tag=0, multiple=True))
    wait_until(lambda: global_total(http.metrics(broker), "acknowledged") - global_total(before, "acknowledged") == 2,
               "the acks to be counted")
    now = http.metrics(broker)
    for name, more in (("received", 6), ("confirmed", 6), ("delivered", 2), ("unroutable_returned", 1)):
        assert global_total(now, name) - global_total(before, name) == more, name
    assert now["rabbitmq_queue_messages"] == now["rabbitmq_queue_messages_ready"] + now["rabbitmq_queue_messages_unacked"]
    assert now["rabbitmq_queues"] >= 1 and now["rabbitmq_connections"] >= 1 and now["rabbitmq_channels"] >= 1
    assert 0 < now["rabbitmq_process_open_fds"] < now["rabbitmq_process_max_fds"]
    assert now["rabbitmq_process_resident_memory_bytes"] > 0 and now["rabbitmq_erlang_uptime_seconds"] > 0
    assert now["rabbitmq_alarms_memory_used_watermark"] == 0
    assert any(series.startswith("rabbitmq_identity_info{") and 'rabbitmq_node="chaski@' in series for series in now)
    assert any(series.startswith("rabbitmq_build_info{") and 'product_name="chaski"' in series for series in now)


def test_the_metrics_listener_answers_nothing_else(broker):
    assert http.ask(broker.metrics_port, "/metrics", method="HEAD", who=None).status == 200
    assert http.ask(broker.metrics_port, "/api/overview").status == 404
    assert http.ask(broker.metrics_port, "/metrics", method="POST", body=b"x", who=None).status == 405


# ---- settings ----


def test_both_can_be_switched_off(start_broker):
    broker = start_broker({"management.enabled": "false"})
    assert not any("(management)" in line for line in broker.lines) and broker.metrics_port
    broker = start_broker({"management.enabled": "false", "prometheus.enabled": "false"})
    assert not any("listening for HTTP" in line for line in broker.lines)
    peers.opened(broker).close()


def test_the_addresses_are_told_before_the_broker_is_ready(start_broker):
    broker = start_broker()
    ready = next(at for at, line in enumerate(broker.lines) if "Server startup complete" in line)
    for which in ("management", "metrics"):
        assert [at < ready for at, line in enumerate(broker.lines)
                if re.search(rf"listening for HTTP on 127\.0\.0\.1:\d+ \({which}\)", line)] == [True]


@pytest.mark.parametrize("key, other", [("management", "prometheus"), ("prometheus", "management")])
def test_a_port_in_use_is_named_with_its_key(start_broker, key, other):
    broker = start_broker()
    code, _, said = run_daemon("listeners.tcp.default=127.0.0.1:0", "bus.listen=none", f"{key}.tcp.ip=127.0.0.1",
                               f"{key}.tcp.port={broker.http_port}", f"{other}.enabled=false")
    assert code == 1 and said.startswith(f"chaskid: {key}.tcp.port = {broker.http_port}: ")
    assert "Address already in use" in said and f"{key}.enabled = false" in said


def test_an_ip_that_is_none_is_refused():
    code, _, said = run_daemon("management.tcp.ip=300.1.1.1")
    assert code == 2 and "management.tcp.ip = 300.1.1.1" in said


@pytest.mark.parametrize("address", ["::1", ""])
def test_it_listens_where_it_is_told(start_broker, address):
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    broker = start_broker({"management.tcp.ip": address})
    with socket.create_connection(("::1", broker.http_port), 10) as s:
        s.sendall(b"GET /api/overview HTTP/1.0\r\nAuthorization: Basic Z3Vlc3Q6Z3Vlc3Q=\r\n\r\n")
        assert b" 200 " in s.recv(65536).splitlines()[0]


# ---- clients that mean no good ----


def connected(port, octets=b""):
    s = socket.create_connection(("127.0.0.1", port), 10)
    s.sendall(octets)
    return s


def all_of(s):
    """What comes until the end; a reset is an end."""
    said = b""
    try:
        while more := s.recv(65536):
            said += more
    except ConnectionResetError:
        pass
    return said


@pytest.mark.threads
def test_half_a_request_is_not_waited_for(start_broker):
    broker = start_broker({"management.tcp.idle_timeout": "1s"})
    began = time.monotonic()
    halves = [b"", b"GET /api/over", b"GET /api/overview HTTP/1.1\r\nHost: x\r\nA: ",
              b"POST /api/overview HTTP/1.1\r\nContent-Length: 1000\r\n\r\nx"]
    waiting = [connected(port, half) for half in halves for port in (broker.http_port, broker.metrics_port)]
    for s in waiting:
        all_of(s)
        s.close()
    assert 0.9 < time.monotonic() - began < 10
    assert http.api(broker, "/overview")


def test_octets_that_drip_are_not_waited_for(start_broker):
    """One header line after the other, each in time, is not a request."""
    broker = start_broker({"management.tcp.idle_timeout": "1s"})
    with connected(broker.http_port, b"GET /api/overview HTTP/1.1\r\n") as s:
        deadline = time.monotonic() + 10
        while not wire.readable(s, 0.1):
            assert time.monotonic() < deadline
            s.sendall(b"A: b\r\n")


def test_a_huge_head_or_body_is_refused(broker):
    with peers.memory_grows_at_most(broker, 4 * peers.MIB):
        for octets in (b"GET /" + b"a" * 100000, b"GET /api/overview HTTP/1.1\r\nA: " + b"a" * 100000,
                       b"GET /api/overview HTTP/1.1\r\n" + b"A: b\r\n" * 20000,
                       b"POST /api/queues HTTP/1.1\r\nContent-Length: 1000000000\r\n\r\n"):
            with socket.create_connection(("127.0.0.1", broker.http_port), 10) as s:
                try:
                    s.sendall(octets)
                except (ConnectionResetError, BrokenPipeError):
                    continue
                said = all_of(s)
                assert not said or re.match(rb"HTTP/1\.[01] 4\d\d ", said), said[:100]
    assert http.api(broker, "/overview")


def test_what_is_no_http_is_refused(broker):
    for octets in (b"\0" * 100, b"AMQP\0\0\x09\x01", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\r\n" * 1000,
                   b"GET http://[ HTTP/1.1\r\n\r\n", b"BREW /api/overview HTTP/1.1\r\n\r\n",
                   b"GET /api/overview HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
                   b"GET * HTTP/1.1\r\n\r\n", b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n"):
        with connected(broker.http_port, octets) as s:
            s.shutdown(socket.SHUT_WR)
            said = all_of(s)
            assert not said or re.match(rb"HTTP/1\.[01] [45]\d\d ", said), (octets, said[:100])
    assert http.api(broker, "/overview")


@pytest.mark.threads
def test_too_many_connections_are_told_so_and_leave_no_trace(start_broker):
    broker = start_broker()
    before = broker.descriptor_count()
    crowd = [connected(broker.http_port) for _ in range(300)]
    try:
        refused = wait_until(lambda: answers_503(broker), "a connection too many to be refused")
        assert refused
        assert http.metrics(broker)["rabbitmq_queues"] == 0  # the other listener is not concerned
        assert broker.descriptor_count() - before < 270
    finally:
        for s in crowd:
            s.close()
    wait_until(lambda: answers(broker, 200), "the place that became free")
    wait_until(lambda: broker.descriptor_count() <= before + 2, "all sockets to be closed")


def answers(broker, status):
    try:
        return http.ask(broker.http_port, "/api/overview", limit_s=5).status == status
    except OSError:
        return False


def answers_503(broker):
    return answers(broker, 503)


def test_who_goes_while_it_is_answered_does_no_harm(broker):
    request = b"GET /api/queues HTTP/1.1\r\nHost: x\r\nAuthorization: Basic Z3Vlc3Q6Z3Vlc3Q=\r\n\r\n"
    for _ in range(50):
        s = connected(broker.http_port, request)
        peers.abort_hard(s) if hasattr(s, "sock") else s.close()
    for _ in range(20):
        with connected(broker.http_port, request * 5) as s:
            s.shutdown(socket.SHUT_WR)
    assert http.api(broker, "/overview")


def test_one_connection_serves_many_requests(broker):
    request = b"GET /api/overview HTTP/1.1\r\nHost: x\r\nAuthorization: Basic Z3Vlc3Q6Z3Vlc3Q=\r\n\r\n"
    with connected(broker.http_port, request * 10) as s:
        said = b""
        while said.count(b"HTTP/1.1 200 OK") < 10 or not said.endswith(b"}"):
            more = s.recv(65536)
            assert more
            said += more
