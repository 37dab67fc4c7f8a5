"""The applicant page in every state: nobody, somebody of each kind, what is missing, and whatever is typed."""

import shutil
from pathlib import Path

import pytest

from creditrisk_assets.contracts import SCORES_LOANS
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.serving import overrides
from creditrisk_assets_tests.dashboard.opened import Opening, written
from creditrisk_assets_tests.serving.databases import Database
from creditrisk_assets_tests.serving.streamed_lake import APPLICANT, CUSTOMER, borrower_of

WHY = "Payslips of twelve months seen, the income is right."


def loan_of(lake: Lake, decision: str) -> dict[str, object]:
    """The last loan of the book that was decided so; the first one lives on in the stream."""
    rows = lake.scan(SCORES_LOANS).collect()
    return rows.filter(rows["decision"] == decision).sort("loan_id").row(-1, named=True)


def test_without_a_lake_the_remedy_is_told(opening: Opening) -> None:
    for asked in ({}, {"id": "1"}):
        page = opening("applicant", asked=asked)
        assert not page.exception
        assert "Nothing to show yet." in written(page)
        assert "make demo" in written(page)


def test_nobody_asked_for_shows_whom_one_could_open(opening: Opening, streamed_lake: Lake) -> None:
    page = opening("applicant", Path(streamed_lake.root))
    assert not page.exception
    assert "Type an identifier above" in written(page)
    shown = [button for button in page.button if str(button.key).startswith("open-")]
    loan = shown[0].key.removeprefix("open-")
    opened = shown[0].click().run()
    assert not opened.exception
    assert f"`{loan}`" in written(opened)
    assert "Declined" in written(opened)


@pytest.mark.parametrize(
    "asked", ["nobody", "' OR 1=1 --", "../../x", "x" * 10_000, "<script>alert(1)</script>", "%00", "a\0b", "漢字",
              "[x](http://example.invalid)", "`", "$\\alpha$", ":material/x:"],
)  # fmt: skip
def test_an_unknown_or_hostile_identifier_is_told_plainly(asked: str, opening: Opening, streamed_lake: Lake) -> None:
    page = opening("applicant", Path(streamed_lake.root), asked={"id": asked})
    assert not page.exception
    assert "Nobody is known by" in written(page)
    named = f"`{asked}`" if asked.isalpha() and len(asked) < 40 else "this identifier"
    assert [warning.value for warning in page.warning] == [
        f"Nobody is known by {named}: give a loan, an application or a customer."
    ]


@pytest.mark.parametrize("decision", ["approve", "refer", "decline"])
def test_a_loan_is_shown_with_decision_figures_and_what_if(
    decision: str, opening: Opening, streamed_lake: Lake
) -> None:
    row = loan_of(streamed_lake, decision)
    page = opening("applicant", Path(streamed_lake.root), asked={"id": str(row["loan_id"])})
    assert not page.exception
    told = written(page)
    assert {"approve": "Approved", "refer": "Referred to a person", "decline": "Declined"}[decision] in told
    figures = {metric.label: metric.value for metric in page.metric}
    assert figures["Points"] == str(row["points"])
    assert figures["PD, 12 months"].startswith(f"{100 * float(row['pd']):.1f} %")  # type: ignore[arg-type]
    assert "the odds of default" in told
    assert "Overrides live in PostgreSQL, which cannot be read" in told


@pytest.mark.parametrize("identifier", [APPLICANT, CUSTOMER, "stranger", "a-2"])
def test_everybody_of_the_stream_is_shown(identifier: str, opening: Opening, streamed_lake: Lake) -> None:
    page = opening("applicant", Path(streamed_lake.root), asked={"id": identifier})
    assert not page.exception
    assert identifier in written(page)
    assert "History" in written(page)


def test_a_customer_is_shown_as_of_now_and_as_scored_before(opening: Opening, streamed_lake: Lake) -> None:
    page = opening("applicant", Path(streamed_lake.root), asked={"id": CUSTOMER})
    assert "What was counted" in written(page)
    assert "What if" not in written(page)
    page = opening("applicant", Path(streamed_lake.root), asked={"id": CUSTOMER, "as": "Application"})
    assert not page.exception
    assert "What if" in written(page)
    page = opening("applicant", Path(streamed_lake.root), asked={"id": borrower_of(streamed_lake), "as": "nonsense"})
    assert not page.exception


def test_what_if_moves_the_pd_and_reset_takes_it_back(opening: Opening, streamed_lake: Lake) -> None:
    row = loan_of(streamed_lake, "decline")
    page = opening("applicant", Path(streamed_lake.root), asked={"id": str(row["loan_id"])})

    def outcome() -> str:
        return str(next(metric for metric in page.metric if "→" in metric.value).value)

    before = outcome()
    first, second = before.split(" → ")
    assert first == second == f"{100 * float(row['pd']):.1f} %"  # type: ignore[arg-type]
    fico = next(slider for slider in page.slider if "fico" in str(slider.key))
    fico.set_value(fico.max).run()
    assert not page.exception
    start, end = (float(part.removesuffix(" %")) for part in outcome().split(" → "))
    assert end < start
    page.button(key="what-if-reset").click().run()
    assert outcome() == before


def test_half_a_lake_shows_what_there_is(opening: Opening, streamed_lake: Lake, tmp_path: Path) -> None:
    everybody = (borrower_of(streamed_lake), CUSTOMER, APPLICANT)
    for gone, in_part in (("models", everybody), ("features", everybody[:2]), ("raw", (APPLICANT,))):
        shutil.copytree(streamed_lake.root, tmp_path / gone)
        shutil.rmtree(tmp_path / gone / gone)
        for identifier in everybody:
            page = opening("applicant", tmp_path / gone, asked={"id": identifier})
            assert not page.exception
            assert ("the reasons that were stored with the score" in written(page)) == (identifier in in_part)


def test_an_officer_records_an_override_with_its_reason(
    opening: Opening, streamed_lake: Lake, postgres: Database
) -> None:
    row = loan_of(streamed_lake, "decline")
    settings = {"dashboard_officer": "demo", "postgres_url": postgres.url.get_secret_value()}
    page = opening("applicant", Path(streamed_lake.root), asked={"id": str(row["loan_id"])}, **settings)
    assert "Nobody has decided otherwise." in written(page)
    page.button_group(key="override-decision").set_value("approve")
    page.text_area(key="override-reason").set_value("short")
    page.button(key="override-record").click().run()
    assert [error.value for error in page.error] == ["The reason has 5 characters: write 10 to 2,000"]
    page.button_group(key="override-decision").set_value("approve")
    page.text_area(key="override-reason").set_value(WHY)
    page.button(key="override-record").click().run()
    assert not page.exception
    assert not page.error
    assert "Approved by an officer" in written(page)
    with postgres.connect("reader") as connection:
        (kept,) = overrides.of(connection, str(row["loan_id"])).rows(named=True)
    assert (kept["officer"], kept["decision"], kept["overridden"], kept["reason"]) == (
        "demo",
        "approve",
        "decline",
        WHY,
    )


def test_a_viewer_sees_overrides_and_no_form(opening: Opening, streamed_lake: Lake, postgres: Database) -> None:
    page = opening("applicant", Path(streamed_lake.root), asked={"id": CUSTOMER},
                   postgres_url=postgres.url.get_secret_value())  # fmt: skip
    assert not page.exception
    assert "Officers may override a decision here." in written(page)
    assert not page.text_area
