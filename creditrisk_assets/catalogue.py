"""docs/tables.md, generated from the contracts."""

from creditrisk_assets.columns import Column, Table
from creditrisk_assets.contracts import TABLES

_HEAD = """\
# Tables of the lake

Generated from `creditrisk_assets/contracts/` by `make docs`; do not edit.

*known* says when a value exists: `key` identifies the row, `application` is known when the borrower
applies and may become a feature, `later` is an outcome and never may, `derived` is computed by the
platform. *price* marks what the lender itself decided.
"""


def tables_markdown() -> str:
    """Every table with its columns, as Markdown."""
    return "\n".join([_HEAD, *(_table(table) for table in TABLES.values())])


def _table(table: Table) -> str:
    lines = [f"## {table.name}", "", table.meaning, ""]
    lines.append(f"Primary key: {', '.join(table.primary) or 'none'}. Partitioned by: {table.partition or 'nothing'}.")
    lines += ["", "| column | type | unit | known | empty | rule | meaning |", "|---|---|---|---|---|---|---|"]
    return "\n".join([*lines, *(_row(column) for column in table.columns), ""])


def _row(column: Column) -> str:
    known = f"{column.known}, price" if column.price else column.known
    rule = column.rule if len(column.allowed) <= 8 else f"one of {len(column.allowed)} declared values"
    empty = "yes" if column.nullable else "no"
    cells = (column.name, str(column.dtype), column.unit, known, empty, rule, column.meaning)
    return "| " + " | ".join(cells) + " |"
