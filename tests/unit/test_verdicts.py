"""What the suites found is kept whole, by many at once, and a red test reddens its rows."""

import multiprocessing

import pytest

from tests.chaos import verdicts

WRITERS, EACH = 4, 50


@pytest.fixture(autouse=True)
def apart(monkeypatch):
    """What these tests write is no verdict on anything."""
    monkeypatch.delenv(verdicts.THIS_RUN, raising=False)


def _write(folder: str, writer: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(verdicts.PROOF, folder)
        for cell in range(EACH):
            verdicts.record("writers", f"{writer}-{cell}", text="x" * 2000)


def test_many_writers_leave_whole_lines(tmp_path):
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write, args=(str(tmp_path), n)) for n in range(WRITERS)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)

    rows = verdicts.read(tmp_path / "verdicts.jsonl")
    assert {row["cell"] for row in rows} == {
        f"{n}-{cell}" for n in range(WRITERS) for cell in range(EACH)
    }


def test_a_verdict_names_its_test_and_its_seed(tmp_path, monkeypatch):
    monkeypatch.setenv(verdicts.PROOF, str(tmp_path))

    verdicts.record("matrix", "after_claim", seed=7, sends=2, lost=0, p99_ms=31.4159)

    (row,) = verdicts.read(tmp_path / "verdicts.jsonl")
    assert row["test"].endswith("::test_a_verdict_names_its_test_and_its_seed")
    assert verdicts.told(row) == "sends 2, lost 0, p99 ms 31.42, seed 7"


def test_the_rows_of_a_red_test_are_red_and_no_others(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv(verdicts.PROOF, str(tmp_path))
    monkeypatch.setenv("PYTEST_CURRENT_TEST", "tests/a.py::test_bad (call)")
    verdicts.record("matrix", "bad", lost=1)
    monkeypatch.setenv("PYTEST_CURRENT_TEST", "tests/a.py::test_good (call)")
    verdicts.record("matrix", "good", lost=0)
    verdicts.record(verdicts.RED_TEST, "tests/a.py::test_bad")

    assert verdicts.main([str(tmp_path / "verdicts.jsonl")]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines[:2]] == [
        ["matrix", "bad", "RED:", "lost", "1"],
        ["matrix", "good", "lost", "0"],
    ]
