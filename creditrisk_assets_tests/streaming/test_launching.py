"""When a drain run is started: never beside a young one, in time for a hand-over, and slower after every failure."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from creditrisk_assets.streaming.launching import FIRST_PAUSE, LEAD, LONGEST_PAUSE, Run, planned

AT_WORK, DONE, FAILED = Run(100.0), Run(100.0, 30.0), Run(100.0, 30.0, True)


def failed(times: int, ended: float) -> list[Run]:
    return [Run(ended + 10 + number, ended + number, True) for number in range(times)]


@pytest.mark.parametrize(
    ("runs", "wish", "why"),
    [
        ([], "watch", "no run is at work"),
        ([DONE], "watch", "no run is at work"),
        ([DONE, *failed(3, 90)], "watch", "no run is at work"),
        ([Run(0.0)], "wait", "a run is at work, for 0 s"),
        ([Run(279.9)], "wait", "a run is at work, for 280 s"),
        ([Run(280.0)], "successor", "the run at work is 280 s old: its successor starts"),
        ([Run(1.0), Run(281.0)], "wait", "a run is at work, for 1 s"),
        ([DONE, AT_WORK], "wait", "a run is at work, for 100 s"),
        ([Run(9.0, 5.0, True), Run(285.0)], "start", "runs failed, 1 in a row: another tries"),
        ([Run(9.0, 4.0, True), Run(285.0)], "wait", "runs failed, 1 in a row: the next one starts in 1 s"),
        ([Run(40.0, 5.0), Run(5_000.0)], "watch", "no run is at work"),
        (failed(1, 5.0), "start", "runs failed, 1 in a row: another tries"),
        (failed(3, 19.0), "wait", "runs failed, 3 in a row: the next one starts in 1 s"),
        (failed(3, 20.0), "start", "runs failed, 3 in a row: another tries"),
        (failed(10, 59.0), "wait", "runs failed, 10 in a row: the next one starts in 1 s"),
        (failed(10, 60.0), "start", "runs failed, 10 in a row: another tries"),
    ],
)
def test_what_is_done_follows_from_the_latest_runs(runs: Sequence[Run], wish: str, why: str) -> None:
    plan = planned(runs, 300.0)
    assert (plan.wish, plan.why) == (wish, why)


SECONDS = st.floats(0.5, 3_600)
RUNS = st.lists(
    st.builds(
        lambda age, share, failed: Run(age, None if share is None else age * share, failed and share is not None),
        st.floats(0, 10_000), st.none() | st.floats(0, 1), st.booleans(),
    ),
    max_size=10,
).map(lambda runs: sorted(runs, key=lambda run: run.age))  # fmt: skip


@given(RUNS, SECONDS)
def test_nothing_starts_while_a_young_run_is_at_work(runs: list[Run], seconds: float) -> None:
    young = [run for run in runs if run.ended is None and run.age < seconds - min(LEAD, seconds / 2)]
    assert not young or planned(runs, seconds).wish == "wait"


@given(SECONDS)
def test_a_successor_starts_before_the_time_of_a_run_is_over_and_has_some_of_its_own(seconds: float) -> None:
    age = seconds - min(LEAD, seconds / 2)
    assert planned([Run(age)], seconds).wish == "successor"
    assert age < seconds
    assert planned([Run(0.0), Run(age)], seconds).wish == "wait"


@given(RUNS, SECONDS)
def test_a_run_that_never_ended_is_succeeded_once(runs: list[Run], seconds: float) -> None:
    dead = [Run(run.age + 1e4) for run in runs]
    assert planned([Run(seconds, 0.0), *dead], seconds).wish == "watch"


@given(st.integers(1, 10), st.floats(0, 1_000))
def test_the_pause_grows_with_failures_and_is_bounded(times: int, ended: float) -> None:
    pauses = [min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (number - 1)) for number in range(1, times + 1)]
    assert pauses == sorted(pauses)
    plan = planned(failed(times, ended), 300.0)
    assert plan.wish == ("wait" if ended < pauses[-1] else "start")
    assert planned(failed(times, LONGEST_PAUSE), 300.0).wish == "start"
