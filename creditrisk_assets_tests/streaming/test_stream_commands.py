"""`creditrisk stream` and `creditrisk quarantine`, as an operator uses them."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from kafka import TopicPartition

from creditrisk_assets.cli import main
from creditrisk_assets.contracts import ACTIVITY
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.streaming.decoding import decode
from creditrisk_assets.streaming.events import Events
from creditrisk_assets_tests.streaming.brokers import DevelopmentBroker, eventually
from creditrisk_assets_tests.streaming.clients import admin, bounds, send
from creditrisk_assets_tests.streaming.taking import as_text, drain, intake, rows

GOOD = (
    b'{"version": 1, "event_id": "e1", "event_type": "credit_inquiry", "event_time": "2026-11-21T09:03:02Z",'
    b' "customer_id": "c1", "payload": {}}'
)


@pytest.fixture
def lake(development: DevelopmentBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """The settings point at a lake without events and at a broker with the platform's topic."""
    development.ensure()
    monkeypatch.setenv("CREDITRISK_LAKE", str(tmp_path / "lake"))
    monkeypatch.setenv("CREDITRISK_KAFKA_BOOTSTRAP", development.bootstrap)
    with admin(development.bootstrap) as client:
        if ACTIVITY in client.list_topics():
            client.delete_topics([ACTIVITY])
            eventually(lambda: ACTIVITY not in client.list_topics())
        client.create_topics({ACTIVITY: {"num_partitions": 1, "replication_factor": 1}})
    return Lake(str(tmp_path / "lake"))


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def test_after_a_loss_the_stream_is_restarted_from_what_there_is(development: DevelopmentBroker, lake: Lake) -> None:
    send(development.bootstrap, ACTIVITY, [GOOD] * 5)
    with admin(development.bootstrap) as client:
        with (one := intake(development.bootstrap, lake, ACTIVITY)).log:
            drain(one)
        send(development.bootstrap, ACTIVITY, [GOOD] * 5)
        client.delete_records({TopicPartition(ACTIVITY, 0): 8})
    eventually(lambda: bounds(development.bootstrap, ACTIVITY) == (8, 10))
    told = run("stream", "restart", "--topic", ACTIVITY, "--from", "beginning")
    assert told.exit_code == 0, told.output
    assert "customer-activity[0] goes on at 8 of epoch 0; restarted: offsets 5 to 7 are lost" in told.output
    again = run("stream", "restart", "--topic", ACTIVITY, "--partition", "0", "--from", "8")
    assert "Nothing to do" in again.output
    refused = run("stream", "restart", "--topic", ACTIVITY, "--from", "11")
    assert refused.exit_code == 1
    assert refused.output == "Error: customer-activity[0] holds offsets 8 to 9, not 11; correct the offset\n"
    nonsense = run("stream", "restart", "--topic", ACTIVITY, "--from", "monday")
    assert "'monday' is neither beginning nor end nor an offset" in nonsense.output


def test_the_quarantine_is_listed_and_replayed(development: DevelopmentBroker, lake: Lake) -> None:
    send(development.bootstrap, ACTIVITY, [b"no JSON", b"", GOOD])
    one = intake(development.bootstrap, lake, ACTIVITY)
    one.decode = lambda topic, values, times: as_text(topic, values, times, bad=b"")  # a decoder that fails at all
    with one.log:
        drain(one)
    day = f"{rows(lake)['ingest_day'][0]}"
    listed = run("quarantine", "list", "--topic", ACTIVITY, "--day", day, "--limit", "2").output
    assert "customer-activity[0] epoch 0 offset 2: it says so itself\n    b'{" in listed
    assert "offset 1: it says so itself\n    b''\n" in listed
    assert "3 messages in quarantine, 2 shown" in listed
    for good in (1, 0):
        told = run("quarantine", "replay", "--day", day).output
        assert told == f"{2 + good} messages read anew, {good} of them good now\n"
    assert rows(lake).filter(event_id="e1")["offset"].to_list() == [2]
    assert decode(ACTIVITY, [GOOD]).events["error"].to_list() == [None]


@pytest.mark.parametrize(("verb", "told"), [("list", "0 messages in quarantine"), ("replay", "0 messages read anew")])
def test_who_looks_into_a_lake_without_messages_learns_so_and_makes_no_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str, told: str
) -> None:
    monkeypatch.setenv("CREDITRISK_LAKE", str(tmp_path / "lake"))
    result = run("quarantine", verb)
    assert result.exit_code == 0
    assert result.output.startswith("There is nothing yet: no message was taken into raw/events of this lake.\n")
    assert told in result.output
    assert list(tmp_path.iterdir()) == []
    Events(Lake(str(tmp_path / "lake"))).create()
    assert run("quarantine", verb).output.startswith(told)


def test_a_broker_that_is_not_there_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDITRISK_LAKE", str(tmp_path))
    monkeypatch.setenv("CREDITRISK_KAFKA_BOOTSTRAP", "localhost")
    told = run("stream", "restart", "--topic", ACTIVITY, "--from", "end")
    assert told.exit_code == 1
    assert told.output == "Error: CREDITRISK_KAFKA_BOOTSTRAP: 'localhost' is no broker; write host:port,host:port\n"
