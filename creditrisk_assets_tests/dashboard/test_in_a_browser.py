"""The dashboard as people use it: a real browser, the real application, a lake that was really materialised."""

from collections.abc import Iterator

import pytest

from creditrisk_assets.contracts import SCORES_LOANS
from creditrisk_assets_tests.dashboard.browsing import Served, Visiting, Visitor, serve
from creditrisk_assets_tests.streaming.brokers import eventually
from creditrisk_assets_tests.world import World

PAGES = ("", "vintages", "watch_list", "applicant", "model_health", "pipeline")
SECTIONS = ("Calibration", "Drift", "Rules", "Challenger")


@pytest.fixture(scope="module")
def served(batched: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The dashboard over the lake after a batch, without PostgreSQL."""
    yield from serve(tmp_path_factory.mktemp("dashboard"), CREDITRISK_LAKE=batched.lake.root)


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize(
    ("width", "height", "scheme"), [(1440, 900, "light"), (1440, 900, "dark"), (390, 844, "light")]
)
def test_every_page_fits_its_screen_in_both_themes(
    served: Served, visiting: Visiting, path: str, width: int, height: int, scheme: str
) -> None:
    visitor = visiting(served.root, width, height, scheme)
    visitor.open(path)
    visitor.shoot(f"{path or 'overview'}_{scheme}_{width}")
    assert visitor.sideways <= 0
    assert "Traceback" not in visitor.text()


@pytest.mark.parametrize("section", SECTIONS)
@pytest.mark.parametrize(
    ("width", "height", "scheme"), [(1440, 1500, "light"), (1440, 1500, "dark"), (390, 2400, "light")]
)
def test_every_section_of_model_health_has_an_address_and_fits(
    served: Served, visiting: Visiting, section: str, width: int, height: int, scheme: str
) -> None:
    visitor = visiting(served.root, width, height, scheme)
    visitor.open(f"model_health?section={section}")
    visitor.shoot(f"model_health_{section.lower()}_{scheme}_{width}")
    assert visitor.page.get_by_role("tab", name=section).get_attribute("aria-selected") == "true"
    assert visitor.sideways <= 0
    assert visitor.page.locator("[data-testid=stException]").count() == 0


def test_the_whole_overview_fits_a_long_screen(served: Served, visiting: Visiting) -> None:
    for width, height, scheme in ((1440, 2300, "light"), (1440, 2300, "dark"), (390, 4300, "light")):
        visitor = visiting(served.root, width, height, scheme)
        visitor.open()
        visitor.shoot(f"overview_whole_{scheme}_{width}")
        assert visitor.sideways <= 0
        assert visitor.page.get_by_role("heading", name="What can we lose").count() == 1
        assert (
            visitor.page.locator("[data-testid=stVegaLiteChart] canvas, [data-testid=stVegaLiteChart] svg").count() == 4
        )


def figure(visitor: Visitor, label: str) -> str:
    """What the card with that label says."""
    return visitor.page.locator("[data-testid=stMetric]", has_text=label).locator(
        "[data-testid=stMetricValue]"
    ).inner_text()  # fmt: skip


def test_a_filter_changes_the_figures_and_the_url_and_a_shared_link_restores_both(
    served: Served, visiting: Visiting
) -> None:
    visitor = visiting(served.root)
    visitor.open()
    before = figure(visitor, "Exposure")
    visitor.page.locator(".st-key-term").get_by_text("60", exact=True).click()
    visitor.page.wait_for_url("**term=60*")
    eventually(lambda: figure(visitor, "Exposure") != before)
    visitor.page.locator(".st-key-purpose input").click()
    visitor.page.get_by_role("option", name="Credit card").click()
    visitor.page.wait_for_url("**purpose=*")
    visitor.page.keyboard.press("Escape")
    visitor.settled()
    after = figure(visitor, "Exposure")
    friend = visiting(served.root)
    friend.page.goto(visitor.page.url)
    friend.settled()
    assert figure(friend, "Exposure") == after != before
    visitor.page.get_by_role("link", name="Vintages").click()  # the filter that both pages have goes along
    visitor.page.get_by_role("heading", name="Vintages").wait_for()
    visitor.page.wait_for_url("**term=60*")


def test_what_if_moves_the_pd_the_right_way(served: Served, visiting: Visiting, batched: World) -> None:
    scored = batched.rows(SCORES_LOANS)
    loan = scored.sort("pd")[scored.height // 2]
    visitor = visiting(served.root)
    visitor.open(f"applicant?id={loan['loan_id'][0]}")
    outcome = visitor.page.locator("[data-testid=stMetric]", has_text="→")
    outcome.wait_for()

    def pds() -> tuple[float, float]:
        before, after = outcome.locator("[data-testid=stMetricValue]").inner_text().replace("%", "").split("→")
        return float(before), float(after)

    assert pds()[0] == pds()[1]
    fico = visitor.page.locator("[data-testid=stSlider]", has_text="FICO").get_by_role("slider")
    fico.press("Home")
    eventually(lambda: pds()[1] > pds()[0])
    fico.press("End")
    eventually(lambda: pds()[1] < pds()[0])
    visitor.page.get_by_role("button", name="Reset").click()
    eventually(lambda: pds()[1] == pds()[0])


@pytest.mark.parametrize("path", ["applicant?id=' OR 1=1 --", "applicant?id=../../x", "?from=9999-99&term=<script>",
                                  "vintages?from=2050-01&to=1890-01", "watch_list?kind=nobody"])  # fmt: skip
def test_hostile_addresses_are_answered_with_a_page(served: Served, visiting: Visiting, path: str) -> None:
    visitor = visiting(served.root)
    visitor.open(path)
    assert "Traceback" not in visitor.text()
    assert visitor.page.locator("[data-testid=stException]").count() == 0
    assert "Traceback" not in served.log


def test_without_a_lake_every_page_says_what_to_do(
    tmp_path_factory: pytest.TempPathFactory, visiting: Visiting
) -> None:
    folder = tmp_path_factory.mktemp("nothing")
    for empty in serve(folder, CREDITRISK_LAKE=folder / "lake"):
        visitor = visiting(empty.root)
        for path in PAGES:
            visitor.open(path)
            assert "make demo" in visitor.text(), path
            assert visitor.page.locator("[data-testid=stException]").count() == 0
        assert "Traceback" not in empty.log
