"""What was measured beforehand: the results fit the experiments, and some are measured again.

The runs of the explorer are measured again in test_explorers.
"""

import signal
import subprocess
import sys
from importlib import resources
from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest
from weekly import weekly_but

import transfer_course as tc
from transfer_course.experiments import fair, scenarios, worlds
from transfer_course.experiments.__main__ import main
from transfer_course.experiments._results import module_and_scenario
from transfer_course.networks.cloning import clone_with_fresh_weights

TABLES = [name for name in tc.experiments.NAMES if not name.startswith("explorer_")]
tables = pytest.mark.parametrize("name", TABLES)
each_scenario = pytest.mark.parametrize("scenario", worlds.SHOTS)
RESULTS = resources.files("transfer_course.experiments") / "results"


@pytest.fixture(autouse=True)
def no_solar_cells_needed_where_they_are_left_out(request):
    """An instructor can leave them out: see instructors.md. Tables are read without them."""
    wanted = request.node.callspec.params.values() if hasattr(request.node, "callspec") else ()
    measured = "long" in request.keywords and {"tuning_solar_cells", "fair_solar_cells"} & {*wanted}
    reads_only = request.node.name.startswith("test_what_was_chosen")
    if measured or ("solar_cells" in wanted and not reads_only):
        pytest.importorskip("elpv_dataset")


def experiment_and_points(name):
    module, scenario = module_and_scenario(name)
    experiment = getattr(tc.experiments, module)
    return experiment, experiment.points(*scenario)


@tables
def test_the_table_has_a_row_for_each_point_in_their_order(name):
    points = pd.DataFrame(experiment_and_points(name)[1])
    table = tc.experiments.load(name)
    assert not points.duplicated().any()
    pd.testing.assert_frame_equal(table[points.columns], points, check_dtype=False)


# These train EfficientNet-Lite0, read the photographs or train as `fair` does once more; of each
# kind `make test` has one.
IN_MAKE_TEST = set(TABLES) - {
    "l2_sp_emoji",
    "fine_tuning_emoji",
    "tuning_digits",
    "tuning_new_classes",
    "tuning_emoji",
    "tuning_solar_cells",
    "fair_solar_cells",
}


@pytest.mark.long
@pytest.mark.parametrize("name", weekly_but(IN_MAKE_TEST, TABLES))
def test_points_measured_again_give_what_the_table_says(name):
    """The cheapest points that the module names; accuracies differ a little between machines."""
    experiment, points = experiment_and_points(name)
    table = tc.experiments.load(name)
    checks = experiment.SPOT_CHECKS
    for number in checks[module_and_scenario(name)[1][0]] if isinstance(checks, dict) else checks:
        found = experiment.measure(**points[number])
        assert found and set(found) == set(table.columns) - set(points[number])
        for column, value in found.items():
            by_ratio = column in ("log_loss", "distance", "temperature")
            near = pytest.approx(value, **({"rel": 0.25} if by_ratio else {"abs": 0.04}))
            assert table[column][number] == near, (number, column)


@pytest.mark.parametrize("scenario", tc.experiments.scenarios.NAMES)
def test_the_table_of_the_explorer_holds_the_last_points_of_its_grid(scenario):
    explorer = tc.experiments.explorer
    table = tc.experiments.load(f"explorer_{scenario}")
    points, grid = explorer.points(scenario), explorer.load_grid(scenario)
    assert len(table) == len(points) == sum(map(len, grid.values()))
    for point, row in zip(points, table.to_dict("records"), strict=True):
        run = grid[explorer.key(row)][row["episode"]]
        assert point["episode"] == row["episode"]
        assert point["settings"].items() <= row.items()
        assert [row["train_accuracy"], row["accuracy"]] == [run["train"][-1], run["test"][-1]]
        assert row["drift"] == pytest.approx(np.mean(run["drift"]))
        assert row["retention"] == run["retention"]


@pytest.mark.parametrize("name", ["label", "", "../labels", None, ["labels"]])
def test_an_unknown_name_is_refused_with_those_that_there_are(name):
    with pytest.raises(
        ValueError, match=r"name=.* is unknown: use .*\"explorer_digits\".*\"labels\""
    ):
        tc.experiments.load(name)


def test_reading_results_loads_no_tensorflow():
    names = list(tc.experiments.NAMES)
    if not find_spec("elpv_dataset"):  # the grid of this one is read with its photos
        names.remove("explorer_solar_cells")
    code = (
        "import sys, transfer_course as tc; tc.experiments\n"
        "assert not {'pandas', 'numpy', 'sklearn'} & set(sys.modules), 'by the import'\n"
        f"for name in {names}: assert len(tc.experiments.load(name)) > 20\n"
        "assert not {'keras', 'tensorflow'} & set(sys.modules), 'by load'\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# The worlds


@each_scenario
def test_no_image_and_no_group_is_in_both_parts_of_a_target(scenario):
    parts = worlds.target(scenario)
    development, report = ({image.tobytes() for image in part.images} for part in parts)
    assert not development & report
    if parts.report.groups is not None:
        assert not set(parts.development.groups) & set(parts.report.groups)


@each_scenario
def test_the_report_has_images_for_all_shots_and_draws(scenario):
    report = worlds.target(scenario).report
    for shots in worlds.SHOTS[scenario]:
        for episode in range(fair.EPISODES[scenario]):
            train, test = tc.few_shot(report, shots, seed=episode)
            assert len(train) == shots * len(report.class_names)
            assert set(test.labels) == set(range(len(report.class_names)))


def test_the_source_of_the_new_classes_has_never_seen_them():
    names = tc.class_names(worlds.source("new_classes", 0).model)
    assert not set(names) & set(worlds.target("new_classes").report.class_names)


def test_both_styles_of_emoji_are_divided_alike():
    color, line = (worlds.emoji(style).report for style in ("color", "line"))
    assert (color.labels == line.labels).all()
    whole = tc.datasets.emoji("color", 96), tc.datasets.emoji("line", 96)
    places = [
        [int(np.flatnonzero((of.images == image).all((1, 2, 3)))[0]) for image in part.images]
        for part, of in zip((color, line), whole, strict=True)
    ]
    assert places[0] == places[1]


@each_scenario
def test_what_was_chosen_is_the_best_on_the_tuning_draws(scenario):
    table = tc.experiments.load(f"tuning_{scenario}")
    for (method, shots), settings in fair.chosen(scenario).items():
        candidates = fair.CANDIDATES[method]
        rows = table[(table.method == method) & (table.shots <= shots)]
        rows = rows[rows.shots == rows.shots.max()]
        means = [rows[rows.candidate == n].balanced_accuracy.mean() for n in range(len(candidates))]
        level = [n for n, mean in enumerate(means) if mean > max(means) - 1.5e-4]
        assert settings == candidates[level[0]]


@pytest.mark.parametrize("method", ["from_scratch", "feature_reuse", "fine_tune", "l2_sp"])
@pytest.mark.parametrize(
    ("shots", "steps", "in_an_epoch"),
    [
        (1, 200, 1),
        pytest.param(20, 600, 7, marks=pytest.mark.slow),
        pytest.param(50, 600, 16, marks=pytest.mark.slow),
    ],
)
def test_every_method_takes_as_many_steps_as_any_other(method, shots, steps, in_an_epoch):
    train, _ = tc.few_shot(worlds.target("digits").report, shots, seed=0)
    model = fair.trained("digits", method, {}, tc.backbones.small_cnn(), train, seed=0)
    assert abs(int(model.optimizer.iterations) - steps) <= in_an_epoch / 2


@pytest.mark.parametrize("scenario", ["digits", "new_classes", "emoji"])
def test_a_source_still_does_its_own_task_and_a_fresh_network_does_not(scenario):
    source = worlds.source(scenario, 0)
    assert source.kept(source.backbone) > 0.9
    assert source.kept(clone_with_fresh_weights(source.backbone, seed=1)) < 0.5


@pytest.mark.parametrize("part", tc.experiments.which_part.PARTS)
def test_one_part_trains_alone(part):
    model = tc.pretrain(tc.backbones.small_cnn(), tc.datasets.digits("01"), epochs=1, verbose=0)
    tc.experiments.which_part.train_only(model, part)
    trains = {weight.path.split("/")[-2] for weight in model.trainable_weights}
    assert trains == ({*tc.experiments.which_part.PARTS} - {"all"} if part == "all" else {part})


def test_the_scores_of_a_draw_are_scikit_learns():
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import accuracy_score, balanced_accuracy_score

    point = {"scenario": "digits", "shots": 2, "source": 0, "episode": 3}
    found = fair.measure(**point, method="majority")
    _, test = tc.few_shot(worlds.target("digits").report, 2, seed=3)
    most = pd.Series(test.labels).mode()[0]
    assert found["accuracy"] == accuracy_score(test.labels, np.full(len(test), most))
    assert found["balanced_accuracy"] == pytest.approx(0.1)
    train, _ = tc.few_shot(worlds.target("digits").report, 2, seed=3)
    backbone = worlds.source("digits", 0).backbone
    head = LogisticRegression(max_iter=3000).fit(backbone.predict(train.images), train.labels)
    guesses = head.predict(backbone.predict(test.images))
    found = fair.measure(**point, method="logistic_regression")
    assert found["accuracy"] == accuracy_score(test.labels, guesses)
    assert found["balanced_accuracy"] == pytest.approx(
        balanced_accuracy_score(test.labels, guesses)
    )
    own = worlds.source("digits", 0).model
    found = fair.measure(**point, method="source_head")
    right = own.predict(test.images, verbose=0).argmax(axis=1) == test.labels
    assert found["accuracy"] == pytest.approx(right.mean(), abs=0.002)


def test_calibration_is_that_of_guo_et_al():
    from sklearn.metrics import log_loss

    random = np.random.default_rng(0)
    logits = random.normal(size=(20_000, 3))
    true = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = (true.cumsum(axis=1) < random.random((len(true), 1))).sum(axis=1)
    shift = tc.experiments.shift
    assert shift.calibration_error(true, labels) < 0.02
    sure = true**3 / (true**3).sum(axis=1, keepdims=True)  # three times too sure
    assert shift.calibration_error(sure, labels) > 0.1
    assert shift.best_temperature(sure, labels) == pytest.approx(3, rel=0.05)
    assert shift.log_loss(sure, labels, temperature=1) == pytest.approx(log_loss(labels, sure))
    assert shift.log_loss(sure, labels, temperature=3) == pytest.approx(log_loss(labels, true))


def test_the_average_is_half_way_between_the_head_alone_and_the_head_first(monkeypatch):
    shift = tc.experiments.shift
    monkeypatch.setattr(fair, "steps", lambda scenario, train: 4)
    backbone, train = shift._start(1, 0)
    head_alone = tc.feature_reuse(backbone, train, epochs=2, verbose=0).get_weights()
    made = shift._head_first_and_averaged.__wrapped__(1, 0)
    head_first, averaged = (made[name].get_weights() for name in ("head_first", "averaged"))
    moved = 0
    for a, b, c in zip(head_alone, head_first, averaged, strict=True):
        np.testing.assert_allclose(c, (a + b) / 2, atol=1e-6)
        moved += not np.array_equal(a, b)
    # What fine_tune moves, and nothing else: what is behind the last frozen block, and the head.
    tuned = tc.fine_tune(backbone, train, freeze=worlds.FREEZE["emoji"], epochs=1, verbose=0)
    assert 0 < moved == len(tuned.trainable_weights)


# The command


@pytest.fixture
def remembered(monkeypatch):
    """Experiments that only remember what they measured, which takes no time."""

    def remember(name):
        experiment, points = experiment_and_points(name)
        table = tc.experiments.load(name)
        measured = table.drop(columns=list(points[0])).to_dict("records")
        runs = [(point, run) for point, run in zip(points, measured, strict=True)]
        monkeypatch.setattr(
            experiment, "measure", lambda **at: next(run for point, run in runs if point == at)
        )

    return remember


@tables
def test_the_command_writes_the_table_as_it_is_kept(name, remembered, tmp_path):
    remembered(name)
    main([name, "--output", str(tmp_path)])
    assert [path.name for path in tmp_path.iterdir()] == [f"{name}.csv"]
    assert (tmp_path / f"{name}.csv").read_bytes() == (RESULTS / f"{name}.csv").read_bytes()


@pytest.mark.parametrize("scenario", tc.experiments.scenarios.NAMES)
def test_the_command_writes_the_grid_as_it_is_kept(scenario, monkeypatch, tmp_path):
    grid = tc.experiments.explorer.load_grid(scenario)

    def measure(scenario, settings, episode):
        return grid[tc.experiments.explorer.key(settings)][episode]

    monkeypatch.setattr(tc.experiments.explorer, "measure", measure)
    main([f"explorer_{scenario}", "--output", str(tmp_path)])
    name = f"explorer_{scenario}.json"
    assert (tmp_path / name).read_bytes() == (RESULTS / name).read_bytes()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["label"], "invalid choice: 'label' (choose from"),
        (["labels", "--output", "nowhere"], "there is no folder 'nowhere': create it first"),
    ],
)
def test_the_command_says_what_is_wrong(arguments, says, capsys):
    with pytest.raises(SystemExit):
        main(arguments)
    assert says in capsys.readouterr().err


def test_an_experiment_that_control_c_stops_writes_nothing(monkeypatch, tmp_path):
    def measure(**point):
        signal.raise_signal(signal.SIGINT)
        return {"accuracy": 0.5}

    monkeypatch.setattr(tc.experiments.labels, "measure", measure)
    with pytest.raises(SystemExit, match="Stopped: the results of labels stay as they were"):
        main(["labels", "--output", str(tmp_path)])
    assert [path.name for path in tmp_path.iterdir()] == ["labels.part"]
    assert (tmp_path / "labels.part").read_text() == ""


@pytest.mark.parametrize("name", ["labels", "explorer_emoji"])
def test_an_experiment_that_was_interrupted_goes_on_where_it_was(name, monkeypatch, tmp_path):
    experiment, points = experiment_and_points(name)
    count = len(scenarios.scenario("emoji").epochs)
    drift = [0.25] * len(scenarios.scenario("emoji").blocks)
    calls = []

    def measure(**point):
        calls.append(point)
        if len(calls) == 4:
            raise KeyboardInterrupt
        share = np.float64(points.index(point) / len(points))
        curve = {"train": [share] * count, "test": [share] * count, "wrong": [[3, 1]]}
        run = curve | {"drift": drift, "retention": share}
        return run if name == "explorer_emoji" else {"accuracy": share}

    monkeypatch.setattr(experiment, "measure", measure)
    with pytest.raises(KeyboardInterrupt):
        main([name, "--output", str(tmp_path)])
    with (tmp_path / f"{name}.part").open("a") as file:
        file.write('[{"half a')
    main([name, "--output", str(tmp_path)])
    assert calls == [*points[:3], points[3], *points[3:]]
    (path,) = tmp_path.iterdir()
    broken = path.read_bytes()
    main([name, "--output", str(tmp_path)])
    assert path.read_bytes() == broken and calls[len(points) + 1 :] == points
