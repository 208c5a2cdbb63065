"""Refuses phrases that a reader has to read twice, in documents and in the text of the code.

The list is short: words that this project used in odd ways, each with what to write instead. Code
in documents is skipped, and so are names in Python: only comments, docstrings and strings count.
"""

from __future__ import annotations

import io
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
INSTEAD = {
    "alone": "only",
    "anew": "again",
    "are none": "do not exist",
    "as it is now": "current",
    "as there is none": "because there is none",
    "at hand": "available",
    "be it": "whether",
    "held against": "compared with",
    "hold against": "compare with",
    "in vain": "without success",
    "is hardly meant": "is probably a mistake",
    "is none": "does not exist, or is not valid",
    "lies in": "is in",
    "mend": "repair, or correct",
    "mended": "repaired, or corrected",
    "of its own": "a separate one, or nothing",
    "of one's own": "your own",
    "of their own": "separate ones, or nothing",
    "of no account": "ignored",
    "stranger": "unauthenticated client",
    "strangers": "unauthenticated clients",
    "takes back": "rolls back",
    "that there are": "existing",
    "that there is": "existing",
    "told": "shown, or reported",
    "what it is a part of": "what contains it",
    "where there is none": "if missing",
    "whoever": "a user who, or nothing",
}
# Between two words of a phrase a line may end, in a comment or list too.
GAP = r"(?:[ \t]|\n[ \t#>]*)+"
BANNED = re.compile(
    "|".join(rf"\b{GAP.join(map(re.escape, phrase.split()))}\b" for phrase in INSTEAD), re.I
)
# Where the words are right.
ALLOWED = re.compile(
    "(?-i:(?:is|are) None)|none of the mapping|of its own date|if there is none"
    "|that there is more|not alone",
    re.I,
)
# Where the phrases stand as phrases.
LISTS = ("tools/wording.py", "budget/tests/test_wording.py")
FENCED = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
INLINE = re.compile(r"`[^`]*`|\]\([^)]*\)|\"[^\"]*\"|\*\"[^*]*\*")
WORDS = {tokenize.COMMENT, tokenize.STRING}
if hasattr(tokenize, "FSTRING_MIDDLE"):
    WORDS.add(tokenize.FSTRING_MIDDLE)


def prose(text: str) -> str:
    """A Markdown text without its code, links and quotations; every line stays where it is."""
    bare = FENCED.sub(lambda found: "\n" * found[0].count("\n"), text)
    return INLINE.sub(lambda found: "\n" * found[0].count("\n") or "x", bare)


def words_of_code(text: str) -> str:
    """The comments, docstrings and strings of a Python file, each on its line."""
    lines = [""] * (text.count("\n") + 2)
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in WORDS and " " in token.string:
            said = re.sub(r"\{[^{}]*\}", "x", token.string)
            for number, line in enumerate(said.splitlines(), token.start[0] - 1):
                lines[number] += f" {line}"
    return "\n".join(lines)


def faults(name: str, text: str) -> Iterator[str]:
    """A line for each phrase in a file. A phrase may be split over two lines."""
    bare = words_of_code(text) if name.endswith(".py") else prose(text)
    bare = ALLOWED.sub(lambda found: "x" * len(found[0]), bare)
    for found in BANNED.finditer(bare):
        number = bare.count("\n", 0, found.start()) + 1
        phrase = " ".join(re.split(GAP, found[0]))
        yield f"{name}:{number}: {phrase!r}: write {INSTEAD[phrase.lower()]}"


def files(*patterns: str) -> list[str]:
    """The files of the project, as git knows them."""
    found = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return found.stdout.splitlines()


def main() -> None:
    """Print every phrase; leave with 1 if there is any."""
    names = [name for name in files("*.md", ".env.example", "*.py") if name not in LISTS]
    wrong = [line for name in names for line in faults(name, (ROOT / name).read_text())]
    if wrong:
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main()
