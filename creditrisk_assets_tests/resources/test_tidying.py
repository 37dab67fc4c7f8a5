"""Files that nobody needs are removed; what the newest version holds is not touched."""

from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from polars.testing import assert_frame_equal

from creditrisk_assets.cli import main
from creditrisk_assets.resources.delta import Lake, LakeError
from creditrisk_assets.resources.tidying import tidy
from creditrisk_assets_tests.resources.books import FEBRUARY, JANUARY, LOANS, TOTAL, loans


def files(lake: Lake) -> set[Path]:
    return set(Path(lake.uri(LOANS)).glob("vintage=*/*.parquet"))


def test_files_of_old_versions_go_and_rows_stay(lake: Lake) -> None:
    lake.overwrite(LOANS, loans(JANUARY, FEBRUARY), [JANUARY, FEBRUARY])
    lake.overwrite(LOANS, loans(JANUARY, each=5), [JANUARY])
    before = lake.scan(LOANS).collect()
    assert len(files(lake)) == 3
    assert tidy(lake, [LOANS, TOTAL], timedelta(0)) == {"raw/loans": 1}
    assert len(files(lake)) == 2
    assert_frame_equal(lake.scan(LOANS).collect(), before)
    assert_frame_equal(lake.scan(LOANS, [JANUARY]).collect().sort("loan_id"), loans(JANUARY, each=5))


def test_what_a_version_within_the_time_needs_stays(lake: Lake) -> None:
    lake.overwrite(LOANS, loans(JANUARY), [JANUARY])
    lake.overwrite(LOANS, loans(JANUARY, each=5), [JANUARY])
    stray = Path(lake.uri(LOANS), f"vintage={JANUARY}", "part-written-by-somebody-at-work.parquet")
    stray.write_bytes(b"not committed yet")
    assert tidy(lake, [LOANS], timedelta(days=1)) == {"raw/loans": 0}
    assert stray.exists()
    assert_frame_equal(lake.scan(LOANS, version=0).collect().sort("loan_id"), loans(JANUARY))


def test_a_table_whose_storage_fails_is_named(lake: Lake) -> None:
    lake.overwrite(LOANS, loans(JANUARY), [JANUARY])
    log = Path(lake.uri(LOANS), "_delta_log")
    (log / f"{0:020}.json").write_text("{")
    with pytest.raises(LakeError, match="raw/loans cannot be tidied, mend its storage or its permissions: "):
        tidy(lake, [LOANS], timedelta(0))


def test_the_command_keeps_a_day_at_least_and_says_what_it_did(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDITRISK_LAKE", lake.root)
    lake.overwrite(LOANS, loans(JANUARY), [JANUARY])
    refused = CliRunner().invoke(main, ["lake", "tidy", "--days", "0"])
    assert refused.exit_code == 2
    done = CliRunner().invoke(main, ["lake", "tidy"])
    assert (done.exit_code, done.output) == (0, "raw/loans: 0 files removed\n")
