"""How gunicorn serves the project: threads, behind a load balancer, and a gentle end."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable
from types import FrameType

from gunicorn.arbiter import Arbiter


def number(name: str, default: int, least: int, most: int) -> int:
    """Give the whole number that a variable says; leave where it says anything else."""
    text = os.environ.get(name, "").strip() or str(default)
    if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
        raise SystemExit(f"{name} must be a whole number from {least} to {most}")
    return int(text)


# The service logs each request itself. This is what gunicorn itself logs, in the same form.
accesslog = None
logconfig_dict = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "lib.logs.Json"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"level": "INFO", "handlers": ["stderr"]},
    "loggers": {
        "gunicorn.error": {"level": "INFO", "handlers": ["stderr"], "propagate": False},
        "gunicorn.access": {"level": "INFO", "handlers": [], "propagate": False},
    },
}

_address = os.environ.get("LISTEN_ADDRESS", "").strip() or "127.0.0.1"
_port = number("PORT", 8000, 1, 65535)
bind = [f"[{_address}]:{_port}" if ":" in _address else f"{_address}:{_port}"]


def when_ready(server: Arbiter) -> None:
    """Refuse new connections from the first moment of SIGTERM.

    gunicorn closes its listening sockets then, but a worker that has yet to finish a request holds
    them open, too: connections would be taken in, never answered, and reset up to graceful_timeout
    later. A caller that is refused goes elsewhere at once.
    """
    queue: Callable[[int, FrameType | None], None] = server.signal

    def stop(number: int, frame: FrameType | None) -> None:
        for listener in server.LISTENERS:
            listener.sock.shutdown(socket.SHUT_RDWR)
        queue(number, frame)

    signal.signal(signal.SIGTERM, stop)


def on_reload(server: Arbiter) -> None:
    """Log as the settings say after SIGHUP, too.

    gunicorn sets up its own logging again then. The settings did so once, when the application was
    loaded, and it is not loaded again. Workers that start from here on inherit what is set up now.
    """
    # The settings are on the path only once the application is loaded.
    from django.conf import settings
    from django.utils.log import configure_logging

    configure_logging(settings.LOGGING_CONFIG, settings.LOGGING)


# Requests wait for the database more than for a processor. Workers times threads is also the number
# of database connections that one machine may hold.
# By name: where gunicorn reads this, the project is not on the path yet.
worker_class = "financial_alerts.worker.Worker"
workers = number("WEB_CONCURRENCY", 2, 1, 64)
threads = number("GUNICORN_THREADS", 4, 1, 64)
# Loaded once, before the fork: a worker that takes another's place answers in milliseconds and
# shares the memory, and code or settings that do not load end the process before it listens.
preload_app = True

# Bytes, as in lib/transport.py. 0: the worker keeps the limit of the request line
# itself, because gunicorn allows no more than 8,190.
limit_request_line = 0
limit_request_field_size = 16 * 1024
# Files are sent as any other answer, by the worker's loop.
sendfile = False

# Longer than the load balancer keeps an idle connection (60 s for an ALB): where the server closes
# first, a request that is already on its way meets a closed connection, and the client a 502.
keepalive = 75
# Seconds. A request that still runs so long after SIGTERM is cut, so after SIGTERM wait
# longer before SIGKILL; a worker whose loop says nothing for `timeout` is replaced.
graceful_timeout = 30
timeout = 60
# What a library may leak ends with its worker; the jitter keeps workers from ending together.
max_requests = 10_000
max_requests_jitter = 2_000

# A heartbeat on a disk can stall a worker, and the root file system may be read-only.
worker_tmp_dir = "/dev/shm"  # noqa: S108 - memory, and gunicorn makes the name
# Nobody controls a container's process by a socket, and there is no home to keep one in.
control_socket_disable = True
# Which proxy is believed is said once, in the settings: TRUST_X_FORWARDED_PROTO.
forwarded_allow_ips = ""
