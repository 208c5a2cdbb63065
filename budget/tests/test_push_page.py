"""docs/notifications/push.js and push-worker.js, in a real browser.

A browser without a way to its push service cannot subscribe: that one call is answered by the test.
What comes of a push is Chromium's own.
"""

from __future__ import annotations

import functools
import http.server
import json
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import CDPSession, Page

from budget.delivering.channels.push import notification_of
from financial_alerts.tests.browser import chromium, needs_chromium
from lib.web_push import Sender, new_private_key

pytestmark = [needs_chromium, pytest.mark.once]

DOCS = Path(__file__).parents[2] / "docs" / "notifications"
KEY = Sender.of(new_private_key(), "mailto:ops@example.com").public
# The API and the push service: what the page asked of them is in `asked`.
STAND_IN = """(key) => {
    window.asked = [];
    window.ask = async (method, path, body) => {
        asked.push([method, path, body && body.endpoint]);
        return path === "/api/push/key" ? {key: window.key} : {id: 5};
    };
    window.key = key;
    let made = 0, current = null;
    const raw = (text) => Uint8Array.from(
        atob(text.replaceAll("-", "+").replaceAll("_", "/")), (one) => one.charCodeAt(0)).buffer;
    PushManager.prototype.getSubscription = async () => current;
    PushManager.prototype.subscribe = async ({applicationServerKey}) => {
        const endpoint = `https://push.example.com/${++made}`;
        return current = {
            options: {applicationServerKey: raw(applicationServerKey)},
            toJSON: () => ({endpoint}),
            unsubscribe: async () => { asked.push(["unsubscribe"]); current = null; },
        };
    };
}"""


class Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args: Any) -> None:
        pass


@dataclass
class App:
    """A page of an app that has the two files of the docs."""

    origin: str
    page: Page
    devtools: CDPSession
    registered: dict[str, str] = field(default_factory=dict)
    active: bool = False

    def run(self, code: str) -> Any:
        return self.page.evaluate(f"import('/push.js').then(async (push) => {code})")

    def watch(self) -> None:
        """Note the worker's registration, by which a push message is brought to it."""
        self.devtools.on("ServiceWorker.workerRegistrationUpdated", self.note)
        self.devtools.on("ServiceWorker.workerVersionUpdated", self.note_version)
        self.devtools.send("ServiceWorker.enable")

    def note_version(self, event: dict[str, Any]) -> None:
        self.active |= any(one["status"] == "activated" for one in event["versions"])

    def note(self, event: dict[str, Any]) -> None:
        for one in event["registrations"]:
            self.registered[one["scopeURL"]] = one["registrationId"]

    def push(self, message: dict[str, Any]) -> None:
        """Let a push message come in, as from a push service."""
        # What comes in before the browser itself takes the worker for active is lost.
        while not self.active:
            self.page.wait_for_timeout(50)
        while f"{self.origin}/" not in self.registered:
            self.page.wait_for_timeout(50)
        about = {"origin": self.origin, "registrationId": self.registered[f"{self.origin}/"]}
        text = json.dumps(message, ensure_ascii=False)
        self.devtools.send("ServiceWorker.deliverPushMessage", {**about, "data": text})

    def shown(self, body: str) -> list[Any]:
        """The notifications, as soon as one has this text."""
        all_of = "(await (await navigator.serviceWorker.ready).getNotifications())"
        end = time.monotonic() + 20
        while True:
            # Chromium forgets what it is just about to show when it is asked for all.
            self.page.wait_for_timeout(500)
            found: list[Any] = self.page.evaluate(
                f"async () => {all_of}.map((one) => [one.title, one.body, one.data.navigate])"
            )
            if any(one[1] == body for one in found) or time.monotonic() > end:
                return found


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    folder.mkdir()
    for name in ("push.js", "push-worker.js"):
        shutil.copy(DOCS / name, folder)
    (folder / "index.html").write_text("<!doctype html><title>An app</title>")
    handler = functools.partial(Handler, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    with serving(tmp_path / "site") as origin, chromium(tmp_path / "profile") as context:
        context.grant_permissions(["notifications"], origin=origin)
        page = context.pages[0]
        page.goto(f"{origin}/index.html")
        page.evaluate(STAND_IN, KEY)
        made = App(origin, page, context.new_cdp_session(page))
        made.watch()
        yield made


def test_a_page_turns_push_on_renews_it_and_turns_it_off(app: App) -> None:
    assert app.run("(await push.turnOn(ask)).id") == 5
    assert app.run("(await push.renew(ask)).id") == 5
    first = "https://push.example.com/1"
    assert (
        app.page.evaluate("asked.splice(0)")
        == [
            ["GET", "/api/push/key", None],
            ["POST", "/api/push", first],
        ]
        * 2
    )
    # The service has another key now, so the old subscription is worth nothing.
    other = Sender.of(new_private_key(), "mailto:ops@example.com").public
    app.page.evaluate("(other) => { key = other; }", other)
    app.run("push.renew(ask)")
    assert app.page.evaluate("asked.splice(0)") == [
        ["GET", "/api/push/key", None],
        ["unsubscribe"],
        ["POST", "/api/push", "https://push.example.com/2"],
    ]
    app.run("push.turnOff(ask)")
    assert app.page.evaluate("asked.splice(0)") == [
        ["unsubscribe"],
        ["POST", "/api/push", "https://push.example.com/2"],
        ["DELETE", "/api/push/5", None],
    ]
    assert app.run("push.renew(ask)") is None


def message(kind: str, alert: int, sentence: str) -> dict[str, Any]:
    about = {"id": alert, "message": sentence, "threshold": 3, "level": 100, "status": "open"}
    data = {"seq": 7, "total": "120.00", "limit": "100.00"}
    numbers = {"total": "120.00", "limit": "100.00"}
    sent = {"type": kind, "timestamp": "2018-03-05T18:02:11Z"}
    return notification_of("event_7_7", {**sent, "data": {**data, "alert": {**about, **numbers}}})


def test_a_browser_shows_what_comes_each_alert_once(app: App) -> None:
    app.run("(await push.turnOn(ask)).id")
    app.push(message("alert.opened", 12, "Café: limit reached"))
    assert app.shown("limit reached") == [["Café", "limit reached", "?alert=12"]]
    app.push(message("alert.opened", 13, "Rent: limit passed"))
    assert len(app.shown("limit passed")) == 2
    app.push(message("alert.resolved", 12, "Café, ended: all is well"))
    found = app.shown("all is well")
    assert sorted(title for title, _, _ in found) == ["Café, ended", "Rent"]
