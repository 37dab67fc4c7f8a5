"""Where the demo keeps its things, and making sure it only ever clears its own."""

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from creditrisk_assets.local.instance import dagster_yaml
from creditrisk_assets.resources.environments import DATA, DEMO_ENV, settings


class DemoError(RuntimeError):
    """The demo cannot go on; the message says what to do."""


@dataclass(frozen=True)
class Home:
    """Folders of the demo: `lake`, `dagster` (history for the UI), `files` (simulated book), `logs`."""

    data: Path = DATA

    @property
    def lake(self) -> Path:
        """The lake the demo fills: CREDITRISK_LAKE when set in the environment, else `lake` in the data folder."""
        return Path(os.environ.get("CREDITRISK_LAKE") or self.data / "lake")

    @property
    def dagster(self) -> Path:
        """DAGSTER_HOME of the demo."""
        return self.data / "dagster"

    @property
    def files(self) -> Path:
        """Where the simulated book lies."""
        return self.data / "demo"

    @property
    def marker(self) -> Path:
        """Says that the demo made this lake, and of which book."""
        return self.lake / ".demo.json"


def prepare(home: Home, book: dict[str, str]) -> None:
    """Set up the folders for a book, given as the settings it needs.

    A lake the demo filled with another book is cleared; one that it did not make is refused with
    DemoError. The settings are noted in `demo.env` of the data folder, so that any shell sees the same book.
    """
    if "://" in os.environ.get("CREDITRISK_LAKE", ""):
        raise DemoError(f"the demo fills a folder, not {os.environ['CREDITRISK_LAKE']}: unset CREDITRISK_LAKE")
    if home.lake.exists() and any(home.lake.iterdir()) and not home.marker.exists():
        raise DemoError(
            f"{home.lake} holds tables that the demo did not make. Move them away, or run the demo elsewhere: "
            "CREDITRISK_LAKE=/some/folder make demo"
        )
    if home.marker.exists() and json.loads(home.marker.read_text()) != book:
        shutil.rmtree(home.lake)
        shutil.rmtree(home.dagster, ignore_errors=True)
    home.lake.mkdir(parents=True, exist_ok=True)
    home.dagster.mkdir(parents=True, exist_ok=True)
    home.marker.write_text(json.dumps(book, indent=2))
    DEMO_ENV.parent.mkdir(parents=True, exist_ok=True)
    DEMO_ENV.write_text("".join(f"{name}={_quoted(value)}\n" for name, value in book.items()))
    # After the settings of the last demo are gone: its PostgreSQL is not at work.
    (home.dagster / "dagster.yaml").write_text(dagster_yaml(postgres=_noted_postgres()))
    os.environ.update(book)
    os.environ["DAGSTER_HOME"] = str(home.dagster)


def note(values: dict[str, str]) -> None:
    """Add settings to `demo.env`, for other shells, and to the environment, for the demo's own children."""
    with DEMO_ENV.open("a") as file:
        file.writelines(f"{name}={_quoted(value)}\n" for name, value in values.items())
    os.environ.update(values)


def _noted_postgres() -> bool:
    """Does Dagster keep its history in PostgreSQL? Then every child finds it, as SQLAlchemy wants it written."""
    url = settings().postgres_url
    if url is None:
        return False
    from creditrisk_assets.serving.connection import VARIABLE, sqlalchemy_url

    os.environ[VARIABLE] = sqlalchemy_url(url)
    return True


def _quoted(value: str) -> str:
    """A value as env files keep it, blanks and signs included."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
