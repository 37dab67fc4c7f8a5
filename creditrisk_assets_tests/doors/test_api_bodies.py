"""Bodies too large, broken, slow or disguised, sent to the real process: refused, and the next one is served."""

import asyncio
import gzip
import json
import time
from collections.abc import Iterator

import pytest
from starlette.requests import Request

from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.serving.api.problems import RefusedError, limited
from creditrisk_assets.serving.api.submitted import LARGEST, LARGEST_BATCH
from creditrisk_assets_tests.doors.guarded import reveals, untouched
from creditrisk_assets_tests.doors.wire import Process, chunked, head, read, served
from creditrisk_assets_tests.serving.asked import sent

GOOD = json.dumps(sent()).encode()
CHUNKED = "Transfer-Encoding: chunked"
ZEROS = b" " * 65_536
BOMB = gzip.compress(b" " * (128 << 20), 1)
MANY = 6 * LARGEST_BATCH // len(ZEROS)
"""Chunks of a body six times as long as the longest that is taken."""


@pytest.fixture(scope="module")
def api(api_lake: Lake, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    with served(tmp_path_factory.mktemp("api"), api_lake.root) as found:
        yield found
        log = found.log.read_text()
        assert "Traceback" not in log
        assert "ERROR" not in log


@pytest.fixture(autouse=True)
def _others_are_served(api: Process, api_lake: Lake) -> Iterator[None]:
    """Whatever was sent, the lake is as it was and the next application is scored."""
    with untouched(api_lake):
        yield
    assert api.post(GOOD) == 200


@pytest.mark.parametrize(("path", "most"), [("/v1/score", LARGEST), ("/v1/score/batch", LARGEST_BATCH)])
def test_a_body_that_says_it_is_too_long_is_refused_before_it_comes(api: Process, path: str, most: int) -> None:
    for length in (most + 1, 10**12, 10**30):
        begin = time.monotonic()
        assert api.status(head(f"POST {path}", f"Content-Length: {length}"), b"{") in (400, 413)
        assert time.monotonic() - begin < 20
    assert api.post(b" " * most, path=path) == 422


@pytest.mark.parametrize("path", ["/v1/score", "/v1/score/batch"])
def test_a_body_in_chunks_is_refused_where_it_grows_too_long_and_is_not_kept(api: Process, path: str) -> None:
    before = api.memory()
    assert api.status(head(f"POST {path}", CHUNKED), *chunked([ZEROS] * MANY)) in (413, 0)
    assert api.memory() - before < 3 * LARGEST_BATCH


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "identity, gzip"])
def test_a_small_body_that_would_grow_is_not_unpacked(api: Process, coding: str) -> None:
    before = api.memory()
    assert api.post(BOMB, f"Content-Encoding: {coding}", path="/v1/score/batch") == 422
    assert api.post(gzip.compress(GOOD), f"Content-Encoding: {coding}") == 422
    assert api.memory() - before < 64 << 20


BROKEN = {
    "nothing": b"",
    "blank": b"   ",
    "half": GOOD[: len(GOOD) // 2],
    "no end": GOOD[:-1],
    "too much": GOOD + b"}",
    "two": GOOD + GOOD,
    "a comment": GOOD + b" // more",
    "not a number": GOOD.replace(b"27.65", b"NaN"),
    "infinite": GOOD.replace(b"27.65", b"-Infinity"),
    "beyond numbers": GOOD.replace(b"27.65", b"1e999"),
    "many digits": GOOD.replace(b"27.65", b"1" * 40_000),
    "a negative length": GOOD.replace(b"27.65", b"--1"),
    "hexadecimal": GOOD.replace(b"27.65", b"0x1F"),
    "deep lists": b"[" * 60_000 + b"]" * 5_000,
    "deep objects": b'{"payload":' * 5_000 + b"1" + b"}" * 5_000,
    "deep field": GOOD.replace(b"27.65", b"[" * 20_000 + b"]" * 20_000),
    "not utf-8": GOOD.replace(b"a-0", b"\xff\xfe\xc0\xaf"),
    "overlong": GOOD.replace(b"a-0", b"\xc0\xa7"),
    "half a pair": GOOD.replace(b"a-0", b"\\ud800"),
    "utf-16": GOOD.decode().encode("utf-16"),
    "byte order mark": b"\xef\xbb\xbf" + GOOD,
    "nul": GOOD.replace(b"a-0", b"a\x00"),
    "escaped nul": GOOD.replace(b"a-0", b"\\u0000"),
    "single quotes": GOOD.replace(b'"', b"'"),
    "a list": b"[" + GOOD + b"]",
    "text": json.dumps(GOOD.decode()).encode(),
    "null": b"null",
    "true": b"true",
    "xml": b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>",
    "yaml": b"!!python/object/apply:os.system ['touch /tmp/creditrisk-mine']",
    "pickle": b"\x80\x04cposix\nsystem\n(S'touch /tmp/creditrisk-mine'\ntR.",
    "form": b"application_id=a&payload[loan_amnt]=1",
    "message pack": b"\x82\xa2id\x01\xa7payload\x80",
    "prototype": GOOD[:-1] + b', "__proto__": {"admin": true}}',
    "constructor": GOOD[:-1] + b', "constructor": {}}',
}


@pytest.mark.parametrize("what", BROKEN)
@pytest.mark.parametrize("path", ["/v1/score", "/v1/score/batch"])
def test_what_is_no_application_is_refused_with_its_place(api: Process, path: str, what: str) -> None:
    body = BROKEN[what]
    answer = api.send(head(f"POST {path}", f"Content-Length: {len(body)}"), body)
    status, _, told = answer.partition(b"\r\n\r\n")
    assert status.startswith(b"HTTP/1.1 422 "), answer
    assert json.loads(told)["errors"]
    assert not reveals(told.decode())


def test_deep_nesting_up_to_the_largest_body_is_refused(api: Process) -> None:
    for deep in (b"[" * 100_000, b'{"applications":' * 100_000, b'{"applications":[' * 100_000):
        assert api.post(deep, path="/v1/score/batch") == 422
        assert api.post(deep) == 413


def test_of_a_field_that_stands_there_twice_the_last_one_counts_as_for_the_stream(api: Process) -> None:
    body = GOOD[:-1] + b', "application_id": "the-last"}'
    answer = api.send(head("POST /v1/score", f"Content-Length: {len(body)}"), body)
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["application_id"] == "the-last"


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/xml", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded",
             "", "application/json; charset=utf-16", "a" * 5_000]
)  # fmt: skip
def test_a_body_is_read_as_json_whatever_it_is_called(api: Process, kind: str) -> None:
    assert api.post(GOOD, f"Content-Type: {kind}") == 200
    assert api.post(b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--x--", f"Content-Type: {kind}") == 422


def test_a_body_that_never_ends_keeps_nobody_else_waiting(api: Process) -> None:
    half = [api.connect() for _ in range(40)]
    try:
        for connection in half:
            connection.sendall(head("POST /v1/score", f"Content-Length: {len(GOOD)}") + GOOD[:10])
        begin = time.monotonic()
        assert api.post(GOOD) == 200
        assert time.monotonic() - begin < 20
        half[0].sendall(GOOD[10:])
        assert read(half[0]).startswith(b"HTTP/1.1 200 ")
    finally:
        for connection in half:
            connection.close()  # in the middle of the body


def test_a_body_that_does_not_come_in_time_is_waited_for_no_longer() -> None:
    sent_so_far = [{"type": "http.request", "body": b"{", "more_body": True}]

    async def receive() -> dict[str, object]:
        return sent_so_far.pop() if sent_so_far else await asyncio.Future()

    request = Request({"type": "http", "headers": [], "method": "POST", "path": "/"}, receive)
    with pytest.raises(RefusedError, match="was not there within") as refused:
        asyncio.run(limited(request, LARGEST, patience=0.05))
    assert (refused.value.status, refused.value.headers) == (408, {"Connection": "close"})


@pytest.mark.parametrize("keep", ["keep-alive", "close"])
def test_after_a_body_that_is_too_long_the_connection_is_closed(api: Process, keep: str) -> None:
    with api.connect() as connection:
        connection.sendall(f"POST /v1/score HTTP/1.1\r\nHost: api\r\nConnection: {keep}\r\n".encode())
        connection.sendall(f"Content-Length: {LARGEST + 1}\r\n\r\n{{".encode())
        answer = read(connection)  # up to the end, which the API makes
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in answer.lower()


@pytest.mark.parametrize(
    "request_line",
    [b"GET /healthz\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00", b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\n\r\n",
     b"GET / HTTP/9.9\r\n\r\n", b"\r\n" * 1_000 + b"x",
     b"GET /healthz HTTP/1.1\r\nA: " + b"b" * 1_000_000 + b"\r\n\r\n",
     b"GET /healthz HTTP/1.1\r\n" + b"A: b\r\n" * 100_000 + b"\r\n", b"GET /healthz HTTP/1.1\r\nA b\r\n\r\n",
     b"GET /healthz HTTP/1.1\r\nContent-Length: -1\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
    ids=["old", "tls", "long-path", "version", "blank-lines", "long-header", "many-headers", "bad-header",
         "negative-length", "http-2"],
)  # fmt: skip
def test_what_is_no_request_is_not_answered_with_more_than_a_refusal(api: Process, request_line: bytes) -> None:
    answer = api.send(request_line, seconds=2)
    assert answer == b"" or answer.startswith((b"HTTP/1.1 4", b"HTTP/1.1 200 "))
    assert not reveals(answer.decode("latin-1"))


@pytest.mark.parametrize("order", [0, 1])
def test_a_second_request_cannot_hide_in_the_body_of_the_first(api: Process, order: int) -> None:
    lengths = ["Content-Length: 4", CHUNKED]
    hidden = b"0\r\n\r\nGET /v1/model HTTP/1.1\r\nHost: api\r\n\r\n"
    answer = api.send(head("POST /v1/score", *lengths[:: 1 - 2 * order]), hidden, seconds=2)
    assert answer.count(b"HTTP/1.1 ") <= 1
    assert b"model_date" not in answer


def test_answers_do_not_name_what_answers(api: Process) -> None:
    requests = [head("GET /healthz"), head("GET /nowhere"), head("POST /v1/score", "Content-Length: 0"), b"x\r\n\r\n"]
    for request in requests:
        headers = api.send(request, seconds=5).partition(b"\r\n\r\n")[0].lower()
        for name in (b"server:", b"x-powered-by", b"uvicorn", b"python", b"starlette", b"fastapi"):
            assert name not in headers
