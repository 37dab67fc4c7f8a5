"""Assets of the raw stage: one pass over the files gives loans, quarantine and ledger."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import dagster as dg
import polars as pl

from creditrisk_assets.contracts import RAW_LOANS, RAW_LOANS_LEDGER, RAW_LOANS_QUARANTINE
from creditrisk_assets.partitions import vintages
from creditrisk_assets.raw.intake import Intake, read_loans
from creditrisk_assets.raw.reasons import general
from creditrisk_assets.raw.sources import find_files, names_of
from creditrisk_assets.resources.lake import DeltaLakeIOManager
from creditrisk_assets.resources.loan_files import LoanFiles
from creditrisk_assets.shell import Part, asset_out, at_once, together
from creditrisk_assets.workloads import BOOK

OUTS = {
    "loans": asset_out(RAW_LOANS, kinds={"polars", "deltalake", "csv"}),
    "loans_quarantine": asset_out(RAW_LOANS_QUARANTINE, kinds={"polars", "deltalake"}),
    "loans_ledger": asset_out(RAW_LOANS_LEDGER, kinds={"polars", "deltalake"}),
}


@dg.multi_asset(
    name="raw_loans",
    outs=OUTS,
    partitions_def=vintages,
    **at_once(BOOK),
    can_subset=True,
)
def raw_loans(
    context: dg.AssetExecutionContext, loan_files: LoanFiles, lake: dg.ResourceParam[DeltaLakeIOManager]
) -> Iterator[dg.Output[pl.DataFrame]]:
    """Read the lender's files once: typed loans, rejected records with their reasons, and the count of both."""
    wanted = [date.fromisoformat(key) for key in context.partition_keys]
    files = find_files(loan_files.loans, Path(loan_files.landing))
    intake = read_loans(files, loan_files.book, wanted)
    counts = _counts(intake)
    context.log.info("read {read}, clean {clean}, quarantined {quarantined}".format(**counts))
    parts = [
        Part(RAW_LOANS, intake.clean, {**counts, **_remarks(intake)}),
        Part(RAW_LOANS_QUARANTINE, intake.quarantine, {"reasons": _reasons(intake)}),
        Part(RAW_LOANS_LEDGER, intake.ledger, dict(counts)),
    ]
    read_now = list(names_of(files).values())
    parts = [replace(part, frame=_with_other_files(part, lake, read_now)) for part in parts]
    yield from together(context, lake, parts)


def _with_other_files(part: Part, lake: DeltaLakeIOManager, read_now: list[str]) -> pl.DataFrame:
    """The rows to write, and those of no vintage that earlier files left: nothing rejected is ever dropped."""
    if not part.table.column("vintage").nullable or not lake.lake.exists(part.table):
        return part.frame
    of_none = lake.lake.scan(part.table, [], of_none=True)
    mine = [(pl.col("file") == name) | pl.col("file").str.starts_with(f"{name}/") for name in read_now]
    return pl.concat([part.frame, of_none.filter(~pl.any_horizontal(mine)).collect()])


def _counts(intake: Intake) -> dict[str, int]:
    return {name: int(intake.ledger[name].sum()) for name in ("read", "clean", "quarantined")}


def _remarks(intake: Intake) -> dict[str, dg.MetadataValue]:
    return {
        "files": dg.MetadataValue.text(", ".join(intake.ledger["file"].unique().sort())),
        "summary_lines": dg.MetadataValue.text("\n".join(intake.notes) or "none"),
        "columns_not_in_contract": dg.MetadataValue.text(", ".join(intake.unknown_columns) or "none"),
    }


def _reasons(intake: Intake) -> dg.MetadataValue:
    """The commonest reasons, what differs from record to record left out, as a table."""
    reasons = intake.quarantine.explode("reasons").select(general(pl.col("reasons").drop_nulls()))["reasons"]
    lines = [f"| {reason} | {count} |" for reason, count in reasons.value_counts(sort=True).head(20).rows()]
    return dg.MetadataValue.md("\n".join(["| reason | records |", "|---|---|", *lines]))
