"""Loans of a file as applications: the same events however often they are sent, and nothing left out in silence."""

import gzip
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from creditrisk_assets.cli import main
from creditrisk_assets.contracts import APPLICATIONS
from creditrisk_assets.features.loans import features
from creditrisk_assets.raw.sources import SourceError
from creditrisk_assets.streaming.decoding import decode
from creditrisk_assets.streaming.producer import Message, SendError, ensure_topic, paced, send
from creditrisk_assets.streaming.replay import Replay
from creditrisk_assets_tests.raw.written import loans, read, text, write
from creditrisk_assets_tests.streaming.brokers import DevelopmentBroker, free_ports
from creditrisk_assets_tests.streaming.clients import read as received
from creditrisk_assets_tests.streaming.clients import values


def events(messages: list[Message]) -> list[dict[str, Any]]:
    return [json.loads(message.value) for message in messages]


def replayed(path: Path, **options: bool) -> list[Message]:
    """The messages of a file none of whose records is left out."""
    replay = Replay(path, **options)
    messages = list(replay.messages())
    assert replay.left_out == []
    return messages


@pytest.fixture
def csv_file(tmp_path: Path) -> Path:
    """Twenty loans, half of them with an identifier of the lender."""
    return write(tmp_path / "loans.csv", text([row | {"id": str(n) * (n % 2)} for n, row in enumerate(loans(20))]))


@pytest.fixture
def forms(csv_file: Path, tmp_path: Path) -> dict[str, Path]:
    """The same loans in every form of file."""
    rows = pl.read_csv(csv_file, infer_schema=False)
    rows.write_parquet(tmp_path / "loans.parquet")
    rows.write_ndjson(tmp_path / "loans.jsonl")
    packed = {name: tmp_path / f"{name}.gz" for name in ("loans.csv", "loans.jsonl")}
    for name, path in packed.items():
        path.write_bytes(gzip.compress((tmp_path / name).read_bytes()))
    plain = {name: tmp_path / name for name in ("loans.csv", "loans.parquet", "loans.jsonl")}
    return plain | {path.name: path for path in packed.values()}


def test_every_form_of_file_gives_the_loans_of_raw_loans(forms: dict[str, Path], csv_file: Path) -> None:
    filed = features(read(csv_file).clean.lazy()).collect()
    known = filed.columns[: filed.columns.index("defaulted")]
    for name, path in forms.items():
        messages = replayed(path)
        found = decode(APPLICATIONS, [message.value for message in messages])
        assert found.events["error"].null_count() == 20, name
        assert_frame_equal(found.loans.select(known), filed.select(known), check_exact=True)
        assert [message.key.decode() for message in messages] == filed["loan_id"].to_list()


def test_the_same_file_gives_the_same_messages_and_every_loan_an_event_of_its_own(csv_file: Path) -> None:
    once = replayed(csv_file)
    assert replayed(csv_file) == once
    assert len({event["event_id"] for event in events(once)}) == 20


def test_a_loan_applies_on_the_first_of_its_month_or_now(csv_file: Path) -> None:
    then, now = events(replayed(csv_file)), events(replayed(csv_file, now=True))
    assert {event["event_time"] for event in then} == {f"2015-{month}-01T00:00:00Z" for month in (10, 11, 12)}
    assert [event["event_id"] for event in now] == [event["event_id"] for event in then]
    for event in now:
        assert abs((datetime.now(UTC) - datetime.fromisoformat(event["event_time"])).total_seconds()) < 60


def test_rows_of_json_are_sent_as_they_stand(tmp_path: Path) -> None:
    row = {**loans(1)[0], "id": 5, "loan_amnt": 10_000.5, "never_heard_of": {"deep": [None, True]}, "title": None}
    (event,) = events(replayed(write(tmp_path / "rows.jsonl", json.dumps(row) + "\n\n")))
    assert event["payload"] == row
    assert event["application_id"] == "5"


def test_real_applications_are_good_ones(shared_data: Path) -> None:
    messages = replayed(shared_data / "events" / "loan_application_events_300.jsonl")
    assert decode(APPLICATIONS, [message.value for message in messages]).loans.height == 300


@pytest.mark.parametrize("name", ["loans_2014_raw_prospectus_line.csv", "loans_2016_03_raw.csv"])
def test_real_files_have_the_identifiers_of_raw_loans(shared_data: Path, name: str) -> None:
    path = shared_data / "lendingclub" / name
    assert [message.key.decode() for message in replayed(path)] == read(path).clean["loan_id"].to_list()


def test_what_cannot_be_sent_is_told_and_the_rest_is_sent(tmp_path: Path) -> None:
    first, *rest = loans(3)
    lines = text([first, rest[0] | {"issue_d": "Smarch-2015"}, rest[1]]) + "1,2\n"
    replay = Replay(write(tmp_path / "loans.csv", lines))
    assert len(list(replay.messages())) == 2
    assert replay.left_out == [
        "line 3: issue_d is no month; mend it, or send with --now",
        "line 5: record: 2 fields where the header has 36",
    ]
    assert len(list(Replay(tmp_path / "loans.csv", now=True).messages())) == 3


def test_lines_that_are_no_json_are_told_and_the_rest_is_sent(tmp_path: Path) -> None:
    good = json.dumps(loans(1)[0]).encode()
    lines = [good, b"[1]", b"{", b'"\xff"', good[:-1] + b', "x": NaN}', good]
    replay = Replay(write(tmp_path / "rows.jsonl", b"\n".join(lines)))
    assert len(list(replay.messages())) == 2
    assert [told.split(" (")[0] for told in replay.left_out] == [f"line {n}: not one JSON object" for n in (2, 3, 4, 5)]


@pytest.mark.parametrize("name", ["none.csv", "none.jsonl", "none.parquet"])
def test_a_file_that_is_not_there_is_an_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(SourceError, match=rf"{name}: no such file. Check the path."):
        replayed(tmp_path / name)


def test_a_damaged_packed_file_is_an_error(tmp_path: Path) -> None:
    whole = gzip.compress(json.dumps(loans(1)[0]).encode())
    with pytest.raises(SourceError, match=r"rows.jsonl.gz: cannot be read .* Fetch the file again."):
        replayed(write(tmp_path / "rows.jsonl.gz", whole[:40]))


@given(st.integers(0, 50), st.floats(0.5, 1e4), st.floats(0, 1))
def test_a_rate_is_kept_on_the_average_and_delays_are_made_up_for(count: int, rate: float, delay: float) -> None:
    now = [100.0]

    def sleep(seconds: float) -> None:
        assert seconds > 0
        now[0] += seconds

    due = []
    for item in paced(range(count), rate, clock=lambda: now[0], sleep=sleep):
        due.append(now[0] - 100.0)
        now[0] += delay * (item % 7 == 3) / rate
    assert all(when >= number / rate - 1e-6 for number, when in enumerate(due))
    assert all(when <= (number + 1) / rate + 1e-6 for number, when in enumerate(due))


def test_a_topic_is_made_once_and_keeps_what_happened_years_ago(bootstrap: str) -> None:
    arguments = {"bootstrap_servers": [bootstrap]}
    topic = f"replay-{free_ports(1)[0]}"
    assert [ensure_topic(arguments, topic, partitions) for partitions in (3, 5)] == [3, 3]
    messages = [Message(b"key", str(number).encode()) for number in range(50)]
    assert send(arguments, topic, messages, rate=10_000) == 50
    found = [values(received(bootstrap, topic, partition)) for partition in range(3)]
    assert sorted(map(len, found)) == [0, 0, 50]
    assert max(found, key=len) == [message.value for message in messages]


def test_a_broker_that_does_not_answer_is_an_error_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("creditrisk_assets.streaming.producer.PATIENCE_MS", 500)
    nobody = {"bootstrap_servers": [f"127.0.0.1:{free_ports(1)[0]}"]}
    with pytest.raises(SendError, match=r"the broker at 127\.0\.0\.1:\d+ did not take .*; repeats count once"):
        ensure_topic(nobody, "any", 1)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevelopmentBroker]:
    """A broker to which nobody else sends applications."""
    broker = DevelopmentBroker(tmp_path_factory.mktemp("replay"))
    broker.start()
    yield broker
    broker.end()


def replay_loans(bootstrap: str, *arguments: object) -> Result:
    environment = {"CREDITRISK_KAFKA_BOOTSTRAP": bootstrap}
    return CliRunner().invoke(main, ["replay-loans", *map(str, arguments)], env=environment)


def test_the_command_sends_a_file_as_often_as_it_is_told(own: DevelopmentBroker, csv_file: Path) -> None:
    sent = [replay_loans(own.bootstrap, csv_file, *more, "--partitions", 2) for more in ([], ["--limit", 5])]
    assert [result.exit_code for result in sent] == [0, 0], sent[0].output
    assert sent[0].output == "20 applications sent to loan-applications (2 partitions), 0 left out\n"
    assert sent[1].output == "5 applications sent to loan-applications (2 partitions), 0 left out\n"
    found = [one for partition in range(2) for one in received(own.bootstrap, APPLICATIONS, partition)]
    read_back = decode(APPLICATIONS, [one.value for one in found])
    assert (read_back.events.height, read_back.events["event_id"].n_unique()) == (25, 20)
    assert read_back.events["error"].null_count() == 25
    assert {one.key for one in found} == {identifier.encode() for identifier in read_back.loans["loan_id"]}
    assert set(read_back.loans["vintage"]) == {date(2015, month, 1) for month in (10, 11, 12)}


def test_the_command_tells_what_it_left_out(own: DevelopmentBroker, tmp_path: Path) -> None:
    file = write(tmp_path / "rows.jsonl", json.dumps(loans(1)[0]) + "\n{\n")
    result = replay_loans(own.bootstrap, file, "--rate", 100)
    assert result.exit_code == 0
    assert "left out: line 2: not one JSON object" in result.stderr
    assert result.stdout.endswith("partitions), 1 left out\n")
    none = replay_loans(own.bootstrap, file, "--limit", 1)
    assert none.stderr == ""  # nothing before the last one that was sent


def lines_left_out(result: Result) -> list[int]:
    return [int(told.split()[3].rstrip(":")) for told in result.stderr.splitlines() if told.startswith("left out: ")]


def test_the_command_fails_when_every_record_was_left_out(own: DevelopmentBroker, tmp_path: Path) -> None:
    row = loans(1)[0] | {"issue_d": "Smarch-2015"}
    files = {
        "rows.jsonl": "{\n" + json.dumps(row) + "\n[]\n",
        "loans.csv": text([row]) + "1,2\n",
    }
    for (name, content), lines in zip(files.items(), ([1, 2, 3], [2, 3]), strict=True):
        result = replay_loans(own.bootstrap, write(tmp_path / name, content))
        assert result.exit_code == 1
        assert lines_left_out(result) == lines
        assert result.stderr.endswith("Error: nothing could be sent: mend what was left out, and send it again\n")


def test_what_was_left_out_is_told_also_when_sending_ends_midway(own: DevelopmentBroker, tmp_path: Path) -> None:
    good = json.dumps(loans(1)[0])
    large = json.dumps(loans(1)[0] | {"title": "x" * 3_000_000})
    refused = replay_loans(own.bootstrap, write(tmp_path / "rows.jsonl", "\n".join(["{", good, "[]", large, "{"])))
    damaged = gzip.compress("\n".join(["{", good, "[]", good]).encode())[:-8]
    unread = replay_loans(own.bootstrap, write(tmp_path / "rows.jsonl.gz", damaged))
    for result, said in ((refused, "did not take the messages"), (unread, "Fetch the file again")):
        assert result.exit_code == 1
        assert lines_left_out(result) == [1, 3]
        assert said in result.stderr.splitlines()[-1]


def test_the_command_refuses_in_one_line_what_it_cannot_do(tmp_path: Path) -> None:
    result = replay_loans("nowhere", tmp_path / "none.csv")
    assert result.exit_code == 1
    assert result.output.startswith("Error: CREDITRISK_KAFKA_BOOTSTRAP: 'nowhere' is no broker")


def test_a_file_of_no_use_is_told_before_a_broker_is_asked(tmp_path: Path) -> None:
    told = replay_loans("127.0.0.1:1", tmp_path / "none.csv")
    assert (told.exit_code, told.output) == (1, "Error: none.csv: no such file. Check the path.\n")


@pytest.mark.parametrize("rate", ["nan", "inf", "0", "-1"])
def test_the_command_refuses_a_rate_at_which_nothing_can_be_sent(tmp_path: Path, rate: str) -> None:
    result = replay_loans("127.0.0.1:1", tmp_path / "none.csv", "--rate", rate)
    assert result.exit_code == 2
    assert "Invalid value for '--rate': " in result.output
