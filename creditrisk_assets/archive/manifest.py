"""What a manifest says: the objects of a group, their checksums, and where the stream stood. Pure.

A manifest is sealed by its own SHA-256 and never changed; the next version lists everything the one before it did.
"""

from collections.abc import Mapping
from datetime import date, datetime
from hashlib import sha256

import msgspec

from creditrisk_assets.archive.errors import DamagedError

FORMAT = 1


class Span(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """Which events an object holds: messages of a partition from `start` up to, not including, `end`.

    `part` is the part of the day they were archived with; `replayed` are rows decoded anew out of quarantine.
    """

    topic: str
    epoch: int
    partition: int
    start: int
    end: int
    part: int
    replayed: bool = False


class Report(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """What an object reports: a table at one `day` (a vintage or a model date), and a digest of its rows."""

    table: str
    day: date
    content: str


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One object: its name under the group, and what it must be."""

    name: str
    sha256: str
    bytes: int
    rows: int
    written_at: datetime
    span: Span | None = None
    report: Report | None = None


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """Micro-batches of a day that were archived together: from `first` to `last`, and the state after them.

    `after` is the micro-batch before `first`, None for the first of all: it tells where a day is missing.
    `transactions` are those of the Delta table raw/events (see `streaming.table`) once `last` is committed.
    """

    after: datetime | None
    first: datetime
    last: datetime
    rows: int
    transactions: Mapping[str, int]


class Manifest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Version `version` of the list of a group; `previous` is the SHA-256 of the version before it.

    `sources` are the Delta versions of the tables that were read.
    """

    group: str
    version: int
    written_at: datetime
    entries: tuple[Entry, ...]
    sources: Mapping[str, int]
    previous: str | None = None
    parts: tuple[Part, ...] = ()
    format: int = FORMAT

    @property
    def reached(self) -> datetime | None:
        """Newest micro-batch that is archived."""
        return self.parts[-1].last if self.parts else None

    @property
    def rows(self) -> int:
        """Rows of all objects."""
        return sum(entry.rows for entry in self.entries)

    @property
    def bytes(self) -> int:
        """Bytes of all objects."""
        return sum(entry.bytes for entry in self.entries)


class _Sealed(msgspec.Struct):
    sha256: str
    manifest: msgspec.Raw


def digest(data: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return sha256(data).hexdigest()


def sealed(manifest: Manifest) -> bytes:
    """A manifest as it is stored."""
    body = msgspec.json.format(msgspec.json.encode(manifest), indent=1)
    return b'{"sha256": "%s", "manifest":\n%s}\n' % (digest(body).encode(), body)


def opened(data: bytes, name: str) -> Manifest:
    """The manifest stored as `name`; DamagedError when it is not what was stored, or of a later format."""
    try:
        outer = msgspec.json.decode(data, type=_Sealed)
        body = bytes(outer.manifest).strip()
        if digest(body) != outer.sha256:
            raise DamagedError(f"{name}: its checksum is {digest(body)}, sealed as {outer.sha256}. {RECOVER}")
        manifest = msgspec.json.decode(body, type=Manifest)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise DamagedError(f"{name}: no manifest ({error}). {RECOVER}") from error
    if manifest.format > FORMAT:
        raise DamagedError(f"{name}: of format {manifest.format}; update the platform, which reads up to {FORMAT}")
    return manifest


RECOVER = "Bring an older version of the object back (versioning of the bucket), or a copy of the archive"
