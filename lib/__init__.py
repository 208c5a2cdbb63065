"""What every part uses and what knows none of them: logs, throttle, texts, errors, shapes."""

from __future__ import annotations
