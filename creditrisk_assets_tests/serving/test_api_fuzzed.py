"""Whatever the OpenAPI document allows, and what it does not, is answered, and never by a failure of ours."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as effort
from schemathesis import GenerationMode
from starlette.testclient import TestClient

from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.serving.api.app import create_app
from creditrisk_assets.serving.api.documented import SENT
from creditrisk_assets.serving.api.keys import Keys
from creditrisk_assets_tests.serving.asked import asking, settings

DOCUMENT = create_app(Lake("nowhere"), settings(), Keys()).openapi()
ROUTES = [(path, method) for path, methods in DOCUMENT["paths"].items() for method in methods]
ASKED = [
    (path, method, mode) for path, method in ROUTES for mode in GenerationMode
    if mode.is_positive or method == "post" or "{" in path  # to the others nothing is sent that could be wrong
]  # fmt: skip
FEW = effort(
    max_examples=40, phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck), database=None
)
SENT_ON = ("method", "url", "headers", "params")


@pytest.fixture(scope="module")
def scoring(api_lake: Lake) -> Iterator[TestClient]:
    with asking(api_lake) as client:
        yield client


def test_all_routes_are_documented() -> None:
    assert {path for path, _ in ROUTES} == {
        "/v1/score", "/v1/score/batch", "/v1/loans/{identifier}", "/v1/model", "/healthz", "/readyz", "/metrics",
    }  # fmt: skip
    payload = DOCUMENT["paths"]["/v1/score"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert set(SENT["payload"]) <= set(payload["properties"]["payload"]["properties"])  # type: ignore[call-overload]
    assert payload["properties"]["payload"]["required"] == ["loan_amnt", "term"]


def references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        yield from (value for name, value in part.items() if name == "$ref")
    for inner in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        yield from references(inner)


def test_whatever_the_document_refers_to_stands_in_it() -> None:
    found = set(references(DOCUMENT))
    assert found == {f"#/components/schemas/{name}" for name in DOCUMENT["components"]["schemas"]} & found
    assert "#/components/schemas/Wrong" in found


@pytest.mark.parametrize(("path", "method", "mode"), ASKED, ids=[f"{path} {mode}" for path, _, mode in ASKED])
def test_no_request_makes_the_api_fail(scoring: TestClient, path: str, method: str, mode: GenerationMode) -> None:
    operation = schemathesis.openapi.from_dict(DOCUMENT)[path][method]
    answered = []

    @FEW
    @given(operation.as_strategy(generation_mode=mode))
    def ask(case: schemathesis.Case) -> None:
        sent = case.as_transport_kwargs(base_url="http://testserver")
        kept = {name: value for name, value in sent.items() if name in SENT_ON}
        body = sent.get("data")
        found = scoring.request(**kept, json=sent.get("json"), content=body)
        answered.append(found.status_code)
        nothing_scored_yet = found.status_code == 503 and "identifier" in path
        assert found.status_code < 500 or nothing_scored_yet, found.text

    ask()
    assert answered
