"""What a search finds: words typed on a plain keyboard, whatever case, accents and quotes."""

from __future__ import annotations

import pathlib
import re

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Field
from django.utils.module_loading import import_string
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import ApiToken
from budget.models import Category
from budget.models.search import words_in, words_like
from budget.tests.base import ApiTestCase
from budget.tests.people import category, limit, make_user, spend
from lib.text import search_key

# As it is written, and as it is typed.
WORDS = [
    ("Łódź", "lodz"),
    ("smørrebrød", "smorrebrod"),
    ("Đà Nẵng", "da nang"),
    ("Iğd\N{LATIN SMALL LETTER DOTLESS I}r", "igdir"),
    ("İSTANBUL", "istanbul"),
    ("O\N{RIGHT SINGLE QUOTATION MARK}Brien", "o'brien"),
    ("\N{MODIFIER LETTER TURNED COMMA}Okina", "'okina"),
    ("\N{LEFT DOUBLE QUOTATION MARK}Quoted\N{RIGHT DOUBLE QUOTATION MARK}", '"quoted"'),
    ("January\N{EN DASH}March", "january-march"),
    ("Straße", "STRASSE"),
    ("Ærø", "aero"),
    ("œuvre", "oeuvre"),
    ("Þórshöfn", "thorshofn"),
    ("Ħaż-Żebbuġ", "haz-zebbug"),
    ("Reykjavík, Norðurá", "nordura"),
    ("Sápmi, Deaŋnu", "deannu"),
    ("Gəncə", "gence"),
    ("Ǿ", "o"),
    ("Ł", "l"),
    ("o\N{LATIN SMALL LIGATURE FFI}ce", "office"),
    ("hy\N{SOFT HYPHEN}phen", "hyphen"),
    ("МЁД", "мед"),
]


@pytest.mark.parametrize(("written", "typed"), WORDS)
def test_a_word_is_found_as_it_is_typed_and_as_it_is_written(written: str, typed: str) -> None:
    key = search_key(written)
    for text in (typed, typed.upper(), written, written.upper(), written.lower()):
        assert search_key(text) in key, text


def test_other_scripts_are_not_transliterated() -> None:
    assert search_key("Москва") == "москва"
    assert search_key("東京") == "東京"
    assert search_key("大阪").isascii() is False


@given(st.text())
def test_a_key_is_its_own_key(text: str) -> None:
    assert search_key(search_key(text)) == search_key(text)


@given(st.text(), st.sampled_from([word for word, _ in WORDS]), st.text())
def test_a_word_is_found_between_others(before: str, word: str, after: str) -> None:
    assert search_key(word) in search_key(f"{before} {word} {after}")


OURS = r"(?:accounts|api|budget|financial_alerts|lib|support)"
# Called for new rows only; Django wants the very function that the field names now.
DEFAULTS = {
    "lib.webhook.new_secret",
    "budget.models.endpoint.default_kinds",
    "budget.models.ledger.new_generation",
    "budget.models.ledger.new_rules",
    "budget.models.threshold.default_levels",
}


@pytest.mark.parametrize("app", ["accounts", "budget"])
def test_migrations_compute_nothing_with_code_that_may_change(app: str) -> None:
    """A migration may take the classes of fields and the defaults of new rows, and nothing else."""
    files = [*(pathlib.Path(apps.get_app_config(app).path) / "migrations").glob("0*.py")]
    assert files
    for file in files:
        text = file.read_text(encoding="utf-8")
        assert not re.findall(rf"^from {OURS}\b.*", text, re.M), file.name
        for name in set(re.findall(rf"\b{OURS}\.[\w.]+(?=\()", text)):
            assert issubclass(import_string(name), Field), (file.name, name)
        for name in set(re.findall(rf"=({OURS}\.[\w.]+)(?=[,)])", text)):
            assert name in DEFAULTS, (file.name, name)


class SearchTestCase(ApiTestCase):
    """Every list that takes q, and the admin."""

    def test_every_list_finds_what_is_typed(self) -> None:
        written, typed = zip(*WORDS[:6], strict=True)
        for word in written:
            category(self.alice, f"c {word}")
            spend(self.alice, "1", description=f"t {word}", to="Other")
            limit(self.alice, "1000", name=f"l {word}")
            self.post("/api/alert", {"message": f"a {word}"})
            self.post("/api/transaction-type", {"name": f"y {word}", "effect": "spending"})
            ApiToken.issue(self.alice, f"k {word}")
        self.client.force_login(self.alice)
        for place in ("category", "transaction", "threshold", "alert", "transaction-type", "token"):
            for word in typed:
                found = self.client.get(f"/api/{place}", {"q": word}).json()
                with self.subTest(place=place, word=word):
                    self.assertEqual(len(found["items"]), 1)

    def test_the_admin_finds_it_too(self) -> None:
        spend(self.alice, "1", description="Smørrebrød", to="Łódź")
        limit(self.alice, "1", name="Iğd\N{LATIN SMALL LETTER DOTLESS I}r")
        ApiToken.issue(self.alice, "Đà Nẵng")
        self.client.force_login(User.objects.create_superuser("root", password="swordfish"))
        for place, word in (
            ("budget/transaction", "smorrebrod"),
            ("budget/category", "lodz"),
            ("budget/rollup", "lodz"),
            ("budget/threshold", "igdir"),
            ("budget/alert", "igdir"),
            ("accounts/apitoken", "da nang"),
        ):
            page = self.client.get(
                f"/admin/{place}/", {"q": word, "user__id__exact": str(self.alice.pk)}
            )
            with self.subTest(place):
                self.assertGreaterEqual(page.context["cl"].result_count, 1)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", {"50% off", "a_b", "a\\b", "axb Łódź"}),
        ("%", {"50% off"}),
        ("A_B", {"a_b"}),
        ("a\\b", {"a\\b"}),
        ("LODZ axb", {"axb Łódź"}),
        ("off lodz", set()),
    ],
)
def test_a_search_by_hand_finds_what_the_models_search_finds(text: str, found: set[str]) -> None:
    user = make_user()
    for name in ("50% off", "a_b", "a\\b", "axb Łódź"):
        category(user, name)
    mine = Category.objects.filter(user=user, builtin=False)
    condition, params = words_like(text, "search", "'' || search")
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT name FROM budget_category WHERE user_id = %s AND NOT builtin "  # noqa: S608
            f"AND {condition or 'TRUE'}",
            [user.pk, *params],
        )
        by_hand = {name for (name,) in cursor.fetchall()}
    assert by_hand == found
    assert {row.name for row in mine.filter(words_in(text, "search"))} == found
