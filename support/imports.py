"""Files of customers: handed in, understood, asked about, stored and undone as by the API."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.widgets import AutocompleteSelect
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse

from budget.answers.imports import describe_import
from budget.engine import open_book
from budget.imports import BadMapping
from budget.imports.jobs import MOST_BYTES, hand_in, has_file, start_again
from budget.imports.mapping import mapping_in
from budget.imports.undo import undo
from budget.models import Import, ImportState
from budget.models.imports import OPEN
from support.base import ReadOnlyAdmin
from support.links import account_words, list_url, page_url
from support.picking import id_in
from support.refusals import REFUSALS, complain, note_flips, tell

BUSY = (ImportState.WAITING, ImportState.RUNNING, ImportState.UNDOING)


class HandInForm(forms.Form):
    """A file, whose it is, and what is said beside it."""

    user = forms.ModelChoiceField(User.objects.all())
    file = forms.FileField(help_text="As the bank gave it: OFX, QIF, camt, MT940, CSV, Excel, ZIP.")
    account = forms.CharField(
        required=False, max_length=500, help_text="A name; answers are kept for its next file."
    )
    mapping = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 4, "cols": 60}))
    restore_deleted = forms.BooleanField(
        required=False, help_text="Bring back transactions that were deleted here."
    )

    def clean_file(self) -> UploadedFile[Any]:
        file: UploadedFile[Any] = self.cleaned_data["file"]
        if (file.size or 0) > MOST_BYTES:
            raise ValidationError(f"A file has at most {MOST_BYTES:,} bytes.")
        return file

    def clean_mapping(self) -> str:
        text: str = self.cleaned_data["mapping"]
        if text:
            try:
                mapping_in(text)
            except BadMapping as error:
                raise ValidationError(list(error.problems)) from None
        return text

    def options(self) -> dict[str, Any]:
        names = ("account", "mapping", "restore_deleted")
        return {name: self.cleaned_data[name] for name in names if self.cleaned_data[name]}


@admin.register(Import)
class ImportAdmin(ReadOnlyAdmin[Import]):
    """First tried, then stored: the page of an import says what would be before anything is."""

    list_display = ("id", "name", "account", "format", "state", "stored", "created_at")
    list_display_links = ("id", "name")
    user_sortable = ("created_at",)

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return self.may_act(request)

    def may_act(self, request: HttpRequest) -> bool:
        """Whether the user may hand files in, store and undo."""
        return request.user.has_perm("budget.change_import")

    def add_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Take a file in and try it; the next page shows what would be."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        given = id_in(request.GET.get("user"))
        form = HandInForm(request.POST or None, request.FILES or None, initial={"user": given})
        field: Any = form.fields["user"]
        field.widget = AutocompleteSelect(Import._meta.get_field("user"), self.admin_site)
        field.widget.choices = field.choices
        if request.method == "POST" and form.is_valid():
            said = form.cleaned_data
            try:
                found, _ = hand_in(
                    said["user"], said["file"].name, said["file"], form.options(), dry_run=True
                )
            except REFUSALS as error:
                complain(request, error)
            else:
                self.log_addition(request, found, "Handed in.")
                return HttpResponseRedirect(page_url(Import, found.pk))
        context = {
            **self.admin_site.each_context(request),
            "title": "Hand in a file",
            "opts": self.opts,
            "form": form,
            "media": self.media + form.media,
        }
        return TemplateResponse(request, "admin/budget/import/hand_in.html", context)

    def change_view(
        self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """What was understood, asked and stored; answers, a store and an undo are posted here."""
        pk = id_in(object_id)
        found = Import.objects.filter(pk=pk).select_related("user").first() if pk else None
        if found is None:
            raise Http404
        if not self.has_view_permission(request, found):
            raise PermissionDenied
        if request.method == "POST":
            if not self.may_act(request):
                raise PermissionDenied
            self.act(request, found)
            return HttpResponseRedirect(page_url(Import, found.pk))
        shown: Any = describe_import(found)
        context = {
            **self.admin_site.each_context(request),
            "title": found.name,
            "opts": self.opts,
            "found": shown,
            "label": ImportState(found.state).label,
            "owner": account_words(found.user),
            "busy": found.state in BUSY,
            "may_store": self.may_act(request) and found.state in OPEN and has_file(found),
            "may_undo": self.may_act(request) and found.state not in BUSY and bool(found.stored),
            "undone": found.state == ImportState.UNDONE,
            "back": list_url(Import, user__id__exact=found.user_id),
        }
        return TemplateResponse(request, "admin/budget/import/page.html", context)

    def act(self, request: HttpRequest, found: Import) -> None:
        """Do what was asked for, and say on the next page what came of it."""
        try:
            with transaction.atomic(), open_book(found.user_id) as book:
                found.refresh_from_db()
                if "undo" in request.POST:
                    undo(book, found)
                    self.log_change(request, found, "Undone.")
                else:
                    asked = {question["key"] for question in found.questions}
                    # What may be several is parted by commas.
                    sent = {key: ",".join(request.POST.getlist(key)) for key in asked}
                    answers = {key: value for key, value in sent.items() if value}
                    tries = "try" in request.POST
                    start_again(found, answers, tries)
                    said = ", ".join(f"{key} {value}" for key, value in answers.items())
                    what = "Tried again" if tries else "Stored"
                    self.log_change(request, found, f"{what}: {said}." if said else f"{what}.")
        except REFUSALS as error:
            complain(request, error)
            return
        self.message_user(
            request, "Done." if "undo" in request.POST else "It is under way.", messages.SUCCESS
        )
        note_flips(request, [book])
        tell(request)
