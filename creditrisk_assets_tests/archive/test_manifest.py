"""Manifests: what is stored is what is read, or it is refused."""

from datetime import UTC, date, datetime

import pytest

from creditrisk_assets.archive.errors import DamagedError
from creditrisk_assets.archive.manifest import Entry, Manifest, Part, Report, Span, opened, sealed

NOON = datetime(2026, 2, 2, 12, 0, 0, 5000, tzinfo=UTC)
MANIFEST = Manifest(
    group="events/day=2026-02-02",
    version=3,
    written_at=NOON,
    entries=(
        Entry(name="a", sha256="0" * 64, bytes=1, rows=2, written_at=NOON,
              span=Span(topic="t", epoch=0, partition=1, start=0, end=2, part=0, replayed=True)),
        Entry(name="b", sha256="1" * 64, bytes=10, rows=20, written_at=NOON,
              report=Report(table="monitoring/drift", day=date(2016, 1, 1), content="c")),
    ),
    sources={"raw/events": 7},
    previous="2" * 64,
    parts=(Part(after=None, first=NOON, last=NOON, rows=2, transactions={"kafka:t:1": 2}),),
)  # fmt: skip


def test_a_manifest_is_read_as_it_was_written() -> None:
    found = opened(sealed(MANIFEST), "here")
    assert found == MANIFEST
    assert (found.reached, found.rows, found.bytes) == (NOON, 22, 11)


def test_a_person_can_read_it() -> None:
    assert b'\n "group": "events/day=2026-02-02",\n' in sealed(MANIFEST)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b'"rows": 20', b'"rows": 21', "here: its checksum is .*, sealed as"),
        (b'"manifest":', b'"menu":', "here: no manifest"),
        (b"}}", b"", "here: no manifest"),
        (b"2026", b"\xff\xff", "here: (no manifest|its checksum)"),
    ],
)
def test_one_that_is_not_what_was_written_is_refused(old: bytes, new: bytes, said: str) -> None:
    data = sealed(MANIFEST)
    changed = data.replace(old, new) if old != b"}}" else data[:-20]
    assert changed != data
    with pytest.raises(DamagedError, match=said):
        opened(changed, "here")


def test_one_of_a_later_format_asks_for_a_newer_platform() -> None:
    import msgspec

    later = msgspec.structs.replace(MANIFEST, format=2)
    with pytest.raises(DamagedError, match="here: of format 2; update the platform, which reads up to 1"):
        opened(sealed(later), "here")
