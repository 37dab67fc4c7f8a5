"""Alerts from end to end: really evaluated checks and runs, the sensor with its cursor, a receiver on loopback."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from creditrisk_assets.contracts import RAW_LOANS
from creditrisk_assets.monitoring import sensors
from creditrisk_assets.resources.environments import SettingsError
from creditrisk_assets_tests.monitoring.receivers import Webhook, mailbox, webhook
from creditrisk_assets_tests.monitoring.watched import BROKEN, FAILING, SECRET, Watch, watching
from creditrisk_assets_tests.world import LAST, VINTAGES, World

MARCH, APRIL, MAY = "2015-03-01", "2015-04-01", "2015-05-01"


@pytest.fixture
def receiver() -> Iterator[Webhook]:
    with webhook() as one:
        yield one


@pytest.fixture
def watch(receiver: Webhook, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watch]:
    with watching(monkeypatch, receiver.url) as one:
        yield one


def test_a_failing_check_is_told_once_over_many_ticks_and_evaluations(watch: Watch, receiver: Webhook) -> None:
    FAILING.add(MARCH)
    for _ in range(4):
        assert watch.check(MARCH)
        watch.tick(3)
    assert receiver.titles == ["1 failing"]
    assert watch.told == "1 problems, 0 messages on their way"
    body = receiver.bodies[0]
    assert body.startswith(
        "FAILING: check is_complete of raw/loans, 2015-03\na warning; cells: 3; features: fico; share: 0.25; "
    )
    assert "remedy: close it again\nhttp://127.0.0.1:3000/assets/raw/loans?view=checks&checkDetail=is_complete" in body
    assert receiver.taken[0]["key"] == body.splitlines()[-1]
    assert receiver.taken[0]["type"] == "warning"


def test_recovery_is_told_once(watch: Watch, receiver: Webhook) -> None:
    FAILING.add(MARCH)
    watch.check(MARCH)
    watch.tick(2)
    FAILING.clear()
    for _ in range(3):
        watch.check(MARCH)
        watch.tick(2)
    assert receiver.titles == ["1 failing", "1 recovered"]
    assert receiver.bodies[1].startswith("RECOVERED: check is_complete of raw/loans, 2015-03\nhttp")
    assert receiver.taken[1]["type"] == "success"
    watch.later(4000)
    watch.tick()
    assert watch.told == "0 problems, 0 messages on their way"


def test_checks_that_pass_are_never_told(watch: Watch, receiver: Webhook) -> None:
    watch.check(MARCH, MAY)
    watch.tick(3)
    assert receiver.taken == []


def test_two_failing_partitions_are_two_problems_in_one_message(watch: Watch, receiver: Webhook) -> None:
    FAILING.update([MARCH, MAY])
    watch.check(MARCH, MAY)
    watch.tick(2)
    assert receiver.titles == ["2 failing"]
    assert "check is_complete of raw/loans, 2015-03, 2015-05\n" in receiver.bodies[0]
    FAILING.remove(MARCH)
    watch.check(MARCH)
    watch.tick(2)
    assert receiver.titles == ["2 failing", "1 recovered"]
    FAILING.add(APRIL)
    watch.check(MARCH, MAY)
    watch.tick(2)
    assert receiver.titles[2:] == ["1 failing"]
    assert ", 2015-04\n" in receiver.bodies[2]


def test_a_check_that_names_no_partitions_fails_and_recovers_as_one(watch: Watch, receiver: Webhook) -> None:
    BROKEN.add("contract")
    assert not watch.check(MARCH, MAY, "keeps_its_contract")
    watch.tick(2)
    assert receiver.titles == ["1 failing"]  # and not the run, which failed for that check alone
    assert "keeps_its_contract of raw/loans, 2015-03-01...2015-05-01\nan error; " in receiver.bodies[0]
    BROKEN.clear()
    watch.check(APRIL, None, "keeps_its_contract")
    watch.tick(2)
    assert receiver.titles == ["1 failing"]
    watch.check("2015-01-01", MAY, "keeps_its_contract")
    watch.tick(2)
    assert receiver.titles == ["1 failing", "1 recovered"]


def test_a_receiver_that_is_down_gets_everything_later_and_once(watch: Watch, receiver: Webhook) -> None:
    receiver.up = False
    FAILING.add(MARCH)
    watch.check(MARCH)
    watch.tick(4)
    FAILING.add(APRIL)
    watch.check(APRIL)
    watch.tick(2)
    assert receiver.taken == []
    assert receiver.refused == 5  # one message a tick: the second waits for the first
    assert watch.told == "2 problems, 2 messages on their way"
    receiver.up = True
    watch.tick(4)
    assert receiver.titles == ["1 failing", "1 failing"]
    assert len({one["key"] for one in receiver.taken}) == 2


def test_a_dead_channel_does_not_keep_the_others_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    with webhook() as one, webhook() as other, watching(monkeypatch, one.url, other.url) as watch:
        one.up = False
        FAILING.add(MARCH)
        watch.check(MARCH)
        watch.tick(3)
        assert (len(one.taken), len(other.taken)) == (0, 1)
        one.up = True
        watch.tick(3)
        assert (len(one.taken), len(other.taken)) == (1, 1)
        assert one.taken[0]["key"] == other.taken[0]["key"]


def test_a_restart_of_the_daemon_repeats_nothing(watch: Watch, receiver: Webhook) -> None:
    FAILING.add(MARCH)
    watch.check(MARCH)
    watch.tick(2)
    again = Watch(watch.instance, watch.clock, watch.cursor)
    again.tick(3)
    assert receiver.titles == ["1 failing"]


def test_a_tick_that_dies_after_sending_repeats_the_message_under_its_key(watch: Watch, receiver: Webhook) -> None:
    FAILING.add(MARCH)
    watch.check(MARCH)
    watch.tick()
    kept = watch.cursor
    watch.tick()
    watch.cursor = kept  # the daemon died before it wrote the cursor
    FAILING.add(APRIL)
    watch.check(APRIL)
    watch.tick(2)
    assert receiver.titles == ["1 failing", "1 failing", "1 failing"]
    first, repeat, news = (one["key"] for one in receiver.taken)
    assert first == repeat != news


def test_what_comes_back_within_the_hour_is_told_when_it_is_over(watch: Watch, receiver: Webhook) -> None:
    for failing in (True, False, True, False, True):
        FAILING.update([MARCH]) if failing else FAILING.clear()
        watch.check(MARCH)
        watch.tick(2)
    assert receiver.titles == ["1 failing", "1 recovered"]
    watch.later(3601)
    watch.tick(2)
    assert receiver.titles == ["1 failing", "1 recovered", "1 failing"]


def test_what_goes_on_is_told_again_after_the_reminder_period_only_if_there_is_one(
    receiver: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    with watching(monkeypatch, receiver.url, alert_reminder_hours="24") as watch:
        FAILING.add(MARCH)
        watch.check(MARCH)
        watch.tick(2)
        watch.later(23 * 3600)
        watch.tick(2)
        assert receiver.titles == ["1 failing"]
        watch.later(3601)
        watch.tick(3)
        assert receiver.titles == ["1 failing", "1 still failing"]
        monkeypatch.delenv("CREDITRISK_ALERT_REMINDER_HOURS")
        watch.later(10 * 24 * 3600)
        watch.tick(3)
        assert receiver.titles == ["1 failing", "1 still failing"]


def test_a_failed_run_is_told_once_and_so_is_its_recovery(watch: Watch, receiver: Webhook) -> None:
    BROKEN.add("job")
    for _ in range(3):
        assert not watch.work()
        watch.tick(2)
    assert receiver.titles == ["1 failing"]
    assert receiver.bodies[0].startswith("FAILING: run close_books\nstep work failed with ValueError; remedy: open")
    assert "http://127.0.0.1:3000/runs/" in receiver.bodies[0]
    BROKEN.clear()
    assert watch.work()
    watch.tick(2)
    assert receiver.titles == ["1 failing", "1 recovered"]


def test_no_record_no_message_of_an_error_and_no_password_is_passed_on(watch: Watch, receiver: Webhook) -> None:
    FAILING.add(MARCH)
    BROKEN.add("job")
    watch.check(MARCH)
    watch.work()
    watch.tick(2)
    assert receiver.titles == ["2 failing"]
    assert not [word for word in SECRET.split() if word in receiver.bodies[0]]
    assert watch.cursor is not None
    assert "hunter2" not in watch.cursor
    assert receiver.url not in watch.cursor


def test_alerts_arrive_by_mail_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    with mailbox() as box, watching(monkeypatch, box.url) as watch:
        FAILING.add(MARCH)
        watch.check(MARCH)
        watch.tick(3)
        (mail,) = box.taken
        assert mail["To"] == "officer@bank.example"
        assert mail["Subject"] == "Credit risk: 1 failing"
        part = next(one for one in mail.walk() if one.get_content_maintype() == "text")
        text = part.get_payload(decode=True).decode()  # type: ignore[union-attr]
        assert "check is_complete of raw/loans, 2015-03" in text
        assert mail["Idempotency-Key"] in text


def test_without_the_setting_nothing_is_done_and_the_tick_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    with watching(monkeypatch) as watch:
        FAILING.add(MARCH)
        watch.check(MARCH)
        watch.tick()
        assert watch.told == "nobody is told of failed checks and runs: set CREDITRISK_ALERT_URLS"
        assert watch.cursor is None


def test_a_url_that_is_no_use_is_named_by_its_place_and_never_shown(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with watching(monkeypatch, "json://127.0.0.1:1", "hunter2") as watch, pytest.raises(Exception) as error:
        watch.tick()
    cause = error.value.__cause__ or error.value
    assert isinstance(cause, SettingsError)
    assert "URL 2 of 2" in str(cause)
    assert "hunter2" not in str(cause)
    assert "hunter2" not in "".join(capfd.readouterr())


def test_a_check_of_the_platform_that_names_its_vintages_reaches_the_receiver_once(
    watch: Watch, receiver: Webhook, ingested: World, tmp_path: Path
) -> None:
    world, spoilt = ingested.copy(tmp_path), VINTAGES[20]
    key = dg.AssetCheckKey(dg.AssetKey(["raw", "loans"]), "has_its_usual_volume")
    selection, definitions = dg.AssetSelection.checks(key), world.definitions
    whole = world.only(RAW_LOANS, spoilt)
    world.lake.overwrite(RAW_LOANS, whole.head(40), [spoilt])
    for _ in range(2):
        world.run(selection, VINTAGES[0], LAST, instance=watch.instance)
        watch.tick(2, definitions)
    assert receiver.titles == ["1 failing"]
    assert receiver.bodies[0].startswith("FAILING: check has_its_usual_volume of raw/loans, 2015-09\na warning; ")
    assert "shrunk: 1" in receiver.bodies[0]
    assert "remedy: look whether the loan file is whole" in receiver.bodies[0]
    world.lake.overwrite(RAW_LOANS, whole, [spoilt])
    world.run(selection, spoilt, instance=watch.instance)
    watch.tick(2, definitions)
    assert receiver.titles == ["1 failing", "1 recovered"]


def test_the_platform_has_the_sensor_and_it_is_on(tmp_path: Path) -> None:
    sensor = World(tmp_path, None).definitions.resolve_sensor_def("alerts")
    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
    assert sensor.minimum_interval_seconds == sensors.EVERY
