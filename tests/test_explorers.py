"""The explorers: their arithmetic and names against Python's, the grid against new runs, and moves
against the rule that the last one wins. How they look to a reader is in test_book and test_lab."""

import itertools
import json
import random
import threading
import time
from contextvars import ContextVar, copy_context
from pathlib import Path

import nbformat
import numpy as np
import pytest
from browser import chromium, new_page
from hypothesis import given, settings
from hypothesis import strategies as st

import transfer_course as tc
from transfer_course import linear_theory
from transfer_course.experiments import explorer

SCENARIOS = list(explorer.POSITIONS)
AT = {"method": "fine_tune", "freeze": "pool2", "lam": 1, "shots": 5, "learning_rate": 1e-3}


@pytest.fixture(scope="module")
def page():
    with chromium() as browser, new_page(browser) as (page, trouble):
        page.goto("about:blank")
        yield page
    assert trouble == []


def in_page(page, widget, expression, argument):
    """What an expression about the widget's module gives in a browser."""
    module = widget._esm.replace("export default", "return")
    return page.evaluate(f"at => (module => {expression})((() => {{{module}}})())", argument)


# The page's arithmetic


@pytest.mark.browser
def test_the_page_computes_what_python_does(page):
    draw = np.random.default_rng(0)
    points = [
        {
            "samples": int(draw.integers(10, 1000)),
            "noise": draw.uniform(0.1, 3),
            "distance": draw.uniform(0.1, 4),
            "lam": 10 ** draw.uniform(-2, 2),
        }
        for _ in range(50)
    ]
    names = ["bias", "variance", "risk", "bestLambda", "bestRisk", "ridge", "border"]
    found = in_page(
        page,
        tc.widgets.LinearExplorer(),
        f"at.map(point => {json.dumps(names)}.map(name => module.theory[name](point)))",
        points,
    )
    for point, values in zip(points, found, strict=True):
        lam, distance = point["lam"], point["distance"]
        task = {"features": 10, "samples": point["samples"], "noise": point["noise"]}
        risk = linear_theory.isotropic_risk(**task, distance=distance, lam=lam)
        ridge = linear_theory.best_isotropic_risk(**task, distance=2.0)
        expected = [
            risk.squared_bias,
            risk.variance,
            risk.total,
            linear_theory.best_lambda(**task, distance=distance),
            linear_theory.best_isotropic_risk(**task, distance=distance),
            ridge,
            linear_theory.negative_transfer_border(**task, lam=lam, no_transfer=ridge),
        ]
        np.testing.assert_allclose(values, expected, rtol=1e-9, atol=1e-12)


def every_position(scenario):
    positions = explorer.POSITIONS[scenario]
    return [dict(zip(positions, at, strict=True)) for at in itertools.product(*positions.values())]


@pytest.mark.browser
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_page_finds_every_position_in_the_grid(page, scenario):
    at = every_position(scenario)
    keys = in_page(page, tc.widgets.TransferExplorer(scenario), "at.map(module.keyOf)", at)
    assert keys == [explorer.key(settings) for settings in at]
    assert set(keys) == set(explorer.load_grid(scenario))


# The grid


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_grid_has_whole_runs_within_bounds(scenario):
    _, test = explorer.target(scenario)
    layers = len(tc.widgets.TransferExplorer(scenario).layers)
    for key, runs in explorer.load_grid(scenario).items():
        assert len(runs) == explorer.EPISODES[scenario], key
        for train, tested, drift, retention, wrong in runs:
            assert len(train) == len(tested) == len(explorer.EPOCHS[scenario])
            assert len(drift) == layers
            assert all(0 <= share <= 1000 for share in [*train, *tested, retention])
            assert all(test.labels[index] != guess for index, guess in wrong)
            assert max(drift) == 0 or not key.startswith("feature_reuse"), key


SPOTS = [
    ("digits", AT | {"method": "feature_reuse"}),
    ("digits", AT | {"method": "l2_sp", "shots": 1, "lam": 10, "learning_rate": 0.01}),
    ("digits", AT),
    ("emoji", AT | {"method": "fine_tune", "freeze": "block15", "shots": 1}),
]


@pytest.mark.long
@pytest.mark.parametrize(
    ("scenario", "at"), SPOTS, ids=lambda it: it if isinstance(it, str) else ""
)
def test_points_computed_again_are_what_the_grid_says(scenario, at):
    """Differences are another machine's rounding, which grows with every step of the source and of
    the target; most of all in what the source's old head makes of the new features."""
    train, tested, drift, retention, _ = explorer.load_grid(scenario)[explorer.key(at)][0]
    again = explorer.measure(scenario, at, episode=0)
    np.testing.assert_allclose(again["train"][-1], train[-1] / 1000, atol=0.11)
    np.testing.assert_allclose(again["test"], np.array(tested) / 1000, atol=0.13)
    np.testing.assert_allclose(list(again["drift"].values()), np.array(drift) / 1000, atol=0.03)
    assert again["retention"] == pytest.approx(retention / 1000, abs=0.3)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_no_test_picture_is_ever_drawn(scenario):
    pool, test = explorer.target(scenario)
    together = {image.tobytes() for image in pool.images} & {i.tobytes() for i in test.images}
    assert not together
    for shots in explorer.POSITIONS[scenario]["shots"]:
        train, _ = tc.few_shot(pool, shots, seed=1)
        assert {image.tobytes() for image in train.images} <= {i.tobytes() for i in pool.images}


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_what_is_embedded_stays_small(scenario):
    widget = tc.widgets.TransferExplorer(scenario)
    assert len(json.dumps(widget.get_state(), default=repr)) < 300_000


def final(scenario, at):
    return np.mean([run[1][-1] for run in explorer.load_grid(scenario)[explorer.key(at)]]) / 1000


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_presets_are_true_in_the_grid(scenario):
    for story in tc.widgets.TransferExplorer(scenario).stories:
        gain = final(scenario, story["shown"]) - final(scenario, story["pinned"])
        assert (gain < -0.03) if "wrecks" in story["title"] else (gain > 0.03), story["title"]


# Moves


@pytest.fixture
def conversation(monkeypatch):
    """An explorer, and what it says to the page."""
    widget = tc.widgets.TransferExplorer()
    said = []
    monkeypatch.setattr(widget, "send", said.append)
    yield widget, said
    widget.close()


def until_idle(widget):
    end = time.monotonic() + 120
    while widget.is_training:
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_move_trains_and_the_curve_grows(conversation):
    widget, said = conversation
    widget.receive({"kind": "move", "view": "a", "id": 7, "settings": AT, "episodes": [1]})
    until_idle(widget)
    kinds = [message["kind"] for message in said]
    count = len(explorer.EPOCHS["digits"])
    assert kinds == ["loading", "ready", *["growing"] * count, "done"]
    assert {message["id"] for message in said} == {7}
    assert said[-1]["run"] == explorer.packed(explorer.measure("digits", AT, episode=1))


def test_a_newer_move_stops_the_older_run(conversation):
    widget, said = conversation
    slow = AT | {"method": "from_scratch", "shots": 5}
    explorer.load_scenario("digits")
    widget.receive(
        {"kind": "move", "view": "a", "id": 1, "settings": slow, "episodes": [0, 1, 2, 3]}
    )
    while not any(message["kind"] == "growing" for message in said):
        time.sleep(0.01)
    widget.receive({"kind": "move", "view": "a", "id": 2, "settings": AT, "episodes": [0]})
    until_idle(widget)
    done = [message["id"] for message in said if message["kind"] == "done"]
    assert done == [2]


def test_a_storm_of_moves_ends_at_the_last_one_and_leaves_nothing(conversation):
    widget, said = conversation
    explorer.load_scenario("digits")
    threads = threading.active_count()
    draw = random.Random(0)
    for number in range(200):
        at = {name: draw.choice(values) for name, values in widget.positions.items()}
        widget.receive({"kind": "move", "view": "a", "id": number, "settings": at, "episodes": [0]})
        time.sleep(0.01)
    until_idle(widget)
    assert (said[-1]["kind"], said[-1]["id"]) == ("done", 199)
    assert not [message for message in said if message["kind"] == "problem"]
    assert threading.active_count() <= threads


def test_closing_ends_the_work(conversation):
    widget, said = conversation
    slow = AT | {"method": "from_scratch", "shots": 5}
    widget.receive(
        {"kind": "move", "view": "a", "id": 1, "settings": slow, "episodes": [0, 1, 2, 3]}
    )
    widget.close()
    until_idle(widget)
    assert not [message for message in said if message["kind"] == "done"]


def test_what_goes_wrong_is_said_on_the_page(conversation):
    widget, said = conversation
    widget.receive(
        {"kind": "move", "view": "a", "id": 1, "settings": AT | {"shots": 99_999}, "episodes": [0]}
    )
    until_idle(widget)
    assert said[-1]["kind"] == "problem"
    assert "shots=99999" in said[-1]["text"]


# Several views, and a kernel that ends


def test_the_moves_of_two_views_stop_none_of_the_others(conversation):
    widget, said = conversation
    slow = AT | {"method": "from_scratch"}
    widget.receive({"kind": "move", "view": "a", "id": 1, "settings": slow, "episodes": [0]})
    while not any(message["kind"] == "growing" for message in said):
        time.sleep(0.01)
    widget.receive({"kind": "hello", "view": "b"})
    assert said[-1]["kind"] in ("loading", "growing")  # answered at once, not at the end of the run
    widget.receive({"kind": "move", "view": "b", "id": 1, "settings": AT, "episodes": [0]})
    until_idle(widget)
    done = {message["view"]: message["run"] for message in said if message["kind"] == "done"}
    expected = {"a": slow, "b": AT}
    for view, settings_ in expected.items():
        assert done[view] == explorer.packed(explorer.measure("digits", settings_, episode=0))


def test_a_view_that_is_closed_leaves_its_run_and_no_other(conversation):
    widget, said = conversation
    slow = AT | {"method": "from_scratch"}
    ask = {"kind": "move", "id": 1, "settings": slow}
    widget.receive(ask | {"view": "a", "episodes": [0, 1, 2]})
    widget.receive(ask | {"view": "b", "episodes": [0]})
    while not any(message["kind"] == "growing" for message in said):
        time.sleep(0.01)
    widget.receive({"kind": "leave", "view": "a"})
    until_idle(widget)
    assert [message["view"] for message in said if message["kind"] == "done"] == ["b"]


def test_the_kernel_answers_the_message_that_asked(monkeypatch):
    """Jupyter keeps in a context variable which message is being handled. ipykernel 7.4 takes it
    for the way back, and loses what a page says next where that leads to another message's."""
    widget = tc.widgets.TransferExplorer()
    handled = ContextVar("handled", default=None)
    said = []
    monkeypatch.setattr(widget, "send", lambda message: said.append((message, handled.get())))

    def receive(view):
        handled.set(view)
        at = AT | {"method": "feature_reuse"}
        widget.receive({"kind": "move", "view": view, "id": 1, "settings": at, "episodes": [0]})

    for view in "ab":
        copy_context().run(receive, view)
    until_idle(widget)
    assert {message["view"] for message, _ in said} == {"a", "b"}
    assert all(message["view"] == view for message, view in said)


# A model as the page gets it, and two views of it. `dead` makes it a kernel that has ended.
VIEWS = """(() => {
    const heard = {}, views = [0, 1].map(() => document.createElement("div"));
    window.sent = []; window.dead = false;
    window.happen = (event, ...what) => (heard[event] ?? []).forEach(each => each(...what));
    const model = {
        get: name => at[name],
        on: (event, each) => (heard[event] ??= []).push(each),
        off: (event, each) => heard[event].splice(heard[event].indexOf(each), 1),
        send: message => {
            if (window.dead) throw new Error("Cannot send");
            window.sent.push(message);
        },
    };
    document.body.replaceChildren(...views);
    window.leave = views.map(el => module.render({ model, el }));
    window.views = views;
})()"""


@pytest.fixture
def views(page):
    """A page with two views of one explorer; each has greeted, and been told "ready"."""
    widget = tc.widgets.TransferExplorer()
    state = {name: getattr(widget, name) for name in tc.widgets.TransferExplorer.class_own_traits()}
    in_page(page, widget, VIEWS, state)
    greetings = page.evaluate("() => window.sent.splice(0)")
    assert [message["kind"] for message in greetings] == ["hello", "hello"]
    names = [message["view"] for message in greetings]
    assert names[0] != names[1]
    for name in names:
        page.evaluate("view => happen('msg:custom', {kind: 'ready', view})", name)
    return page, names


def origins(page):
    return page.evaluate("() => views.map(el => el.querySelector('.tc-origin').textContent)")


def words(page):
    return page.evaluate("() => views.map(el => el.querySelector('.tc-words').textContent)")


@pytest.mark.browser
def test_a_view_shows_no_reply_to_another(views):
    page, names = views
    page.evaluate("() => views.forEach(el => el.querySelector('[value=feature_reuse]').click())")
    before = words(page)
    moves = page.evaluate("() => window.sent")
    assert [(move["view"], move["id"]) for move in moves] == [(name, 1) for name in names]
    count = len(explorer.EPOCHS["digits"])
    run = [[500] * count, [123] * count, [0, 0, 0, 0], 777, []]
    reply = {"kind": "done", "view": names[0], "id": 1, "episode": 0, "run": run}
    page.evaluate("reply => happen('msg:custom', reply)", reply)
    first, second = words(page)
    assert "12 % of the test pictures" in first
    assert second == before[1]
    assert "Computed just now" in origins(page)[0]
    assert "Training now" in origins(page)[1]


@pytest.mark.browser
@pytest.mark.parametrize("notice", ["told", "refused"])
def test_the_end_of_the_kernel_is_said_and_the_grid_stays(views, notice):
    page, _ = views
    page.evaluate("() => views[0].querySelector('[value=from_scratch]').click()")
    assert "Training now" in origins(page)[0]
    page.evaluate("() => { window.dead = true; }")
    if notice == "told":
        page.evaluate("() => happen('comm_live_update')")
    page.evaluate("() => views[0].querySelector('[value=feature_reuse]').click()")
    assert "run this cell again" in origins(page)[0]
    assert words(page)[0].startswith("feature reuse")
    before = words(page)[0]
    page.evaluate("() => views[0].querySelector('[value=l2_sp]').click()")
    assert words(page)[0].startswith("L2-SP") and words(page)[0] != before
    page.evaluate("() => leave.forEach(each => each())")


@pytest.mark.browser
def test_no_control_gives_its_keys_away(views):
    """Else JupyterLab and Notebook take d d on a slider for the deletion of the cell."""
    page, _ = views
    controls = "document.querySelectorAll('input, button')"
    kept = f"[...{controls}].filter(it => it.closest('[data-lm-suppress-shortcuts=true]') === it)"
    count, keeping = page.evaluate(f"() => [{controls}.length, {kept}.length]")
    assert count == keeping > 20


# Names


@given(st.sampled_from(every_position("digits")))
@settings(max_examples=50)
def test_what_does_not_matter_is_not_in_the_name(at):
    other = at | {"lam": 7.0}
    same = explorer.key(at) == explorer.key(other)
    assert same == (at["method"] != "l2_sp" or at["freeze"] == "all")


def test_an_unknown_scenario_is_refused():
    with pytest.raises(ValueError, match=r"world='faces' is unknown: use .*digits.*emoji"):
        tc.widgets.TransferExplorer("faces")


def test_what_the_notebooks_were_saved_with_is_what_there_is_now():
    """A page without a kernel runs the module and shows the grid that its notebook holds."""
    explorers = [*map(tc.widgets.TransferExplorer, SCENARIOS), tc.widgets.LinearExplorer()]
    now = [
        {name: getattr(it, name) for name in it.keys if name in ("_esm", "_css", "grid", "stories")}
        for it in explorers
    ]
    found = 0
    for path in (Path(__file__).resolve().parent.parent / "notebooks").glob("*.ipynb"):
        widgets = nbformat.read(path, as_version=4).metadata.get("widgets", {})
        for saved in (
            widgets.get("application/vnd.jupyter.widget-state+json", {}).get("state", {}).values()
        ):
            if saved["model_name"] == "AnyModel":
                found += 1
                state = saved["state"]
                assert {name: state[name] for name in state if name in now[0]} in now, path.name
    assert found >= 5
