"""Processes that drain the stream and are killed, one after the other, and sometimes two at once."""

import json
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from creditrisk_assets_tests.conftest import PROJECT
from creditrisk_assets_tests.integration.draining import POINTS, Orders

REACHED = 60.0
"""Seconds within which a process must have come to the point where it dies."""
AT_WORK = 2.5
"""Seconds of work after which it is killed at the latest, when that is at random."""


@dataclass
class Drainers:
    """Processes over one lake; one is always made ready while another works. Ends them all on the way out."""

    lake: str
    bootstrap: str
    postgres: str
    log: Path
    killed: Counter[str] = field(default_factory=Counter)
    _spare: "subprocess.Popen[str] | None" = None
    _all: "list[subprocess.Popen[str]]" = field(default_factory=list)

    def __enter__(self) -> "Drainers":
        self._spare = self._made()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._all:
            with suppress(ProcessLookupError):
                process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                assert pipe is not None
                with suppress(BrokenPipeError):
                    pipe.close()

    def _made(self) -> "subprocess.Popen[str]":
        # What is killed cannot tell what it covered, and to note it costs time.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
        asked = {"lake": self.lake, "bootstrap": self.bootstrap, "postgres": self.postgres}
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "creditrisk_assets_tests.integration.draining", json.dumps(asked)],
                cwd=PROJECT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
            )  # fmt: skip
        self._all.append(process)
        return process

    def start(self, orders: Orders) -> "subprocess.Popen[str]":
        """A process at work; the next one is made ready beside it."""
        process, self._spare = self._spare, self._made()
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n", self.log.read_text()[-3000:]
        process.stdin.write(json.dumps(asdict(orders)) + "\n")
        process.stdin.flush()
        return process

    def finished(self, orders: Orders) -> dict[str, Any]:
        """Work until the stream is idle; what was done."""
        return self.end(self.start(orders))

    def end(self, process: "subprocess.Popen[str]") -> dict[str, Any]:
        """Wait until one that is at work has ended; what it did."""
        assert process.stdout is not None
        told = process.stdout.readline()
        assert process.wait(300) == 0, self.log.read_text()[-3000:]
        return dict(json.loads(told))

    def die(self, orders: Orders) -> None:
        """One that dies where it is ordered to."""
        self.wait(self.start(orders), orders.die_at or "random")

    def wait(self, process: "subprocess.Popen[str]", where: str) -> None:
        """Until it has died; fails when it ended in another way."""
        assert process.wait(REACHED) == -signal.SIGKILL, self.log.read_text()[-3000:]
        self.killed[where] += 1

    def kill(self, process: "subprocess.Popen[str]", seconds: float) -> None:
        """Kill -9 that many seconds from now, whatever it does then."""
        with suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
        process.kill()
        self.wait(process, "random")


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
