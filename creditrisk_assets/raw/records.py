"""Which physical lines of a CSV file form which records, before anything is parsed.

CSV readers either stop at the first malformed line or mend it silently. This pass counts the
fields of every line at scan speed, so that malformed records are set apart with their line number
and their text, the good ones next to them are kept, and a file without any irregularity is handed
to polars as it stands.
"""

import csv
import io
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from creditrisk_assets.raw.sources import Source

LINE = "__line"
LONGEST_RECORD_LINES = 50
_QUOTED = r'"(?:[^"]|"")*"'
_MARK = "\x02"
_NOTES = r'^"?(?:Total amount funded|Loans that do not meet the credit policy|Notes offered by)'


@dataclass(frozen=True)
class Records:
    """The records of one source.

    `frame` scans the good ones: LINE (first physical line) and the header's columns, all text.
    `malformed` holds line, raw and reason of the rest; `notes` the summary lines, which are no
    records; `joined` the text of good records that run over several lines, by first line.
    """

    frame: pl.LazyFrame
    malformed: pl.DataFrame
    notes: tuple[str, ...] = ()
    joined: dict[int, str] = field(default_factory=dict)


def records(source: Source, scratch: Path) -> Records:
    """Split `source` into records; `scratch` is a folder for a mended copy when one is needed."""
    if source.parquet:
        return _parquet(source)
    lines = _lines(source.path).slice(source.header_lines)
    width = len(source.header)
    irregular = lines.filter(_irregular(width)).collect(engine="streaming")
    if irregular.is_empty():
        return Records(_scan(source.path, source.header, source.header_lines), _no_malformed())
    sorted_out = _sort_out(source, irregular, width)
    mended = scratch / (source.name.replace("/", "_") + ".mended.csv")
    _write_mended(lines, sorted_out, mended)
    frame = _scan(mended, (LINE, *source.header), 0).with_columns(pl.col(LINE).cast(pl.Int64))
    malformed = pl.DataFrame(sorted_out.malformed, schema=_no_malformed().schema, orient="row")
    return Records(frame, malformed, tuple(sorted_out.notes), sorted_out.joined)


def raw_texts(source: Source, wanted: list[int]) -> pl.DataFrame:
    """Physical text of the records starting at the `wanted` lines: columns line, raw."""
    if source.parquet:
        rows = pl.scan_parquet(source.path).with_row_index("line", offset=1)
        rows = rows.filter(pl.col("line").is_in(wanted)).with_columns(pl.col("line").cast(pl.Int64))
        return rows.select("line", pl.struct(pl.exclude("line")).struct.json_encode().alias("raw")).collect()
    return _lines(source.path).filter(pl.col("line").is_in(wanted)).collect(engine="streaming").rename({"text": "raw"})


def _parquet(source: Source) -> Records:
    scan = pl.scan_parquet(source.path)
    renamed = dict(zip(scan.collect_schema(), source.header, strict=True))
    flat = [name for name, dtype in scan.collect_schema().items() if not dtype.is_nested() and dtype != pl.Binary]
    texts = scan.select(pl.col(name).cast(pl.String).alias(renamed[name]) for name in flat)
    frame = texts.with_row_index(LINE, offset=1).with_columns(pl.col(LINE).cast(pl.Int64))
    return Records(frame, _no_malformed())


def _no_malformed() -> pl.DataFrame:
    return pl.DataFrame(schema={"line": pl.Int64, "raw": pl.String, "reason": pl.String})


def _lines(path: Path) -> pl.LazyFrame:
    """Physical lines with their number from 1; bytes that are not UTF-8 become U+FFFD."""
    scan = pl.scan_csv(
        path,
        has_header=False,
        separator="\x01",
        quote_char=None,
        schema={"text": pl.String},
        encoding="utf8-lossy",
        row_index_name="line",
        row_index_offset=1,
        truncate_ragged_lines=True,
    )
    return scan.select(pl.col("line").cast(pl.Int64), pl.col("text").fill_null("").str.strip_chars_end("\r"))


def _irregular(width: int) -> pl.Expr:
    """Lines that are not one well-formed record of `width` fields by themselves."""
    marked = pl.col("text").str.replace_all(_QUOTED, _MARK)
    commas = marked.str.count_matches(",", literal=True)
    stray = marked.str.contains('"', literal=True) | marked.str.contains(f"[^,]{_MARK}|{_MARK}[^,]")
    return (commas != width - 1) | stray | pl.col("text").str.contains("\ufffd", literal=True)


def _scan(path: Path, header: tuple[str, ...], skip: int) -> pl.LazyFrame:
    names = [name if name and header.index(name) == index else f"__{index}" for index, name in enumerate(header)]
    scan = pl.scan_csv(
        path, has_header=False, skip_lines=skip, schema=dict.fromkeys(names, pl.String), row_index_name="__row",
        row_index_offset=skip + 1,
    )  # fmt: skip
    if LINE in names:
        return scan.drop("__row")
    return scan.with_columns(pl.col("__row").cast(pl.Int64).alias(LINE)).drop("__row")


@dataclass
class _SortedOut:
    """What becomes of the irregular lines; `dropped` are the lines that are no good record alone."""

    malformed: list[tuple[int, str, str]]
    joined: dict[int, str]
    notes: list[str]
    dropped: set[int]


def _sort_out(source: Source, irregular: pl.DataFrame, width: int) -> _SortedOut:
    result = _SortedOut([], {}, [], set())
    _join(source, irregular, width, result)
    for line, text, note in irregular.with_columns(pl.col("text").str.contains(_NOTES).alias("note")).iter_rows():
        if line in result.dropped:
            continue
        result.dropped.add(line)
        if note:
            result.notes.append(text.strip())
        elif text.strip():
            result.malformed.append((line, text, _reason(text, width)))
    return result


def _join(source: Source, irregular: pl.DataFrame, width: int, result: _SortedOut) -> None:
    """Records over several lines run from one odd number of quotes to the next."""
    odd = irregular.filter(pl.col("text").str.count_matches('"', literal=True) % 2 == 1)["line"].to_list()
    spans = [pair for pair in zip(odd, odd[1:], strict=False) if pair[1] - pair[0] <= LONGEST_RECORD_LINES]
    wanted = sorted({line for first, last in spans for line in range(first, last + 1)})
    texts = dict(raw_texts(source, wanted).iter_rows()) if wanted else {}
    for first, last in spans:
        if first in result.dropped:
            continue
        text = "\n".join(texts[line] for line in range(first, last + 1))
        if _fields(text) == width and "\ufffd" not in text:
            result.joined[first] = text
            result.dropped.update(range(first, last + 1))


def _fields(text: str) -> int:
    if '"' not in text:
        return text.count(",") + 1
    try:
        rows = list(csv.reader(io.StringIO(text), strict=True))
    except csv.Error:
        return 0
    return len(rows[0]) if len(rows) == 1 else 0


def _reason(text: str, width: int) -> str:
    if "\ufffd" in text:
        return "record: not UTF-8; save the file in UTF-8"
    fields = _fields(text)
    if not fields:
        return "record: a quote is not closed or not doubled"
    return f"record: {fields} fields where the header has {width}"


def _write_mended(lines: pl.LazyFrame, sorted_out: _SortedOut, path: Path) -> None:
    """Write the good records, each behind its line number and a comma."""
    dropped = pl.Series(sorted(sorted_out.dropped), dtype=pl.Int64)
    joined = pl.DataFrame(
        {"line": list(sorted_out.joined), "text": list(sorted_out.joined.values())},
        schema={"line": pl.Int64, "text": pl.String},
    )
    single = lines.filter(~pl.col("line").is_in(dropped.implode()))
    good = pl.concat([single, joined.lazy()]).select(pl.format("{},{}", "line", "text"))
    good.sink_csv(path, include_header=False, quote_style="never")
