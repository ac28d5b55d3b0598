"""The transfer explorer: move a slider, and a real network is trained while you watch.

The page and the kernel talk in messages, so that the page never waits:

- page to kernel: ``hello``, once; ``move``, with the position of the controls (``settings``) and
  the ``runs`` that are missing there and along the control that was moved, each with settings and a
  draw of the shots (``episode``); ``leave`` when the view is closed.
- kernel to page: ``loading`` and ``ready``; of each run, marked with its settings and its draw,
  ``growing`` with the curves so far while it trains, then ``done`` with the run, as `explorer.run`
  returns it, or ``problem`` with a sentence; and ``go``, to all views, with a position that was set
  from Python.

An explorer can be shown several times, and each of these views has controls of its own. So every
message carries the name of its view, and the number of the move that it asks for or answers. The
views take turns of one run each: a page that was closed without ``leave`` holds none up for long.

Nobody answers the page's ``hello`` where no kernel runs, so it goes on drawing from the grid.
"""

import base64
import io
import time
from collections.abc import Mapping
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from pathlib import Path
from threading import Lock, Thread

import anywidget
import numpy as np
import traitlets
from PIL import Image, ImageOps

from transfer_course._progress import progress, say, stop_button
from transfer_course._validation import check_choice, check_int, check_number, describe_type
from transfer_course.experiments import explorer, scenarios
from transfer_course.experiments.scenarios import Scenario

HERE = Path(__file__).parent
_KEEP_EVERY = 30  # seconds, while a grid is filled


class TransferExplorer(anywidget.AnyWidget):
    """Sliders for how a source network is transferred, and what comes of it.

    With a kernel each move trains for real, in the background: the curve grows, a newer position
    stops the older run at its next chunk, and other cells run meanwhile. A value between those of a
    slider can be typed. Without one, as on the published page, the same controls show a grid of
    runs made beforehand. The page says which.
    Displayed twice, it has controls of its own in each place, whose runs take turns.

    Parameters
    ----------
    world : str, optional
        ``"digits"``, the default: a small CNN that learned MNIST reads other people's digits;
        ``"new_classes"``: one that learned MNIST's 0 to 4 reads the digits 5 to 9;
        ``"emoji"``: EfficientNet-Lite0 with ImageNet weights names emoji of 96 pixels (slower);
        ``"solar_cells"``: the same network finds broken solar cells (not for commercial use, and
        with the package elpv-dataset alone: see `transfer_course.datasets.solar_cells`).
    backbone : keras.Model, optional
        A network of your own, as for the algorithms; then ``dataset`` is needed as well.
    dataset : Dataset, optional
        Images of your own, at least four of each class (or four groups): half of them are for
        testing. The controls offer as many shots as the other half allows.
    source : keras.Sequential, optional
        What `transfer_course.pretrain` returned, if your backbone is from there. Then the explorer
        also shows how much of the source task is kept.

    Raises
    ------
    TypeError
        ``world`` is given with a backbone, a backbone without a data set or the other way round,
        or one of them is of the wrong kind.
    ValueError
        There is no such world, the images do not fit the backbone, or a class has too few of them.
    ModuleNotFoundError
        ``world`` is ``"solar_cells"``, and the package elpv-dataset is not installed.

    Examples
    --------
    >>> import transfer_course as tc
    >>> tc.widgets.TransferExplorer()
    TransferExplorer(world='digits')
    >>> tc.widgets.TransferExplorer(
    ...     backbone=tc.backbones.small_cnn((32, 32, 3)),
    ...     dataset=tc.datasets.emoji(image_size=32),
    ... )
    TransferExplorer(Dataset(264 images of 32x32x3, 10 classes))
    """

    _esm = "".join(
        (HERE / name).read_text("utf8")
        for name in ("common.js", "runs.js", "figures.js", "transfer.js")
    )
    _css = HERE / "explorer.css"

    about = traitlets.Dict().tag(sync=True)
    start = traitlets.Dict().tag(sync=True)
    grid = traitlets.Dict().tag(sync=True)

    def __init__(self, world: str | None = None, *, backbone=None, dataset=None, source=None):
        self._lock = Lock()
        self._waiting = {}  # view -> its newest message and context, unless they have been taken
        self._worker = None
        self._is_loaded = False
        self._is_closed = False
        self._dataset = dataset
        if backbone is None and dataset is None and source is None:
            self._world = "digits" if world is None else world
            check_choice("world", self._world, scenarios.NAMES)
            it, grid = scenarios.scenario(self._world), explorer.load_packed(self._world)
        else:
            _check_parts(world, backbone, dataset)
            from transfer_course.widgets.own import own  # the network is there, so TensorFlow is

            self._world = None
            it = own(backbone, dataset, source)
            grid = explorer.pack({}, it)
        self._scenario = it
        self._settings = dict(it.start)
        name = self._world or repr(dataset)
        super().__init__(about={"name": name} | _for_the_page(it), start=it.start, grid=grid)
        self.on_msg(lambda _, message, buffers: self.receive(message))

    def close(self):
        """End the work in the background and take the widget off the page."""
        self._is_closed = True
        super().close()

    def __repr__(self) -> str:
        about = self._dataset if self._world is None else f"world={self._world!r}"
        return f"TransferExplorer({about})"

    @property
    def is_training(self) -> bool:
        """Whether the work in the background goes on."""
        return self._worker is not None

    @property
    def settings(self) -> dict:
        """The position of the controls, where they were moved last: read it, or set some of it.

        Values between those that the controls offer are fine: ``explorer.settings = {"lam": 0.5}``
        moves λ there, in all views, and leaves the other controls.
        """
        return dict(self._settings)

    @settings.setter
    def settings(self, changes: dict) -> None:
        self._settings = self._settings | _checked(changes, self._scenario.positions)
        self.start = self._settings  # of the views to come
        self.send({"kind": "go", "settings": self._settings})

    @property
    def runs(self) -> dict[str, list[dict]]:
        """The runs of the grid: by the name of a position those of its episodes.

        `transfer_course.experiments.explorer.key` makes the name, and ``run`` there says what a run
        has.
        """
        return explorer.unpack(self.grid, self._scenario)

    def precompute(self) -> None:
        """Train at every position of the controls, so that the explorer works without a kernel.

        It may take an hour; a bar says how long. Stop (the square, or Control-C) keeps what is
        there, and another call goes on with the rest. A position at which training diverges is left
        out, and named at the end. Save the notebook afterwards: the runs are saved with it, and the
        published page shows them.
        """
        it, grid = self._scenario, self.runs
        everywhere = explorer.every_position(it)
        wanted = [
            (name, settings, episode)
            for episode in range(it.draws)  # first one of everything
            for name, settings in everywhere.items()
            if len(grid.get(name, [])) <= episode
        ]
        diverged, kept = [], time.monotonic()
        with stop_button() as stopped, progress(len(wanted), "run") as show:
            try:
                for done, (name, settings, episode) in enumerate(wanted, start=1):
                    if name not in diverged:
                        try:
                            run = explorer.run(it, settings, episode, given_up=stopped)
                            grid.setdefault(name, []).append(run)
                        except FloatingPointError:
                            diverged.append(name)
                            grid.pop(name, None)
                    if time.monotonic() > kept + _KEEP_EVERY:  # a kernel that dies loses no more
                        self.grid, kept = explorer.pack(grid, it), time.monotonic()
                    show(done)
            except explorer.Stopped:
                pass
            finally:
                self.grid = explorer.pack(grid, it)
        if diverged:
            say(f"Training diverged here, so that runs are missing: {', '.join(diverged)}.")

    def receive(self, message: dict) -> None:
        """Do in the background what a view asks for. What it asked before is given up.

        Parameters
        ----------
        message : dict
            ``{"kind": "move", "view": "a", "id": 7, "settings": {...}, "runs": [{"settings": {...},
            "episode": 0}]}`` trains, and sends the curves, marked with the view, the id and the
            run; ``{"kind": "hello", "view": "a"}`` loads the scenario and sends "ready".
        """
        self._settings = dict(message.get("settings", self._settings))
        # At once, since another view may be at its turn.
        self._answer(message, "ready" if self._is_loaded else "loading")
        with self._lock:
            # The context says whom the kernel answers: without it, an answer from a thread goes by
            # the last message of anybody, and ipykernel 7.4 then loses what this view says next.
            self._waiting[message["view"]] = message, copy_context()
            if self._worker is None:
                self._worker = Thread(target=self._work, name="explorer", daemon=True)
                self._worker.start()

    def _work(self) -> None:
        """Make a run for each view in turn until none waits: the thread ends with its work."""
        while True:
            with self._lock:
                if self._is_closed or not self._waiting:
                    self._worker = None
                    return
                # What asks for no run, as "hello", comes first.
                view = min(self._waiting, key=lambda view: bool(_runs(self._waiting[view][0])))
                message, context = self._waiting.pop(view)
            context.run(self._serve, message)
            with self._lock:
                rest = _runs(message)[1:]
                if rest and self._is_loaded:  # unless the view wants something else by now
                    self._waiting.setdefault(view, (message | {"runs": rest}, context))

    def _answer(self, message: dict, kind: str, **content) -> None:
        marks = {"kind": kind, "view": message["view"], "id": message.get("id")}
        self.send(marks | content)

    def _serve(self, message: dict) -> None:
        """Load the source, and make the first of the runs that are asked for."""
        wanted = next(iter(_runs(message)), {})
        send = partial(self._answer, message, **wanted)
        try:
            self._scenario.source()
            self._is_loaded = True
            self._answer(message, "ready")
            if wanted:
                run = explorer.run(
                    self._scenario,
                    **wanted,
                    report=lambda curves: send("growing", **curves),
                    given_up=lambda: self._is_closed or message["view"] in self._waiting,
                )
                send("done", run=run)
            with suppress(Exception):  # it only saves time: a run says what is wrong
                explorer.prepare(self._scenario)  # while the reader looks
        except explorer.Stopped:
            pass
        except Exception as error:  # whatever it is, the reader sees a sentence, not a dead page
            with suppress(Exception):  # unless the page cannot be reached: the next view's turn
                send("problem", text=f"This run failed: {error}")


def _runs(message: dict) -> list[dict]:
    return message.get("runs", [])


def _check_parts(world, backbone, dataset) -> None:
    if world is not None:
        raise TypeError(
            f"world={world!r} brings a network and images along: leave it out to explore your own"
        )
    if backbone is None or dataset is None:
        missing = "backbone" if backbone is None else "dataset"
        raise TypeError(
            f"{missing}= is missing: your own explorer needs a backbone and a data set, as in "
            "TransferExplorer(backbone=tc.backbones.efficientnet_lite0(), dataset=photos)"
        )


def _checked(changes: dict, positions: dict) -> dict:
    """The changes as Python's own values, once a training could begin with them."""
    if not isinstance(changes, Mapping):
        raise TypeError(
            f"settings must be a dict, got {describe_type(changes)}: "
            'set one or more of them, as in explorer.settings = {"lam": 0.5}'
        )
    checked = {}
    for name, value in changes.items():
        check_choice("the name of a setting", name, tuple(positions))
        if name in ("method", "freeze"):
            checked[name] = check_choice(name, value, tuple(positions[name]))
        elif name == "shots":
            checked[name] = check_int(name, value, at_least=1, at_most=positions[name][-1])
        else:
            checked[name] = check_number(name, value, positive=name == "learning_rate")
    return checked


def _for_the_page(it: Scenario) -> dict:
    """What the page has to know of a scenario."""
    return {
        "positions": it.positions,
        "freeze_names": it.freeze_names,
        "presets": it.presets,
        "epochs": list(it.epochs),
        "draws": it.draws,
        "blocks": it.blocks,
        "retention_title": it.retention_title,
        "retention_words": it.retention_words,
        "images": _contact_sheet(it.test.images, it.image_size),
        "test_labels": it.test.labels.tolist(),
        "class_names": list(it.test.class_names),
    }


def _contact_sheet(images: np.ndarray, size: int, columns: int = 20) -> dict:
    """All images on one, as a data URL, so that the page needs no other file.

    What is not square gets a white margin.
    """
    rows = -(-len(images) // columns)
    sheet = Image.new("RGB", (columns * size, rows * size), "white")
    for index, image in enumerate(images):
        small = ImageOps.pad(Image.fromarray(image.squeeze()), (size, size), color="white")
        sheet.paste(small, (index % columns * size, index // columns * size))
    file = io.BytesIO()
    sheet.save(file, "webp", quality=40)
    url = "data:image/webp;base64," + base64.b64encode(file.getvalue()).decode()
    return {"url": url, "size": size, "columns": columns}
