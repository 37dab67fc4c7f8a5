"""Every route of the API asks for a key, unless it is listed here as open; a key counts in its header alone."""

from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from fastapi import APIRouter
from starlette.routing import BaseRoute, Route
from starlette.testclient import TestClient

from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.serving.api.app import create_app
from creditrisk_assets.serving.api.keys import Keys, digest
from creditrisk_assets_tests.serving.asked import asking, sent, settings

KEY = "crk_a-key-of-a-test-that-opens-nothing-else-anywhere"
KNOWN = Keys((("portal", digest(KEY)),))
OPEN = {"/healthz", "/readyz", "/metrics", "/openapi.json"}
"""What tells nothing of anybody: is it up, how much is asked, and what may be sent."""


def every(routes: Iterable[BaseRoute]) -> Iterator[tuple[str, str]]:
    """Methods and paths, those of routers within among them; an error for a kind of route that is not known here."""
    for route in routes:
        if isinstance(route, Route):
            yield from ((method, route.path) for method in sorted(route.methods or ()))
        else:
            (inner,) = [part for part in vars(route).values() if isinstance(part, APIRouter)]
            yield from every(inner.routes)


ROUTES = list(every(create_app(Lake("nowhere"), settings(), KNOWN).routes))
CLOSED = [(method, path) for method, path in ROUTES if path not in OPEN]
EVERY = pytest.mark.parametrize(("method", "path"), CLOSED)
WRONG: dict[str, dict[str, Any]] = {
    "none": {},
    "empty": {"headers": {"X-API-Key": ""}},
    "unknown": {"headers": {"X-API-Key": "crk_" + "x" * 43}},
    "a letter less": {"headers": {"X-API-Key": KEY[:-1]}},
    "a letter more": {"headers": {"X-API-Key": f"{KEY}x"}},
    "capitals": {"headers": {"X-API-Key": KEY.upper()}},
    "the last letter another": {"headers": {"X-API-Key": f"{KEY[:-1]}z"}},
    "the first letter another": {"headers": {"X-API-Key": f"z{KEY[1:]}"}},
    "its digest": {"headers": {"X-API-Key": digest(KEY)}},
    "its entry": {"headers": {"X-API-Key": f"portal:{digest(KEY)}"}},
    "its name": {"headers": {"X-API-Key": "portal"}},
    "twice": {"headers": {"X-API-Key": f"{KEY},{KEY}"}},
    "quoted": {"headers": {"X-API-Key": f'"{KEY}"'}},
    "in the query": {"params": {"X-API-Key": KEY, "x_api_key": KEY, "api_key": KEY, "key": KEY}},
    "in a cookie": {"headers": {"Cookie": f"X-API-Key={KEY}"}},
    "as a bearer": {"headers": {"Authorization": f"Bearer {KEY}"}},
    "as a password": {"headers": {"Authorization": f"Basic {KEY}"}},
    "in another header": {"headers": {"X-Api-Keys": KEY, "Api-Key": KEY, "X-Forwarded-X-Api-Key": KEY}},
    "very long": {"headers": {"X-API-Key": KEY * 200}},
    "true": {"headers": {"X-API-Key": "true"}},
    "sql": {"headers": {"X-API-Key": "' OR '1'='1"}},
}


@pytest.fixture(scope="module")
def client(api_lake: Lake) -> Iterator[TestClient]:
    with asking(api_lake, KNOWN) as client:
        yield client


def test_the_open_routes_are_these_and_all_there_are() -> None:
    assert {path for _, path in ROUTES} >= OPEN
    assert {path for _, path in CLOSED} >= {"/v1/score", "/v1/score/batch", "/v1/loans/{identifier}", "/v1/model"}


@EVERY
@pytest.mark.parametrize("wrong", WRONG)
def test_no_route_answers_without_a_key_in_its_header(client: TestClient, method: str, path: str, wrong: str) -> None:
    body = {"json": sent()} if method == "POST" else {}
    found = client.request(method, path.replace("{identifier}", "1"), **WRONG[wrong], **body)
    assert found.status_code == 401
    assert found.headers["www-authenticate"] == 'ApiKey header="X-API-Key"'
    assert KEY not in found.text
    assert set(found.json() if method != "HEAD" else ()) <= {"type", "title", "status", "detail"}


@EVERY
def test_every_route_answers_with_one(client: TestClient, method: str, path: str) -> None:
    body = {"json": sent()} if method == "POST" else {}
    found = client.request(method, path.replace("{identifier}", "1"), headers={"x-api-key": KEY}, **body)
    assert found.status_code not in (401, 403, 405, 500)


@EVERY
@pytest.mark.parametrize(
    "spelt", ["//{0}", "/{0}/", "/./{0}", "/healthz/../{0}", "/%2e/{0}", "/{0}%00", "/{0};a", "/{1}"]
)
def test_no_spelling_of_a_path_leads_past_the_key(client: TestClient, method: str, path: str, spelt: str) -> None:
    name = path.replace("{identifier}", "1").lstrip("/")
    found = client.request(method, spelt.format(name, name.upper()), follow_redirects=False)
    assert found.status_code in (307, 401, 404, 405)
    assert '"pd' not in found.text


@EVERY
@pytest.mark.parametrize("method_asked", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "HEAD", "FOO"])
def test_no_other_method_leads_past_the_key(client: TestClient, method: str, path: str, method_asked: str) -> None:
    found = client.request(method_asked, path.replace("{identifier}", "1"), headers={"X-HTTP-Method-Override": method})
    assert found.status_code in (401, 405)
    assert "access-control-allow-origin" not in found.headers


def test_what_is_open_tells_nothing_of_anybody(client: TestClient) -> None:
    for path in sorted(OPEN):
        found = client.get(path)
        assert found.status_code == 200
        assert digest(KEY) not in found.text
        assert "portal" not in found.text
