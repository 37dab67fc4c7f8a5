"""Who is let in: a login with an identity provider, in a real browser."""

from collections.abc import Iterator

import pytest

from creditrisk_assets.local.loopback import LOOPBACK
from creditrisk_assets.local.supervisor import free_port
from creditrisk_assets_tests.dashboard.browsing import Served, Visiting, Visitor, serve
from creditrisk_assets_tests.dashboard.identity_provider import identity_provider, secrets_toml
from creditrisk_assets_tests.world import World

GROUPS = {"CREDITRISK_VIEWER_GROUPS": "credit-viewers", "CREDITRISK_OFFICER_GROUPS": "credit-officers"}


@pytest.fixture(scope="module")
def guarded(batched: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A dashboard that asks who comes."""
    folder, port = tmp_path_factory.mktemp("guarded"), free_port(8_950)
    with identity_provider() as provider:
        (folder / ".streamlit").mkdir()
        (folder / ".streamlit" / "secrets.toml").write_text(secrets_toml(provider, f"http://{LOOPBACK}:{port}"))
        yield from serve(folder, folder, port, CREDITRISK_LAKE=batched.lake.root, **GROUPS)


def log_in(visitor: Visitor, person: str) -> None:
    """Through the page of the provider, as whoever `person` is."""
    visitor.open()
    visitor.page.get_by_role("button", name="Log in").click()
    visitor.page.get_by_role("link", name=person).click()
    visitor.page.wait_for_url(f"{visitor.root}/**")
    visitor.settled()


def test_nobody_sees_a_page_before_logging_in(guarded: Served, visiting: Visiting) -> None:
    visitor = visiting(guarded.root)
    for path in ("", "vintages", "applicant?id=1", "pipeline"):
        visitor.open(path)
        visitor.page.get_by_role("button", name="Log in").wait_for()
        assert "Exposure" not in visitor.text("body")
        assert visitor.page.get_by_text("Model health").count() == 0


@pytest.mark.parametrize(("person", "role"), [("olivia", "officer"), ("victor", "viewer")])
def test_members_of_a_named_group_are_let_in(guarded: Served, visiting: Visiting, person: str, role: str) -> None:
    visitor = visiting(guarded.root)
    log_in(visitor, person)
    visitor.page.get_by_text(f"{person}@lender.example · {role}").wait_for()
    visitor.page.get_by_role("heading", name="Overview").wait_for()
    visitor.open("pipeline")  # the login holds for every page
    visitor.page.get_by_role("heading", name="Pipeline").wait_for()


def test_whoever_logs_out_is_a_stranger_again(guarded: Served, visiting: Visiting) -> None:
    visitor = visiting(guarded.root)
    log_in(visitor, "victor")
    visitor.page.get_by_role("button", name="Log out").click()
    visitor.page.get_by_role("button", name="Log in").wait_for()


def test_someone_of_no_named_group_is_refused_and_may_log_out(guarded: Served, visiting: Visiting) -> None:
    visitor = visiting(guarded.root)
    log_in(visitor, "mallory")
    visitor.page.get_by_text("belongs to none of the groups").wait_for()
    visitor.shoot("refused")
    visitor.open("model_health")
    visitor.page.get_by_text("belongs to none of the groups").wait_for()
    visitor.page.get_by_role("button", name="Log out").click()
    visitor.page.get_by_role("button", name="Log in").wait_for()


def test_the_secret_of_the_client_stays_out_of_the_log(guarded: Served, visiting: Visiting) -> None:
    log_in(visiting(guarded.root), "olivia")
    assert "known to the tests only" not in guarded.log
