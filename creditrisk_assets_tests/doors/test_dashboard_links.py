"""Links to the dashboard that mean no good: every parameter of every page with every text, as somebody may send it."""

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from creditrisk_assets.resources.delta import Lake
from creditrisk_assets_tests.dashboard.opened import APP, SECONDS, written
from creditrisk_assets_tests.doors.guarded import reveals
from creditrisk_assets_tests.doors.hostile import HOSTILE
from creditrisk_assets_tests.serving.databases import Database, fresh
from creditrisk_assets_tests.serving.scored import NOW, Event, stream
from creditrisk_assets_tests.serving.streamed_lake import CUSTOMER

if TYPE_CHECKING:
    from streamlit.testing.v1 import AppTest

    from creditrisk_assets.local.postgres.server import EmbeddedPostgres

SOURCES = sorted(APP.parent.rglob("*.py"))
PAGES = sorted(file.stem for file in (APP.parent / "app_pages").glob("*.py"))
SENT = [
    "sql that is always true", "sql that drops", "sql that waits", "like", "regular expression", "path up", "nul",
    "line ends", "lookup", "template", "format", "shell", "markup", "markdown", "formula", "object", "list",
    "not a number", "large number", "date that is none", "half a pair", "long", "undefined",
]  # fmt: skip
VALUELESS = ["empty", "blank", "null"]
"""Texts that say that nothing is asked for, which some filters may take as such."""
MOMENT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)? UTC|\d+ (s|min|h|days) ago")
Open = Callable[..., "AppTest"]


@pytest.fixture(scope="module")
def database(postgres_server: "EmbeddedPostgres") -> Iterator[Database]:
    """A stream to look at."""
    from creditrisk_assets.serving.live import apply

    with fresh(postgres_server) as found:
        with found.connect() as writer:
            for one in stream([[Event(f"s{number}", number % 2 == 0, float(number)) for number in range(6)]]):
                apply(writer, one.batch, one.scores, NOW)
        yield found


@pytest.fixture(scope="module")
def visit(streamed_lake: Lake, database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    """Open a page by a link; what is read of the lake is kept from one to the next."""
    import streamlit as st
    from streamlit.testing.v1 import AppTest

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("visited"))
        patch.setenv("CREDITRISK_LAKE", streamed_lake.root)
        patch.setenv("CREDITRISK_POSTGRES_URL", database.url.get_secret_value())
        patch.setenv("CREDITRISK_DAGSTER_URL", "http://127.0.0.1:9")
        st.cache_resource.clear()
        st.cache_data.clear()

        def open_page(name: str, **asked: str) -> "AppTest":
            page = AppTest.from_file(str(APP), default_timeout=SECONDS)
            page.query_params.update(asked)
            page.switch_page(f"app_pages/{name}.py")
            return page.run()

        yield open_page
        st.cache_resource.clear()
        st.cache_data.clear()


def parameters(page: "AppTest") -> set[str]:
    """Parameters of the address that the widgets of a page are bound to."""
    found = set()
    for node in page._tree:
        proto = getattr(node, "proto", None)
        for part in (proto, getattr(proto, "tab_container", None)):
            found.add(getattr(part, "query_param_key", ""))
    return found - {""}


@pytest.fixture(scope="module")
def known(visit: Open) -> dict[str, set[str]]:
    """All parameters there are, by page."""
    found = {name: parameters(visit(name)) for name in PAGES}
    found["applicant"] |= parameters(visit("applicant", id=CUSTOMER))
    return found


def test_the_parameters_of_all_pages_are_found(known: dict[str, set[str]]) -> None:
    assert known["applicant"] == {"id", "as"}
    assert known["watch_list"] == {"show", "kind", "decision", "live"}
    assert known["vintages"] == {"since", "until", "term", "by"}
    assert known["overview"] >= {"from", "to", "term", "purpose"}
    assert known["model_health"] >= {"section", "measure"}


def told(page: "AppTest") -> tuple[str, list[tuple[str, str]]]:
    """What a page says, but for moments that pass."""
    assert not page.exception
    text = written(page)
    assert not reveals(text)
    return MOMENT.sub("", text), [(metric.label, metric.value) for metric in page.metric]


@pytest.fixture(scope="module")
def asked_for_nothing(visit: Open) -> dict[str, object]:
    """What every page tells without a link that asks for anything."""
    return {name: told(visit(name)) for name in PAGES}


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("what", SENT)
def test_a_link_that_asks_for_what_is_not_there_asks_for_nothing(
    visit: Open, known: dict[str, set[str]], asked_for_nothing: dict[str, object], name: str, what: str
) -> None:
    asked = dict.fromkeys(known[name] - {"id"}, HOSTILE[what])
    assert told(visit(name, **asked)) == asked_for_nothing[name]


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("what", VALUELESS)
def test_a_link_without_values_leads_to_the_page(visit: Open, known: dict[str, set[str]], name: str, what: str) -> None:
    told(visit(name, **dict.fromkeys(known[name], HOSTILE[what])))


@pytest.mark.parametrize("what", SENT)
def test_nobody_is_known_by_such_a_name(visit: Open, what: str) -> None:
    for identifier in (HOSTILE[what], CUSTOMER + HOSTILE[what]):
        page = visit("applicant", id=identifier)
        assert "Nobody is known by" in told(page)[0]
        assert HOSTILE[what] not in written(page) or re.fullmatch(r"[\w-]+", HOSTILE[what])
        assert not page.metric


@pytest.mark.parametrize("what", SENT)
def test_whoever_is_known_is_shown_as_they_are_whatever_else_is_asked(visit: Open, what: str) -> None:
    assert told(visit("applicant", id=CUSTOMER, **{"as": HOSTILE[what]})) == told(visit("applicant", id=CUSTOMER))


@pytest.mark.parametrize("name", PAGES)
def test_parameters_that_no_page_has_are_passed_over(
    visit: Open, asked_for_nothing: dict[str, object], name: str
) -> None:
    others = ("lake", "path", "page", "embed", "theme", "officer", "groups", "state", "code", "__proto__", "id_")
    assert told(visit(name, **dict.fromkeys(others, HOSTILE["path up"]))) == asked_for_nothing[name]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(APP.parent)))
def test_no_page_writes_markup_of_its_own(path: Path) -> None:
    """What streamlit escapes stays escaped: no HTML, no script, no frame, no component."""
    banned = {"html", "components", "iframe", "echo", "write", "unsafe_allow_html", "unsafe_allow_javascript"}
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            assert not {keyword.arg for keyword in node.keywords} & banned, ast.unparse(node)
            assert ast.unparse(node.func) not in {"eval", "exec", "compile", "__import__", "pickle.loads"}
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) in ("st", "st.sidebar"):
            assert node.attr not in banned, ast.unparse(node)


def test_no_page_builds_statements_of_text() -> None:
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                assert node.func.attr not in ("execute", "executemany", "sql", "read_database"), path
