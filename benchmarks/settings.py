"""The settings of production, and the URL of a plain view to measure the API against."""

from __future__ import annotations

from financial_alerts.settings import *  # noqa: F403

ROOT_URLCONF = "benchmarks.urls"
