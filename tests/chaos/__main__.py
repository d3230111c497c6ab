"""`python -m tests.chaos [--minutes M] [--seed N] [--instances I]`: break everything, then count what is wrong.

A Brain on PostgreSQL, an agent in a network namespace of its own, Docker and SeaweedFS, all real, all killed with
SIGKILL in random order while instances come and go. Prints its seed and a table; ends with 1 if anything is wrong.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random, SystemRandom

from rich.console import Console
from rich.table import Table

from tests.chaos.faults import Faults, Site
from tests.chaos.verdict import Finding, converge
from tests.chaos.workload import Workload
from tests.services.cable import Cable
from tests.services.engine import PrivateEngine
from tests.services.layers import write_layer
from tests.services.postgres import PostgresProcess
from tests.services.stack import Stack

console = Console(width=120)


def main() -> int:
    parser = argparse.ArgumentParser(prog="chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=SystemRandom().randrange(10_000))
    parser.add_argument("--instances", type=int, default=30)
    options = parser.parse_args()
    console.print(f"seed {options.seed}, {options.minutes:g} minutes, {options.instances} instances")
    with opened() as (site, database):
        workload, faults, findings = storm(site, database, options.seed, options.minutes * 60, options.instances)
    console.print(_faults_table(faults))
    console.print(_table(workload, findings))
    return 1 if any(finding.wrong for finding in findings) else 0


def storm(
    site: Site, database: str, seed: int, seconds: float, instances: int
) -> tuple[Workload, Faults, list[Finding]]:
    """Faults one after the other, and a thread that works all the while."""
    workload = Workload(site.stack, Random(seed), instances, "chaos-base@1")
    faults = Faults(site, Random(seed + 1))
    over = threading.Event()
    failures: list[BaseException] = []

    def work() -> None:
        try:
            while not over.is_set():
                workload.step()
                time.sleep(0.2)
        except BaseException as error:  # noqa: BLE001 - told to whoever waits for the thread
            failures.append(error)

    thread = threading.Thread(target=work)
    until = time.monotonic() + seconds
    thread.start()
    try:
        while time.monotonic() < until and not failures:
            struck = faults.strike()
            console.print(
                f"{until - time.monotonic():6.0f} s left: {struck}, back in {faults.recovered[struck][-1]:.1f} s"
            )
            time.sleep(faults.random.uniform(0, 3))
    finally:
        over.set()
        thread.join()
    if failures:
        raise failures[0]
    workload.fill()
    return workload, faults, converge(site, workload, database)


@contextmanager
def opened() -> Iterator[tuple[Site, str]]:
    """Everything up, and everything gone afterwards."""
    directory = Path(tempfile.mkdtemp(prefix="hytopus-chaos-", dir="/var/tmp"))
    directory.chmod(0o711)  # PostgreSQL does not run as root
    with ExitStack() as stack_of:
        stack_of.callback(shutil.rmtree, directory, ignore_errors=True)
        postgres = PostgresProcess(_made(directory / "postgres"), durable=True)
        postgres.create()
        postgres.start()
        stack_of.callback(postgres.stop)
        database = postgres.server.create_database()
        engine = PrivateEngine(directory / "engine", pool="10.212.0.0/16")
        stack_of.callback(engine.close)
        engine.start()
        stack = Stack(directory, database_url=postgres.server.url(database), docker_url=engine.url)
        stack.engine = engine
        assert stack.s3_server is not None
        cable = Cable(directory, [*stack.brain_ports, stack.s3_server.ports.s3])
        stack_of.callback(cable.remove)
        cable.lay()
        stack.node.command = cable.within(stack.node.command)
        stack_of.callback(stack.close)
        stack.start()
        stack.cli("game", "build", "stand-in")
        layer = write_layer(
            directory / "chaos-base", {"config.json": '{\n  "ServerName": "${SERVER_NAME}"\n}\n'}, 'game = "stand-in"\n'
        )
        stack.cli("template", "push", str(layer), "chaos-base@1")
        yield Site(stack, postgres, cable), database


def _faults_table(faults: Faults) -> Table:
    table = Table("fault", "times", "all up again after: median", "most")
    for name, times in sorted(faults.recovered.items()):
        table.add_row(name, str(len(times)), f"{statistics.median(times):.1f} s", f"{max(times):.1f} s")
    return table


def _table(workload: Workload, findings: list[Finding]) -> Table:
    asked = ", ".join(f"{count} × {what}" for what, count in sorted(workload.asked.items()))
    table = Table("in the end", "", title=f"asked for: {asked}; {workload.repeated} requests sent again")
    for finding in findings:
        table.add_row(finding.what, "0" if not finding.wrong else "; ".join(finding.wrong)[:70])
    return table


def _made(path: Path) -> Path:
    path.mkdir(parents=True)
    return path


if __name__ == "__main__":
    sys.exit(main())
