"""camt.052, .053 and .054: entries and details, signs and reversals, balances, limits of XML."""

from __future__ import annotations

from pathlib import Path
from zipfile import ZipFile

import pytest

from budget.imports import BadFile, read_export
from budget.tests.statements import balance, camt, detail, entry, read, rows, told

pytestmark = pytest.mark.once


@pytest.mark.parametrize(
    "kind", ["camt.052.001.02", "camt.053.001.04", "camt.053.001.08", "camt.054.001.13"]
)
def test_versions_differ_in_their_name_alone(tmp_path: Path, kind: str) -> None:
    content = camt(entry("12.50"), entry("1000.00", "CRDT"), kind=kind)
    assert [found[:3] for found in told(read(tmp_path, content))] == [
        ("2024-03-05", "12.50", "expense"),
        ("2024-03-05", "1000.00", "income"),
    ]


def test_a_status_as_newer_versions_write_it(tmp_path: Path) -> None:
    pending = entry("9.00", status="<Sts><Cd>PDNG</Cd></Sts>")
    told_only = entry("9.00", status="<Sts>INFO</Sts>")
    export = read(tmp_path, camt(entry("1.00"), pending, told_only))
    assert len(export.rows) == 1
    assert [left.reason for left in export.left_out] == [
        "it is pending: not booked yet",
        "it is for information only: nothing is booked",
    ]


def test_who_and_what_for(tmp_path: Path) -> None:
    with_details = entry(
        "4.50", more=f"<NtryDtls>{detail('Breakfast', name='City Coffee')}</NtryDtls>"
    )
    newer = entry(
        "4.50",
        more="<NtryDtls><TxDtls><RltdPties><Cdtr><Pty><Nm>Other Coffee</Nm></Pty></Cdtr>"
        "</RltdPties></TxDtls></NtryDtls>",
    )
    bare = entry("4.50", more="<AddtlNtryInf>Fee for the account</AddtlNtryInf>")
    assert [text for *_, text in told(read(tmp_path, camt(with_details, newer, bare)))] == [
        "City Coffee, Breakfast",
        "Other Coffee",
        "Fee for the account",
    ]


def test_details_become_rows_only_where_they_add_up(tmp_path: Path) -> None:
    batch = "<NtryDtls>{}{}</NtryDtls>"
    right = entry("1500.00", more=batch.format(detail("a", "1000.00"), detail("b", "500.00")))
    assert [(amount, text) for _, amount, _, text in told(read(tmp_path, camt(right)))] == [
        ("1000.00", "a"),
        ("500.00", "b"),
    ]
    charged = entry("1526.00", more=batch.format(detail("a", "1000.00"), detail("b", "500.00")))
    assert [(amount, text) for _, amount, _, text in told(read(tmp_path, camt(charged)))] == [
        ("1526.00", "a, b")
    ]
    silent = entry("1500.00", more=batch.format(detail("a"), detail("b")))
    assert [amount for _, amount, *_ in told(read(tmp_path, camt(silent)))] == ["1500.00"]


def test_two_entries_that_are_alike_are_two_rows(tmp_path: Path) -> None:
    export = read(tmp_path, camt(entry("4.50"), entry("4.50")))
    assert len({number for number, _ in export.rows}) == 2


def test_what_undoes_a_debit_is_a_refund_and_what_undoes_a_credit_leaves(tmp_path: Path) -> None:
    undone = "<RvslInd>true</RvslInd>"
    content = camt(
        balance("OPBD", "100.00"),
        balance("CLBD", "70.00"),
        entry("20.00", "CRDT", undone),
        entry("50.00", "DBIT", undone),
    )
    export = read(tmp_path, content)
    assert [found[1:3] for found in told(export)] == [("20.00", "refund"), ("50.00", "expense")]
    assert export.notes == []


def test_balances_that_do_not_agree_are_pointed_out(tmp_path: Path) -> None:
    content = camt(balance("OPBD", "100.00"), balance("CLBD", "80.05"), entry("20.00"))
    (note,) = read(tmp_path, content).notes
    assert note == (
        "the account ending in 4711: 100.00 at the beginning and movements of -20.00 make 80.00, "
        "and the statement ends with 80.05; 0.05 is missing or too much"
    )


def test_the_banks_reference_is_the_id_within_the_account(tmp_path: Path) -> None:
    content = camt(entry("1.00", more="<AcctSvcrRef>R77</AcctSvcrRef>"))
    ((number, row),) = read(tmp_path, content).rows
    assert row.external_id is not None
    assert number == f"camt:{row.external_id}"
    assert number.endswith(":R77")
    ((other, _),) = read(tmp_path, content.replace("4711", "4712")).rows
    assert other != number


def test_a_reference_that_says_there_is_none_is_none(tmp_path: Path) -> None:
    content = camt(entry("1.00", more="<AcctSvcrRef>NOTPROVIDED</AcctSvcrRef>"))
    assert rows(read(tmp_path, content))[0].external_id is None


def test_noughts_behind_the_cents_are_no_fault(tmp_path: Path) -> None:
    assert told(read(tmp_path, camt(entry("18.15000"))))[0][1] == "18.15"


def faults(folder: Path, content: str) -> list[tuple[int, str]]:
    with pytest.raises(BadFile) as caught:
        read(folder, content)
    return [(bad.line, bad.reason) for bad in caught.value.bad]


def test_bad_entries_are_named_by_their_line(tmp_path: Path) -> None:
    content = camt(
        entry("1.00"), entry("x", "BOTH"), entry("1.00", day="2024-02-30"), entry("1.005")
    )
    assert faults(tmp_path, content) == [
        (6, "'x' is no amount such as 1247.44"),
        (7, "day is out of range for month"),
        (8, "amount '1.005' has more than two decimal places"),
    ]


def test_a_file_that_is_cut_off_says_where(tmp_path: Path) -> None:
    ((line, reason),) = faults(tmp_path, camt(entry("1.00"))[:-20])
    assert (line, reason.partition(":")[0]) == (6, "no XML from column 8 on")


def test_the_one_file_of_an_archive_is_read(tmp_path: Path) -> None:
    file = tmp_path / "camt.zip"
    with ZipFile(file, "w") as archive:
        archive.writestr("statement.xml", camt(entry("12.50")))
    assert [found[1] for found in told(read_export(file))] == ["12.50"]
    with ZipFile(file, "a") as archive:
        archive.writestr("other.xml", camt(entry("12.50")))
    with pytest.raises(BadFile) as caught:
        read_export(file)
    assert caught.value.bad[0].reason.startswith("this is a ZIP archive of 2 files")


def test_a_document_type_is_refused(tmp_path: Path) -> None:
    content = camt(entry("1.00")).replace("<Document", "<!DOCTYPE Document>\n<Document")
    assert faults(tmp_path, content) == [
        (2, "a document type (DOCTYPE), which a statement has no need of")
    ]


def test_elements_may_not_go_deep(tmp_path: Path) -> None:
    deep = f"<Ntry>{'<a>' * 100}{'</a>' * 100}</Ntry>"
    assert "more than 64 deep" in faults(tmp_path, camt(deep))[0][1]
