"""The mixture tells the truth: what it calls poison goes into quarantine, and nothing else does."""

from datetime import UTC, datetime

import polars as pl
import pytest

from creditrisk_assets.contracts import TOPICS, Instant
from creditrisk_assets.streaming.decoding import decode
from creditrisk_assets_tests.integration.mixed_messages import POISON, Message, Mixture


def errors(topic: str, values: list[bytes | None]) -> list[str | None]:
    """What is wrong with messages that a broker received now."""
    now = pl.Series([datetime.now(UTC)] * len(values), dtype=Instant)
    return decode(topic, values, now).events["error"].to_list()


@pytest.fixture(scope="module")
def good() -> dict[str, list[bytes | None]]:
    """Good messages of every sort by topic."""
    mixture = Mixture(seed=3, book=["1", "2", "3"])
    messages: list[Message] = [mixture.next() for _ in range(600)]
    return {topic: [one.value for one in messages if one.topic == topic and one.good] for topic in TOPICS}


@pytest.mark.parametrize("topic", TOPICS)
def test_good_messages_are_good(good: dict[str, list[bytes | None]], topic: str) -> None:
    assert set(errors(topic, good[topic])) == {None}


@pytest.mark.parametrize("topic", TOPICS)
def test_every_poison_spoils_every_message(good: dict[str, list[bytes | None]], topic: str) -> None:
    for number, spoil in enumerate(POISON):
        assert None not in errors(topic, [spoil(value or b"") for value in good[topic]]), number


@pytest.mark.parametrize("topic", TOPICS)
def test_a_negative_amount_and_a_future_time_are_among_the_poison(
    good: dict[str, list[bytes | None]], topic: str
) -> None:
    told = [errors(topic, [spoil(good[topic][0] or b"")])[0] or "" for spoil in POISON]
    assert any("amount" in one or "loan_amnt" in one for one in told)
    ahead = f"{datetime.now(UTC):%Y}"
    assert any(f"event_time: {ahead}" in one and "after the broker's time" in one for one in told)
