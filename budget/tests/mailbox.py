"""A mail server on this machine, which keeps what it is handed in."""

from __future__ import annotations

import email
import email.policy
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any

from django.test import override_settings


@dataclass
class Mailbox:
    """What has come. refuse: the answer to a recipient; None takes it."""

    got: list[EmailMessage] = field(default_factory=list)
    refuse: Callable[[str], str | None] = lambda address: None

    @property
    def subjects(self) -> list[str]:
        return [str(mail["Subject"]) for mail in self.got]


class Conversation(socketserver.StreamRequestHandler):
    """One client, by RFC 5321, as far as a program that hands in mail needs it."""

    def say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())

    def handle(self) -> None:
        box: Mailbox = self.server.box  # type: ignore[attr-defined]
        self.say("220 localhost")
        for raw in self.rfile:
            line = raw.decode().strip()
            word = line[:4].upper()
            if word == "QUIT":
                return self.say("221 bye")
            if word == "RCPT":
                self.say(box.refuse(line.partition("<")[2].rstrip(">")) or "250 ok")
            elif word == "DATA":
                self.say("354 go on")
                lines = iter(self.rfile.readline, b".\r\n")
                body = b"".join(one[1:] if one.startswith(b".") else one for one in lines)
                policy: Any = email.policy.default
                box.got.append(email.message_from_bytes(body, policy=policy))
                self.say("250 taken")
            else:
                self.say("250 ok")


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


@contextmanager
def mailbox() -> Iterator[Mailbox]:
    """Take mail on a free port of 127.0.0.1, and let Django hand it in there."""
    with Server(("127.0.0.1", 0), Conversation) as server:
        box = server.box = Mailbox()  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        backend = "django.core.mail.backends.smtp.EmailBackend"
        host, port = server.server_address[:2]
        with override_settings(EMAIL_BACKEND=backend, EMAIL_HOST=host, EMAIL_PORT=port):
            yield box
        server.shutdown()
        thread.join()
