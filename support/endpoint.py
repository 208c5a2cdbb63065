"""Where a user's alerts are sent, what was sent and each try; put on, paused, off, sent again."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.safestring import SafeString

from budget.delivering import put
from budget.delivering.again import send_again, would_be_sent
from budget.delivering.endpoints import named
from budget.engine import open_book
from budget.models import Delivery, DeliveryTry, Endpoint
from budget.models.endpoint import PREFERENCES, Channel, EndpointState
from support.base import M, ReadOnlyAdmin
from support.links import link, list_link, page_url
from support.picking import PickFilter, id_in
from support.refusals import REFUSALS, complain, note_flips, tell

# The newest tries that the page of a delivery shows.
MAX_TRIES = 50
REASON = Endpoint._meta.get_field("because").max_length or 0


class ActingAdmin(ReadOnlyAdmin[M]):
    """Rows that are not edited, with buttons on their page for who may change them."""

    def may_act(self, request: HttpRequest) -> bool:
        return request.user.has_perm(f"budget.change_{self.opts.model_name}")

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        pk = id_in(object_id)
        found = self.get_queryset(request).filter(pk=pk).first() if pk else None
        if found is None:
            raise Http404
        if not self.has_view_permission(request, found):
            raise PermissionDenied
        if request.method == "POST":
            if not self.may_act(request):
                raise PermissionDenied
            self.press(request, found)
            return HttpResponseRedirect(page_url(self.model, found.pk))
        context = {**(extra_context or {}), "may_act": self.may_act(request), "found": found}
        return super().change_view(request, object_id, form_url, context | self.more(found))

    def more(self, found: M) -> dict[str, Any]:
        """What else the page shows."""
        return {}

    def press(self, request: HttpRequest, found: Any) -> None:
        """Do what a button asks for under the user's lock, and say what came of it."""
        try:
            with transaction.atomic(), open_book(found.user_id) as book:
                said = self.act(request, found, book)
                if said:
                    self.log_change(request, found, said)
        except REFUSALS as error:
            complain(request, error)
            return
        if said:
            self.message_user(request, said, messages.SUCCESS)
        note_flips(request, [book])
        tell(request)

    def act(self, request: HttpRequest, found: Any, book: Any) -> str:
        """Do it; what was done, in words for the log, or "" where nothing was asked for."""
        raise NotImplementedError


@admin.register(Endpoint)
class EndpointAdmin(ActingAdmin[Endpoint]):
    """An endpoint, without its secrets."""

    fields = (
        "account",
        "channel",
        "place",
        "state",
        "because",
        "sent",
        *PREFERENCES,
        "delivered",
        "folded",
        "failed",
        "failing_since",
        "wait_until",
        "behind",
        "created_at",
    )
    list_display = (
        "id",
        "channel",
        "place",
        "state",
        "account",
        "delivered",
        "failed",
        "failing_since",
    )
    list_filter = (
        ("user", PickFilter),
        "channel",
        "state",
        ("failing_since", admin.EmptyFieldListFilter),
    )
    list_select_related = ("user__ledger",)
    user_sortable = ("state", "delivered", "failed", "failing_since")
    change_form_template = "admin/budget/endpoint/page.html"

    @admin.display
    def place(self, obj: Endpoint) -> str:
        return place_of(obj)

    @admin.display(description="deliveries")
    def sent(self, obj: Endpoint) -> SafeString:
        lookups = {"user__id__exact": obj.user_id, "endpoint__id__exact": obj.pk}
        return list_link(Delivery, "What was sent, and what waits", **lookups)

    @admin.display(description="events that are not looked at yet")
    def behind(self, obj: Endpoint) -> int:
        return max(obj.user.ledger.event_seq - obj.seq, 0)

    def more(self, found: Endpoint) -> dict[str, Any]:
        return {"others": [each for each in EndpointState if each != found.state]}

    def act(self, request: HttpRequest, found: Endpoint, book: Any) -> str:
        state = request.POST.get("state", "")
        if state not in EndpointState.values:
            return ""
        because = request.POST.get("because", "").replace("\0", "").strip()[:REASON]
        put(book, found, state, because)
        return f"Put {state}: {because}" if because else f"Put {state}."


@admin.register(Delivery)
class DeliveryAdmin(ActingAdmin[Delivery]):
    """A message to an endpoint: its tries, and what would be sent now."""

    fields = (
        "account",
        "where",
        "kind",
        "message_id",
        "seq",
        "last_seq",
        "state",
        "tries",
        "status",
        "due_at",
        "left_at",
        "created_at",
        "ended_at",
    )
    list_display = ("id", "kind", "seq", "state", "tries", "status", "where", "account", "due_at")
    list_filter = (("user", PickFilter), ("endpoint", PickFilter), "state", "kind")
    list_select_related = ("user", "endpoint")
    user_sortable = ("seq", "state", "due_at")
    change_form_template = "admin/budget/delivery/page.html"

    @admin.display(description="endpoint")
    def where(self, obj: Delivery) -> SafeString:
        return link(page_url(Endpoint, obj.endpoint_id), place_of(obj.endpoint))

    def more(self, found: Delivery) -> dict[str, Any]:
        made = DeliveryTry.objects.filter(user_id=found.user_id, delivery=found).order_by("-id")
        return {"made": made[:MAX_TRIES], **preview_of(found)}

    def act(self, request: HttpRequest, found: Delivery, book: Any) -> str:
        if "again" not in request.POST:
            return ""
        send_again(book, found)
        return "It is sent again, as far as it is true."


def place_of(endpoint: Endpoint) -> str:
    """Where messages go; not all of a browser's URL, which is what entitles to send there."""
    if endpoint.channel == Channel.WEBHOOK:
        return endpoint.url
    return named(endpoint) if endpoint.sends else "The settings of browsers"


def preview_of(found: Delivery) -> dict[str, str]:
    """The message that would leave now, or why nothing would."""
    try:
        message = would_be_sent(found)
    except Exception as error:
        # A message that cannot be made is what somebody comes here for.
        return {"nothing": f"The message cannot be made ({type(error).__name__})."}
    if message.folded:
        return {"nothing": "Nothing: it is no longer true, or the receiver knows nothing of it."}
    if message.later:
        return {"nothing": "Nothing yet: what was before it is being sent, or its import goes on."}
    return {"body": json.dumps(json.loads(message.body), indent=2, ensure_ascii=False)}
