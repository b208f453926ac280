"""What slow clients cost the others: p50 and p99 of predictions over REST, without slow clients and with them.

    .venv/bin/python bench/slow_clients.py [--slow 500] [--seconds 30] [--base FOLDER_OF_VERSIONS]

A slow client sends one byte of a request's headers a second, and comes again when it is cut. The others, a few kept connections,
send a small request every 10 ms each. Server, slow clients and others are processes of their own.
"""

import argparse
import asyncio
import json
import multiprocessing
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY / "tests"))

from testkit.served import serving  # noqa: E402

BODY = b'{"instances": [2]}'
REQUEST = b"POST /v1/models/m:predict HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY
SLOWLY = b"POST /v1/models/m:predict HTTP/1.1\r\nHost: a\r\nX-Filler: " + b"a" * 10_000
OTHERS = 4
PAUSE_SECONDS = 0.01


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slow", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--base", type=Path)
    found = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        base = found.base or a_model(Path(folder))
        with serving(base, Path(folder) / "log") as served:
            measure(served.rest_port, 3.0)
            print("| slow clients | answers | p50 | p99 | longest |\n|---|---|---|---|---|")
            report(0, measure(served.rest_port, found.seconds))
            cut = multiprocessing.Value("i", 0)
            slow = multiprocessing.Process(target=be_slow, args=(served.rest_port, found.slow, cut), daemon=True)
            slow.start()
            time.sleep(2)
            report(found.slow, measure(served.rest_port, found.seconds))
            slow.kill()
            slow.join()
            print(f"\nslow clients were cut {cut.value} times")


def a_model(folder: Path) -> Path:
    program = (
        "import sys, pathlib; from testkit.saved_models import half_plus_two as make; make(pathlib.Path(sys.argv[1]))"
    )
    subprocess.run([sys.executable, "-c", program, str(folder)], cwd=REPOSITORY / "tests", check=True, stderr=-3)
    return folder / "half_plus_two"


def report(slow: int, seconds: list[float]) -> None:
    ordered = sorted(seconds)
    p50, p99 = (ordered[int(len(ordered) * part)] for part in (0.5, 0.99))
    print(
        f"| {slow} | {len(ordered)} | {p50 * 1e3:.2f} ms | {p99 * 1e3:.2f} ms | {ordered[-1] * 1e3:.2f} ms |",
        flush=True,
    )


def measure(port: int, seconds: float) -> list[float]:
    """Seconds of each answer."""

    async def all_of_them() -> list[float]:
        end = time.monotonic() + seconds
        return [one for found in await asyncio.gather(*(ask(port, end) for _ in range(OTHERS))) for one in found]

    return asyncio.run(all_of_them())


async def ask(port: int, end: float) -> list[float]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    taken: list[float] = []
    while time.monotonic() < end:
        begun = time.perf_counter()
        writer.write(REQUEST)
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-l"))
        answer = json.loads(await reader.readexactly(length))
        taken.append(time.perf_counter() - begun)
        if answer != {"predictions": [3.0]}:
            raise SystemExit(f"a wrong answer: {answer}")
        await asyncio.sleep(PAUSE_SECONDS)
    writer.close()
    return taken


def be_slow(port: int, number: int, cut: "multiprocessing.sharedctypes.Synchronized[int]") -> None:
    async def slowly(delay: float) -> None:
        await asyncio.sleep(delay)
        while True:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            ended = asyncio.ensure_future(reader.read())
            for byte in SLOWLY:
                writer.write(bytes([byte]))
                if (await asyncio.wait((ended,), timeout=1))[0]:
                    break
            ended.exception()
            writer.close()
            cut.value += 1

    async def all_of_them() -> None:
        await asyncio.gather(*(slowly(number_of / number) for number_of in range(number)))

    asyncio.run(all_of_them())


if __name__ == "__main__":
    main()
