"""Find loan files, open whatever they are packed in, and find their header.

A file that cannot be used as a whole ends in a `SourceError` that names the file and the remedy;
single bad records are the business of `records.py` and `intake.py`.
"""

import csv
import difflib
import glob
import gzip
import lzma
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from creditrisk_assets.contracts import RAW_LOANS

ALIASES = {"is_inc_v": "verification_status", "issue_date": "issue_d"}
NOT_IN_FILES = frozenset({"loan_id", "vintage", "observed_month", "file", "line", "meets_credit_policy"})
FILE_COLUMNS = tuple(
    column for column in RAW_LOANS.columns if column.name not in NOT_IN_FILES
)  # what a file may hold, in the contract's order
BAD_ZIP = (
    zipfile.BadZipFile, EOFError, zlib.error, lzma.LZMAError, NotImplementedError, OSError, RuntimeError,
)  # fmt: skip
REQUIRED = ("issue_d", *(column.name for column in FILE_COLUMNS if not column.nullable))
SUFFIXES = (".csv", ".csv.gz", ".zip", ".parquet")
HEADER_WITHIN_LINES = 25

KNOWN = frozenset({"id", "issue_d", *(column.name for column in FILE_COLUMNS)})
_NOT_TEXTS = (pl.Binary, pl.Object, pl.Duration, pl.Time)


class SourceError(ValueError):
    """A loan file that cannot be read at all; the message names the file and the remedy."""

    def __init__(self, file: object, what: str, remedy: str) -> None:
        super().__init__(f"{file}: {what}. {remedy}.")


@dataclass(frozen=True)
class Source:
    """A plain file ready to scan: `name` as users know it, `header` in contract names.

    `header_lines` counts the physical lines up to and including the header (0 for parquet).
    """

    name: str
    path: Path
    header: tuple[str, ...]
    header_lines: int
    parquet: bool = False

    @property
    def unknown_columns(self) -> tuple[str, ...]:
        """Named columns of the file that stand in no contract."""
        return tuple(name for name in self.header if name and name not in KNOWN)


def find_files(loans: str | None, landing: Path) -> list[Path]:
    """Files named by `loans` (a file or a glob), or everything usable in the landing folder.

    Raises SourceError when nothing is there, or when `loans` names a folder.
    """
    if loans is None:
        files = sorted(path for path in landing.glob("*") if path.name.lower().endswith(SUFFIXES) and path.is_file())
        if not files:
            remedy = "Put LendingClub files there, or set CREDITRISK_LOANS to a file or a glob"
            raise SourceError(landing, "no loan files (" + ", ".join(SUFFIXES) + ")", remedy)
        return files
    if Path(loans).is_dir():
        raise SourceError(loans, "is a folder, not a file", f"Name a file, or a glob such as {Path(loans) / '*.csv'}")
    named = Path(loans)
    matching = glob.glob(loans, recursive=True)  # noqa: PTH207 - Path.glob takes no absolute pattern
    found = [named] if named.exists() else [Path(path) for path in sorted(matching)]
    files = [path for path in found if path.is_file()]
    if not files:
        raise SourceError(loans, "no such file", "Check the path; a glob must match at least one file")
    return files


def names_of(files: list[Path]) -> dict[Path, str]:
    """The shortest name that tells each file apart: its base name, or the whole path for namesakes."""
    names = [path.name for path in files]
    return {path: path.name if names.count(path.name) == 1 else str(path) for path in files}


@contextmanager
def opened(path: Path, name: str) -> Iterator[list[Source]]:
    """Unpack `path` (by its content, not its ending) into sources that live as long as the context.

    A zip gives one source for each csv in it. Raises SourceError for what cannot be opened.
    """
    with tempfile.TemporaryDirectory(prefix="creditrisk-") as folder:
        yield _sources(path, name, _magic(path, name), Path(folder))


def _magic(path: Path, name: str) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(4)
    except PermissionError as error:
        raise SourceError(name, "may not be read by this user", "Grant read permission") from error
    except IsADirectoryError as error:
        raise SourceError(name, "is a folder, not a file", "Name a file, or a glob that matches files") from error
    except FileNotFoundError as error:
        raise SourceError(name, "no such file", "Check the path") from error


def _sources(path: Path, name: str, magic: bytes, folder: Path) -> list[Source]:
    if not magic:
        raise SourceError(name, "the file is empty", "Export it again")
    if magic == b"PAR1":
        return [_parquet(path, name)]
    if magic.startswith(b"\x1f\x8b"):
        return [_plain(_gunzip(path, name, folder / "loans.csv"), name)]
    if magic in (b"PK\x03\x04", b"PK\x05\x06"):
        return [_plain(member, label) for member, label in _unzip(path, name, folder)]
    return [_plain(path, name)]


def _gunzip(path: Path, name: str, target: Path) -> Path:
    try:
        with gzip.open(path, "rb") as packed, target.open("wb") as plain:
            shutil.copyfileobj(packed, plain, 1 << 20)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise SourceError(name, f"damaged or truncated gzip ({error})", "Fetch the file again") from error
    return target


def _unzip(path: Path, name: str, folder: Path) -> list[tuple[Path, str]]:
    try:
        with zipfile.ZipFile(path) as packed:
            members = [item for item in packed.namelist() if item.lower().endswith(".csv")]
            members = [item for item in members if not item.startswith("__MACOSX")]
            if not members:
                raise SourceError(name, "the zip holds no .csv file", "Pack the loan file itself")
            extracted = []
            for index, member in enumerate(members):
                target = folder / f"{index}.csv"
                with packed.open(member) as inner, target.open("wb") as plain:
                    shutil.copyfileobj(inner, plain, 1 << 20)
                extracted.append((target, name if len(members) == 1 else f"{name}/{member}"))
            return extracted
    except BAD_ZIP as error:
        raise SourceError(name, f"damaged zip ({error})", "Fetch the file again") from error


def _parquet(path: Path, name: str) -> Source:
    try:
        schema = pl.scan_parquet(path, glob=False).collect_schema()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise SourceError(name, f"damaged parquet ({error})", "Write the file again") from error
    header = tuple(_contract_name(column) for column in schema)
    _require(name, header)
    for original, column in zip(schema, header, strict=True):
        dtype = schema[original]
        if column in KNOWN and (dtype.is_nested() or dtype in _NOT_TEXTS):
            raise SourceError(name, f"column {column} is {dtype}", "Write it as text, number or date")
    return Source(name, path, header, 0, parquet=True)


def _plain(path: Path, name: str) -> Source:
    with path.open("rb") as stream:
        head = stream.read(1 << 20)
    if not head.strip():
        raise SourceError(name, "the file is empty", "Export it again")
    if head.startswith((b"\xff\xfe", b"\xfe\xff")) or head[:4096].count(0) * 10 > len(head[:4096]):
        raise SourceError(name, "is not UTF-8 text (UTF-16 or binary)", "Save it as CSV in UTF-8")
    if b"\r" in head and b"\n" not in head:
        raise SourceError(name, "ends its lines with a carriage return alone", "Save it with line feeds")
    lines = head.decode("utf-8-sig", errors="replace").split("\n")[:HEADER_WITHIN_LINES]
    headers = [tuple(_contract_name(cell) for cell in _cells(line)) for line in lines]
    known = [len(KNOWN.intersection(header)) for header in headers]
    best = max(range(len(headers)), key=lambda index: known[index])
    if known[best] < 3:
        first = next((index for index, header in enumerate(headers) if len(header) > 1), 0)
        _require(name, headers[first], "no header line with LendingClub's column names")
    _require(name, headers[best])
    return Source(name, path, headers[best], best + 1)


def _cells(line: str) -> list[str]:
    try:
        return next(csv.reader([line.rstrip("\r")]), [])
    except csv.Error:
        return []


def _contract_name(cell: str) -> str:
    name = cell.strip().strip('"').lower().replace(" ", "_")
    return ALIASES.get(name, name)


def _require(name: str, header: tuple[str, ...], what: str = "") -> None:
    missing = [column for column in REQUIRED if column not in header]
    twice = sorted({column for column in header if column in KNOWN and header.count(column) > 1})
    if twice:
        raise SourceError(name, f"the header names {', '.join(twice)} twice", "Keep one column of each name")
    if not missing and not what:
        return
    spare = [column for column in header if column and column not in KNOWN]
    described = []
    for column in missing:
        nearest = difflib.get_close_matches(column, spare, n=1, cutoff=0.5)
        described.append(f"{column} (nearest: {nearest[0]!r})" if nearest else column)
    reason = "; ".join(part for part in (what, "missing columns " + ", ".join(described)) if part)
    raise SourceError(name, reason, "Export with LendingClub's header line, or rename the columns")
