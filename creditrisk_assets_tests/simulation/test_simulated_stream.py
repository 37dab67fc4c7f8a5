"""The living book's messages: who lives when, in which order, and exactly what is wrong with which."""

from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from creditrisk_assets.contracts import ACTIVITY, APPLICATIONS
from creditrisk_assets.simulation.book import simulate_loans
from creditrisk_assets.simulation.living import LIFE_MONTHS
from creditrisk_assets.simulation.poison import KINDS
from creditrisk_assets.simulation.stream import MESSAGES, Asked, Stream
from creditrisk_assets.simulation.stream_truth import customers_truth
from creditrisk_assets.streaming.decoding import decode

START = datetime(2026, 3, 15, 10, 30, tzinfo=UTC)
SHARES = st.floats(0, 0.3)
TOPICS = (APPLICATIONS, ACTIVITY)


def sent(asked: Asked, count: int, start: datetime = START) -> pl.DataFrame:
    """The first messages of a stream."""
    return taken(Stream(asked, start), count)


def taken(stream: Stream, count: int) -> pl.DataFrame:
    blocks: list[pl.DataFrame] = []
    for block in stream.messages():
        blocks.append(block)
        if sum(block.height for block in blocks) >= count:
            break
    return pl.concat(blocks).head(count)


@cache
def plain() -> pl.DataFrame:
    return sent(Asked(customers=300), 60_000)


@cache
def troubled() -> pl.DataFrame:
    return sent(Asked(customers=300, poison=0.05, duplicates=0.04, late=0.06, applications=0.2, backlog=6), 60_000)


def of(messages: pl.DataFrame, *kinds: str) -> pl.DataFrame:
    return messages.filter(pl.col("kind").cast(pl.String).is_in(kinds))


def told(messages: pl.DataFrame, topic: str) -> pl.DataFrame:
    """The messages of a topic beside what the decoder makes of them as they arrive at the start."""
    here = messages.filter(pl.col("topic") == topic)
    events = decode(topic, here["value"].to_list(), pl.Series([START] * here.height)).events
    return here.select(pl.all().name.prefix("sent_")).hstack(events)


def test_a_message_stands_as_declared_and_a_month_passes_after_the_other() -> None:
    for messages in (plain(), troubled()):
        assert messages.schema == pl.Schema(MESSAGES)
        assert messages["month"].is_sorted()
    assert plain()["kind"].unique().to_list() == ["good"]
    assert plain()["event_id"].is_unique().all()


@pytest.mark.parametrize("topic", TOPICS)
def test_good_messages_decode_as_good_and_poison_as_bad(topic: str) -> None:
    found = told(troubled(), topic)
    bad = found["sent_kind"] == "poison"
    wrong = found.filter(found["error"].is_not_null() != bad)
    assert wrong.is_empty(), wrong.select("sent_poison", "sent_value", "error").head(3).rows()
    assert set(found.filter(bad)["sent_poison"]) == set(KINDS[topic])
    good = found.filter(~bad)
    for name in ("event_id", "event_time", "customer_id"):
        assert good[name].equals(good[f"sent_{name}"].alias(name), null_equal=True)
    assert good["sent_key"].to_list() == good["customer_id" if topic == ACTIVITY else "application_id"].to_list()


def test_no_event_lies_in_the_future_and_none_so_far_back_that_a_life_has_no_room() -> None:
    for messages in (plain(), troubled()):
        assert messages["event_time"].max() <= START  # type: ignore[operator]
        assert messages["event_time"].min() >= datetime(2026 - 4, 3, 1, tzinfo=UTC)  # type: ignore[operator]


def test_events_of_a_customer_come_in_the_order_of_time_but_for_late_ones() -> None:
    everything = of(troubled(), "good", "late").with_columns(
        newest=pl.col("event_time").cum_max().shift(1).over("customer_id")
    )
    overtaken = (everything["event_time"] < everything["newest"]).fill_null(False)
    assert overtaken.equals((everything["kind"] == "late").alias(overtaken.name))


def test_a_customer_applies_before_anything_else() -> None:
    first = plain().unique("customer_id", keep="first", maintain_order=True)
    assert set(first["topic"]) == {APPLICATIONS}
    assert plain().filter(pl.col("topic") == APPLICATIONS).height == first.height


def test_as_many_live_at_once_as_were_asked_for_and_each_no_longer_than_allowed() -> None:
    for month in (1.5, 40.25, 100.0):
        stream = Stream(Asked(customers=300), START, keep=True)
        taken(stream, 60_000)
        truth = customers_truth(stream.lives, month)
        assert truth.filter(~pl.col("over")).height == 300
        assert truth["customer_id"].is_unique().all()
    span = plain().group_by("customer_id").agg(pl.col("event_time").max() - pl.col("event_time").min())
    assert span["event_time"].max().days <= (LIFE_MONTHS + 1) * 31  # type: ignore[union-attr]


def test_the_truth_about_customers_is_what_their_events_say() -> None:
    stream = Stream(Asked(customers=300), START, keep=True)
    messages = taken(stream, 30_000)
    truth = customers_truth(stream.lives, float(messages["month"][-1]))
    acts = told(messages, ACTIVITY)
    assert set(truth["customer_id"]) == set(messages["customer_id"])
    last = acts.filter(pl.col("event_type").is_in(["payment_made", "payment_missed"])).unique(
        "customer_id", keep="last", maintain_order=True
    )
    over = truth.filter("over").join(last, on="customer_id", suffix="_told")
    charged = over["default_month_on_book"] <= over["month_on_book"]
    assert over.filter(charged)["days_past_due_told"].min() > 120  # type: ignore[operator]
    assert set(over.filter(pl.col("state") == "current")["days_past_due_told"]) == {0}
    assert 0 < truth["defaults_within_12m"].mean() < 0.2  # type: ignore[operator]


@settings(max_examples=12, deadline=None)
@given(poison=SHARES, duplicates=SHARES, late=SHARES, applications=st.one_of(st.none(), st.floats(0, 0.9)),
       seed=st.integers(0, 5))  # fmt: skip
def test_shares_are_as_asked(
    poison: float, duplicates: float, late: float, applications: float | None, seed: int
) -> None:
    count = 8_000
    asked = Asked(seed, 60, poison, duplicates, late, applications)
    messages = sent(asked, count)
    for kind, share in (("poison", poison), ("duplicate", duplicates)):
        spread = 5 * (count * share * (1 - share)) ** 0.5 + 2
        assert abs(of(messages, kind).height - count * share) < spread
    good = of(messages, "good", "late")
    acting = good.filter(pl.col("topic") == ACTIVITY)
    assert of(acting, "late").height <= acting.height * late + 5 * (acting.height * late) ** 0.5 + 2
    # Neither the last event of a customer nor one before nothing but late ones can be late.
    assert of(acting, "late").height >= acting.height * late * 0.75 - 5 * (acting.height * late) ** 0.5 - 2
    if applications is not None:
        share = 1 - acting.height / good.height
        assert abs(share - applications) < 5 * (applications * (1 - applications) / good.height) ** 0.5 + 0.002


def test_a_duplicate_is_a_message_that_was_sent_before() -> None:
    messages = troubled().with_row_index()
    again = of(messages, "duplicate").join(of(messages, "good", "late"), on="event_id", suffix="_first")
    assert again.height == of(messages, "duplicate").height
    for name in ("topic", "key", "value"):
        assert again[name].to_list() == again[f"{name}_first"].to_list()
    behind = again["index"] - again["index_first"]
    assert behind.min() > 0  # type: ignore[operator]
    assert 0.4 < (behind <= 3).mean() < 0.7  # type: ignore[operator]


def test_poison_does_not_take_the_place_of_a_good_message() -> None:
    asked = {"customers": 50, "late": 0.1}
    clean, spoilt = sent(Asked(**asked), 3_500), sent(Asked(**asked, poison=0.3, duplicates=0.1), 5_000)
    kept = of(spoilt, "good", "late")
    assert_frame_equal(kept, clean.head(kept.height))
    ids = of(spoilt, "poison")["event_id"]
    assert ids.is_unique().all()
    assert not ids.is_in(clean["event_id"].implode()).any()


def test_the_same_seed_gives_the_same_messages_and_another_month_moves_their_times() -> None:
    asked = Asked(customers=40, poison=0.05, duplicates=0.05, late=0.05)
    first = sent(asked, 5_000)
    assert_frame_equal(sent(asked, 5_000), first)
    later = sent(asked, 5_000, datetime(2027, 1, 2, tzinfo=UTC))
    same = ["month", "topic", "key", "kind", "poison", "event_id"]
    assert_frame_equal(later.select(same), first.select(same))
    assert later["event_time"].to_list() == first["event_time"].dt.offset_by("10mo").to_list()
    assert sent(Asked(seed=8, customers=40), 100)["customer_id"].is_in(first["customer_id"].implode()).sum() == 0


def test_applications_alone_or_none_at_all() -> None:
    assert set(sent(Asked(applications=1.0), 3_000)["topic"]) == {APPLICATIONS}
    assert set(sent(Asked(applications=0.0), 3_000)["topic"]) == {ACTIVITY}


def test_an_application_is_as_long_as_a_real_one_and_tells_no_outcome() -> None:
    sizes = plain().group_by("topic").agg(pl.col("value").bin.size().mean())
    assert dict(sizes.iter_rows())[APPLICATIONS] > 3_500
    payload = plain().filter(pl.col("topic") == APPLICATIONS)["value"].cast(pl.String).str.json_path_match("$.payload")
    assert payload.str.contains('"loan_status":null,').all()
    issued = plain().filter(pl.col("topic") == APPLICATIONS)["event_time"].dt.strftime("%b-%Y")
    assert payload.str.json_path_match("$.issue_d").to_list() == issued.to_list()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"poison": 1.5}, "poison is 1.5: give a share from 0 to 1"),
        ({"poison": 0.5, "duplicates": 0.5}, "leave some good messages"),
        ({"customers": 0}, "at least one customer"),
    ],
)
def test_what_cannot_be_is_refused(changes: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Asked(**changes)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small book with damage and drift."""
    return simulate_loans(
        loans=600, vintages=5, seed=9, out=tmp_path_factory.mktemp("book"), dirty=0.2, drift=0.5, income_drift=0.1,
        drift_from=datetime(2014, 3, 1, tzinfo=UTC).date(), observed_months=30, life=True,
    ).file  # fmt: skip


def test_customers_of_a_book_live_as_its_truth_says_and_have_applied_already(book: Path) -> None:
    stream = Stream(Asked(customers=50, book=book), START, keep=True)
    messages = taken(stream, 10**9)
    assert set(messages["topic"]) == {ACTIVITY}
    truth = pl.read_parquet(book.parent / "truth" / "truth.parquet").with_columns(pl.col("id").cast(pl.String))
    sound = truth.filter(pl.col("damage").is_null() | (pl.col("damage") == "duplicate"))
    found = customers_truth(stream.lives, float("inf"))
    assert set(found["customer_id"]) == set(sound["id"])
    assert set(messages["customer_id"]) <= set(sound["id"])
    joined = found.join(sound, left_on="customer_id", right_on="id", suffix="_book")
    assert joined["log_odds"].equals(joined["log_odds_book"].alias("log_odds"))
    life = pl.read_parquet(book.parent / "truth" / "life.parquet").select(
        "month_on_book", pl.col("state").alias("state_book"), customer_id=pl.col("id").cast(pl.String)
    )
    states = found.join(life, on=["customer_id", "month_on_book"])
    assert states.height == found.height
    assert states["state"].to_list() == states["state_book"].to_list()
    assert messages["event_time"].max() < START  # type: ignore[operator]


def test_further_people_may_apply_beside_the_customers_of_a_book(book: Path) -> None:
    messages = sent(Asked(customers=50, book=book, applications=0.5), 2_000)
    applied = messages.filter(pl.col("topic") == APPLICATIONS)
    assert applied["customer_id"].str.starts_with("A7-").all()
    assert set(applied["event_time"]) == {START}
    assert 0.4 < applied.height / 2_000 < 0.6


def test_a_book_without_its_truth_is_refused(book: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no such file; name a file that `creditrisk simulate loans` wrote"):
        sent(Asked(book=tmp_path / "none.csv"), 1)
    alone = tmp_path / "loans.csv"
    alone.write_bytes(book.read_bytes())
    with pytest.raises(ValueError, match=r"truth.json: no such file"):
        sent(Asked(book=alone), 1)
    (tmp_path / "truth").mkdir()
    (tmp_path / "truth" / "truth.json").write_text("{}")
    with pytest.raises(ValueError, match="cannot be read"):
        sent(Asked(book=alone), 1)
    told = (book.parent / "truth" / "truth.json").read_text()
    (tmp_path / "truth" / "truth.json").write_text(told.replace('"seed": 9', '"seed": 10'))
    (tmp_path / "truth" / "truth.parquet").write_bytes((book.parent / "truth" / "truth.parquet").read_bytes())
    with pytest.raises(ValueError, match="another version of the simulation"):
        sent(Asked(book=alone), 1)
