"""Run notebooks and save them with their outputs: ``python book/execute.py [notebook ...]``.

What is saved depends on the source and the outputs
alone, not on the hour or on this machine's Python, so a second run changes a file only where an
output has changed. A notebook in which a cell fails or writes to stderr is left as it was.
"""

import argparse
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from saved_widgets import STATE, saved_state, shown_by, with_references
from traitlets.config import Config

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
# What editors leave in the metadata of a cell without its author's doing.
TRACES = ("execution", "ExecuteTime", "collapsed", "scrolled", "trusted")
# Without it each kernel warns that what it says to us could be overheard.
ENCRYPTED = Config({"KernelManager": {"transport_encryption": "auto"}})


def execute(path):
    """Run the notebook at ``path`` in its own folder, in a fresh kernel, and return it, canonical.

    Ends the program, and names the cell, if one raises (unless its tag ``raises-exception`` says
    that it should), writes to stderr, which students would see as a red box, or prints a warning.
    """
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata = nbformat.from_dict(METADATA)
    for cell in notebook.cells:
        for trace in TRACES:
            cell.metadata.pop(trace, None)

    client = NotebookClient(
        notebook,
        config=ENCRYPTED,
        resources={"metadata": {"path": path.resolve().parent}},
        record_timing=False,
        coalesce_streams=True,  # how a text is cut into messages is a matter of chance
    )
    with client.setup_kernel():
        for index, cell in enumerate(notebook.cells):
            where = f"{path.name}, cell {index} (id {cell.get('id')})"
            try:
                client.execute_cell(cell, index)
            except CellExecutionError as error:
                sys.exit(f"{where} fails:\n{error}")
            for output in cell.get("outputs", []):
                if output.get("name") == "stderr":
                    sys.exit(f"{where} writes to stderr:\n{cell.source}\n\n{output.text}")
                if "WARNING:" in output.get("text", ""):  # TensorFlow's go to stdout
                    sys.exit(f"{where} prints a warning:\n{cell.source}\n\n{output.text}")
    client.set_widgets_metadata()
    _repeat_alternative_texts(notebook)
    return _with_numbered_widgets(notebook)


def _repeat_alternative_texts(notebook):
    """Save the text of each cell's figure with the figure too.

    The site reads it in the cell; what else shows or converts a notebook looks for it there.
    """
    for cell in notebook.cells:
        alt = cell.metadata.get("mystnb", {}).get("image", {}).get("alt")
        for output in cell.get("outputs", []) if alt else []:
            for kind in output.get("data", {}):
                if kind.startswith("image/"):
                    output.metadata.setdefault(kind, {})["alt"] = alt


def _with_numbered_widgets(notebook):
    """The notebook with its widgets named in their order: their ids are drawn at random.

    Keeps those that a cell shows, and what they refer to.
    """
    if "widgets" not in notebook.metadata:
        return notebook
    state = saved_state(notebook)
    ids = with_references([name for cell in notebook.cells for name in shown_by(cell)], state)
    notebook.metadata.widgets[STATE]["state"] = {name: state[name] for name in ids}
    text = nbformat.writes(notebook)
    for number, name in enumerate(ids, 1):
        text = text.replace(name, f"widget-{number}")
    return nbformat.reads(text, as_version=4)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Run notebooks and save them with their outputs.")
    parser.add_argument(
        "notebooks", nargs="*", type=Path, help="files (default: all of the folder notebooks)"
    )
    for path in parser.parse_args().notebooks or sorted(NOTEBOOKS.glob("*.ipynb")):
        nbformat.write(execute(path), path)
        print(path.name)
