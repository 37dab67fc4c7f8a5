"""What is on screen as files to take away."""

import io

import polars as pl

FORMULA = r"^[=+\-@\t\r]"


def csv(frame: pl.DataFrame) -> bytes:
    """The rows as CSV; text that a spreadsheet would run as a formula begins with an apostrophe.

    Identifiers come from messages of strangers (OWASP, CSV injection). Numbers are left as they are.
    """
    text = pl.col(pl.String)
    harmless = pl.when(text.str.contains(FORMULA)).then(pl.concat_str(pl.lit("'"), text)).otherwise(text)
    return frame.with_columns(harmless.name.keep()).write_csv().encode()


def parquet(frame: pl.DataFrame) -> bytes:
    """The rows as parquet, as they are."""
    sink = io.BytesIO()
    frame.write_parquet(sink)
    return sink.getvalue()
