"""The transfer explorer: move a slider, and a real network is trained while you watch.

The page and the kernel talk in messages, so that the page never waits:

- page to kernel: ``hello``, once; ``move``, with the position of the controls and the draws of the
  shots (episodes) that are wanted there; ``leave`` when the view is closed.
- kernel to page: ``loading`` and ``ready``; while it trains, ``growing`` with the curves so far;
  ``done`` with a run as the grid holds it; ``problem`` with a sentence.

An explorer can be shown several times, and each of these views has controls of its own. So every
message carries the name of its view, and the number of the move that it asks for or answers.

Nobody answers the page's ``hello`` where no kernel runs, so it goes on drawing from the grid.
"""

import base64
import io
from contextvars import copy_context
from functools import partial
from pathlib import Path
from threading import Lock, Thread

import anywidget
import numpy as np
import traitlets
from PIL import Image

from transfer_course._validation import check_choice
from transfer_course.experiments import explorer

HERE = Path(__file__).parent
_FREEZE_NAMES = {
    "nothing": "nothing",
    "pool1": "block 1",
    "pool2": "block 2",
    "flatten": "block 3",
    "block11": "block 11",
    "block15": "block 15",
    "all": "everything (all but the head)",
}
_SCENARIOS = {
    "digits": {
        "layers": ["conv1", "conv2", "conv3", "features"],
        "kept_title": "How much of the source task is kept: accuracy on MNIST with the source's "
        "own head",
        "kept_words": "Accuracy that is kept on the source task:",
        "start": {
            "method": "fine_tune",
            "freeze": "nothing",
            "lam": 1,
            "shots": 5,
            "learning_rate": 3e-4,
        },
        "picture_size": 28,
    },
    "emoji": {
        "layers": ["stem", *(f"block{number}" for number in range(1, 17)), "top"],
        "kept_title": "How much of the source task is kept: pictures to which ImageNet's head "
        "gives the same of its 1,000 answers as before",
        "kept_words": "ImageNet's head gives the same answers as before for",
        "start": {
            "method": "fine_tune",
            "freeze": "block15",
            "lam": 1,
            "shots": 5,
            "learning_rate": 3e-4,
        },
        "picture_size": 40,
    },
}


class TransferExplorer(anywidget.AnyWidget):
    """Sliders for how a source network is transferred, and what comes of it.

    With a kernel each move trains for real, in the background: the curve grows, a newer position
    stops the older run at its next chunk, and other cells run meanwhile. Without one, as on the
    published page, the same controls show a grid of runs made beforehand. The page says which.
    Displayed twice, it has controls of its own in each place, whose runs take turns.

    Parameters
    ----------
    world : str, default: "digits"
        ``"digits"``: a small CNN that learned MNIST reads other people's digits; ``"emoji"``:
        EfficientNet-Lite0 with ImageNet weights names emoji of 96 pixels (slower).

    Raises
    ------
    ValueError
        There is no such world.

    Examples
    --------
    >>> import transfer_course as tc
    >>> tc.widgets.TransferExplorer()
    TransferExplorer(world='digits')
    """

    _esm = (HERE / "common.js").read_text("utf8") + (HERE / "transfer.js").read_text("utf8")
    _css = HERE / "explorer.css"

    world = traitlets.Unicode().tag(sync=True)
    positions = traitlets.Dict().tag(sync=True)
    start = traitlets.Dict().tag(sync=True)
    freeze_names = traitlets.Dict().tag(sync=True)
    stories = traitlets.List().tag(sync=True)
    epochs = traitlets.List().tag(sync=True)
    episodes = traitlets.Int().tag(sync=True)
    grid = traitlets.Dict().tag(sync=True)
    layers = traitlets.List().tag(sync=True)
    kept_title = traitlets.Unicode().tag(sync=True)
    kept_words = traitlets.Unicode().tag(sync=True)
    pictures = traitlets.Dict().tag(sync=True)
    test_labels = traitlets.List().tag(sync=True)
    class_names = traitlets.List().tag(sync=True)

    def __init__(self, world: str = "digits"):
        self._lock = Lock()
        self._waiting = {}  # view -> its newest message and context, unless they have been taken
        self._worker = None
        self._is_closed = False
        check_choice("world", world, tuple(_SCENARIOS))
        about = dict(_SCENARIOS[world])
        _, test = explorer.target(world)
        super().__init__(
            world=world,
            positions=explorer.POSITIONS[world],
            freeze_names=_FREEZE_NAMES,
            stories=_PRESETS[world],
            epochs=list(explorer.EPOCHS[world]),
            episodes=explorer.EPISODES[world],
            grid=explorer.load_grid(world),
            pictures=_contact_sheet(test.images, about.pop("picture_size")),
            test_labels=test.labels.tolist(),
            class_names=list(test.class_names),
            **about,
        )
        self.on_msg(lambda _, message, buffers: self.receive(message))

    def close(self):
        """End the work in the background and take the widget off the page."""
        self._is_closed = True
        super().close()

    def __repr__(self) -> str:
        return f"TransferExplorer(world={self.world!r})"

    @property
    def is_training(self) -> bool:
        """Whether the work in the background goes on."""
        return self._worker is not None

    def receive(self, message: dict) -> None:
        """Do in the background what a view asks for. What it asked before is given up.

        Parameters
        ----------
        message : dict
            ``{"kind": "move", "view": "a", "id": 7, "settings": {...}, "episodes": [0]}`` trains at
            a position of the controls and sends the curves, marked with the view and the id;
            ``{"kind": "hello", "view": "a"}`` loads the scenario and sends "ready".
        """
        self._answer(message, "loading")  # at once, since another view may be at its turn
        with self._lock:
            # The context says whom the kernel answers: without it, an answer from a thread goes by
            # the last message of anybody, and ipykernel 7.4 then loses what this view says next.
            self._waiting[message["view"]] = message, copy_context()
            if self._worker is None:
                self._worker = Thread(target=self._work, name="explorer", daemon=True)
                self._worker.start()

    def _work(self) -> None:
        """Serve the views in turn until none waits: the thread ends with its work."""
        while True:
            with self._lock:
                if self._is_closed or not self._waiting:
                    self._worker = None
                    return
                message, context = self._waiting.pop(next(iter(self._waiting)))
            context.run(self._serve, message)

    def _answer(self, message: dict, kind: str, **content) -> None:
        marks = {"kind": kind, "view": message["view"], "id": message.get("id")}
        self.send(marks | content)

    def _serve(self, message: dict) -> None:
        send = partial(self._answer, message)
        try:
            explorer.load_scenario(self.world)
            send("ready")
            for episode in message.get("episodes", ()):
                run = explorer.measure(
                    self.world,
                    message["settings"],
                    episode,
                    report=lambda curves: send(
                        "growing",
                        episode=episode,  # noqa: B023
                        **{part: [1000 * share for share in curves[part]] for part in curves},
                    ),
                    given_up=lambda: self._is_closed or message["view"] in self._waiting,
                )
                send("done", episode=episode, run=explorer.packed(run))
        except explorer.Stopped:
            pass
        except Exception as error:  # whatever it is, the reader sees a sentence, not a dead page
            send("problem", text=f"This run failed: {error}")


def _contact_sheet(images: np.ndarray, size: int, columns: int = 20) -> dict:
    """All pictures on one, as a data URL, so that the page needs no other file."""
    rows = -(-len(images) // columns)
    sheet = Image.new("RGB", (columns * size, rows * size), "white")
    for index, image in enumerate(images):
        picture = Image.fromarray(image.squeeze()).resize((size, size))
        sheet.paste(picture, (index % columns * size, index // columns * size))
    file = io.BytesIO()
    sheet.save(file, "webp", quality=40)
    url = "data:image/webp;base64," + base64.b64encode(file.getvalue()).decode()
    return {"url": url, "size": size, "columns": columns}


def _at(method: str, shots: int, learning_rate: float, freeze: str = "nothing", lam: float = 1):
    return {
        "method": method,
        "freeze": freeze,
        "lam": lam,
        "shots": shots,
        "learning_rate": learning_rate,
    }


_PRESETS = {
    "digits": [
        {
            "title": "What the source is worth",
            "pinned": _at("from_scratch", 1, 1e-3),
            "shown": _at("fine_tune", 1, 3e-4),
            "text": "One image of each digit. Trained from scratch (pinned), the network reads "
            "half of the digits. Starting from MNIST's weights it reads eight in ten. Switch to "
            "feature reuse and to L2-SP: with one shot the three differ little.",
        },
        {
            "title": "Too large a learning rate wrecks the features",
            "pinned": _at("fine_tune", 1, 3e-4),
            "shown": _at("fine_tune", 1, 1e-2),
            "text": "The same training at a learning rate thirty times as large. Look at how far "
            "the layers have moved, and at what is kept of the source task.",
        },
        {
            "title": "λ brings it back",
            "pinned": _at("fine_tune", 1, 1e-2),
            "shown": _at("l2_sp", 1, 1e-2, lam=1),
            "text": "Still the large learning rate, but now it costs something to move away from "
            "the source. Move λ up and watch the layers come home.",
        },
    ],
    "emoji": [
        {
            "title": "Fine-tuning learns new features",
            "pinned": _at("feature_reuse", 5, 3e-4, freeze="all"),
            "shown": _at("fine_tune", 5, 3e-4, freeze="block11"),
            "text": "Five drawings of each class. Feature reuse (pinned) takes the features of "
            "ImageNet's photos as they are. With the last five blocks free to change, the "
            "network names more of the emoji.",
        },
        {
            "title": "Too large a learning rate wrecks the features",
            "pinned": _at("fine_tune", 5, 3e-4, freeze="block11"),
            "shown": _at("fine_tune", 5, 1e-2, freeze="block11"),
            "text": "The last five blocks train, once at the default learning rate (pinned), once "
            "at one thirty times as large.",
        },
        {
            "title": "λ brings it back",
            "pinned": _at("fine_tune", 5, 1e-2, freeze="block11"),
            "shown": _at("l2_sp", 5, 1e-2, freeze="block11", lam=10),
            "text": "Still the large learning rate, but now it costs something to move away from "
            "the source: most of what reuse gives is back. With λ = 1 the pull is too weak, and "
            "less comes back.",
        },
    ],
}
