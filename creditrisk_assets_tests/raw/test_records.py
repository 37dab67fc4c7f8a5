"""Which lines form which records: damage stays where it is, and is kept as it stood."""

import csv
import random
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from written import LOAN, loan, loans, read, reasons, text, values, write

NOTE = "Total amount funded in policy code 1: 6417608175"
COMMAS = "," * (len(LOAN) - 1)
HEADER, *LINES = text(loans(12)).splitlines()


def file_of(path: Path, lines: list[str] | list[bytes], newline: bytes = b"\n") -> Path:
    return write(path, newline.join(line.encode() if isinstance(line, str) else line for line in lines) + newline)


@pytest.mark.parametrize(
    "before", [[], ["Notes offered by Prospectus (https://www.lendingclub.com/info)"], ["", "odd\x0b\x85\u2028"]]
)
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
def test_what_stands_above_the_header_changes_nothing(
    tmp_path: Path, before: list[str], bom: bytes, newline: bytes
) -> None:
    plain = values(read(file_of(tmp_path / "plain.csv", [HEADER, *LINES])))
    path = file_of(tmp_path / "a.csv", [*before, HEADER, *LINES], newline)
    intake = read(write(path, bom + path.read_bytes()))
    assert values(intake).equals(plain)
    assert intake.clean["line"].to_list() == [2 + len(before) + row for row in range(len(LINES))]


@pytest.mark.parametrize(
    "note",
    [
        NOTE,
        NOTE + COMMAS,
        f'"{NOTE}"' + ',""' * (len(LOAN) - 1),
        f'"{NOTE}"',
        "Total amount funded in policy code 2: 1,465,324,575",
        "Loans that do not meet the credit policy",
        "Notes offered by Prospectus (https://www.lendingclub.com/info/prospectus.action)",
    ],
)
def test_summary_lines_are_notes_and_no_records(tmp_path: Path, note: str) -> None:
    path = file_of(tmp_path / "a.csv", [HEADER, *LINES[:6], "", note, *LINES[6:], "", note, ""])
    intake = read(path)
    assert intake.clean.height == len(LINES)
    assert intake.quarantine.is_empty()
    assert intake.notes == (note, note)
    assert intake.clean["line"].to_list() == [*range(2, 8), *range(10, 16)]


def test_a_loan_whose_first_text_reads_like_a_note_is_a_loan(tmp_path: Path) -> None:
    names = ["title", *(name for name in LOAN if name != "title")]
    rows = [loan(1, title="Notes offered by me"), loan(2)]
    intake = read(write(tmp_path / "a.csv", text(rows, header=names)))
    assert intake.clean.height == 2
    assert intake.notes == ()


@pytest.mark.parametrize("quoting", [csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC, csv.QUOTE_MINIMAL])
def test_fully_and_partly_quoted_files_give_the_same_loans(tmp_path: Path, quoting: int) -> None:
    rows = [
        loan(1),
        loan(2, emp_title='the "boss", himself'),
        loan(3, title=", "),
        loan(4, title='"'),
        loan(5, title=""),
    ]
    intake = read(write(tmp_path / "a.csv", text(rows, quoting=quoting)))
    assert intake.quarantine.is_empty()
    assert intake.clean["emp_title"][1] == 'the "boss", himself'
    assert intake.clean["title"].to_list() == ["Cards", "Cards", ",", '"', None]


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_quoted_line_breaks_leave_the_numbers_of_later_lines_right(tmp_path: Path, newline: str) -> None:
    long = f'one{newline}"two", {newline}{newline}four'
    rows = [loan(0), loan(1, title=long), loan(2, dti="x"), loan(3, title=long, annual_inc="y"), loan(4, dti="z")]
    intake = read(write(tmp_path / "a.csv", text(rows, newline=newline)))
    assert intake.clean["line"].to_list() == [2, 3]
    assert intake.clean["title"][1] == 'one\n"two", \n\nfour'
    assert [line for line in reasons(intake)] == [7, 8, 12]
    assert reasons(intake)[8] == ["annual_inc: 'y' cannot be read as number"]
    joined = text(rows[3:4], newline="\n").split("\n", 1)[1].rstrip("\n").replace("\r\n", "\n")
    assert intake.quarantine["raw"][1] == joined


def damaged(line: str, kind: str) -> tuple[list[str | bytes], str]:
    """What a damage makes of a line, and a word of the reason it should be told by."""
    cells = line.split(",")
    if kind in CELLS:
        name, value, told = CELLS[kind]
    else:
        name, value = kind.split("=") if "=" in kind else ("id", "")
        told = f"{name}: "
    changed = ",".join([*cells[: PLACE[name]], value, *cells[PLACE[name] + 1 :]])
    whole: dict[str, list[str | bytes]] = {
        "too few": [",".join(cells[:-3])],
        "too many": [line + ",1,2"],
        "cut": [line[: len(line) // 2]],
        "split": [",".join(cells[:20]), ",".join(cells[20:])],
        "latin": [changed.encode("latin-1")],
    }
    return whole.get(kind, [changed]), "record: " if kind in whole and kind not in CELLS else told


PLACE = {name: index for index, name in enumerate(LOAN)}
CELLS = {
    "unclosed": ("title", '"Cards', "record: a quote"),
    "stray": ("emp_title", 'Nurse"', "record: a quote"),
    "latin": ("emp_title", "Infirmière", "record: not UTF-8"),
    "nul": ("emp_title", "Nur\x00se", "record: holds a NUL byte"),
}
DAMAGES = [
    "too few", "too many", "cut", "split", "unclosed", "stray", "latin", "nul",
    "loan_amnt=", "loan_amnt=-5", "loan_amnt=inf", "annual_inc=NaN", "annual_inc=-1", "annual_inc=lots", "int_rate=",
    "int_rate=abc", "term=", "term=3 years", "issue_d=", "issue_d=Brumaire", "issue_d=Dec-1999", "loan_status=",
    "loan_status=Sold", "loan_status=Late", "grade=H", "sub_grade=B9", "open_acc=2.5", "open_acc=-1", "emp_length=long",
    "revol_util=-3%", "fico_range_low=20", "earliest_cr_line=13-2001", "last_pymnt_d=never", "pymnt_plan=perhaps",
    "dti=99999", "total_pymnt=inf", "loan_amnt=1_000",
]  # fmt: skip


@pytest.mark.parametrize("kind", DAMAGES)
def test_a_damaged_record_is_set_apart_and_its_neighbours_are_kept(tmp_path: Path, kind: str) -> None:
    wrong, told = damaged(LINES[5], kind)
    undamaged = values(read(file_of(tmp_path / "good.csv", [HEADER, *LINES[:5], *LINES[6:]])))
    intake = read(file_of(tmp_path / "a.csv", [HEADER, *LINES[:5], *wrong, *LINES[6:]]))
    assert values(intake).equals(undamaged)
    assert list(reasons(intake)) == [7 + index for index in range(len(wrong))]
    assert all(reason[0].startswith(told) for reason in reasons(intake).values())
    assert intake.quarantine["raw"].to_list() == [
        line.decode("latin-1") if isinstance(line, bytes) else line for line in wrong
    ]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.sampled_from([None, None, *DAMAGES]), min_size=1, max_size=40), st.booleans(), st.randoms())
def test_every_record_read_is_either_clean_or_quarantined(
    kinds: list[str | None], crlf: bool, chance: random.Random
) -> None:
    header, *lines = text(loans(len(kinds))).splitlines()
    newline = b"\r\n" if crlf else b"\n"
    written: list[str | bytes] = [header]
    good, expected = [], {}
    for line, kind in zip(lines, kinds, strict=True):
        if kind is None:
            good.append(line)
            written.append(line)
            continue
        for piece in damaged(line, kind)[0]:
            written.append(piece)
            expected[len(written)] = piece.decode("latin-1") if isinstance(piece, bytes) else piece
        if chance.random() < 0.2:
            written.append(chance.choice(["", NOTE, NOTE + COMMAS]))
    with TemporaryDirectory() as folder:
        intake = read(file_of(Path(folder) / "a.csv", written, newline))
        undamaged = read(file_of(Path(folder) / "a_good.csv", [header, *good]))
    assert dict(intake.quarantine.select("line", "raw").iter_rows()) == expected
    assert set(intake.quarantine["file"]) <= {"a.csv"}
    assert all(reason and ": " in reason[0] for reason in reasons(intake).values())
    assert values(intake).drop("observed_month").equals(values(undamaged).drop("observed_month"))


def test_two_lines_that_lost_a_quote_swallow_nothing_between_them(tmp_path: Path) -> None:
    title = list(LOAN).index("title")
    opening, closing = LINES[3].split(","), LINES[6].split(",")
    opening[title], closing[title] = '"Cards', 'Cards"'
    path = file_of(
        tmp_path / "a.csv", [HEADER, *LINES[:3], ",".join(opening), *LINES[4:6], ",".join(closing), *LINES[7:]]
    )
    intake = read(path)
    assert list(reasons(intake)) == [5, 8]
    assert intake.clean.height == 10


def test_adjacent_lines_that_lost_a_quote_do_not_become_one_loan(tmp_path: Path) -> None:
    title = list(LOAN).index("title")
    opening, closing = LINES[3].split(","), LINES[4].split(",")
    opening[title], closing[title] = '"Cards', 'Cards"'
    path = file_of(tmp_path / "a.csv", [HEADER, *LINES[:3], ",".join(opening), ",".join(closing), *LINES[5:]])
    assert list(reasons(read(path))) == [5, 6]


def test_a_repeated_header_is_one_quarantined_record(tmp_path: Path) -> None:
    intake = read(file_of(tmp_path / "a.csv", [HEADER, *LINES[:4], HEADER, *LINES[4:]]))
    assert list(reasons(intake)) == [6]
    assert intake.clean.height == 12


def test_ten_megabytes_in_one_field_hurt_nobody_else(tmp_path: Path) -> None:
    huge = "x" * 10_000_000
    rows = [{**loan(0), "desc": "short"}, {**loan(1), "desc": huge}, {**loan(2, title=huge), "desc": ""}]
    rows.append({**loan(3, annual_inc=huge), "desc": f'{huge}, "\n'})
    intake = read(write(tmp_path / "a.csv", text(rows)))
    assert intake.clean["line"].to_list() == [2, 3]
    assert reasons(intake)[4] == ["title: longer than 10000 bytes"]
    assert reasons(intake)[5][0].startswith("annual_inc: 'xxx")
    assert len(reasons(intake)[5][0]) < 200
    assert intake.quarantine["raw"].str.len_chars().min() > 10_000_000


def test_a_character_of_replacement_that_is_really_there_is_no_damage(tmp_path: Path) -> None:
    rows = [loan(0, emp_title="caf\ufffd"), loan(1, emp_title="\x01\x02 \ufeff é"), loan(2, emp_title='"\x02"')]
    intake = read(write(tmp_path / "a.csv", text(rows)))
    assert intake.quarantine.is_empty()
    assert intake.clean["emp_title"].to_list() == ["caf\ufffd", "\x01\x02 \ufeff é", '"\x02"']


def test_nul_in_parquet_text_is_quarantined(tmp_path: Path) -> None:
    pl.DataFrame([loan(0), loan(1, title="a\x00b")]).write_parquet(tmp_path / "a.parquet")
    intake = read(tmp_path / "a.parquet")
    assert reasons(intake) == {2: ["title: holds a NUL byte"]}


def test_a_header_alone_is_an_empty_file_of_loans(tmp_path: Path) -> None:
    for content in (HEADER, HEADER + "\n", HEADER + "\r\n\r\n", HEADER + f"\n{NOTE}\n"):
        intake = read(write(tmp_path / "a.csv", content))
        assert intake.clean.height == intake.quarantine.height == intake.ledger.height == 0
    pl.DataFrame([loan()]).clear().write_parquet(tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet").clean.height == 0


def test_columns_may_have_other_cases_orders_and_company(tmp_path: Path) -> None:
    plain = values(read(file_of(tmp_path / "plain.csv", [HEADER, *LINES])))
    rows = [{name.replace("_", " ").title(): value for name, value in reversed(row.items())} for row in loans(12)]
    rows = [{**row, "": "1", "line": "7", "__line": "a", "__row": "b", "desc": "c", "raw:id": "d"} for row in rows]
    intake = read(write(tmp_path / "a.csv", text(rows)))
    assert values(intake).equals(plain)
    assert intake.unknown_columns == ("__line", "__row", "desc", "line", "raw:id")
