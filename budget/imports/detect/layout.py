"""A mapping for a table that nobody has described: what every reading agrees on, and questions.

The mapping is the one that somebody could have written by hand (docs/imports.md), so whatever is
found here can be shown, kept and changed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from decimal import Decimal
from hashlib import blake2b
from itertools import combinations, pairwise, product
from pathlib import Path
from typing import Any

from budget.imports.csv_table import Dialect, Record, first_lines, open_text, read_records
from budget.imports.detect.amounts import CREDIT_WORDS, DEBIT_WORDS, MARKS, Amounts, style_of, value
from budget.imports.detect.asking import answer, choose_dates, choose_decimal
from budget.imports.detect.dates import SOME_YEAR, Dates, is_date, is_short_date
from budget.imports.detect.encoding import find_encoding
from budget.imports.detect.programs import Known, find_program, teach
from budget.imports.detect.signs import (
    fee_sign,
    is_card_statement,
    runs,
    signs_of,
    texts_of,
    told_signs,
)
from budget.imports.detect.table import (
    Column,
    Table,
    find_table,
    is_amount,
    symbols_in,
)
from budget.imports.detect.words import (
    MINOR,
    PENDING_WORDS,
    SIGNS,
    UNDONE_WORDS,
    WAGES,
    currency_of,
    plain,
    way_of,
)
from budget.imports.detect.years import newest, since_when, year_before
from budget.imports.formats.statement import BILL_PAID
from budget.imports.mapped import MappedReader
from budget.imports.mapping import Mapping, checked_encoding
from budget.imports.reading import Choice, Hints, Question, Reading, Unclear, joined, parts_of
from budget.imports.rows import BadFile, BadLine, Note
from budget.imports.values import AmountStyle, is_blank, listed, parse_date, same_day, shown
from lib.text import fold

TITLE = "CSV"
DAYS = ("day", "date", "booked", "value_date")
SLUGS = {"out": "expense", "in": "income", "both": "transfer"}
MOST_WAYS = 12
# How many columns make a description where no word names them.
MOST_TEXTS = 4
WORD = re.compile(r"[^\W\d_]{3}")
ACCOUNT = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9 ]*|[A-Z]{2}[0-9]+|[0-9][0-9 ./-]{5,}")
SIGN_CHOICES = {"spent-is-negative": "bank", "spent-is-positive": "card"}


@dataclass
class Money:
    """Where amounts stand. flags: a column that seems to say which way money goes."""

    amount: Column | None = None
    debit: Column | None = None
    credit: Column | None = None
    side: Column | None = None
    flags: Column | None = None
    fee: Column | None = None

    @property
    def columns(self) -> list[Column]:
        return [each for each in (self.amount, self.debit, self.credit, self.fee) if each]


@dataclass
class Draft:
    """A mapping in the making, and what has to be asked before it is one."""

    table: Table
    hints: Hints
    known: Known | None = None
    questions: list[Question] = field(default_factory=list)
    tables: dict[str, Any] = field(default_factory=dict)
    rules: list[dict[str, Any]] = field(default_factory=list)

    def put(self, section: str, **values: Any) -> None:
        self.tables.setdefault(section, {}).update(values)

    def name(self, column: Column) -> str | int:
        """How a mapping names a column: by its header where that is one of its kind."""
        headers = [fold(each.header) for each in self.table.columns]
        if fold(column.header) and headers.count(fold(column.header)) == 1:
            return column.header
        return column.place + 1


def detect(path: Path, hints: Hints) -> Reading:
    """How a table is read. Raises OSError, BadFile if it is no table, Unclear if it must ask."""
    mapping = find_mapping(path, hints)
    if mapping is None:
        return Reading(TITLE, "csv", iter([Note("the file has a header and no rows")]))
    reader = MappedReader(mapping)
    return Reading(mapping.title, mapping.name, reader.read(path, hints.zone), mapping)


def find_mapping(path: Path, hints: Hints) -> Mapping | None:
    """The mapping of a table, None for one without rows. Raises as detect() does."""
    encoding = hints.answers.get("encoding") or find_encoding(path)
    try:
        checked_encoding(encoding)
    except ValueError as error:
        raise BadFile([BadLine(1, f"--encoding {encoding}: {error}")]) from None
    try:
        return understand(path, hints, encoding)
    except UnicodeError:
        raise BadFile([BadLine(1, Dialect(encoding).wrong_encoding)]) from None


def understand(path: Path, hints: Hints, encoding: str) -> Mapping | None:
    """The same of a table in an encoding. Raises UnicodeError, too, where it is in another."""
    table = find_table(path, encoding)
    if table is None:
        raise BadFile([BadLine(1, not_a_table(path, encoding))])
    if not table.records:
        return None
    table.dialect = with_quotes(path, table)
    draft = Draft(table, hints, find_program(table))
    if draft.known:
        teach(table, draft.known)
    day, money = find_day(draft), find_money(draft)
    dates, amounts = evidence(path, table, day, money)
    formats, order = choose_dates(dates, with_zone(draft))
    if order and draft.known and draft.known.dates in {choice.value for choice in order.choices}:
        formats, order = choose_dates(dates, said_of_dates(hints, draft.known.dates))
    marks, mark = choose_decimal(amounts, hints)
    draft.questions += [question for question in (order, mark) if question]
    put_file(draft)
    draft.put("date", formats=formats or ["%Y-%m-%d"])
    if dates.since:
        put_year(draft, dates, tuple(formats))
    draft.put("amount", decimal=marks[0], thousands=marks[1])
    if amounts.symbols:
        draft.put("amount", symbols=list(amounts.symbols))
    put_words(draft, money)
    draft.put("columns", date=draft.name(day))
    put_texts(draft, day, money)
    put_balance(draft)
    put_currency(draft, money, amounts)
    put_rules(draft)
    put_types(draft, money, style_of(marks, amounts.symbols))
    if draft.questions:
        raise Unclear(draft.questions)
    if draft.rules:
        draft.tables["rule"] = draft.rules
    title = draft.known.title if draft.known else TITLE
    return Mapping.model_validate({"name": prefix(table), "title": title, **draft.tables})


def put_year(draft: Draft, dates: Dates, formats: tuple[str, ...]) -> None:
    """Since when the days without a year are: by the dates around the rows, or as somebody says."""
    days = [
        parse_date(text, formats, None, SOME_YEAR) for text in dates.texts if is_short_date(text)
    ]
    said = draft.hints.answers.get("year")
    if said is not None:
        if not re.fullmatch("(?:19|20|21)[0-9]{2}", said):
            raise BadFile([BadLine(1, f"--year {said}: it can be a year such as 2024 here")])
        draft.put("date", since=year_before(same_day(newest(days), int(said))))
    elif since := since_when(draft.table, days):
        draft.put("date", since=since)
    else:
        text = next(filter(is_short_date, dates.texts))
        asks = (
            "In which year is the newest row? The dates have no year, such as "
            f"{shown(text)} on line {dates.texts[text]}, and nothing else in the file tells."
        )
        draft.questions.append(Question("year", asks, ()))


def put_words(draft: Draft, money: Money) -> None:
    """The words beside the amounts that say which way the money went, where they are unusual."""
    style = style_of(MARKS[0])
    cells = [cell for column in money.columns for cell in column.values]
    matches = filter(None, map(style.words.fullmatch, cells))
    found = {fold(each["last"] or each["within"] or each["first"]) for each in matches}
    if found:
        debit = [word for word in DEBIT_WORDS if word in found]
        credit = [word for word in CREDIT_WORDS if word in found]
        draft.put("amount", debit_words=debit, credit_words=credit)


def with_zone(draft: Draft) -> Hints:
    """The hints, with what the time zones of a program's export say of its dates."""
    known = draft.known
    cells = {cell.upper() for column in draft.table.columns for cell in column.values}
    if known is None or not cells & set(known.american) or "dates" in draft.hints.answers:
        return draft.hints
    return said_of_dates(draft.hints, "month-first")


def said_of_dates(hints: Hints, order: str) -> Hints:
    """The hints, as if somebody had said in which order the parts of a date are."""
    return replace(hints, answers={**hints.answers, "dates": order})


def with_quotes(path: Path, table: Table) -> Dialect:
    """The dialect; lenient with quotes if each line is a record only then."""
    lenient = replace(table.dialect, lenient=True)
    with open_text(path, table.dialect.encoding) as text:
        if not any(isinstance(record, BadLine) for record in read_records(text, table.dialect)):
            return table.dialect
    with open_text(path, table.dialect.encoding) as text:
        for record in read_records(text, lenient):
            if isinstance(record, BadLine) or "\n" in "".join(record[1]):
                return table.dialect
            if table.is_movement(record[1]) and len(record[1]) != table.width:
                return table.dialect
    return lenient


def not_a_table(path: Path, encoding: str) -> str:

    first = next((line.strip() for line in first_lines(path, encoding, 50) if line.strip()), "")
    if {fold(cell) for cell in first.split(",")} == {"category", "budget"}:
        return (
            "this is a list of budgets and has no movements; --budget FILE of the command takes it"
        )
    return (
        "no columns with dates and amounts are found; the first line is "
        f"{shown(first)}; --mapping FILE says how to read a table (docs/imports.md)"
    )


def prefix(table: Table) -> str:
    """What the ids of this layout begin with: other columns are another source."""
    told = "\n".join(fold(column.header) for column in table.columns) or str(table.width)
    return f"csv-{blake2b(told.encode(), digest_size=4).hexdigest()}"


def put_file(draft: Draft) -> None:
    dialect = draft.table.dialect
    draft.put(
        "file",
        encoding=dialect.encoding,
        delimiter=dialect.delimiter,
        quote=dialect.quote,
        quotes="any" if dialect.lenient else "lines" if dialect.lines else "doubled",
        skip_lines=min(dialect.skip, 1000),
        header=draft.table.header is not None,
        other_lines="leave_out",
    )
    if draft.table.has_entries:
        draft.put("file", next_line="entry")
    header = draft.table.header
    if header and draft.table.width > len(header[1]):
        draft.put("file", columns=draft.table.width)


def find_day(draft: Draft) -> Column:
    """The column of the day that counts: of the purchase, else of booking, else of value."""
    table = draft.table
    named = sorted(table.named(*DAYS), key=lambda column: -column.sure)
    for column in named:
        if column.has_dates and len(column.filled) >= 0.8 * len(column.cells):
            return column
    by_content = [column for column in table.columns if column.has_dates and not column.role]
    found = next(iter([*by_content, *(c for c in table.columns if c.has_dates), *named]), None)
    if found is None:
        raise refused(table, "no column of dates")
    return found


def refused(table: Table, what: str) -> BadFile:
    line = table.header[0] if table.header else 1
    names = listed([column.header for column in table.columns if column.header])
    has = f"; the header has {names}" if names else ""
    help_with = "--mapping FILE says how to read it (docs/imports.md)"
    return BadFile([BadLine(line, f"{what} is found{has}; {help_with}")])


def find_money(draft: Draft) -> Money:
    """The columns of amounts, by their names, else by what is in them."""
    table = draft.table
    amounts = [column for column in table.named("amount") if column.has_amounts]
    if any(currency_of(column.header) for column in amounts):
        amounts.sort(key=lambda column: (not currency_of(column.header), -column.sure))
    money = Money()
    for role in ("debit", "credit"):
        names = [column for column in table.named(role) if column.has_amounts or not column.filled]
        setattr(money, role, names[0] if names else None)
    pair = money.debit and money.credit and (money.debit.filled or money.credit.filled)
    if amounts and not (pair and not amounts[0].has_sign):
        money.amount, money.debit, money.credit = amounts[0], None, None
    elif not pair:
        money.debit = money.credit = None
        if amounts:
            money.amount = amounts[0]
        else:
            money = by_content(draft)
    money.side = find_side(table, money)
    if money.side is None and money.amount is not None and not money.amount.has_sign:
        money.flags = find_flags(table)
    fees = [column for column in table.named("fee") if column.has_amounts]
    moved = [
        column for column in fees if any(set(cell) & set("123456789") for cell in column.values)
    ]
    money.fee = moved[0] if moved else None
    return money


def by_content(draft: Draft) -> Money:
    """The columns of amounts where no word names them, by how they go together. Raises BadFile."""
    table = draft.table
    taken = {"balance", "foreign", "other", "reference", "id", "account", "fee", "time"}
    found = [
        column
        for column in table.columns
        if column.has_amounts and not column.has_dates and column.role not in taken
    ]
    with_cents = [
        column
        for column in found
        if any(re.search(r"[.,][0-9]{1,2}\D*$", cell) for cell in column.values)
    ]
    columns = sorted(with_cents or found, key=lambda column: not column.has_sign)
    if not columns:
        raise refused(table, "no column of amounts")
    balances = [*table.named("balance"), *columns]
    pairs = [two for two in combinations(found, 2) if part_rows(*two)]
    for one, two in pairs:
        if money := sides(draft, one, two, balances):
            return money
    for amount, balance in product(columns, balances):
        if amount is not balance and runs(amount.numbers, balance.numbers):
            balance.role = "balance"
            return Money(amount)
    # A balance comes after what changes it, and seldom has a sign.
    return Money(max(columns, key=lambda column: column.has_sign))


def part_rows(one: Column, two: Column) -> bool:
    """Whether every row has an amount in one of two columns, each now and then, and never both."""
    filled = [(bool(a), bool(b)) for a, b in zip(one.numbers, two.numbers, strict=True)]
    return len(filled) > 1 and {*filled} == {(True, False), (False, True)}


def sides(draft: Draft, one: Column, two: Column, balances: list[Column]) -> Money | None:
    """Which of two columns is for money out, by a balance, by wages, or by what a person says."""
    for debit, credit in ((one, two), (two, one)):
        moved = [
            abs(came or Decimal()) - abs(went or Decimal())
            for went, came in zip(debit.numbers, credit.numbers, strict=True)
        ]
        for balance in balances:
            if balance not in (one, two) and runs(moved, balance.numbers):
                balance.role = "balance"
                return Money(debit=debit, credit=credit)
    for debit, credit in ((one, two), (two, one)):
        if is_below(debit) and not credit.has_sign:
            return Money(debit=debit, credit=credit)
    for debit, credit in ((one, two), (two, one)):
        if signs_of(texts_of(draft.table), WAGES, credit.numbers):
            return Money(debit=debit, credit=credit)
    said = draft.hints.answers.get("money-in")
    choices = {str(column.place + 1): column for column in (one, two)}
    if said is None:
        readings = []
        for number, column in choices.items():
            line, cells = next(
                row for row in draft.table.records if has_cell(draft.table, row, column)
            )
            shows = ", ".join(cell for cell in cells if cell)[:120]
            readings.append(Choice(number, f"line {line} came in: {shows}"))
        asks = f"Which column has money that comes in: {' or '.join(choices)}?"
        draft.questions.append(Question("money-in", asks, tuple(readings)))
        return Money(debit=one, credit=two)
    if said not in choices:
        raise BadFile([BadLine(1, f"--money-in {said}: it can be {' or '.join(choices)} here")])
    credit = choices[said]
    return Money(debit=two if credit is one else one, credit=credit)


def is_below(column: Column) -> bool:
    """Whether all amounts of a column are below zero."""
    found = [number for number in column.numbers if number]
    return bool(found) and all(number < 0 for number in found)


def has_cell(table: Table, record: Record, column: Column) -> bool:
    cells = record[1]
    return (
        table.is_movement(cells) and column.place < len(cells) and not is_blank(cells[column.place])
    )


def find_side(table: Table, money: Money) -> Column | None:
    """The column whose words say which way money goes."""
    if money.amount is None:
        return None
    named = [*table.named("side"), *(c for c in table.columns if not c.role)]
    for column in named:
        ways = {way_of(cell) for cell in column.values}
        if not column.values or len(column.values) > MOST_WAYS or "" in ways:
            continue
        if column.has_amounts and not set(column.values) <= {"+", "-"}:
            continue
        if {"out", "in"} <= ways or len(column.filled) == len(column.cells):
            return column
        # One word marks what is other than usual, such as CR on a card.
        if not money.amount.has_sign:
            return column
    return None


def find_flags(table: Table) -> Column | None:
    """A column of a few short words in every row, some of which are words of a direction."""
    for column in table.columns:
        if column.has_dates or column.has_amounts or column.has_currencies:
            continue
        if column.role in ("", "side") and 2 <= len(column.values) <= 5:
            is_short = all(len(cell) <= 12 for cell in column.values)
            is_told = any(way_of(cell) for cell in column.values)
            if is_short and is_told and len(column.filled) == len(column.cells):
                return column
    return None


def evidence(path: Path, table: Table, day: Column, money: Money) -> tuple[Dates, Amounts]:
    """The dates and amounts of all records, which decide how they are read."""
    seen: dict[str, None] = {}
    for column in money.columns:
        for cell in column.values:
            seen.update(dict.fromkeys(symbols_in(cell)))
    dates, amounts = (
        Dates(since=None if table.is_day is is_date else SOME_YEAR),
        Amounts(tuple(seen)),
    )
    others = [c for c in table.named(*DAYS) if c is not day and c.has_dates]
    places = [column.place for column in money.columns]
    balances = [column.place for column in table.named("balance") if column.has_amounts]
    with open_text(path, table.dialect.encoding) as text:
        for record in read_records(text, table.dialect):
            if isinstance(record, BadLine):
                continue
            line, cells = record
            for place in places:
                if place < len(cells) and is_amount(cell := cells[place].strip()):
                    amounts.see(line, cell)
            for place in balances:
                if place < len(cells) and is_amount(cell := cells[place].strip()):
                    amounts.see_beside(line, cell)
            for column in (day, *others):
                if column.place < len(cells) and (text_of := cells[column.place].strip()):
                    dates.see(line, text_of)
    return dates, amounts


def put_texts(draft: Draft, day: Column, money: Money) -> None:
    """Description, category, and what tells rows apart."""
    table = draft.table
    taken = {id(column) for column in (day, *money.columns, money.side, money.flags) if column}
    free = [column for column in table.columns if id(column) not in taken]
    texts = [c for role in ("who", "text") for c in free if c.role == role and not is_number(c)]
    if not any(column.filled for column in texts):
        texts = texts_by_content(free)
    texts = [*(c for c in free if c.role == "subcategory"), *texts]
    if texts and goes_on(table, texts):
        draft.put("file", next_line="description")
    if texts:
        draft.put("columns", description=[draft.name(column) for column in texts])
    categories = [c for c in free if c.role == "category"][:1]
    if categories:
        draft.put("columns", category=[draft.name(column) for column in categories])
    ids = [c for c in free if c.role == "id" and is_id(c)]
    if ids:
        draft.put("columns", external_id=draft.name(ids[0]))
    told = [c for c in free if c.role in ("account", "reference", "id", "time") and c not in ids]
    if told:
        draft.put("columns", identity=[draft.name(column) for column in told])


def goes_on(table: Table, texts: list[Column]) -> bool:
    """Whether lines with nothing but a text stand behind movements: a merchant on the next line."""
    places = {column.place for column in texts}
    return any(
        table.is_movement(before)
        and len(cells) > 1
        and {at for at, cell in enumerate(cells) if cell} <= places
        for (_, before), (_, cells) in pairwise(table.records)
    )


def put_balance(draft: Draft) -> None:
    """The running balance, where it is filled in on most lines."""
    for column in draft.table.named("balance"):
        if column.has_amounts and len(column.filled) > len(column.cells) / 2:
            draft.put("columns", balance=draft.name(column))
            return


def is_number(column: Column) -> bool:
    """Whether a column has the numbers of accounts instead of names."""
    return bool(column.filled) and all(map(ACCOUNT.fullmatch, column.values))


def is_text(column: Column) -> bool:
    letters = sum(any(map(str.isalpha, cell)) for cell in column.filled)
    return bool(letters) and letters >= len(column.filled) / 2 and not column.has_currencies


def texts_by_content(free: list[Column]) -> list[Column]:
    """The columns with words in most cells, where no word names one.

    By what each column has, so that a part of a file is read as the whole is.
    """
    found = [c for c in free if is_text(c) and not is_number(c)]
    worded = [c for c in found if is_worded(c) and c.role in ("", "note")]
    return worded[:MOST_TEXTS] or [*(c for c in found if c.role != "side"), *found][:1]


def is_worded(column: Column) -> bool:
    return sum(WORD.search(cell) is not None for cell in column.filled) > len(column.filled) / 2


def is_id(column: Column) -> bool:
    """Whether nearly every row has an id, and few have that of another, such as a fee."""
    is_filled = len(column.filled) >= 0.9 * len(column.cells)
    return is_filled and len(column.values) > len(column.filled) / 2


def put_currency(draft: Draft, money: Money, amounts: Amounts) -> None:
    """The currency: of the header of the amount, of a column, or of the signs at the amounts."""
    main = money.amount or money.debit
    code = currency_of(main.header) if main else ""
    columns = [c for c in draft.table.named("currency") if c.has_currencies]
    if code:
        draft.put("constant", currency=code)
    elif columns:
        draft.put("columns", currency=draft.name(columns[0]))
    else:
        codes = {SIGNS.get(sign, sign.upper()) for sign in amounts.symbols}
        if len(codes) == 1 and re.fullmatch("[A-Z]{3}", code := codes.pop()):
            draft.put("constant", currency=code)


def put_rules(draft: Draft) -> None:
    """Rules for what its status says is not booked, or was undone."""
    put_known_rules(draft)
    for column in draft.table.named("status"):
        for words in (PENDING_WORDS, UNDONE_WORDS):
            found = [cell for cell in column.values if plain(cell) in words]
            if found:
                draft.rules.append({"column": draft.name(column), "equals": found, "skip": True})


def put_known_rules(draft: Draft) -> None:
    """The rules of a program, for columns that are there."""
    known = draft.known
    if known is None:
        return
    for told, what in ((known.left_out, {"skip": True}), (known.transfers, {"type": "transfer"})):
        for header, words in told.items():
            for column in draft.table.columns:
                if plain(column.header) == plain(header):
                    rule = {"column": draft.name(column), "starts_with": list(words)}
                    draft.rules.append(rule | what)


def put_types(draft: Draft, money: Money, style: AmountStyle) -> None:
    """What says whether money comes or goes."""
    if money.fee:
        put_fee(draft, money.fee, money.amount)
    if money.debit is not None and money.credit is not None:
        draft.put("columns", debit=draft.name(money.debit), credit=draft.name(money.credit))
        draft.put(
            "amount", ignore_sign=one_sided(money.debit, style) and one_sided(money.credit, style)
        )
        return
    if money.amount is None:
        raise refused(draft.table, "no column of amounts")
    draft.put("columns", amount=draft.name(money.amount))
    is_minor = MINOR.search(plain(money.amount.header)) is not None
    if (draft.known and draft.known.minor_units) or (is_minor and are_whole(money.amount)):
        draft.put("amount", minor_units=True)
    if money.side is not None:
        put_side(draft, money.side, money.amount)
    elif journal := find_journal(draft.table, money.amount, style):
        put_journal(draft, *journal)
    elif money.flags is not None:
        ask_flags(draft, money.flags, money.amount)
    else:
        put_signs(draft, money.amount, style)


def put_fee(draft: Draft, fee: Column, amount: Column | None) -> None:
    """The column of fees, unless the amounts have them within."""
    sign = fee_sign(amount, fee, list(draft.table.named("balance"))) if amount else 1
    if sign:
        draft.put("columns", fee=draft.name(fee))
    if sign < 0:
        draft.put("fee", positive="refund", negative="expense")


def are_whole(column: Column) -> bool:
    return not any(mark in cell for cell in column.values for mark in ".,")


def one_sided(column: Column, style: AmountStyle) -> bool:
    """Whether all amounts of a column have one sign, so that it says nothing."""
    found = {amount > 0 for cell in column.values if (amount := value(style, cell))}
    return len(found) <= 1


def put_side(draft: Draft, side: Column, amount: Column) -> None:
    """Types by the words of a column; where some rows have none, they go the other way."""
    # A dash is an empty cell, but beside a plus.
    signs = {"-": "expense"} if "+" in side.values else {}
    types = {cell: SLUGS[way_of(cell)] for cell in side.values} | signs
    ways = set(types.values())
    if any(cell not in types for cell in side.cells):
        types[""] = "expense" if "expense" not in ways else "income"
        if "income" in ways and "expense" not in ways:
            # A card: what is marked comes back.
            types = {word: "refund" if slug == "income" else slug for word, slug in types.items()}
            put_bill(draft, amount, side=side)
    draft.put("columns", type=draft.name(side))
    draft.put("amount", ignore_sign=True)
    draft.tables["type"] = types


def ask_flags(draft: Draft, flags: Column, amount: Column) -> None:
    """Ask which words of a column stand for money that comes in."""
    said = draft.hints.answers.get("money-in")
    if said is None:
        examples = {}
        for line, cells in draft.table.records:
            word = cells[flags.place] if flags.place < len(cells) else ""
            if word in flags.values and word not in examples:
                row = f"line {line}: {', '.join(cell for cell in cells if cell)}"
                examples[word] = row[:160]
        choices = tuple(Choice(joined([word]), row) for word, row in examples.items())
        asks = (
            f"Which of {listed(list(flags.values))} in column {flags.place + 1} stand for money "
            "that comes in? (several are parted by commas; the others are spent)"
        )
        draft.questions.append(Question("money-in", asks, choices, several=True))
        return
    words = set(map(fold, parts_of(said)))
    unknown = words - set(map(fold, flags.values))
    if unknown:
        has = f"column {flags.place + 1} has {listed(list(flags.values))}"
        raise BadFile([BadLine(1, f"--money-in {said}: {has}")])
    draft.put("columns", type=draft.name(flags))
    draft.put("amount", ignore_sign=True)
    draft.tables["type"] = {
        cell: "income" if fold(cell) in words else "expense" for cell in flags.values
    }


def put_signs(draft: Draft, amount: Column, style: AmountStyle) -> None:
    """What a sign means: known of a program, or decided from the table."""
    way = answer(draft.hints, "signs", SIGN_CHOICES)
    way = way or (draft.known.signs if draft.known else told_signs(draft.table, amount, style))
    if way is None:
        draft.questions.append(sign_question(draft, amount, style))
        return
    if way == "card":
        draft.put("amount", positive="expense", negative="refund")
        put_bill(draft, amount)
    elif is_card_statement(draft.table, amount.numbers) or any(
        plain(cell) == "sale" for c in draft.table.named("side") for cell in c.values
    ):
        # A card whose sales are negative: what comes back is no income.
        draft.put("amount", positive="refund", negative="expense")
        put_bill(draft, amount, back="positive")
    else:
        draft.put("amount", positive="income", negative="expense")


def put_bill(
    draft: Draft, amount: Column, side: Column | None = None, back: str = "negative"
) -> None:
    """On a card, a payment of the bill is no money back."""
    texts = draft.tables["columns"].get("description", [])
    kinds = [
        c for c in draft.table.named("category", "side") if c is not side and not c.has_amounts
    ]
    for name in dict.fromkeys([*texts, *map(draft.name, kinds)]):
        column = next(c for c in draft.table.columns if draft.name(c) == name)
        matches = (BILL_PAID.search(fold(cell)) for cell in column.values)
        found = sorted({match[0] for match in matches if match})
        if found:
            rule: dict[str, Any] = {"column": name, "contains": found, "type": "transfer"}
            if side is None:
                rule["sign"] = back
            else:
                rule["also"] = [{"column": draft.name(side), "equals": list(side.values)}]
            draft.rules.append(rule)


def find_journal(
    table: Table, amount: Column, style: AmountStyle
) -> tuple[Column, Column, dict[str, list[Record]]] | None:
    """The columns of entries and accounts of a journal whose entries add up to nothing each.

    With the lines of each account.
    """
    accounts = [
        c for c in table.named("account") if 2 <= len(c.values) < len(c.cells) + table.has_entries
    ]
    rows = [(line, cells) for line, cells in table.records if table.is_movement(cells)]
    for column in table.columns if accounts else ():
        if column.has_dates or column is amount or column in accounts or not column.values:
            continue
        sums: dict[str, list[Decimal]] = {}
        for _, cells in rows:
            if max(column.place, amount.place) < len(cells):
                money = value(style, cells[amount.place])
                sums.setdefault(cells[column.place], []).append(money or Decimal())
        entries = list(sums.values())
        if len(entries) > (not table.has_entries) and all(
            len(each) > 1 and not sum(each) for each in entries
        ):
            lines: dict[str, list[Record]] = {}
            for row in rows:
                lines.setdefault(row[1][accounts[0].place], []).append(row)
            return column, accounts[0], lines
    return None


def put_journal(
    draft: Draft, entry: Column, account: Column, lines: dict[str, list[Record]]
) -> None:
    """Ask which accounts of a journal are the user's: their lines are what moved."""
    said = draft.hints.answers.get("accounts")
    if said is None:
        choices = []
        for name, rows in lines.items():
            line, cells = rows[0]
            shows = ", ".join(cell for cell in cells if cell)[:120]
            count = "1 line" if len(rows) == 1 else f"{len(rows)} lines"
            choices.append(Choice(joined([name]), f"{count}, such as line {line}: {shows}"))
        asks = (
            "Each entry has a line for every account that it touches. Which accounts are your own, "
            "such as a bank account or cash? (several are parted by commas)"
        )
        draft.questions.append(Question("accounts", asks, tuple(choices), several=True))
        return
    own = parts_of(said)
    unknown = [name for name in own if fold(name) not in map(fold, lines)]
    if unknown or not own:
        raise BadFile([BadLine(1, f"--accounts {said}: the file has {listed(list(lines))}")])
    journal = {"entry": draft.name(entry), "account": draft.name(account), "own": own}
    draft.tables["journal"] = journal
    draft.put("amount", positive="income", negative="expense")


def sign_question(draft: Draft, amount: Column, style: AmountStyle) -> Question:
    """Ask with the first line that has an amount."""
    line, said, text, found = 1, "", "", Decimal(1)
    for number, cells in draft.table.records:
        cell = cells[amount.place] if amount.place < len(cells) else ""
        if money := value(style, cell):
            line, text, found = number, cell, money
            said = ", ".join(cell for cell in cells if cell)[:120]
            break
    asks = f"Does an amount above zero mean money spent, as on many cards? Line {line}: {said}"
    size = abs(found)
    spent, got = (f"{text} is {size} spent", f"{text} is {size} that came in")
    readings = (got, spent) if found > 0 else (spent, got)
    choices = tuple(map(Choice, SIGN_CHOICES, readings))
    return Question("signs", asks, choices)
