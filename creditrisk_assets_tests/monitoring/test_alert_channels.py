"""`creditrisk alerts test`, and what is said of channels that cannot be used."""

import pytest
from click.testing import CliRunner, Result

from creditrisk_assets.cli import main
from creditrisk_assets.monitoring.channels import Channel, channels
from creditrisk_assets.resources.environments import SettingsError, settings
from creditrisk_assets_tests.monitoring.receivers import mailbox, webhook

SECRET = "json://user:hunter2@host/told-to-nobody"


def alerts_test(monkeypatch: pytest.MonkeyPatch, *urls: str) -> Result:
    monkeypatch.setenv("CREDITRISK_ALERT_URLS", ",".join(urls))
    return CliRunner().invoke(main, ["alerts", "test"])


def test_the_test_message_reaches_every_channel(monkeypatch: pytest.MonkeyPatch) -> None:
    with webhook() as hook, mailbox() as box:
        done = alerts_test(monkeypatch, hook.url, box.url)
        assert (done.exit_code, done.output) == (0, "2 of 2 channels took the test message.\n")
        assert hook.titles == ["test"]
        assert hook.taken[0]["key"].startswith("creditrisk-1-")
        assert [mail["Subject"] for mail in box.taken] == ["Credit risk: test"]


def test_channels_that_do_not_take_it_are_named_by_their_place(monkeypatch: pytest.MonkeyPatch) -> None:
    with webhook() as up, webhook() as down:
        down.up = False
        done = alerts_test(monkeypatch, up.url, down.url)
        assert done.exit_code == 1
        assert "CREDITRISK_ALERT_URLS: URL 2 of 2 did not take the message" in done.output
        assert "127.0.0.1" not in done.output
        assert up.titles == ["test"]


def test_without_channels_it_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    done = alerts_test(monkeypatch)
    assert done.exit_code == 1
    assert "nobody is told: set CREDITRISK_ALERT_URLS" in done.output


@pytest.mark.parametrize("url", ["nonsense", "nothing://host", "json://", "slack://"])
def test_a_url_that_is_no_use_is_named_by_its_place_and_never_shown(
    url: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    done = alerts_test(monkeypatch, SECRET, url)
    assert done.exit_code == 1
    assert "CREDITRISK_ALERT_URLS: URL 2 of 2 is none that Apprise can use" in done.output
    assert "hunter2" not in done.output + "".join(capfd.readouterr())


def test_a_comma_among_the_options_of_a_url_belongs_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    mail = "mailto://host?from=a@bank.example&to=b@bank.example,c@bank.example"
    monkeypatch.setenv("CREDITRISK_ALERT_URLS", f"json://host, {mail},json://other")
    assert channels(settings()) == [Channel("json://host"), Channel(mail), Channel("json://other")]


def test_no_channel_shows_its_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDITRISK_ALERT_URLS", SECRET)
    values = settings()
    assert "hunter2" not in f"{values!r} {values.model_dump_json()} {channels(values)!r}"


def test_the_error_of_the_settings_does_not_show_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDITRISK_ALERT_URLS", "hunter2")
    with pytest.raises(SettingsError) as error:
        channels(settings())
    assert "hunter2" not in str(error.value)
