"""What a run remembers from the lake is what it would know had it never stopped."""

from pathlib import Path

import pytest
from polars.testing import assert_frame_equal

from creditrisk_assets.contracts import FEATURES_BEHAVIOUR, SCORES_LIVE, SCORES_LOANS
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.streaming.assembly import models_in_charge
from creditrisk_assets.streaming.deriving import Deriver, Memory
from creditrisk_assets.streaming.events import Events
from creditrisk_assets.streaming.remembering import remembered
from creditrisk_assets.streaming.table import StreamTable
from creditrisk_assets.streaming.upkeep import upkeep
from creditrisk_assets_tests.streaming.flowing import (
    Message,
    applied,
    did,
    poison,
    settings_of,
    some_messages,
    take,
    with_behaviour,
)
from creditrisk_assets_tests.world import World


@pytest.fixture
def lake(batched: World, tmp_path: Path) -> Lake:
    return with_behaviour(batched.copy(tmp_path).lake)


class Run:
    """One that takes messages into the lake and derives them, and may be begun anew."""

    def __init__(self, lake: Lake) -> None:
        self.lake, self.events = lake, Events(lake)
        self.features, self.scores = StreamTable(lake, FEATURES_BEHAVIOUR), StreamTable(lake, SCORES_LIVE)
        for table in (self.events, self.features, self.scores):
            table.create()
        self.scoring = models_in_charge(lake, settings_of(lake))
        self.deriver = Deriver(self.scoring, remembered(lake, self.events, self.scores, None))

    def take(self, *messages: Message) -> None:
        batch = take(self.events, *messages)
        found = self.deriver.derive(batch.frame)
        self.features.append(found.features, batch)
        self.scores.append(found.scores, batch)

    def begun_anew(self) -> Deriver:
        events, scores = Events(self.lake), StreamTable(self.lake, SCORES_LIVE)
        return Deriver(self.scoring, remembered(self.lake, events, scores, scores.reached()))

    def agree(self, *messages: Message) -> None:
        """The next micro-batch gives the same rows to one that remembers and to one that was begun anew."""
        anew = self.begun_anew()
        batch = take(self.events, *messages)
        one, other = self.deriver.derive(batch.frame), anew.derive(batch.frame)
        assert_frame_equal(one.features, other.features, check_exact=True)
        assert_frame_equal(one.scores, other.scores, check_exact=True)
        assert (one.repeats, one.unscored) == (other.repeats, other.unscored)
        self.features.append(one.features, batch)
        self.scores.append(one.scores, batch)


@pytest.mark.parametrize("seed", range(3))
def test_the_next_micro_batch_gives_the_same_rows_after_a_new_beginning(lake: Lake, seed: int) -> None:
    run, messages = Run(lake), some_messages(seed, 200)
    for start in range(0, 200, 25):
        run.agree(*messages[start : start + 25])


def test_customers_of_the_book_and_silent_ones_are_remembered(lake: Lake) -> None:
    run = Run(lake)
    booked = lake.scan(SCORES_LOANS).select("loan_id").head(3).collect()["loan_id"].to_list()
    run.take(did("silent", days=-3_000), did("silent", days=-2_900), did(booked[0]))
    run.take(*(did("other", "payment_made", days=number) for number in range(30)))
    run.take(poison())
    run.agree(did("silent", "payment_made", days=-2_890), *(did(one, "payment_made", days=9) for one in booked))


def test_an_older_application_that_came_last_does_not_count_after_a_new_beginning_either(lake: Lake) -> None:
    run = Run(lake)
    run.take(applied(1, "c", days=-1))
    run.take(applied(2, "c", days=-9, annual_inc="20000"))
    run.agree(did("c", "payment_made"))


def test_repeats_are_known_after_a_new_beginning_though_they_were_not_scored(lake: Lake) -> None:
    run = Run(lake)
    run.deriver = Deriver(None, run.deriver.memory)
    run.take(applied(1), applied(2))
    run.deriver = Deriver(run.scoring, run.deriver.memory)
    run.agree(applied(1), applied(3))


def test_it_makes_no_difference_that_files_were_merged(lake: Lake) -> None:
    run, messages = Run(lake), some_messages(9, 120)
    for start in range(0, 100, 10):
        run.take(*messages[start : start + 10])
    for table in (run.events, run.features, run.scores):
        assert upkeep(table, fewest=2).merged == 10
    run.agree(*messages[100:])


def test_before_the_first_micro_batch_there_is_nothing_but_the_book(lake: Lake, tmp_path: Path) -> None:
    memory = remembered(lake, Events(lake), StreamTable(lake, SCORES_LIVE), None)
    assert len(memory.priors) == lake.scan(SCORES_LOANS).collect().height
    empty = Lake(str(tmp_path / "empty"))
    nothing = remembered(empty, Events(empty), StreamTable(empty, SCORES_LIVE), None)
    assert isinstance(nothing, Memory)
    assert len(nothing.priors) == len(nothing.seen) == len(nothing.activity) == 0
