"""Measure this package and its peers, each in an environment of its own, in the same minutes; see ../README.md."""

import argparse
import json
import os
import random
import re
import subprocess
import sys
import tempfile
from datetime import date
from importlib.metadata import version
from pathlib import Path
from statistics import quantiles

from benchmarks.peers.table import CASES, FLOORS, PEERS, REFRESH, ROOT, VENDOR, Peer
from benchmarks.run import describe_machine, progress, say, set_up_django

#: Rounds before those that count.
WARM_UP = 30
#: How often the start of each is measured.
STARTS = 5
#: What all environments have, in the versions of this one.
COMMON = ("Django", "djangorestframework", "djangorestframework-simplejwt", "PyJWT", "psycopg", "psycopg-binary")


def main() -> int:
    options = read_options()
    names = [name for name in PEERS if not options.only or PEERS[name].environment in options.only]
    for name in names:
        make_environment(options.environments, PEERS[name])
    with tempfile.TemporaryDirectory() as folder:
        set_up_django(options.database, Path(folder))
        from tests.external_2fa.test_telnyx import Telnyx

        facts = {"date": str(date.today()), "rounds": options.rounds, **describe_machine()}
        with Telnyx() as vendor:
            os.environ["VENDOR_URL"] = f"{vendor.url}/v2"
            results = measure(names, options, Path(folder))
        assert not vendor.complaints, vendor.complaints
    facts["load after"] = round(os.getloadavg()[0], 1)
    report(results, facts)
    if options.json:
        options.json.write_text(json.dumps({"facts": facts, "results": results}, indent=2) + "\n")
    return 0


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument("--database", default="sqlite", help="sqlite (default), or postgresql://user@host:port/name")
    parser.add_argument("--rounds", type=int, default=500, help="how often each case is measured (default 500)")
    parser.add_argument("--only", nargs="+", metavar="ENVIRONMENT", help="some of the peers, by folder")
    parser.add_argument("--environments", type=Path, default=ROOT / ".venv-peers", help="folder (default .venv-peers)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results and facts of the machine")
    return parser.parse_args()


def make_environment(folder: Path, peer: Peer) -> None:
    """A virtual environment with the peer by pip, unless it is there already."""
    wanted = [*peer.requirement.split(), "dj-database-url", *(f"{name}=={version(name)}" for name in COMMON)]
    environment, stamp = folder / peer.environment, folder / peer.environment / "requirements.txt"
    if stamp.exists() and stamp.read_text() == "\n".join(wanted):
        return
    progress(f"pip install for {peer.environment}")
    subprocess.run([sys.executable, "-m", "venv", "--clear", environment], check=True)
    subprocess.run([environment / "bin/python", "-m", "pip", "install", "--quiet", *wanted], check=True)
    stamp.write_text("\n".join(wanted))


class Process:
    """A worker; `ask` sends it a command and waits for the answer."""

    def __init__(self, environments: Path, name: str, database: Path | None = None) -> None:
        variables = {key: value for key, value in os.environ.items() if not key.startswith(("BENCHMARK_", "PYTHON"))}
        if database:
            variables["BENCHMARK_DATABASE_NAME"] = str(database)
        python = environments / PEERS[name].environment / "bin/python"
        command = [str(python), str(ROOT / "benchmarks/peers/worker.py"), name]
        self.popen = subprocess.Popen(
            command, env=variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        self.loaded = self._answer()
        if database:
            self._answer()

    def ask(self, command: str):
        self.popen.stdin.write(f"{command}\n")
        self.popen.stdin.flush()
        return self._answer()

    def _answer(self):
        line = self.popen.stdout.readline()
        if not line:
            sys.exit(f"{self.popen.args} has ended")
        return json.loads(line)

    def stop(self) -> None:
        self.popen.communicate(timeout=60)


def measure(names: list[str], options: argparse.Namespace, folder: Path) -> dict:
    """Rounds in turn, all peers in each, in random order: what else the machine does hurts all alike."""
    starts = {name: [] for name in names}
    for _ in range(STARTS):
        for name in random.sample(names, len(names)):
            process = Process(options.environments, name)
            starts[name].append(process.loaded["load_ms"])
            process.stop()
    workers = {}
    try:
        for number, name in enumerate(names):
            progress(f"starting {name}")
            database = folder / f"{number}.sqlite3" if options.database == "sqlite" else f"peers_{os.getpid()}_{number}"
            workers[name] = Process(options.environments, name, database)
        statements = {name: worker.ask("statements") for name, worker in workers.items()}
        rounds = {name: [] for name in names}
        warm = {}
        for number in range(-WARM_UP, options.rounds):
            progress(f"round {number} of {options.rounds}")
            if number == 0:
                warm = {name: worker.ask("freeze") for name, worker in workers.items()}
            for name in random.sample(names, len(names)):
                if number % PEERS[name].every == 0:
                    taken = workers[name].ask("round")
                    rounds[name] += [taken] if number >= 0 else []
        results = {}
        for name, worker in workers.items():
            progress(f"trying what {name} guarantees")
            results[name] = {
                "start_ms": min(starts[name]),
                "loaded_mb": worker.loaded["loaded_mb"],
                "warm_mb": warm[name],
                "memory_mb": worker.ask("memory"),
                "statements": statements[name],
                "ms": {case: quartile([taken[case][0] for taken in rounds[name]]) for case in rounds[name][0]},
                "cpu_ms": {case: quartile([taken[case][1] for taken in rounds[name]]) for case in rounds[name][0]},
                "facts": worker.ask("facts"),
            }
    finally:
        for worker in workers.values():
            worker.stop()
    progress("")
    return results


def quartile(values: list[float]) -> float:
    """The lower one, since other work on the machine only ever adds time."""
    return quantiles(values, n=4)[0]


def report(results: dict, facts: dict) -> None:
    packages = ", ".join(f"{name} {number}" for name, number in facts["packages"].items() if number)
    say(f"{facts['date']}: {facts['database']}, {facts['python']}, {packages}; {facts['processor']}, {facts['cores']}")
    say(f"cores, load {facts['load'][0]} to {facts['load after']}, {facts['rounds']} rounds.\n")
    row("", *CASES, "floor, ms")
    row(*["---"] * (len(CASES) + 2))
    for name, result in results.items():
        if PEERS[name].cases:
            row(PEERS[name].name, *(cell(result, case) for case in CASES), f"{result['ms'][FLOORS[1]]:.2f}")
    say()
    tests = ["code readable", "used twice", "right code after wrong ones", "requests mailed"]
    row("", *tests, "start, ms", "MB loaded", "MB warm", "MB end")
    row(*["---"] * 9)
    for name, result in results.items():
        tried = result["facts"] or {}
        row(
            PEERS[name].name,
            {True: "yes", False: "no"}.get(tried.get("in clear"), ""),
            f"{tried['races lost']} of {tried['races']}" if tried else "",
            {True: "works", False: "refused"}.get(tried.get("right after wrong"), ""),
            f"{tried['mails']} of {tried['of requests']}" if tried else "",
            f"{result['start_ms']:.0f}",
            *(f"{result[key]:.1f}" for key in ("loaded_mb", "warm_mb", "memory_mb")),
        )
    say()
    for line in faster(results):
        say(f"- {line}")


def row(*cells: object) -> None:
    say(re.sub(" +", " ", f"| {' | '.join(map(str, cells))} |"))


def cell(result: dict, case: str) -> str:
    if case not in result["ms"]:
        return ""
    reads, writes = result["statements"][case]
    return f"{ratio(result, case):.2f} / {ratio(result, case, 'cpu_ms'):.2f} ({reads}+{writes})"


def ratio(result: dict, case: str, kind: str = "ms") -> float:
    return result[kind][case] / result[kind][FLOORS[1]]


def faster(results: dict) -> list[str]:
    """Cases with a code of its own in which a peer takes fewer floors than this package, and what it leaves out."""
    ours: dict[str, float] = {}
    for name, result in results.items():
        if PEERS[name].environment == "ours":
            ours = {**{case: ratio(result, case) for case in PEERS[name].cases}, **ours}
    lines = []
    for name, result in results.items():
        shared = [case for case in PEERS[name].cases if case in ours and case not in (*REFRESH, *VENDOR)]
        quick = [case for case in shared if ratio(result, case) < ours[case]]
        if quick and PEERS[name].environment != "ours":
            tried = result["facts"]
            lacks = [
                *(["keeps codes readable"] if tried["in clear"] else []),
                *(["lets one code in twice"] if tried["races lost"] else []),
                *(["counts no tries"] if tried["right after wrong"] else []),
                *(["sends without a limit"] if tried["mails"] == tried["of requests"] else []),
            ]
            lines.append(f"{PEERS[name].name} is faster at {', '.join(quick)}: {'; '.join(lacks) or 'lacks nothing'}")
    return lines


if __name__ == "__main__":
    sys.exit(main())
