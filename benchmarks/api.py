"""The API on one core: a single application, many at a time, and batches, beside their limits.

Usage: python benchmarks/api.py [--seconds N]. The server is a process of its own on one core; what asks is on another.
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
from statistics import quantiles
from typing import Any

ONE_CORE = dict.fromkeys(("POLARS_MAX_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
LIMITS = {"single_p50_ms": 1.0, "requests_per_second": 2_000.0, "batch_rows_per_second": 40_000.0}
SERVER = "import os; os.sched_setaffinity(0, {0}); from creditrisk_assets.cli import main; main()"
ROWS, AT_ONCE = 1_000, 64


def free_port() -> int:
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return int(asked.getsockname()[1])


def applications(count: int) -> list[dict[str, Any]]:
    from creditrisk_assets.serving.api.documented import SENT, TOLD

    return [
        SENT | {"application_id": f"a-{n}", "payload": TOLD | {"loan_amnt": 5_000 + 25 * n, "dti": n % 400 / 10}}
        for n in range(count)
    ]


class Caller:
    """One connection that is kept: as little as a client can do, so that the server is what is measured."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def open(self) -> "Caller":
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port, limit=2**24)
        return self

    async def post(self, path: str, body: bytes) -> bytes:
        head = (
            f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self._writer.write(head.encode() + body)
        told = await self._reader.readuntil(b"\r\n\r\n")
        assert told.startswith(b"HTTP/1.1 200"), told
        length = next(line for line in told.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        return await self._reader.readexactly(int(length.partition(b":")[2]))


async def asked(port: int, path: str, bodies: list[bytes], callers: int, seconds: float) -> list[float]:
    """Seconds of every request of some callers who ask again as soon as they are answered."""
    taken: list[float] = []
    end = time.perf_counter() + seconds

    async def ask(first: int) -> None:
        caller, number = await Caller(port).open(), first
        while (start := time.perf_counter()) < end:
            await caller.post(path, bodies[number % len(bodies)])
            taken.append(time.perf_counter() - start)
            number += callers

    await asyncio.gather(*(ask(first) for first in range(callers)))
    return taken


def cpu(process: int) -> float:
    """Seconds of a core that a process has used, whatever else the machine did meanwhile."""
    told = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(told[11]) + int(told[12])) / os.sysconf("SC_CLK_TCK")


def measured(port: int, process: int, seconds: float) -> dict[str, float]:
    bodies = [json.dumps(one).encode() for one in applications(500)]
    batch = [json.dumps({"applications": applications(ROWS)}).encode()]
    asyncio.run(asked(port, "/v1/score", bodies, AT_ONCE, 1.0))
    used = [cpu(process)]
    alone = asyncio.run(asked(port, "/v1/score", bodies, 1, seconds))
    used.append(cpu(process))
    many = asyncio.run(asked(port, "/v1/score", bodies, AT_ONCE, seconds))
    used.append(cpu(process))
    batches = asyncio.run(asked(port, "/v1/score/batch", batch, 1, seconds))
    used.append(cpu(process))
    single, together, batched = (end - start for start, end in pairwise(used))
    return {
        "single_p50_ms": 1_000 * sorted(alone)[len(alone) // 2],
        "single_p99_ms": 1_000 * quantiles(alone, n=100)[-1],
        "requests_per_second": len(many) / seconds,
        "at_once_p50_ms": 1_000 * sorted(many)[len(many) // 2],
        "batch_rows_per_second": ROWS / sorted(batches)[len(batches) // 2],
        "single_cpu_ms": 1_000 * single / len(alone),
        "requests_per_cpu_second": len(many) / together,
        "batch_rows_per_cpu_second": ROWS * len(batches) / batched,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement")
    asked_for = parser.parse_args()
    from creditrisk_assets_tests.serving.asked import learned_lake

    with tempfile.TemporaryDirectory() as folder:
        lake, port = learned_lake(Path(folder, "lake")), free_port()
        server = subprocess.Popen(
            [sys.executable, "-c", SERVER, "api", "--port", str(port)],
            env=os.environ | ONE_CORE | {"CREDITRISK_LAKE": lake.root},
            stdout=subprocess.PIPE,
        )
        try:
            wait(port, server)
            found = measured(port, server.pid, asked_for.seconds)
        finally:
            server.terminate()
            server.wait()
    for name, value in found.items():
        limit = f"  limit {LIMITS[name]:>9,.1f}" if name in LIMITS else ""
        print(f"{name:24} {value:>10,.2f}{limit}")


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
