"""Whom a command could not look at, in words."""

from __future__ import annotations

from collections.abc import Sequence

from django.contrib.auth import get_user_model

MOST_NAMED = 20


def named(user_ids: Sequence[int], verbosity: int) -> str:
    """Some users by name, or, with verbosity 0, only how many."""
    model = get_user_model()
    users = model._default_manager.filter(pk__in=user_ids[:MOST_NAMED]).order_by("pk")
    names = list(users.values_list(model.USERNAME_FIELD, flat=True)) if verbosity else []
    more = len(user_ids) - len(names)
    if more:
        names.append(f"{more} {'more' if names else 'user'}{'' if names or more == 1 else 's'}")
    return ", ".join(names)
