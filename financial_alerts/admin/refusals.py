"""What a write may be refused for, in words for the form or the page it was asked on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from django.contrib import admin, messages
from django.contrib.admin.actions import delete_selected
from django.contrib.admin.utils import model_ngettext
from django.core.exceptions import ValidationError
from django.db import IntegrityError, OperationalError, models, transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.utils.html import format_html

from budget.engine import Flipped, recording
from budget.models import Alert, Conflict, LedgerOverflow
from budget.models.errors import PASSING, code_of
from financial_alerts.admin.links import link, list_link, page_url

M = TypeVar("M", bound=models.Model)

REFUSALS = (Conflict, LedgerOverflow, ValidationError, IntegrityError, OperationalError)

# The confirmation page names every row, and posts each as a field; Django takes 1,000 fields.
MAX_SELECTED = 500


def reason(error: Exception) -> ValidationError:
    """Why a write was refused, by field where one is to blame; raises what is no refusal."""
    if isinstance(error, ValidationError):
        return error
    if isinstance(error, OperationalError):
        if not is_busy(error):
            raise error
        return ValidationError(
            "Another write of this user is under way. Nothing was saved; try again in a moment."
        )
    if isinstance(error, IntegrityError):
        said = str(error.args[0]).splitlines()[0]
        return ValidationError(f"The database refused it, and nothing was saved: {said}")
    return ValidationError(str(error))


def is_busy(error: OperationalError) -> bool:
    """Whether the write only came at a bad moment."""
    return code_of(error) in PASSING or "database is locked" in str(error)


class RefusingAdmin(admin.ModelAdmin[M]):
    """An admin whose refused writes become form errors and messages, and nothing is half done.

    A write that opened or resolved alerts says how many.
    """

    actions: Sequence[Any] = ("delete_selected",)

    def get_form(
        self, request: HttpRequest, obj: M | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        error = refusal_of(request)
        return form if error is None else refused(form, error)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """The form; after a refusal once more, as it was sent and with the reason."""
        try:
            with recording() as flipped:
                response = super().changeform_view(request, object_id, form_url, extra_context)
        except REFUSALS as error:
            if request.method != "POST":
                raise
            request.refusal = reason(error)  # type: ignore[attr-defined]
            return super().changeform_view(request, object_id, form_url, extra_context)
        tell(request, flipped)
        return response

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The delete page, which leads back with the reason where a rule forbids the delete."""
        try:
            with recording() as flipped:
                response = super().delete_view(request, object_id, extra_context)
        except REFUSALS as error:
            complain(request, error)
            return HttpResponseRedirect(page_url(self.model, object_id))
        tell(request, flipped)
        return response

    @admin.action(permissions=["delete"], description="Delete selected %(verbose_name_plural)s")
    def delete_selected(
        self, request: HttpRequest, queryset: QuerySet[M]
    ) -> HttpResponseBase | None:
        if queryset.order_by()[: MAX_SELECTED + 1].count() > MAX_SELECTED:
            rows = model_ngettext(self.opts, 2)
            text = f"At most {MAX_SELECTED} {rows} can be deleted at a time; none was."
            self.message_user(request, text, messages.ERROR)
            return None
        try:
            with recording() as flipped, transaction.atomic():
                response: HttpResponseBase | None = delete_selected(self, request, queryset)
        except REFUSALS as error:
            complain(request, error)
            return None
        tell(request, flipped)
        return response

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """The rows themselves; what goes or stays with them is for the model to say.

        Django's own answer would load every row that refers to them. Raises Conflict where the
        model forbids the delete.
        """
        shown = []
        for obj in objs:
            self.check_delete(request, obj)
            page = link(page_url(self.model, obj.pk), obj)
            shown.append(format_html("{}: {}", self.opts.verbose_name, page))
        return shown, {self.opts.verbose_name_plural: len(shown)}, set(), []

    def check_delete(self, request: HttpRequest, obj: M) -> None:
        """Raise Conflict for a row that cannot be deleted."""


def refusal_of(request: HttpRequest) -> ValidationError | None:
    """Why the first try of this request was refused."""
    return getattr(request, "refusal", None)


def refused(form: Any, error: ValidationError) -> Any:
    """A form like the given one that is never valid, for a reason found only by saving."""

    class Refused(form):  # type: ignore[misc]
        def clean(self) -> Any:
            cleaned = super().clean()
            for name, texts in by_field(error).items():
                self.add_error(name if name in self.fields else None, texts)
            return cleaned

    return Refused


def by_field(error: ValidationError) -> dict[str, list[str]]:
    return error.message_dict if hasattr(error, "error_dict") else {"": error.messages}


def complain(request: HttpRequest, error: Exception) -> None:
    """Say on the next page why nothing was done."""
    for text in reason(error).messages:
        messages.error(request, text)


def tell(request: HttpRequest, flipped: Flipped) -> None:
    """Say on the next page which alerts a write has moved."""
    moved = [*flipped.opened, *flipped.resolved]
    if not moved:
        return
    users = {alert.user_id for alert in moved}
    lookups = {"user__id__exact": users.pop()} if len(users) == 1 else {}
    text = f"Alerts opened: {len(flipped.opened)}, resolved: {len(flipped.resolved)}."
    messages.info(request, list_link(Alert, text, **lookups))
