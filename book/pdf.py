"""Print the built site as one PDF: Chromium prints each page, pypdf joins them.

A page is printed as a reader's browser would print it, formulas, figures and explorers included.

``python book/pdf.py`` alone only says, by its exit code, whether there is a Chromium to do it with;
with a site's folder and a file's name it prints. A process of its own, for playwright does not run
twice in one, and the tests have it running.
"""

import sys
from io import BytesIO
from pathlib import Path
from urllib.parse import urlsplit

import yaml
from chromium import launch
from playwright.sync_api import sync_playwright
from pypdf import PdfReader, PdfWriter
from pypdf.generic import ArrayObject, NameObject, TextStringObject

BOOK = Path(__file__).resolve().parent
PAPER = {
    "format": "A4",
    "margin": {"top": "18mm", "bottom": "20mm", "left": "16mm", "right": "16mm"},
    "print_background": True,
    "scale": 0.8,
}
# Hints and solutions cannot be unfolded on paper; the code of a figure stays folded away.
READY = """async () => {
    await window.MathJax?.startup?.promise;
    document.querySelectorAll("details:not(.hide)").forEach(d => { d.open = true; });
    return document.querySelector("h1").firstChild.textContent;
}"""
COVER = """<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>
body {{ font: 11pt/1.6 sans-serif }} img {{ height: 30mm; margin-top: 20mm }}
h1 {{ font-size: 26pt; line-height: 1.2; margin: 20mm 0 8mm }} a {{ color: #000 }}
table {{ width: 100%; margin-top: 12mm }} td:last-child {{ text-align: right }}</style>
<img src="{logo}" alt=""><h1>{title}</h1><p>{author}</p><p>{footer}</p>
<table>{rows}</table></html>"""
NUMBERS = """<!doctype html><style>@page {{ size: A4; margin: 0 }} body {{ margin: 0 }}
div {{ height: 297mm; position: relative; break-after: page; overflow: hidden }}
p {{ position: absolute; bottom: 6mm; right: 16mm; font: 9pt sans-serif; color: #555 }}</style>
{}"""


def names_in_order():
    """The names of the pages, as the table of contents has them."""
    toc = yaml.safe_load((BOOK / "_toc.yml").read_text(encoding="utf-8"))
    chapters = [chapter["file"] for part in toc["parts"] for chapter in part["chapters"]]
    return [toc["root"], *chapters]


def print_book(site, path):
    """Print all pages of the folder ``site`` and save them as one PDF, ``path``.

    It begins with a cover that lists the chapters; each has a bookmark, its sections below it.
    Links between pages lead to the right page of the PDF.
    """
    names, titles, printed = names_in_order(), {}, {}
    with sync_playwright() as playwright:
        browser = launch(playwright)
        page = browser.new_page()

        def pdf_of(html):
            page.set_content(html)
            return PdfReader(BytesIO(page.pdf(**PAPER | {"scale": 1})))

        for name in names:
            page.goto((site / f"{name}.html").as_uri(), wait_until="networkidle")
            titles[name] = page.evaluate(READY)
            printed[name] = PdfReader(BytesIO(page.pdf(**PAPER, outline=True, tagged=False)))

        starts, length = {}, 1  # the cover has one page
        for name in names:
            starts[name], length = length, length + len(printed[name].pages)
        cover = pdf_of(_cover(site, names, titles, starts))
        assert len(cover.pages) == 1, "the list of chapters needs a second page: count it in"
        page.set_content(
            NUMBERS.format("".join(f"<div><p>{n + 1}</p></div>" for n in range(length)))
        )
        numbers = PdfReader(BytesIO(page.pdf(prefer_css_page_size=True)))
        browser.close()

    book = PdfWriter()
    book.append(cover, import_outline=False)
    for name in names:
        book.append(printed[name], outline_item=titles[name])
    for page, number in list(zip(book.pages, numbers.pages, strict=False))[1:]:
        page.merge_page(number)
        page.compress_content_streams()
    _lead_links_to_pages(book, site, starts)
    book.add_metadata({"/Title": _settings()["title"]})
    book.root_object[NameObject("/Lang")] = TextStringObject("en")
    book.compress_identical_objects()
    book.write(path)
    print(f"{path.name}: {length} pages, {path.stat().st_size / 1e6:.1f} MB")


def _settings():
    return yaml.safe_load((BOOK / "_config.yml").read_text(encoding="utf-8"))


def _cover(site, names, titles, starts):
    """The first page. Its addresses are relative to the last page that was printed."""
    row = "<tr><td><a href='{0}.html'>{1}</a></td><td>{2}</td></tr>"
    settings = _settings()
    return COVER.format(
        title=settings["title"],
        author=settings["author"],
        footer=settings["html"]["extra_footer"],
        logo=f"_static/{Path(settings['logo']).name}",
        rows="".join(row.format(name, titles[name], starts[name] + 1) for name in names),
    )


def _lead_links_to_pages(book, site, starts):
    """Chromium links to files on this machine: link to pages of the PDF, or to nothing."""
    for page in book.pages:
        kept = ArrayObject()
        for reference in page.get("/Annots", []):
            annotation = reference.get_object()
            target = annotation.get("/A", {}).get("/URI", "")
            if target.startswith("file:"):
                name = Path(urlsplit(target).path).stem
                if name not in starts or not urlsplit(target).path.endswith(".html"):
                    continue  # a notebook to download: not part of the PDF
                goto = [book.pages[starts[name]].indirect_reference, NameObject("/Fit")]
                del annotation["/A"]
                annotation[NameObject("/Dest")] = ArrayObject(goto)
            kept.append(reference)
        if "/Annots" in page:
            page[NameObject("/Annots")] = kept


if __name__ == "__main__":
    if len(sys.argv) == 1:
        with sync_playwright() as playwright:
            sys.exit(launch(playwright) is None)
    print_book(*map(Path, sys.argv[1:]))
