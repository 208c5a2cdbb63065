"""Links from one admin page to another."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.http import urlencode
from django.utils.safestring import SafeString


def list_url(model: type[models.Model], **lookups: Any) -> str:
    """The list of a model, narrowed by lookups."""
    url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    return f"{url}?{urlencode(lookups)}" if lookups else url


def page_url(model: type[models.Model], pk: Any) -> str:
    """The page of one row."""
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=[pk])


def link(url: str, text: object) -> SafeString:
    return format_html('<a href="{}">{}</a>', url, text)


def list_link(model: type[models.Model], text: object, **lookups: Any) -> SafeString:
    return link(list_url(model, **lookups), text)


def side_by_side(*links: SafeString) -> SafeString:
    return format_html_join(" · ", "{}", ((one,) for one in links))


def account_words(user: AbstractUser) -> str:
    """A user in words: the username and the e-mail address."""
    name, email = user.get_username(), user.email
    return f"{name} ({email})" if email and email != name else name
