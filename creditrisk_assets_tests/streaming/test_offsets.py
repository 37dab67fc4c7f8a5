"""Planning offset ranges: nothing skipped, nothing twice, nobody starved, and losses told by name."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from creditrisk_assets.streaming.errors import (
    AlreadyTakenError,
    PartitionsMissingError,
    RangeError,
    RetentionPassedError,
    TopicRestartedError,
)
from creditrisk_assets.streaming.offsets import (
    Bounds,
    Caps,
    OffsetRange,
    Place,
    Position,
    as_json,
    from_json,
    lag,
    losses,
    plan,
    refuse_outside,
    remaining,
    shares,
)

ONE, TWO, OTHER = Place("activity", 0), Place("activity", 1), Place("loans", 0)

places = st.builds(Place, st.sampled_from(["activity", "loans", "payments"]), st.integers(0, 5))
sizes = st.dictionaries(st.sampled_from(["activity", "loans", "payments"]), st.floats(1, 10_000))
caps = st.builds(Caps, st.integers(1, 10_000), st.integers(1, 1_000_000))


@st.composite
def logs(draw: st.DrawFn) -> tuple[dict[Place, Position], dict[Place, Bounds]]:
    """A log, and how far it is committed; some partitions are new."""
    positions, log = {}, {}
    for place in draw(st.sets(places, min_size=1)):
        beginning = draw(st.integers(0, 1_000))
        committed = beginning + draw(st.integers(0, 500))
        log[place] = Bounds(beginning, committed + draw(st.integers(0, 5_000)))
        if draw(st.booleans()):
            positions[place] = Position(draw(st.integers(0, 3)), committed)
    return positions, log


def taken(positions: Mapping[Place, Position], ranges: tuple[OffsetRange, ...]) -> dict[Place, Position]:
    """Positions once ranges are committed."""
    return {**positions, **{one.place: Position(one.epoch, one.end) for one in ranges}}


@given(logs(), caps, sizes)
def test_every_range_begins_where_its_partition_is_committed_and_ends_within_the_log(
    state: tuple[dict[Place, Position], dict[Place, Bounds]], caps: Caps, sizes: dict[str, float]
) -> None:
    positions, log = state
    for one in plan(positions, log, caps, sizes):
        begin = positions.get(one.place, Position(0, log[one.place].beginning))
        assert (one.epoch, one.start) == (begin.epoch, begin.next)
        assert one.start <= one.end <= log[one.place].end
    assert len({one.place for one in plan(positions, log, caps, sizes)}) == len(plan(positions, log, caps, sizes))


@given(logs(), caps, sizes)
def test_the_caps_hold_but_for_a_single_message_of_a_topic(
    state: tuple[dict[Place, Position], dict[Place, Bounds]], caps: Caps, sizes: dict[str, float]
) -> None:
    ranges = plan(*state, caps, sizes)
    assert sum(len(one) for one in ranges) <= caps.rows
    by_topic: dict[str, int] = {}
    for one in ranges:
        by_topic[one.topic] = by_topic.get(one.topic, 0) + len(one)
    heavy = {topic: rows for topic, rows in by_topic.items() if rows > 1}
    assert sum(rows * max(1.0, sizes.get(topic, 1000.0)) for topic, rows in heavy.items()) <= caps.bytes * 1.001


@given(logs(), caps, sizes)
def test_planning_again_and_again_takes_every_offset_once_and_then_nothing(
    state: tuple[dict[Place, Position], dict[Place, Bounds]], caps: Caps, sizes: dict[str, float]
) -> None:
    positions, log = state
    caps = replace(caps, rows=max(caps.rows, 200), bytes=max(caps.bytes, 2_000_000))
    begin = {place: positions.get(place, Position(0, bounds.beginning)).next for place, bounds in log.items()}
    for _ in range(1_000):
        ranges = plan(positions, log, caps, sizes)
        if not ranges:
            break
        assert all(one.start == begin[one.place] for one in ranges)
        begin |= {one.place: one.end for one in ranges}
        positions = taken(positions, ranges)
    assert begin == {place: bounds.end for place, bounds in log.items()}
    assert sum(lag(positions, log).values()) == 0


@given(logs(), sizes)
def test_what_the_caps_have_room_for_is_taken_at_once(
    state: tuple[dict[Place, Position], dict[Place, Bounds]], sizes: dict[str, float]
) -> None:
    ranges = plan(*state, Caps(rows=10**9, bytes=10**12), sizes)
    assert sum(lag(taken(state[0], ranges), state[1]).values()) == 0


@given(logs(), caps)
def test_of_two_partitions_that_are_cut_short_neither_gets_more(
    state: tuple[dict[Place, Position], dict[Place, Bounds]], caps: Caps
) -> None:
    positions, log = state
    behind = lag(positions, log)
    given = {place: 0 for place in log} | {one.place: len(one) for one in plan(positions, log, caps)}
    for topic in {place.topic for place in log}:
        own = [place for place in log if place.topic == topic]
        short = [given[place] for place in own if given[place] < behind[place]]
        assert not short or max(given[place] for place in own) <= min(short) + 1


@given(logs(), caps)
def test_a_partition_never_seen_is_marked_even_when_nothing_of_it_is_taken(
    state: tuple[dict[Place, Position], dict[Place, Bounds]], caps: Caps
) -> None:
    positions, log = state
    planned = plan(positions, log, caps)
    assert set(log) - set(positions) <= {one.place for one in planned}
    assert all(len(one) or one.place not in positions for one in planned)


@given(st.dictionaries(st.integers(), st.integers(0, 1_000)), st.integers(0, 5_000))
def test_shares_use_up_the_budget_or_satisfy_everyone(wanted: dict[int, int], budget: int) -> None:
    given = shares(wanted, budget)
    assert sum(given.values()) == min(budget, sum(wanted.values()))
    assert all(given[key] <= wanted[key] for key in wanted)


def test_when_there_is_less_than_one_each_the_one_furthest_behind_is_served() -> None:
    log = {ONE: Bounds(0, 10), TWO: Bounds(0, 90)}
    done = {ONE: Position(0, 0), TWO: Position(0, 0)}
    assert plan(done, log, Caps(rows=1)) == (OffsetRange("activity", 0, 1, 0, 1),)


def test_a_new_partition_begins_at_its_beginning_and_others_where_they_were() -> None:
    log = {ONE: Bounds(5, 20), TWO: Bounds(40, 50)}
    assert plan({ONE: Position(2, 12)}, log, Caps()) == (
        OffsetRange("activity", 2, 0, 12, 20),
        OffsetRange("activity", 0, 1, 40, 50),
    )


@given(logs())
def test_a_log_that_holds_what_is_not_committed_has_no_losses(
    state: tuple[dict[Place, Position], dict[Place, Bounds]],
) -> None:
    assert losses(*state) == {}


@pytest.mark.parametrize(
    ("at", "log", "error", "said"),
    [
        (5, {ONE: Bounds(8, 20)}, RetentionPassedError, r"activity\[0\] offsets 5 to 7: removed by the broker"),
        (21, {ONE: Bounds(0, 20)}, TopicRestartedError, r"activity\[0\] ends at 20, 21 is committed: .* new epoch"),
        (5, {TWO: Bounds(0, 20)}, PartitionsMissingError, r"activity\[0\]: read before, and gone\. .* restart --topic"),
    ],
)  # fmt: skip
def test_a_loss_stops_its_topic_and_names_the_remedy(
    at: int, log: dict[Place, Bounds], error: type[Exception], said: str
) -> None:
    found = losses({ONE: Position(0, at), OTHER: Position(0, 3)}, log | {OTHER: Bounds(0, 9)})
    assert list(found) == ["activity"]
    with pytest.raises(error, match=said):
        raise found["activity"]


def test_a_topic_made_anew_is_told_by_its_identity_when_its_offsets_look_right() -> None:
    positions, log = {ONE: Position(0, 5)}, {ONE: Bounds(0, 20)}
    assert losses(positions, log) == {}
    assert isinstance(losses(positions, log, {"activity"})["activity"], TopicRestartedError)


def test_a_partition_that_was_never_read_from_is_not_missed() -> None:
    assert losses({ONE: Position(1, 4), TWO: Position(1, 0)}, {ONE: Bounds(0, 4)}) == {}


def test_lag_counts_what_is_not_committed() -> None:
    log = {ONE: Bounds(5, 20), TWO: Bounds(40, 50), OTHER: Bounds(0, 3)}
    assert lag({ONE: Position(0, 12), OTHER: Position(0, 3)}, log) == {ONE: 8, TWO: 10, OTHER: 0}


def asked(start: int, end: int, epoch: int = 1) -> OffsetRange:
    return OffsetRange("activity", epoch, 0, start, end)


@pytest.mark.parametrize(
    ("given", "left"),
    [(asked(10, 20), asked(10, 20)), (asked(0, 20), asked(10, 20)), (asked(0, 11), asked(10, 11))],
)
def test_of_a_range_run_again_only_what_is_not_committed_remains(given: OffsetRange, left: OffsetRange) -> None:
    assert remaining([given], {ONE: Position(1, 10)}) == (left,)


@pytest.mark.parametrize("given", [asked(0, 10), asked(3, 5), asked(0, 99, epoch=0)])
def test_a_range_that_is_all_there_leaves_nothing_to_do(given: OffsetRange) -> None:
    with pytest.raises(AlreadyTakenError, match="already in the lake; there is nothing to do"):
        remaining([given], {ONE: Position(1, 10)})


def test_what_others_have_taken_drops_out_and_the_rest_remains() -> None:
    other = OffsetRange("loans", 0, 0, 0, 5)
    assert remaining([asked(0, 10), other], {ONE: Position(1, 10)}) == (other,)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (asked(12, 20), r"offsets 10 to 11 are not committed and would be left out; begin the range at 10"),
        (asked(0, 5, epoch=2), "epoch 2 has not begun, 1 is the current one"),
    ],
)
def test_a_range_that_would_leave_a_gap_is_refused(given: OffsetRange, said: str) -> None:
    with pytest.raises(RangeError, match=said):
        remaining([given], {ONE: Position(1, 10)})


@pytest.mark.parametrize("given", [asked(4, 9), asked(5, 21), replace(asked(5, 9), partition=7)])
def test_a_range_outside_the_log_is_refused(given: OffsetRange) -> None:
    with pytest.raises(RangeError, match="correct the range"):
        refuse_outside([given], {ONE: Bounds(5, 20)})


@given(st.lists(st.builds(OffsetRange, st.text(), st.integers(0), st.integers(0), st.integers(0), st.integers(0))))
def test_ranges_survive_a_run_configuration(ranges: list[OffsetRange]) -> None:
    assert from_json(as_json(ranges)) == tuple(ranges)
