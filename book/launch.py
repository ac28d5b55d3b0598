"""A small Sphinx extension: the links at the top of a page to where one can run it or print it.

The theme makes those to Binder, Colab and a JupyterHub, out of the repository's address. This adds
what it does not know: an address that follows a fork, the reader's own JupyterLab, and the PDF. It
also makes the link from the site's address to its first page, and sees to it that the names of the
course and its author may have any character.
"""

import os
from html import escape

from docutils.nodes import citation
from sphinx.writers.html5 import HTML5Translator

PDF = "transfer-course.pdf"
COLAB = "colab"  # the folder of the published site in which notebooks for Colab are


def repository(url):
    """The repository's address, with ``url`` from _config.yml; empty if nobody has said it."""
    # Set on GitHub Actions. So a fork's site leads to the fork, with no setting changed.
    if not url and os.environ.get("GITHUB_REPOSITORY"):
        url = f"https://github.com/{os.environ['GITHUB_REPOSITORY']}"
    return (url or "").rstrip("/").removesuffix(".git")


def use_settings(app, config):
    """Fill in the repository's address, or leave the links out that need one."""
    options = config.html_theme_options
    options["logo"]["text"] = escape(options["logo"]["text"])
    options["repository_url"] = repository(options["repository_url"])
    if options["repository_url"]:
        options["use_repository_button"] = options["use_issues_button"] = True
    else:
        del options["repository_url"], options["launch_buttons"]


def add_links(app, pagename, templatename, context, doctree):
    """Complete the theme's buttons; runs after it has made them."""
    context["author"] = escape(app.config.author)
    if not doctree:  # the search page and the like
        return
    buttons = {group.get("label"): group for group in context["header_buttons"]}
    if str(app.env.doc2path(pagename)).endswith(".ipynb"):
        launch = buttons.get("launch-buttons")
        if not launch:
            launch = {
                "type": "group",
                "tooltip": "Run this chapter",
                "icon": "fas fa-rocket",
                "buttons": [],
                "label": "launch-buttons",
            }
            context["header_buttons"].insert(0, launch)
        for button in launch["buttons"]:
            # Colab has no environment of ours: it gets notebooks that begin by installing the lock.
            if button["text"] == "Colab":
                branch = app.config.html_theme_options["repository_branch"]
                button["url"] = button["url"].replace(
                    f"/blob/{branch}/notebooks/", f"/blob/gh-pages/{COLAB}/"
                )
        launch["buttons"].insert(
            0,
            {
                "type": "link",
                "text": "JupyterLab",
                "tooltip": "Open in JupyterLab on this computer, while “make lab” is running",
                "icon": "fas fa-laptop",
                "url": f"http://localhost:8888/lab/tree/{pagename}.ipynb",
            },
        )
    if "BOOK_PDF" in os.environ:  # set by build.py where it can make one
        pdf = context["pathto"](PDF, resource=True)
        buttons["download-buttons"]["buttons"].append(
            {
                "type": "link",
                "text": "Book as PDF",
                "tooltip": "Download the whole book as one PDF",
                "icon": "fas fa-book",
                "url": pdf,
            }
        )
        context["theme_extra_footer"] += f' The whole book <a href="{pdf}">as one PDF</a>.'


def lead_to_first_page(app):
    """Make the page at the site's address, unless the book has one of that name."""
    if app.config.root_doc != "index":
        yield "index", {}, "first.html"


def visit_citation(self, node):
    """Make an entry of the bibliography an item of its list, or readers by ear hear no list."""
    HTML5Translator.visit_citation(self, node)
    self.body[-1] = self.body[-1].replace('role="doc-biblioentry"', 'role="listitem"')


def setup(app):
    html = (visit_citation, HTML5Translator.depart_citation)
    app.add_node(citation, override=True, html=html)
    app.connect("config-inited", use_settings, priority=100)
    app.connect("html-collect-pages", lead_to_first_page)
    app.connect("html-page-context", add_links, priority=600)
    return {"parallel_read_safe": True}
