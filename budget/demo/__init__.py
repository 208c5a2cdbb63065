"""A believable user to try everything with: 18 months that end today, eight thresholds.

household (ordinary months) and cases (what is to be seen today) -> fill (the rows and alerts)
-> account (the user, the password and the token).
"""

from __future__ import annotations

from budget.demo.account import EMAIL, USERNAME, Credentials, make, recall, renew
from budget.demo.fill import fill

__all__ = ["EMAIL", "USERNAME", "Credentials", "fill", "make", "recall", "renew"]
