"""How a process of the benchmarks begins: Django on a scratch database.

Nothing here imports a model, so a process can import this module before Django is set up.
"""

from __future__ import annotations

import os
import secrets
import warnings
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context
from types import TracebackType
from typing import ParamSpec, Self, TypeVar

import django

from lib.env import VARIABLES

P = ParamSpec("P")
R = TypeVar("R")


def begin(url: str) -> None:
    """Set Django up on one database; nothing else of the environment or of .env counts."""
    for name in VARIABLES:
        os.environ.pop(name, None)
    os.environ |= environment_of(url)
    # Static files are collected only for a deployment.
    warnings.filterwarnings("ignore", "No directory at:")
    django.setup()


def environment_of(url: str) -> dict[str, str]:
    """The service's environment on one database, as in production but for throttles and logs."""
    return {
        "DJANGO_SETTINGS_MODULE": "financial_alerts.settings",
        "DOTENV_PATH": "",
        "SECRET_KEY": secrets.token_urlsafe(64),
        "ALLOWED_HOSTS": "127.0.0.1",
        "SECURE_SSL_REDIRECT": "false",
        "LOG_LEVEL": "CRITICAL",
        # One credential asks here as fast as it can.
        "THROTTLE_USER": "off",
        "THROTTLE_ADDRESS": "off",
        "DATABASE_URL": url,
    }


class Client:
    """A separate process on one database, which runs one task after another."""

    def __init__(self, url: str) -> None:
        self.pool = ProcessPoolExecutor(
            1, mp_context=get_context("spawn"), initializer=begin, initargs=(url,)
        )

    def start(self, task: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        return self.pool.submit(task, *args, **kwargs)

    def run(self, task: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Do a task and wait for it; what it raises is raised here."""
        return self.start(task, *args, **kwargs).result()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.pool.shutdown(cancel_futures=True)
