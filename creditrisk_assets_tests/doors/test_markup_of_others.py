"""Names and identifiers that hold markup are shown letter by letter, on pages that officers look at."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import polars as pl
import pytest

from creditrisk_assets.contracts import SCORES_LIVE, SCORES_LOANS
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets_tests.dashboard.browsing import Served, Visiting, serve
from creditrisk_assets_tests.dashboard.opened import Opening, written
from creditrisk_assets_tests.doors.guarded import LOAN, scored
from creditrisk_assets_tests.serving.scored import Event, stream
from dashboard.verbatim import code, plain

ASK = "![seen](https://outside.invalid/seen.png)"
NAMES = [ASK, f"`{ASK}`", f"``{ASK}", f"x`{ASK}", f"*a*{ASK}", "<img src=https://outside.invalid/a.png>",
         "[x](https://outside.invalid)", "$x$", ":material/lock:", ":red[x]", "# x", "a_b_c", "a\n\n# b"]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_an_identifier_stays_within_its_fence(name: str) -> None:
    told = code(name)
    fence = re.match("`+", told)
    assert fence is not None
    inner = told[len(fence[0]) : -len(fence[0])]
    assert told == f"{fence[0]}{inner}{fence[0]}"
    assert fence[0] not in re.findall("`+", inner)
    assert inner.split() == name.split()
    assert "\n" not in told


@pytest.mark.parametrize("name", NAMES)
def test_no_sign_of_a_name_is_markup(name: str) -> None:
    told = plain(name)
    assert not re.search(r"(?<!\\)(?:\\\\)*[`*_\[\]<>$:#!]", told)
    assert re.sub(r"\\(.)", r"\1", told).split() == name.split()


def test_a_plain_name_is_left_as_it_is() -> None:
    assert (plain("ann@lender.example"), code("2016100000408")) == ("ann@lender.example", "`2016100000408`")


@pytest.fixture
def lake_of_names(own_lake: Lake) -> Lake:
    """A customer, and a loan that the policy declines, named to have something asked of another server."""
    scored(own_lake)
    live = stream([[Event(f"`{ASK}`", True, 1.0), Event(f"`{ASK}`", False, 2.0)]])[0].scores
    own_lake.overwrite(SCORES_LIVE, live, live["ingest_day"].unique().to_list())
    loans = own_lake.scan(SCORES_LOANS).collect()
    renamed = loans.with_columns(loan_id=pl.lit(ASK), decision=pl.lit("decline"))
    own_lake.overwrite(SCORES_LOANS, renamed, renamed["vintage"].unique().to_list())
    assert LOAN not in renamed["loan_id"]
    return own_lake


def test_a_page_shows_who_is_named_so_and_nothing_else(opening: Opening, lake_of_names: Lake) -> None:
    lake = Path(lake_of_names.root)
    for name in (f"`{ASK}`", ASK):
        page = opening("applicant", lake, asked={"id": name})
        assert not page.exception
        assert code(name) in written(page)
        assert ASK not in written(page).replace(code(name), "")
    page = opening("applicant", lake)
    (button,) = [one for one in page.button if str(one.key).startswith("open-")]
    assert button.label.startswith(plain(ASK))


@pytest.fixture
def served(lake_of_names: Lake, tmp_path: Path) -> Iterator[Served]:
    yield from serve(tmp_path / "dashboard", CREDITRISK_LAKE=lake_of_names.root)


def test_no_browser_is_led_to_another_server(served: Served, visiting: Visiting) -> None:
    """`visiting` fails when anything was asked of one."""
    visitor = visiting(served.root)
    for path in (f"applicant?id={quote(f'`{ASK}`', safe='')}", f"applicant?id={quote(ASK, safe='')}", "applicant"):
        visitor.open(path)
        assert ASK in visitor.text()
        assert visitor.page.locator("[data-testid=stMain] img").count() == 0
        assert visitor.page.locator("[data-testid=stMain] a[href*=outside]").count() == 0
