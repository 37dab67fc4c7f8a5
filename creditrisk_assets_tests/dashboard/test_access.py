"""Who sees the dashboard: everyone on loopback, or those whose groups say so; half a set-up lets nobody in."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from creditrisk_assets_tests.dashboard.opened import APP, SECONDS, Opening, written
from dashboard import access
from dashboard.access import Closed, Stranger, Visitor

PROVIDER = {
    "client_id": "dashboard",
    "client_secret": "told to nobody",
    "server_metadata_url": "http://127.0.0.1:9/.well-known/openid-configuration",
}
AUTH: dict[str, Any] = {
    "redirect_uri": "http://127.0.0.1:8501/oauth2callback",
    "cookie_secret": "x" * 32,
    **PROVIDER,
}
GROUPS = {"viewer_groups": "risk, audit", "officer_groups": "credit"}
FOLDER = APP.parent / "app_pages"
PAGES = sorted(file.stem for file in FOLDER.glob("*.py"))
LIVE = [name for name in PAGES if "run_every" in (FOLDER / f"{name}.py").read_text()]


class User(Mapping[str, Any]):
    """What streamlit tells of somebody who has logged in, or has not."""

    def __init__(self, **claims: Any) -> None:
        self._claims = claims

    def __getitem__(self, key: str) -> Any:
        return self._claims[key]

    def __iter__(self) -> Any:
        return iter(self._claims)

    def __len__(self) -> int:
        return len(self._claims)

    def to_dict(self) -> dict[str, Any]:
        return dict(self._claims)


def somebody(monkeypatch: pytest.MonkeyPatch, groups: object, age: float = 60.0, **claims: Any) -> None:
    told = {"is_logged_in": True, "email": "ann@lender.example", "groups": groups, "iat": time.time() - age}
    monkeypatch.setattr("streamlit.user", User(**told | claims))


def test_without_a_login_everyone_may_look_and_nobody_may_override(opening: Opening) -> None:
    page = opening()
    assert not page.exception
    assert access.visitor() == Visitor()
    with pytest.raises(PermissionError):
        _ = Visitor("ann").recorded
    assert not [button for button in page.button if button.key in ("login", "logout")]


def test_the_setting_makes_the_visitor_an_officer_under_its_name(opening: Opening) -> None:
    page = opening(dashboard_officer="demo")
    assert "demo · officer" in written(page)
    found = access.visitor()
    assert isinstance(found, Visitor)
    assert found.recorded == "demo"


@pytest.mark.parametrize("name", PAGES)
def test_nobody_sees_a_page_before_logging_in(name: str, opening: Opening, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamlit.user", User(is_logged_in=False))
    page = opening(secrets={"auth": AUTH}, **GROUPS)
    assert "Log in to see the dashboard." in written(page)
    assert page.button(key="login").label == "Log in"
    # Nor by running the file of a page alone.
    from streamlit.testing.v1 import AppTest

    alone = AppTest.from_file(str(FOLDER / f"{name}.py"), default_timeout=SECONDS)
    alone.secrets["auth"] = AUTH
    alone.run()
    assert "Log in to see the dashboard." in written(alone)
    assert not alone.dataframe
    assert len(alone.main) == len(page.main)


def test_a_viewer_may_look(opening: Opening, monkeypatch: pytest.MonkeyPatch) -> None:
    somebody(monkeypatch, ["other", "audit"])
    page = opening(secrets={"auth": AUTH}, **GROUPS)
    assert "ann@lender.example · viewer" in written(page)
    assert page.button(key="logout").label == "Log out"


def test_an_officer_may_override(opening: Opening, monkeypatch: pytest.MonkeyPatch) -> None:
    somebody(monkeypatch, ["risk", "credit"])
    page = opening(secrets={"auth": AUTH}, dashboard_officer="demo", **GROUPS)
    assert "ann@lender.example · officer" in written(page)


@pytest.mark.parametrize("groups", [[], ["marketing"], None, "riskier", "risk, audit", {"risk": True}, [["risk"]], ""])
def test_whoever_is_in_no_group_is_refused(groups: object, opening: Opening, monkeypatch: pytest.MonkeyPatch) -> None:
    somebody(monkeypatch, groups)
    page = opening(secrets={"auth": AUTH}, **GROUPS)
    assert "ann@lender.example belongs to none of the groups" in written(page)
    assert [button.label for button in page.button] == ["Log out"]


@pytest.mark.parametrize("age", [13 * 3600, float("nan")])
def test_a_login_is_good_for_half_a_day(age: float, opening: Opening, monkeypatch: pytest.MonkeyPatch) -> None:
    somebody(monkeypatch, ["credit"], age)
    assert "Your session has ended" in written(opening(secrets={"auth": AUTH}, **GROUPS))


@pytest.mark.parametrize("name", LIVE)
def test_a_page_that_looks_again_by_itself_ends_with_the_login(
    name: str, opening: Opening, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The navigation and the page still know the visitor; what runs by itself afterwards does not."""
    found = iter([Visitor("ann"), Visitor("ann")])
    monkeypatch.setattr(access, "visitor", lambda: next(found, Stranger(ended=True)))
    page = opening(name, dagster_url="http://127.0.0.1:9")
    assert not page.exception
    assert "Your session has ended" in written(page)
    assert not page.dataframe


HALVES: list[tuple[object, str]] = [
    ({}, "set up by half"),
    ("yes", "set up by half"),
    ({name: value for name, value in AUTH.items() if name != "client_secret"}, "lacks client_secret"),
    ({**AUTH, "cookie_secret": ""}, "lacks cookie_secret"),
    ({**AUTH, "cookie_secret": "guess"}, "shorter than 32 characters"),
    ({**AUTH, "redirect_uri": "http://127.0.0.1:8501/"}, "does not end with /oauth2callback"),
    ({**AUTH, "one": PROVIDER, "two": PROVIDER}, "names 2 providers"),
    ({"redirect_uri": AUTH["redirect_uri"], "cookie_secret": AUTH["cookie_secret"], "one": {"client_id": "a"}},
     "lacks client_secret, server_metadata_url"),
]  # fmt: skip


@pytest.mark.parametrize(("section", "told"), HALVES)
def test_a_login_set_up_by_half_closes_the_dashboard(
    section: object, told: str, opening: Opening, monkeypatch: pytest.MonkeyPatch
) -> None:
    somebody(monkeypatch, ["credit"])
    page = opening(secrets={"auth": section}, dashboard_officer="demo", **GROUPS)
    assert "This dashboard is closed" in written(page)
    assert told in written(page)
    assert not page.button


def test_a_provider_by_name_is_asked(opening: Opening, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamlit.user", User(is_logged_in=False))
    shared = {name: AUTH[name] for name in access.REQUIRED}
    page = opening(secrets={"auth": {**shared, "okta": PROVIDER}}, **GROUPS)
    assert page.button(key="login").label == "Log in"


def test_a_login_without_groups_closes_the_dashboard(opening: Opening, monkeypatch: pytest.MonkeyPatch) -> None:
    somebody(monkeypatch, ["credit"])
    assert "set CREDITRISK_VIEWER_GROUPS" in written(opening(secrets={"auth": AUTH}))


def test_groups_without_a_login_close_the_dashboard(opening: Opening) -> None:
    assert "nobody can log in: add [auth]" in written(opening(officer_groups="credit"))


def test_secrets_that_cannot_be_read_close_the_dashboard(
    opening: Opening, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = tmp_path / "secrets.toml"
    secrets.write_text('[auth\nclient_secret = "told to nobody"')
    monkeypatch.setattr("streamlit.get_option", lambda name: [str(secrets)] if name == "secrets.files" else None)
    monkeypatch.setattr(access, "_without", [])  # the test before had none, which is believed for a second
    found = access.visitor()
    assert isinstance(found, Closed)
    assert "cannot be read" in found.why
    assert "told to nobody" not in found.why
