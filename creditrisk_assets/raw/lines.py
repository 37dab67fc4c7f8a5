"""The physical lines of a text file, whatever bytes they hold."""

from dataclasses import dataclass
from pathlib import Path

import polars as pl


@dataclass(frozen=True)
class Lines:
    """A text file in UTF-8. `foreign` are the lines that were not UTF-8 and are read as Latin-1."""

    path: Path
    foreign: tuple[int, ...] = ()

    def scan(self) -> pl.LazyFrame:
        """Columns line (from 1) and text, without line ends."""
        scan = pl.scan_lines(self.path, name="text", row_index_name="line", row_index_offset=1, glob=False)
        return scan.select(pl.col("line").cast(pl.Int64), pl.col("text").str.strip_chars_end("\r"))

    def texts(self, wanted: list[int]) -> dict[int, str]:
        """Texts of the `wanted` lines by their number."""
        found = self.scan().filter(pl.col("line").is_in(wanted)).collect(engine="streaming")
        return dict(found.iter_rows())


def in_utf8(path: Path, target: Path) -> Lines:
    """Copy `path` to `target`, the lines that are not UTF-8 read as Latin-1.

    Latin-1 gives every byte a character, so that the text of a foreign line can be turned back
    into what stood in the file.
    """
    foreign = []
    with path.open("rb") as stream, target.open("wb") as copy:
        for number, line in enumerate(stream, start=1):
            if _is_utf8(line):
                copy.write(line)
            else:
                foreign.append(number)
                copy.write(line.decode("latin-1").encode("utf-8"))
    return Lines(target, tuple(foreign))


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
