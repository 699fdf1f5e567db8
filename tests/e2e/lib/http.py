# SPDX-License-Identifier: Apache-2.0
"""A plain HTTP client for what chaskid answers: one request, one connection, one Answer."""
import base64
import dataclasses
import http.client
import json

GUEST = ("guest", "guest")


@dataclasses.dataclass
class Answer:
    status: int
    headers: object
    body: bytes

    def json(self):
        assert self.headers["Content-Type"] == "application/json", self.headers
        return json.loads(self.body)


def basic(user, password):
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def ask(port, path, method="GET", who=GUEST, headers=None, body=None, limit_s=30.0):
    """The answer to one request; who=None asks as nobody."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=limit_s)
    try:
        connection.request(method, path, body=body, headers={**(basic(*who) if who else {}), **(headers or {})})
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())
    finally:
        connection.close()


def api(broker, path, **how):
    """What /api says, as Python sees it; anything but 200 fails."""
    answer = ask(broker.http_port, "/api" + path, **how)
    assert answer.status == 200, f"{path}: {answer.status} {answer.body[:500]!r}"
    return answer.json()


def metrics(broker):
    """All metrics: {name with labels: value}; the text is checked on the way."""
    answer = ask(broker.metrics_port, "/metrics", who=None)
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    values, helped, typed = {}, set(), {}
    for line in answer.body.decode().splitlines():
        if line.startswith("# HELP "):
            helped.add(line.split()[2])
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split()
            assert kind in ("gauge", "counter") and name not in typed
            typed[name] = kind
        else:
            series, value = line.rsplit(" ", 1)
            name = series.partition("{")[0]
            assert name in helped and name in typed and series not in values, line
            assert (typed[name] == "counter") >= name.endswith("_total"), line
            values[series] = float(value)
    assert set(typed) == {series.partition("{")[0] for series in values}
    return values
