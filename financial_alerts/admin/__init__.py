"""What the admin pages of all apps share: bounded lists, one user at a time, readable refusals."""

from __future__ import annotations
