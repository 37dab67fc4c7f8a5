"""Refusals as problem documents (RFC 9457): what is wrong, where, and what to do about it."""

import asyncio
import logging
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import msgspec
from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from creditrisk_assets.resources.delta import LakeError
from creditrisk_assets.serving.api.submitted import Fault, MisfitError

MEDIA = "application/problem+json"
PATIENCE = 20.0
"""Seconds for a body to come: whoever sends it drop by drop does not keep a connection for long."""
LOG = logging.getLogger("creditrisk.api")


class RefusedError(Exception):
    """A request that is not served; `detail` names the remedy."""

    def __init__(self, status: int, detail: str, **headers: str) -> None:
        super().__init__(detail)
        self.status, self.detail, self.headers = status, detail, headers


def problem(status: int, detail: str, faults: Sequence[Fault] = (), headers: dict[str, str] | None = None) -> Response:
    """The answer to a request that is not served."""
    told: dict[str, Any] = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status}
    told |= {"detail": detail}
    if faults:
        told |= {"errors": [fault.told() for fault in faults]}
    return Response(msgspec.json.encode(told), status, headers, MEDIA)


def answered_as_problems(app: FastAPI) -> None:
    """Have every refusal of an app answered as a problem document; what nobody foresaw is logged, not told."""

    async def misfit(_: Request, error: Exception) -> Response:
        assert isinstance(error, MisfitError)
        return problem(422, "The body breaks the contract; see errors.", error.faults)

    async def refused(_: Request, error: Exception) -> Response:
        assert isinstance(error, RefusedError)
        return problem(error.status, error.detail, headers={k.replace("_", "-"): v for k, v in error.headers.items()})

    async def unknown(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return problem(error.status_code, str(error.detail), headers=dict(error.headers or {}))

    async def unreadable(_: Request, error: Exception) -> Response:
        LOG.error("The lake cannot be read: %s", error)
        return problem(
            503, "The lake cannot be read now, or nothing is scored yet: see /readyz.", headers={"Retry-After": "5"}
        )

    async def unforeseen(request: Request, error: Exception) -> Response:
        LOG.exception("%s failed", request.method, exc_info=error)
        return problem(500, "This should not have happened: it is in the log of the API.")

    app.add_exception_handler(MisfitError, misfit)
    app.add_exception_handler(RefusedError, refused)
    app.add_exception_handler(HTTPException, unknown)
    app.add_exception_handler(LakeError, unreadable)
    app.add_exception_handler(Exception, unforeseen)


async def limited(request: Request, most: int, patience: float = PATIENCE) -> bytes:
    """The body of a request; RefusedError 413 as soon as it is longer than `most` bytes, however it is sent.

    408 where it is not there within `patience` seconds. What is left of such a body is not waited for.
    """
    too_long = f"The body is longer than {most} bytes: send fewer applications at a time."
    told = request.headers.get("content-length", "")
    if told.isdecimal() and int(told) > most:
        raise RefusedError(413, too_long, Connection="close")
    parts, size = [], 0
    try:
        async with asyncio.timeout(patience):
            async for part in request.stream():
                size += len(part)
                if size > most:
                    raise RefusedError(413, too_long, Connection="close")
                parts.append(part)
    except ClientDisconnect as error:
        raise RefusedError(400, "The body ended before its end.") from error
    except TimeoutError as error:
        said = f"The body was not there within {patience:g} seconds: send it at once."
        raise RefusedError(408, said, Connection="close") from error
    return b"".join(parts)
