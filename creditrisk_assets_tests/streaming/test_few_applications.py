"""A few applications are read without the query engine, to the same bits; whatever is unusual is left to it."""

import json
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from creditrisk_assets.contracts import Instant
from creditrisk_assets.formulas import month_number
from creditrisk_assets.serving.api.documented import TOLD
from creditrisk_assets.serving.api.submitted import Submitted
from creditrisk_assets.streaming import applications as read
from creditrisk_assets_tests.streaming.unusual import many_edges, one_edge_each, submitted

Asked = tuple[pl.DataFrame, pl.Series, pl.Series]


def asked(found: list[Submitted]) -> Asked:
    names = [f"{number}: {one.application_id}" for number, one in enumerate(found)]
    times = [one.event_time for one in found]
    sent = read.payloads([one.payload for one in found])
    return sent, pl.Series(names, dtype=pl.String), pl.Series(times, dtype=Instant)


def carefully(monkeypatch: pytest.MonkeyPatch, one: Asked) -> read.Applications:
    with monkeypatch.context() as patched:
        patched.setattr(read, "FEW", -1)
        return read.applied(*one)


def test_what_is_read_plainly_has_the_bits_of_the_query_engine_at_every_edge(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [*one_edge_each(), *many_edges(400, seed=7)]
    issued = np.array([month_number(one.event_time.astimezone(UTC)) for one in found if one.event_time])
    sent, _, _ = asked(found)
    _, sound = read._plain()[0].rows([sent[column.name].to_list() for column in read.ASKED], issued)
    plain = [one for one, good in zip(found, sound, strict=True) if good]
    assert len(plain) > 0.4 * len(found)
    together = asked(plain)
    told, careful = read._plainly(*together), carefully(monkeypatch, together)
    assert careful.faults == {}
    assert told is not None
    assert_frame_equal(told, careful.loans, check_exact=True)
    assert told["loan_amount"].n_unique() > 10
    assert told["vintage"].n_unique() > 5


def test_faults_beside_sound_applications_are_told_as_among_many(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [one for change in ({}, {"dti": "much"}, {"term": "0"}) if (one := submitted({**TOLD, **change}))]
    few, many = read.applied(*asked(found)), carefully(monkeypatch, asked(found))
    assert few.faults == many.faults
    assert list(few.faults) == [1, 2]
    assert_frame_equal(few.loans, many.loans, check_exact=True)


def test_no_application_is_no_row() -> None:
    assert read.applied(*asked([])).loans.is_empty()


def test_the_vintage_is_the_month_in_which_the_event_happened() -> None:
    sent = submitted(json.loads(json.dumps(TOLD)))
    assert sent is not None
    frame, names, _ = asked([sent])
    late = pl.Series([datetime(2026, 2, 28, 23, 59, 59, 999_999, tzinfo=UTC)], dtype=Instant)
    loans = read.applied(frame, names, late).loans
    assert loans["vintage"].to_list() == [datetime(2026, 2, 1, tzinfo=UTC).date()]
    assert loans["observed_months"].to_list() == [0]
