"""The admin: bounded lists, one user at a time, readable refusals, for people who help users."""

from __future__ import annotations
