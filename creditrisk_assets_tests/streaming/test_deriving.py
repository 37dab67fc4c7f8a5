"""What follows from micro-batches: the same newest state however they are cut, and the same figures as a batch."""

from collections.abc import Sequence
from datetime import timedelta

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from creditrisk_assets.contracts import ACTIVITY_TYPES, APPLICATIONS, FEATURES_BEHAVIOUR, SCORES_LIVE, Instant
from creditrisk_assets.models.behaviour import prior_of
from creditrisk_assets.scores.live import LiveScoring
from creditrisk_assets.streaming.applications import applications
from creditrisk_assets.streaming.deriving import Derived, Deriver, Memory
from creditrisk_assets_tests.features.activity import spelt_out
from creditrisk_assets_tests.streaming.flowing import START, Flow, Message, applied, did, models, poison, state
from creditrisk_assets_tests.world import World

FEWER = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
BOOK = pl.DataFrame(
    {"customer": ["in-book", "in-both"], "as_of": [None, None], "pd_low": [0.01, 0.01], "pd_high": [0.05, 0.05]},
    schema_overrides={"as_of": Instant},
)
CUSTOMERS = ("in-book", "in-both", "applied", "unknown")


@pytest.fixture(scope="module")
def scoring(batched: World) -> LiveScoring:
    return models(batched)


def deriver(scoring: LiveScoring | None) -> Deriver:
    memory = Memory()
    memory.learn(BOOK)
    return Deriver(scoring, memory)


def derive(scoring: LiveScoring | None, batches: Sequence[Sequence[Message]]) -> list[Derived]:
    flow, one = Flow(), deriver(scoring)
    return [one.derive(flow.batch(*messages).frame) for messages in batches if messages]


def scores(found: Sequence[Derived]) -> pl.DataFrame:
    return pl.concat([one.scores for one in found])


def acts() -> st.SearchStrategy[Message]:
    """What customers did over 16 months, with repeated ids that may tell different things."""
    return st.builds(
        lambda customer, kind, days, number, past_due: did(
            customer, kind, days, f"e-{number}", **({"days_past_due": past_due} if kind.startswith("payment") else {})
        ),
        st.sampled_from(CUSTOMERS), st.sampled_from(ACTIVITY_TYPES), st.sampled_from([-480, -400, -366, -91, -30, -1]),
        st.integers(0, 15), st.sampled_from([0, 30, 60]),
    )  # fmt: skip


APPLICATIONS_FIRST = [applied(1, "applied", -500), applied(2, "in-both", -500), applied(3, None, -500)]


@FEWER
@given(st.lists(acts(), min_size=1, max_size=25), st.data())
def test_the_newest_state_does_not_depend_on_order_repeats_and_cuts(
    scoring: LiveScoring, known: list[Message], data: st.DataObject
) -> None:
    repeated = [*known, *data.draw(st.lists(st.sampled_from(known), max_size=10))]
    shuffled = data.draw(st.permutations(repeated))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(shuffled)), max_size=6)))
    parts = [shuffled[start:end] for start, end in zip([0, *cuts], [*cuts, len(shuffled)], strict=True)]
    at_once = derive(scoring, [APPLICATIONS_FIRST, known])
    bit_by_bit = derive(scoring, [APPLICATIONS_FIRST, *parts, parts[0] or known])
    assert_frame_equal(state(scores(bit_by_bit)), state(scores(at_once)), check_exact=True)


@FEWER
@given(st.lists(acts(), min_size=1, max_size=25))
def test_behaviour_is_counted_as_it_is_spelt_out_one_event_at_a_time(known: list[Message]) -> None:
    (found,) = derive(None, [known])
    names = ("event_id", "event_type", "customer_id", "days_past_due", "utilisation", "credit_line")
    events = [
        {name: None for name in names} | event["payload"] | event
        | {"event_time": START + timedelta(days=(pl.Series([event["event_time"]]).str.to_datetime()[0] - START).days)}
        for _, event in known
    ]  # fmt: skip
    assert set(found.features["customer_id"]) == {event["customer_id"] for event in events}
    for row in found.features.iter_rows(named=True):
        as_of = max(event["event_time"] for event in events if event["customer_id"] == row["customer_id"])
        assert row["as_of"] == as_of
        expected = spelt_out(events, row["customer_id"], as_of)
        assert {name: row[name] for name in expected} == expected


def test_rows_keep_their_contracts(scoring: LiveScoring) -> None:
    (found,) = derive(scoring, [[*APPLICATIONS_FIRST, *(did(customer) for customer in CUSTOMERS), poison()]])
    for table, rows in ((FEATURES_BEHAVIOUR, found.features), (SCORES_LIVE, found.scores)):
        assert rows.schema == table.schema
        assert table.violations(rows.lazy()) == {}
        assert not rows.select(table.primary).is_duplicated().any()
    assert found.scores["kind"].value_counts().sort("kind").rows() == [("application", 3), ("behaviour", 4)]
    assert found.scores["customer_id"].to_list()[:3] == ["applied", "in-both", None]
    assert (found.repeats, found.unscored) == (0, 0)


def test_a_customer_has_one_row_per_micro_batch_as_of_their_newest_event(scoring: LiveScoring) -> None:
    found = derive(scoring, [[did("a", days=5), did("a", days=2)], [did("a", "payment_made", days=3)]])
    assert [one.features.height for one in found] == [1, 1]
    told = scores(found).select("offset", "event_id", "as_of").rows()
    newest = START + timedelta(days=5)
    assert told == [(1, "a payment_missed 2", newest), (2, "a payment_made 3", newest)]
    assert [one.features["missed_3m"].item() for one in found] == [2, 2]
    assert [one.features["paid_12m"].item() for one in found] == [0, 1]


def test_applications_score_as_the_same_loans_do_in_a_batch(scoring: LiveScoring) -> None:
    messages = [applied(number, f"c-{number}", days=-number / 7) for number in range(50)]
    rows = Flow().batch(*messages).frame
    loans = applications(rows).loans
    expected = scoring.scoring.score(loans)
    found = deriver(scoring).derive(rows).scores
    assert found["subject"].to_list() == loans["loan_id"].to_list()
    shared = [name for name in expected.columns if name in found.columns]
    assert_frame_equal(found.select(shared), expected.select(shared), check_exact=True)


def test_loans_handed_over_by_the_decoder_give_what_reading_them_again_gives(scoring: LiveScoring) -> None:
    messages = [applied(number % 7, f"c-{number % 7}") for number in range(20)]
    rows = Flow().batch(*messages, did("c-1"), poison(APPLICATIONS)).frame
    loans = applications(rows.filter(pl.col("error").is_null(), topic=APPLICATIONS)).loans
    handed, read = deriver(scoring).derive(rows, loans), deriver(scoring).derive(rows)
    assert_frame_equal(handed.scores, read.scores, check_exact=True)
    assert_frame_equal(handed.features, read.features, check_exact=True)
    assert (handed.repeats, read.repeats) == (13, 13)


@pytest.mark.parametrize("cut", range(5))
def test_an_application_that_is_repeated_is_scored_once(scoring: LiveScoring, cut: int) -> None:
    messages = [applied(1), applied(2), applied(1), applied(1), applied(3)]
    found = derive(scoring, [messages[:cut], messages[cut:]])
    assert scores(found)["subject"].to_list() == ["a-1", "a-2", "a-3"]
    assert sum(one.repeats for one in found) == 2
    assert sum(one.unscored for one in found) == 0


def test_without_a_model_nothing_is_scored_and_it_says_how_many() -> None:
    (found,) = derive(None, [[applied(1), applied(1), applied(2), did("a"), did("a"), poison()]])
    assert found.scores.is_empty()
    assert found.features.height == 1
    assert (found.repeats, found.unscored) == (1, 4)


def test_an_application_that_a_narrower_contract_refuses_is_unscored_and_no_other_suffers(scoring: LiveScoring) -> None:
    rows = Flow().batch(applied(1), applied(2), applied(3)).frame
    narrowed = pl.when(pl.col("application_id") == "a-2").then(pl.lit('{"version": 2}')).otherwise(pl.col("value"))
    found = deriver(scoring).derive(rows.with_columns(value=narrowed))
    assert found.scores["subject"].to_list() == ["a-1", "a-3"]
    assert (found.repeats, found.unscored) == (0, 1)


def log_odds(scoring: LiveScoring, *batches: Sequence[Message]) -> dict[str, float]:
    rows = scores(derive(scoring, batches)).filter(kind="behaviour")
    return dict(rows.select("subject", "log_odds").iter_rows())


def expected_log_odds(scoring: LiveScoring, low: float, high: float) -> float:
    """Of a customer who made one payment, had they had this interval before."""
    flow, known = Flow(), deriver(scoring)
    features = known.derive(flow.batch(did("x", "payment_made")).frame).features
    mean, variance = prior_of([low], [high])
    return float(scoring.behaviour.predict(features, mean, variance)["log_odds"].item())


def test_a_customer_starts_from_their_application_else_from_the_book_else_from_its_average(
    scoring: LiveScoring,
) -> None:
    acted = [did(customer, "payment_made") for customer in CUSTOMERS]
    found = log_odds(scoring, APPLICATIONS_FIRST, acted)
    scored = scores(derive(scoring, [APPLICATIONS_FIRST])).select("customer_id", "pd_low", "pd_high").rows()
    own = {customer: (low, high) for customer, low, high in scored}
    assert found["in-book"] == expected_log_odds(scoring, 0.01, 0.05)
    assert found["applied"] == expected_log_odds(scoring, *own["applied"])
    assert found["in-both"] == expected_log_odds(scoring, *own["in-both"])
    average = scoring.behaviour.average[0]
    features = derive(scoring, [[did("x", "payment_made")]])[0].features
    assert found["unknown"] == scoring.behaviour.predict(features, [average], [0.4])["log_odds"].item()


@FEWER
@given(st.permutations([0, 1, 2, 3]))
def test_of_several_applications_the_newest_counts_whenever_it_came(scoring: LiveScoring, order: list[int]) -> None:
    sent = [applied(10, "a", -9), applied(11, "a", -3, annual_inc="20000"), applied(12, "a", -5)]
    sent.append(sent[1])
    found = log_odds(scoring, *([sent[place]] for place in order), [did("a", "payment_made")])
    assert found == log_odds(scoring, [sent[1]], [did("a", "payment_made")])


def test_an_applicant_without_a_customer_is_known_by_the_application(scoring: LiveScoring) -> None:
    found = log_odds(scoring, [applied(3)], [did("a-3", "payment_made"), did("other", "payment_made")])
    assert found["a-3"] != found["other"]


def test_an_empty_micro_batch_and_one_of_bad_messages_give_nothing(scoring: LiveScoring) -> None:
    rows = Flow().batch(poison(), poison(APPLICATIONS)).frame
    for frame in (rows, rows.clear()):
        found = deriver(scoring).derive(frame)
        assert (found.features.schema, found.scores.schema) == (FEATURES_BEHAVIOUR.schema, SCORES_LIVE.schema)
        assert (found.features.height, found.scores.height, found.repeats, found.unscored) == (0, 0, 0, 0)
