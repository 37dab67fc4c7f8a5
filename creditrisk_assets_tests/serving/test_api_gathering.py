"""Applications that wait are scored together, and none suffers from another."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from creditrisk_assets.serving.api.gathering import TOGETHER, Gatherer, Scored, Turns
from creditrisk_assets.serving.api.submitted import Fault, MisfitError, Submitted


def sent(name: object) -> Submitted:
    return Submitted(application_id=str(name), payload=None)


class Scorer:
    """Answers with the identifier; `poison` breaks whatever it is scored with, `unfit` breaks the contract."""

    def __init__(self) -> None:
        self.groups: list[int] = []

    def __call__(self, found: Mapping[int, Submitted]) -> Scored:
        self.groups.append(len(found))
        if any(one.application_id == "poison" for one in found.values()):
            raise KeyError("poison")
        unfit = {place for place, one in found.items() if one.application_id == "unfit"}
        answers = {place: {"is": one.application_id} for place, one in found.items() if place not in unfit}
        return answers, {place: (Fault(("payload",), "unfit"),) for place in unfit}


def gathered(*names: object) -> tuple[list[Any], list[int]]:
    scorer = Scorer()

    async def ask() -> list[Any]:
        gatherer = Gatherer(scorer)
        return await asyncio.gather(*(gatherer.score(sent(name)) for name in names), return_exceptions=True)

    return asyncio.run(ask()), scorer.groups


def test_everybody_gets_the_answer_to_what_they_asked_in_groups_of_a_bounded_size() -> None:
    names = [str(n) for n in range(2 * TOGETHER + 3)]
    answers, groups = gathered(*names)
    assert answers == [{"is": name} for name in names]
    assert sum(groups) == len(names)
    assert len(groups) == 3
    assert max(groups) == TOGETHER


@pytest.mark.parametrize(("bad", "error"), [("unfit", MisfitError), ("poison", KeyError)])
def test_a_bad_one_is_told_to_whoever_sent_it_alone(bad: str, error: type[Exception]) -> None:
    answers, _ = gathered("a", bad, "b")
    assert (answers[0], answers[2]) == ({"is": "a"}, {"is": "b"})
    assert isinstance(answers[1], error)


def test_whoever_went_away_holds_nobody_up() -> None:
    async def ask() -> Any:
        gatherer = Gatherer(Scorer())
        gone = asyncio.create_task(gatherer.score(sent("gone")))
        await asyncio.sleep(0)
        gone.cancel()
        return await gatherer.score(sent("here")), await gatherer.score(sent("later"))

    assert asyncio.run(ask()) == ({"is": "here"}, {"is": "later"})


class Swift:
    """Answers all but whoever is `odd`; `poison` breaks whatever it is asked with."""

    def __init__(self) -> None:
        self.turns: list[int] = []

    def __call__(self, found: Mapping[int, Submitted]) -> dict[int, Any]:
        self.turns.append(len(found))
        if any(one.application_id == "poison" for one in found.values()):
            raise KeyError("poison")
        return {place: {"swift": one.application_id} for place, one in found.items() if one.application_id != "odd"}


def in_turns(*turns: list[str]) -> tuple[list[Any], list[int], list[int]]:
    """(answers, how many were asked swiftly at a time, how many carefully)."""
    swift, scorer = Swift(), Scorer()

    async def ask() -> list[Any]:
        asked = Turns(swift, Gatherer(scorer))
        found: list[Any] = []
        for names in turns:
            found += await asyncio.gather(*(asked.score(sent(name)) for name in names), return_exceptions=True)
        return found

    return asyncio.run(ask()), swift.turns, scorer.groups


def test_who_comes_in_one_turn_is_scored_at_once_and_the_odd_ones_with_care() -> None:
    answers, swiftly, carefully = in_turns(["a", "odd", "b"], ["c"])
    assert answers == [{"swift": "a"}, {"is": "odd"}, {"swift": "b"}, {"swift": "c"}]
    assert (swiftly, carefully) == ([3, 1], [1])


def test_what_cannot_be_scored_swiftly_is_scored_with_care_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    answers, _, _ = in_turns(["a", "poison", "b"])
    assert (answers[0], answers[2]) == ({"is": "a"}, {"is": "b"})
    assert isinstance(answers[1], KeyError)
    assert "could not be scored swiftly" in caplog.text
