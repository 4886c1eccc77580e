"""The parts of a sweep that need no cluster: what is left, how much of it makes a task, and the file to go on from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockproof import sim
from lockproof.sweep import _targets
from lockproof.sweep._ranges import FIRST, Left, Pace
from lockproof.sweep._state import Order, Refused, State

DRIPS = "memcached/client-drips"
ORDER = Order((DRIPS,), "reference", 120.0)


@given(
    st.integers(0, 50),
    st.lists(st.integers(1, 9), max_size=12),
    st.lists(st.integers(1, 7), min_size=1, max_size=9),
)
def test_every_seed_is_taken_once(start: int, lengths: list[int], counts: list[int]) -> None:
    """Every other stretch is done already; the others are taken in pieces."""
    borders = [start + sum(lengths[:count]) for count in range(len(lengths) + 1)]
    pieces = [range(one, next) for one, next in zip(borders, borders[1:])]
    left = Left(range(start, borders[-1]), reversed(pieces[1::2]))
    assert len(left) == sum(map(len, pieces[::2]))
    taken: list[int] = []
    for turn in range(1000):
        piece = left.take(counts[turn % len(counts)])
        if piece is None:
            break
        assert 0 < len(piece) <= counts[turn % len(counts)]
        taken += piece
    assert taken == [seed for piece in pieces[::2] for seed in piece] and len(left) == 0


def test_a_task_takes_as_long_as_is_wanted() -> None:
    pace = Pace(10.0)
    assert pace.count(10**6, 2) == FIRST
    pace.learn(FIRST, FIRST * 0.02)
    assert pace.count(10**6, 2) == 500
    for _ in range(20):
        pace.learn(500, 20.0)
    assert pace.count(10**6, 2) == pytest.approx(250, abs=1)


def test_the_last_tasks_are_shared_out_but_not_tiny() -> None:
    pace = Pace(10.0)
    pace.learn(100, 1.0)
    assert pace.count(10**6, 4) == 1000
    assert pace.count(4000, 4) == 500
    assert pace.count(80, 4) == 100


def part(start: int, stop: int) -> dict[str, Any]:
    """The report of some seeds."""
    return sim.run(DRIPS, range(start, stop)).document


def test_a_sweep_goes_on_where_it_was(tmp_path: Path) -> None:
    file = tmp_path / "sweep.json"
    state = State(ORDER, range(0, 6), file)
    for piece in ((4, 5), (0, 2)):
        state.add(part(*piece))
    state.save()
    again = State(ORDER, range(0, 6), file)
    assert again.done == [range(0, 2), range(4, 5)] and not again.is_complete
    again.add(part(2, 4))
    again.add(part(5, 6))
    (report,) = again.merged()
    whole = sim.run(DRIPS, 6)
    report.document["millis"] = whole.document["millis"] = 0
    assert again.is_complete and report.document == whole.document


def test_the_file_is_written_as_a_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "sweep.json"
    state = State(ORDER, range(0, 6), file)
    state.add(part(0, 1))
    state.save()
    before = file.read_text()
    state.add(part(1, 2))

    def torn(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr("os.fsync", torn)
    with pytest.raises(OSError, match="no space"):
        state.save()
    assert file.read_text() == before


def test_seeds_that_were_run_already_are_a_mistake() -> None:
    state = State(ORDER, range(0, 6), None)
    state.add(part(0, 2))
    with pytest.raises(RuntimeError, match=r"seeds 1\.\.3 were run already"):
        state.add(part(1, 3))


def changed(document: dict[str, Any], **changes: Any) -> str:
    """The state, changed, as it stands in a file."""
    return json.dumps({**document, **changes})


def test_the_state_of_something_else_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "sweep.json"
    state = State(ORDER, range(0, 6), file)
    state.add(part(3, 5))
    state.save()
    good = json.loads(file.read_text())
    more = State(ORDER, range(0, 60), file)
    assert more.done == [range(3, 5)], "more seeds than before are no other sweep"
    patient = Order(ORDER.scenarios, ORDER.server, 9.0)
    assert State(patient, range(0, 6), file).done == [range(3, 5)]
    with pytest.raises(Refused, match=r"has seeds 3\.\.5, which are not among --seeds"):
        State(ORDER, range(0, 4), file)
    with pytest.raises(Refused, match="the state of another sweep"):
        State(Order(("swarm",), "reference", 120.0), range(0, 6), file)
    for text, complaint in [
        (changed(good, build={"commit": "another"}), "made by another build"),
        (changed(good, schema="lockproof.sweep/9"), "the state of another sweep"),
        (json.dumps({"schema": "lockproof.sim/1"}), "not the state of a sweep"),
        (file.read_text()[:-9], "not the state of a sweep"),
        ("[]", "not the state of a sweep"),
    ]:
        file.write_text(text)
        with pytest.raises(Refused, match=complaint):
            State(ORDER, range(0, 6), file)


def test_targets_have_names_or_get_them(tmp_path: Path) -> None:
    file = tmp_path / "servers.txt"
    file.write_text("# ours\nours = memcached://127.0.0.1:11211   # here\n\nnetmem://10.0.0.1:7000\n")
    assert _targets.read(file) == {
        "ours": "memcached://127.0.0.1:11211",
        "netmem-10.0.0.1-7000": "netmem://10.0.0.1:7000",
    }


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "no target in it"),
        ("127.0.0.1:11211\n", r":1: `127\.0\.0\.1:11211` is no target"),
        ("a b = echo://x:1\n", ":1: `a b = echo://x:1` is no target"),
        ("a = echo://x:1\na = echo://x:2\n", ":2: there is a target named a already"),
    ],
)
def test_a_file_without_sense_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    file = tmp_path / "servers.txt"
    file.write_text(text)
    with pytest.raises(Refused, match=complaint):
        _targets.read(file)
    with pytest.raises(Refused, match="No such file"):
        _targets.read(tmp_path / "nowhere")
