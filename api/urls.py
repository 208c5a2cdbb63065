"""The API as a table.

The way of a write: http/door.py (who asks) -> http/ledgered.py write_once -> models/ledger.py
open_books, which takes the lock -> the view -> LedgerModel.save -> budget/signals.py ->
engine/commit.py. judge/judgement.py verdicts() judges a level; answers/words.py message_of() words
a message.
"""

from __future__ import annotations

from django.urls import re_path, register_converter
from django.views.decorators.csrf import csrf_exempt

from api.http import not_found, rest_path
from api.http.public import open_path
from api.openapi import Specification
from api.views import (
    account,
    alert,
    category,
    docs,
    endpoint,
    imports,
    notification,
    profile,
    push,
    summary,
    threshold,
    token,
    transaction,
    transaction_type,
)


class IdOrSlug:
    """A row by its id, or by its slug, which starts with a letter."""

    regex = "[0-9]+|[a-z][a-z0-9_-]*"

    def to_python(self, value: str) -> int | str:
        return int(value) if value[0].isdigit() else value

    def to_url(self, value: int | str) -> str:
        return str(value)


register_converter(IdOrSlug, "key")

documented = [
    rest_path(
        "transaction",
        GET=transaction.list_transactions,
        POST=transaction.create_transaction,
    ),
    rest_path(
        "transaction/<int:key>",
        GET=transaction.get_transaction,
        PUT=transaction.replace_transaction,
        PATCH=transaction.change_transaction,
        DELETE=transaction.delete_transaction,
    ),
    rest_path("transaction/export", GET=transaction.export_transactions),
    rest_path(
        "threshold",
        GET=threshold.list_thresholds,
        POST=threshold.create_threshold,
    ),
    rest_path("threshold/preview", POST=threshold.preview_threshold),
    rest_path(
        "threshold/<key:key>",
        GET=threshold.get_threshold,
        PUT=threshold.replace_threshold,
        PATCH=threshold.change_threshold,
        DELETE=threshold.delete_threshold,
    ),
    rest_path(
        "alert",
        GET=alert.list_alerts,
        POST=alert.create_alert,
    ),
    rest_path(
        "alert/<int:key>",
        GET=alert.get_alert,
        PATCH=alert.change_alert,
        DELETE=alert.close_alert,
    ),
    rest_path("alert/<int:key>/events", GET=alert.list_alert_events),
    rest_path("alert/<int:key>/explain", GET=alert.explain_alert),
    rest_path(
        "endpoint",
        GET=endpoint.list_endpoints,
        POST=endpoint.create_endpoint,
    ),
    rest_path(
        "endpoint/<int:key>",
        GET=endpoint.get_endpoint,
        PUT=endpoint.replace_endpoint,
        PATCH=endpoint.change_endpoint,
        DELETE=endpoint.delete_endpoint,
    ),
    rest_path("endpoint/<int:key>/secret", POST=endpoint.rotate_secret),
    rest_path("endpoint/<int:key>/example", POST=endpoint.create_example),
    rest_path("endpoint/<int:key>/replay", POST=endpoint.replay_events),
    rest_path("endpoint/<int:key>/delivery", GET=endpoint.list_deliveries),
    rest_path(
        "push",
        GET=push.list_browsers,
        POST=push.create_browser,
    ),
    rest_path("push/key", GET=push.get_push_key),
    rest_path(
        "push/<int:key>",
        GET=push.get_browser,
        DELETE=push.delete_browser,
    ),
    rest_path("delivery/<int:key>", GET=endpoint.get_delivery),
    rest_path("notification", GET=notification.list_channels),
    rest_path(
        "notification/email",
        GET=notification.get_email,
        PATCH=notification.change_email,
    ),
    rest_path(
        "notification/push",
        GET=notification.get_push,
        PATCH=notification.change_push,
    ),
    rest_path(
        "category",
        GET=category.list_categories,
        POST=category.create_category,
    ),
    rest_path(
        "category/<key:key>",
        GET=category.get_category,
        PUT=category.replace_category,
        PATCH=category.change_category,
        DELETE=category.delete_category,
    ),
    rest_path("category/<key:key>/merge", POST=category.merge_category),
    rest_path(
        "transaction-type",
        GET=transaction_type.list_types,
        POST=transaction_type.create_type,
    ),
    rest_path(
        "transaction-type/<key:key>",
        GET=transaction_type.get_type,
        PUT=transaction_type.replace_type,
        PATCH=transaction_type.change_type,
        DELETE=transaction_type.delete_type,
    ),
    rest_path(
        "import",
        GET=imports.list_imports,
        POST=imports.create_import,
    ),
    rest_path(
        "import/<int:key>",
        GET=imports.get_import,
        PATCH=imports.change_import,
    ),
    rest_path("import/<int:key>/undo", POST=imports.undo_import),
    rest_path(
        "profile",
        GET=profile.get_profile,
        PUT=profile.replace_profile,
        PATCH=profile.change_profile,
    ),
    rest_path(
        "token",
        GET=token.list_tokens,
        POST=token.create_token,
    ),
    rest_path(
        "token/<int:key>",
        GET=token.get_token,
        DELETE=token.revoke_token,
    ),
    rest_path("summary", GET=summary.get_summary),
    rest_path("account", DELETE=account.delete_own_account),
    rest_path("account/export", GET=account.export_own_account),
]

urlpatterns = [
    *documented,
    # Public: they show no user data.
    open_path("", docs.show_index),
    open_path("openapi.json", Specification(documented)),
    open_path("docs", docs.show_docs),
    # Last: any other path under /api/, so that no HTML page answers there, even in DEBUG.
    re_path("", csrf_exempt(not_found)),
]
