"""Which model signs for a vintage, and its posterior rebuilt."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from creditrisk_assets.contracts import MODELS_DIAGNOSTICS, MODELS_MOMENTS, MODELS_POSTERIOR
from creditrisk_assets.models.registry.promoting import Proposal, promote
from creditrisk_assets.models.registry.record import Model
from creditrisk_assets.portfolio.posteriors import Posteriors
from creditrisk_assets.portfolio.reported import posterior_for
from creditrisk_assets.resources.environments import Settings
from creditrisk_assets.scores.by_vintage import draws_of_model, models_of
from creditrisk_assets_tests.world import LAST, MODEL_DATES, World

MODEL = Model("application", MODEL_DATES[1])


def test_the_lineage_names_the_model_of_each_scored_vintage(batched: World) -> None:
    assert models_of(batched.lake, [LAST]) == {LAST: MODEL}


def test_what_a_promoted_model_scored_is_looked_at_by_the_posterior_that_was_promoted(
    batched: World, tmp_path: Path
) -> None:
    """Its date trained anew has another posterior: expectations by that one are not what the scores said."""
    lake = batched.copy(tmp_path).lake
    promoted = draws_of_model(lake, MODEL).cells
    promote(lake, Settings(_env_file=None), Proposal(MODEL, "It ranks better all year", "Ada"), "run-1")
    for table in (MODELS_POSTERIOR, MODELS_MOMENTS, MODELS_DIAGNOSTICS):
        rows = lake.scan(table, [MODEL.model_date]).collect()
        lake.overwrite(table, rows.filter(feature_set="application_with_price"), [MODEL.model_date])
    assert np.array_equal(draws_of_model(lake, MODEL).cells, promoted)
    rows = lake.scan(MODELS_DIAGNOSTICS, [MODEL.model_date]).collect()
    lake.overwrite(MODELS_DIAGNOSTICS, rows.vstack(rows.with_columns(feature_set=pl.lit("application"))),
                   [MODEL.model_date])  # fmt: skip
    found = posterior_for(lake, "application", MODEL.model_date)
    assert found is not None
    assert np.array_equal(found[1].cells, promoted)
    assert np.array_equal(Posteriors(lake, "application").draws(MODEL).cells, promoted)


def test_a_posterior_that_is_gone_is_named(batched: World, tmp_path: Path) -> None:
    lake = batched.copy(tmp_path).lake
    for table in (MODELS_POSTERIOR, MODELS_MOMENTS, MODELS_DIAGNOSTICS):
        lake.overwrite(table, lake.scan(table, [MODEL.model_date]).collect().clear(), [MODEL.model_date])
    with pytest.raises(ValueError, match=f"{MODEL.model_date}"):
        draws_of_model(lake, MODEL)
