"""Applications that arrive while others are scored are scored together: the same bits, for a share of the time.

For those that need the query engine. What it takes to be asked at all is most of the time of a single
application; a row gives the same bits alone or among others, so whoever waits shares it.
"""

import asyncio
from collections.abc import Callable, Mapping

from creditrisk_assets.serving.api.answers import Answer
from creditrisk_assets.serving.api.in_charge import Scored
from creditrisk_assets.serving.api.submitted import MisfitError, Submitted

TOGETHER = 256
"""Applications scored together at most."""

Score = Callable[[Mapping[int, Submitted]], Scored]


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
