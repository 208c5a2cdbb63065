"""Edits that overwrite no other edit, and a history with the values."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, TypeVar

from django import forms
from django.contrib import admin
from django.db import models
from django.http import HttpRequest

from lib.text import digest as text_digest

M = TypeVar("M", bound=models.Model)

SEEN = "seen"
OVERWRITES = (
    "Somebody else changed this after you opened it, so nothing was saved. Compare your values "
    "with those stored now. Save again to keep yours."
)
EMPTY = "nothing"


def digest(parts: Iterable[object]) -> str:
    return text_digest(repr(list(parts)))[:16]


class VersionedForm(forms.ModelForm[Any]):
    """A form that knows the version of the row that its page showed.

    A save over a newer version is refused, with the stored value beside each field that it would
    change; a second save overwrites them knowingly.
    """

    seen = forms.CharField(widget=forms.HiddenInput, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.stored = "" if self.instance.pk is None else self.version()
        self.initial[SEEN] = self.stored

    def version(self) -> str:
        """A digest of the values that this form can change, as they are stored."""
        names = sorted(name for name in self.initial if name in self.fields and name != SEEN)
        return digest((name, self.initial[name]) for name in names)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if SEEN in self.fields and cleaned.pop(SEEN, "") != self.stored:
            self.refuse_overwrite()
        return cleaned

    def refuse_overwrite(self) -> None:
        self.add_error(None, OVERWRITES)
        for name in self.changed_data:
            if name != SEEN:
                stored = value_words(self.fields[name], self.initial.get(name))
                self.add_error(name, f"Stored now: {stored}")
        data: Any = self.data
        data = data.copy()
        data[self.add_prefix(SEEN)] = self.stored
        self.data = data


class VersionedAdmin(admin.ModelAdmin[M]):
    """An admin with a versioned form, whose history has the old and the new values."""

    def get_fieldsets(self, request: HttpRequest, obj: M | None = None) -> Any:
        fieldsets = list(super().get_fieldsets(request, obj))
        if obj is not None and self.has_change_permission(request, obj):
            fieldsets.append((None, {"fields": (SEEN,)}))
        return fieldsets

    def construct_change_message(
        self, request: HttpRequest, form: Any, formsets: Any, add: bool = False
    ) -> Any:
        message: Any = super().construct_change_message(request, form, formsets, add)
        for part in message:
            if "changed" in part and "name" not in part["changed"]:
                part["changed"]["fields"] = [change_words(form, name) for name in form.changed_data]
        return message


def change_words(form: forms.BaseForm, name: str) -> str:
    """What an edit did to a field, such as "Amount (1649.00 to 164.90)".

    Of a password, which is no field of its form by that name, only that it did.
    """
    if name not in form.fields:
        return name
    field = form.fields[name]
    before = value_words(field, form.get_initial_for_field(field, name))
    after = value_words(field, form.cleaned_data.get(name))
    return f"{form[name].label} ({before} to {after})"


def value_words(field: forms.Field, value: Any) -> str:
    """A value as the form shows it; a row by its name, not its id."""
    if isinstance(field, forms.ModelMultipleChoiceField):
        return ", ".join(map(str, value or ())) or EMPTY
    if isinstance(field, forms.ModelChoiceField):
        return choice_words(field, value)
    value = field.prepare_value(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Decimal) and isinstance(field, forms.DecimalField):
        return f"{value:.{field.decimal_places}f}"
    if value in (None, ""):
        return EMPTY
    choices: dict[Any, Any] = dict(getattr(field, "choices", ()))
    return str(choices.get(value, value))


def choice_words(field: forms.ModelChoiceField[Any], value: Any) -> str:
    if not isinstance(value, models.Model):
        rows: Any = field.queryset
        value = rows.filter(pk=value).first() if value else None
    return EMPTY if value is None else str(field.label_from_instance(value))
