"""What is in quarantine, counted by reasons that many rows share."""

from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from creditrisk_assets.contracts import ACTIVITY, APPLICATIONS, RAW_EVENTS, RAW_LOANS_QUARANTINE, SERVING_QUARANTINE
from creditrisk_assets.raw.reasons import LONGEST, general
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.serving.rejected import OF_EVENTS, rejected_events, rejected_loans
from creditrisk_assets.simulation.poison import KINDS, poisoned
from creditrisk_assets.streaming.quarantine import quarantined, replay
from creditrisk_assets_tests.raw.written import loan
from creditrisk_assets_tests.serving.taken import taken
from creditrisk_assets_tests.streaming.enveloped import RECEIVED, activity, application, packed
from creditrisk_assets_tests.streaming.taking import fixed


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("loan_amnt: 'about 5000' cannot be read as number", "loan_amnt: … cannot be read as number"),
        ("loan_amnt: 'it's 5' cannot be read as number", "loan_amnt: … cannot be read as number"),
        ("loan_status: missing", "loan_status: missing"),
        ("loan_amnt: -5 is not 1 to 1000000.0", "loan_amnt: … is not 1 to 1000000.0"),
        ("grade: H is not H is not one of A, B", "grade: … is not one of A, B"),
        ("loan_id: 77 is already in loans.csv, line 3", "loan_id: … is already in …"),
        (
            "issue_d: outside the book 2014-01 to 2016-12 (A, B): 2001-05",
            "issue_d: outside the book 2014-01 to 2016-12 (A, B)",
        ),
        ("record: 3 fields where the header has 74", "record: … fields where the header has 74"),
        (
            "event_time: 2036-11-18 is more than 5 minutes after the broker's time 2026-11-18; set the sender's clock",
            "event_time: … is more than 5 minutes after the broker's time",
        ),
        ("event_type: 'it's' does not belong to topic x", "event_type: … does not belong to topic x"),
        ("message: not UTF-8 from byte 17; encode it", "message: not UTF-8; encode it"),
        ("message: 2000000 bytes, more than 1048576", "message: … bytes, more than 1048576"),
        ("x: 'a\nb' cannot be read as month", "x: … cannot be read as month"),
    ],
)
def test_a_reason_is_told_without_the_value(said: str, expected: str) -> None:
    assert pl.select(general(pl.lit(said))).item() == expected


def test_reasons_are_of_bearable_length() -> None:
    assert pl.select(general(pl.lit("x" * 5_000)).str.len_chars()).item() == LONGEST


def test_records_of_files_are_counted_under_each_of_their_reasons() -> None:
    rows = [
        (None, "a.csv", 2, ["term: missing", "dti: 'x' cannot be read as number"], ""),
        (None, "a.csv", 9, ["dti: 'y' cannot be read as number", "dti: 'z' cannot be read as number"], ""),
        (None, "b.csv", 5, ["term: missing"], ""),
    ]
    found = rejected_loans(pl.LazyFrame(rows, schema=RAW_LOANS_QUARANTINE.schema, orient="row")).collect()
    assert sorted(found.rows()) == [
        ("a.csv", "dti: … cannot be read as number", 2, "line 9", None),
        ("a.csv", "term: missing", 1, "line 2", None),
        ("b.csv", "term: missing", 1, "line 5", None),
    ]


@pytest.mark.parametrize("topic", [ACTIVITY, APPLICATIONS])
def test_every_fault_the_simulator_knows_is_counted_without_its_values(tmp_path: Path, topic: str) -> None:
    lake, good = Lake(str(tmp_path)), packed(activity() if topic == ACTIVITY else application())
    times = [RECEIVED + timedelta(seconds=n) for n in range(3)]
    values = [poisoned(kind, topic, good, f"e-{time}-{kind}", time) for kind in KINDS[topic] for time in times]
    taken(lake, topic, [good, *values])
    found = rejected_events(lake.scan(RAW_EVENTS, columns=OF_EVENTS)).collect()
    assert SERVING_QUARANTINE.violations(found.lazy()) == {}
    assert found["rows"].sum() == len(values)
    assert (found["rows"] % 3 == 0).all(), found
    bad = lake.scan(RAW_EVENTS).filter(pl.col("error").is_not_null()).collect()
    assert found["newest_at"].unique().to_list() == bad["ingested_at"].unique().to_list()
    assert f"partition 0, offset {len(values)}" in found["newest"].to_list()


def test_an_application_counts_under_everything_that_is_wrong_with_it(tmp_path: Path) -> None:
    lake, wrong = Lake(str(tmp_path)), loan() | {"loan_amnt": -5, "term": "soon; or later"}
    taken(lake, APPLICATIONS, [packed(application(wrong)), packed(application(wrong | {"loan_amnt": -6}))])
    found = rejected_events(lake.scan(RAW_EVENTS, columns=OF_EVENTS)).collect()
    assert sorted(found.select("reason", "rows").rows()) == [
        ("payload.loan_amnt: … is not 1 to 1000000.0", 2), ("payload.term: … cannot be read as term", 2),
    ]  # fmt: skip


def test_what_was_decoded_anew_is_not_counted_any_more(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    events = taken(lake, ACTIVITY, [b"bad 0", b"bad for ever", b"bad 2"])
    assert rejected_events(lake.scan(RAW_EVENTS, columns=OF_EVENTS)).collect()["rows"].sum() == 3
    assert replay(events, fixed).good == 2
    (row,) = rejected_events(lake.scan(RAW_EVENTS, columns=OF_EVENTS)).collect().rows(named=True)
    assert (row["rows"], row["newest"]) == (1, "partition 0, offset 1")
    assert quarantined(events)["offset"].to_list() == [1]
