# SPDX-License-Identifier: Apache-2.0
"""A RabbitMQ node of our own: data, logs and port mapper are its, nothing of an installed service is used or touched."""
import os
import pathlib
import shutil
import signal
import socket

# Debian's script of this name in the PATH changes the user; the one it calls does not.
PROGRAM = pathlib.Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
START_LIMIT_S = 120
STOP_LIMIT_S = 60


def program():
    """Where it is, or None where it is not installed."""
    if PROGRAM.is_file():
        return PROGRAM
    found = shutil.which("rabbitmq-server")
    return pathlib.Path(found) if found else None


def _free_ports(count):
    """Ports that were free a moment ago: all are held until the last is known, so that they differ."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def environment(work, port, distribution_port, mapper_port):
    for name in ("mnesia", "log", "home", "config"):
        (work / name).mkdir()
    (work / "rabbitmq.conf").write_text("")
    (work / "enabled_plugins").write_text("[].\n")
    own = {name: value for name, value in os.environ.items() if not name.startswith(("RABBITMQ_", "ERL_"))}
    return own | {
        "HOME": str(work / "home"),  # the cookie's
        "ERL_EPMD_PORT": str(mapper_port), "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODENAME": "chaski-compare@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1", "RABBITMQ_NODE_PORT": str(port),
        "RABBITMQ_DIST_PORT": str(distribution_port),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
        "RABBITMQ_MNESIA_BASE": str(work / "mnesia"), "RABBITMQ_LOG_BASE": str(work / "log"),
        "RABBITMQ_CONF_ENV_FILE": str(work / "none"), "RABBITMQ_CONFIG_FILE": str(work / "rabbitmq.conf"),
        "RABBITMQ_ADVANCED_CONFIG_FILE": str(work / "none.config"), "RABBITMQ_GENERATED_CONFIG_DIR": str(work / "config"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(work / "enabled_plugins"), "RABBITMQ_PID_FILE": str(work / "pid"),
        # The script becomes the Erlang machine, instead of waiting for it: its process is the broker's.
        "RUNNING_UNDER_SYSTEMD": "true",
    }


def launch(script, work, group):
    port, distribution_port, mapper_port = _free_ports(3)
    env = environment(work, port, distribution_port, mapper_port)
    group.start(["epmd", "-port", mapper_port, "-address", "127.0.0.1"], work / "epmd.log", env=env,
                good_codes=(0, -signal.SIGTERM))
    process = group.start([script], work / "out", env=env, stop_limit_s=STOP_LIMIT_S)
    process.wait_for_line(r"completed with \d+ plugins", START_LIMIT_S, "it is ready")
    return process, port
