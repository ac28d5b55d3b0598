"""The linear explorer: risk, the best λ and the border of negative transfer under your fingers."""

from pathlib import Path

import anywidget

HERE = Path(__file__).parent


class LinearExplorer(anywidget.AnyWidget):
    """Sliders for the linear model of chapter 4, in which all can be solved exactly.

    Number of samples, noise, distance of source and target, λ: the page draws risk, bias² and
    variance against λ, marks the best λ, and says whether transfer helps. It computes all of it
    itself, by the formulas of `transfer_course.linear_theory` for isotropic features, so it needs
    no kernel. Ten features; the target's weights have length 2.

    Examples
    --------
    >>> import transfer_course as tc
    >>> tc.widgets.LinearExplorer()
    LinearExplorer()
    """

    _esm = (HERE / "common.js").read_text("utf8") + (HERE / "linear.js").read_text("utf8")
    _css = HERE / "explorer.css"

    def __repr__(self) -> str:
        return "LinearExplorer()"
