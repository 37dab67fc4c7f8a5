"""What the lake holds of a loan or a customer, by its identifier and nothing else."""

from datetime import date
from urllib.parse import quote

import polars as pl
import pytest
from starlette.testclient import TestClient

from creditrisk_assets.contracts import SCORES_LIVE, SCORES_LOANS, SCORES_RULES
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.serving.api.answers import FIGURES
from creditrisk_assets_tests.serving.asked import asking
from creditrisk_assets_tests.serving.scored import Event, stream

VINTAGE = date(2015, 10, 1)
LOANS = ["1", "a'b"]


@pytest.fixture
def scored_lake(own_lake: Lake) -> Lake:
    """Two loans of the book, and a customer and an application of the stream."""
    live = stream([[Event("c-1", True, 1.0), Event("c-1", False, 2.0)]])[0].scores
    own_lake.overwrite(SCORES_LIVE, live, live["ingest_day"].unique().to_list())
    row = {name: live[name][0] for name in SCORES_LOANS.schema if name in live.columns} | {"vintage": VINTAGE}
    rows = [row | {"loan_id": name, "pd": 0.1 * place} for place, name in enumerate(LOANS, 1)]
    own_lake.overwrite(SCORES_LOANS, pl.DataFrame(rows, schema=SCORES_LOANS.schema), [VINTAGE])
    flags = {name: "Low" for name in SCORES_RULES.schema if name.endswith("_band")}
    flags |= {"vintage": VINTAGE, "tier": "Watchlist", "watchlist": True, "rule_reasons": "A,B", "rules": "2026-1"}
    told = pl.DataFrame([flags | {"loan_id": name} for name in LOANS], schema=SCORES_RULES.schema)
    own_lake.overwrite(SCORES_RULES, told, [VINTAGE])
    return own_lake


def scores(client: TestClient, identifier: str) -> list[dict[str, object]]:
    found = client.get(f"/v1/loans/{quote(identifier, safe='')}")
    assert found.status_code == 200, found.text
    assert found.json()["identifier"] == identifier
    told: list[dict[str, object]] = found.json()["scores"]
    return told


def test_a_loan_of_the_book_is_told_with_its_flags(scored_lake: Lake) -> None:
    with asking(scored_lake) as client:
        (told,) = scores(client, "a'b")
    (row,) = scored_lake.scan(SCORES_LOANS).filter(loan_id="a'b").collect().rows(named=True)
    assert {name: told[name] for name in FIGURES} == {name: row[name] for name in FIGURES}
    assert (told["kind"], told["subject"], told["as_of"]) == ("loan", "a'b", "2015-10-01")
    assert told["flags"] == {"tier": "Watchlist", "watchlist": True, "reasons": ["A", "B"]}
    assert told["rules"] == "2026-1"


def test_a_customer_of_the_stream_is_told_the_newest_first(scored_lake: Lake) -> None:
    with asking(scored_lake) as client:
        behaviour, applied = scores(client, "c-1")
    assert (behaviour["kind"], behaviour["flags"], behaviour["pd_term"]) == ("behaviour", None, None)
    assert applied["kind"] == "application"
    assert applied["flags"]


@pytest.mark.parametrize(
    "identifier",
    ["nobody", "1' OR '1'='1", "%", "*", "..", "../../etc/passwd", "1;DROP TABLE", "\x00", "a" * 300, " ", "'"],
)
def test_nobody_is_known_by_anything_else(scored_lake: Lake, identifier: str) -> None:
    with asking(scored_lake) as client:
        found = client.get(f"/v1/loans/{quote(identifier, safe='')}")
    assert found.status_code == 404
    assert found.headers["content-type"] == "application/problem+json"
