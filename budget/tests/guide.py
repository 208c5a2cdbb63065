"""Answers that a text shows, compared with what the application answered.

Whatever nobody can know beforehand stands for itself: the first time that a text shows an id, a
token, a tag, a cursor or an address with one of these in it, that is tied to what the application
has answered, and from then on each means the other. All else has to be the same to the letter.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from typing import Any

# Where "…" stands last in an object or an array, there is more than the guide shows.
MORE = "…"
IDS = frozenset({"id", "user", "transaction", "threshold", "alert"})
SECRETS = frozenset({"session_token", "token", "hint", "ETag"})
PLACES = frozenset({"next", "previous", "Link", "Location"})
COUNTDOWNS = frozenset({"RateLimit", "Retry-After"})
CURSOR = re.compile(r"cursor=([\w%.:-]+)")


def read_json(text: str) -> Any:
    """JSON in which … may stand for what is left out."""
    text = re.sub(r"…(?=\s*\})", '"…": 0', text)
    return json.loads(re.sub(r"…(?=\s*\])", '"…"', text))


class Reader:
    """Somebody who follows a text line by line.

    known: what each stand-in stands for. kinds: the same by kind, in which no two are one.
    """

    def __init__(self) -> None:
        self.known: dict[str, str] = {}
        self.kinds: defaultdict[str, set[str]] = defaultdict(set)

    def real(self, text: str) -> str:
        """A text of the guide with what its stand-ins stand for."""
        if not self.known:
            return text
        # The longest first: a token begins with its hint.
        words = "|".join(map(re.escape, sorted(self.known, key=len, reverse=True)))
        return re.sub(rf"(?<!\w)(?:{words})(?!\w)", lambda word: self.known[word[0]], text)

    def same(self, name: str, shown: Any, found: Any, told: str) -> None:
        """Hold a value of an answer against the guide's. name: of its field or header."""
        match shown:
            case dict():
                assert isinstance(found, dict), told
                missing = shown.keys() - found.keys() - {MORE}
                unsaid = set() if MORE in shown else found.keys() - shown.keys()
                assert not missing | unsaid, f"{missing=} {unsaid=}\n{told}"
                for key in shown.keys() - {MORE}:
                    self.same(key, shown[key], found[key], told)
            case list():
                assert isinstance(found, list), told
                if MORE in shown:
                    shown, found = shown[:-1], found[: len(shown) - 1]
                assert len(shown) == len(found), told
                for one, other in zip(shown, found, strict=True):
                    self.same(name, one, other, told)
            case int() if name in IDS:
                assert isinstance(found, int), told
                self.tie(f"ids of {shown // 100}..", str(shown), str(found), told)
            case str() if name in SECRETS:
                self.tie(name, shown, str(found), told)
            case str() if name in PLACES:
                assert isinstance(found, str), told
                for one, other in zip(CURSOR.findall(shown), CURSOR.findall(found), strict=True):
                    self.tie("cursors", one, other, told)
                assert self.real(shown) == found, f"{name}: {shown} is {found}\n{told}"
            case str() if name in COUNTDOWNS:
                assert masked(shown) == masked(found), f"{name}: {shown} is {found}\n{told}"
            case _:
                assert shown == found, f"{name}: {shown!r} is {found!r}\n{told}"

    def tie(self, kind: str, shown: str, found: str, told: str) -> None:
        """What is shown as the same has to be the same, and as another, another."""
        if shown not in self.known:
            assert found not in self.kinds[kind], f"{shown} was shown as another one\n{told}"
            self.kinds[kind].add(found)
        assert self.known.setdefault(shown, found) == found, f"{shown} is {found}\n{told}"


def masked(text: str) -> str:
    """A countdown with the time and the number of requests left out, unless that is 0."""
    return re.sub(r"\b[1-9]\d*\b", "N", text)
