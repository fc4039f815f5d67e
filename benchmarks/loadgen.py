"""Load on one server: wrk where it is installed, else a closed loop in Python.

The loop is also taken for slow requests, whichever generator is there: wrk stops at the second
and does not count what is under way, which at 16 connections and half a second a request is a
tenth of the work. The loop sends a number of requests and takes the time until the last answer.
Its own cost, about 60 µs a request, is no part of slow requests; for fast ones it lowers
every stack's figure alike, and the result says which generator was used. Where 16 requests would
take more than four times the wanted seconds, four connections send one request each.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

CONNECTIONS = 16
SLOW_CONNECTIONS = 4
_SCRIPT = Path(__file__).with_name("wrk.lua")


@dataclass(frozen=True, slots=True)
class Plan:
    """What to send: paths to GET, or bodies to POST to one path."""

    method: str
    lines: Sequence[str]
    path: str = ""

    def message(self, number: int, host: str) -> bytes:
        """One HTTP/1.1 request as bytes."""
        line = self.lines[number % len(self.lines)]
        if self.method == "GET":
            return f"GET {line} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
        body = line.encode()
        head = (
            f"{self.method} {self.path} HTTP/1.1\r\nHost: {host}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


@dataclass(frozen=True, slots=True)
class Measurement:
    """One run: requests answered, seconds, answers that were no success, latencies."""

    requests: int
    seconds: float
    errors: int
    p50_ms: float
    p99_ms: float
    generator: str

    @property
    def rate(self) -> float:
        return self.requests / self.seconds

    def as_dict(self) -> dict[str, object]:
        return asdict(self) | {"rate": self.rate}


class Client:
    """One keep-alive connection for one GET after the other; its own time is some 30 µs."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=600)
        self._answers = self._socket.makefile("rb")

    def get(self, path: str) -> int:
        """The status; the answer was read to its end."""
        self._socket.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        status, length = int(self._answers.readline().split()[1]), 0
        while (line := self._answers.readline().lower()) != b"\r\n":
            if line.startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
        self._answers.read(length)
        return status

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self._answers.close()
        self._socket.close()


async def read_response(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Read one HTTP/1.1 answer of a keep-alive connection: its status and its body."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    status = int(head.split(" ", 2)[1])
    headers = dict(line.split(":", 1) for line in head.split("\r\n")[1:] if ":" in line)
    if headers.get("transfer-encoding", "").strip() == "chunked":
        body = b""
        while size := int(await reader.readuntil(b"\r\n"), 16):
            body += (await reader.readexactly(size + 2))[:-2]
        await reader.readexactly(2)
        return status, body
    return status, await reader.readexactly(int(headers.get("content-length", 0)))


async def _loop(
    port: int, plan: Plan, seconds: float, requests: int | None, connections: int
) -> Measurement:
    latencies: list[float] = []
    errors = sent = 0
    host = f"127.0.0.1:{port}"
    start = time.perf_counter()

    async def client() -> None:
        nonlocal errors, sent
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
        try:
            while True:
                begun = time.perf_counter()
                if begun - start >= seconds if requests is None else sent >= requests:
                    return
                message = plan.message(sent, host)
                sent += 1
                writer.write(message)
                status, _ = await read_response(reader)
                errors += not 200 <= status < 400
                latencies.append(time.perf_counter() - begun)
        finally:
            writer.close()

    await asyncio.gather(*(client() for _ in range(connections)))
    taken = time.perf_counter() - start
    latencies.sort()
    middle, last = latencies[len(latencies) // 2], latencies[int(len(latencies) * 0.99)]
    return Measurement(len(latencies), taken, errors, middle * 1e3, last * 1e3, "python")


def run_loop(
    port: int,
    plan: Plan,
    seconds: float = 2.0,
    requests: int | None = None,
    connections: int = CONNECTIONS,
) -> Measurement:
    """Closed loop: for `seconds`, or until `requests` are answered."""
    return asyncio.run(_loop(port, plan, seconds, requests, connections))


def run_wrk(wrk: str, port: int, plan: Plan, seconds: float) -> Measurement:
    """wrk with one thread and 16 connections."""
    with tempfile.NamedTemporaryFile("w", suffix=".plan", encoding="utf-8") as file:
        file.write("\n".join(plan.lines) + "\n")
        file.flush()
        shape = ["-t1", f"-c{CONNECTIONS}", f"-d{max(1, round(seconds))}s", "--timeout", "30s"]
        done = subprocess.run(
            [wrk, *shape, "-s", str(_SCRIPT), f"http://127.0.0.1:{port}/"],
            env=os.environ
            | {"WRK_PLAN": file.name, "WRK_METHOD": plan.method, "WRK_PATH": plan.path},
            capture_output=True,
            text=True,
            timeout=seconds + 60,
            check=True,
        )
    for line in done.stdout.splitlines():
        if line.startswith("RESULT "):
            return Measurement(**json.loads(line.removeprefix("RESULT ")), generator="wrk")
    raise RuntimeError(f"wrk gave no result: {done.stdout}{done.stderr}")


def measure(port: int, plan: Plan, seconds: float, expected_rate: float) -> Measurement:
    """One run of about `seconds`, by the generator that suits the rate to be expected."""
    requests = round(expected_rate * seconds)
    if requests < 2 * CONNECTIONS:
        # one round: of four connections, which still keep the processors busy, if 16 take too long
        connections = CONNECTIONS if 4 * requests >= CONNECTIONS else SLOW_CONNECTIONS
        return run_loop(port, plan, requests=connections, connections=connections)
    if expected_rate < 100:
        return run_loop(port, plan, requests=requests)
    wrk = shutil.which("wrk")
    return run_wrk(wrk, port, plan, seconds) if wrk else run_loop(port, plan, seconds)


def expect(port: int, plan: Plan) -> float:
    """Warm up; requests a second to be expected, from as few requests as will do."""
    run_loop(port, plan, requests=1, connections=1)
    alone = run_loop(port, plan, requests=1, connections=1)
    if alone.seconds > 0.2:  # PostgreSQL: such a query keeps more than one core busy by itself
        return alone.rate
    return run_loop(port, plan, requests=CONNECTIONS * (4 if alone.seconds > 0.02 else 20)).rate
