"""compare(save=...): rows that are in a file as soon as they are done, and not computed again."""

import os
import re
import signal
import subprocess
import sys
import time
from functools import partial
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import transfer_course as tc
from transfer_course.evaluation import comparison, saved_rows

METHODS = {"reuse": partial(tc.feature_reuse, epochs=3), "l2": partial(tc.l2_sp, epochs=1)}


@pytest.fixture(scope="module")
def few():
    """200 digits of other writers."""
    return tc.datasets.digits().subset(range(200))


@pytest.fixture(scope="module")
def compare(backbone, few):
    return partial(tc.compare, METHODS, backbone, few, shots=[1, 2], episodes=2, seed=3)


@pytest.fixture(scope="module")
def table(compare):
    return compare()


@pytest.fixture
def trained(monkeypatch):
    """The runs for which something was trained, in their order."""
    runs = []
    original = comparison._episode

    def note(name, method, backbone, dataset, shots, episode, seed):
        runs.append((name, shots, episode))
        return original(name, method, backbone, dataset, shots, episode, seed)

    monkeypatch.setattr(comparison, "_episode", note)
    return runs


def runs_of(table):
    return list(table[["method", "shots", "episode"]].itertuples(index=False, name=None))


def assert_same(table, other):
    pd.testing.assert_frame_equal(table, other, check_exact=True)


def cut_after(file, rows):
    """Leave so many rows in a file and half of the next, as if the process had been killed."""
    lines = file.read_bytes().splitlines(keepends=True)
    done = 2 + rows
    file.write_bytes(b"".join(lines[:done]) + lines[done][: len(lines[done]) // 2])


def test_the_file_has_the_rows_and_pandas_reads_it(compare, table, tmp_path):
    assert_same(compare(save=tmp_path / "runs.csv"), table)
    file = pd.read_csv(tmp_path / "runs.csv", comment="#")
    pd.testing.assert_frame_equal(file, table, atol=1e-12, rtol=0)


def test_each_row_is_in_the_file_before_the_next_is_trained(backbone, few, tmp_path):
    there = []

    def look(given, train, seed):
        there.append(len(pd.read_csv(tmp_path / "runs.csv", comment="#")))
        return tc.feature_reuse(given, train, epochs=1)

    tc.compare([look], backbone, few, shots=[1], episodes=4, save=tmp_path / "runs.csv")
    assert there == [0, 1, 2, 3]


@pytest.mark.parametrize("rows", [0, 1, 5])
def test_it_goes_on_where_it_was_cut(compare, table, trained, tmp_path, rows):
    file = tmp_path / "runs.csv"
    compare(save=file)
    whole = file.read_bytes()
    cut_after(file, rows)
    trained.clear()
    assert_same(compare(save=str(file)), table)
    assert trained == runs_of(table)[rows:]
    assert file.read_bytes() == whole
    trained.clear()
    assert_same(compare(save=file), table)
    assert trained == []
    assert file.read_bytes() == whole


def test_the_file_may_be_cut_at_any_byte(tiny, tmp_path):
    """Of any beginning of it, the complete rows are kept, and nothing else."""
    file = tmp_path / "runs.csv"
    methods = dict.fromkeys(['λ = 0.1, "deep"', "#1", "None", ""], len)
    rows = [
        {
            "method": name,
            "shots": 1,
            "episode": e,
            "accuracy": e / 7,
            "balanced_accuracy": e / 9,
            "train_accuracy": 1 / 3,
            "steps": 10**e,
        }
        for e, name in enumerate(methods)
    ]

    def write(rows):
        with saved_rows.saved_rows(file, methods, None, tiny, 0) as (found, append):
            for row in rows[len(found) :]:
                append(row)
        return found

    assert write(rows) == []
    whole = file.read_bytes()
    for size in range(len(whole) + 1):
        file.write_bytes(whole[:size])
        complete = max(0, whole[:size].count(b"\n") - 2)
        assert write(rows) == rows[:complete], size
        assert file.read_bytes() == whole


def test_a_larger_request_computes_what_is_missing(
    backbone, few, compare, table, trained, tmp_path
):
    file = tmp_path / "runs.csv"
    small = tc.compare(
        {"l2": METHODS["l2"]}, backbone, few, shots=[2], episodes=1, seed=3, save=file
    )
    assert trained == runs_of(small) == [("l2", 2, 0)]
    trained.clear()
    assert_same(compare(save=file), table)
    assert trained == [run for run in runs_of(table) if run != ("l2", 2, 0)]
    trained.clear()
    part = compare(shots=[2], save=file)
    assert trained == []
    assert_same(part, table[table.shots == 2].reset_index(drop=True))


def test_settings_in_a_tuple_or_in_a_partial_are_one_method_to_a_file(
    backbone, few, table, trained, tmp_path
):
    file = tmp_path / "runs.csv"
    tuples = {"reuse": (tc.feature_reuse, {"epochs": 3}), "l2": (tc.l2_sp, {"epochs": 1})}
    assert_same(tc.compare(tuples, backbone, few, [1, 2], 2, seed=3, save=file), table)
    described = re.findall(r"(functools[^\"]*|<[^\"]*) with code", file.read_text("utf-8"))
    assert described == [
        "functools.partial(<function feature_reuse>, epochs=3)",
        "functools.partial(<function l2_sp>, epochs=1)",
    ]
    trained.clear()
    assert_same(tc.compare(METHODS, backbone, few, [1, 2], 2, seed=3, save=file), table)
    assert trained == []


KILLED = """
import sys
from functools import partial
import transfer_course as tc

method = {"scratch": partial(tc.from_scratch, epochs=9)}
few = tc.datasets.digits().subset(range(200))
tc.compare(method, tc.backbones.small_cnn(), few, [5], episodes=500, save=sys.argv[1])
"""


@pytest.mark.long
def test_a_killed_process_leaves_rows_that_another_goes_on_from(few, trained, tmp_path):
    file = tmp_path / "runs.csv"
    process = subprocess.Popen([sys.executable, "-c", KILLED, file])
    try:
        while process.poll() is None and (not file.exists() or file.read_bytes().count(b"\n") < 5):
            time.sleep(0.01)
    finally:
        process.kill()
        process.wait()
    done = len(pd.read_csv(file, comment="#"))
    assert 2 < done < 500
    method = {"scratch": partial(tc.from_scratch, epochs=9)}
    run = partial(tc.compare, method, tc.backbones.small_cnn(), few, [5])
    table = run(done + 1, save=file)
    assert trained == [("scratch", 5, done)]
    assert_same(table[:2], run(2))  # what a row is does not depend on the process


def test_stop_keeps_what_is_done_and_no_half_trained_row(backbone, few, trained, tmp_path, capsys):
    file = tmp_path / "runs.csv"
    presses = iter([False, False, True])

    def press(given, train, seed):
        if next(presses, False):
            os.kill(os.getpid(), signal.SIGINT)
        return tc.feature_reuse(given, train, epochs=30, seed=seed)

    run = partial(tc.compare, [press], backbone, few, shots=[1], episodes=4)
    stopped = run(save=file)
    assert runs_of(stopped) == [("press", 1, 0), ("press", 1, 1)]
    assert len(trained) == 3  # and the last one was cut short
    out = capsys.readouterr().out
    assert "has the 2 of 4 rows" in out and out.endswith("The same call goes on from there.\n")
    assert len(pd.read_csv(file, comment="#")) == 2
    trained.clear()
    assert_same(run(save=file), run())
    assert trained[:2] == [("press", 1, 2), ("press", 1, 3)]


def test_a_method_without_rows_may_be_corrected(backbone, few, compare, table, trained, tmp_path):
    def broken(given, train, seed):
        raise ZeroDivisionError

    file = tmp_path / "runs.csv"
    with pytest.raises(ZeroDivisionError):
        tc.compare(METHODS | {"l2": broken}, backbone, few, [1, 2], 2, seed=3, save=file)
    assert trained == [*runs_of(table)[:4], ("l2", 1, 0)]
    trained.clear()
    assert_same(compare(save=file), table)
    assert trained == runs_of(table)[4:]


def test_the_digest_of_a_data_set_reads_few_images_at_a_time(few):
    class Lazy:
        shape = few.images.shape
        most = 0

        def __len__(self):
            return len(few)

        def __getitem__(self, index):
            assert isinstance(index, slice)
            part = few.images[index]
            self.most = max(self.most, len(part))
            return np.asfortranarray(part)  # of some others they are not contiguous

    lazy = Lazy()
    alike = SimpleNamespace(
        images=lazy, labels=few.labels, class_names=few.class_names, groups=None
    )
    digest = saved_rows._digest_of_dataset(few)
    assert saved_rows._digest_of_dataset(alike) == digest
    assert 0 < lazy.most <= 100
    for changed in few.images.copy(), few.labels.copy():
        changed.flat[-1] += 1 if changed.flat[-1] == 0 else -1
        images, labels = (changed, few.labels) if changed.ndim == 4 else (few.images, changed)
        other = tc.Dataset(images, labels, few.class_names)
        assert saved_rows._digest_of_dataset(other) != digest
    renamed = tc.Dataset(few.images, few.labels, [name + "!" for name in few.class_names])
    assert saved_rows._digest_of_dataset(renamed) != digest


def test_the_digest_has_the_groups_where_there_are_any():
    """And without groups is what it was before there were any, or no old file could go on."""
    images = np.arange(4 * 16, dtype=np.uint8).reshape(4, 4, 4, 1)

    def digest(groups=None):
        dataset = tc.Dataset(images, [0, 1, 0, 1], ("cat", "dog"), groups)
        return saved_rows._digest_of_dataset(dataset)

    assert digest() == "ed4b1113f0d1b22b"
    given = None, [0, 0, 1, 1], [0, 1, 0, 1], [0, 0, 0, 0]
    assert len({digest(groups) for groups in given}) == 4
    assert digest([0, 0, 1, 1]) == digest(np.array([0, 0, 1, 1], np.uint8))
