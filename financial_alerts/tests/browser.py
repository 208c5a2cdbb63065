"""A real Chromium, for tests of what only a browser does: cookies, its cache, pages."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import pytest
from playwright.sync_api import Browser, BrowserContext, sync_playwright

CHROMIUM = shutil.which("chromium")
needs_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason="no chromium in PATH (on Debian: apt-get install chromium)"
)
# It must not talk to anybody but the server under test.
QUIET = (
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@contextmanager
def one_chromium() -> Iterator[Browser]:
    """A browser for several tests, each in another context, which keeps nothing."""
    # As below.
    unsafe = mock.patch.dict(os.environ, DJANGO_ALLOW_ASYNC_UNSAFE="true")
    with unsafe, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def chromium(profile: Path) -> Iterator[BrowserContext]:
    """A browser that keeps cookies, cache and storage in a folder, where the next one finds them.

    The time limit of a step is raised: on a busy machine slow is no failure.
    """
    # Playwright's event loop runs in this thread, and Django would refuse all queries beside it.
    unsafe = mock.patch.dict(os.environ, DJANGO_ALLOW_ASYNC_UNSAFE="true")
    with unsafe, sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            profile, executable_path=CHROMIUM, args=QUIET
        )
        context.set_default_timeout(60_000)
        try:
            yield context
        finally:
            context.close()
