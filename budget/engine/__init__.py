"""The engine: every rule about crossing thresholds, and nothing about HTTP."""

from __future__ import annotations

from budget.engine.flips import Flipped, recording
from budget.engine.writes import merge_categories, provision, record_transactions

__all__ = ["Flipped", "merge_categories", "provision", "record_transactions", "recording"]
