"""Who decides, and how that changes: by a recorded act with a reason, and by nothing else."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from creditrisk_assets.contracts import (
    FEATURES_LOANS,
    MODELS_DIAGNOSTICS,
    MODELS_MOMENTS,
    MODELS_POSTERIOR,
    MODELS_PROMOTIONS,
)
from creditrisk_assets.models.registry import promoting
from creditrisk_assets.models.registry.promoting import PromotionError, Proposal, promote
from creditrisk_assets.models.registry.record import Model, Promotion, in_force, promotions
from creditrisk_assets.resources.delta import Lake, LakeError
from creditrisk_assets.resources.environments import Settings
from creditrisk_assets.scores.challenger import challenging, rival
from creditrisk_assets.scores.champion import champion, deciding
from creditrisk_assets_tests.world import MODEL_DATES, World

OLD, NEW = (Model("application", day) for day in MODEL_DATES)
PRICED = Model("application_with_price", MODEL_DATES[1])
REASON = "It ranks better on every vintage of the year"


def settings(**values: object) -> Settings:
    return Settings(_env_file=None, **values)  # type: ignore[arg-type]


def made(lake: Lake, model: Model, run_id: str = "run-1") -> Promotion | None:
    return promote(lake, settings(), Proposal(model, f" {REASON} ", "Ada"), run_id)


@pytest.fixture
def lake(batched: World, tmp_path: Path) -> Lake:
    return batched.copy(tmp_path).lake


def changed(lake: Lake, day: date, change: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
    """Another posterior at a model date, as if it had been trained anew."""
    for table in (MODELS_POSTERIOR, MODELS_MOMENTS, MODELS_DIAGNOSTICS):
        lake.overwrite(table, change(lake.scan(table, [day]).collect()), [day])


def trained_later(lake: Lake) -> date:
    """A good posterior of both feature sets a quarter after the newest."""
    later = date(2016, 7, 1)
    for table in (MODELS_POSTERIOR, MODELS_MOMENTS, MODELS_DIAGNOSTICS):
        rows = lake.scan(table, [MODEL_DATES[1]]).collect()
        lake.overwrite(table, rows.with_columns(model_date=pl.lit(later)), [later])
    return later


def test_a_promotion_is_recorded_with_what_decided_before_reason_person_run_and_evidence(lake: Lake) -> None:
    before = datetime.now(UTC)
    promotion = made(lake, PRICED)
    (row,) = lake.scan(MODELS_PROMOTIONS).collect().iter_rows(named=True)
    assert (row["feature_set"], row["model_date"]) == (PRICED.feature_set, PRICED.model_date)
    assert (row["previous_feature_set"], row["previous_model_date"]) == (NEW.feature_set, NEW.model_date)
    assert (row["reason"], row["promoted_by"], row["run_id"]) == (REASON, "Ada", "run-1")
    assert before <= row["promoted_at"] <= datetime.now(UTC)
    assert promotions(lake) == [promotion]
    assert MODELS_PROMOTIONS.violations(lake.scan(MODELS_PROMOTIONS)) == {}
    told = json.loads(row["evidence"])
    since = lake.scan(FEATURES_LOANS).filter(pl.col("vintage") >= MODEL_DATES[1]).select(pl.len()).collect().item()
    assert told["these_models"]["loans"] == since > 100
    assert told["these_models"]["challenger_auc"] > 0.5


def test_from_then_on_it_decides_whatever_is_trained_or_set(lake: Lake) -> None:
    made(lake, OLD)
    later = trained_later(lake)
    for values in (settings(), settings(feature_set="application_with_price")):
        assert deciding(lake, values) == OLD
        found = champion(lake, values)
        assert found is not None
        assert (found.model_date, found.posterior.design.feature_set) == (OLD.model_date, OLD.feature_set)
    assert made(lake, Model("application", later), "run-2") is not None
    assert deciding(lake, settings()) == Model("application", later)


def test_before_any_promotion_the_newest_good_one_decides(lake: Lake) -> None:
    assert deciding(lake, settings()) == NEW
    assert deciding(lake, settings(feature_set=PRICED.feature_set)) == PRICED
    assert deciding(lake, settings()) == NEW
    assert deciding(Lake(f"{lake.root}/nothing"), settings()) is None


def test_a_run_that_is_tried_again_counts_once(lake: Lake) -> None:
    first = made(lake, PRICED)
    assert made(lake, PRICED) is None
    assert promotions(lake) == [first]
    made(lake, OLD, "run-2")
    with pytest.raises(PromotionError, match=r"application of 2016-01-01 was promoted since: launch the job promote"):
        made(lake, PRICED)


def test_the_posterior_that_decides_by_default_is_pinned_by_a_first_promotion(lake: Lake) -> None:
    made(lake, NEW)
    (pinned,) = promotions(lake)
    assert (pinned.model, pinned.previous) == (NEW, NEW)
    with pytest.raises(PromotionError, match="application of 2016-04-01 is the champion already"):
        made(lake, NEW, "run-2")


def test_what_is_champion_already_is_refused(lake: Lake) -> None:
    made(lake, PRICED)
    with pytest.raises(PromotionError, match="application_with_price of 2016-04-01 is the champion already"):
        made(lake, PRICED, "run-2")
    assert len(promotions(lake)) == 1


def test_a_posterior_that_does_not_exist_is_refused_by_what_to_materialise(lake: Lake, tmp_path: Path) -> None:
    with pytest.raises(PromotionError, match=r"materialise models/posterior of 2015-01-01 first.*Good ones are appl"):
        made(lake, Model("application", date(2015, 1, 1)))
    with pytest.raises(PromotionError, match=r"materialise models/posterior of 2016-04-01 first. No posterior was"):
        made(Lake(str(tmp_path / "nothing")), NEW)
    assert promotions(lake) == []


def test_one_that_failed_its_gates_is_refused_by_the_gate(lake: Lake) -> None:
    failed = {"passed": pl.lit(False), "r_hat_max": pl.lit(1.3)}
    rows = lake.scan(MODELS_DIAGNOSTICS, [OLD.model_date]).collect()
    lake.overwrite(MODELS_DIAGNOSTICS, rows.with_columns(**failed), [OLD.model_date])
    with pytest.raises(PromotionError, match=r"did not pass its gates \(2016-01-01 application: r_hat_max 1.3 > 1.01"):
        made(lake, OLD)
    assert promotions(lake) == []


@pytest.mark.parametrize(
    ("model", "reason", "by", "told"),
    [
        (OLD, "too short", "Ada", "The reason has 9 characters: write 10 to 2,000"),
        (OLD, "   short       ", "Ada", "The reason has 5 characters"),
        (OLD, "x" * 2_001, "Ada", "The reason has 2001 characters"),
        (OLD, REASON, "  ", "set promoted_by"),
        (OLD, REASON, "x" * 201, "set promoted_by"),
        (Model("boosting", date(2016, 1, 1)), REASON, "Ada", "choose one of application, application_with_price"),
    ],
)
def test_a_misfit_is_refused_before_anything_is_read(model: Model, reason: str, by: str, told: str) -> None:
    with pytest.raises(PromotionError, match=told):
        Proposal(model, reason, by)


def test_a_promoted_posterior_is_kept_as_it_was_when_its_date_is_trained_anew(lake: Lake) -> None:
    made(lake, OLD)
    loans = lake.scan(FEATURES_LOANS, [MODEL_DATES[1]]).collect().head(50)
    before = champion(lake, settings())
    changed(lake, OLD.model_date, lambda rows: rows.filter(feature_set="application_with_price"))
    after = champion(lake, settings())
    assert before is not None
    assert after is not None
    assert_frame_equal(after.score(loans), before.score(loans), check_exact=True)


def test_a_champion_that_was_trained_anew_may_be_promoted_anew(lake: Lake) -> None:
    first = made(lake, OLD)
    with pytest.raises(PromotionError, match="is the champion already"):
        made(lake, OLD, "run-2")
    rows = lake.scan(MODELS_POSTERIOR, [OLD.model_date]).collect()
    lake.overwrite(MODELS_POSTERIOR, rows.with_columns(pl.col("value") + 0.01), [OLD.model_date])
    second = made(lake, OLD, "run-3")
    assert first is not None
    assert second is not None
    assert second.posterior != first.posterior
    assert second.previous == OLD


def test_a_kept_posterior_that_is_lost_is_named(lake: Lake) -> None:
    import shutil

    promotion = made(lake, OLD)
    assert promotion is not None
    shutil.rmtree(Path(lake.root) / "artifacts" / "models" / "promoted" / promotion.posterior)
    with pytest.raises(LakeError, match="restore artifacts/models/promoted/"):
        champion(lake, settings())


def test_of_two_who_promote_at_once_the_later_sees_what_the_first_did(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    evidence, between = promoting.evidence, iter([PRICED])

    def slow(*arguments: object) -> object:
        for model in between:
            made(lake, model, "run-2")
        return evidence(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(promoting, "evidence", slow)
    second = made(lake, OLD)
    assert second is not None
    assert [one.run_id for one in promotions(lake)] == ["run-2", "run-1"]
    assert second.previous == PRICED
    assert second.promoted_at > promotions(lake)[0].promoted_at


def test_a_promotion_never_reaches_back_nor_a_model_before_its_date() -> None:
    def promotion(day: date, model: Model) -> Promotion:
        at = datetime(day.year, day.month, day.day, tzinfo=UTC)
        return Promotion(at, model, "digest", None, REASON, "Ada", str(day))

    known = [promotion(date(2016, 5, 10), OLD), promotion(date(2016, 7, 1), PRICED),
             promotion(date(2016, 8, 2), Model("application", date(2016, 10, 1)))]  # fmt: skip
    expected = {date(2016, 5, 1): None, date(2016, 6, 1): OLD, date(2016, 7, 1): PRICED, date(2016, 9, 1): PRICED,
                date(2016, 10, 1): Model("application", date(2016, 10, 1))}  # fmt: skip
    assert {vintage: in_force(known, vintage) for vintage in expected} == expected
    assert in_force([], date(2016, 5, 1)) is None
    assert in_force([promotion(date(2016, 5, 1), OLD)], date(2016, 5, 1) - timedelta(days=1)) is None


def test_the_challenger_is_of_the_feature_set_that_does_not_decide(lake: Lake) -> None:
    assert challenging(lake, settings()) == PRICED
    assert challenging(lake, settings(challenger="none")) is None
    assert challenging(lake, settings(challenger="application")) == NEW
    made(lake, PRICED)
    assert challenging(lake, settings()) == NEW
    assert rival(settings(), "application_with_price") == "application"


def test_with_one_good_model_nobody_challenges(lake: Lake) -> None:
    for day in MODEL_DATES:
        rows = lake.scan(MODELS_DIAGNOSTICS, [day]).collect()
        lake.overwrite(MODELS_DIAGNOSTICS, rows.filter(feature_set="application"), [day])
    assert deciding(lake, settings()) == NEW
    assert challenging(lake, settings()) is None
