"""gunicorn's worker, in which no thread ever waits for a client.

gunicorn's own threads read a request and send its answer themselves, so as many clients as there
are threads, each as slow as it likes, keep everybody else out. Here the loop of the process does
both, for all connections at once and with deadlines: a thread gets a request that has arrived as a
whole, and leaves an answer that does not fit into the socket to the loop. A stream goes on, in any
thread, once most of what it has made so far has been sent.
"""

from __future__ import annotations

import errno
import math
import resource
import selectors
import socket
import struct
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from contextvars import Context, copy_context
from enum import Enum, auto
from functools import partial
from typing import Any, TypeVar

from gunicorn import http, sock
from gunicorn.http import wsgi
from gunicorn.workers.gthread import STOP_KEEPALIVE_LINGER, ThreadWorker

from financial_alerts.plain import Plain, Reply
from financial_alerts.wire import (
    Careful,
    Incoming,
    Outlet,
    Stage,
    refusal_bytes,
    refusal_of,
)
from lib.transport import BUSY, KIB, READ_TIMEOUT, TIMEOUT, Refusal

# A client has to take so many bytes of an answer, or the rest of it, in so many seconds.
SEND_TIMEOUT = 30.0
SEND_LEAST = 16 * KIB
# Seconds that a closed connection is kept for what the client is still sending: closing at once
# could take the answer away from it.
LINGER = 2.0
# Bytes of a stream that are made ahead of the client, and from which on the next ones are made.
HIGH, LOW = 256 * KIB, 64 * KIB
# Bytes that all connections of a process may hold together before the slowest has to go.
HELD = 64 * 1024 * KIB
# Files that may arrive at a time at one process, each on the disk until it is in the database.
FILES = 8
# Bytes read at once, for which room is made before any is read; file descriptors that are not for
# connections.
PIECE = 64 * KIB
SPARE = 100
# Seconds between two looks at the deadlines.
LOOK = 0.5

# A listening socket that has been shut down says EINVAL until the worker's own SIGTERM comes.
NOBODY_THERE = {errno.EAGAIN, errno.EWOULDBLOCK, errno.ECONNABORTED, errno.EINVAL}
NO_FILES_LEFT = {errno.EMFILE, errno.ENFILE}


T = TypeVar("T")


class State(Enum):
    """What a connection is waiting for: a request, the rest of it, a thread, its client."""

    IDLE = auto()
    READING = auto()
    RUNNING = auto()
    SENDING = auto()
    CLOSING = auto()


class Answer:
    """An answer on its way out of the application, made piece by piece."""

    def __init__(self, response: wsgi.Response) -> None:
        self.response = response
        self.chunks: Any = ()
        self.iterator: Iterator[bytes] = iter(())
        # Of the thread that began it, for those that go on with it.
        self.context: Context | None = None

    def take(self, chunks: Any) -> None:
        self.chunks = chunks
        self.iterator = iter(chunks)

    def run(self, work: Callable[[], T]) -> T:
        return self.context.run(work) if self.context else work()

    def write(self, outlet: Outlet) -> bool | None:
        """Write until all is written or enough is ahead of the client; give what go_on gives."""
        for chunk in self.iterator:
            self.response.write(chunk)
            if outlet.size > HIGH:
                self.context = self.context or copy_context()
                return None
        self.response.close()
        return not self.response.should_close()

    def close(self) -> None:
        if hasattr(self.chunks, "close"):
            self.run(self.chunks.close)


class Connection:
    """A client. deadline: when the loop looks after it, in seconds of time.monotonic()."""

    def __init__(
        self, config: Any, client: socket.socket, address: Any, server: Any, environ: dict[str, Any]
    ) -> None:
        self.sock = client
        self.address = address
        self.server = server
        # WSGI's, as far as it is the same for all requests.
        self.environ = environ | environ_between(address, server)
        self.incoming = Incoming(config, address)
        self.outlet = Outlet(client)
        self.answer: Answer | None = None
        self.state = State.IDLE
        self.since = time.monotonic()
        self.deadline = math.inf
        self.received = 0
        self.keep: bool | None = False
        self.watched = 0

    @property
    def held(self) -> int:
        return len(self.incoming.buffer) + self.outlet.size


Work = Callable[[Connection], Any]


class Worker(ThreadWorker):
    """Reads and sends in its loop; threads run the application and nothing else.

    gunicorn's access log and its hooks around a request are not called: the service logs itself.
    """

    poller: selectors.BaseSelector
    tpool: ThreadPoolExecutor

    def init_process(self) -> None:
        if self.cfg.is_ssl:
            raise RuntimeError("TLS ends at a proxy before this worker.")
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        if files != resource.RLIM_INFINITY:
            self.worker_connections = min(self.worker_connections, max(1, files - SPARE))
        self.connections: set[Connection] = set()
        # Bytes read since the last look at what all connections hold.
        self.arrived = 0
        self.next_look = 0.0
        self.environ = wsgi.base_environ(self.cfg) | {"wsgi.multithread": True}
        super().init_process()  # type: ignore[no-untyped-call]

    # Connections come and go.

    def accept(self, listener: sock.BaseSocket) -> None:
        try:
            client, address = listener.accept()
        except OSError as error:
            if error.errno in NO_FILES_LEFT:
                self.make_way()
            elif error.errno not in NOBODY_THERE:
                raise
            return
        client.setblocking(False)
        server = listener.getsockname()
        connection = Connection(self.cfg, client, address, server, self.environ)
        self.connections.add(connection)
        self.nr_conns += 1
        if self.nr_conns >= self.worker_connections:
            self.make_way()
        self.rest(connection)

    def make_way(self) -> None:
        """Close the connection that has waited longest, an idle one if there is any."""
        waiting = [each for each in self.connections if each.state != State.RUNNING]
        idle = [each for each in waiting if each.state == State.IDLE]
        if found := min(idle or waiting, key=lambda each: each.since, default=None):
            act = self.drop if found in idle else self.abandon
            act(found)

    def drop(self, connection: Connection) -> None:
        if connection in self.connections:
            self.connections.remove(connection)
            self.watch(connection, 0)
            self.nr_conns -= 1
            connection.sock.close()

    def abandon(self, connection: Connection) -> None:
        """Cut a connection off, so that nobody takes a part of an answer for the whole."""
        with suppress(OSError):
            at_once = struct.pack("ii", 1, 0)
            connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
        if connection.answer is not None:
            self.tpool.submit(self.end, connection.answer)
            connection.answer = None
        self.drop(connection)

    def watch(self, connection: Connection, events: int) -> None:
        """Wait for the socket to be readable or writable, or (0) for neither."""
        if events == connection.watched:
            return
        if connection.watched:
            self.poller.unregister(connection.sock)
        if events:
            act = self.receive if events == selectors.EVENT_READ else self.send
            self.poller.register(connection.sock, events, partial(self.attend, connection, act))
        connection.watched = events

    def attend(self, connection: Connection, act: Callable[[Connection], None], _: Any) -> None:
        """Do something for a connection; what fails costs that one, and not the loop."""
        try:
            act(connection)
        except Exception as error:
            if not isinstance(error, OSError):
                self.log.exception("A connection failed")
            self.abandon(connection)

    def enter(self, connection: Connection, state: State, seconds: float) -> None:
        """Begin to wait in a state, for so many seconds."""
        connection.state = state
        connection.since = time.monotonic()
        connection.deadline = connection.since + seconds

    # Requests come in.

    def rest(self, connection: Connection) -> None:
        """Wait for the next request, of which some may be here."""
        seconds = self.cfg.keepalive if self.alive else STOP_KEEPALIVE_LINGER
        self.enter(connection, State.IDLE, seconds)
        self.attend(connection, self.advance, None)

    def receive(self, connection: Connection) -> None:
        if connection.watched != selectors.EVENT_READ:
            # What came before this event in the same round has ended the wait for it.
            return
        if connection.state == State.RUNNING:
            # The next request, or the end: both wait.
            self.watch(connection, 0)
            return
        try:
            data = connection.sock.recv(PIECE)
        except BlockingIOError:
            return
        if not data:
            self.drop(connection)
        elif connection.state != State.CLOSING:
            try:
                connection.incoming.add(data)
            except OSError:
                self.log.exception("There is no room for a file")
                self.reply(connection, BUSY, "There is no room for the file now; send it later.")
                return
            self.arrived += len(data)
            if self.arrived > HELD / 4:
                self.bound()
            self.advance(connection)

    def advance(self, connection: Connection) -> None:
        """Do what can be done with what has arrived of a request."""
        try:
            stage = connection.incoming.stage()
        except (http.errors.ParseException, http.errors.NoMoreData, StopIteration) as error:
            self.refuse(connection, error)
            return
        if stage == Stage.WHOLE:
            begin = partial(self.begin, *connection.incoming.take())
            self.submit(connection, begin, self.leave)
        elif stage == Stage.LARGE:
            self.submit(connection, self.ask, self.know)
        else:
            self.read_on(connection, stage)

    def read_on(self, connection: Connection, stage: Stage) -> None:
        if stage == Stage.PART and connection.state != State.READING:
            self.enter(connection, State.READING, READ_TIMEOUT + connection.incoming.more_seconds)
        if connection.incoming.owes_continue():
            connection.outlet.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            connection.outlet.flush()
        self.watch(connection, selectors.EVENT_READ)

    def refuse(self, connection: Connection, error: BaseException) -> None:
        """Answer what cannot be read. Anybody can send such things, so it is not a warning."""
        refusal, detail = refusal_of(error)
        self.log.info("A request was refused: %s, %s", refusal.status, type(error).__name__)
        self.reply(connection, refusal, detail)

    def reply(self, connection: Connection, refusal: Refusal, detail: str) -> None:
        """Send an answer that is not the application's, and close."""
        is_head = connection.incoming.is_head
        connection.outlet.sendall(refusal_bytes(refusal, detail, is_head=is_head))
        connection.outlet.flush()
        self.leave(False, connection)

    # Threads run the application.

    def submit(self, connection: Connection, work: Work, then: Callable[..., None]) -> None:
        """Let a thread do some work with a connection, and the loop go on with what it gives."""
        if connection.watched == selectors.EVENT_WRITE:
            self.watch(connection, 0)
        self.enter(connection, State.RUNNING, math.inf)
        future = self.tpool.submit(work, connection)
        future.add_done_callback(
            lambda future: self.method_queue.defer(self.done, connection, future, then)
        )

    def done(self, connection: Connection, future: Future[Any], then: Callable[..., None]) -> None:
        if error := future.exception():
            self.attend(connection, partial(self.fail, error), None)
        else:
            self.attend(connection, partial(then, future.result()), None)

    def fail(self, error: BaseException, connection: Connection) -> None:
        """An answer that began is cut off; otherwise the client hears that the server failed."""
        answer, connection.answer = connection.answer, None
        began = answer is not None and answer.response.headers_sent
        if answer is not None:
            self.tpool.submit(self.end, answer)
        if isinstance(error, OSError) and began:
            self.abandon(connection)
            return
        self.log.error("A request failed while it was answered", exc_info=error)
        if began:
            self.abandon(connection)
        else:
            self.reply(connection, *refusal_of(error))

    def ask(self, connection: Connection) -> bool:
        """Whether the application knows the sender of a large body."""
        request = connection.incoming.request
        wants, request.wants_continue = request.wants_continue, False
        _, environ = self.environ_of(connection, request)
        request.wants_continue = wants
        return bool(getattr(self.wsgi, "admits", unknown)(environ))

    def know(self, known: bool, connection: Connection) -> None:
        incoming = connection.incoming
        incoming.known = known
        if incoming.wants_file:
            if sum(each.incoming.file is not None for each in self.connections) >= FILES:
                self.reply(connection, BUSY, "Too many files are arriving; send it in a moment.")
                return
            incoming.open_file()
        self.advance(connection)

    def environ_of(
        self, connection: Connection, request: Plain | Careful
    ) -> tuple[Reply, dict[str, Any]]:
        if isinstance(request, Plain):
            environ = connection.environ | request.environ
            return Reply(request, connection.outlet, self.cfg), environ
        # gunicorn would send 100 Continue here, which the loop has done where it was wanted.
        request.wants_continue = False
        reply, environ = wsgi.create(
            request, connection.outlet, connection.address, connection.server, self.cfg, Reply
        )
        environ["wsgi.multithread"] = True
        return reply, environ

    def begin(self, request: Plain | Careful, body: Any, connection: Connection) -> bool | None:
        """Call the application with a request; give what go_on gives.

        body: what it reads instead of the body in the request; None for that one.
        """
        response, environ = self.environ_of(connection, request)
        if body is not None:
            environ["wsgi.input"] = body
        self.count(response)
        answer = connection.answer = Answer(response)
        answer.take(self.wsgi(environ, response.start_response))
        return self.go_on(answer, connection)

    def count(self, response: wsgi.Response) -> None:
        """Close after this answer where the worker ends, which it does after so many requests."""
        self.nr += 1
        if self.nr >= self.max_requests and self.alive:
            self.log.info("Autorestarting worker after current request.")
            self.alive = False
        if not (self.alive and self.cfg.keepalive):
            response.force_close()

    def go_on(self, answer: Answer, connection: Connection) -> bool | None:
        """Make the answer, or as much of it as may be ahead of the client.

        Give whether the connection stays open, or None where there is more to come.
        """
        keep = answer.run(partial(answer.write, connection.outlet))
        if keep is not None:
            connection.answer = None
            self.end(answer)
        connection.outlet.flush()
        return keep

    def end(self, answer: Answer) -> None:
        try:
            answer.close()
        except Exception:
            self.log.exception("An answer could not be closed")

    # Answers go out.

    def leave(self, keep: bool | None, connection: Connection) -> None:
        """Send what is left of an answer, or go on with it, or be done with it."""
        connection.keep = keep
        if connection.answer is not None and connection.outlet.size <= LOW:
            self.submit(connection, partial(self.go_on, connection.answer), self.leave)
        elif connection.outlet.size:
            connection.received = connection.outlet.received
            self.enter(connection, State.SENDING, SEND_TIMEOUT)
            self.watch(connection, selectors.EVENT_WRITE)
        elif keep:
            self.rest(connection)
        else:
            self.close(connection)

    def send(self, connection: Connection) -> None:
        """Send more, as the client takes it."""
        connection.outlet.flush()
        if connection.outlet.size <= (LOW if connection.keep is None else 0):
            self.leave(connection.keep, connection)

    def close(self, connection: Connection) -> None:
        """End the answer, and read on for a moment: RFC 9112, section 9.6."""
        connection.sock.shutdown(socket.SHUT_WR)
        self.enter(connection, State.CLOSING, LINGER)
        self.watch(connection, selectors.EVENT_READ)

    # Time and memory run out.

    def murder_pending(self) -> None:
        """gunicorn's loop calls this at each turn, and at least once a second."""
        now = time.monotonic()
        if now < self.next_look:
            return
        self.next_look = now + LOOK
        for connection in [*self.connections]:
            if connection.deadline <= now:
                self.attend(connection, self.expire, None)
        self.bound()

    def expire(self, connection: Connection) -> None:
        if connection.state == State.READING:
            self.log.info("A request was refused: %s", TIMEOUT.status)
            seconds = READ_TIMEOUT + connection.incoming.more_seconds
            detail = f"It has to arrive within {seconds} seconds."
            self.reply(connection, TIMEOUT, detail)
        elif connection.state != State.SENDING:
            self.drop(connection)
        elif (received := connection.outlet.received) - connection.received < SEND_LEAST:
            self.abandon(connection)
        else:
            connection.received = received
            connection.deadline = time.monotonic() + SEND_TIMEOUT

    def bound(self) -> None:
        """Cut off those who hold much for long, where all together hold too much."""
        self.arrived = 0
        held, now = sum(each.held for each in self.connections), time.monotonic()
        while held > HELD:
            waiting = [each for each in self.connections if each.state != State.RUNNING]
            found = max(waiting, key=lambda each: each.held * (now - each.since), default=None)
            if found is None or not found.held:
                return
            held -= found.held
            self.abandon(found)

    def _cap_keepalive(self, deadline: float) -> None:
        """gunicorn's loop calls this when the worker ends: nobody stays idle for longer."""
        for connection in self.connections:
            if connection.state == State.IDLE:
                connection.deadline = min(connection.deadline, deadline)


def environ_between(client: Any, server: Any) -> dict[str, Any]:
    """WSGI's names of the two ends of a connection, of which each is (IP address, port, ...)."""
    if not (isinstance(client, tuple) and isinstance(server, tuple)):
        return {}
    return {
        "REMOTE_ADDR": client[0],
        "REMOTE_PORT": str(client[1]),
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1]),
    }


def unknown(environ: dict[str, Any]) -> bool:
    """Stands for an application that does not say whom it knows."""
    return False
