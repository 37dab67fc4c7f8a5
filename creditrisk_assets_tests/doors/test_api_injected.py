"""Every parameter of the API with text that means no good: no failure, nobody else's data, nothing written."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.serving.api.app import create_app
from creditrisk_assets.serving.api.keys import Keys
from creditrisk_assets_tests.doors.guarded import CUSTOMER, LOAN, reveals, scored, untouched
from creditrisk_assets_tests.doors.hostile import HOSTILE
from creditrisk_assets_tests.serving.asked import asking, sent, settings

DOCUMENT = create_app(Lake("nowhere"), settings(), Keys()).openapi()
NAMED = [
    (path, one["name"])
    for path, methods in DOCUMENT["paths"].items()
    for operation in methods.values()
    for one in operation.get("parameters", ())
]
FIELDS = DOCUMENT["paths"]["/v1/score"]["post"]["requestBody"]["content"]["application/json"]["schema"]["properties"]
HEADERS = ("X-API-Key", "Accept", "Accept-Encoding", "Authorization", "Cookie", "Host", "Origin", "Range", "User-Agent",
           "X-Forwarded-For", "X-HTTP-Method-Override", "X-Original-URL", "Content-Type", "If-None-Match")  # fmt: skip
EVERY = pytest.mark.parametrize("what", HOSTILE)


@pytest.fixture(scope="module")
def lake(api_lake: Lake, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    import shutil

    folder = tmp_path_factory.mktemp("guarded")
    return scored(Lake(str(shutil.copytree(api_lake.root, folder / "lake"))))


@pytest.fixture(scope="module")
def client(lake: Lake) -> Iterator[TestClient]:
    with asking(lake) as client:
        yield client


def test_all_named_parameters_are_tried_here() -> None:
    assert NAMED == [("/v1/loans/{identifier}", "identifier")]


def test_whoever_is_asked_for_is_told(client: TestClient) -> None:
    for identifier in (LOAN, CUSTOMER):
        assert {one["subject"] for one in client.get(f"/v1/loans/{identifier}").json()["scores"]} >= {identifier}


@EVERY
def test_an_identifier_is_text_and_nothing_else(client: TestClient, lake: Lake, what: str) -> None:
    text = HOSTILE[what]
    with untouched(lake):
        for asked in (quote(text, safe=""), quote(f"{LOAN}{text}", safe=""), quote(f"{text}{LOAN}", safe="")):
            found = client.get(f"/v1/loans/{asked}")
            alone = text.strip() == ""  # blanks around a name are no part of it
            assert found.status_code == (200 if alone and LOAN in asked else 404), found.text
            assert not reveals(found.text)
            assert "set-cookie" not in found.headers
            if found.status_code == 200:
                assert [one["subject"] for one in found.json()["scores"]] == [LOAN]


@EVERY
def test_a_path_leads_to_the_routes_and_nowhere_else(client: TestClient, lake: Lake, what: str) -> None:
    text = quote(HOSTILE[what], safe="/:.%") if what.startswith(("path", "address")) else quote(HOSTILE[what], safe="")
    with untouched(lake):
        for path in (
            f"/{text}",
            f"/v1/{text}",
            f"/v1/model/{text}",
            f"/v1/loans/{LOAN}/{text}",
            f"/openapi.json/{text}",
        ):
            found = client.get(path, follow_redirects=False)
            known = path.rstrip("/") in ("/v1/model", f"/v1/loans/{LOAN}", "/openapi.json", "", "/v1")
            assert found.status_code in ((200, 307, 404) if known else (404, 307)), (path, found.text)
            assert not reveals(found.text), path
            assert "example.org" not in found.headers.get("location", "")


@EVERY
@pytest.mark.parametrize("field", ["application_id", "event_time", "payload"])
def test_no_field_of_an_application_is_more_than_its_value(
    client: TestClient, lake: Lake, field: str, what: str
) -> None:
    with untouched(lake):
        found = client.post("/v1/score", json=sent() | {field: HOSTILE[what]})
        assert found.status_code in ((200, 422) if field == "application_id" else (422,)), found.text
        assert not reveals(found.text)
        if found.status_code == 200:
            assert found.json()["application_id"] == HOSTILE[what]
            assert found.headers["content-type"] == "application/json"


@EVERY
def test_no_field_of_the_payload_is_more_than_its_value(client: TestClient, lake: Lake, what: str) -> None:
    """All in one batch: a field each, in its value and as its name."""
    text = HOSTILE[what]
    names = list(FIELDS["payload"]["properties"])
    values = [sent() | {"payload": sent()["payload"] | {name: text}} for name in names]
    renamed = [sent() | {"payload": sent()["payload"] | {f"{name}{text}": "1"}} for name in names]
    listed: list[Any] = [sent() | {"payload": sent()["payload"] | {name: [text]}} for name in names]
    with untouched(lake):
        found = client.post("/v1/score/batch", json={"applications": [*values, *renamed, *listed]})
    assert found.status_code == 200, found.text
    told = found.json()
    assert len(told["scored"]) + len(told["refused"]) == 3 * len(names)
    assert not reveals(found.text)
    if text:
        assert {one["index"] for one in told["scored"]} < set(range(len(names)))
    for one in told["scored"]:
        assert 0 <= one["score"]["pd"] <= 1
    for one in told["refused"]:
        assert all(fault["loc"][0] == "body" and fault["remedy"] for fault in one["errors"])
        assert len(json.dumps(one)) < 5_000


@EVERY
def test_no_header_and_no_query_changes_an_answer(client: TestClient, lake: Lake, what: str) -> None:
    text = HOSTILE[what]
    expected = client.get(f"/v1/loans/{LOAN}").json()
    with untouched(lake):
        for header in HEADERS:
            value = text.encode().replace(b"\r", b"").replace(b"\n", b"").replace(b"\x00", b"")[:8_000]
            found = client.get(f"/v1/loans/{LOAN}", headers=[(header.encode(), value)])  # type: ignore[list-item]
            assert found.status_code in (200, 400), (header, found.text)
            assert not reveals(found.text)
            assert found.status_code == 400 or found.json() == expected
        for name in ("identifier", "key", "X-API-Key", "lake", "path", "callback", text[:100]):
            assert client.get(f"/v1/loans/{LOAN}", params={name: text[:4_000]}).json() == expected


def test_the_metrics_name_no_path_that_was_typed(client: TestClient) -> None:
    client.get("/v1/loans/never-to-be-seen-again")
    client.get("/never-to-be-seen-again")
    assert "never-to-be-seen-again" not in client.get("/metrics").text


def test_a_lake_that_is_not_there_is_not_made_by_asking(tmp_path: Path) -> None:
    with asking(Lake(str(tmp_path / "lake"))) as client:
        assert client.get("/v1/loans/1").status_code == 503
        assert client.post("/v1/score", json=sent()).status_code == 503
    assert list(tmp_path.iterdir()) == []
