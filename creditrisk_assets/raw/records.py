"""Which physical lines of a CSV file form which records, before anything is parsed.

CSV readers either stop at the first malformed line or mend it silently. This pass counts the
fields of every line at scan speed, so that malformed records are set apart with their line number
and their text, the good ones next to them are kept, and a file without any irregularity is handed
to polars as it stands.
"""

import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import polars as pl

from creditrisk_assets.raw.lines import Lines, in_utf8
from creditrisk_assets.raw.sources import KNOWN, Source

LINE = "__line"
LONGEST_RECORD_LINES = 50
BATCH_RECORDS = 100_000
_QUOTED = r'"[^"]*(?:""[^"]*)*"'
_MARK = "\x00"  # stands for a quoted field; lines that hold one of their own are malformed
_BESIDE = f"[^,]{_MARK}|{_MARK}[^,]"
_NOTES = (
    r'^\s*"?(?:Total amount funded|Loans that do not meet the credit policy|Notes offered by)'
    r'[^,]*[,\d\s"]*$'  # a record would hold more than digits behind its first field
)


@dataclass(frozen=True)
class Records:
    """The records of one source.

    `frame` scans the good ones: LINE (first physical line) and the known columns, all text.
    `malformed` holds line, raw and reason of the rest; `notes` the summary lines, which are no
    records; `joined` the text of good records that run over several lines, by first line; `plain`
    the file itself where every line of it is a good record.
    """

    source: Source
    frame: pl.LazyFrame
    malformed: pl.DataFrame
    lines: Lines | None = None
    notes: tuple[str, ...] = ()
    joined: dict[int, str] = field(default_factory=dict)
    plain: Path | None = None

    def batches(self, numbers: frozenset[str] = frozenset()) -> Iterator[pl.DataFrame]:
        """The good records in batches, at least one: small enough for memory, large enough for speed.

        The columns `numbers` come as Float64, parsed by polars: faster, and a ComputeError as soon as
        one of them holds anything but a plain number. Only a file that needed no mending has them.
        """
        frame = self.frame
        if numbers:
            assert self.plain is not None
            frame = _scan(self.plain, self.source.header, self.source.header_lines, numbers=numbers)
        yield frame.head(0).collect()
        yield from frame.collect_batches(chunk_size=BATCH_RECORDS, maintain_order=True)

    def raw_texts(self, wanted: list[int]) -> pl.DataFrame:
        """Text of the records that start at the `wanted` lines: columns line, raw."""
        if self.lines is None:
            return _parquet_texts(self.source, wanted)
        texts = self.lines.texts([line for line in wanted if line not in self.joined])
        texts.update((line, self.joined[line]) for line in wanted if line in self.joined)
        schema = {"line": pl.Int64, "raw": pl.String}
        return pl.DataFrame({"line": list(texts), "raw": list(texts.values())}, schema=schema)


def records(source: Source, scratch: Path) -> Records:
    """Split `source` into records; `scratch` is a folder for mended copies when they are needed."""
    if source.parquet:
        return Records(source, _parquet(source), _no_malformed())
    folder = Path(tempfile.mkdtemp(dir=scratch))
    width = len(source.header)
    lines = Lines(source.path)
    try:
        unclear = _unclear(lines, source.header_lines, width)
    except pl.exceptions.ComputeError:  # not UTF-8; looking beforehand would cost every file a pass
        lines = in_utf8(source.path, folder / "utf8.csv")
        unclear = _unclear(lines, source.header_lines, width)
    if unclear.is_empty():
        frame = _scan(lines.path, source.header, source.header_lines)
        return Records(source, frame, _no_malformed(), lines, plain=lines.path)
    sorted_out = _sort_out(lines, unclear, width)
    mended = folder / "mended.csv"
    _write_mended(lines.scan().slice(source.header_lines), sorted_out, mended)
    frame = _scan(mended, source.header, 0, numbered=True)
    malformed = pl.DataFrame(sorted_out.malformed, schema=_no_malformed().schema, orient="row")
    return Records(source, frame, malformed, lines, tuple(sorted_out.notes), sorted_out.joined)


def _parquet(source: Source) -> pl.LazyFrame:
    scan = pl.scan_parquet(source.path, glob=False)
    renamed = zip(scan.collect_schema(), source.header, strict=True)
    texts = scan.select(pl.col(old).cast(pl.String).alias(name) for old, name in renamed if name in KNOWN)
    return texts.with_row_index(LINE, offset=1).with_columns(pl.col(LINE).cast(pl.Int64))


def _parquet_texts(source: Source, wanted: list[int]) -> pl.DataFrame:
    """A row of a parquet file has no text of its own: the values read from it, as JSON."""
    rows = _parquet(source).filter(pl.col(LINE).is_in(wanted))
    raw = pl.struct(pl.exclude(LINE)).struct.json_encode()
    return rows.select(pl.col(LINE).alias("line"), raw.alias("raw")).collect()


def _no_malformed() -> pl.DataFrame:
    return pl.DataFrame(schema={"line": pl.Int64, "raw": pl.String, "reason": pl.String})


def _unclear(lines: Lines, header_lines: int, width: int) -> pl.DataFrame:
    """Line, text and note (is it a summary line?) of what is not a record at first sight."""
    body = lines.scan().slice(header_lines).with_columns(pl.col("text").str.replace_all(_QUOTED, _MARK).alias("marked"))
    irregular = body.filter(_irregular(width) | pl.col("line").is_in(lines.foreign))
    note = pl.col("text").str.contains(_NOTES).alias("note")
    return irregular.select("line", "text", note).collect(engine="streaming")


def _irregular(width: int) -> pl.Expr:
    """Lines that are not one well-formed record of `width` fields by themselves."""
    text, marked = pl.col("text"), pl.col("marked")
    commas = marked.str.count_matches(",", literal=True)
    quoted = marked.str.count_matches(_MARK, literal=True)  # _BESIDE in two searches for literals: far faster
    behind_comma = marked.str.count_matches(f",{_MARK}", literal=True) + marked.str.starts_with(_MARK)
    stray = marked.str.contains('"', literal=True) | (quoted != behind_comma) | marked.str.contains(f"{_MARK}[^,]")
    return (commas != width - 1) | stray | text.str.contains(_MARK, literal=True) | text.str.contains(_NOTES)


def _scan(
    path: Path, header: tuple[str, ...], skip: int, numbered: bool = False, numbers: frozenset[str] = frozenset()
) -> pl.LazyFrame:
    """LINE and the known columns; columns nobody reads may be named like anything, or like nothing.

    A `numbered` file holds the line of each record in a column of its own before the header's. The
    columns `numbers` are parsed as Float64, all others stay text.
    """
    names = [name if name in KNOWN else f"__{index}" for index, name in enumerate(header)]
    texts = [LINE, *names] if numbered else names
    scan = pl.scan_csv(
        path, has_header=False, skip_lines=skip, glob=False,
        schema={name: pl.Float64 if name in numbers else pl.String for name in texts},
        row_index_name=None if numbered else LINE, row_index_offset=skip + 1,
    )  # fmt: skip
    return scan.select(pl.col(LINE).cast(pl.Int64), *(name for name in names if name in KNOWN))


@dataclass
class _SortedOut:
    """What becomes of the irregular lines; `dropped` are the lines that are no good record alone."""

    malformed: list[tuple[int, str, str]]
    joined: dict[int, str]
    notes: list[str]
    dropped: set[int]


def _sort_out(lines: Lines, unclear: pl.DataFrame, width: int) -> _SortedOut:
    result = _SortedOut([], {}, [], set())
    _join(lines, unclear, width, result)
    foreign = frozenset(lines.foreign)
    for line, text, note in unclear.iter_rows():
        if line in result.dropped:
            continue
        result.dropped.add(line)
        if note:
            result.notes.append(text.strip())
        elif text.strip():
            result.malformed.append((line, text, _reason(text, width, line in foreign)))
    return result


def _join(lines: Lines, unclear: pl.DataFrame, width: int, result: _SortedOut) -> None:
    """Records over several lines run from one odd number of quotes to the next."""
    odd = unclear.filter(pl.col("text").str.count_matches('"', literal=True) % 2 == 1)["line"].to_list()
    spans = [pair for pair in pairwise(odd) if pair[1] - pair[0] <= LONGEST_RECORD_LINES]
    wanted = sorted({line for first, last in spans for line in range(first, last + 1)})
    texts = lines.texts(wanted) if wanted else {}
    foreign = frozenset(lines.foreign)
    for first, last in spans:
        if first in result.dropped:
            continue
        text = "\n".join(texts[line] for line in range(first, last + 1))
        if _well_formed(text, width) and foreign.isdisjoint(range(first, last + 1)):
            result.joined[first] = text
            result.dropped.update(range(first, last + 1))


def _well_formed(text: str, width: int) -> bool:
    """Are these lines one record?

    Two lines that each lost a quote look like one record too, whose quoted text holds the fields
    of both (and of every good record between them): such a text has a whole record's commas.
    """
    swallowed = any("\n" in quoted and quoted.count(",") >= width - 1 for quoted in re.findall(_QUOTED, text))
    return _fields(text) == width and _MARK not in text and not swallowed


def _fields(text: str) -> int:
    """Number of fields; 0 when a quote stands where none may."""
    marked = re.sub(_QUOTED, _MARK, text)
    return 0 if '"' in marked or re.search(_BESIDE, marked) else marked.count(",") + 1


def _reason(text: str, width: int, foreign: bool) -> str:
    if foreign:
        return "record: not UTF-8, shown as Latin-1; save the file in UTF-8"
    if _MARK in text:
        return "record: holds a NUL byte"
    fields = _fields(text)
    if not fields:
        return "record: a quote is not closed, not doubled, or not at the edge of its field"
    return f"record: {fields} fields where the header has {width}"


def _write_mended(body: pl.LazyFrame, sorted_out: _SortedOut, path: Path) -> None:
    """Write the good records, each behind its line number and a comma."""
    dropped = pl.Series(sorted(sorted_out.dropped), dtype=pl.Int64)
    joined = pl.DataFrame(
        {"line": list(sorted_out.joined), "text": list(sorted_out.joined.values())},
        schema={"line": pl.Int64, "text": pl.String},
    )
    single = body.filter(~pl.col("line").is_in(dropped.implode()))
    good = pl.concat([single, joined.lazy()]).select(pl.format("{},{}", "line", "text"))
    good.sink_csv(path, include_header=False, quote_style="never")
