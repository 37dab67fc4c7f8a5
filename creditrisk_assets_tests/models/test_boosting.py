"""The boosting challenger: trees as plain data that say what scikit-learn says, whatever the rows hold."""

import json
import pickle
from datetime import date
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

from creditrisk_assets.features.loans import features
from creditrisk_assets.models import boosting, metrics
from creditrisk_assets.models.boosting import CATEGORICALS, DIRECTIONS, Boosting, Feature, Split, fit_boosting
from creditrisk_assets.models.outcomes import populations
from creditrisk_assets.raw.intake import read_loans
from creditrisk_assets.resources.environments import add_months
from creditrisk_assets_tests.models.simulated import TRUTH, simulated_book


def filled(loans: int, seed: int) -> pl.DataFrame:
    """A simulated book whose numbers have gaps, with features that vary in every way."""
    draw = np.random.default_rng(seed)
    frame = simulated_book(loans, seed=seed).with_columns(outcome="defaulted")
    return frame.with_columns(
        fico=pl.when(pl.Series(draw.random(loans) > 0.1)).then(pl.Series(draw.normal(710, 35, loans))),
        debt_to_income=pl.Series(draw.uniform(0, 30, loans)),
        public_records=pl.when(pl.Series(draw.random(loans) < 0.1)).then(1),
        inquiries_6m=pl.when(pl.Series(draw.random(loans) > 0.2)).then("inquiries_6m"),
        home_ownership=pl.when(pl.Series(draw.random(loans) > 0.1)).then("home_ownership"),
    )


BOOK = filled(2_500, seed=1)


@cache
def challenger() -> Boosting:
    return fit_boosting(BOOK, "application_with_price")


def strange_rows(count: int, seed: int) -> pl.DataFrame:
    """Rows with numbers far outside the window, missing values, and levels the window never showed."""
    draw = np.random.default_rng(seed)
    columns = {}
    for name, levels in challenger().features:
        if levels is None:
            known = BOOK[name].drop_nulls().cast(pl.Float64).to_numpy()
            values = draw.choice(known, count) + draw.choice([0.0, 0.0, 1e-9, -1e-9, 1e6, -1e6], count)
            columns[name] = pl.Series(np.where(draw.random(count) < 0.15, np.nan, values)).fill_nan(None)
        else:
            columns[name] = pl.Series(draw.choice([*levels, *levels, "moon", ""], count)).replace("", None)
    return pl.DataFrame(columns)


@pytest.mark.parametrize("feature_set", ["application", "application_with_price"])
def test_the_trees_read_out_say_what_scikit_learn_says_to_the_last_digits(feature_set: str) -> None:
    model, rows = fit_boosting(BOOK, feature_set), strange_rows(6_000, seed=2)
    with threadpool_limits(limits=1):
        estimator, kept, _ = boosting._fitted(BOOK, feature_set, boosting.SEED)
        matrix = np.column_stack(boosting._encode(rows, kept))
        # Beyond what our encoding can say, scikit-learn is asked about a code that it never met.
        unseen = np.where(np.isnan(matrix) & [levels is not None for _, levels in kept], 254.0, matrix)
        stated = [estimator.predict_proba(asked)[:, 1] for asked in (matrix, unseen)]
    assert np.isnan(matrix).any(axis=0).all()
    assert np.abs(model.predict(rows) - stated).max() <= 1e-12
    assert np.unique(model.predict(rows)).size > 1_000


def test_every_kind_of_split_was_met() -> None:
    met = {(type(split.at), split.missing_left) for tree in challenger().trees for split in splits(tree)}
    assert met == {(float, True), (float, False), (tuple, True), (tuple, False)}


def splits(node: Split | float) -> list[Split]:
    return [node, *splits(node.left), *splits(node.right)] if isinstance(node, Split) else []


@given(st.integers(0, 2**32 - 1), st.integers(1, 40))
@settings(max_examples=15, deadline=None)
def test_a_row_alone_and_in_a_batch_have_the_same_pd_bit_for_bit(seed: int, count: int) -> None:
    rows = strange_rows(count, seed)
    together, at = challenger().predict(rows), seed % count
    assert challenger().predict(rows[at : at + 1]).tobytes() == together[at : at + 1].tobytes()
    assert challenger().predict(rows.reverse()).tobytes() == together[::-1].tobytes()


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = challenger().predict(BOOK)
    monkeypatch.setattr(boosting, "BLOCK", 999)
    assert challenger().predict(BOOK).tobytes() == whole.tobytes()
    assert challenger().predict(BOOK.clear()).shape == (0,)


@given(st.integers(0, 2**32 - 1), st.sampled_from(sorted({"fico", "inquiries_6m", "debt_to_income", "interest_rate"})))
@settings(max_examples=15, deadline=None)
def test_pd_never_moves_against_an_undisputed_credit_standard(seed: int, name: str) -> None:
    row = strange_rows(1, seed).drop(name)
    ladder = row.join(pl.DataFrame({name: np.linspace(-50, 900, 300)}), how="cross")
    assert (DIRECTIONS[name] * np.diff(challenger().log_odds(ladder)) >= 0).all()


def test_an_unseen_level_counts_as_a_missing_one() -> None:
    rows = BOOK.head(200)
    for name in CATEGORICALS:
        unseen, missing = (rows.with_columns(pl.lit(said, pl.String).alias(name)) for said in ("moon", None))
        assert challenger().predict(unseen).tobytes() == challenger().predict(missing).tobytes()


def test_it_finds_the_risk_that_was_simulated() -> None:
    later = filled(2_500, seed=5)
    assert metrics.auc(later["outcome"], challenger().predict(later)) > 0.62
    assert challenger().predict(BOOK).mean() == pytest.approx(BOOK["outcome"].mean(), abs=0.005)
    used = {challenger().features[split.feature].name for tree in challenger().trees for split in splits(tree)}
    assert used >= {name for name, weight in TRUTH.items() if weight}


def test_the_text_is_small_plain_json_and_gives_the_same_model_again() -> None:
    text = challenger().to_text()
    again = Boosting.from_text(text)
    assert again == challenger() and again.to_text() == text
    assert json.loads(text)["features"][-1] == ["interest_rate", None] and len(text.encode()) < 300_000
    assert again.predict(BOOK).tobytes() == challenger().predict(BOOK).tobytes()


HAND = (
    '{"feature_set":"application","features":[["fico",null],["purpose",["car","house"]]],"baseline":-1.5,'
    '"trees":[[0,700,1,0.5,[1,[1],0,0.25,-0.25]],0.125]}'
)


def test_a_model_written_by_hand_reads_as_it_is_written() -> None:
    rows = pl.DataFrame({"fico": [700.0, 700.1, 700.1, None, 800.0], "purpose": ["car", "car", "house", "house", None]})
    model = Boosting.from_text(HAND)
    assert model.features == (Feature("fico"), Feature("purpose", ("car", "house")))
    assert model.log_odds(rows).tolist() == [-0.875, -1.625, -1.125, -0.875, -1.625]


@pytest.mark.parametrize(
    "text",
    ["", "null", "[]", "{}", "[" * 100_000, pickle.dumps(HAND, protocol=0).decode(), HAND[:-1],
     HAND.replace("[[0,", "[[0,0,"), HAND.replace("[[0,", "[[2,"), HAND.replace("[1,[1],", "[1,1,"),
     HAND.replace("700", "[700]"), HAND.replace("-0.25", '"os.abort()"'), HAND.replace("0.125", "NaN")],
    ids=["empty", "null", "list", "object", "deep", "pickle", "cut", "long", "far", "level", "number", "code", "nan"],
)  # fmt: skip
def test_anything_else_is_refused_and_never_run(text: str) -> None:
    with pytest.raises(ValueError, match="no text of a boosting model: materialise the model again"):
        Boosting.from_text(text)


def test_the_same_rows_in_any_order_and_the_same_seed_give_the_same_text_on_any_number_of_cores() -> None:
    text = challenger().to_text()
    with threadpool_limits(limits=2):
        assert fit_boosting(BOOK.sample(fraction=1, shuffle=True, seed=1), "application_with_price").to_text() == text
    assert fit_boosting(BOOK, "application_with_price", seed=2).to_text() != text


def test_features_that_are_constant_or_all_missing_drop_out() -> None:
    names = challenger().columns
    assert BOOK["bankruptcies"].is_null().all() and "bankruptcies" not in names
    assert BOOK["verification_status"].n_unique() == 1 and "verification_status" not in names
    assert "public_records" in names, "one value or missing: that it is missing tells something"
    nothing = BOOK.with_columns(fico=pl.lit(None, pl.Float64), purpose=pl.lit(None, pl.String), addr_state=pl.lit("CA"))
    model = fit_boosting(nothing, "application")
    assert not {"fico", "purpose", "addr_state"} & set(model.columns)
    assert model.predict(BOOK).tobytes() == model.predict(nothing).tobytes()


def test_a_window_too_small_for_any_split_predicts_its_default_rate() -> None:
    few = simulated_book(40).with_columns(outcome="defaulted")
    assert fit_boosting(few, "application").predict(BOOK) == pytest.approx(few["outcome"].mean(), abs=1e-6)


def test_more_levels_than_a_byte_holds_are_cut_to_the_most_frequent() -> None:
    places = pl.Series(["CA" if i % 4 else f"place {i}" for i in range(BOOK.height)])
    crowded = BOOK.with_columns(addr_state=places)
    levels = dict(fit_boosting(crowded, "application").features)["addr_state"]
    assert levels is not None and len(levels) == 255 and "CA" in levels


def test_vintage_and_identity_have_no_part_in_it() -> None:
    assert not {"vintage", "loan_id", "outcome", "defaulted", "sub_grade_rank"} & set(challenger().columns)
    assert "interest_rate" not in fit_boosting(BOOK, "application").columns


SICK = BOOK.with_columns(debt_to_income=pl.lit(float("-inf")))
STILL = [pl.lit(None, dtype).alias(name) for name, dtype in BOOK.drop("loan_id", "vintage", "outcome").schema.items()]


def test_a_column_absent_or_infinite_is_named_with_the_remedy() -> None:
    with pytest.raises(ValueError, match="no column 'purpose', 'fico': materialise it again"):
        challenger().predict(BOOK.drop("purpose", "fico"))
    with pytest.raises(ValueError, match=r"loans\.debt_to_income holds infinite values: mend the feature"):
        challenger().predict(SICK)


@pytest.mark.parametrize(
    ("window", "told"),
    [
        (BOOK.drop("bankruptcies"), "no column 'bankruptcies': materialise it again"),
        (BOOK.drop("outcome"), r"no column 'outcome': take it from models\.outcomes\.training"),
        (SICK, r"loans\.debt_to_income holds infinite values: mend the feature"),
        (BOOK.with_columns(outcome=True), "needs a default and a non-default: widen it or check"),
        (BOOK.with_columns(outcome=False), "needs a default and a non-default: widen it or check"),
        (BOOK.clear(), "needs a default and a non-default: widen it or check"),
        (BOOK.with_columns(STILL), "no feature varies in the training window: widen it or check"),
    ],
    ids=["column", "outcome", "infinite", "all default", "none does", "no loan", "nothing varies"],
)
def test_a_window_from_which_nothing_can_be_learnt_is_refused(window: pl.DataFrame, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        fit_boosting(window, "application")


def test_an_unknown_feature_set_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="'everything': use one of application, application_with_price"):
        fit_boosting(BOOK, "everything")


def test_trees_read_out_wrongly_never_leave_the_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boosting, "_read_out", lambda *nodes: 0.0)
    with pytest.raises(RuntimeError, match="this scikit-learn keeps them otherwise"):
        fit_boosting(BOOK, "application")


@pytest.fixture(scope="module")
def real_loans(shared_data: Path) -> pl.LazyFrame:
    file = shared_data / "lendingclub" / "loans_2007_2011.csv.gz"
    return features(read_loans([file], (date(2007, 6, 1), date(2010, 12, 1))).clean.lazy()).collect().lazy()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("feature_set", "least_auc", "most_loss"),
    [("application", 0.676, 0.3810), ("application_with_price", 0.691, 0.3765)],
)
def test_over_the_quarters_of_2009_and_2010_it_ranks_and_errs_as_written_down(
    real_loans: pl.LazyFrame, feature_set: str, least_auc: float, most_loss: float
) -> None:
    scored = []
    for start in (add_months(date(2009, 1, 1), months) for months in range(0, 24, 3)):
        train, test = populations(real_loans, start, start, add_months(start, 2), protocol="final", window=24)
        scored.append(np.stack([test["outcome"].to_numpy(), fit_boosting(train, feature_set).predict(test)]))
    outcome, pd = np.hstack(scored)
    assert metrics.auc(outcome, pd) >= least_auc
    assert metrics.log_loss(outcome, pd) <= most_loss
