"""Pictures in place of the explorers, for browsers that have JavaScript switched off."""

import base64
import io
import re

import nbformat

import transfer_course as tc

EXPLORER = re.compile(r"TransferExplorer\(world='(\w+)'\)")
# Only a browser without JavaScript shows what is in it.
PICTURE = """\
<noscript><p><img style="max-width: 100%" alt="{alt}" src="data:image/png;base64,{data}"></p>\
</noscript>"""
ALT = (
    "What the explorer shows first, as a picture: the accuracy on the test images against the "
    "labelled images per class, a line for each method, with all other controls where they start."
)


def add_pictures(path):
    """Give each cell of the notebook at ``path`` that shows an explorer a picture of it, too."""
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        for output in list(cell.get("outputs", [])):
            shown = EXPLORER.fullmatch(output.get("data", {}).get("text/plain", ""))
            if shown:
                data = {"text/html": PICTURE.format(alt=ALT, data=_picture(shown[1]))}
                cell.outputs.append(nbformat.v4.new_output("display_data", data))
    nbformat.write(notebook, path)


def _picture(world):
    """The curve over the shots at the explorer's first position, as a PNG in base64."""
    start = tc.experiments.scenarios.scenario(world).start
    table = tc.experiments.load(f"explorer_{world}")
    for name in ("freeze", "lam", "learning_rate"):
        table = table[table[name].isna() | (table[name] == start[name])]
    figure = tc.plots.accuracy_by_shots(table)
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=110)
    return base64.b64encode(file.getvalue()).decode("ascii")
