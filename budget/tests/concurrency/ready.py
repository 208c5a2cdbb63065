"""Set Django up once, in the process that all child processes are forked from."""

from __future__ import annotations

import django

django.setup()

from budget.tests.concurrency import snapshot, writer  # noqa: E402, F401 (only now there are models)
