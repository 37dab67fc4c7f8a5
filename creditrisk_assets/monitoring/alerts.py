"""What is wrong, and what has been told of it: a state machine without clock, network or Dagster.

A problem is one subject (a check of a partition, a job over a partition, a sensor, a daemon) that fails. It is
told once when it starts, whatever is evaluated meanwhile, and once when it ends. One that comes back is told
again only when `quiet` seconds have passed since it was last told to fail, and then only if it still fails: a
flapping check says "failing" and "recovered" once in that time. One that goes on is told again only after a
reminder period, if there is any. The state follows the newest sighting, so nothing is lost while nobody
can be told: what then still differs from what was told is told later.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

FAILING_PARTITIONS = "failing_partitions"
"""Metadata by which a check over several partitions says which of them fail: a list of partition keys."""

QUIET = 3600.0
"""Seconds for which a problem that comes back is not told again, where there is no reminder period."""

MOST = 300
"""Problems remembered at most; beyond them the oldest are forgotten, and end without being told."""

What = Literal["failing", "recovered", "still failing"]


@dataclass(frozen=True, order=True)
class Subject:
    """What may fail: `kind` check, run, sensor, schedule or daemon; its name; a partition, a range, or "" for all."""

    kind: str
    name: str
    part: str = ""

    def within(self, first: str, last: str) -> bool:
        """Do the partitions lie in a range? Everything lies in "" to "", and all of a table only there."""
        if not first:
            return True
        low, _, high = self.part.partition("...")
        return bool(low) and first <= low and (high or low) <= last


@dataclass(frozen=True)
class Sighting:
    """What was seen of a subject at an instant (seconds since 1970); `told` are figures and remedy in words."""

    subject: Subject
    failing: bool
    at: float
    told: str = ""
    link: str = ""


@dataclass
class Problem:
    """A subject as last seen, and whether those who are told believe that it fails."""

    failing: bool
    at: float
    told: bool = False
    told_at: float = 0.0
    words: str = ""
    link: str = ""


@dataclass(frozen=True)
class Announcement:
    """One thing to tell."""

    subject: Subject
    what: What
    words: str
    link: str


@dataclass
class Problems:
    """Every problem that is not over and told; sightings up to `floor` are never looked at again."""

    known: dict[Subject, Problem] = field(default_factory=dict)
    floor: float = 0.0

    def take(self, outcomes: Iterable["Outcome"]) -> None:
        """Take in evaluations, runs and the like, in the order in which they happened."""
        for outcome in sorted(outcomes, key=lambda one: one.at):
            self.see(outcome.sightings(self))

    def see(self, sightings: Iterable[Sighting]) -> None:
        """Take in what was seen; sightings that are older than what is known of their subject change nothing."""
        for seen in sightings:
            problem = self.known.get(seen.subject)
            if problem is None:
                if seen.failing and seen.at > self.floor:
                    self.known[seen.subject] = Problem(True, seen.at, words=seen.told, link=seen.link)
            elif seen.at > problem.at:
                problem.failing, problem.at = seen.failing, seen.at
                if seen.failing:
                    problem.words, problem.link = seen.told, seen.link

    def of(self, kind: str, name: str) -> list[Subject]:
        """The subjects with this name that are remembered."""
        return [subject for subject in self.known if (subject.kind, subject.name) == (kind, name)]

    def due(self, now: float, reminder: float | None) -> list[Announcement]:
        """What to tell now, by subject; call `tell` once it is kept somewhere safe."""
        found = []
        for subject, problem in sorted(self.known.items()):
            what = _due(problem, now, reminder)
            if what is not None:
                found.append(Announcement(subject, what, problem.words, problem.link))
        return found

    def tell(self, announced: Sequence[Announcement], now: float) -> None:
        """Note that these will be told."""
        for one in announced:
            problem = self.known[one.subject]
            problem.told = one.what != "recovered"
            problem.words = ""
            if problem.told:
                problem.told_at = now

    def tidy(self, now: float, reminder: float | None, most: int = MOST) -> int:
        """Forget what is over and told, and the oldest beyond `most`; how many were forgotten while they failed."""
        quiet = reminder or QUIET
        over = [subject for subject, one in self.known.items()
                if not one.failing and not one.told and now - one.told_at >= quiet]  # fmt: skip
        for subject in over:
            del self.known[subject]
        age = sorted(self.known, key=lambda subject: (self.known[subject].failing, self.known[subject].at))
        forgotten = [self.known.pop(subject) for subject in age[: max(0, len(age) - most)]]
        self.floor = max([self.floor, *(one.at for one in forgotten)])
        return sum(one.failing for one in forgotten)


def _due(problem: Problem, now: float, reminder: float | None) -> What | None:
    if not problem.failing:
        return "recovered" if problem.told else None
    if not problem.told:
        rested = not problem.told_at or now - problem.told_at >= (reminder or QUIET)
        return "failing" if rested else None
    return "still failing" if reminder is not None and now - problem.told_at >= reminder else None


@dataclass(frozen=True)
class Outcome:
    """One evaluation or run over the partitions `first` to `last`, "" to "" for everything.

    `failing` are the partitions that failed, None where it does not say: then all of them as one.
    """

    kind: str
    name: str
    first: str
    last: str
    passed: bool
    at: float
    told: str = ""
    link: str = ""
    failing: Sequence[str] | None = None

    def sightings(self, problems: Problems) -> list[Sighting]:
        """What this says of subjects: those that fail, and those remembered that it shows to be well."""
        whole = self.first if self.first == self.last else f"{self.first}...{self.last}"
        parts = [] if self.passed else [whole] if self.failing is None else list(self.failing)
        failing = [Subject(self.kind, self.name, part) for part in parts]
        seen = [Sighting(subject, True, self.at, self.told, self.link) for subject in failing]
        if self.passed or self.failing is not None:
            well = [one for one in problems.of(self.kind, self.name) if one.within(self.first, self.last)]
            seen += [Sighting(subject, False, self.at) for subject in well if subject not in failing]
        return seen
