"""The swift way gives the careful way's answers, bit for bit, or none."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as effort
from hypothesis import strategies as st
from starlette.testclient import TestClient

from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.serving.api.answers import Answer
from creditrisk_assets.serving.api.documented import TOLD
from creditrisk_assets.serving.api.in_charge import InCharge, load
from creditrisk_assets.serving.api.submitted import Submitted
from creditrisk_assets.streaming import applications
from creditrisk_assets.streaming.envelope import APPLICATION_COLUMNS
from creditrisk_assets_tests.serving.asked import asking, sent, service, settings
from creditrisk_assets_tests.streaming.unusual import edges, many_edges, one_edge_each, submitted


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The query engine is asked of however few: what is held to it must not be held to itself."""
    monkeypatch.setattr(applications, "FEW", -1)


@pytest.fixture(scope="module")
def model(api_lake: Lake) -> InCharge:
    found = load(api_lake, settings())
    assert found is not None
    return found


def compared(model: InCharge, found: list[Submitted]) -> dict[int, Answer]:
    """The swift answers, once they are seen to be the careful ones, alone and among others."""
    asked = dict(enumerate(found))
    careful, faults = model.carefully(asked)
    swift = model.swift.many(asked)
    assert swift.keys() <= careful.keys()
    assert careful.keys() | faults.keys() == asked.keys()
    assert swift == {position: careful[position] for position in swift}
    assert {position: model.swift.one(one) for position, one in asked.items()} == {
        position: swift.get(position) for position in asked
    }
    assert model.score(asked) == (careful, faults)
    return swift


def test_answers_are_those_of_the_query_engine_at_every_edge(model: InCharge) -> None:
    found = one_edge_each()
    swift = compared(model, found)
    assert len(swift) > 0.4 * len(found)
    assert len({answer.pd for answer in swift.values()}) > 50
    assert {answer.decision for answer in swift.values()} >= {"refer", "decline"}


def test_at_many_edges_at_once_too(model: InCharge) -> None:
    assert len(compared(model, many_edges(600, seed=99))) > 60


def usual(column: Any) -> st.SearchStrategy[Any]:
    """Values as they are, and edges now and then."""
    odd = st.sampled_from(edges(column))
    if column.parse not in ("number", "count"):
        return odd
    low, high = float(column.low or 0), float(column.high or 1e7)
    return st.integers(int(low), int(high)) | st.floats(low, high) | st.integers(int(low), int(high)).map(str) | odd


CHANGES = st.dictionaries(
    st.sampled_from(APPLICATION_COLUMNS), st.none(), max_size=5
).flatmap(lambda columns: st.fixed_dictionaries({column.name: usual(column) for column in columns}))  # fmt: skip


@effort(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(changes=st.lists(CHANGES, min_size=1, max_size=20))
def test_whatever_is_sent(model: InCharge, changes: list[dict[str, Any]]) -> None:
    found = [submitted({**TOLD, **one}, number) for number, one in enumerate(changes)]
    compared(model, [one for one in found if one is not None])


def test_what_callers_usually_send_is_answered_swiftly(model: InCharge) -> None:
    spelled = [submitted(sent(number)["payload"], 0) for number in range(12)]
    plain = submitted(dict(TOLD), 0)
    assert plain is not None
    assert model.swift.one(plain) is not None
    assert len(compared(model, [one for one in spelled if one is not None])) == len(spelled)


@pytest.fixture
def careless(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """The API whose query engine may not be asked."""
    found = service(client).held.model
    assert found is not None

    def refuse(*_: object) -> Any:
        raise AssertionError("the query engine was asked")

    monkeypatch.setattr(type(found), "carefully", lambda self, left: ({}, {}) if not left else refuse())
    yield client


def test_sound_applications_do_not_reach_the_query_engine(careless: TestClient) -> None:
    assert careless.post("/v1/score", json=sent()).status_code == 200
    batch = careless.post("/v1/score/batch", json={"applications": [sent(number) for number in range(12)]})
    assert len(batch.json()["scored"]) == 12
    assert careless.post("/v1/score", json=sent(earliest_cr_line="Jan-35")).status_code == 500


def test_quick_routes_answer_as_fastapi_would_have_them_answer(api_lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, bytes]] = [
        ("/v1/score", json.dumps(sent()).encode()),
        ("/v1/score", json.dumps(sent(term="x")).encode()),
        ("/v1/score", b"{"),
        ("/v1/score", b" " * 70_000),
        ("/v1/score/batch", json.dumps({"applications": [sent(), sent(1, term="x"), {"more": 1}]}).encode()),
        ("/v1/score/batch", b'{"applications": []}'),
    ]
    with asking(api_lake) as client:
        direct = [client.post(path, content=body) for path, body in asked]
    monkeypatch.setattr("creditrisk_assets.serving.api.app._direct", list)
    with asking(api_lake) as client:
        usual = [client.post(path, content=body) for path, body in asked]
    assert [one.status_code for one in direct] == [200, 422, 422, 413, 200, 422]
    for one, other in zip(direct, usual, strict=True):
        assert (one.status_code, one.content, one.headers) == (other.status_code, other.content, other.headers)
