"""Measure request, exchange and wrong code as ratios to two floors of the same run; see README.md."""

import argparse
import gc
import json
import os
import platform
import random
import sqlite3
import sys
import tempfile
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import quantiles
from typing import Any

import django

#: Users that there are when the tables are otherwise empty.
FEWEST_USERS = 500
#: Rounds before those that count.
WARM_UP = 50
#: How much more a case may cost with many rows than with the fewest.
FLAT = 1.15
PACKAGES = [
    "Django",
    "djangorestframework",
    "djangorestframework-simplejwt",
    "jwt-drf-passwordless",
    "psycopg",
    "PyJWT",
]


@dataclass(frozen=True)
class Result:
    """Milliseconds of one case and its ratios to the two floors: by the clock, and by this process's CPU time."""

    case: str
    rows: int
    #: Transactions that write: each waits for the disk, where commits are synced.
    commits: int
    wall_ms: float
    cpu_ms: float
    wall_to_empty: float
    cpu_to_empty: float
    wall_to_pair: float
    cpu_to_pair: float
    #: By the clock again, less what as many rows take that are changed and committed alone.
    apart_to_pair: float
    #: The highest ratio to the second floor that is accepted.
    target: float | None

    @property
    def is_met(self) -> bool:
        return self.target is None or self.apart_to_pair <= self.target


def main() -> int:
    options = read_options()
    with tempfile.TemporaryDirectory() as folder:
        set_up_django(options.database, Path(folder))
        results = [result for rows in sorted(options.rows) for result in measure(rows, options.rounds, options.seed)]
    facts = {**describe_machine(), "rounds": options.rounds, "seed": options.seed}
    growth = compare_sizes(results)
    report(results, growth, facts)
    if options.json:
        whole = {"facts": facts, "results": [asdict(result) for result in results], "growth": growth}
        options.json.write_text(json.dumps(whole, indent=2) + "\n")
    good = all(result.is_met for result in results) and all(ratio <= FLAT for ratio in growth.values())
    return 0 if good or not options.strict else 1


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    parser.add_argument("--database", default="sqlite", help="sqlite (default), or postgresql://user@host:port/name")
    parser.add_argument("--rows", type=int, nargs="+", default=[0, 100_000], help="open challenges, each with a user")
    parser.add_argument("--rounds", type=int, default=1000, help="how often each case is measured (default 1000)")
    parser.add_argument("--seed", type=int, default=1, help="of the order of cases and the choice of users")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results and facts of the machine")
    parser.add_argument("--strict", action="store_true", help="exit with 1 when a target is missed")
    return parser.parse_args()


def set_up_django(database: str, folder: Path) -> None:
    """Django with a database of its own on the server given, or in a file in `folder`."""
    if database == "sqlite":
        name = str(folder / "benchmark.sqlite3")
        os.environ.pop("DATABASE_URL", None)
    else:
        name = f"jwt_drf_passwordless_benchmark_{os.getpid()}"
        os.environ["DATABASE_URL"] = database
    os.environ["BENCHMARK_DATABASE_NAME"] = name
    os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.settings"
    django.setup()


def measure(rows: int, rounds: int, seed: int) -> list[Result]:
    """All cases, interleaved: each round measures each of them once, in random order, each with another user."""
    from benchmarks.calls import measure_round
    from benchmarks.cases import CASES, count_commits, filled_database, get_user

    random.seed(seed)
    count = max(rows, FEWEST_USERS)
    times: dict[str, list[tuple[int, int]]] = {case.name: [] for case in CASES}
    progress(f"{rows:,} rows: filling")
    with filled_database(count, rows):
        commits = {case.name: count_commits(case, get_user(0)) for case in CASES}
        for number in range(-WARM_UP, rounds):
            if number % 100 == 0:
                progress(f"{rows:,} rows: round {number:,} of {rounds:,}")
            users = [get_user(n) for n in random.sample(range(count), len(CASES))]
            for name, taken in measure_round(CASES, users).items():
                if number >= 0:
                    times[name].append(taken)
            if number == -1:
                gc.freeze()  # leaves little to look through before each round
    gc.unfreeze()
    progress("")
    return evaluate(rows, times, commits)


def evaluate(rows: int, times: dict[str, list[tuple[int, int]]], commits: dict[str, int]) -> list[Result]:
    """Lower quartiles, since other work on the machine only ever adds time, and their ratios."""
    from benchmarks.cases import CASES, COMMIT, EMPTY, PAIR

    quartiles = {
        name: [quantiles(values, n=4)[0] / 1_000_000 for values in zip(*taken, strict=True)]
        for name, taken in times.items()
    }
    empty_wall, empty_cpu = quartiles[EMPTY.name]
    pair_wall, pair_cpu = quartiles[PAIR.name]
    commit_wall, _ = quartiles[COMMIT.name]
    return [
        Result(
            case=case.name,
            rows=rows,
            commits=commits[case.name],
            wall_ms=wall,
            cpu_ms=cpu,
            wall_to_empty=wall / empty_wall,
            cpu_to_empty=cpu / empty_cpu,
            wall_to_pair=wall / pair_wall,
            cpu_to_pair=cpu / pair_cpu,
            apart_to_pair=(wall - commits[case.name] * commit_wall) / pair_wall,
            target=case.target,
        )
        for case in CASES
        for wall, cpu in [quartiles[case.name]]
    ]


def compare_sizes(results: list[Result]) -> dict[str, float]:
    """What each case with a target costs at the most rows over what it does at the fewest, both by the
    clock and against the empty view, which asks no database."""
    fewest, most = min(result.rows for result in results), max(result.rows for result in results)
    if fewest == most:
        return {}
    costs = {(result.case, result.rows): result.wall_to_empty for result in results}
    return {
        result.case: costs[result.case, most] / costs[result.case, fewest]
        for result in results
        if result.target and result.rows == most
    }


def describe_machine() -> dict[str, Any]:
    """What explains the milliseconds, and nothing that tells whose machine it is."""
    from django.db import connection

    versions: dict[str, str | None] = {}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = None
    if connection.vendor == "sqlite":
        server = sqlite3.sqlite_version
    else:
        connection.connect()
        server = ".".join(map(str, connection.get_database_version()))
        connection.close()
    return {
        "database": f"{connection.vendor} {server}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "packages": versions,
        "system": f"{platform.system()} {platform.machine()}",
        "processor": read_processor(),
        "cores": os.cpu_count(),
        "load": [round(load, 1) for load in os.getloadavg()],
    }


def read_processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.processor())


def report(results: list[Result], growth: dict[str, float], facts: dict[str, Any]) -> None:
    say(
        f"{facts['database']}, {facts['python']}, {facts['processor']}, {facts['cores']} cores, load {facts['load'][0]}"
    )
    say(", ".join(f"{name} {number}" for name, number in facts["packages"].items() if number))
    say(f"lower quartiles of {facts['rounds']} rounds; ratios: wall time / CPU time of this process")
    say()
    ratios = f"{'x empty view':>16}{'x user and pair':>18}{'commits apart':>15}{'target':>9}"
    say(f"{'case':<22}{'rows':>10}{'commits':>9}{'wall ms':>10}{'CPU ms':>9}{ratios}")
    for result in results:
        to_empty = f"{result.wall_to_empty:.2f} / {result.cpu_to_empty:.2f}"
        to_pair = f"{result.wall_to_pair:.2f} / {result.cpu_to_pair:.2f}"
        target = f"{result.target:.2f}{' ' if result.is_met else '!'}" if result.target else ""
        numbers = f"{result.rows:>10,}{result.commits:>9}{result.wall_ms:>10.3f}{result.cpu_ms:>9.3f}"
        say(f"{result.case:<22}{numbers}{to_empty:>16}{to_pair:>18}{result.apart_to_pair:>15.2f}{target:>9}".rstrip())
    if growth:
        say()
        say(f"most rows over fewest, against the empty view (target {FLAT}):")
        for case, ratio in growth.items():
            say(f"{case:<22}{ratio:>10.2f}{'' if ratio <= FLAT else '!'}")


def say(text: str = "") -> None:
    sys.stdout.write(f"{text}\n")


def progress(text: str) -> None:
    """A line that the next one replaces, for people only."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
