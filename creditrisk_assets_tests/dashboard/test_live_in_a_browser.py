"""The watch list beside a stream at work: Kafka, a drain, PostgreSQL and a browser, all of them real."""

import itertools
import json
import statistics
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from creditrisk_assets.contracts import ACTIVITY, APPLICATIONS
from creditrisk_assets_tests.dashboard.browsing import Served, Visiting, Visitor, serve
from creditrisk_assets_tests.integration.draining import Orders
from creditrisk_assets_tests.integration.killing import Drainers
from creditrisk_assets_tests.integration.sending import platform_topics
from creditrisk_assets_tests.integration.streamed import lake_with_models
from creditrisk_assets_tests.serving.databases import Database
from creditrisk_assets_tests.streaming.brokers import DevelopmentBroker, eventually
from creditrisk_assets_tests.streaming.clients import producer
from creditrisk_assets_tests.streaming.enveloped import activity, application, loan, packed
from creditrisk_assets_tests.world import World

LIMIT = 3.0
"""Seconds from an event's going into Kafka to its row on screen."""


@dataclass
class Live:
    """A platform at work, and the dashboard over it."""

    dashboard: Served
    bootstrap: str
    database: Database

    def send(self, topic: str, event: dict[str, object]) -> None:
        """One event, acknowledged."""
        with producer(self.bootstrap) as client:
            client.send(topic, packed(event | {"event_time": datetime.now(UTC).isoformat()})).get(30)

    def known(self, subject: str) -> bool:
        """Is it in PostgreSQL?"""
        return bool(self.database.rows(f"SELECT 1 FROM serving.live_risk WHERE subject = '{subject}'"))


@pytest.fixture
def live(tmp_path: Path, batched: World, postgres: Database) -> Iterator[Live]:
    broker = DevelopmentBroker(tmp_path / "broker")
    broker.start()
    try:
        platform_topics(broker.bootstrap)
        lake, url = lake_with_models(tmp_path, batched), postgres.url.get_secret_value()
        settings = {**postgres.environment, "CREDITRISK_LAKE": lake.root, "CREDITRISK_DASHBOARD_OFFICER": "Olivia"}
        with Drainers(lake.root, broker.bootstrap, url, tmp_path / "drain.log") as drainers:
            drainers.start(Orders())
            for served in serve(tmp_path, **settings):
                yield Live(served, broker.bootstrap, postgres)
    finally:
        broker.end()


def rows_on_screen(visitor: Visitor, text: str) -> int:
    """Cells with that text, by what the table tells screen readers."""
    return visitor.page.locator("[data-testid=stDataFrame] td", has_text=text).count()


def on_screen(visitor: Visitor) -> list[str]:
    """The table as it is told to screen readers, cell by cell."""
    return visitor.page.locator("[data-testid=stDataFrame] td").all_inner_texts()


def test_a_row_appears_within_three_seconds_of_its_event_going_into_kafka(live: Live, visiting: Visiting) -> None:
    live.send(ACTIVITY, activity("payment_missed", customer_id="first", event_id="first"))
    eventually(lambda: live.known("first"), seconds=60)
    visitor = visiting(live.dashboard.root)
    visitor.open("watch_list")
    eventually(lambda: rows_on_screen(visitor, "first"))
    waited = []
    for number in range(5):
        event = activity("payment_missed", customer_id=f"late-payer-{number}", event_id=f"late-{number}")
        live.send(ACTIVITY, event)
        begin = time.monotonic()
        eventually(lambda number=number: rows_on_screen(visitor, f"late-payer-{number}"))  # type: ignore[misc]
        waited.append(time.monotonic() - begin)
    visitor.shoot("watch_list_live")
    assert statistics.median(waited) < LIMIT, waited


@contextmanager
def flowing(live: Live) -> Iterator[None]:
    """Customers who pay, ten a second, one after the other."""
    stop, numbers = threading.Event(), itertools.count()

    def pay() -> None:
        while not stop.wait(0.1):
            number = next(numbers)
            live.send(ACTIVITY, activity("payment_made", customer_id=f"payer-{number}", event_id=f"paid-{number}"))

    with ThreadPoolExecutor(1) as pool:
        paying = pool.submit(pay)
        try:
            yield
        finally:
            stop.set()
        paying.result()


def test_a_click_leads_to_the_applicant_who_was_on_screen_while_the_stream_goes_on(
    live: Live, visiting: Visiting
) -> None:
    risks = loan() | {"annual_inc": 9_000, "dti": 39.0, "fico_range_low": 640, "inq_last_6mths": 8, "revol_util": 99.0}
    live.send(APPLICATIONS, application(risks, application_id="risky-one", event_id="risky", customer_id="c-7"))
    eventually(lambda: live.known("risky-one"), seconds=60)
    with flowing(live):
        visitor = visiting(live.dashboard.root)
        visitor.open("watch_list")
        eventually(lambda: rows_on_screen(visitor, "payer-5"), seconds=60)
        seen = on_screen(visitor)
        eventually(lambda: on_screen(visitor) != seen)
        visitor.page.wait_for_timeout(1_200)  # to read it takes longer than what was asked of PostgreSQL is kept
        assert "risky-one" in visitor.page.locator("[data-testid=stDataFrame] td").first.inner_text()
        click_the_first_row(visitor)
        visitor.page.wait_for_url("**/applicant?id=risky-one*")
        visitor.page.locator("code", has_text="risky-one").wait_for()


def click_the_first_row(visitor: Visitor) -> None:
    """Where its box to select it is."""
    box = visitor.page.locator("[data-testid=stDataFrame] canvas").first.bounding_box()
    assert box is not None
    visitor.page.mouse.click(box["x"] + 18, box["y"] + 52)


def test_a_click_on_the_watch_list_leads_to_the_applicant_whom_an_officer_overrides(
    live: Live, visiting: Visiting
) -> None:
    live.send(APPLICATIONS, application(application_id="risky-one", event_id="risky", customer_id="c-7"))
    eventually(lambda: live.known("risky-one"), seconds=60)
    visitor = visiting(live.dashboard.root)
    visitor.open("watch_list?live=false")
    eventually(lambda: rows_on_screen(visitor, "risky-one"))
    click_the_first_row(visitor)
    visitor.page.wait_for_url("**/applicant?id=risky-one*")
    visitor.page.locator("code", has_text="risky-one").wait_for()
    visitor.settled()
    visitor.shoot("applicant_of_the_stream")
    visitor.page.locator(".st-key-override-decision").get_by_text("Declined", exact=True).click()
    visitor.page.get_by_label("Reason").fill("The employer does not know the applicant.")
    visitor.page.get_by_test_id("stBaseButton-secondaryFormSubmit").click()
    eventually(lambda: live.database.rows("SELECT officer FROM serving.overrides"), seconds=30)
    (recorded,) = live.database.rows("SELECT officer, decision, reason FROM serving.overrides")
    assert recorded == ("Olivia", "decline", "The employer does not know the applicant.")
    visitor.page.get_by_text("Declined by an officer").wait_for()


def test_when_postgresql_goes_the_watch_list_says_so_and_comes_back_with_it(live: Live, visiting: Visiting) -> None:
    live.send(ACTIVITY, activity("payment_missed", customer_id="steady", event_id="steady"))
    eventually(lambda: live.known("steady"), seconds=60)
    visitor = visiting(live.dashboard.root)
    visitor.open("watch_list")
    eventually(lambda: rows_on_screen(visitor, "steady"))
    live.database.stop()
    visitor.page.get_by_text("PostgreSQL cannot be read").wait_for()
    live.database.start()
    eventually(lambda: rows_on_screen(visitor, "steady"), seconds=60)
    assert json.dumps(visitor.wrong) == "[]"
