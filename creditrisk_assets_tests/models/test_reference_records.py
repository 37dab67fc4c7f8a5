"""References and evidence as rows of the lake, and back; stale evidence is refused."""

from datetime import date
from functools import cache

import numpy as np
import polars as pl
import pytest

from creditrisk_assets.contracts import MODELS_BINNING, MODELS_EVIDENCE, MODELS_REFERENCE
from creditrisk_assets.models.design import Coded
from creditrisk_assets.models.evidence import Reference
from creditrisk_assets.models.exposure import learned_from
from creditrisk_assets.models.records import (
    Expansion,
    StaleEvidenceError,
    binning_rows,
    evidence_rows,
    expansions,
    fit_expansion,
    reference_rows,
    window_of,
)
from creditrisk_assets.models.reference import gather_window
from creditrisk_assets_tests.models.learned import BOOK, DESIGN, FRAME, LAST, LOANS, MODEL_DATE, VINTAGES

STALE = (
    r"models/evidence .* does not fit model date 2011-07 \(application\): .* Materialise models/reference of this "
    r"model date and then models/evidence of vintages 2010-01 to 2011-06"
)


@cache
def expansion() -> Expansion:
    return fit_expansion(FRAME, "application", MODEL_DATE, LAST)[0]


@cache
def rows() -> pl.DataFrame:
    return evidence_rows(BOOK, list(DESIGN.vintages), expansion())


def test_a_reference_survives_its_row() -> None:
    kept = reference_rows(expansion(), LOANS)
    assert MODELS_REFERENCE.violations(kept.lazy()) == {}
    again = Expansion.from_row(kept.row(0, named=True))
    assert again.design == expansion().design == DESIGN and again.model_date == MODEL_DATE
    assert again.reference.point.tobytes() == expansion().reference.point.tobytes()
    assert again.reference.covariance is not None
    assert np.array_equal(again.reference.covariance, expansion().reference.covariance)  # type: ignore[arg-type]
    assert np.array_equal(again.scales, expansion().scales) and again.version == expansion().version
    row = kept.row(0, named=True)
    assert (row["loans"], row["version"]) == (len(LOANS), expansion().version)


def test_rows_of_several_models_are_read_in_order() -> None:
    kept = reference_rows(expansion(), LOANS)
    later = kept.with_columns(model_date=pl.lit(date(2011, 10, 1)))
    found = list(expansions(pl.concat([later, kept])))
    assert [one.model_date for one in found] == [MODEL_DATE, date(2011, 10, 1)]


def test_the_version_changes_with_bins_bands_and_point() -> None:
    from dataclasses import replace

    from creditrisk_assets.models.periods import Periods

    base = expansion()
    moved = replace(base, reference=Reference(base.reference.point + 1e-12, base.reference.covariance))
    binning = replace(DESIGN.binning, numerics=DESIGN.binning.numerics[:-1])
    others = [moved, *(replace(base, design=replace(DESIGN, **change))
                       for change in ({"periods": Periods((5, 6, 9))}, {"binning": binning}))]  # fmt: skip
    assert len({base.version, *(other.version for other in others)}) == 4
    assert len(base.version) == 12


def test_bins_are_told_with_their_bounds_and_counts() -> None:
    table = binning_rows(expansion(), LOANS)
    assert MODELS_BINNING.violations(table.lazy()) == {}
    tried = LOANS.months > 0
    sums = table.group_by("factor").agg(pl.col("loans", "trials", "defaults").sum())
    assert sums["loans"].unique().to_list() == [len(LOANS)]
    assert sums["trials"].unique().to_list() == [(LOANS.months[tried] - 4).sum()]
    assert sums["defaults"].unique().to_list() == [(LOANS.outcome & tried).sum()]
    rates = table.filter(pl.col("factor") == "inquiries_6m").sort("bin")
    assert rates["lower"].to_list() == [None, 1.0, 2.0, 3.0, 4.0, 5.0, None]
    assert rates["upper"].to_list() == [1.0, 2.0, 3.0, 4.0, 5.0, None, None]
    assert rates["label"][-1] == "missing" and rates["score"].is_null().to_list() == [False] * 6 + [True]
    homes = table.filter(pl.col("factor") == "home_ownership").sort("bin")
    assert homes["label"].to_list() == ["RENT", "MORTGAGE", "OWN", "not seen"] and homes["score"].is_null().all()
    assert homes["loans"][0] == (FRAME["home_ownership"] == "RENT").sum()


def test_evidence_survives_its_rows_and_adds_up_to_the_window() -> None:
    assert MODELS_EVIDENCE.violations(rows().lazy()) == {} and rows().height == 18
    found, parts = window_of(expansion(), rows().sample(fraction=1, shuffle=True, seed=1), LOANS)
    direct = gather_window(DESIGN, VINTAGES, expansion().reference)
    assert found.point.tobytes() == direct.point.tobytes()
    assert found.gradient.tobytes() == direct.gradient.tobytes()
    assert found.information == pytest.approx(direct.information, rel=1e-13, abs=1e-15)
    assert found.log_likelihood == direct.log_likelihood
    assert (found.loans, found.trials, found.defaults) == (direct.loans, direct.trials, direct.defaults)
    assert [part.loans for part in parts] == rows().sort("vintage")["loans"].to_list()


def test_evidence_of_vintages_one_by_one_is_evidence_of_all_at_once() -> None:
    some = list(DESIGN.vintages[3:6])
    apart = pl.concat(evidence_rows(BOOK.filter(pl.col("vintage") == v), [v], expansion()) for v in some)
    assert apart.equals(rows().filter(pl.col("vintage").is_in(some)))


def test_evidence_is_small() -> None:
    assert rows().estimated_size() / rows().height < 100_000


def test_vintages_outside_the_window_have_no_evidence_for_the_model() -> None:
    outside = evidence_rows(BOOK, [date(2009, 12, 1), date(2011, 7, 1)], expansion())
    assert outside.is_empty() and outside.schema == pl.Schema(MODELS_EVIDENCE.schema)


def test_evidence_holds_what_was_known_at_the_model_date_and_no_more() -> None:
    from creditrisk_assets.resources.environments import add_months
    from creditrisk_assets_tests.models.simulated import as_shown

    early = as_shown(BOOK, add_months(MODEL_DATE, -1))
    assert evidence_rows(early, list(DESIGN.vintages), expansion()).equals(rows())


def test_vintages_without_a_loan_have_evidence_of_nothing_with_and_without_a_row() -> None:
    gap = date(2010, 5, 1)
    frame = FRAME.filter(pl.col("vintage") != gap)
    few, loans = fit_expansion(frame, "application", MODEL_DATE, LAST)
    kept = evidence_rows(BOOK.filter(pl.col("vintage") != gap), list(DESIGN.vintages), few)
    with_row, without = (window_of(few, table, loans)[0] for table in (kept, kept.filter(pl.col("vintage") != gap)))
    assert kept.filter(pl.col("vintage") == gap)["loans"].to_list() == [0]
    assert with_row.information.tobytes() == without.information.tobytes()


def changed(frame: pl.DataFrame) -> Coded:
    return expansion().design.code(frame)


def one_loan(condition: pl.Expr) -> pl.Expr:
    """The first loan of a vintage of which the condition holds."""
    mine: str = FRAME.filter(condition, pl.col("vintage") == date(2010, 4, 1))["loan_id"][0]
    return pl.col("loan_id").eq(mine)


TRIED = pl.col("months") > 0
SURVIVED = one_loan(TRIED & ~pl.col("outcome"))


@pytest.mark.parametrize(
    "frame",
    [
        FRAME.filter(~SURVIVED),
        pl.concat([FRAME, FRAME.filter(SURVIVED)]).sort("vintage", "loan_id"),
        FRAME.with_columns(outcome=pl.col("outcome") | SURVIVED),
        FRAME.with_columns(outcome=pl.col("outcome") & ~one_loan(pl.col("outcome"))),
        FRAME.with_columns(months=pl.col("months") + SURVIVED.cast(pl.Int32)),
        FRAME.with_columns(revolving_utilisation=pl.when(SURVIVED).then(149.0).otherwise("revolving_utilisation")),
    ],
    ids=["a loan less", "a loan more", "a default more", "a default less", "a month more", "another feature"],
)
def test_evidence_of_other_loans_is_stale(frame: pl.DataFrame) -> None:
    with pytest.raises(StaleEvidenceError, match=STALE) as told:
        window_of(expansion(), rows(), changed(frame))
    assert "2010-04" in str(told.value)


@pytest.mark.parametrize(
    "table",
    [
        rows().filter(pl.col("vintage") != date(2010, 4, 1)),
        rows().with_columns(model_date=pl.lit(date(2011, 4, 1))),
        rows().with_columns(feature_set=pl.lit("application_with_price")),
        rows().with_columns(reference=pl.lit("0123456789ab")),
        rows().clear(),
    ],
    ids=["a vintage is absent", "another date", "another feature set", "another reference", "nothing"],
)
def test_evidence_that_is_absent_or_of_another_model_is_stale(table: pl.DataFrame) -> None:
    with pytest.raises(StaleEvidenceError, match=STALE):
        window_of(expansion(), table, LOANS)


def test_loans_that_the_reference_did_not_know_make_it_stale() -> None:
    frame = learned_from(BOOK.lazy(), MODEL_DATE, "expanding")
    older = pl.concat([frame.head(1).with_columns(vintage=pl.lit(date(2009, 12, 1))), frame])
    with pytest.raises(StaleEvidenceError, match="models/evidence"):
        window_of(expansion(), rows(), changed(older))


def test_what_no_longer_counts_does_not_make_evidence_stale() -> None:
    young = pl.col("months") == 0
    other = FRAME.with_columns(fico=pl.when(young).then(700.0).otherwise("fico"))
    assert window_of(expansion(), rows(), changed(other))[0].loans == rows()["loans"].sum()
