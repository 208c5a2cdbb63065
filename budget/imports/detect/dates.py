"""How the dates of a file are written: the order of day, month and year, decided from all."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from itertools import combinations

from budget.imports.values import day_by, western
from budget.judge.periods import MAX_DATE, MIN_DATE

# An order of the parts, and what a person calls it.
ORDERS = {"ymd": "year-first", "dmy": "day-first", "mdy": "month-first"}
TIME = re.compile(
    r"(?P<before>,? ?T?|T| - |-)(?P<hours>[0-9]{1,2})(?P<mark>:)[0-9]{2}"
    r"(?P<seconds>:[0-9]{2}(?P<part>[.,:][0-9]{1,6})?)?"
    r"(?P<half> ?[AaPp](?:[Mm]|\. ?[Mm]\.?))?(?P<gap> ?)"
    r"(?P<zone>Z|[+-][0-9]{2}:?[0-9]{2}|[A-Z]{3,4}|[A-Z][a-z]+/[A-Z][A-Za-z_]+|Uhr|h)?"
)
# Points part the time as well, where something stands before it.
POINTS = re.compile(
    r"(?P<before>,? |T|-)(?P<hours>[0-9]{1,2})(?P<mark>\.)[0-9]{2}"
    r"(?P<seconds>\.[0-9]{2}(?P<part>\.[0-9]{1,6})?)?(?P<half>)(?P<gap>)(?P<zone>)"
)
ZONE_OF_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(Z|[+-][0-9]{2}:[0-9]{2})")
WEEKDAY = re.compile(
    r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)(?P<whole>day|sday|nesday|rsday|urday)?(?P<gap>,? )",
    re.IGNORECASE,
)
MIDNIGHT = re.compile(r"(?<=[T ])(00:00(?::00(?:\.0+)?)? ?(?:Z|UTC|GMT|[+-][0-9]{2}:?[0-9]{2}))$")
MARK = r"(?:[-/.] ?|')"
NUMBERS = re.compile(rf"([0-9]{{1,4}})({MARK}| )([0-9]{{1,2}})({MARK}| )([0-9]{{1,4}})(\.?)")
DAY_FIRST = re.compile(
    r"[0-9]{1,2}((?:st|nd|rd|th)?\.? ?[-/ ]? ?(?:de )?)[^\W\d_]+(\.?)( de |[-/ ,]{1,2}|)"
    r"([0-9]{4}|[0-9]{2})"
)
MONTH_FIRST = re.compile(r"([^\W\d_]+)(\.? ?[-/ ]?)([0-9]{1,2})(,? ?[-/ ]?)([0-9]{4})")
YEAR_FIRST = re.compile(
    r"([0-9]{4})( m\. |\. |[-/ ])([^\W\d_]+)(\.? |[-/])([0-9]{1,2})(\.?(?: d\.)?)"
)
JAPANESE = re.compile(r"[0-9]{4}年[0-9]{1,2}月[0-9]{1,2}日")


# Days without a year. Two numbers and a point are rather an amount.
SHORT = (
    (re.compile(r"[0-9]{1,2}([/-])[0-9]{1,2}"), {"dmy": "%d{0}%m", "mdy": "%m{0}%d"}),
    (re.compile(r"[0-9]{1,2}\.( ?)[0-9]{1,2}\."), {"dmy": "%d.{0}%m."}),
    (re.compile(r"[0-9]{1,2}(\.? ?-?)[^\W\d_]{3,}"), {"dmy": "%d{0}%b", "dmy ": "%d{0}%B"}),
    (re.compile(r"[^\W\d_]{3,}(\.? ?-?)[0-9]{1,2}"), {"mdy": "%b{0}%d", "mdy ": "%B{0}%d"}),
    (re.compile(r"[0-9]{1,2}月( ?)[0-9]{1,2}日"), {"mdy": "%m月{0}%d日"}),
)
# Any year with a 29 February, to tell the order of the parts before the year is known.
SOME_YEAR = date(2024, 1, 1)


def escaped(text: str) -> str:
    return text.replace("%", "%%")


def formats_of(text: str) -> Iterator[tuple[str, str]]:
    """Each order by which a text may be a date, with the format of strptime that reads it so."""
    text = western(text)
    if weekday := WEEKDAY.match(text):
        for order, form in formats_of(text[weekday.end() :]):
            yield order, f"{'%A' if weekday['whole'] else '%a'}{weekday['gap']}{form}"
        return
    if match := ZONE_OF_DAY.fullmatch(text):
        yield "ymd", f"%Y-%m-%d{match[1]}"
        return
    match = next((m for find in (TIME, POINTS) if (m := ends_with(find, text))), None)
    if match is None:
        yield from formats_of_day(text)
        return
    time = time_format(match)
    for order, form in formats_of_day(text[: match.start()]):
        yield order, form + time


def ends_with(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    """The match behind a day and up to the end."""
    match = pattern.search(text, 6)
    return match if match and match.end() == len(text) else None


def time_format(match: re.Match[str]) -> str:
    half, mark, part = match["half"], match["mark"], match["part"]
    form = match["before"] + (f"%I{mark}%M" if half else f"%H{mark}%M")
    form += f"{mark}%S" if match["seconds"] else ""
    form += f"{part[0]}%f" if part else ""
    if half:
        # Only the day counts, so what %p does not know may stand as it is.
        form += half if "." in half else " %p" if half.startswith(" ") else "%p"
    zone = match["zone"]
    has_offset = zone and (zone == "Z" or zone[0] in "+-")
    return form + match["gap"] + ("%z" if has_offset else zone or "")


def formats_of_day(text: str) -> Iterator[tuple[str, str]]:
    """The same for a text without a time."""
    if JAPANESE.fullmatch(text):
        yield "ymd", "%Y年%m月%d日"
    elif match := NUMBERS.fullmatch(text):
        first, one, _, two, last, end = match.groups()
        if len(first) == 4:
            yield "ymd", f"%Y{one}%m{two}%d{end}"
        elif len(first) <= 2 and len(last) in (2, 4):
            year = "%Y" if len(last) == 4 else "%y"
            yield "dmy", f"%d{one}%m{two}{year}{end}"
            if "." not in one:  # nobody writes the month first with points
                yield "mdy", f"%m{one}%d{two}{year}{end}"
            if year == "%y" and one == "-" and len(first) == 2:
                yield "ymd", "%y-%m-%d"
    elif re.fullmatch(r"[0-9]{8}", text):
        yield "ymd", "%Y%m%d"
        yield "dmy", "%d%m%Y"
        yield "mdy", "%m%d%Y"
    elif re.fullmatch(r"(?:19|20)[0-9]{12}", text):
        yield "ymd", "%Y%m%d%H%M%S"
    elif match := DAY_FIRST.fullmatch(text):
        one, dot, two, year = match.groups()
        for name in ("%b", "%B"):
            yield "dmy", f"%d{one}{name}{dot}{two}{'%Y' if len(year) == 4 else '%y'}"
    elif match := MONTH_FIRST.fullmatch(text):
        _, one, _, two, _ = match.groups()
        for name in ("%b", "%B"):
            yield "mdy", f"{name}{one}%d{two}%Y"
    elif match := YEAR_FIRST.fullmatch(text):
        _, one, _, two, _, end = match.groups()
        for name in ("%b", "%B"):
            yield "ymd", f"%Y{one}{name}{two}%d{end}"


def short_formats_of(text: str) -> Iterator[tuple[str, str]]:
    """The same for a day without a year."""
    for pattern, forms in SHORT:
        if match := pattern.fullmatch(text):
            for order, form in forms.items():
                yield order.strip(), form.format(match[1])


@lru_cache(maxsize=8192)
def readings_of(text: str, since: date | None = None) -> dict[str, tuple[str, date]]:
    """The formats that read a text, with the day, by their order.

    since: where days have no year, the earliest that one can be.
    """
    found: dict[str, tuple[str, date]] = {}
    for order, form in formats_of(text) if since is None else short_formats_of(text):
        if (day := day_by(form, text, None, since)) and order not in found:
            found[order] = form, day
    # A day that no transaction can have is no reading where there is another.
    sane = {order: each for order, each in found.items() if MIN_DATE <= each[1] <= MAX_DATE}
    return sane or found


def is_date(text: str) -> bool:
    return bool(readings_of(text))


def is_short_date(text: str) -> bool:
    """Whether a text is a day without a year."""
    return bool(readings_of(text, SOME_YEAR))


@dataclass
class Dates:
    """The dates of a file, each once, with the first line that has it.

    since: where they have no year, the earliest that one can be.
    """

    texts: dict[str, int] = field(default_factory=dict)
    since: date | None = None

    def readings(self, text: str) -> dict[str, tuple[str, date]]:
        return readings_of(text, self.since)

    def see(self, line: int, text: str) -> None:
        self.texts.setdefault(text, line)

    def orders(self) -> dict[str, list[str]]:
        """The orders by which every date can be read, else by which most can, with the formats.

        Of orders that read all dates alike only the first is given.
        """
        kept: dict[tuple[date | None, ...], str] = {}
        for order in self.all_orders():
            read = (self.readings(text).get(order) for text in self.texts)
            kept.setdefault(tuple(found[1] if found else None for found in read), order)
        return {order: self.formats_by(order) for order in kept.values()}

    def all_orders(self) -> list[str]:
        """The same, those that read all dates alike included."""
        counts = {
            order: sum(order in self.readings(text) for text in self.texts) for order in ORDERS
        }
        most = max(counts.values())
        return [order for order, count in counts.items() if count == most and most]

    def formats_by(self, order: str) -> list[str]:
        """The formats of strptime by which an order reads the dates."""
        found = (self.readings(text).get(order) for text in self.texts)
        return self.without_zone(list(dict.fromkeys(each[0] for each in found if each)))

    def without_zone(self, formats: list[str]) -> list[str]:
        """The formats; where each time is midnight, it is a day and in no zone to convert."""
        ends = [MIDNIGHT.search(text) for text in self.texts if self.readings(text)]
        if not all(ends) or not any("%z" in form for form in formats):
            return formats
        days = dict.fromkeys(form.partition("%H")[0] for form in formats)
        suffixes = dict.fromkeys(end[1] for end in ends if end)
        return [f"{day}{escaped(suffix)}" for day in days for suffix in suffixes]

    def differing(self, orders: Iterable[str]) -> tuple[int, str] | None:
        """The first date, with its line, that two orders read as different days."""
        for text, line in self.texts.items():
            found = self.readings(text)
            for one, other in combinations(orders, 2):
                if one in found and other in found and found[one][1] != found[other][1]:
                    return line, text
        return None
