"""The check of wording sees each phrase, and leaves alone what is code or a quotation."""

from __future__ import annotations

import pytest

from tools.wording import INSTEAD, faults

pytestmark = pytest.mark.once


@pytest.mark.parametrize("phrase", INSTEAD)
def test_each_phrase_is_seen_in_a_document_and_in_code(phrase: str) -> None:
    (fault,) = faults("page.md", f"# A page\n\nA text with {phrase} in it.\n")
    assert fault == f"page.md:3: {phrase!r}: write {INSTEAD[phrase]}"
    (fault,) = faults("code.py", f'''x = 1\n\n\ndef f():\n    """Do {phrase} it."""\n''')
    assert fault.startswith("code.py:5: ")


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("page.md", "A sentence that begins\nand then is\nnone.\n", 2),
        ("page.md", "- Anew\n", 1),
        ("page.md", "```sh\ntrue\n```\n\nanew\n", 5),
        ("code.py", "# It is of its\n# own kind.\nx = 1\n", 1),
        ("code.py", 'x = f"{1} anew"\n', 1),
        ("code.py", 'def f():\n    """One.\n\n    Two anew.\n    """\n', 4),
    ],
)
def test_a_phrase_is_seen_where_it_stands(name: str, text: str, line: int) -> None:
    (fault,) = faults(name, text)
    assert fault.startswith(f"{name}:{line}: ")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("page.md", "```sh\necho anew\n```\n"),
        ("page.md", "A word in code, `anew`, and [a link](anew.md).\n"),
        ("page.md", "It counts in the period of its own date. If there is none, it waits.\n"),
        ("page.md", "A recommended amended thing, lonely.\n"),
        ("code.py", "anew = told = 1\nif anew is None:\n    pass\n"),
    ],
)
def test_what_is_right_is_let_through(name: str, text: str) -> None:
    assert list(faults(name, text)) == []
