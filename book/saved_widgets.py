"""The widgets that a notebook was saved with: what its cells show, and the state to show it from.

JupyterLab saves what a cell shows and, unless told otherwise, not the state. Without it the site
would have nothing to draw.
"""

import json
import re

import nbformat
from nbformat.reader import NotJSONError

VIEW = "application/vnd.jupyter.widget-view+json"
STATE = "application/vnd.jupyter.widget-state+json"
# How the state of one widget names another: as its child, or in an output that it holds.
REFERENCE = re.compile(r'"(?:IPY_MODEL_|model_id": ")([\w-]+)"')


def saved_state(notebook):
    """The states that are saved in the notebook, by the ids of their widgets."""
    return notebook.metadata.get("widgets", {}).get(STATE, {}).get("state", {})


def shown_by(cell):
    """The ids of the widgets that a cell shows, as a list."""
    data = [output.get("data", {}) for output in cell.get("outputs", [])]
    return [views[VIEW]["model_id"] for views in data if VIEW in views]


def with_references(ids, state):
    """The list ``ids``, and after them all that their states refer to, each once."""
    ids = list(dict.fromkeys(ids))
    for name in ids:  # which grows meanwhile
        refers_to = dict.fromkeys(REFERENCE.findall(json.dumps(state.get(name, {}))))
        ids += [other for other in refers_to if other not in ids]
    return ids


def problems(path):
    """Why the site could not show the notebook at ``path`` whole: sentences, one for a cell."""
    try:
        notebook = nbformat.read(path, as_version=4)
    except NotJSONError:
        return [
            f"{path.name} should be a notebook, but is not JSON, as after a merge that is not "
            "finished: restore it, then run `make notebooks`."
        ]
    state = saved_state(notebook)
    return [
        f"{path.name}, cell {index} (id {cell.get('id')}) shows a widget, but the notebook was "
        "saved without its state, so the page would be without it: run `make notebooks`, which "
        "saves both."
        for index, cell in enumerate(notebook.cells)
        if not set(with_references(shown_by(cell), state)) <= set(state)
    ]
