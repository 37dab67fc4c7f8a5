"""The API as an ASGI application: thin, every route calls one function."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, FastAPI, Request, Response, Security
from fastapi.routing import APIRoute
from fastapi.security import APIKeyHeader

from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.resources.environments import Settings
from creditrisk_assets.serving.api import documented
from creditrisk_assets.serving.api.answers import Answer, Placed
from creditrisk_assets.serving.api.direct import Direct
from creditrisk_assets.serving.api.gathering import Gatherer, Turns
from creditrisk_assets.serving.api.held import EVERY, Held
from creditrisk_assets.serving.api.in_charge import InCharge, Scored
from creditrisk_assets.serving.api.keys import Keys
from creditrisk_assets.serving.api.known import known
from creditrisk_assets.serving.api.metrics import Measured, Metrics
from creditrisk_assets.serving.api.problems import RefusedError, answered_as_problems, limited, problem
from creditrisk_assets.serving.api.submitted import LARGEST, LARGEST_BATCH, MisfitError, Submitted, many, one
from creditrisk_assets.serving.tables import ServedTables

HEADER = "X-API-Key"
ROUTES = APIRouter()
_KEY = APIKeyHeader(name=HEADER, auto_error=False, description="Needed where the API was given keys.")


@dataclass
class Service:
    """What the routes share."""

    held: Held
    tables: ServedTables
    keys: Keys
    metrics: Metrics
    turns: Turns = field(init=False)

    def __post_init__(self) -> None:
        self.turns = Turns(self._swiftly, Gatherer(self._carefully))

    def _swiftly(self, sent: Mapping[int, Submitted]) -> dict[int, Answer]:
        return self.model().swift.answers(sent)

    def _carefully(self, sent: Mapping[int, Submitted]) -> Scored:
        return self.model().carefully(sent)

    def model(self) -> InCharge:
        """The model in charge; RefusedError 503 without one."""
        if self.held.model is None:
            raise RefusedError(503, "No model is in charge yet: see /readyz.", Retry_After="5")
        return self.held.model

    def admit(self, key: str | None) -> None:
        """RefusedError 401 for whoever has no key, where there are any."""
        if self.keys and (key is None or self.keys.holder(key) is None):
            raise RefusedError(
                401,
                f"Send a key that the API knows in the header {HEADER}.",
                WWW_Authenticate=f'ApiKey header="{HEADER}"',
            )


def create_app(
    lake: Lake, values: Settings, keys: Keys, every: float = EVERY, ready: Callable[[], None] = lambda: None
) -> FastAPI:
    """The API over a lake; it looks for a new model `every` so many seconds while it is up.

    `ready` is called once it has looked for the first time.
    """
    metrics = Metrics()
    held = Held(lake, values, metrics.took)

    @asynccontextmanager
    async def up(_: FastAPI) -> AsyncIterator[None]:
        await asyncio.to_thread(held.start, every)
        ready()
        yield
        await asyncio.to_thread(held.close)

    app = FastAPI(title="Credit risk", version="1", docs_url=None, redoc_url=None, lifespan=up)
    app.state.service = Service(held, ServedTables(lake), keys, metrics)
    app.include_router(ROUTES)
    app.add_middleware(Direct, routes=_direct(), admitted=_admitted)
    app.add_middleware(Measured, metrics=metrics)
    answered_as_problems(app)
    return app


def _direct() -> list[APIRoute]:
    return [route for route in ROUTES.routes if isinstance(route, APIRoute) and route.endpoint in (score, score_batch)]


def _admitted(request: Request) -> Service:
    """The service, for whoever may ask it."""
    service = _service(request)
    service.admit(request.headers.get(HEADER))
    return service


def _service(request: Request) -> Service:
    found: Service = request.app.state.service
    return found


Shared = Annotated[Service, Depends(_service)]


def _caller(service: Shared, key: Annotated[str | None, Security(_KEY)] = None) -> None:
    service.admit(key)


_ASKED: Any = [Depends(_caller)]


def _json(told: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(told), status, media_type="application/json")


@ROUTES.post(
    "/v1/score", dependencies=_ASKED, response_model=documented.Score,
    responses=documented.problems(401, 413, 422, 503),
    openapi_extra=documented.body(documented.application(), documented.SENT),
)  # fmt: skip
async def score(request: Request, service: Shared) -> Response:
    """Score one application: the same figures as a batch or the stream gives it, bit for bit."""
    body = await limited(request, LARGEST)
    service.model()
    try:
        answer = await service.turns.score(one(body, datetime.now(UTC)))
    except MisfitError:
        service.metrics.answered(["refused"])
        raise
    service.metrics.answered([answer.decision])
    return _json(answer)


@ROUTES.post(
    "/v1/score/batch", dependencies=_ASKED, response_model=documented.Batch,
    responses=documented.problems(401, 413, 422, 503),
    openapi_extra=documented.body(documented.batch(), {"applications": [documented.SENT]}),
)  # fmt: skip
async def score_batch(request: Request, service: Shared) -> Response:
    """Score many applications: good ones are answered, bad ones told by their position with their reasons."""
    body = await limited(request, LARGEST_BATCH)
    service.model()
    return Response(await asyncio.to_thread(_batch, service, body), media_type="application/json")


def _batch(service: Service, body: bytes) -> bytes:
    good, bad = many(body, datetime.now(UTC))
    answers, faults = service.model().score(good)
    bad |= faults
    service.metrics.answered([answer.decision for answer in answers.values()] + ["refused"] * len(bad))
    scored = [Placed(place, answers[place]) for place in sorted(answers)]
    refused = [{"index": place, "errors": [fault.told() for fault in bad[place]]} for place in sorted(bad)]
    return msgspec.json.encode({"scored": scored, "refused": refused})


@ROUTES.get(
    "/v1/loans/{identifier}", dependencies=_ASKED, response_model=documented.KnownScores,
    responses=documented.problems(401, 404, 503),
)  # fmt: skip
async def loan(identifier: str, service: Shared) -> Response:
    """What the lake holds of a loan, an application or a customer."""
    found = await asyncio.to_thread(known, service.tables, identifier)
    if not found:
        raise RefusedError(404, "Nothing is known under this identifier: it is the id of the loan file or the stream.")
    return _json({"identifier": identifier, "scores": found})


@ROUTES.get(
    "/v1/model", dependencies=_ASKED, response_model=documented.InForce, responses=documented.problems(401, 503)
)
async def model(service: Shared) -> Response:
    """What answers now."""
    return _json(service.model().told())


@ROUTES.get("/healthz")
async def healthz() -> dict[str, str]:
    """The process is up."""
    return {"status": "up"}


@ROUTES.get("/readyz", responses=documented.problems(503))
async def readyz(service: Shared) -> Response:
    """A model is in charge and the lake can be read; `stale` says why a newer one is not in charge."""
    held = service.held
    try:
        await asyncio.to_thread(held.seen)
    except Exception as error:  # whatever keeps the lake from being read
        return problem(503, f"The lake cannot be read: {type(error).__name__}. See the log of the API.")
    if held.model is None:
        return problem(503, f"No model is in charge: {held.error}")
    return _json({"status": "ready", "model": held.model.model, "stale": held.error})


@ROUTES.get("/metrics", response_class=Response)
async def metrics(service: Shared) -> Response:
    """What Prometheus reads."""
    service.metrics.stale.set(service.held.error is not None)
    return Response(service.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")
