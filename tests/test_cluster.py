"""compare() spread over processes, of this machine or of a cluster: the same table as in one."""

import os
import signal
import threading
import time
from functools import partial

import dask
import joblib
import pandas as pd
import pytest
from dask.distributed import Client, LocalCluster

import transfer_course as tc
from transfer_course.evaluation import comparison


@pytest.fixture(scope="module")
def compare(backbone):
    few = tc.datasets.digits().subset(range(200))
    return partial(tc.compare, backbone=backbone, dataset=few, shots=[2], seed=5)


@pytest.fixture(scope="module")
def methods():
    return {"l2": partial(tc.l2_sp, epochs=3), "scratch": partial(tc.from_scratch, epochs=3)}


@pytest.fixture(scope="module")
def table(compare, methods):
    return compare(methods, episodes=3)


@pytest.fixture(scope="module")
def two_processes():
    with joblib.parallel_config(backend="loky", n_jobs=2):
        yield
    joblib.externals.loky.get_reusable_executor().shutdown(wait=True)


@pytest.fixture
def cluster(compare):
    """A cluster as book/class.md sets one up."""
    with (
        dask.config.set({"distributed.nanny.pre-spawn-environ": {}}),
        LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        Client(cluster),
        joblib.parallel_config(backend="dask", scatter=[compare.keywords["dataset"]]),
    ):
        yield


def assert_same_elsewhere(compare, methods, table, folder):
    """Check that other processes train, that this one writes the file, and that all rows agree."""

    def elsewhere(backbone, train, seed):
        (folder / f"process {os.getpid()}").touch()
        return methods["l2"](backbone, train, seed=seed)

    other = compare({**methods, "elsewhere": elsewhere}, episodes=3, save=folder / "runs.csv")
    pd.testing.assert_frame_equal(other[: len(table)], table, check_exact=True)
    pd.testing.assert_frame_equal(
        other[len(table) :].drop(columns="method").reset_index(drop=True),
        table[table.method == "l2"].drop(columns="method"),
        check_exact=True,
    )
    processes = {int(file.name.split()[1]) for file in folder.glob("process *")}
    assert processes and os.getpid() not in processes
    saved = pd.read_csv(folder / "runs.csv", comment="#")
    saved = saved.set_index(["method", "shots", "episode"])
    indexed = other.set_index(["method", "shots", "episode"])
    pd.testing.assert_frame_equal(saved.loc[indexed.index], indexed, atol=1e-12, rtol=0)


@pytest.mark.long
@pytest.mark.slow
def test_two_processes_fill_the_same_table(compare, methods, table, two_processes, tmp_path):
    assert_same_elsewhere(compare, methods, table, tmp_path)


@pytest.mark.long
def test_a_cluster_fills_the_same_table(compare, methods, table, cluster, tmp_path):
    assert_same_elsewhere(compare, methods, table, tmp_path)


@pytest.mark.slow
def test_stop_does_not_wait_for_other_processes(compare, two_processes, tmp_path, capsys):
    file = tmp_path / "runs.csv"
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have it ignored

    def press():
        while not file.exists() or file.read_bytes().count(b"\n") < 4:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=press, daemon=True).start()
    methods = {
        "quick": partial(tc.feature_reuse, epochs=1),
        "slow": partial(tc.from_scratch, epochs=3000),
    }
    try:
        stopped = compare(methods, episodes=2, save=file)
    finally:
        signal.signal(signal.SIGINT, before)
    assert list(stopped.method) == ["quick", "quick"]
    assert "has the 2 of 4 rows" in capsys.readouterr().out
    assert len(pd.read_csv(file, comment="#")) == 2
    again = compare({"quick": methods["quick"]}, episodes=3, save=file)
    assert len(again) == 3
    pd.testing.assert_frame_equal(again[:2], stopped, check_exact=True)


@pytest.mark.long
def test_what_nobody_waits_for_ends_at_once_and_without_a_warning(two_processes, recwarn):
    with comparison._run([joblib.delayed(time.sleep)(seconds) for seconds in (0, 600)]) as finished:
        assert next(finished) is None
    assert not [it for it in recwarn if it.category is UserWarning]
