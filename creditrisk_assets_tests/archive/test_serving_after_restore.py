"""PostgreSQL after a restore: it may be ahead of the archive, and is filled from the lake anew; overrides stay."""

from dataclasses import replace
from datetime import timedelta

import polars as pl
import pytest
from click.testing import CliRunner

from creditrisk_assets.cli import main
from creditrisk_assets.serving.errors import ServingError
from creditrisk_assets.serving.live import apply, reached
from creditrisk_assets.streaming.table import MicroBatch
from creditrisk_assets_tests.serving.databases import Database
from creditrisk_assets_tests.serving.scored import NOW, Event, Scored, held, held_after, same, stream

BATCHES = stream([[Event("a", True, 1.0), Event("b", False, 2.0)], [Event("c", True, 3.0)], [Event("d", True, 4.0)]])
OVERRIDE = (
    "INSERT INTO serving.overrides (subject, kind, model_date, overridden, decision, reason, officer) "
    "VALUES ('l-1', 'loan', '2020-01-01', 'decline', 'approve', 'known for thirty years', 'Ada Lovelace')"
)


def taken_again(one: Scored, previous: Scored) -> Scored:
    """The messages of a micro-batch as a restored lake takes them: later, after the last one that was archived."""
    instant = one.batch.ingested_at + timedelta(hours=1)
    later = pl.lit(instant).cast(one.batch.frame.schema["ingested_at"]).alias("ingested_at")
    frame = one.batch.frame.with_columns(later)
    return Scored(
        MicroBatch(instant, previous.batch.ingested_at, one.batch.ranges, frame), one.scores.with_columns(later)
    )


def test_postgres_is_filled_anew_where_it_was_ahead_of_the_archive(
    postgres: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with postgres.connect("writer") as writer:
        for one in BATCHES[:2]:
            apply(writer, one.batch, one.scores, NOW)
        again = taken_again(BATCHES[1], BATCHES[0])
        ahead = replace(again, batch=replace(again.batch, previous=reached(writer)))
        with pytest.raises(ServingError, match="two rows of scores/live have one place"):
            apply(writer, ahead.batch, ahead.scores, NOW)
    with postgres.connect("owner") as owner:
        owner.execute(OVERRIDE)

    monkeypatch.setenv("CREDITRISK_POSTGRES_URL", postgres.url.get_secret_value())
    assert CliRunner().invoke(main, ["stream", "refill"], input="n\n").exit_code == 1
    done = CliRunner().invoke(main, ["stream", "refill", "--yes"])
    assert done.exit_code == 0, done.output

    with postgres.connect("writer") as writer:
        assert reached(writer) is None
        for one in (BATCHES[0], again):
            apply(writer, one.batch, one.scores, NOW)
        same(held(writer), held_after([BATCHES[0], again]))
        assert writer.execute("SELECT count(*) FROM serving.overrides").fetchone() == (1,)
