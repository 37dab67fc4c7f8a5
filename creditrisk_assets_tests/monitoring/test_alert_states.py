"""What is told of problems and when, as a pure machine: whatever happens, in whichever order ticks see it."""

import itertools
import json

from hypothesis import given
from hypothesis import strategies as st

from creditrisk_assets.monitoring.alert_cursor import LOOKED_BACK, VERSION, Memory
from creditrisk_assets.monitoring.alerts import MOST, QUIET, Announcement, Outcome, Problems, Subject
from creditrisk_assets.monitoring.outbox import KEPT, Message, Outbox
from creditrisk_assets.monitoring.telling import LONGEST, composed, figures

CHECK = Subject("check", "is_complete of raw/loans", "2015-03-01")


def outcome(passed: bool, at: float, part: str = CHECK.part) -> Outcome:
    return Outcome(CHECK.kind, CHECK.name, part, part, passed, at, "share: 0.3")


def ticked(problems: Problems, now: float, *seen: Outcome, reminder: float | None = None) -> list[str]:
    """One tick: what it tells."""
    problems.take(seen)
    due = problems.due(now, reminder)
    problems.tell(due, now)
    problems.tidy(now, reminder)
    return [one.what for one in due]


@given(st.lists(st.tuples(st.booleans(), st.floats(1, 5000)), max_size=40), st.sampled_from([None, 600.0, 7200.0]))
def test_failing_and_recovered_take_turns_and_the_end_is_as_it_is(
    steps: list[tuple[bool, float]], reminder: float | None
) -> None:
    problems, now, told, failures = Problems(), 1000.0, [], []
    for passed, pause in steps:
        now += pause
        what = ticked(problems, now, outcome(passed, now), reminder=reminder)
        told += what
        failures += [now] if "failing" in what or "still failing" in what else []
    now += 2 * max(QUIET, reminder or 0)
    told += ticked(problems, now, reminder=reminder)
    turns = [what for what in told if what != "still failing"]
    assert turns[::2] == ["failing"] * len(turns[::2])
    assert turns[1::2] == ["recovered"] * len(turns[1::2])
    assert (len(turns) % 2 == 1) is bool(steps and not steps[-1][0])
    gaps = [later - earlier for earlier, later in itertools.pairwise(failures)]
    assert all(gap >= (reminder or QUIET) for gap in gaps)
    assert reminder is not None or "still failing" not in told


@given(st.permutations([outcome(False, 1.0), outcome(True, 2.0), outcome(False, 3.0), outcome(True, 4.0)]))
def test_what_is_seen_in_one_tick_counts_in_the_order_in_which_it_happened(seen: list[Outcome]) -> None:
    assert ticked(Problems(), 10.0, *seen) == []
    assert ticked(Problems(), 10.0, *(one for one in seen if one.at < 4)) == ["failing"]


def test_an_old_evaluation_that_is_seen_again_changes_nothing() -> None:
    problems = Problems()
    assert ticked(problems, 5.0, outcome(False, 1.0)) == ["failing"]
    assert ticked(problems, 6.0, outcome(True, 4.0), outcome(False, 1.0)) == ["recovered"]
    assert ticked(problems, 7.0, outcome(False, 1.0), outcome(True, 4.0)) == []


def test_an_evaluation_shows_those_partitions_well_that_it_covers() -> None:
    problems = Problems()
    months = [f"2015-{month:02}-01" for month in range(1, 5)]
    assert ticked(problems, 5.0, *(outcome(False, 1.0, month) for month in months)) == ["failing"] * 4
    some = Outcome("check", CHECK.name, "2015-02-01", "2015-03-01", False, 6.0, failing=["2015-03-01"])
    assert ticked(problems, 7.0, some) == ["recovered"]
    other = Outcome("check", "another of raw/loans", "", "", True, 8.0)
    assert ticked(problems, 9.0, other) == []
    assert ticked(problems, 10.0, Outcome("check", CHECK.name, "", "", True, 9.5)) == ["recovered"] * 3


def test_a_storm_is_told_in_one_bounded_message_and_the_cursor_stays_bounded() -> None:
    memory = Memory()
    days = [f"part {number}" for number in range(5 * MOST)]
    memory.problems.take(outcome(False, 1.0 + number, part) for number, part in enumerate(days))
    due = memory.problems.due(10_000.0, None)
    title, body, good = composed(due)
    assert (title, good) == (f"Credit risk: {5 * MOST} failing", False)
    assert len(body) < LONGEST + 100
    memory.problems.tell(due, 10_000.0)
    assert memory.problems.tidy(10_000.0, None) == 4 * MOST
    assert len(memory.text()) < 100_000
    memory.problems.take(outcome(False, 1.0 + number, part) for number, part in enumerate(days))
    assert memory.problems.due(10_001.0, None) == []


def test_the_cursor_keeps_everything() -> None:
    memory = Memory(since=5.0, settled={"raw/loans:is_complete": 7}, awake=1.0, ticked=2.0)
    memory.problems.take([outcome(False, 3.0)])
    memory.outbox.put("title", "body", good=False, now=4.0, channels=2)
    assert Memory.of(memory.text(), 9.0) == memory


def test_a_missing_or_foreign_cursor_looks_back_a_day() -> None:
    for text in (None, "", json.dumps({"version": VERSION + 1})):
        assert Memory.of(text, 1e6) == Memory(since=1e6 - LOOKED_BACK, awake=1e6, ticked=1e6)


@given(st.lists(st.lists(st.booleans(), min_size=2, max_size=2), max_size=30), st.integers(1, 6))
def test_every_channel_takes_every_message_once_and_in_order(up: list[list[bool]], count: int) -> None:
    box, taken = Outbox(), ([], [])  # type: ignore[var-annotated]
    keys = [box.put(f"title {number}", "body", good=False, now=0.0, channels=2).key for number in range(count)]

    def channel(at: int, works: bool) -> object:
        return lambda message: works and (taken[at].append(message.key) or True)

    for works in [*up, [True, True]]:
        box.send([channel(at, works[at]) for at in (0, 1)], lambda: True)  # type: ignore[misc]
    assert taken == (keys, keys)
    assert box.messages == []


def test_no_message_is_begun_when_time_is_up() -> None:
    box = Outbox()
    box.put("title", "body", good=False, now=0.0, channels=1)
    assert box.send([lambda message: True], lambda: False) == []
    assert len(box.messages) == 1


def test_messages_that_somebody_took_make_room_and_others_are_kept() -> None:
    def refuses(message: Message) -> bool:
        return False

    box = Outbox()
    for number in range(KEPT):
        box.put(f"title {number}", "body", good=False, now=float(number), channels=2)
    assert not box.room(1.0)
    box.send([lambda message: message.title == "title 0", refuses], lambda: True)
    assert box.room(1.0)
    assert next(one.title for one in box.messages) == "title 1"


def test_what_nobody_took_goes_to_all_channels_of_a_setting_that_was_changed() -> None:
    box, taken = Outbox(), []
    box.put("title", "body", good=False, now=0.0, channels=3)
    box.messages[0].left = [2]
    box.send([lambda message: not taken.append(message)], lambda: True)  # type: ignore[func-returns-value]
    assert len(taken) == 1
    assert box.messages == []


def test_figures_are_numbers_and_words_under_known_names_only() -> None:
    metadata = {"share": 0.12345, "loans": 3, "features": "fico", "raw": "Jane Doe", "broken_rows": {"fico": 2, "x": 1},
                "reasons": ["Jane Doe"], "remedy": "see postgresql://me:hunter2@host/risk"}  # fmt: skip
    assert figures(metadata) == (
        "share: 0.1235; loans: 3; features: fico; broken_rows: 3; remedy: see postgresql://host/risk"
    )


def test_a_message_tells_the_worst_first_and_months_as_ranges() -> None:
    months = [Subject("check", "a of t", f"2015-{month:02}-01") for month in (1, 2, 4)]
    announced = [Announcement(Subject("run", "batch"), "recovered", "", "http://x/runs/1"),
                 *(Announcement(month, "failing", "why", "http://x/a") for month in months)]  # fmt: skip
    title, body, good = composed(announced)
    assert title == "Credit risk: 3 failing, 1 recovered"
    assert body == (
        "FAILING: check a of t, 2015-01 to 2015-02, 2015-04\nwhy\nhttp://x/a\n\nRECOVERED: run batch\nhttp://x/runs/1"
    )
    assert not good
    assert composed(announced[:1])[2]
