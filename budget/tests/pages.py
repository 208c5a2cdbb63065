"""Short words for the admin pages that tests open."""

from __future__ import annotations

from typing import Any

from django.contrib.messages import get_messages
from django.db import models
from django.test import Client
from django.urls import reverse

from support.links import page_url


def add_url(model: type[models.Model]) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_add")


def delete_url(row: models.Model) -> str:
    return page_url(type(row), row.pk).replace("/change/", "/delete/")


def told(response: Any) -> list[str]:
    """The messages that the next page shows."""
    return [str(message) for message in get_messages(response.wsgi_request)]


def seen(client: Client, url: str) -> dict[str, str]:
    """The version of the row that a change page shows, as its form sends it back."""
    context = client.get(url).context
    form = context["adminform"].form if context and "adminform" in context else None
    return {"seen": form.initial["seen"]} if form and "seen" in form.fields else {}
