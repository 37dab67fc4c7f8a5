"""Who may see the dashboard, and who may override decisions.

Without an [auth] section in the secrets of streamlit everyone who reaches it may look, which is meant for
loopback. With one, nobody sees a page before logging in and the `groups` claim decides. Whatever is set up
by half keeps everyone out.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.errors import StreamlitSecretNotFoundError

from creditrisk_assets.resources.environments import Settings, SettingsError
from dashboard.reading import settings
from dashboard.verbatim import plain

REQUIRED = ("redirect_uri", "cookie_secret")
OF_A_PROVIDER = ("client_id", "client_secret", "server_metadata_url")
SHORTEST_SECRET = 32
"""Characters of the secret that signs cookies: whoever guesses it is anyone."""
LONGEST_SESSION = 12 * 3600
"""Seconds after which groups are asked for anew: streamlit itself would trust a cookie for a month."""

BELIEVED = 1.0
"""Seconds for which there being no secrets is believed."""
_without: list[tuple[object, float]] = []
"""Secrets of streamlit that were found to be none, and until when that is believed."""


@dataclass(frozen=True)
class Visitor:
    """Somebody who may look; `name` is None where nobody is asked, and an officer always has one."""

    name: str | None = None
    officer: bool = False
    logged_in: bool = False

    @property
    def recorded(self) -> str:
        """The name under which decisions are recorded; PermissionError for others than officers."""
        if not self.officer or not self.name:
            raise PermissionError("Only officers may override decisions")
        return self.name


@dataclass(frozen=True)
class Closed:
    """Nobody may look: what is wrong with the set-up."""

    why: str


@dataclass(frozen=True)
class Stranger:
    """Nobody has logged in yet; `provider` of the secrets to ask, None for the only one."""

    provider: str | None = None
    ended: bool = False


@dataclass(frozen=True)
class Refused:
    """Somebody has logged in who belongs to none of the groups."""

    name: str


def admit() -> Visitor:
    """The visitor; draws a page that says what to do, and stops, for all who may not look.

    Every page asks by itself: none is left open by a mistake in the navigation.
    """
    found = visitor()
    match found:
        case Visitor():
            _sidebar(found)
            return found
        case Closed(why):
            _door("This dashboard is closed", why, ":material/lock:")
        case Stranger(provider, ended):
            _door("Credit risk", "Your session has ended: log in again." if ended else "Log in to see the dashboard.",
                  ":material/login:")  # fmt: skip
            st.button("Log in", type="primary", key="login", on_click=st.login, args=[provider] if provider else [])
        case Refused(name):
            _door("No access", f"{plain(name)} belongs to none of the groups that may see this dashboard: ask whoever "
                  "manages them, then log in again.", ":material/block:")  # fmt: skip
            st.button("Log out", key="logout", on_click=st.logout)
    return st.stop()


def door() -> None:
    """The only page of those who may not look."""
    admit()


def visitor() -> Visitor | Closed | Stranger | Refused:
    """Who this session is, by the settings, the secrets and the login."""
    try:
        values = settings()
    except SettingsError as error:
        return Closed(str(error))
    wanted = values.viewer_groups or values.officer_groups
    secrets = _secrets()
    if secrets is None:
        return Closed("The secrets of streamlit cannot be read: mend secrets.toml, then start the dashboard again.")
    if "auth" in secrets:
        return _of_login(secrets["auth"], values)
    if wanted:
        return Closed(
            "Groups are set (CREDITRISK_VIEWER_GROUPS, CREDITRISK_OFFICER_GROUPS) and nobody can log in: add [auth] to "
            "the secrets of streamlit, or unset the groups."
        )
    name = (values.dashboard_officer or "").strip() or None
    return Visitor(name, officer=name is not None)


def _secrets() -> Mapping[str, Any] | None:
    """All secrets; none where there is no file; None where there is one that cannot be read.

    That there is none costs a search of the disk, which is believed for a moment.
    """
    now, held = time.monotonic(), st.secrets
    if any(held is known and now < until for known, until in _without):
        return {}
    try:
        return held.to_dict()
    except StreamlitSecretNotFoundError:
        if any(Path(path).exists() for path in st.get_option("secrets.files")):
            return None
    _without[:] = [(held, now + BELIEVED)]
    return {}


def _of_login(section: object, values: Settings) -> Visitor | Closed | Stranger | Refused:
    if why := misfit(section):
        return Closed(f"{why}: mend [auth] in the secrets of streamlit, then start the dashboard again.")
    if not (values.viewer_groups or values.officer_groups):
        return Closed("Nobody would be let in: set CREDITRISK_VIEWER_GROUPS and CREDITRISK_OFFICER_GROUPS.")
    assert isinstance(section, Mapping)
    user = st.user.to_dict()
    inside, fresh = user.get("is_logged_in") is True, _fresh(user.get("iat"))
    return _by_groups(user, values) if inside and fresh else Stranger(_provider(section), ended=inside)


def _by_groups(user: Mapping[str, Any], values: Settings) -> Visitor | Refused:
    groups, name = _groups(user.get("groups")), _name(user)
    officer = bool(groups & _listed(values.officer_groups))
    if officer or groups & _listed(values.viewer_groups):
        return Visitor(name, officer, logged_in=True)
    return Refused(name)


def misfit(section: object) -> str | None:
    """What an [auth] section lacks, in words; None when nobody can be let in by mistake."""
    if not isinstance(section, Mapping) or not section:
        return "The login is set up by half"
    named = [name for name, part in section.items() if isinstance(part, Mapping) and name != "client_kwargs"]
    if len(named) > 1:
        return f"The login names {len(named)} providers ({', '.join(named)}), which is one too many"
    own = section[named[0]] if named else section
    lacking = [name for name in REQUIRED if not _text(section.get(name))]
    lacking += [name for name in OF_A_PROVIDER if not _text(own.get(name))]
    if lacking:
        return f"The login lacks {', '.join(lacking)}"
    if not str(section["redirect_uri"]).endswith("/oauth2callback"):
        return "The redirect_uri of the login does not end with /oauth2callback"
    if len(str(section["cookie_secret"])) < SHORTEST_SECRET:
        return f"The cookie_secret of the login is shorter than {SHORTEST_SECRET} characters"
    return None


def _provider(section: Mapping[str, Any]) -> str | None:
    named = [name for name, part in section.items() if isinstance(part, Mapping) and name != "client_kwargs"]
    return named[0] if named else None


def _text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _listed(groups: str | None) -> set[str]:
    return {name.strip() for name in (groups or "").split(",") if name.strip()}


def _groups(claim: object) -> set[str]:
    """A provider tells several groups as a list, and some a single one as text."""
    told = [claim] if isinstance(claim, str) else claim if isinstance(claim, list | tuple) else []
    return {name for name in told if isinstance(name, str)}


def _name(user: Mapping[str, Any]) -> str:
    """Who it is: what the provider vouches for, rather than what people call themselves."""
    return next((str(user[key]) for key in ("email", "preferred_username", "sub") if user.get(key)), "Somebody")


def _fresh(issued: object) -> bool:
    return isinstance(issued, int | float) and time.time() - issued < LONGEST_SESSION


def _door(title: str, told: str, icon: str) -> None:
    st.title(title, anchor=False)
    st.info(told, icon=icon)


def _sidebar(found: Visitor) -> None:
    if found.name is None:
        return
    with st.sidebar.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"{plain(found.name)} · {'officer' if found.officer else 'viewer'}")
        if found.logged_in:
            st.button("Log out", key="logout", type="tertiary", on_click=st.logout)
