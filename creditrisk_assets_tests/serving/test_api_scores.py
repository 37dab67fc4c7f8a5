"""The API answers what a batch and the stream say of the same application, and refuses what it cannot read."""

import json
from typing import Any

import polars as pl
import pytest
from starlette.testclient import TestClient

from creditrisk_assets.contracts import APPLICATIONS, REASONS
from creditrisk_assets.models.rules.evaluation import evaluate
from creditrisk_assets.models.rules.reading import load_rules
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.scores.champion import champion
from creditrisk_assets.serving.api.answers import FIGURES
from creditrisk_assets.serving.api.documented import SENT, Batch, Score
from creditrisk_assets.serving.api.submitted import LARGEST, LARGEST_BATCH, MOST
from creditrisk_assets.streaming.decoding import decode
from creditrisk_assets_tests.serving.asked import sent, settings
from creditrisk_assets_tests.streaming.enveloped import application, packed

MANY = [sent(number) for number in range(12)]
HEAD = {"Content-Type": "application/json"}


def scored(client: TestClient, application: dict[str, Any]) -> dict[str, Any]:
    found = client.post("/v1/score", json=application)
    assert found.status_code == 200, found.text
    told: dict[str, Any] = found.json()
    return told


def refused(client: TestClient, body: bytes | dict[str, Any], path: str = "/v1/score", status: int = 422) -> Any:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    found = client.post(path, content=content, headers=HEAD)
    assert found.status_code == status, found.text
    assert found.headers["content-type"] == "application/problem+json"
    return found.json()


def by_batch(lake: Lake, applications: list[dict[str, Any]]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(scores/loans, what the rules say) of the same applications, as they come over the stream."""
    messages = [
        packed(application(one["payload"], application_id=one["application_id"], event_id=one["application_id"],
                           event_time=one["event_time"]))
        for one in applications
    ]  # fmt: skip
    loans, found = decode(APPLICATIONS, messages).loans, champion(lake, settings())
    assert found is not None
    return found.score(loans), evaluate(load_rules(), loans)


def test_every_answer_has_the_bits_of_a_batch_score_alone_or_among_others(client: TestClient, api_lake: Lake) -> None:
    scores, flags = by_batch(api_lake, MANY)
    alone = [scored(client, one) for one in MANY]
    together = client.post("/v1/score/batch", json={"applications": MANY}).json()
    assert together["refused"] == []
    assert [one["score"] for one in together["scored"]] == alone
    for answer, row, flag in zip(alone, scores.iter_rows(named=True), flags.iter_rows(named=True), strict=True):
        assert {name: answer[name] for name in FIGURES} == {name: row[name] for name in FIGURES}
        assert answer["application_id"] == row["loan_id"]
        assert answer["reasons"] == [
            {"factor": row[f"reason_{n}"], "contribution": row[f"contribution_{n}"]} for n in REASONS
            if row[f"reason_{n}"] is not None
        ]  # fmt: skip
        assert answer["model"] == {"feature_set": row["feature_set"], "model_date": row["model_date"].isoformat()}
        assert (answer["flags"]["tier"], answer["flags"]["watchlist"]) == (flag["tier"], flag["watchlist"])
        assert ",".join(answer["flags"]["reasons"]) == (flag["rule_reasons"] or "")
        assert answer["rules"] == flag["rules"]
    assert len({answer["pd"] for answer in alone}) == len(MANY)


def test_numbers_and_their_spellings_score_alike(client: TestClient) -> None:
    spelled = scored(client, sent(loan_amnt="$10,000.00", term="36", revol_util=83.7, dti="27.65"))
    assert spelled == scored(client, sent(loan_amnt=10_000, term=36, revol_util="83.7%", dti=27.65))


def test_the_documented_example_is_answered(client: TestClient) -> None:
    answer = scored(client, SENT)
    assert answer["application_id"] == "a-1"
    assert Score.model_validate(answer).model_dump() == answer


def test_without_a_time_an_application_is_made_now(client: TestClient) -> None:
    assert 0 < scored(client, sent() | {"event_time": None})["pd"] < 1


# what is changed of a good application, where the fault is, what is said of it
BAD: list[tuple[dict[str, Any], list[str], str]] = [
    ({"loan_amnt": -5}, ["payload", "loan_amnt"], "-5"),
    ({"loan_amnt": ...}, ["payload", "loan_amnt"], "missing"),
    ({"loan_amnt": [1]}, ["payload", "loan_amnt"], "got array"),
    ({"loan_amnt": True}, ["payload", "loan_amnt"], "got bool"),
    ({"loan_amnt": "much"}, ["payload", "loan_amnt"], "'much' cannot be read as number"),
    ({"term": "x"}, ["payload", "term"], "'x' cannot be read as term"),
    ({"open_acc": 1.5}, ["payload", "open_acc"], "not a whole number"),
    ({"fico_range_low": 3000}, ["payload", "fico_range_low"], "is not 300"),
    ({"purpose": "x\x00y"}, ["payload", "purpose"], "NUL"),
    ({"loan_ammount": 3}, ["payload", "loan_ammount"], "not a known field"),
    ({"loan_status": "Current"}, ["payload", "loan_status"], "not a known field"),
]


@pytest.mark.parametrize(("changes", "place", "said"), BAD, ids=[f"{place[1]} {said}" for _, place, said in BAD])
def test_a_bad_field_is_told_by_its_place_with_a_remedy(
    client: TestClient, changes: dict[str, Any], place: list[str], said: str
) -> None:
    (error,) = refused(client, sent(**changes))["errors"]
    assert error["loc"] == ["body", *place]
    assert said in error["msg"]
    assert error["remedy"]


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"application_id": ""}, "application_id"),
        ({"application_id": "a" * 201}, "application_id"),
        ({"application_id": "a\nb"}, "application_id"),
        ({"application_id": 7}, "application_id"),
        ({"event_time": "2026-11-21"}, "event_time"),
        ({"event_time": "1500-01-01T00:00:00Z"}, "event_time"),
        ({"event_time": "2099-01-01T00:00:00Z"}, "event_time"),
        ({"more": 1}, "more"),
        ({"payload": None}, "payload"),
    ],
)
def test_so_is_what_stands_beside_the_payload(client: TestClient, changes: dict[str, Any], place: str) -> None:
    (error,) = refused(client, sent() | changes)["errors"]
    assert error["loc"] == ["body", place]


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b"{", b'{"application_id":"a","payload":{"loan_amnt":NaN}}', b"\xff\xfe",
     b'{"application_id":"a","payload":{"loan_amnt":1e999}}', b"[" * 60_000, b'{"a":' * 10_000],
    ids=["empty", "null", "array", "cut off", "nan", "not utf-8", "infinite", "deep array", "deep object"],
)  # fmt: skip
def test_what_is_no_application_at_all_is_refused(client: TestClient, body: bytes) -> None:
    for path in ("/v1/score", "/v1/score/batch"):
        (error,) = refused(client, body, path)["errors"]
        assert error["loc"][0] == "body"


def test_good_applications_next_to_bad_ones_are_answered(client: TestClient) -> None:
    mixed = [sent(0), sent(1, loan_amnt=-1), "text", sent(2, dti="x", term=...), sent(3) | {"more": 1}, sent(4)]
    found = client.post("/v1/score/batch", json={"applications": mixed})
    assert found.status_code == 200
    told = found.json()
    assert Batch.model_validate(told).model_dump() == told
    assert {one["index"]: one["score"] for one in told["scored"]} == {
        0: scored(client, mixed[0]), 5: scored(client, mixed[5]),
    }  # fmt: skip
    places = {one["index"]: [error["loc"][1:] for error in one["errors"]] for one in told["refused"]}
    assert places == {
        1: [["payload", "loan_amnt"]], 2: [[]], 3: [["payload", "term"], ["payload", "dti"]], 4: [["more"]],
    }  # fmt: skip


@pytest.mark.parametrize("count", [0, MOST + 1])
def test_a_batch_of_none_or_too_many_is_refused(client: TestClient, count: int) -> None:
    (error,) = refused(client, {"applications": [1] * count}, "/v1/score/batch")["errors"]
    assert error == {
        "loc": ["body", "applications"], "msg": f"{count} applications", "remedy": f"send 1 to {MOST} at a time",
    }  # fmt: skip


@pytest.mark.parametrize(("path", "most"), [("/v1/score", LARGEST), ("/v1/score/batch", LARGEST_BATCH)])
def test_a_body_that_is_too_long_is_refused_even_without_its_length(client: TestClient, path: str, most: int) -> None:
    assert str(most) in refused(client, b" " * (most + 1), path, 413)["detail"]
    parts = (b" " * 65_536 for _ in range(most // 65_536 + 1))
    assert client.post(path, content=parts, headers=HEAD).status_code == 413


def test_other_paths_and_methods_are_refused_as_problems(client: TestClient) -> None:
    for found, status in ((client.get("/v1/none"), 404), (client.get("/v1/score"), 405)):
        assert (found.status_code, found.json()["status"]) == (status, status)
