"""Processes that drain the stream and are killed, one after the other, and sometimes two at once."""

import multiprocessing
import random
import signal
from collections import Counter
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import TracebackType
from typing import Any

from creditrisk_assets_tests.integration.draining import POINTS, Orders, work

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["creditrisk_assets_tests.integration.draining", "numba", "scipy.special"])
"""To start a process takes seconds of a processor, most of them for imports."""
REACHED = 60.0
"""Seconds within which a process must have come to the point where it dies."""
AT_WORK = 2.5
"""Seconds of work after which it is killed at the latest, when that is at random."""


@dataclass
class Drainer:
    """A process at work, and what it will tell."""

    process: BaseProcess
    told: Connection


@dataclass
class Drainers:
    """Processes over one lake, forked from one that has imported everything; all are ended on the way out."""

    lake: str
    bootstrap: str
    postgres: str
    log: Path
    killed: Counter[str] = field(default_factory=Counter)
    _all: list[Drainer] = field(default_factory=list)

    def __enter__(self) -> "Drainers":
        self.log.touch()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for one in self._all:
            one.process.kill()
            one.process.join()
            one.told.close()

    def start(self, orders: Orders) -> Drainer:
        """A process at work."""
        told, tells = FORKS.Pipe(duplex=False)
        arguments = (self.lake, self.bootstrap, self.postgres, str(self.log), orders, tells)
        one = Drainer(FORKS.Process(target=work, args=arguments), told)
        one.process.start()
        tells.close()
        self._all.append(one)
        return one

    def finished(self, orders: Orders) -> dict[str, Any]:
        """Work until the stream is idle; what was done."""
        return self.end(self.start(orders))

    def end(self, one: Drainer) -> dict[str, Any]:
        """Wait until one that is at work has ended; what it did."""
        one.process.join(300)
        assert one.process.exitcode == 0, self.log.read_text()[-3000:]
        return dict(one.told.recv())

    def die(self, orders: Orders) -> None:
        """One that dies where it is ordered to."""
        self.wait(self.start(orders), orders.die_at or "random")

    def wait(self, one: Drainer, where: str) -> None:
        """Until it has died; fails when it ended in another way."""
        one.process.join(REACHED)
        assert one.process.exitcode == -signal.SIGKILL, f"{where}: {self.log.read_text()[-3000:]}"
        self.killed[where] += 1

    def kill(self, one: Drainer, seconds: float) -> None:
        """Kill -9 that many seconds from now, whatever it does then."""
        one.process.join(seconds)
        one.process.kill()
        self.wait(one, "random")


def campaign(drainers: Drainers, kills: int, seed: int, points: tuple[str, ...] = POINTS) -> None:
    """That many kills: at every point in turn, at random moments between, every fifth time two at once."""
    chance = random.Random(seed)
    named = 0
    while drainers.killed.total() < kills:
        number = drainers.killed.total()
        if number % 4 == 3:
            drainers.kill(drainers.start(Orders()), chance.uniform(0, AT_WORK))
            continue
        orders = Orders(points[named % len(points)], chance.randint(0, 3), rows=chance.choice([60, 400, 5_000]))
        named += 1
        if number % 5 == 1 and drainers.killed.total() + 1 < kills:
            beside = drainers.start(Orders())
            drainers.die(orders)
            drainers.kill(beside, chance.uniform(0, 0.3))
        else:
            drainers.die(orders)
