"""Fuzzing by hand: mutated seeds against everything that the server reads from strangers.

    python bench/fuzz.py --minutes 5 [--target picture] [--seed 1]

Each target runs in a process of its own, which may not take more than 300 MB beyond what its libraries need nor more
than a second of processor time for an input. Prints one table of counts. An input that raises anything but the
program's own errors, or exceeds a limit, is written to build/fuzz/ and makes the exit status 1.
"""

from __future__ import annotations

import argparse
import hashlib
import multiprocessing
import random
import resource
import signal
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]
SECONDS = 1.0
MEGABYTES = 300
FOUND = ROOT / "build" / "fuzz"
WORDS = (
    b"\0", b"\xff" * 4, b"-1", b"1e999", b"9" * 400, b"NaN", b"\\ud800", b"\\u0000", b"[" * 2000, b"{", b"}", b'"',
    b"\r\n", b"\r\n\r\n", b"--abc", b"null", b"true", b"../", b"%00", b"=", b"&", b":", b"\xed\xa0\x80",
    b"\x7f\xff\xff\xff", b"\x80\0\0\0", b"a=mid:", b"m=video 9 ", b"a=candidate:1 1 udp 1 ", b"\xff\xd8", b"IHDR",
    b"1e308", b"-0",
)  # fmt: skip


def mutated(chance: random.Random, seeds: tuple[bytes, ...]) -> bytes:
    """A seed after one to six changes."""
    data = bytearray(chance.choice(seeds))
    for _ in range(chance.randint(1, 6)):
        at, length = chance.randrange(len(data) + 1), min(len(data), 1 << chance.randrange(12))
        match chance.randrange(8):
            case 0 if data:
                data[at % len(data)] ^= 1 << chance.randrange(8)
            case 1:
                data[at:at] = chance.choice(WORDS)
            case 2:
                del data[at : at + length]
            case 3:
                data[at:at] = data[at : at + length]
            case 4:
                data[at : at + length] = chance.randbytes(min(length, 64))
            case 5:
                other = chance.choice(seeds)
                data[at:] = other[chance.randrange(len(other) + 1) :]
            case 6:
                word = chance.choice(WORDS)
                data[at : at + len(word)] = word
            case 7:
                digits = [i for i in range(min(len(data), 4096)) if chr(data[i]).isdigit()]
                if digits:
                    i = chance.choice(digits)
                    data[i : i + 1] = chance.choice(
                        (b"-1", b"0", b"1e400", b"99999999999999999999", b"0.5", b"2147483648")
                    )
    return bytes(data[: 1 << 20])


class TooSlow(BaseException):
    """The input took more than `SECONDS` of processor time."""


def _alarm(*_: object) -> None:
    raise TooSlow


def fuzz(name: str, seconds: float, seed: int, tell: Any) -> None:
    """Run one target; tells its counts at the end, and the input at hand before each that may kill the process."""
    import logging

    from fuzz_targets import targets

    from face3d_live.errors import Face3DError

    logging.disable(logging.CRITICAL)
    target = targets()[name]
    for each in target.seeds:
        target.run(each)  # sound, and everything is imported now
    _limit_memory()
    signal.signal(signal.SIGPROF, _alarm)
    chance = random.Random(f"{seed}-{name}")
    counts = {"inputs": 0, "read": 0, "refused": 0}
    slowest, findings, end = 0.0, {}, time.monotonic() + seconds
    while time.monotonic() < end:
        data = mutated(chance, target.seeds)
        counts["inputs"] += 1
        began = time.process_time()
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        try:
            target.run(data)
            counts["read"] += 1
        except Face3DError:
            counts["refused"] += 1
        except (TooSlow, MemoryError, Exception) as error:
            findings.setdefault(f"{type(error).__name__}: {error}"[:100], _kept(name, data))
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        slowest = max(slowest, time.process_time() - began)
    tell.put((counts, slowest, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, findings))


def _limit_memory() -> None:
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEGABYTES * 1_000_000,) * 2)


def _kept(name: str, data: bytes) -> str:
    FOUND.mkdir(parents=True, exist_ok=True)
    path = FOUND / f"{name}-{hashlib.sha256(data).hexdigest()[:12]}"
    path.write_bytes(data)
    return path.name


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=1.0, help="for all targets together")
    parser.add_argument("--target", action="append", help="one of them; may be repeated")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    from fuzz_targets import targets

    names = options.target or list(targets())
    failed, total = False, 0
    print(f"{'target':<14}{'inputs':>10}{'read':>10}{'refused':>10}{'slowest':>10}{'memory':>10}  found")
    for name in names:
        context = multiprocessing.get_context("spawn")
        tell = context.SimpleQueue()
        process = context.Process(target=fuzz, args=(name, 60 * options.minutes / len(names), options.seed, tell))
        process.start()
        process.join()
        if tell.empty():
            print(f"{name:<14} the process died ({process.exitcode})")
            failed = True
            continue
        counts, slowest, megabytes, findings = tell.get()
        total += counts["inputs"]
        row = f"{name:<14}{counts['inputs']:>10,}{counts['read']:>10,}{counts['refused']:>10,}"
        print(f"{row}{slowest:>8.2f} s{megabytes:>7.0f} MB  {len(findings)}", flush=True)
        for error, file in findings.items():
            print(f"    {error}  ({file})")
        failed |= bool(findings)
    print(f"{total:,} inputs")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
