"""What ``_toc.yml`` lists, in its order, for the PDF to follow."""

import re
import sys
from typing import NamedTuple

from sphinx_external_toc.api import GlobItem, UrlItem
from sphinx_external_toc.parsing import parse_toc_yaml


class Entry(NamedTuple):
    """A page of the site, or a link to elsewhere; whichever it is not is None.

    ``depth`` is 0 for a chapter, 1 for its sections, and so on. ``title`` is None where the page
    itself says it.
    """

    depth: int
    page: str | None
    url: str | None
    title: str | None


def entries(toc):
    """The entries of the file ``toc``, as a list; the first is the site's first page.

    Ends the program if one is a ``glob:``, since only Sphinx knows which pages that stands for.
    """
    site_map = parse_toc_yaml(toc)

    def page(document, depth):
        # With or without the ending of its file, as in Sphinx.
        name = re.sub(r"\.(ipynb|md|rst)$", "", document.docname)
        return Entry(depth, name, None, document.title)

    def below(document, depth):
        for tree in document.subtrees:
            for item in reversed(tree.items) if tree.reversed else tree.items:
                if isinstance(item, GlobItem):
                    sys.exit(
                        f"{toc.name} should name each page with `file:`, or the PDF cannot list "
                        f"them, but has `glob: {item}`: replace that with a line for each page."
                    )
                if isinstance(item, UrlItem):
                    yield Entry(depth, None, item.url, item.title or item.url)
                else:
                    yield page(site_map[item], depth)
                    yield from below(site_map[item], depth + 1)

    return [page(site_map.root, 0), *below(site_map.root, 0)]
