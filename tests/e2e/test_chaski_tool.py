# SPDX-License-Identifier: Apache-2.0
"""The tool `chaski` of the same build: what it prints, what it says when it cannot, and its exit codes."""
import contextlib
import json
import re
import socket
import subprocess

import peers
import pytest
from lib import http
from lib.broker import environment, tool, wait_until
from pika import spec

pytestmark = pytest.mark.chaski_only


def chaski(*args, limit_s=30.0):
    """Exit code, stdout, stderr."""
    done = subprocess.run([tool(), *args], env=environment(), capture_output=True, text=True, timeout=limit_s,
                          stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout, done.stderr


def refused(*args, code=2):
    """What it said: one line for a person, nothing on stdout."""
    got, out, said = chaski(*args)
    assert got == code and out == "", (got, out, said)
    assert said.startswith("chaski: ") and said.count("\n") == 1, said
    return said


def url_of(broker, who="guest:guest"):
    return f"http://{who}@127.0.0.1:{broker.http_port}"


def status(broker, *args):
    code, out, said = chaski("status", "--url", url_of(broker), *args)
    assert (code, said) == (0, "")
    return out


# ---- status ----


def test_status_says_what_a_person_wants_to_know(broker):
    with peers.opened(broker) as client:
        queue = client.declare_queue(1)
        for _ in range(3):
            client.publish(1, b"x", routing_key=queue)
        wait_until(lambda: peers.ready_count(client, 1, queue) == 3, "three messages")
        said = status(broker)
        lines = {line.partition(":")[0]: line for line in said.splitlines()[1:]}
        assert re.match(r"chaski \d+\.\d+\.\d+ on chaski@\S+ \(cluster .*\), up \d", said)
        assert f"amqp 127.0.0.1:{broker.port}" in lines["listeners"]
        assert f"http 127.0.0.1:{broker.http_port}" in lines["listeners"]
        assert re.search(r"[1-9]\d* connections, [1-9]\d* channels, \d+ consumers", lines["clients"])
        assert re.search(r"[1-9]\d*, with [3-9] messages: [3-9] ready, \d+ unacknowledged", lines["queues"])
        assert lines["alarms"].split() == ["alarms:", "none"] and lines["damaged"].split() == ["damaged:", "none"]
        assert "store" in lines and "memory" in lines and "longest step" in lines


def test_status_as_json_is_the_overview(broker):
    shown = json.loads(status(broker, "--json"))
    assert shown["damaged_queues"] == [] and shown["product_name"] == "chaski"
    assert shown.keys() >= http.api(broker, "/overview").keys()


def test_status_shows_the_alarm(start_broker):
    broker = start_broker({"vm_memory_high_watermark.absolute": "10k", "memory.bodies": "64MiB"})
    with peers.opened(broker) as client:
        client.publish(1, b"x" * 20000, routing_key=client.declare_queue(1))
        wait_until(lambda: "memory: publishers are held back" in status(broker), "the alarm")


def test_who_is_not_let_in_is_told_what_to_do(broker):
    said = refused("status", "--url", url_of(broker, "guest:secret"), code=1)
    assert "refuses user 'guest'" in said and "--url" in said and "secret" not in said


def test_where_nobody_answers_the_address_is_named(broker):
    port = broker.port  # one that speaks no HTTP
    said = refused("status", f"--url=http://guest:secret@127.0.0.1:{port}", code=1)
    assert f"127.0.0.1:{port}" in said and "secret" not in said
    said = refused("status", "--url", "http://guest:secret@127.0.0.1:1", code=1)
    assert "http://127.0.0.1:1" in said and "is chaskid running there" in said and "secret" not in said


def test_another_http_server_is_no_broker(broker):
    said = refused("status", "--url", f"http://guest:guest@127.0.0.1:{broker.metrics_port}", code=1)
    assert "404" in said


# ---- use ----


def test_help_of_it_all_and_of_each_verb():
    code, said, _ = chaski("--help")
    assert code == 0 and "usage: chaski VERB" in said
    verbs = re.findall(r"^  (\w+) +\S", said.partition("chaski VERB --help")[0], re.M)
    assert {"status", "log"} <= set(verbs)
    for verb in verbs:
        code, said, _ = chaski(verb, "--help")
        assert code == 0 and said.startswith(f"usage: chaski {verb} "), verb


def test_its_version_is_the_daemons():
    code, said, _ = chaski("--version")
    assert code == 0 and re.fullmatch(r"chaski \d+\.\d+\.\d+\n", said)


@pytest.mark.parametrize("args, word", [
    ([], "a verb is missing"), (["statsu"], "did you mean 'status'?"), (["lgo"], "did you mean 'log'?"),
    (["frobnicate"], "chaski --help"), (["status", "--jsn"], "--jsn"), (["status", "--url"], "--url needs a value"),
    (["status", "--url", "gopher//x"], "--url"), (["log"], "verify or inspect"),
    (["log", "verfy", "/tmp"], "did you mean 'verify'?"), (["log", "verify"], "needs the folder"),
    (["log", "verify", "/no/such/folder"], "/no/such/folder"), (["log", "inspect", "/tmp", "--from", "x"], "--from x"),
    (["curve"], "make, public or list"), (["curve", "pubic", "x"], "did you mean 'public'?"),
    (["curve", "make"], "needs a file"), (["curve", "make", "--json", "x"], "--json"),
    (["curve", "list", "/no/such/file"], "/no/such/file: No such file"), (["curve", "public", "/tmp"], "directory")])
def test_wrong_use_exits_with_2_and_a_reason(args, word):
    assert word in refused(*args)


def test_a_folder_without_a_log_is_said_to_be_one(tmp_path):
    for verb in ("verify", "inspect"):
        assert "holds no log" in refused("log", verb, str(tmp_path))
    assert list(tmp_path.iterdir()) == []


# ---- curve ----


KEY = re.compile(r"[0-9a-zA-Z.:+=^!/*?&<>()\[\]{}@%$#-]{40}\n")


def test_a_key_pair_is_made_once_for_its_owner_alone(tmp_path):
    file = tmp_path / "bus.keys"
    code, key, said = chaski("curve", "make", str(file))
    assert (code, said) == (0, "") and KEY.fullmatch(key)
    assert file.stat().st_mode & 0o777 == 0o600
    text = file.read_text()
    secret = re.search(r"^secret = (.*\n)", text, re.M)[1]
    assert f"public = {key}" in text and KEY.fullmatch(secret) and secret != key
    assert "there already" in refused("curve", "make", str(file), code=1) and file.read_text() == text
    assert chaski("curve", "public", str(file)) == chaski("curve", "list", str(file)) == (0, key, "")
    assert chaski("curve", "make", str(tmp_path / "other"))[1] != key


def test_clients_are_listed_with_their_users(tmp_path):
    keys = {user: chaski("curve", "make", str(tmp_path / user))[1].strip() for user in ("anna", "bob")}
    file = tmp_path / "clients"
    file.write_text("# who may\n" + "".join(f"{key}\t{user}\n" for user, key in keys.items()))
    assert chaski("curve", "list", str(file)) == (0, "".join(f"{key} {user}\n" for user, key in keys.items()), "")
    code, shown, _ = chaski("curve", "list", "--json", str(file))
    assert code == 0
    assert [json.loads(line) for line in shown.splitlines()] == [{"key": key, "user": user} for user, key in keys.items()]
    file.write_text(file.read_text() + f"{keys['bob']} anna\n")
    assert "line 4: this key is there already, of user 'bob'" in refused("curve", "list", str(file), code=1)
    assert "line 2: expected 'public = KEY'" in refused("curve", "public", str(file), code=1)


def test_a_wrong_key_pair_is_told_by_its_line_without_its_secret(tmp_path):
    for name in ("one", "two"):
        chaski("curve", "make", str(tmp_path / name))
    lines = (tmp_path / "one").read_text().splitlines()[:2] + (tmp_path / "two").read_text().splitlines()[2:]
    (tmp_path / "mixed").write_text("\n".join(lines))
    said = refused("curve", "public", str(tmp_path / "mixed"), code=1)
    assert "line 2: this public key does not belong to the secret one of line 3" in said
    (tmp_path / "short").write_text("\n".join(lines)[:-1])
    said = refused("curve", "list", str(tmp_path / "short"), code=1)
    assert "line 3: secret: expected a key" in said and lines[2].split()[2][:-1] not in said


def test_a_file_that_cannot_be_written_is_named(tmp_path):
    assert f"{tmp_path}/none/x: No such file" in refused("curve", "make", f"{tmp_path}/none/x", code=1)


# ---- log ----


@pytest.fixture
def stopped(start_broker, tmp_path):
    """A broker that stored twenty messages and has ended."""
    broker = start_broker({"data_dir": str(tmp_path / "data")})
    with peers.opened(broker) as client:
        client.request(1, spec.Queue.Declare(queue="stored", durable=True), spec.Queue.DeclareOk)
        client.request(1, spec.Confirm.Select(), spec.Confirm.SelectOk)
        for i in range(20):
            client.publish(1, b"needle %02d" % i, routing_key="stored", properties=spec.BasicProperties(delivery_mode=2))
            client.expect(spec.Basic.Ack, 1)
    broker.stop()
    return broker


def records(broker, *args):
    code, out, _ = chaski("log", "inspect", str(broker.data_dir), "--records", "--json", *args)
    assert code == 0
    return [one for one in map(json.loads, out.splitlines()) if one["kind"] == "record"]


def test_what_a_broker_stored_is_whole_and_can_be_listed(stopped):
    code, out, said = chaski("log", "verify", str(stopped.data_dir))
    assert code == 0 and said == "" and out.endswith("; no fault\n") and out.count("\n") == 1
    listed = records(stopped)
    assert "stored" in [one["name"] for one in listed if one["type"] == "queue"]
    messages = [one for one in listed if one["type"] == "message"]
    assert len(messages) == 20 and all(one["key"] == "stored" for one in messages)
    last = listed[-1]["record"]
    assert [one["record"] for one in records(stopped, "--from", str(last - 1))] == [last - 1, last]


def test_an_octet_that_changed_is_found_and_the_tool_changes_nothing(stopped):
    file, at = next((path, path.read_bytes().find(b"needle 07")) for path in sorted(stopped.data_dir.glob("log.*"))
                    if b"needle 07" in path.read_bytes())
    octets = bytearray(file.read_bytes())
    octets[at] ^= 1
    file.write_bytes(octets)
    before = {path.name: path.read_bytes() for path in stopped.data_dir.iterdir()}
    code, out, _ = chaski("log", "verify", str(stopped.data_dir))
    assert code == 1
    assert re.search(rf"^{file.name}: offset \d+: the content of record \d+ is damaged$", out, re.M), out
    assert out.splitlines()[-1].endswith("; 1 fault, 0 fatal")
    assert {path.name: path.read_bytes() for path in stopped.data_dir.iterdir()} == before


def test_a_broker_that_cannot_answer_now_is_said_to_be_busy(start_broker):
    broker = start_broker()
    with contextlib.ExitStack() as clients:
        for _ in range(100):
            clients.enter_context(socket.create_connection(("127.0.0.1", broker.http_port)))
        said = refused("status", "--url", f"http://guest:guest@127.0.0.1:{broker.http_port}", code=1)
        assert "cannot answer now (HTTP status 503)" in said
