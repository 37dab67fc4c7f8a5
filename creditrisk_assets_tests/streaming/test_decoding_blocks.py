"""Messages are read block by block, and nothing shows where a block ends."""

import json

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from creditrisk_assets.contracts import ACTIVITY, APPLICATIONS
from creditrisk_assets.streaming import messages
from creditrisk_assets.streaming.applications import applications
from creditrisk_assets.streaming.decoding import decode
from creditrisk_assets_tests.raw.written import loan
from creditrisk_assets_tests.streaming.enveloped import activity, application, decoded, packed


def sent(topic: str) -> list[bytes | None]:
    """Good and bad messages; some applications write their numbers as texts, as half of the feeds do."""
    if topic == ACTIVITY:
        values: list[bytes | None] = [packed(activity(event_id=f"e-{number}")) for number in range(9)]
    else:
        amounts: list[object] = [8000.0, 8000, "8000", 8000.5, "8,000", 1e3, 12000, "12000.0", 9000]
        payloads = [loan(loan_amnt=amount) for amount in amounts]
        values = [packed(application(one, application_id=f"a-{place}")) for place, one in enumerate(payloads)]
        values[4] = packed(application(loan(loan_amnt="much")))
    return [*values[:3], b"\xff", *values[3:7], None, *values[7:]]


@pytest.mark.parametrize("topic", [ACTIVITY, APPLICATIONS])
@pytest.mark.parametrize("size", [1, 2, 3, 4, 5])
def test_blocks_of_any_size_decode_as_one(topic: str, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = decoded(topic, *sent(topic))
    monkeypatch.setattr(messages, "BLOCK", size)
    parts = decoded(topic, *sent(topic))
    assert_frame_equal(parts.events, whole.events)
    assert_frame_equal(parts.loans, whole.loans)
    assert whole.events["error"].is_not_null().arg_true().to_list() == ([3, 8] if topic == ACTIVITY else [3, 5, 8])


@pytest.mark.parametrize("size", [1, 4])
def test_applications_are_read_again_from_the_lake_in_blocks(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = decoded(APPLICATIONS, *sent(APPLICATIONS))
    monkeypatch.setattr(messages, "BLOCK", size)
    good = whole.events.filter(pl.col("error").is_null())
    assert_frame_equal(applications(good).loans, whole.loans)
    narrowed = good.with_columns(value=pl.when(pl.int_range(pl.len()) == 5).then(pl.lit("{")).otherwise("value"))
    assert list(applications(narrowed).faults) == [5]


@pytest.mark.parametrize("topic", [ACTIVITY, APPLICATIONS])
def test_no_message_and_no_good_one_give_the_same_columns(topic: str) -> None:
    some = decoded(topic, *sent(topic))
    for values in ([], [b"{", json.dumps([]).encode()]):
        none = decode(topic, values)
        assert (none.events.height, none.loans.height) == (len(values), 0)
        assert (none.events.schema, none.loans.schema) == (some.events.schema, some.loans.schema)
