"""Run notebooks and save them with their outputs: ``python book/execute.py [notebook ...]``.

What is saved depends on the source and the outputs
alone, not on the hour or on this machine's Python, so a second run changes a file only where an
output has changed. A notebook in which a cell fails or writes to stderr is left as it was.
"""

import argparse
import json
import re
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from traitlets.config import Config

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
# What editors leave in the metadata of a cell without its author's doing.
TRACES = ("execution", "ExecuteTime", "collapsed", "scrolled", "trusted")
WIDGET_STATE = "application/vnd.jupyter.widget-state+json"
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
    return _with_numbered_widgets(notebook)


def _with_numbered_widgets(notebook):
    """The notebook with its widgets named in their order: their ids are drawn at random.

    Keeps those that a cell shows, and what they refer to.
    """
    if "widgets" not in notebook.metadata:
        return notebook
    saved = notebook.metadata.widgets[WIDGET_STATE]
    ids = re.findall(r'"model_id": "(\w+)"', nbformat.writes(notebook))
    for name in ids:  # which grows meanwhile
        refers_to = re.findall(r"IPY_MODEL_(\w+)", json.dumps(saved["state"][name]))
        ids += [other for other in refers_to if other not in ids]
    saved["state"] = {name: saved["state"][name] for name in dict.fromkeys(ids)}
    text = nbformat.writes(notebook)
    for number, name in enumerate(saved["state"], 1):
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
