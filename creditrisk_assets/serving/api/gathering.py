"""Applications that arrive while others are scored are scored together: the same bits, for a share of the time.

A row gives the same bits alone or among others, so whoever waits can share what one has to pay for being
asked at all: of plain values those who came in the same turn of the event loop, of the query engine those
who came while others were scored.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping

from creditrisk_assets.serving.api.answers import Answer
from creditrisk_assets.serving.api.in_charge import Scored
from creditrisk_assets.serving.api.submitted import MisfitError, Submitted

TOGETHER = 256
"""Applications scored together at most."""

Score = Callable[[Mapping[int, Submitted]], Scored]
Swiftly = Callable[[Mapping[int, Submitted]], dict[int, Answer]]
LOG = logging.getLogger("creditrisk.api")


class Turns:
    """Scores what came in one turn of an event loop by `swiftly`, and by `carefully` what that leaves."""

    def __init__(self, swiftly: Swiftly, carefully: "Gatherer") -> None:
        self._swiftly, self._carefully = swiftly, carefully
        self._waiting: list[tuple[Submitted, asyncio.Future[Answer | None]]] = []

    async def score(self, sent: Submitted) -> Answer:
        """The answer to one application; MisfitError when it breaks the contract, and whatever `carefully` raises."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Answer | None] = loop.create_future()
        if not self._waiting:
            loop.call_soon(self._answer)
        self._waiting.append((sent, future))
        return await future or await self._carefully.score(sent)

    def _answer(self) -> None:
        """Those who asked before this is called: it stands behind all of the turn."""
        group, self._waiting = self._waiting, []
        answers: dict[int, Answer] = {}
        try:
            answers = self._swiftly({place: sent for place, (sent, _) in enumerate(group)})
        except Exception:  # nobody is left without an answer: the careful way scores them, or says what is wrong
            LOG.exception("Applications could not be scored swiftly")
        for place, (_, future) in enumerate(group):
            if not future.done():  # whoever went away meanwhile is not told
                future.set_result(answers.get(place))


class Gatherer:
    """Scores what waits by `score`, in a thread, one group after the other. For one event loop."""

    def __init__(self, score: Score) -> None:
        self._score = score
        self._waiting: list[tuple[Submitted, asyncio.Future[Answer]]] = []
        self._task: asyncio.Task[None] | None = None

    async def score(self, sent: Submitted) -> Answer:
        """The answer to one application; MisfitError when it breaks the contract, and whatever `score` raises."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((sent, future))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work())
        return await future

    async def _work(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting[:TOGETHER], self._waiting[TOGETHER:]
            await self._together(group)

    async def _together(self, group: list[tuple[Submitted, asyncio.Future[Answer]]]) -> None:
        try:
            answers, faults = await asyncio.to_thread(self._score, {n: sent for n, (sent, _) in enumerate(group)})
        except Exception as error:  # told to whoever asked; nobody else must suffer from it
            if len(group) == 1:
                _settle(group[0][1], error)
                return
            for one in group:
                await self._together([one])
            return
        for place, (_, future) in enumerate(group):
            _settle(future, answers[place] if place in answers else MisfitError(*faults[place]))


def _settle(future: "asyncio.Future[Answer]", found: Answer | Exception) -> None:
    """Whoever went away meanwhile is not told."""
    if future.done():
        return
    if isinstance(found, Exception):
        future.set_exception(found)
    else:
        future.set_result(found)
