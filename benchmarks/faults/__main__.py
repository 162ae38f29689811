"""Break things around running servers, and count what was doubled, lost or locked out; see FAULTS.md."""

import argparse
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from django.db import connections

from benchmarks.faults.client import Client
from benchmarks.faults.servers import Vendor
from benchmarks.faults.world import COOLDOWN, WORKERS, Report, World
from jwt_drf_passwordless.external_2fa.breaker import OUT_FOR
from tests_http.processes import processes, wait_until

#: What the faults under load get of all redeems, in percent.
SHARES = {"kill": 40, "database": 25, "redis": 15, "clock": 20}


def kill(world: World, report: Report, tries: int) -> None:
    """kill -9 of workers, in the middle of requests and redeems"""
    killed = []
    with world.server() as client, asking(world, client, report, people=max(10, tries // 100)):

        def kill_one() -> None:
            # Not one that was: its number may be another process's by now.
            worker = random.choice([one for one in client.workers if one not in killed] or [0])
            if worker:
                killed.append(worker)
                os.kill(worker, signal.SIGKILL)

        redeem_while(report, client, tries, every=max(50, tries // 150), disturb=kill_one)
        report.note(f"{len(killed)} workers killed")


def database(world: World, report: Report, tries: int) -> None:
    """the database restarted, in turn orderly and as after a crash"""
    stops: list[bool] = []
    with world.server() as client, asking(world, client, report, people=max(10, tries // 100)):

        def restart() -> None:
            stops.append(len(stops) % 2 == 1)
            world.postgresql.stop(crash=stops[-1])
            time.sleep(0.5)
            world.postgresql.start()

        redeem_while(report, client, tries, every=max(100, tries // 20), disturb=restart)
        report.note(f"{len(stops)} restarts, {sum(stops)} of them without a shutdown")


def redis(world: World, report: Report, tries: int) -> None:
    """Redis gone, and Redis that hangs"""
    faults = []

    def break_it() -> None:
        faults.append("gone" if len(faults) % 2 else "hangs")
        if faults[-1] == "gone":
            world.redis.stop()
            time.sleep(2)
            world.redis.start()
        else:
            world.redis.freeze()
            time.sleep(2)
            world.redis.thaw()

    with world.server() as client, asking(world, client, report, people=max(10, tries // 100)):
        redeem_while(report, client, tries, every=max(100, tries // 10), disturb=break_it)
    report.check("answers that were an error or cut off", failures(client), 0)
    report.note(f"2 s each: {dict(Counter(faults))}")


def clock(world: World, report: Report, tries: int) -> None:
    """clocks of servers that differ by up to 40 s, and step back and forth by up to an hour"""
    steps = [-30.0, -3600.0, -1.0, 1800.0, -60.0]
    done = []

    def step() -> None:
        done.append(steps[len(done) % len(steps)])
        world.set_clock(done[-1])

    with world.server() as client, asking(world, client, report, people=max(10, tries // 100)):
        redeem_while(report, client, tries, every=max(100, tries // 10), disturb=step, heal=lambda: world.set_clock(0))
    report.check("answers that were an error or cut off", failures(client), 0)
    report.note(f"{len(done)} steps")


def mailer(world: World, report: Report, tries: int) -> None:
    """a mailer that hangs"""
    for delivery in ("Inline", "Thread"):
        people = make_people(world, WORKERS)
        with world.server(DELIVERY=delivery) as client:
            with world.hanging_mailer(), ThreadPoolExecutor(WORKERS) as pool:
                begun = time.monotonic()
                asked = list(pool.map(client.request, people))
                taken = time.monotonic() - begun
                report.note(f"{delivery}: requests answered {dict(Counter(asked))} within {taken:.1f} s")
                if delivery == "Thread":
                    report.check("Thread: requests that were refused", WORKERS - asked.count(200), 0)
            if delivery == "Inline":
                wait_until(lambda: client.redeem("nobody@example.com", "000000") == 400, "an answer")
                time.sleep(COOLDOWN)
                report.check("Inline: asked again, answered", Counter(map(client.request, people)), {200: WORKERS})
            answers = [client.redeem(person, world.code_for(person)) for person in people]
            report.check(f"{delivery}: signed in afterwards", answers.count(200), WORKERS)


def vendor(world: World, report: Report, tries: int) -> None:
    """a verification vendor that hangs"""
    vendor = Vendor()
    numbers = [f"+1201555{number:04}" for number in range(100, 120)]
    make_people(world, len(numbers), numbers)

    def request(number: str) -> object:
        return client.post("request/mobile/", last_name=number)

    def redeem(number: str, code: str) -> object:
        return client.post("exchange/mobile/", last_name=number, code=code)

    with world.server(VENDOR_URL=vendor.url) as client:
        first, second, *others = numbers
        report.check("requests before", [request(first), request(second)], [200, 200])
        vendor.hangs.set()
        begun = time.monotonic()
        report.check("a right code while it hangs", redeem(first, Vendor.CODE), 400)
        report.note(f"answered after {time.monotonic() - begun:.1f} s")
        asked = [request(number) for number in others[:8]]
        report.check("8 requests while it hangs, the breaker opens after 5", asked, [200] * 5 + [503] * 3)
        report.check("a right code while the breaker is open", redeem(second, Vendor.CODE), 503)
        vendor.hangs.clear()
        begun = time.monotonic()
        wait_until(lambda: redeem("+12015559999", "000000") == 400, "an answer that is not 503", OUT_FOR + 30)
        report.note(f"{time.monotonic() - begun:.0f} s after the end it was asked again")
        report.check("the codes from before", [redeem(first, Vendor.CODE), redeem(second, Vendor.CODE)], [200, 200])
        report.check("once more", [redeem(first, Vendor.CODE), redeem(second, Vendor.CODE)], [400, 400])
        late = others[0]
        report.check("who asked while it hung asks again", request(late), 200)
        report.check("and gets in", [redeem(late, Vendor.CODE), redeem(late, Vendor.CODE)], [200, 400])


def disk(world: World, report: Report, tries: int) -> None:
    """a full disk under SQLite"""
    folder = world.folder / "disk"
    folder.mkdir()
    mounted = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder]
    if os.geteuid() != 0 or subprocess.run(mounted, check=False, stderr=subprocess.DEVNULL).returncode:
        report.note("NOT RUN: needs a root who may mount a file system of 4 MB")
        return
    try:
        file = folder / "database.sqlite3"
        environment = {"DATABASE_URL": f"sqlite:///{file}"}
        migrate = [sys.executable, "-m", "django", "migrate", "--verbosity", "0"]
        subprocess.run(migrate, check=True, env={**os.environ, **environment})
        people = [f"{uuid.uuid4()}@example.com" for _ in range(6)]
        with closing(sqlite3.connect(file, isolation_level=None)) as connection:
            columns = "username, email, password, is_superuser, is_staff, is_active, first_name, last_name, date_joined"
            sql = f"INSERT INTO auth_user ({columns}) VALUES (?, ?, '', 0, 0, 1, '', '', '2026-01-01')"  # noqa: S608
            connection.executemany(sql, [(person, person) for person in people])
        with world.server(workers=2, **environment) as client:
            a_new_one, guessed, *asked = people
            report.check("requests before", [client.request(person) for person in [guessed, *asked]], [200] * 5)
            codes = {person: world.code_for(person) for person in [guessed, *asked]}
            wrong = f"{(int(codes[guessed]) + 1) % 1_000_000:06}"
            time.sleep(COOLDOWN)
            fill(folder / "ballast")
            report.check("right codes, disk full", [client.redeem(one, codes[one]) for one in asked], [500] * 4)
            report.check("wrong codes, disk full", [client.redeem(guessed, wrong) for _ in range(8)], [500] * 8)
            report.check("a first request, disk full", client.request(a_new_one), 500)
            report.check("a later request, disk full", client.request(guessed), 500)
            (folder / "ballast").unlink()
            report.check("wrong codes, with room", [client.redeem(guessed, wrong) for _ in range(4)], [400] * 4)
            answers = [client.redeem(person, code) for person, code in codes.items()]
            report.check("right codes, with room", answers, [200] * 5)
            answers = [client.redeem(person, code) for person, code in codes.items()]
            report.check("once more", answers, [400] * 5)
            report.check("the first request, with room", client.request(a_new_one), 200)
            report.check("its code", client.redeem(a_new_one, world.code_for(a_new_one)), 200)
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)  # noqa: S607


FAULTS: dict[str, Callable[[World, Report, int], None]] = {
    function.__name__: function for function in (kill, database, redis, clock, mailer, vendor, disk)
}


def fill(file: Path) -> None:
    """Leave no room on the file's disk."""
    with suppress(OSError), file.open("wb", buffering=0) as ballast:
        while shutil.disk_usage(file.parent).free:
            ballast.write(bytes(4096))


def failures(client: Client) -> int:
    return sum(count for status, count in client.statuses.items() if status not in (200, 400))


def make_people(world: World, count: int, numbers: list[str] | None = None) -> list[str]:
    """Addresses of new users, who have these numbers."""
    from django.contrib.auth import get_user_model

    people = [f"{uuid.uuid4()}@example.com" for _ in range(count)]
    user_model = get_user_model()
    user_model.objects.bulk_create(
        user_model(username=person, email=person, last_name=number)
        for person, number in zip(people, numbers or [""] * count, strict=True)
    )
    return people


def redeem_while(
    report: Report,
    client: Client,
    tries: int,
    every: int,
    disturb: Callable[[], None],
    heal: Callable[[], None] = lambda: None,
) -> None:
    """Redeem about so many times, and disturb it after each `every` of them; then judge."""
    from benchmarks.faults.load import Load, judge, make_cases

    cases = make_cases(tries)
    load = Load(client, cases)
    before, begun = client.statuses.copy(), time.monotonic()
    load.run(every, disturb)
    seconds = time.monotonic() - begun
    answers = client.statuses - before
    heal()
    begun = time.monotonic()
    wait_until(lambda: client.redeem("nobody@example.com", "000000") == 400, "an answer")
    told = ", ".join(f"{count} x {status}" for status, count in sorted(answers.items(), key=str))
    report.note(f"{load.count} redeems of {len(cases)} challenges in {seconds:.0f} s; answers: {told}")
    report.note(f"seconds until all was answered again: {time.monotonic() - begun:.1f}")
    connections.close_all()  # our own may be to a database that has ended
    verdict = judge(client, cases)
    report.check("challenges used twice", verdict.doubled, 0)
    report.check("used without tokens, no answer being cut off or an error", verdict.lost, 0)
    report.check("wrong tries not counted as they were answered", verdict.miscounted, 0)
    report.check("unused challenges that did not work in the end", verdict.locked_out, 0)
    report.note(f"used without tokens, the answer being cut off or an error: {verdict.cut_off}")
    report.note(f"unused because all of their tries failed, and used in the end: {verdict.late}")


@contextmanager
def asking(world: World, client: Client, report: Report, people: int) -> Iterator[None]:
    """Meanwhile so many people ask for codes; in the end all of them get in, who has no message by asking again."""
    addresses = make_people(world, people)
    answers: dict[str, object] = {}

    def ask() -> None:
        for address in addresses:
            answers[address] = client.request(address)
            time.sleep(0.2)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield
    finally:
        thread.join()
    told = [address for address in addresses if answers[address] == 200]
    sent = {address: len(world.mailbox.sent(address)) for address in addresses}
    report.note(f"{people} requests; answers: {dict(Counter(answers.values()))}")
    report.check("requests answered 200 that sent no message, or several", sum(sent[one] != 1 for one in told), 0)
    report.check("messages too many for the others", sum(count > 1 for count in sent.values()), 0)
    time.sleep(COOLDOWN)
    without = [address for address in addresses if not sent[address]]
    again = Counter(map(client.request, without))
    report.check("requests again of who had no message that were refused", len(without) - again[200], 0)
    answers = {address: client.redeem(address, world.code_for(address)) for address in addresses}
    report.check("people who did not get in in the end", people - list(answers.values()).count(200), 0)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faults", description=__doc__)
    parser.add_argument("--redeems", type=int, default=100_000, help="in all, under faults (default 100000)")
    parser.add_argument("--only", nargs="+", choices=FAULTS, default=list(FAULTS), help="some faults only")
    options = parser.parse_args()
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder))
        try:
            for name in options.only:
                report = Report()
                FAULTS[name](world, report, options.redeems * SHARES.get(name, 0) // 100)
                print(f"\n## {name}: {FAULTS[name].__doc__}\n", *(f"- {fact}" for fact in report.facts), sep="\n")
                sys.stdout.flush()
                failed += len(report.failures)
        except BaseException:
            for process in processes[-1:]:
                print(process.log.read_text(errors="replace")[-3000:], file=sys.stderr)
            raise
        finally:
            world.close()
    print(f"\n{failed or 'No'} failures")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
