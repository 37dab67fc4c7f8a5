"""Which model answers, how another one takes over, and what the probes and Prometheus are told of it."""

import shutil
import threading
from datetime import date
from pathlib import Path

import polars as pl
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from creditrisk_assets.contracts import MODELS_MOMENTS, MODELS_POSTERIOR
from creditrisk_assets.models.rules.reading import PACKAGED as RULES
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.scores.policy import PACKAGED as POLICY
from creditrisk_assets.serving.api.held import Held
from creditrisk_assets.serving.api.in_charge import InCharge
from creditrisk_assets_tests.models.learned import MODEL_DATE
from creditrisk_assets_tests.serving.asked import again, asking, sent, service, settings

NEWER = date(2012, 1, 1)


def model_date(client: TestClient) -> str:
    found = client.post("/v1/score", json=sent())
    assert found.status_code == 200
    told: str = found.json()["model"]["model_date"]
    return told


def series(client: TestClient) -> dict[tuple[str, tuple[str, ...]], float]:
    families = text_string_to_metric_families(client.get("/metrics").text)
    return {(one.name, tuple(one.labels.values())): one.value for family in families for one in family.samples}


def test_the_model_in_charge_tells_all_that_answers_depend_on(client: TestClient) -> None:
    told = client.get("/v1/model").json()
    assert told["model"] == {"feature_set": "application", "model_date": MODEL_DATE.isoformat()}
    assert told["policy"]["approve_below"] <= told["policy"]["decline_from"]
    assert told["scale"] == {"base_points": 600, "base_odds": 50, "double": 20}
    assert "fico" in told["features"]
    answer = client.post("/v1/score", json=sent()).json()
    assert (answer["policy"], answer["rules"]) == (told["policy"]["version"], told["rules"])


def test_a_newer_good_model_takes_over(own_lake: Lake) -> None:
    with asking(own_lake) as client:
        assert model_date(client) == MODEL_DATE.isoformat()
        again(own_lake, NEWER)
        service(client).held.look()
        assert model_date(client) == NEWER.isoformat()
        assert client.get("/readyz").json()["model"]["model_date"] == NEWER.isoformat()
        infos = {labels for name, labels in series(client) if name == "creditrisk_api_model_info"}
        assert {labels[1] for labels in infos} == {NEWER.isoformat()}


def test_one_that_failed_a_gate_does_not(own_lake: Lake) -> None:
    with asking(own_lake) as client:
        again(own_lake, NEWER, passed=pl.lit(False))
        service(client).held.look()
        assert model_date(client) == MODEL_DATE.isoformat()
        assert client.get("/readyz").json()["stale"] is None


def test_a_broken_one_leaves_the_old_one_in_charge_and_readyz_says_so(own_lake: Lake) -> None:
    with asking(own_lake) as client:
        again(own_lake, NEWER, design=pl.lit('{"no": "design"}'))
        service(client).held.look()
        assert model_date(client) == MODEL_DATE.isoformat()
        ready = client.get("/readyz")
        assert ready.status_code == 200
        assert ready.json()["stale"]
        assert series(client)["creditrisk_api_model_stale", ()] == 1
        again(own_lake, NEWER)
        service(client).held.look()
        assert model_date(client) == NEWER.isoformat()
        assert client.get("/readyz").json()["stale"] is None
        assert series(client)["creditrisk_api_model_stale", ()] == 0


def test_one_that_is_only_half_written_waits_for_its_other_half(own_lake: Lake) -> None:
    with asking(own_lake) as client:
        kept = own_lake.scan(MODELS_MOMENTS, [MODEL_DATE]).collect()
        again(own_lake, NEWER)
        own_lake.overwrite(MODELS_MOMENTS, kept.clear(), [NEWER])
        service(client).held.look()
        assert model_date(client) == MODEL_DATE.isoformat()
        assert "no posterior dated 2012-01-01" in client.get("/readyz").json()["stale"]


def test_a_changed_policy_and_changed_rules_take_over_and_broken_ones_do_not(own_lake: Lake, tmp_path: Path) -> None:
    policy, rules = (Path(shutil.copy(file, tmp_path)) for file in (POLICY, RULES))
    with asking(own_lake, policy=policy, rules=rules) as client:
        before = client.post("/v1/score", json=sent()).json()
        for file, name in ((policy, "policy"), (rules, "rules")):
            text = file.read_text()
            file.write_text(text.replace(str(before[name]), "another-one", 1))
            service(client).held.look()
            assert client.post("/v1/score", json=sent()).json()[name] == "another-one"
            file.write_text("broken: true")
            service(client).held.look()
            assert client.post("/v1/score", json=sent()).json()[name] == "another-one"
            assert str(file) in client.get("/readyz").json()["stale"]
            file.write_text(text)
            service(client).held.look()
            assert client.post("/v1/score", json=sent()).json() == before


def test_no_request_is_dropped_while_models_change(own_lake: Lake) -> None:
    dates = {MODEL_DATE.isoformat(), NEWER.isoformat()}
    with asking(own_lake) as client:
        seen: list[str] = []
        asker = threading.Thread(target=lambda: seen.extend(model_date(client) for _ in range(30)))
        asker.start()
        again(own_lake, NEWER)
        service(client).held.look()
        asker.join()
        assert len(seen) == 30
        assert set(seen) <= dates
        assert model_date(client) == NEWER.isoformat()


def test_it_looks_by_itself_until_it_is_closed(own_lake: Lake) -> None:
    taken = threading.Semaphore(0)
    models: list[InCharge] = []

    def took(model: InCharge) -> None:
        models.append(model)
        taken.release()

    held = Held(own_lake, settings(), took)
    held.start(every=0.01)
    assert taken.acquire(timeout=60)
    again(own_lake, NEWER)
    while models[-1].scoring.model_date != NEWER:
        assert taken.acquire(timeout=60)
    held.close()
    assert held.model is models[-1]


def test_an_empty_lake_is_up_but_not_ready_and_becomes_ready(api_lake: Lake, tmp_path: Path) -> None:
    with asking(Lake(str(tmp_path / "lake"))) as client:
        assert client.get("/healthz").json() == {"status": "up"}
        ready = client.get("/readyz")
        assert (ready.status_code, ready.headers["content-type"]) == (503, "application/problem+json")
        assert "make demo" in ready.json()["detail"]
        for method, path in (("POST", "/v1/score"), ("POST", "/v1/score/batch"), ("GET", "/v1/model")):
            found = client.request(method, path, json=sent())
            assert (found.status_code, found.headers["retry-after"]) == (503, "5")
        assert client.get("/v1/loans/1").status_code == 503
        shutil.copytree(api_lake.root, tmp_path / "lake")
        service(client).held.look()
        assert client.get("/readyz").status_code == 200


def test_a_lake_that_can_be_read_no_more_is_not_ready_but_still_scores(own_lake: Lake) -> None:
    with asking(own_lake) as client:
        for log in Path(own_lake.root, *MODELS_POSTERIOR.key, "_delta_log").iterdir():
            log.write_bytes(b"no log")
        service(client).held.look()
        ready = client.get("/readyz")
        assert ready.status_code == 503
        assert ready.json()["detail"].startswith("The lake cannot be read")
        assert model_date(client) == MODEL_DATE.isoformat()


def test_requests_and_what_came_of_applications_are_counted_without_naming_anybody(api_lake: Lake) -> None:
    with asking(api_lake) as client:
        client.post("/v1/score/batch", json={"applications": [sent(), sent(1), sent(2, term="x")]})
        client.post("/v1/score", json=sent(3, term="x"))
        client.get("/v1/loans/somebody")
        client.get("/no/such/path/somebody")
        found = series(client)
        text = client.get("/metrics").text
    outcomes = {
        labels[0]: value for (name, labels), value in found.items() if name == "creditrisk_api_applications_total"
    }
    assert outcomes.pop("refused") == 2
    assert sum(outcomes.values()) == 2
    assert found["creditrisk_api_requests_total", ("/v1/score", "422")] == 1
    assert found["creditrisk_api_request_seconds_count", ("/v1/score/batch",)] == 1
    assert found["creditrisk_api_requests_total", ("other", "404")] == 1
    assert "somebody" not in text
