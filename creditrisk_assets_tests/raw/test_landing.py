"""Which files have landed, and which ranges of vintages they touch."""

import os
from datetime import date
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from creditrisk_assets.raw.landing import Seen, new_files, parse_cursor, ranges, stamps, to_cursor
from creditrisk_assets.resources.environments import add_months

SECOND = 1_000_000_000
BOOK = (date(2010, 1, 1), date(2015, 12, 1))
MONTHS = st.builds(lambda month: add_months(date(2008, 1, 1), month), st.integers(0, 120))
SEEN = st.dictionaries(st.text(min_size=1), st.tuples(st.integers(0, 2**62), st.integers(0)))


@given(SEEN)
def test_a_cursor_says_what_it_was_told(seen: Seen) -> None:
    assert parse_cursor(to_cursor(seen)) == seen


@pytest.mark.parametrize("cursor", [None, ""])
def test_no_cursor_has_seen_nothing(cursor: str | None) -> None:
    assert parse_cursor(cursor) == {}


def test_files_are_new_once_and_again_when_time_or_size_changes() -> None:
    now = {"b": (7 * SECOND, 10), "a": (7 * SECOND, 20), "c": (7 * SECOND, 30)}
    later = 100 * SECOND
    assert new_files(now, {}, later) == [Path("a"), Path("b"), Path("c")]
    assert new_files(now, now, later) == []
    assert new_files(now, now | {"a": (6 * SECOND, 20)}, later) == [Path("a")]
    assert new_files(now, now | {"b": (7 * SECOND, 9)}, later) == [Path("b")]


@pytest.mark.parametrize(("age", "ready"), [(0, False), (4.999, False), (5, True), (-60, False)])
def test_a_file_is_left_alone_until_it_has_settled(age: float, ready: bool) -> None:
    written = 1_000 * SECOND
    found = new_files({"a": (written, 1)}, {}, written + int(age * SECOND))
    assert found == ([Path("a")] if ready else [])


def test_stamps_are_times_and_sizes_and_a_file_that_vanished_has_none(tmp_path: Path) -> None:
    path = tmp_path / "loans.csv"
    path.write_bytes(b"12345")
    os.utime(path, ns=(3, 17 * SECOND))
    assert stamps([path, tmp_path / "gone.csv"]) == {str(path): (17 * SECOND, 5)}


@given(st.lists(MONTHS))
def test_ranges_cover_exactly_the_vintages_of_the_book(vintages: list[date]) -> None:
    covered: list[date] = []
    for first, last in ranges(vintages, BOOK):
        assert first <= last
        covered += [add_months(first, step) for step in range(200) if add_months(first, step) <= last]
    assert covered == sorted({day for day in vintages if BOOK[0] <= day <= BOOK[1]})


@given(st.lists(MONTHS))
def test_ranges_are_as_few_as_can_be(vintages: list[date]) -> None:
    spans = ranges(vintages, BOOK)
    for (_, last), (first, _) in pairwise(spans):
        assert first > add_months(last, 1)


@given(st.lists(MONTHS), st.randoms())
def test_ranges_do_not_depend_on_order_or_repetition(vintages: list[date], shuffler: object) -> None:
    mixed = [*vintages, *vintages]
    shuffler.shuffle(mixed)  # type: ignore[attr-defined]
    assert ranges(mixed, BOOK) == ranges(vintages, BOOK)
