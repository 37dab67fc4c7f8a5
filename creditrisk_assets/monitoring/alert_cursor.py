"""What the alert sensor remembers between its ticks, as the text of its cursor."""

import json
from dataclasses import asdict, dataclass, field

from creditrisk_assets.monitoring.alerts import Problem, Problems, Subject
from creditrisk_assets.monitoring.outbox import Message, Outbox

VERSION = 1
LOOKED_BACK = 24 * 3600.0
"""Seconds that the first tick looks back: what has failed since and not recovered is told."""


@dataclass
class Memory:
    """Everything the sensor knows.

    `since` is the instant up to which evaluations and runs are known, `settled` the newest evaluation of each check
    before which none is under way, `awake` since when ticks have followed one another, `ticked` the latest tick.
    """

    problems: Problems = field(default_factory=Problems)
    outbox: Outbox = field(default_factory=Outbox)
    since: float = 0.0
    settled: dict[str, int] = field(default_factory=dict)
    awake: float = 0.0
    ticked: float = 0.0

    def text(self) -> str:
        """As a cursor; `Memory.of` reads it."""
        rows = [[*asdict(subject).values(), *asdict(one).values()] for subject, one in self.problems.known.items()]
        return json.dumps({
            "version": VERSION, "since": self.since, "floor": self.problems.floor, "awake": self.awake,
            "ticked": self.ticked, "settled": self.settled, "problems": rows, "written": self.outbox.written,
            "outbox": [list(asdict(message).values()) for message in self.outbox.messages],
        }, separators=(",", ":"))  # fmt: skip

    @classmethod
    def of(cls, text: str | None, now: float) -> "Memory":
        """The memory of a cursor; without one, or with one of another version, a fresh one that looks back a day."""
        kept = json.loads(text) if text else {}
        if kept.get("version") != VERSION:
            return cls(since=now - LOOKED_BACK, awake=now, ticked=now)
        known = {Subject(*row[:3]): Problem(*row[3:]) for row in kept["problems"]}
        outbox = Outbox([Message(*row) for row in kept["outbox"]], kept["written"])
        problems = Problems(known, kept["floor"])
        return cls(problems, outbox, kept["since"], kept["settled"], kept["awake"], kept["ticked"])
