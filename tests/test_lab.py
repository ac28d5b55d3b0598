"""What a student sees: JupyterLab as `make lab` starts it, in a real browser, every cell run."""

import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import nbformat
import numpy as np
import pytest
from browser import chromium, new_page
from PIL import Image

pytestmark = pytest.mark.browser

ROOT = Path(__file__).resolve().parent.parent
SECONDS = 600

# Python runs a module of this name at start-up, in the server and in every kernel. It writes down
# each host that is not this machine.
SPY = """
import os, sys

HOME = (None, "", "localhost", "127.0.0.1", "::1", "0.0.0.0")

def spy(event, args):
    if event in ("socket.connect", "socket.sendto") and isinstance(args[1], tuple):
        host = args[1][0]
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        host = args[0]
    else:
        return
    host = host.decode() if isinstance(host, bytes) else host
    if host not in HOME:
        with open(os.environ["SPY_REPORT"], "a", encoding="utf-8") as report:
            report.write(f"{event} {host}\\n")

sys.addaudithook(spy)
"""


# The menu entry "Run All Cells", once the notebook is open and its kernel there; then "Save". What
# C++ writes comes through a pipe, a little later than the cell ends: hence the second in between.
RUN_ALL = """async path => {
    const { commands, restored } = jupyterapp;
    await restored;
    const panel = await commands.execute("docmanager:open", { path });
    await panel.sessionContext.ready;
    commands.execute("notebook:run-all-cells")
        .then(() => new Promise(resolve => setTimeout(resolve, 1000)))
        .then(() => commands.execute("docmanager:save"))
        .finally(() => { window.ended = true; });
}"""


def make_lab():
    """The arguments that `make lab` gives to Python."""
    if not shutil.which("make"):
        pytest.skip("There is no make here to ask how it starts JupyterLab; install it.")
    # Where this test is itself run by make, that make has left word for its children.
    env = {name: value for name, value in os.environ.items() if "MAKE" not in name}
    recipe = subprocess.run(
        ["make", "-n", "lab"], cwd=ROOT, env=env, capture_output=True, encoding="utf-8", check=True
    ).stdout
    command = shlex.split(recipe.replace("\\\n", " ").splitlines()[-1])
    assert command[1:3] == ["-m", "jupyterlab"], recipe
    return command[1:]


@contextmanager
def jupyter(folder, arguments):
    """``(address, token, folder, report)`` of a Jupyter server on a copy of the notebooks.

    ``arguments`` are Python's. The copies in ``folder/notebooks`` have lost their outputs;
    ``report`` is the file of the spy.
    """
    shutil.copytree(
        ROOT / "notebooks",
        folder / "notebooks",
        ignore=shutil.ignore_patterns(".ipynb_checkpoints"),
    )
    for path in (folder / "notebooks").glob("*.ipynb"):
        notebook = nbformat.read(path, as_version=4)
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
        nbformat.write(notebook, path)
    (folder / "spy").mkdir()
    (folder / "spy" / "sitecustomize.py").write_text(SPY, encoding="utf-8")
    report = folder / "report"

    # The settings of whoever runs this test are left out, as on a fresh machine.
    env = {name: value for name, value in os.environ.items() if "JUPYTER" not in name}
    # Under pytest, kernels leave what C++ writes (TensorFlow's log lines) out of a notebook.
    env.pop("PYTEST_CURRENT_TEST", None)
    env |= {"PYTHONPATH": str(folder / "spy"), "SPY_REPORT": str(report)}
    env |= {"JUPYTER_CONFIG_DIR": str(folder / "config"), "IPYTHONDIR": str(folder / "ipython")}
    env |= {"JUPYTER_DATA_DIR": str(folder / "data"), "JUPYTER_RUNTIME_DIR": str(folder / "run")}
    flags = ["--no-browser", "--ServerApp.port=0"]
    with (
        (folder / "log").open("w", encoding="utf-8") as log,
        subprocess.Popen(
            [sys.executable, *arguments, *flags],
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        ) as server,
    ):
        try:
            notice = folder / "run" / f"jpserver-{server.pid}.json"
            until = time.monotonic() + 60
            while not notice.exists():
                said = (folder / "log").read_text(encoding="utf-8")
                assert server.poll() is None, f"Jupyter ended at once:\n{said}"
                assert time.monotonic() < until, f"Jupyter took over a minute:\n{said}"
                time.sleep(0.1)
            info = json.loads(notice.read_text(encoding="utf-8"))
            yield info["url"], info["token"], folder, report
        finally:
            server.terminate()


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """What `jupyter` gives, of a JupyterLab."""
    arguments = [*make_lab(), "--LabApp.expose_app_in_browser=True"]
    with jupyter(tmp_path_factory.mktemp("lab"), arguments) as server:
        yield server


@pytest.mark.slow  # its cells run in a notebook test, and the other tests drive JupyterLab
def test_all_cells_of_the_first_page_run_in_jupyterlab(lab):
    """The others run too, but without a browser: see notebooks/ in what pytest collects."""
    name = "00-start.ipynb"
    address, token, folder, report = lab
    report.write_text("", encoding="utf-8")
    with chromium() as browser, new_page(browser) as (page, trouble):
        page.goto(f"{address}lab/tree/{name}?reset&token={token}")
        page.wait_for_selector(".jp-Notebook .jp-Cell")
        page.evaluate(RUN_ALL, name)
        page.wait_for_function("() => window.ended", timeout=SECONDS * 1000)
        red = page.locator('[data-mime-type="application/vnd.jupyter.stderr"]').all_inner_texts()
        asked = page.locator(".jp-Dialog, .jp-toastContainer [role=alert]").all_inner_texts()

    code = [
        cell
        for cell in nbformat.read(folder / "notebooks" / name, as_version=4).cells
        if cell.cell_type == "code" and cell.source.strip()
    ]
    outputs = [output for cell in code for output in cell.outputs]
    assert [output for output in outputs if output.output_type == "error"] == []
    assert [output for output in outputs if output.get("name") == "stderr"] == []
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert outputs
    assert red == []
    assert asked == [], "JupyterLab asks or announces something that is not the course's"
    assert trouble == []
    assert report.read_text(encoding="utf-8") == "", "the server or a kernel asks another host"


# What a reader of the explorer sees: the state, the words and the drawings.
SEEN = """explorer => [
    explorer.dataset.state,
    explorer.querySelector(".tc-words").textContent,
    explorer.querySelector(".tc-results").innerHTML,
]"""


def test_the_explorer_trains_under_the_fingers_in_jupyterlab(lab):
    address, token, _, report = lab
    report.write_text("", encoding="utf-8")
    with chromium() as browser, new_page(browser) as (page, trouble):
        page.goto(f"{address}lab/tree/explorers.ipynb?reset&token={token}")
        page.wait_for_selector(".jp-Notebook .jp-Cell")
        page.evaluate(RUN_ALL, "explorers.ipynb")
        page.wait_for_function("() => window.ended", timeout=SECONDS * 1000)
        digits = page.locator(".tc-explorer").first
        digits.scroll_into_view_if_needed()
        page.wait_for_function(
            "() => document.querySelector('.tc-origin').textContent.includes('Move something')",
            timeout=SECONDS * 1000,
        )

        def moved(act):
            """The words before and after, once what was set off has been trained."""
            before = digits.evaluate(SEEN)
            act()
            page.wait_for_function(
                """words => {
                    const explorer = document.querySelector(".tc-explorer");
                    const now = explorer.querySelector(".tc-words").textContent;
                    return explorer.dataset.state === "computed" && now !== words;
                }""",
                arg=before[1],
                timeout=SECONDS * 1000,
            )
            after = digits.evaluate(SEEN)
            assert after[2] != before[2]

        cell = page.evaluate(
            "() => document.querySelector('.jp-mod-active')?.dataset.windowedListIndex"
        )
        sliders = digits.locator("input[type=range]:enabled")
        keys = ["ArrowRight", "ArrowLeft", "ArrowRight"]  # freeze, shots, learning rate
        assert sliders.count() == len(keys)
        for number, key in enumerate(keys):
            sliders.nth(number).focus()
            moved(lambda: page.keyboard.press(key))  # noqa: B023
        assert cell == page.evaluate(
            "() => document.querySelector('.jp-mod-active')?.dataset.windowedListIndex"
        ), "the arrow keys have left the slider for another cell"
        moved(lambda: digits.get_by_role("radio", name="L2-SP").check())
        between = digits.get_by_label("λ, pull to the source: any value")
        between.fill("0.5")
        moved(lambda: between.press("Enter"))
        moved(lambda: digits.get_by_role("button", name="Draw other shots").click())
        box = digits.locator("input[type=range]:enabled").nth(1).bounding_box()
        moved(lambda: page.mouse.click(box["x"] + box["width"] - 4, box["y"] + box["height"] / 2))
        digits.locator("figure").last.scroll_into_view_if_needed()
        controls, sheet = (
            digits.locator(it).bounding_box() for it in (".tc-controls", ".tc-sheet")
        )
        assert controls["y"] > sheet["y"] + 50, "the controls do not stay in view"
    assert trouble == []
    assert report.read_text(encoding="utf-8") == "", "the server or a kernel asks another host"


KERNEL = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
TWO_VIEWS = """import transfer_course as tc
explorer = tc.widgets.TransferExplorer()
display(explorer)
display(explorer)"""


def test_two_views_take_turns_and_a_restart_is_noticed(lab):
    address, token, folder, _ = lab
    cells = [nbformat.v4.new_code_cell(TWO_VIEWS), nbformat.v4.new_code_cell("1 + 1")]
    notebook = nbformat.v4.new_notebook(cells=cells, metadata=KERNEL)
    nbformat.write(notebook, folder / "notebooks" / "views.ipynb")
    with chromium() as browser, new_page(browser) as (page, trouble):
        page.goto(f"{address}lab/tree/views.ipynb?reset&token={token}")
        page.wait_for_selector(".jp-Notebook .jp-Cell")
        page.evaluate(RUN_ALL, "views.ipynb")
        page.wait_for_function("() => window.ended", timeout=SECONDS * 1000)
        views = page.locator(".tc-explorer")
        assert views.count() == 2

        def wait_until(number, said):
            page.wait_for_function(
                "([number, said]) => document.querySelectorAll('.tc-origin')[number]"
                ".textContent.includes(said)",
                arg=[number, said],
                timeout=SECONDS * 1000,
            )

        for number in range(2):
            wait_until(number, "Move something")
        # The first one's run goes on while the second one is used, and each gets its own answer.
        views.nth(0).get_by_role("radio", name="from scratch").check()
        views.nth(1).get_by_role("radio", name="feature reuse").check()
        for number, method in enumerate(["from scratch", "feature reuse"]):
            wait_until(number, "Computed just now")
            assert views.nth(number).locator(".tc-words").inner_text().startswith(method)
        # Keys on a slider are the slider's: d d would delete the cell, the arrows would leave it.
        cells_before = page.locator(".jp-Notebook .jp-Cell").count()
        for control in ("input[type=range]:enabled", "button"):
            views.nth(1).locator(control).first.focus()
            page.keyboard.press("d")
            page.keyboard.press("d")
        assert page.locator(".jp-Notebook .jp-Cell").count() == cells_before == 2

        views.nth(0).get_by_role("radio", name="L2-SP").check()
        wait_until(0, "Training now")
        page.evaluate(
            "async () => jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()"
        )
        for number in range(2):
            wait_until(number, "run this cell again")
        views.nth(0).get_by_role("radio", name="fine-tuning").check()
        assert views.nth(0).locator(".tc-words").inner_text().startswith("fine-tuning")
    assert trouble == []


OWN = """import transfer_course as tc
photos = tc.datasets.image_folder("photos", image_size=32)
explorer = tc.widgets.TransferExplorer(
    backbone=tc.backbones.small_cnn((32, 32, 3)), dataset=photos
)
explorer"""


def test_an_explorer_over_a_folder_of_photos_trains_at_once_and_fills_its_curve(lab):
    address, token, folder, report = lab
    report.write_text("", encoding="utf-8")
    draw = np.random.default_rng(0)
    for name, colour in {"red": 0, "green": 1}.items():
        (folder / "notebooks" / "photos" / name).mkdir(parents=True)
        for number in range(12):
            pixels = draw.integers(0, 120, (40, 50, 3), dtype=np.uint8)
            pixels[..., colour] += 130
            path = folder / "notebooks" / "photos" / name / f"{number}.png"
            Image.fromarray(pixels).save(path)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(OWN)], metadata=KERNEL)
    nbformat.write(notebook, folder / "notebooks" / "own.ipynb")
    with chromium() as browser, new_page(browser) as (page, trouble):
        page.goto(f"{address}lab/tree/own.ipynb?reset&token={token}")
        page.wait_for_selector(".jp-Notebook .jp-Cell")
        page.evaluate(RUN_ALL, "own.ipynb")
        page.wait_for_function("() => window.ended", timeout=SECONDS * 1000)
        page.wait_for_selector('.tc-explorer[data-state="computed"]', timeout=SECONDS * 1000)
        explorer = page.locator(".tc-explorer")
        assert explorer.locator(".tc-words").inner_text().startswith("fine-tuning, frozen up to")
        page.wait_for_function(
            """() => document.querySelectorAll(".tc-first circle.tc-fine_tune").length >= 3""",
            timeout=SECONDS * 1000,
        )  # a point for 1 and one for 5 shots, and the ring where the controls are
        explorer.get_by_role("radio", name="feature reuse").check()
        page.wait_for_function(
            """() => document.querySelector(".tc-explorer").dataset.state === "computed" &&
                document.querySelector(".tc-words").textContent.startsWith("feature reuse") &&
                document.querySelector(".tc-words").textContent.includes("mean of 3 draws")""",
            timeout=SECONDS * 1000,
        )
        assert not explorer.get_by_role("slider", name="λ").is_enabled()
    assert trouble == []
    assert report.read_text(encoding="utf-8") == "", "the server or a kernel asks another host"


# In Notebook 7, where a page is one notebook: until its kernel is there.
READY = """async () => {
    await jupyterapp.restored;
    await jupyterapp.shell.currentWidget.sessionContext.ready;
}"""
ONE_VIEW = """import transfer_course as tc
tc.widgets.TransferExplorer()"""


@pytest.mark.slow
def test_the_keys_on_a_slider_are_the_sliders_in_notebook_7(tmp_path):
    flags = [flag for flag in make_lab()[2:] if "LabApp" not in flag]
    arguments = ["-m", "notebook", *flags, "--JupyterNotebookApp.expose_app_in_browser=True"]
    sources = ["1 + 1", ONE_VIEW, "2 + 2"]
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    with jupyter(tmp_path, arguments) as (address, token, folder, report):
        report.write_text("", encoding="utf-8")
        notebook = nbformat.v4.new_notebook(cells=cells, metadata=KERNEL)
        nbformat.write(notebook, folder / "notebooks" / "keys.ipynb")
        with chromium() as browser, new_page(browser) as (page, trouble):
            page.goto(f"{address}notebooks/keys.ipynb?token={token}")
            page.wait_for_selector(".jp-Notebook .jp-Cell")
            page.evaluate(READY)
            trouble.clear()  # Notebook 7.6 has an error of its own while it starts
            page.evaluate("async () => jupyterapp.commands.execute('notebook:run-all-cells')")
            explorer = page.locator(".tc-explorer")
            page.wait_for_function(
                "() => document.querySelector('.tc-origin').textContent.includes('Move something')",
                timeout=SECONDS * 1000,
            )
            slider = explorer.get_by_role("slider", name="shots")
            box = slider.bounding_box()
            # The middle, 5 shots; and the cell is now the one that keys are for.
            page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
            assert slider.evaluate("it => it === document.activeElement")
            page.wait_for_function(
                "() => document.querySelectorAll('.jp-Notebook .jp-Cell')[1]"
                ".matches('.jp-mod-active')"
            )
            for key, shots in {"ArrowDown": 2, "ArrowLeft": 1, "ArrowUp": 2}.items():
                page.keyboard.press(key)
                text = explorer.locator(".tc-slider", has_text="shots").locator("b").inner_text()
                assert text == str(shots), key
            page.keyboard.press("d")
            page.keyboard.press("d")
            now = page.locator(".jp-Notebook .jp-Cell")
            assert now.count() == len(sources)
            assert now.nth(1).evaluate("it => it.matches('.jp-mod-active')")
            assert slider.evaluate("it => it === document.activeElement")
        assert trouble == []
        assert report.read_text(encoding="utf-8") == "", "the server or a kernel asks another host"
