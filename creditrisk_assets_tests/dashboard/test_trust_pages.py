"""Model health and pipeline in every state: full, empty, half a lake, PostgreSQL and Dagster down."""

import shutil
from pathlib import Path

import polars as pl
import pytest

from creditrisk_assets.contracts import MODELS_BACKTEST, MODELS_COMPARISON, SERVING_SEGMENTS, TABLES
from creditrisk_assets.streaming.sensors import events
from creditrisk_assets_tests.dashboard.opened import Opening, written
from creditrisk_assets_tests.serving.databases import Database
from creditrisk_assets_tests.world import World

PAGES = ("model_health", "pipeline")
NOBODY = "http://127.0.0.1:9"


def table(page: object, *columns: str) -> pl.DataFrame:
    """The table on the page that has these columns."""
    for shown in page.dataframe:  # type: ignore[attr-defined]
        if set(columns) <= set(shown.value.columns):
            return pl.from_pandas(shown.value)
    raise AssertionError(f"no table with {columns}")


def metrics(page: object) -> dict[str, str]:
    return {metric.label: metric.value for metric in page.metric}  # type: ignore[attr-defined]


def test_model_health_shows_the_committee_and_every_model(opening: Opening, batched: World) -> None:
    page = opening("model_health", Path(batched.lake.root))
    assert not page.exception
    committee = table(page, "indicator", "status")
    assert committee.height == 11
    assert not committee["status"].list.contains("unknown").any()
    newest = table(page, "model", "auc")
    rows = batched.rows(MODELS_COMPARISON).filter(feature_set="application", outcomes="as_known")
    rows = rows.filter(pl.col("model_date") == rows["model_date"].max()).sort("auc", descending=True)
    assert newest["auc"].to_list() == pytest.approx(rows["auc"].to_list())
    assert newest["mean_pd"].to_list() == pytest.approx((100 * rows["mean_pd"]).to_list())


def test_a_link_chooses_features_and_measure(opening: Opening, batched: World) -> None:
    asked = {"features": "Application with price", "measure": "KS"}
    page = opening("model_health", Path(batched.lake.root), asked=asked)
    assert not page.exception
    rows = batched.rows(MODELS_COMPARISON).filter(feature_set="application_with_price", outcomes="as_known")
    newest = rows.filter(pl.col("model_date") == rows["model_date"].max())
    assert sorted(table(page, "model", "ks")["ks"]) == pytest.approx(sorted(newest["ks"]))


@pytest.mark.parametrize(("missing", "unknown"), [(MODELS_COMPARISON, 2), (MODELS_BACKTEST, 1), (SERVING_SEGMENTS, 2)])
def test_what_is_missing_is_unknown_and_the_rest_is_shown(
    missing: object, unknown: int, opening: Opening, batched: World, tmp_path: Path
) -> None:
    world = batched.copy(tmp_path)
    shutil.rmtree(Path(world.lake.uri(missing)))  # type: ignore[arg-type]
    page = opening("model_health", Path(world.lake.root))
    assert not page.exception
    assert table(page, "indicator", "status")["status"].list.contains("unknown").sum() == unknown
    assert table(page, "r_hat_max").height


def test_no_lake_has_no_model_health(opening: Opening) -> None:
    page = opening("model_health")
    assert not page.exception
    assert "make demo" in written(page)


def test_a_lake_without_models_says_what_to_do(opening: Opening, ingested: World) -> None:
    page = opening("model_health", Path(ingested.lake.root))
    assert not page.exception
    assert "materialize models/diagnostics" in written(page)


def test_the_pipeline_lists_every_table_with_its_rows(opening: Opening, batched: World) -> None:
    page = opening("pipeline", Path(batched.lake.root), dagster_url=NOBODY)
    assert not page.exception
    assert "Data as of" in written(page)
    found = table(page, "table", "rows", "version")
    assert sorted(found["table"]) == sorted(one.name for one in TABLES.values())
    for name, rows, version in found.filter(pl.col("rows").is_not_null()).select("table", "rows", "version").rows():
        contract = next(one for one in TABLES.values() if one.name == name)
        assert (rows, version) == (batched.rows(contract).height, batched.lake.version(contract))
    assert not found["status"].list.contains("behind").any()
    assert found["link"].str.starts_with(f"{NOBODY}/assets/").all()


def test_dagster_and_postgres_down_are_told_and_the_rest_is_shown(opening: Opening, batched: World) -> None:
    page = opening("pipeline", Path(batched.lake.root), dagster_url=NOBODY,
                   postgres_url="postgresql://nobody:secret@127.0.0.1:9/none")  # fmt: skip
    assert not page.exception
    assert "Dagster does not answer" in written(page)
    assert "PostgreSQL cannot be read" in written(page)
    assert "secret" not in written(page)
    assert metrics(page)["Events applied"] == "-"


def test_postgres_not_set_up_is_told(opening: Opening, batched: World) -> None:
    page = opening("pipeline", Path(batched.lake.root), dagster_url=NOBODY)
    assert "CREDITRISK_POSTGRES_URL is not set" in written(page)


def test_the_stream_is_told_from_postgres(opening: Opening, batched: World, postgres: Database) -> None:
    postgres.rows(
        "INSERT INTO serving.stream (ingested_at, micro_batches, events, decisions) VALUES (now(), 2, 1007, 5);"
        "INSERT INTO serving.stream_counters VALUES ('loan-applications', 'loan_application', 1007, 1000, 7, 0, 41);"
        "INSERT INTO serving.stream_latency VALUES ('loan-applications', 0.5, 990, 1), ('loan-applications', 1, 10, 1)"
    )
    page = opening("pipeline", Path(batched.lake.root), dagster_url=NOBODY,
                   postgres_url=postgres.url.get_secret_value())  # fmt: skip
    assert not page.exception
    assert metrics(page)["Events applied"] == "1,007"
    assert metrics(page)["Time to PostgreSQL"] == "0.5 s"
    assert table(page, "topic", "bad")["bad"].to_list() == [7]


def test_a_stream_that_applied_nothing_says_what_to_do(opening: Opening, postgres: Database) -> None:
    page = opening("pipeline", dagster_url=NOBODY, postgres_url=postgres.url.get_secret_value())
    assert not page.exception
    assert "No event has been applied yet" in written(page)
    assert f"the sensor `{events.name}` picks them up" in written(page)


def test_without_a_lake_every_table_is_missing(opening: Opening) -> None:
    page = opening("pipeline", dagster_url=NOBODY)
    assert not page.exception
    assert set(table(page, "table", "rows")["status"].list.first()) == {"missing"}
    assert "Not counted yet" in written(page)


def test_links_lead_where_people_reach_dagster_and_questions_to_where_it_answers(opening: Opening) -> None:
    page = opening("pipeline", dagster_url=NOBODY, dagster_link="https://risk.example/view")
    assert table(page, "table", "rows")["link"].str.starts_with("https://risk.example/view/assets/").all()
    assert f"does not answer at {NOBODY}" in written(page)


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize(
    "asked", [{"features": "../../etc/passwd", "measure": "<script>", "term": "abc", "split": "9" * 4_000},
              {"features": "", "measure": "", "section": "<script>"}],
)  # fmt: skip
def test_whatever_a_link_asks_for_the_page_stands(
    name: str, asked: dict[str, str], opening: Opening, batched: World
) -> None:
    page = opening(name, Path(batched.lake.root), asked=asked, dagster_url=NOBODY)
    assert not page.exception
    assert not page.error
    assert page.dataframe
