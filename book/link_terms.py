"""Link the first use of each glossary term in each chapter: ``python book/link_terms.py``.

The terms are the headings of ``notebooks/glossary.ipynb``. Run it after changing a chapter's text
or the glossary; a second run changes nothing.
"""

import re
from pathlib import Path

import nbformat

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
GLOSSARY = "glossary.ipynb"
# Headings, code, formulas, links, HTML and the words that a reader folds out: no place for a link.
NO_PROSE = re.compile(
    r"```.*?```|`[^`]*`|\$\$.*?\$\$|\$[^$]*\$|!?\[[^\]]*\]\([^)]*\)|<summary>.*?</summary>|<[^>]*>"
    r"|^#+ [^\n]*$",
    re.DOTALL | re.MULTILINE,
)
# These words also have a plain sense, or are explained by the formula that has them.
NOT_LINKED = {"draw", "λ", "task", "feature"}


def terms() -> dict[str, str]:
    """Each term and the name of its place on the glossary's page, the longest terms first."""
    headings = re.findall(r"^## (.+)$", _text_of(NOTEBOOKS / GLOSSARY), re.MULTILINE)
    found = {term: re.sub(r"[^\w]+", "-", term.lower()) for term in headings}
    return dict(sorted(found.items(), key=lambda pair: -len(pair[0])))


def linked(sources: list[str]) -> list[str]:
    """The Markdown cells of a chapter with the first use of each term linked."""
    sources = list(sources)
    for term, place in terms().items():
        if term not in NOT_LINKED:
            _link_first_use(sources, term, f"{GLOSSARY}#{place}")
    return sources


def _link_first_use(sources, term, target):
    plural = "" if term.endswith(("s", "x")) else "s?"
    words = r"\s+".join(map(re.escape, term.split()))
    use = re.compile(rf"(?<![\w-]){words}{plural}(?![\w-])", re.IGNORECASE)
    for index, source in enumerate(sources):
        at = source.find(f"]({target})")
        prose = NO_PROSE.sub(lambda match: "\0" * len(match[0]), source)
        first = use.search(prose)
        if at >= 0 and (first is None or at < first.start()):
            return
        if first:
            start, end = first.span()
            sources[index] = f"{source[:start]}[{source[start:end]}]({target}){source[end:]}"
            return


def _text_of(path):
    cells = nbformat.read(path, as_version=4).cells
    return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


if __name__ == "__main__":
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        if path.name == GLOSSARY:
            continue
        notebook = nbformat.read(path, as_version=4)
        texts = [cell for cell in notebook.cells if cell.cell_type == "markdown"]
        sources = linked([cell.source for cell in texts])
        for cell, source in zip(texts, sources, strict=True):
            cell.source = source
        nbformat.write(notebook, path)
