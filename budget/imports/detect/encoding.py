"""In which encoding a text is written, by its bytes."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable
from pathlib import Path

MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# What banks still write, with the letters that are usual in its languages and worth most.
LETTERS = {
    "cp1252": "äöüßéèêëàâçîïôûùñáíóúãõåæøœ€£ÄÖÜÉÈÀÇÅÆØÑÁÍÓÚ°§\u00b4\u2019\u2013",
    "cp1250": "ąćęłńóśźżáčďéěíňřšťúůýžľĺôäőűöüăâîșțşţĄĆĘŁŃÓŚŹŻÁČĎÉĚÍŇŘŠŤÚŮÝŽÖÜŐŰ€ßç",
    "cp1251": "абвгдежзийклмнопрстуфхцчшщъыьэюяАБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯіїєёІЇЄЁ№€",
    "cp1257": "ąčęėįšųūžāčēģīķļņšūžõäöüĄČĘĖĮŠŲŪŽĀĒĢĪĶĻŅÕÄÖÜ€",
    "cp932": "",
    "gb18030": "",
    "cp1253": "αβγδεζηθικλμνξοπρστυφχψωςάέήίόύώΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩ",
    "cp1254": "ğışçöüĞİŞÇÖÜâî",
}
OTHER_LETTERS = frozenset({"cp1251", "cp1253"})
WIDE = {
    "cp932": re.compile("[\u3040-\u30ff\u4e00-\u9fff\uff00-\uffef]"),
    "gb18030": re.compile("[\u4e00-\u9fff\uff00-\uffef\u3000-\u303f]"),
}
CHUNK = 1 << 16
MOST_SCORED = 20_000


def find_encoding(path: Path) -> str:
    """The name of the encoding, as Python has it. Raises OSError."""
    with path.open("rb") as file:
        start = file.read(4096)
    for mark, name in MARKS:
        if start.startswith(mark):
            return name
    if start.count(b"\0") > len(start) // 4:
        return "utf-16-le" if start[1::2].count(b"\0") > start[::2].count(b"\0") else "utf-16-be"
    if is_utf8(path):
        return "utf-8"
    return likeliest(other_lines(path))


def is_utf8(path: Path) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    with path.open("rb") as file:
        try:
            while chunk := file.read(CHUNK):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True


def other_lines(path: Path) -> bytes:
    """Lines with bytes that are no ASCII, as far as they are needed."""
    found: list[bytes] = []
    size = 0
    with path.open("rb") as file:
        for line in file:
            if not line.isascii():
                found.append(line[:2000])
                size += len(found[-1])
                if size > MOST_SCORED:
                    break
    return b"".join(found)


def likeliest(content: bytes, names: Iterable[str] = tuple(LETTERS)) -> str:
    """The encoding by which most letters are such as its languages have."""
    scores = {name: score(content, name) for name in names}
    return max(scores, key=lambda name: scores[name])


def score(content: bytes, name: str) -> float:
    """How well a text reads: for each character beyond ASCII a point, or minus some."""
    try:
        text = content.decode(name)
    except UnicodeDecodeError:
        return float("-inf")
    total = 0.0
    wide = WIDE.get(name)
    for before, char, after in zip(f" {text}", text, f"{text[1:]} ", strict=False):
        if char.isascii():
            continue
        if wide is not None:
            # They stand among themselves; between Latin letters they are a misreading.
            latin = any(near.isascii() and near.isalpha() for near in (before, after))
            total += 2.2 if wide.match(char) and not latin else -4
        elif char in LETTERS[name]:
            # A capital between small letters is seldom right.
            # A capital between small letters is seldom right, nor Greek among Latin letters.
            odd = char.isupper() and before.islower() and after.islower()
            latin = any(near.isascii() and near.isalpha() for near in (before, after))
            total += -3 if latin and name in OTHER_LETTERS else -1 if odd else 1
        elif char.isalpha():
            total += -0.5
        elif char in "\u00a0\u2013\u2014\u2019\u201c\u201d\u201e€£«»°…·•":
            total += 0.3
        else:
            total -= 3 if before.isalpha() and after.isalpha() else 1.5
    return total
