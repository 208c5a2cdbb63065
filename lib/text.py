"""Names as people mean them: one spelling to show, one folded key to compare; times as shown."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Container
from datetime import UTC, date, datetime
from functools import lru_cache

import orjson
from django.core.exceptions import ValidationError
from django.utils.text import slugify

NAME_LENGTH = 100
KEY_LENGTH = 200
SLUG_LENGTH = 60
NOT_A_SLUG = frozenset({"preview"})
SLUG = re.compile(r"[a-z][a-z0-9_-]*")


# Half of a surrogate pair, which no encoding and no database accepts.
SURROGATE = re.compile("[\ud800-\udfff]")
# What a database cannot store in a text: also NUL.
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def digest(text: str) -> str:
    """SHA-256, in hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def too_long(text: str, longest: int) -> bool:
    """Whether a text is too long to be normalized to at most `longest` characters.

    Ask this before normalizing what any client may send: that can cost far more than the length
    suggests. Normalizing composes at most four characters into one.
    """
    return len(text) > 4 * longest


def tidy(text: str) -> str:
    """NFC text with runs of white space collapsed and the ends trimmed: how a name is shown."""
    return " ".join((text if text.isascii() else unicodedata.normalize("NFC", text)).split())


def fold(text: str) -> str:
    """The key under which names are the same: NFKC, case folded, spaces collapsed.

    Folded in Python and stored, because the two databases fold case differently.
    """
    if text.isascii():  # which is its own NFKC
        return " ".join(text.lower().split())
    return " ".join(
        unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()).split()
    )


# For texts that come again and again, such as names of categories in a file.
fold_once = lru_cache(maxsize=4096)(fold)


def tidy_name(name: str, what: str) -> tuple[str, str]:
    """A name to show and its folded key. Raises ValidationError when blank or too long."""
    long = too_long(name, NAME_LENGTH)
    shown, key = (name, name) if long else (tidy(name), fold(name))
    if not key:
        raise ValidationError({"name": f"A {what} needs a name."})
    if long or len(shown) > NAME_LENGTH or len(key) > KEY_LENGTH:
        raise ValidationError({"name": f"A name has at most {NAME_LENGTH} characters."})
    return shown, key


# Letters without a decomposition whose Unicode name does not say what they are typed as.
PLAIN = {
    "\N{LATIN SMALL LETTER DOTLESS I}": "i",
    "ȷ": "j",
    "æ": "ae",
    "œ": "oe",
    "ð": "d",
    "þ": "th",
    "ŋ": "n",
    "ə": "e",
    "ǝ": "e",
    "ɛ": "e",
    "ɔ": "o",
    "ʒ": "z",
    "ĸ": "k",
    "\N{FRACTION SLASH}": "/",
    "\N{MINUS SIGN}": "-",
}
QUOTES = dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u02b9\u02bb\u02bc\u00b4\u0060\u055a", "'")
QUOTES |= dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb", '"')
STROKED = re.compile("LATIN SMALL LETTER ([A-Z]) WITH .+")


def search_key(text: str) -> str:
    """What a search compares: the folded text, without accents, as a plain keyboard types it.

    Letters of other scripts stay as they are: transliterating them would find words that only sound
    alike.
    """
    if text.isascii():
        return fold(text.replace("`", "'"))
    straight = "".join(QUOTES.get(char, char) for char in text)
    decomposed = unicodedata.normalize("NFKD", fold(straight))
    return fold("".join(map(typed, decomposed)))


@lru_cache(maxsize=4096)
def typed(char: str) -> str:
    """A folded character without its accent or stroke; a dash or a quote as ASCII has it.

    Nothing is left of a combining or an invisible one.
    """
    if char.isascii():
        return QUOTES.get(char, char)
    if unicodedata.combining(char) or unicodedata.category(char) == "Cf":
        return ""
    if unicodedata.category(char) == "Pd":
        return "-"
    stroked = STROKED.fullmatch(unicodedata.name(char, ""))
    return stroked[1].lower() if stroked else PLAIN.get(char, QUOTES.get(char, char))


def moment(at: datetime) -> str:
    """A point in time as the API shows it: ISO 8601 in UTC, to the microsecond."""
    if at.tzinfo is not UTC:
        at = at.astimezone(UTC)
    return f"{at.isoformat()[:-6]}Z"


def in_iso(*values: date | None) -> list[str | None]:
    """Days, and points in time in UTC, as the API shows them; None stays None.

    At once, because this takes less than two calls of isoformat().
    """
    shown: list[str | None] = orjson.loads(orjson.dumps(values, option=orjson.OPT_UTC_Z))
    return shown


def check_slug(slug: str) -> None:
    """Raises ValidationError unless it is 1 to 60 of a-z, 0-9, _ and -, a letter first."""
    if not SLUG.fullmatch(slug) or len(slug) > SLUG_LENGTH:
        raise ValidationError(
            {"slug": f"A slug is 1 to {SLUG_LENGTH} of a-z, 0-9, _ and -, a letter first."}
        )
    if slug in NOT_A_SLUG:
        raise ValidationError({"slug": f"The slug {slug} is reserved."})


def make_slug(name: str, fallback: str, taken: Container[str]) -> str:
    """A slug of at most 60 characters that starts with a letter and is not in `taken`.

    A name with no ASCII letters or digits gets the fallback; a second one gets -2, and so on.
    """
    slug = slugify(name)
    if not re.match("[a-z]", slug):
        slug = f"{fallback}-{slug}".strip("-")
    slug = slug[:SLUG_LENGTH].rstrip("-_")
    unique, number = slug, 1
    while unique in taken or unique in NOT_A_SLUG:
        number += 1
        unique = f"{slug[: SLUG_LENGTH - len(str(number)) - 1]}-{number}"
    return unique
