"""A lake beside which lies what nobody may read, and whether anything in it has changed."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from creditrisk_assets.contracts import SCORES_LIVE, SCORES_LOANS
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets_tests.doors.hostile import CANARY, HOSTILE
from creditrisk_assets_tests.serving.scored import Event, stream

LOAN, CUSTOMER = "loan-7", "customer-7"


def scored(lake: Lake) -> Lake:
    """Somebody to ask for: a loan, and a customer with an application; and the canary beside the lake."""
    live = stream([[Event(CUSTOMER, True, 1.0), Event(CUSTOMER, False, 2.0)]])[0].scores
    lake.overwrite(SCORES_LIVE, live, live["ingest_day"].unique().to_list())
    row = {name: live[name][0] for name in SCORES_LOANS.schema if name in live.columns}
    (vintage,) = pl.select(pl.date(2015, 10, 1)).to_series()
    loans = pl.DataFrame([row | {"vintage": vintage, "loan_id": LOAN}], schema=SCORES_LOANS.schema)
    lake.overwrite(SCORES_LOANS, loans, [vintage])
    Path(lake.root).with_name("canary.txt").write_text(CANARY)
    return lake


def contents(folder: Path) -> dict[str, str]:
    """Every file below a folder by what it holds."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@contextmanager
def untouched(lake: Lake) -> Iterator[None]:
    """Nothing in the lake or beside it is another afterwards."""
    folder = Path(lake.root).parent
    before = contents(folder)
    yield
    assert contents(folder) == before
    assert not Path("/tmp/creditrisk-mine").exists()


def reveals(text: str) -> list[str]:
    """What an answer tells that it may not: the canary, files of the machine, the code behind it."""
    told = (
        "root:x:0",
        "Traceback",
        'File "/',
        "site-packages",
        "psycopg",
        "polars",
        "deltalake",
        "/_delta_log/",
        "SELECT ",
    )
    return [one for one in (CANARY, *told) if one in text and not any(one in sent for sent in HOSTILE.values())]
