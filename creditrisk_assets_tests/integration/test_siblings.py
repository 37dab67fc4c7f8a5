"""The tables of one computation stay in step, whichever of them is asked for."""

from pathlib import Path

import dagster as dg
import pytest

from creditrisk_assets.columns import Table
from creditrisk_assets.contracts import (
    MODELS_BINNING,
    MODELS_REFERENCE,
    RAW_LOANS,
    RAW_LOANS_LEDGER,
    RAW_LOANS_QUARANTINE,
    SCORES_LINEAGE,
    SCORES_LOANS,
)
from creditrisk_assets_tests.world import MODEL_DATES, VINTAGES, World, assert_same_tables

RAW, SCORES = (RAW_LOANS, RAW_LOANS_QUARANTINE, RAW_LOANS_LEDGER), (SCORES_LOANS, SCORES_LINEAGE)
REFERENCES = (MODELS_BINNING, MODELS_REFERENCE)
ALL = [(table, family) for family in (RAW, REFERENCES, SCORES) for table in family]


def materialised(result: dg.ExecuteInProcessResult) -> set[str]:
    keys = [event.asset_key for event in result.get_asset_materialization_events()]
    return {key.to_user_string() for key in keys if key is not None}


@pytest.mark.parametrize(("table", "family"), ALL, ids=lambda value: value.name if isinstance(value, Table) else "")
def test_one_table_alone_brings_its_siblings_along(
    tmp_path: Path, batched: World, table: Table, family: tuple[Table, ...]
) -> None:
    world, days = batched.copy(tmp_path), MODEL_DATES if family is REFERENCES else VINTAGES[24:26]
    for sibling in family:  # fallen behind: the rows of these partitions are gone
        world.lake.overwrite(sibling, world.rows(sibling).clear(), days)
    before = {sibling: world.lake.version(sibling) for sibling in family}
    result = world.run(f'key:"{table.name}"', *days)
    assert materialised(result) == {table.name}
    assert_same_tables(world, batched, *(sibling for sibling in family if sibling is not SCORES_LINEAGE))
    for sibling in family:
        assert world.lake.version(sibling) == before[sibling] + 1
        commit = world.lake.open(sibling).history(1)[0]
        assert commit["dagster_run_id"] == result.run_id
        assert commit["dagster_asset"] == sibling.name
        assert commit["dagster_partitions"] == ",".join(day.isoformat() for day in days)


def test_a_check_of_the_selected_table_runs_with_it(tmp_path: Path, ingested: World) -> None:
    result = World(tmp_path, ingested.loans).run('key:"raw/loans_ledger"', VINTAGES[0])
    checks = {(check.asset_key.to_user_string(), check.check_name) for check in result.get_asset_check_evaluations()}
    assert checks == {("raw/loans_ledger", "keeps_its_contract"), ("raw/loans_ledger", "every_record_is_accounted_for")}
