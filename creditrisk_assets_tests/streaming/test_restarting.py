"""Restarts by an operator: nothing is lost but what the row in raw/events says, and no offset twice in an epoch."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka import TopicPartition

from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.streaming.errors import RangeError
from creditrisk_assets.streaming.events import Events
from creditrisk_assets.streaming.offsets import Bounds, OffsetRange, Place, Position
from creditrisk_assets.streaming.restart import restart, steps
from creditrisk_assets_tests.streaming.brokers import eventually
from creditrisk_assets_tests.streaming.clients import admin, bounds, has_partitions, new_topic, send
from creditrisk_assets_tests.streaming.taking import drain, intake, offsets, rows

AT = Place("topic", 0)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


def numbered(first: int, count: int) -> list[bytes | None]:
    return [b"good %d" % n for n in range(first, first + count)]


def removed(bootstrap: str, topic: str, before: int) -> None:
    with admin(bootstrap) as client:
        client.delete_records({TopicPartition(topic, 0): before})
    eventually(lambda: bounds(bootstrap, topic)[0] == before)


def made_anew(bootstrap: str, topic: str, partitions: int = 1) -> None:
    with admin(bootstrap) as client:
        client.delete_topics([topic])
        eventually(lambda: topic not in client.list_topics())
        client.create_topics({topic: {"num_partitions": partitions, "replication_factor": 1}})
        eventually(lambda: has_partitions(client, topic, partitions))


@pytest.mark.parametrize(
    ("at", "log", "start", "after", "said"),
    [
        (10, (30, 50), "beginning", (2, 30), "offsets 10 to 29 are lost, for the broker had removed them"),
        (10, (30, 50), 40, (2, 40), "offsets 10 to 29 are lost, .*; offsets 30 to 39 are lost, for an op"),
        (10, (0, 50), "end", (2, 50), "offsets 10 to 49 are lost, for an operator passed over them"),
        (10, (0, 50), 4, (3, 4), "nothing is lost, offsets from 4 on are taken once more, in epoch 3"),
        (60, (0, 50), "beginning", (3, 0), "offsets from 60 on of epoch 2 are lost, as far as there were any"),
    ],
)  # fmt: skip
def test_a_step_says_what_is_lost(at: int, log: tuple[int, int], start: int, after: tuple[int, int], said: str) -> None:
    (step,) = steps("topic", {AT: Position(2, at)}, {AT: Bounds(*log)}, start, None, renewed=False)
    assert (step.after, step.row) == (Position(*after), Position(2, at))
    with pytest.raises(AssertionError, match=said):
        raise AssertionError(step.said)


positions = st.builds(Position, st.integers(0, 3), st.integers(0, 50))
logs = st.tuples(st.integers(0, 30), st.integers(0, 30)).map(lambda pair: Bounds(pair[0], pair[0] + pair[1]))


@given(st.none() | positions, logs, st.sampled_from(["beginning", "end"]), st.booleans())
def test_a_partition_goes_on_within_the_log_and_at_no_offset_that_its_epoch_had(
    at: Position | None, log: Bounds, start: str, renewed: bool
) -> None:
    known = {} if at is None else {AT: at}
    target = log.beginning if start == "beginning" else log.end
    found = steps("topic", known, {AT: log}, start, None, renewed)  # type: ignore[arg-type]
    before = at or Position(0, log.beginning)
    if not found:
        assert before.next == target
        return
    (step,) = found
    assert step.after.next == target
    assert step.row == before  # whose place is free: it was not taken, and is passed over, or its epoch is over
    assert step.after.epoch > before.epoch or step.after.next > before.next
    assert step.after.epoch == before.epoch + 1 or not renewed


def test_a_partition_without_news_is_left_alone_and_one_that_is_gone_ends() -> None:
    found = steps("topic", {AT: Position(0, 5), Place("topic", 1): Position(0, 7), Place("topic", 2): Position(1, 0)},
                  {AT: Bounds(0, 5)}, "end", None, renewed=False)  # fmt: skip
    assert [(step.place.partition, step.after) for step in found] == [(1, Position(1, 0))]
    assert "from 7 on of epoch 0 are lost, as far as there were any, for the partition is gone" in found[0].said


@pytest.mark.parametrize(
    ("start", "partition", "renewed", "said"),
    [
        (51, None, False, r"topic\[0\] holds offsets 0 to 49, not 51"),
        ("end", 3, False, "topic: there is no partition 3"),
        ("end", 0, True, "topic was made anew: restart all of it, without --partition"),
    ],
)
def test_a_restart_that_makes_no_sense_is_refused(start: int, partition: int, renewed: bool, said: str) -> None:
    with pytest.raises(RangeError, match=said):
        steps("topic", {AT: Position(0, 1)}, {AT: Bounds(0, 50)}, start, partition, renewed)
    with pytest.raises(RangeError, match="other: there is no such topic"):
        steps("other", {AT: Position(0, 1)}, {AT: Bounds(0, 50)}, "end", None, renewed=False)


def test_after_retention_passed_the_stream_goes_on_and_the_lost_range_is_on_record(bootstrap: str, lake: Lake) -> None:
    topic = new_topic(bootstrap)
    send(bootstrap, topic, numbered(0, 10))
    with (one := intake(bootstrap, lake, topic)).log:
        one.take([OffsetRange(topic, 0, 0, 0, 4)])
        removed(bootstrap, topic, 7)
        (step,) = restart(Events(lake), one.log, topic, "beginning")
        assert restart(Events(lake), one.log, topic, "beginning") == ()
    with one.log:
        drain(one)
    found = rows(lake)
    assert found["offset"].to_list() == [0, 1, 2, 3, 4, 7, 8, 9]
    assert found.filter(offset=4)["error"].to_list() == [step.said]
    assert "offsets 4 to 6 are lost, for the broker had removed them" in step.said
    assert found["error"].null_count() == 7


def test_a_topic_made_anew_is_read_in_a_new_epoch(bootstrap: str, lake: Lake) -> None:
    topic = new_topic(bootstrap, 2)
    for partition in (0, 1):
        send(bootstrap, topic, numbered(0, 5), partition)
    with (one := intake(bootstrap, lake, topic)).log:
        drain(one)
    made_anew(bootstrap, topic)
    send(bootstrap, topic, numbered(100, 9))
    with one.log:
        with pytest.raises(RangeError, match="restart all of it"):
            restart(Events(lake), one.log, topic, "beginning", partition=0)
        assert len(restart(Events(lake), one.log, topic, "beginning")) == 2
        drain(one)
        assert one.take().batch is None  # nor is partition 1 missed
    assert offsets(lake, topic, 0) == offsets(lake, topic, 1) == [0, 1, 2, 3, 4, 5]
    assert offsets(lake, topic, 0, epoch=1) == list(range(9))
    assert rows(lake).filter(epoch=0, offset=5)["error"].str.contains("epoch 1 begins at 0").all()
    assert rows(lake).select("topic", "epoch", "partition", "offset").is_unique().all()


def test_offsets_are_read_again_in_a_new_epoch(bootstrap: str, lake: Lake) -> None:
    topic = new_topic(bootstrap)
    send(bootstrap, topic, numbered(0, 5))
    with (one := intake(bootstrap, lake, topic)).log:
        drain(one)
        restart(Events(lake), one.log, topic, 3)
        drain(one)
    assert offsets(lake, topic, epoch=1) == [3, 4]


def test_a_topic_never_read_can_be_begun_at_its_end(bootstrap: str, lake: Lake) -> None:
    topic = new_topic(bootstrap)
    send(bootstrap, topic, numbered(0, 5))
    with (one := intake(bootstrap, lake, topic)).log:
        restart(Events(lake), one.log, topic, "end")
        send(bootstrap, topic, numbered(5, 2))
        drain(one)
    assert offsets(lake, topic) == [0, 5, 6]
    assert "offsets 0 to 4 are lost, for an operator passed over them" in rows(lake)["error"][0]


def test_a_restart_beside_a_drain_counts_for_the_drain_at_once(bootstrap: str, lake: Lake) -> None:
    topic = new_topic(bootstrap)
    send(bootstrap, topic, numbered(0, 10))
    one, other = intake(bootstrap, lake, topic), intake(bootstrap, lake, topic)
    with one.log, other.log:
        one.take([OffsetRange(topic, 0, 0, 0, 4)])
        one.at = lambda point: restart(Events(lake), other.log, topic, 1) if point == "after_decode" else None
        taken = one.take()  # planned in epoch 0, which is over when it commits
        assert taken.batch is None
        one.at = lambda point: None
        drain(one)
    assert offsets(lake, topic, epoch=0) == [0, 1, 2, 3, 4]
    assert offsets(lake, topic, epoch=1) == list(range(1, 10))
