"""The watch list: declined before referred before approved, highest PD first, quick among a million."""

from collections.abc import Iterator

import pytest

from creditrisk_assets.serving import reading
from creditrisk_assets.serving.connection import Connection
from creditrisk_assets_tests.serving.databases import Database

MANY = 20_000


@pytest.fixture
def reader(postgres: Database) -> Iterator[Connection]:
    """Everybody scored once, one second apart; one in ten an application."""
    postgres.rows(
        f"""
        INSERT INTO serving.live_risk
        SELECT CASE WHEN n % 10 = 0 THEN 'application' ELSE 'behaviour' END, 'a' || n, p, 0, 1, NULL, NULL, NULL, 600,
               1, CASE WHEN p > .2 THEN 'decline' WHEN p > .15 THEN 'refer' ELSE 'approve' END, .5, '{{}}', '{{}}',
               'p', '2026-10-01', 'application', now(), 'e', 't', 0, 0, n, now() - n * interval '1 second', now()
        FROM (SELECT n, 1 / (1 + exp(2.5 + 2 * sin(n))) AS p FROM generate_series(1, {MANY}) AS n) AS people
        """
    )
    postgres.rows(
        """
        INSERT INTO serving.decisions
        SELECT topic, epoch, partition, "offset", kind, subject, pd, pd_low, pd_high, points, band, decision,
               decision_probability, reasons, contributions, policy, model_date, feature_set, as_of, event_id,
               ingested_at
        FROM serving.live_risk
        """
    )
    postgres.rows("ANALYZE serving.live_risk, serving.decisions")
    with postgres.connect("reader") as connection:
        yield connection


def test_everyone_stands_by_decision_then_from_the_highest_pd_down(reader: Connection) -> None:
    found = reading.flagged(reader, MANY).select("decision", "pd").rows()
    rank = {decision: place for place, decision in enumerate(reading.FLAGGED_FIRST)}
    assert len(found) == MANY
    assert found == sorted(found, key=lambda row: (rank[row[0]], -row[1]))
    assert reading.flagged(reader, 50).select("decision", "pd").rows() == found[:50]


@pytest.mark.parametrize("kind", [None, "application", "behaviour"])
@pytest.mark.parametrize("decision", [None, "decline", "refer", "approve"])
def test_one_kind_and_one_decision_can_be_asked_for(
    reader: Connection, kind: reading.Kind | None, decision: str | None
) -> None:
    for frame in (reading.flagged(reader, 30, kind, decision), reading.latest(reader, 30, kind, decision)):
        assert frame.height == 30
        assert kind is None or set(frame["kind"]) == {kind}
        assert decision is None or set(frame["decision"]) == {decision}


def test_the_latest_are_the_newest_decisions(reader: Connection) -> None:
    found = reading.latest(reader, 40)
    assert found["subject"].to_list() == [f"a{n}" for n in range(1, 41)]


def test_a_decision_nobody_knows_finds_nobody(reader: Connection) -> None:
    assert reading.flagged(reader, 10, None, "' OR 1=1 --").is_empty()


def test_the_flagged_are_found_by_their_index(reader: Connection, postgres: Database) -> None:
    plan = "\n".join(
        line
        for (line,) in postgres.rows(
            "EXPLAIN (COSTS OFF) SELECT subject FROM serving.live_risk WHERE decision = 'decline' "
            "ORDER BY pd_step DESC, pd DESC, ingested_at DESC, subject LIMIT 50"
        )
    )
    assert "live_risk_flagged_first" in plan
    assert "Incremental Sort" in plan
