"""The real dashboard in a real browser: Debian's Chromium, driven by Playwright."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from creditrisk_assets.local.dashboard import command
from creditrisk_assets.local.loopback import LOOPBACK
from creditrisk_assets.local.supervisor import Child, Supervisor, free_port
from creditrisk_assets_tests.commands import environment
from creditrisk_assets_tests.conftest import PROJECT
from creditrisk_assets_tests.needed import lacking

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SCREENSHOTS = PROJECT / "data" / "screenshots"
"""For the eye; nobody compares them."""
PATIENCE = 30_000
"""Milliseconds within which a page must have settled, on a busy machine too."""
HARMLESS = ("/_stcore/health", "/_stcore/host-config")
"""Asked for below the address of a page, where streamlit does not serve them."""


def chromium() -> str:
    """Where Chromium is; skips, or fails where it is required, when the machine has none."""
    found = next(
        (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
    )
    if found is None:
        lacking("BROWSER", "needs Chromium: make test installs it as root on Debian, else apt install chromium")
    return found


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    """One browser for the tests of a file: as long as it is open no other test can run an event loop of its own."""
    path = chromium()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield found
        found.close()


@dataclass
class Visitor:
    """Somebody with a browser of their own, and what went wrong in it."""

    page: "Page"
    root: str
    wrong: list[str] = field(default_factory=list)

    def open(self, path: str = "") -> None:
        """Go to a page and wait until it is drawn."""
        self.page.goto(f"{self.root}/{path}")
        self.settled()

    def settled(self) -> None:
        """Wait until nothing runs any more, and nothing is still to be drawn."""
        self.page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]", timeout=PATIENCE)
        self.page.wait_for_function("document.querySelector('[data-testid=stSkeleton]') === null", timeout=PATIENCE)

    def text(self, selector: str = "[data-testid=stMain]") -> str:
        """What is written there."""
        return self.page.locator(selector).first.inner_text()

    def shoot(self, name: str) -> None:
        """A screenshot for the eye."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SCREENSHOTS / f"{name}.png")

    @property
    def sideways(self) -> int:
        """Pixels by which the page is wider than the screen."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth"))

    def watch(self) -> None:
        """Note errors of the console, and whatever is asked of outside hosts."""

        def requested(url: str) -> None:
            parts = urlsplit(url)
            if parts.scheme in ("http", "https", "ws", "wss") and parts.hostname not in (LOOPBACK, "localhost"):
                self.wrong.append(f"asked {url}")

        def said(kind: str, text: str, where: str) -> None:
            if kind == "error" and not any(part in where for part in HARMLESS):
                self.wrong.append(f"{text} {where}")

        self.page.on("request", lambda request: requested(request.url))
        self.page.on("console", lambda message: said(message.type, message.text, message.location.get("url", "")))
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))


Visiting = Callable[..., Visitor]


@pytest.fixture
def visiting(browser: "Browser") -> Iterator[Visiting]:
    """Visitors of a dashboard; in the end nothing may have gone wrong in any of their browsers."""
    made: list[Visitor] = []

    def visit(root: str, width: int = 1440, height: int = 900, scheme: str = "light") -> Visitor:
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)  # type: ignore[arg-type]
        visitor = Visitor(context.new_page(), root)
        visitor.page.set_default_timeout(PATIENCE)
        visitor.watch()
        made.append(visitor)
        return visitor

    yield visit
    for visitor in made:
        visitor.page.context.close()
    assert [visitor.wrong for visitor in made if visitor.wrong] == []


@dataclass
class Served:
    """A dashboard that runs, and where."""

    supervisor: Supervisor
    child: Child

    @property
    def root(self) -> str:
        return str(self.child.url).removesuffix("/_stcore/health")

    @property
    def log(self) -> str:
        return self.child.log.read_text()


def serve(folder: Path, working: Path | None = None, port: int | None = None, **values: object) -> Iterator[Served]:
    """The dashboard with settings of its own, its data and log in `folder`; ended afterwards."""
    port = port or free_port(8_700 + os.getpid() % 200)
    health = f"http://{LOOPBACK}:{port}/_stcore/health"
    with Supervisor(folder / "logs") as supervisor:
        known = environment(folder, CREDITRISK_DAGSTER_URL="http://127.0.0.1:9", **values)
        child = supervisor.start("dashboard", command(LOOPBACK, port), health, known, working)
        assert supervisor.wait_until_ready(child, 60)
        yield Served(supervisor, child)
