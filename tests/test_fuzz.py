"""A short run of the fuzzer: damaged files of every kind are read or refused, never anything else."""

import sys

import pytest

if sys.platform == "win32":
    pytest.skip("the fuzzer forks", allow_module_level=True)

import fuzz


@pytest.mark.parametrize("name", fuzz.TARGETS)
def test_every_file_of_the_corpus_is_accepted(tmp_path, name):
    target = fuzz.TARGETS[name]
    for content in target.corpus().values():
        (tmp_path / "input").write_bytes(content)
        what = fuzz.outcome(target, tmp_path / "input")
        assert what not in ("refused",) and not what.startswith("BUG")


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("sound", 200),
        ("phone", 200),
        ("checkpoint", 100),
        ("header", 300),
        ("run", 150),
        ("sidecar", 200),
    ],
)
def test_damaged_files_are_read_or_refused(tmp_path, name, most):
    counts = fuzz.campaign(name, tmp_path, seconds=60, most=most, seed=1)
    assert counts.total() == most
    assert not [what for what in counts if what.startswith("BUG")], counts
    assert counts["refused"] > most / 10
    assert len(counts) > 1 or name == "checkpoint"  # both happen, but no damage escapes a checkpoint's checksum


def test_findings_are_kept(tmp_path, monkeypatch):
    def explode(path):
        raise ZeroDivisionError("as planned")

    monkeypatch.setitem(fuzz.TARGETS, "bad", fuzz.Target(lambda: {"a": b"abcd"}, explode, ValueError))
    counts = fuzz.campaign("bad", tmp_path, seconds=20, most=3)
    assert counts == {"BUG ZeroDivisionError: as planned": 3}
    assert len(list(tmp_path.glob("finding-*"))) == 3


@pytest.mark.parametrize("fault", ["memory", "crash"])
def test_an_input_that_kills_the_process_or_takes_all_memory_is_found(tmp_path, monkeypatch, fault):
    def misbehave(path):
        if fault == "memory":
            return str(len(bytearray(8 * fuzz.MEMORY_BYTES)))
        fuzz.os.kill(fuzz.os.getpid(), fuzz.signal.SIGKILL)

    monkeypatch.setitem(fuzz.TARGETS, "bad", fuzz.Target(lambda: {"a": b"abcd"}, misbehave, ValueError))
    (what,) = fuzz.campaign("bad", tmp_path, seconds=20, most=1)
    assert ("MemoryError" if fault == "memory" else "ended by SIGKILL") in what
