"""Requests and responses as bytes, with the protocol classes that kafka-python generates."""

import struct
from typing import Any, NamedTuple

from kafka.protocol.metadata import ApiVersionsResponse

from creditrisk_assets.local.broker.errors import Code

FIRST_FIELDS = struct.Struct(">hhi")
NOT_DECODED = (struct.error, ValueError, IndexError, TypeError, OverflowError, MemoryError)


class WireError(ValueError):
    """Bytes that are no request this broker can answer; the connection is closed, as Apache Kafka does."""


class Incoming(NamedTuple):
    """What every request starts with."""

    api: int
    version: int
    correlation_id: int


def incoming(frame: bytes) -> Incoming:
    """The first fields, which are the same in every version of everything."""
    if len(frame) < FIRST_FIELDS.size:
        raise WireError("a request of fewer than eight bytes")
    return Incoming._make(FIRST_FIELDS.unpack_from(frame))


def decoded(frame: bytes, message: Any, version: int) -> Any:
    """The request in a frame, with its header."""
    try:
        return message.decode(frame, version=version, header=True)
    except NOT_DECODED as error:
        raise WireError(f"{message.__name__} version {version} cannot be decoded: {error!r}") from error


def encoded(response: Any, head: Incoming) -> bytearray:
    """A response, framed."""
    response.API_VERSION = head.version  # before the header, whose form depends on it
    response.with_header(correlation_id=head.correlation_id)
    framed: bytearray = response.encode(header=True, framed=True)
    return framed


def version_refused(head: Incoming, offered: list[Any]) -> bytearray:
    """The answer to ApiVersions of a version from the future: version 0 with an error (KIP-511).

    A client can read that whatever its own version is, and then asks again with one it finds in it.
    """
    response = ApiVersionsResponse(error_code=Code.UNSUPPORTED_VERSION, api_keys=offered)
    return encoded(response, head._replace(version=0))
