"""Alerts in words: what is wrong, figures, remedy and where to look. Never a person, never a secret.

Numbers of a check are told, and texts only under names that hold none of a record: a message of an error, a
reason of the quarantine or the text of a cell may name a borrower or a password, so none is ever passed on.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from urllib.parse import quote

from creditrisk_assets.monitoring.alerts import Announcement, Subject
from creditrisk_assets.monitoring.freshness import spans

TEXTS = ("vintages", "features", "tables", "failed", "shape", "remedy")
"""Metadata of checks whose text is told: names of vintages, columns, tables, gates and jobs, and what to do."""

LONGEST, LONGEST_TEXT, LINES = 3500, 240, 25
FIGURES = 8
_PASSWORD = re.compile(r"://[^\s/@]+@")


def figures(metadata: Mapping[str, object]) -> str:
    """The figures and remedy of a check, in words; counts by name are added up."""
    told = []
    for name, value in metadata.items():
        if isinstance(value, bool | int | float):
            told.append(f"{name}: {value:.4g}" if isinstance(value, float) else f"{name}: {value}")
        elif isinstance(value, Mapping) and all(isinstance(count, int) for count in value.values()):
            told.append(f"{name}: {sum(value.values())}")
        elif isinstance(value, str) and name in TEXTS:
            told.append(f"{name}: {_cut(value)}")
    last = [one for one in told if one.startswith("remedy: ")]
    return "; ".join([*[one for one in told if one not in last][:FIGURES], *last])


def _cut(text: str) -> str:
    bare = _PASSWORD.sub("://", " ".join(text.split()))
    return bare if len(bare) <= LONGEST_TEXT else f"{bare[: LONGEST_TEXT - 1]}…"


def check_link(url: str, asset: str, check: str) -> str:
    """The page of a check in the Dagster UI."""
    return f"{url.rstrip('/')}/assets/{quote(asset)}?view=checks&checkDetail={quote(check)}"


def composed(announced: Sequence[Announcement]) -> tuple[str, str, bool]:
    """Title, body, and whether all of it is good news; one paragraph for all partitions of one check."""
    groups: dict[tuple[str, str, str, str, str], list[Subject]] = {}
    for one in announced:
        key = (one.what, one.subject.kind, one.subject.name, one.words, one.link)
        groups.setdefault(key, []).append(one.subject)
    order = {"failing": 0, "still failing": 1, "recovered": 2}
    counts = {what: sum(one.what == what for one in announced) for what in order}
    title = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    paragraphs = []
    for (what, kind, name, words, link), subjects in sorted(groups.items(), key=lambda item: order[item[0][0]]):
        head = f"{what.upper()}: {kind} {name}{_parts(subjects)}"
        paragraphs.append("\n".join(part for part in (head, words, link) if part))
    return f"Credit risk: {title}", _bounded(paragraphs), all(one.what == "recovered" for one in announced)


def _parts(subjects: Sequence[Subject]) -> str:
    """Partitions, months of them as ranges."""
    parts = sorted(one.part for one in subjects if one.part)
    if not parts:
        return ""
    months = all(re.fullmatch(r"\d{4}-\d{2}-01", part) for part in parts)
    shown = spans([date.fromisoformat(part) for part in parts]) if months else ", ".join(parts)
    return f", {_cut(shown)}"


def _bounded(paragraphs: Sequence[str]) -> str:
    """As many paragraphs as every channel takes, and how many more there are."""
    kept: list[str] = []
    for paragraph in paragraphs[:LINES]:
        if kept and sum(map(len, kept)) + len(paragraph) > LONGEST:
            break
        kept.append(paragraph[:LONGEST])
    left = len(paragraphs) - len(kept)
    return "\n\n".join([*kept, *([f"and {left} more: see the Dagster UI"] if left else [])])
