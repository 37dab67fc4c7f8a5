"""The watch list page in every state: filled, filtered, empty, and without PostgreSQL."""

import json
from collections.abc import Iterator

import polars as pl
import pytest

from creditrisk_assets.contracts import TIERS
from creditrisk_assets.serving.live import apply
from creditrisk_assets.serving.overrides import Decided, record
from creditrisk_assets.serving.reading import FLAGGED_FIRST
from creditrisk_assets.serving.wording import KINDS, VERDICTS
from creditrisk_assets_tests.dashboard.opened import Opening, written
from creditrisk_assets_tests.serving.databases import Database
from creditrisk_assets_tests.serving.scored import NOW, Event, held_after, stream

LABELS = {"application": "Applications", "behaviour": "Customers"}
MADE = stream([[Event(f"s{number}-{k}", k % 3 > 0, float(k)) for k in range(9)] for number in range(3)])


@pytest.fixture
def filled(postgres: Database) -> Iterator[Database]:
    with postgres.connect() as writer:
        for one in MADE:
            apply(writer, one.batch, one.scores, NOW)
    yield postgres


def url(database: Database) -> str:
    return database.url.get_secret_value()


def test_without_postgresql_the_variable_is_named(opening: Opening) -> None:
    page = opening("watch_list")
    assert not page.exception
    assert "CREDITRISK_POSTGRES_URL is not set" in written(page)


def test_postgresql_that_is_down_is_told_with_its_remedy(opening: Opening) -> None:
    page = opening("watch_list", postgres_url="postgresql://me@127.0.0.1:1/risk")
    assert not page.exception
    assert "PostgreSQL cannot be read." in written(page)
    assert "creditrisk postgres" in written(page)


def test_a_database_without_the_tables_names_the_command(opening: Opening, postgres: Database) -> None:
    postgres.rows("DROP SCHEMA serving CASCADE")
    page = opening("watch_list", postgres_url=url(postgres))
    assert not page.exception
    assert "creditrisk migrate" in written(page)


def test_before_the_first_event_it_says_what_would_bring_one(opening: Opening, postgres: Database) -> None:
    page = opening("watch_list", postgres_url=url(postgres))
    assert not page.exception
    assert "The stream has brought nothing yet" in written(page)


@pytest.mark.parametrize("show", ["Latest", "Everyone"])
def test_everybody_stands_there_flagged_first(show: str, opening: Opening, filled: Database) -> None:
    page = opening("watch_list", asked={"show": show}, postgres_url=url(filled))
    assert not page.exception
    (table,) = page.dataframe
    live = held_after(MADE).live
    assert set(table.value["subject"]) == {subject for _, subject in live}
    rank = {VERDICTS[decision]: place for place, decision in enumerate(FLAGGED_FIRST)}
    found = [(rank[row.decision[0]], -row.pd) for row in table.value.itertuples()]
    assert found == sorted(found)
    assert table.value["sure"].between(0, 99.9).all()
    assert f"{sum(one.batch.frame.height for one in MADE)} events" in written(page)


@pytest.mark.parametrize("decision", list(VERDICTS))
@pytest.mark.parametrize("kind", ["application", "behaviour"])
def test_a_link_with_filters_shows_what_they_say(kind: str, decision: str, opening: Opening, filled: Database) -> None:
    page = opening("watch_list", asked={"kind": LABELS[kind], "decision": VERDICTS[decision]}, postgres_url=url(filled))
    assert not page.exception
    expected = {s for (k, s), row in held_after(MADE).live.items() if k == kind and row["decision"] == decision}
    shown = set(page.dataframe[0].value["subject"]) if page.dataframe else set()
    assert shown == expected
    assert expected or "Nobody decided upon lately matches" in written(page)


@pytest.mark.parametrize("asked", [{"kind": "' OR 1=1 --"}, {"decision": "x" * 10_000}, {"show": "<script>"}])
def test_filters_nobody_knows_count_for_nothing(asked: dict[str, str], opening: Opening, filled: Database) -> None:
    page = opening("watch_list", asked=asked, postgres_url=url(filled))
    assert not page.exception
    assert len(page.dataframe[0].value) == len(held_after(MADE).live)


def test_an_overridden_decision_is_marked(opening: Opening, filled: Database) -> None:
    (kind, subject), row = next(iter(held_after(MADE).live.items()))
    other = "approve" if row["decision"] != "approve" else "decline"
    place = (row["topic"], row["epoch"], row["partition"], row["offset"])
    with filled.connect("officer") as connection:
        record(connection, Decided(subject, kind, row["decision"], row["model_date"], place), other, "x" * 10, "ann")
    page = opening("watch_list", postgres_url=url(filled))
    marked = page.dataframe[0].value.set_index("subject")["override"].dropna()
    assert marked.to_dict() == {subject: VERDICTS[other]}


def test_what_the_rules_say_of_applications_stands_beside_the_model(opening: Opening, filled: Database) -> None:
    page = opening("watch_list", postgres_url=url(filled))
    assert not page.exception
    rows = pl.from_pandas(page.dataframe[0].value).select("kind", "subject", "tier", "conditions")
    live = held_after(MADE).live
    assert {row["tier"] for row in live.values()} == {*TIERS, None}
    assert {row[:2]: row[2:] for row in rows.rows()} == {
        (KINDS[kind], subject): (
            [row["tier"]] if row["tier"] else None,
            row["rule_reasons"].replace(",", ", ") if row["rule_reasons"] else None,
        )
        for (kind, subject), row in live.items()
    }


def test_columns_of_the_rules_are_left_out_where_only_customers_are_shown(opening: Opening, filled: Database) -> None:
    whose = {name: opening("watch_list", asked={"kind": LABELS[name]}, postgres_url=url(filled)) for name in LABELS}
    orders = {name: list(json.loads(page.dataframe[0].proto.columns)) for name, page in whose.items()}
    assert {"tier", "conditions"} <= set(orders["application"])
    assert not {"tier", "conditions", "override"} & set(orders["behaviour"])
