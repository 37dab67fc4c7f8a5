"""What happens later does not reach an earlier model."""

from pathlib import Path

import polars as pl
from polars.testing import assert_frame_equal

from creditrisk_assets.contracts import FEATURES_LOANS, MODELS_LOGISTIC
from creditrisk_assets_tests.world import MODEL_DATES, VINTAGES, World

EARLIER, LATER = MODEL_DATES


def test_changing_later_vintages_leaves_an_earlier_model_as_it_was(tmp_path: Path, batched: World) -> None:
    world = batched.copy(tmp_path)
    later = [vintage for vintage in VINTAGES if vintage >= EARLIER]
    worse = world.only(FEATURES_LOANS, *later).with_columns(fico=pl.lit(300.0), defaulted=pl.lit(True))
    world.lake.overwrite(FEATURES_LOANS, worse, later)
    world.run('key:"models/logistic"', EARLIER)
    assert world.lake.version(MODELS_LOGISTIC) == batched.lake.version(MODELS_LOGISTIC) + 1
    assert_frame_equal(world.rows(MODELS_LOGISTIC), batched.rows(MODELS_LOGISTIC))


def test_changing_an_earlier_vintage_does_reach_a_later_model(tmp_path: Path, batched: World) -> None:
    world = batched.copy(tmp_path)
    earlier = VINTAGES[:3]
    worse = world.only(FEATURES_LOANS, *earlier).with_columns(fico=pl.lit(300.0))
    world.lake.overwrite(FEATURES_LOANS, worse, earlier)
    world.run('key:"models/logistic"', LATER)
    models = pl.concat([place.only(MODELS_LOGISTIC, LATER) for place in (world, batched)])
    assert models["model"].n_unique() == models.height
    assert_frame_equal(world.only(MODELS_LOGISTIC, EARLIER), batched.only(MODELS_LOGISTIC, EARLIER))
