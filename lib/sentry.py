"""Crashes reported to Sentry, if SENTRY_DSN is set: class and place, no data."""

from __future__ import annotations

from typing import Any

import sentry_sdk
from sentry_sdk.integrations.django import DjangoIntegration
from sentry_sdk.integrations.logging import LoggingIntegration
from sentry_sdk.transport import Transport
from sentry_sdk.types import Event, Hint

from lib.logs import request_id, summary

# All that is sent of an event. The rest would have the request with its body and headers, what was
# logged and asked of the database before, the arguments of a command, values of variables.
KEPT = (
    "environment",
    "event_id",
    "exception",
    "level",
    "logger",
    "platform",
    "release",
    "timestamp",
    "transaction",
)
OF_EXCEPTION = ("type", "module", "mechanism", "stacktrace")
OF_FRAME = ("abs_path", "filename", "function", "in_app", "lineno", "module")


def start(dsn: str, transport: Transport | None = None) -> None:
    """Send what fails from now on. transport: another way to send than HTTP."""
    sentry_sdk.init(
        dsn=dsn,
        transport=transport,
        auto_enabling_integrations=False,
        integrations=[
            DjangoIntegration(transaction_style="url", middleware_spans=False, signals_spans=False),
            LoggingIntegration(level=None),
        ],
        before_send=strip,
        send_default_pii=False,
        include_local_variables=False,
        max_request_body_size="never",
        max_breadcrumbs=0,
        traces_sample_rate=None,
        trace_propagation_targets=[],
        auto_session_tracking=False,
        send_client_reports=False,
    )


def strip(event: Event, hint: Hint) -> Event:
    """An event with nothing in it that a person has sent or stored."""
    kept: Any = {name: value for name, value in event.items() if name in KEPT}
    kept["tags"] = {"request_id": request_id.get()}
    if (event.get("transaction_info") or {}).get("source") != "route":
        # Where no route was met the SDK takes the URL instead.
        kept.pop("transaction", None)
    if isinstance(entry := event.get("logentry"), dict):
        # The form of the message, without what is put into it.
        kept["logentry"] = {"message": entry.get("message")}
    error = hint.get("exc_info", (None, None, None))[1]
    for exception in kept.get("exception", {}).get("values", []):
        strip_exception(exception, error)
    return kept  # type: ignore[no-any-return]


def strip_exception(exception: dict[str, Any], error: BaseException | None) -> None:
    """Leave the class, the places, and the words of a machine about itself."""
    found = matching(exception, error)
    for name in set(exception) - set(OF_EXCEPTION):
        del exception[name]
    exception["value"] = summary(found) if found is not None else None
    for frame in (exception.get("stacktrace") or {}).get("frames", []):
        for name in set(frame) - set(OF_FRAME):
            del frame[name]


def matching(exception: dict[str, Any], error: BaseException | None) -> BaseException | None:
    """The error that an entry of an event was made from, looked for along its causes."""
    while error is not None:
        if type(error).__name__ == exception.get("type"):
            return error
        error = error.__cause__ or error.__context__
    return None
