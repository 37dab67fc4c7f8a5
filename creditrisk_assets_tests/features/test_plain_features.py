"""Plain values are read and become features to the bit as by the query engine, or nothing is said of them."""

import csv
import math
from datetime import UTC, date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from creditrisk_assets.contracts import FEATURES_LOANS, Instant
from creditrisk_assets.features.plain import PlainFeatures
from creditrisk_assets.formulas import missing, month_number
from creditrisk_assets.models.binning import NUMERICS, fit_binning
from creditrisk_assets.raw.sound import Sound, UnsoundError
from creditrisk_assets.serving.api.submitted import Submitted
from creditrisk_assets.simulation.book import simulate_loans
from creditrisk_assets.streaming import applications
from creditrisk_assets.streaming.applications import ASKED, applied, as_told, payloads
from creditrisk_assets_tests.streaming.unusual import many_edges, one_edge_each, submitted

NAMES = FEATURES_LOANS.names("application")
FEATURES = PlainFeatures(NAMES)
SOUND = Sound(ASKED, FEATURES.reads)


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The query engine is asked of however few: what is held to it must not be held to itself."""
    monkeypatch.setattr(applications, "FEW", -1)


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What the borrowers of a simulated book told, as LendingClub spells it."""
    made = simulate_loans(loans=600, vintages=6, seed=5, out=tmp_path_factory.mktemp("book"))
    known = {column.name for column in ASKED}
    with Path(made.file).open(newline="") as file:
        return [{name: text for name, text in row.items() if name in known} for row in csv.DictReader(file)]


def issued(sent: Submitted) -> float:
    assert sent.event_time is not None
    return month_number(sent.event_time.astimezone(UTC))


def plainly(found: list[Submitted]) -> tuple[dict[str, NDArray[Any]], NDArray[np.bool_]]:
    """(features of the sound ones, which are sound); a row alone gives the same."""
    values = as_told([sent.payload for sent in found])
    columns, sound = SOUND.rows(values, np.array([issued(sent) for sent in found]))
    features = FEATURES.many({name: column[sound] for name, column in columns.items()})
    place = 0
    for number, sent in enumerate(found):
        try:
            alone = FEATURES.one(SOUND.row([column[number] for column in values], issued(sent)))
        except UnsoundError:
            assert not sound[number]
            continue
        assert sound[number]
        assert {name: told(features[name][place]) for name in NAMES} == {name: told(alone[name]) for name in NAMES}
        place += 1
    assert place == sound.sum()
    return features, sound


def told(value: Any) -> Any:
    return None if missing(value) else value


def compared(found: list[Submitted]) -> NDArray[np.bool_]:
    """Which are read plainly, once they are seen to be what the query engine makes of them."""
    identifiers = pl.Series([str(number) for number in range(len(found))], dtype=pl.String)
    read = applied(
        payloads([sent.payload for sent in found]), identifiers,
        pl.Series([sent.event_time for sent in found], dtype=Instant),
    )  # fmt: skip
    features, sound = plainly(found)
    assert not sound[list(read.faults)].any()
    kept = read.loans.filter(pl.col("loan_id").is_in(identifiers.filter(pl.Series(sound)).implode()))
    assert kept.height == sound.sum()
    for name in NAMES:
        assert [told(value) for value in features[name].tolist()] == kept[name].to_list(), name
    return sound


def test_at_every_edge_of_every_column() -> None:
    found = one_edge_each()
    sound = compared(found)
    assert len(found) > 1_500
    assert 0.4 < sound.mean() < 0.9


@pytest.mark.parametrize("seed", range(4))
def test_at_many_edges_at_once(seed: int) -> None:
    sound = compared(many_edges(1_000, seed))
    assert 0.1 < sound.mean() < 0.9


def test_what_lendingclub_writes_is_sound(book: list[dict[str, Any]]) -> None:
    found = [sent for number, row in enumerate(book) if (sent := submitted(row, 7 * number)) is not None]
    assert len(found) == len(book)
    assert compared(found).mean() > 0.99


def test_bins_are_those_of_frames_at_every_edge_of_them(book: list[dict[str, Any]]) -> None:
    found = [submitted(row, 7 * number) for number, row in enumerate(book)]
    read = applied(
        payloads([sent.payload for sent in found if sent]), pl.Series([row["emp_title"] for row in book]),
        pl.Series([sent.event_time for sent in found if sent], dtype=Instant),
    )  # fmt: skip
    binning = fit_binning(read.loans, "application_with_price")
    assert len(binning.numerics) > len(NUMERICS["application"]) / 2
    columns = {}
    for numeric in binning.numerics:
        beside = [[math.nextafter(edge, -math.inf), edge, math.nextafter(edge, math.inf)] for edge in numeric.edges]
        columns[numeric.name] = [*np.ravel(beside).tolist(), -0.0, 0.0, 1e300, -1e300, None]
    for factor in (*binning.categories, *binning.groups):
        columns[factor.name] = [*factor.levels, "never seen", "", None]
    height = max(map(len, columns.values()))
    every = {name: (values * height)[:height] for name, values in columns.items()}
    frame = pl.DataFrame(every).with_columns(pl.lit(date(2012, 1, 1)).alias("vintage"))
    arrays = {
        name: np.array(values, object if frame[name].dtype == pl.String else np.float64)
        for name, values in every.items()
    }
    codes, coder = binning.codes(frame), binning.row_coder
    assert np.array_equal(np.asarray(coder.many(arrays)), codes)
    alone = [coder({name: column[row] for name, column in arrays.items()}) for row in range(height)]
    assert np.array_equal(np.hstack([one for one in alone if one is not None]), codes)
    assert coder.many(arrays | {binning.numerics[0].name: np.full(height, math.inf)}) is None


def test_a_feature_that_is_known_later_cannot_be_asked_for() -> None:
    with pytest.raises(KeyError, match="defaulted"):
        PlainFeatures(["fico", "defaulted"])
