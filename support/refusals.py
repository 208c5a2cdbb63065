"""Why a write was refused, in words for the form or the page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from django.contrib import admin, messages
from django.contrib.admin.actions import delete_selected
from django.contrib.admin.utils import model_ngettext
from django.core.exceptions import ValidationError
from django.db import IntegrityError, OperationalError, models, transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.utils.html import format_html

from budget.engine import Book
from budget.models import Alert, Conflict, LedgerOverflow, TooManyAlerts
from lib.errors import is_busy
from support.links import link, list_link, page_url

M = TypeVar("M", bound=models.Model)

REFUSALS = (
    Conflict,
    LedgerOverflow,
    TooManyAlerts,
    ValidationError,
    IntegrityError,
    OperationalError,
)

# The confirmation page posts a field for each row; Django accepts 1,000 fields.
MAX_SELECTED = 500


def reason(error: Exception) -> ValidationError:
    """Why a write was refused, by field if possible. Raises the error if it is not a refusal."""
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


class RefusingAdmin(admin.ModelAdmin[M]):
    """An admin that shows refused writes as form errors and messages; a write is done as a whole.

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
        """The form; after a refusal again, as it was sent and with the reason."""
        try:
            response = super().changeform_view(request, object_id, form_url, extra_context)
        except REFUSALS as error:
            if request.method != "POST":
                raise
            request.refusal = reason(error)  # type: ignore[attr-defined]
            return super().changeform_view(request, object_id, form_url, extra_context)
        tell(request)
        return response

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The delete page; if a rule forbids the delete, the row's page with the reason."""
        try:
            response = super().delete_view(request, object_id, extra_context)
        except REFUSALS as error:
            complain(request, error)
            return HttpResponseRedirect(page_url(self.model, object_id))
        tell(request)
        return response

    @admin.action(permissions=["delete"], description="Delete selected %(verbose_name_plural)s")
    def delete_selected(
        self, request: HttpRequest, queryset: QuerySet[M]
    ) -> HttpResponseBase | None:
        if queryset.order_by()[: MAX_SELECTED + 1].count() > MAX_SELECTED:
            rows = model_ngettext(self.opts, 2)
            text = f"At most {MAX_SELECTED} {rows} can be deleted at a time; none was deleted."
            self.message_user(request, text, messages.ERROR)
            return None
        try:
            with transaction.atomic():
                response: HttpResponseBase | None = delete_selected(self, request, queryset)
        except REFUSALS as error:
            complain(request, error)
            return None
        tell(request)
        return response

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """The rows themselves; the model decides what is deleted with them.

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
    """Why the first attempt of this request was refused."""
    return getattr(request, "refusal", None)


def refused(form: Any, error: ValidationError) -> Any:
    """The same form, never valid, with an error that was found by saving."""

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
    """Show on the next page why nothing was done."""
    for text in reason(error).messages:
        messages.error(request, text)


def note_flips(request: HttpRequest, books: Iterable[Book]) -> None:
    """Remember what a write has flipped until it is certain that it is not rolled back."""
    flipped = [book for book in books if book.flipped]
    request.flipped = flipped  # type: ignore[attr-defined]


def tell(request: HttpRequest) -> None:
    """Show on the next page which alerts a write has opened and resolved."""
    books: Sequence[Book] = getattr(request, "flipped", ())
    if not books:
        return
    lookups = {"user__id__exact": books[0].ledger.user_id} if len(books) == 1 else {}
    opened = sum(len(book.flipped.opened) for book in books)
    resolved = sum(len(book.flipped.resolved) for book in books)
    text = f"Alerts opened: {opened}, resolved: {resolved}."
    messages.info(request, list_link(Alert, text, **lookups))
