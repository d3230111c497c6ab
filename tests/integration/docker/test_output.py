"""Output as it really comes: cut by the engine, too long, without an end, not text."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hytopus.node.runtime.docker.logs import LONGEST_LINE
from tests.integration.docker.conftest import DockerBench
from tests.unit.node.runtime.contract import ended, line_of

pytestmark = pytest.mark.docker


async def printed(bench: DockerBench, script: str) -> list[str]:
    spec = replace(bench.spec(), command=["/bin/busybox", "sh", "-c", script])
    await bench.runtime.start(spec)
    await ended(bench.runtime, spec.instance_id)
    return [line async for _, line in bench.runtime.logs(spec.instance_id)]


async def test_a_line_that_the_engine_cuts_is_one_line_again_and_shortened(bench: DockerBench) -> None:
    lines = await printed(bench, "busybox printf '%040000d\\nnext\\n' 7")
    assert [len(line) for line in lines] == [LONGEST_LINE, 4]
    assert lines[1] == "next"


async def test_a_program_without_error_output_still_hears(bench: DockerBench) -> None:
    script = "exec 2>&-; echo listening; while read -r line; do echo heard $line; done"
    spec = replace(bench.spec(), command=["/bin/busybox", "sh", "-c", script])
    await bench.runtime.start(spec)
    await line_of(bench.runtime, spec.instance_id, "listening")
    for word in ("one", "two", "three"):
        await bench.runtime.send_line(spec.instance_id, word)
        await line_of(bench.runtime, spec.instance_id, f"heard {word}")


async def test_both_outputs_are_read_and_the_last_line_may_be_open(bench: DockerBench) -> None:
    lines = await printed(bench, "echo out; echo err >&2; busybox printf open")
    assert sorted(lines) == ["err", "open", "out"]


async def test_what_is_no_text_is_replaced(bench: DockerBench) -> None:
    assert await printed(bench, "busybox printf 'a\\377b\\r\\n'") == ["a�b"]


async def test_times_never_run_backwards(bench: DockerBench) -> None:
    spec = replace(bench.spec(), command=["/bin/busybox", "seq", "500"])
    state = await bench.runtime.start(spec)
    await ended(bench.runtime, spec.instance_id)
    lines = [line async for line in bench.runtime.logs(spec.instance_id)]
    assert [text for _, text in lines] == [str(number) for number in range(1, 501)]
    times = [at for at, _ in lines]
    assert times == sorted(times)
    assert state.started_at is not None
    assert abs((times[0] - state.started_at).total_seconds()) < 10
