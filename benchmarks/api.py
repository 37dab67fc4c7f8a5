"""The API on one core: a single application, many at a time, and batches, beside their limits.

Usage: python benchmarks/api.py [--seconds N] [--fitted N] [--check]. The server is a process of its own on one core;
what asks is on another. The model has every feature and is learned from a simulated book, with a thousand draws
kept: their mean and covariance answer, which is what makes the draws cost nothing. With --check it fails where a
limit is missed. Figures of CPU seconds hold whatever else the machine does meanwhile; the others need it quiet.
"""

import argparse
import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from statistics import median, quantiles
from typing import Any

ONE_CORE = dict.fromkeys(("POLARS_MAX_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
LIMITS = {"single_p50_ms": 1.0, "requests_per_second": 2_000.0, "batch_rows_per_second": 40_000.0}
AT_MOST = ("single_p50_ms",)
SERVER = "import os; os.sched_setaffinity(0, {0}); from creditrisk_assets.cli import main; main()"
ROWS, AT_ONCE = 1_000, 64


def free_port() -> int:
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return int(asked.getsockname()[1])


def prepared(folder: Path, loans: int) -> str:
    """A lake with a posterior of all features of an application, of some simulated loans. Not timed."""
    from creditrisk_assets.features.loans import features
    from creditrisk_assets.models.exposure import learned_from
    from creditrisk_assets.models.posterior import fit_posterior
    from creditrisk_assets.raw.intake import read_loans
    from creditrisk_assets.resources.environments import add_months
    from creditrisk_assets.simulation.book import simulate_loans
    from creditrisk_assets_tests.serving.asked import lake_of

    book = simulate_loans(loans=loans, vintages=24, seed=3, out=folder / "book")
    first, last = book.vintages[0], book.vintages[-1]
    raw = read_loans([book.file], (first, last)).clean
    known = learned_from(features(raw.lazy()), add_months(last, 25), "expanding")
    return lake_of(folder / "lake", fit_posterior(known, "application", last)).root


def applications(count: int) -> list[dict[str, Any]]:
    from creditrisk_assets.serving.api.documented import SENT, TOLD

    return [
        SENT | {"application_id": f"a-{n}", "payload": TOLD | {"loan_amnt": 5_000 + 25 * n, "dti": n % 400 / 10}}
        for n in range(count)
    ]


def request(path: str, body: bytes) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def length(head: bytes) -> int:
    assert head.startswith(b"HTTP/1.1 200"), head
    line = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    return int(line.partition(b":")[2])


def alone(port: int, path: str, bodies: list[bytes], seconds: float) -> tuple[list[float], list[bytes]]:
    """Seconds of every request, and the answers, over one connection by as little as a client can do."""
    taken: list[float] = []
    answers: list[bytes] = []
    with socket.create_connection(("127.0.0.1", port)) as line:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        end = time.perf_counter() + seconds
        while (start := time.perf_counter()) < end or len(answers) < len(bodies):
            line.sendall(request(path, bodies[len(taken) % len(bodies)]))
            told = b""
            while not (found := told.partition(b"\r\n\r\n"))[1] or len(found[2]) < length(found[0]):
                told += line.recv(2**20)
            taken.append(time.perf_counter() - start)
            if len(answers) < len(bodies):
                answers.append(found[2])
    return taken, answers


async def together(port: int, path: str, bodies: list[bytes], seconds: float) -> list[float]:
    """Seconds of every request of callers who ask again as soon as they are answered."""
    taken: list[float] = []
    end = time.perf_counter() + seconds

    async def ask(number: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**24)
        while (start := time.perf_counter()) < end:
            writer.write(request(path, bodies[number % len(bodies)]))
            await reader.readexactly(length(await reader.readuntil(b"\r\n\r\n")))
            taken.append(time.perf_counter() - start)
            number += AT_ONCE
        writer.close()

    await asyncio.gather(*(ask(first) for first in range(AT_ONCE)))
    return taken


def cpu(process: int) -> float:
    """Seconds of a core that a process has used, whatever else the machine did meanwhile."""
    told = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(told[11]) + int(told[12])) / os.sysconf("SC_CLK_TCK")


def measured(port: int, process: int, seconds: float, root: str) -> dict[str, float]:
    import uvloop

    asked = applications(ROWS)
    bodies = [json.dumps(one).encode() for one in asked[:500]]
    batch = [json.dumps({"applications": asked}).encode()]
    uvloop.run(together(port, "/v1/score", bodies, 1.0))
    used = [cpu(process)]
    single, answers = alone(port, "/v1/score", bodies, seconds)
    used.append(cpu(process))
    many = uvloop.run(together(port, "/v1/score", bodies, seconds))
    used.append(cpu(process))
    batches, (whole,) = alone(port, "/v1/score/batch", batch, seconds)
    used.append(cpu(process))
    refuse_differences(root, asked, [json.loads(one) for one in answers], json.loads(whole))
    one, at_once, batched = (end - start for start, end in pairwise(used))
    return {
        "single_p50_ms": 1_000 * median(single),
        "single_p99_ms": 1_000 * quantiles(single, n=100)[-1],
        "requests_per_second": len(many) / seconds,
        "at_once_p50_ms": 1_000 * median(many),
        "batch_rows_per_second": ROWS / median(batches),
        "single_cpu_ms": 1_000 * one / len(single),
        "requests_per_cpu_second": len(many) / at_once,
        "batch_rows_per_cpu_second": ROWS * len(batches) / batched,
    }


def refuse_differences(root: str, asked: list[dict[str, Any]], alone: list[Any], together: Any) -> None:
    """Fail unless every answer is, bit for bit, what `Scoring.score` says of all of them in one batch."""
    import msgspec

    from creditrisk_assets.resources.delta import Lake
    from creditrisk_assets.resources.environments import settings
    from creditrisk_assets.serving.api.in_charge import load
    from creditrisk_assets.serving.api.submitted import many

    model = load(Lake(root), settings())
    assert model is not None
    good, _ = many(json.dumps({"applications": asked}).encode(), time_of_asking())
    scored, faults = model.carefully(good)
    expected = [msgspec.json.decode(msgspec.json.encode(scored[place])) for place in range(len(asked))]
    assert not faults
    assert [one["score"] for one in together["scored"]] == expected
    assert alone == expected[: len(alone)]


def time_of_asking() -> Any:
    from datetime import UTC, datetime

    return datetime.now(UTC)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement")
    parser.add_argument("--fitted", type=int, default=20_000, help="loans the model is learned from")
    parser.add_argument("--check", action="store_true", help="fail where a limit is missed")
    asked_for = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="creditrisk-bench-") as folder:
        root, port = prepared(Path(folder), asked_for.fitted), free_port()
        server = subprocess.Popen(
            [sys.executable, "-c", SERVER, "api", "--port", str(port)],
            env=os.environ | ONE_CORE | {"CREDITRISK_LAKE": root},
            stdout=subprocess.PIPE,
        )
        os.sched_setaffinity(0, os.sched_getaffinity(0) - {0} or {0})
        try:
            wait(port, server)
            before = os.getloadavg()[0]
            found = measured(port, server.pid, asked_for.seconds, root)
        finally:
            server.terminate()
            server.wait()
    print(f"load of the machine {before:.1f} before, {os.getloadavg()[0]:.1f} after, {os.cpu_count()} cores")
    print("answers are the batch scores bit for bit, alone and in a batch")
    missed = [name for name, value in found.items() if told(name, value) < 1]
    if missed and asked_for.check:
        raise SystemExit(f"limit missed: {', '.join(missed)}")


def told(name: str, value: float) -> float:
    """Print a figure beside its limit; how many times better than that it is."""
    limit = LIMITS.get(name)
    if limit is None:
        print(f"{name:26} {value:>10,.2f}")
        return 1.0
    ratio = limit / value if name in AT_MOST else value / limit
    print(f"{name:26} {value:>10,.2f}  limit {limit:>9,.1f}  {ratio:6.1f} times better")
    return ratio


def wait(port: int, server: "subprocess.Popen[bytes]") -> None:
    """Until the server listens: it does so once its model is loaded."""
    while True:
        assert server.poll() is None, "the server has ended"
        try:
            socket.create_connection(("127.0.0.1", port), 1.0).close()
            return
        except OSError:
            time.sleep(0.1)


if __name__ == "__main__":
    main()
