"""Print the built site as one PDF: Chromium prints each page, pypdf joins them.

A page is printed as a reader's browser would print it, formulas, figures and explorers included.

``python book/pdf.py`` alone only says, by its exit code, whether there is a Chromium to do it with;
with a site's folder and a file's name it prints. A process of its own, for playwright does not run
twice in one, and the tests have it running.
"""

import sys
from html import escape
from io import BytesIO
from itertools import accumulate
from pathlib import Path
from urllib.parse import quote, urlsplit
from urllib.request import url2pathname

import yaml
from chromium import launch
from contents import entries
from playwright.sync_api import sync_playwright
from pypdf import PdfReader, PdfWriter
from pypdf.generic import ArrayObject, NameObject, TextStringObject

BOOK = Path(__file__).resolve().parent
PAPER = {
    "format": "A4",
    "margin": {"top": "18mm", "bottom": "20mm", "left": "16mm", "right": "16mm"},
    "print_background": True,
}
# Hints and solutions cannot be unfolded on paper; the code of a figure stays folded away.
READY = """async () => {
    const title = document.querySelector("h1").textContent.trim();
    await window.MathJax?.startup?.promise;
    document.querySelectorAll("details:not(.hide)").forEach(d => { d.open = true; });
    return title;
}"""
# The column of the numbers has a width of its own, so that they cannot change where a line ends,
# and with it how many pages the list takes.
COVER = """<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>
<base href="{site}/"><style>
body {{ font: 11pt/1.6 sans-serif; overflow-wrap: break-word }}
img {{ height: 30mm; margin-top: 20mm }}
h1 {{ font-size: 26pt; line-height: 1.2; margin: 20mm 0 8mm }} a {{ color: #000 }}
table {{ width: 100%; table-layout: fixed; margin-top: 12mm }} tr {{ break-inside: avoid }}
td {{ vertical-align: bottom }} td:last-child {{ width: 5em; text-align: right }}</style>
{logo}<h1>{title}</h1><p>{author}</p><p>{footer}</p>
<table>{rows}</table></html>"""
ROW = """<tr><td style="padding-left: {indent}em"><a href="{link}">{title}</a></td>
<td>{number}</td></tr>"""
NUMBERS = """<!doctype html><style>@page {{ size: A4; margin: 0 }} body {{ margin: 0 }}
div {{ height: 297mm; position: relative; break-after: page; overflow: hidden }}
p {{ position: absolute; bottom: 6mm; right: 16mm; font: 9pt sans-serif; color: #555 }}</style>
{}"""


def print_book(site, path):
    """Print all pages of the folder ``site`` and save them as one PDF, ``path``.

    It begins with a cover that lists the chapters, on as many pages as that takes. Each chapter has
    a bookmark, and below it each of its sections. Links between pages lead to the right page of the
    PDF.
    """
    settings = yaml.safe_load((BOOK / "_config.yml").read_text(encoding="utf-8"))
    contents, printed = entries(BOOK / "_toc.yml"), {}
    with sync_playwright() as playwright:
        browser = launch(playwright)
        page = browser.new_page()
        for number, entry in enumerate(contents):
            if entry.page:
                page.goto((site / f"{entry.page}.html").as_uri(), wait_until="networkidle")
                contents[number] = entry._replace(title=entry.title or page.evaluate(READY))
                pdf = page.pdf(**PAPER, scale=0.8, tagged=False)
                printed[entry.page] = PdfReader(BytesIO(pdf))

        lengths = [len(pdf.pages) for pdf in printed.values()]
        cover = _cover(page, site, settings, contents, dict.fromkeys(printed, 0))
        starts = dict(zip(printed, accumulate(lengths, initial=len(cover.pages)), strict=False))
        cover = _cover(page, site, settings, contents, starts)
        length = len(cover.pages) + sum(lengths)
        page.set_content(
            NUMBERS.format("".join(f"<div><p>{n + 1}</p></div>" for n in range(length)))
        )
        numbers = PdfReader(BytesIO(page.pdf(prefer_css_page_size=True)))
        browser.close()

    book = PdfWriter()
    book.append(cover, import_outline=False)
    above = [None]  # the bookmarks of the entry's chapter, section and so on
    for entry in contents:
        if entry.page:
            book.append(printed[entry.page], import_outline=False)
            bookmark = book.add_outline_item(
                title=entry.title, page_number=starts[entry.page], parent=above[entry.depth]
            )
            above[entry.depth + 1 :] = [bookmark]
    for page, number in list(zip(book.pages, numbers.pages, strict=True))[1:]:
        page.merge_page(number)
        page.compress_content_streams()
    _lead_links_to_pages(book, site, starts)
    book.add_metadata({"/Title": settings["title"], "/Author": settings["author"] or ""})
    book.root_object[NameObject("/Lang")] = TextStringObject("en")
    book.compress_identical_objects()
    book.write(path)
    print(f"{path.name}: {length} pages, {path.stat().st_size / 1e6:.1f} MB")


def _cover(page, site, settings, contents, starts):
    """The first pages, printed: the title, and all ``contents`` with the pages they start on.

    ``starts`` counts from 0.
    """
    rows = [
        ROW.format(
            indent=1.5 * entry.depth,
            link=escape(entry.url or quote(f"{entry.page}.html")),
            title=escape(entry.title),
            number="" if entry.url else starts[entry.page] + 1,
        )
        for entry in contents
    ]
    logo = quote(Path(settings["logo"] or "").name)
    html = COVER.format(
        site=site.as_uri(),
        title=escape(settings["title"]),
        author=escape(settings["author"] or ""),
        footer=settings["html"]["extra_footer"] or "",
        logo=f'<img src="_static/{logo}" alt="">' if logo else "",
        rows="".join(rows),
    )
    page.set_content(html)
    return PdfReader(BytesIO(page.pdf(**PAPER)))


def _lead_links_to_pages(book, site, starts):
    """Chromium links to files on this machine: link to pages of the PDF, or to nothing."""
    start_of = {site / f"{name}.html": start for name, start in starts.items()}
    for page in book.pages:
        kept = ArrayObject()
        for reference in page.get("/Annots", []):
            annotation = reference.get_object()
            target = urlsplit(annotation.get("/A", {}).get("/URI", ""))
            if target.scheme == "file":
                file = Path(url2pathname(target.path))
                if file not in start_of:
                    continue  # a notebook to download: not part of the PDF
                goto = [book.pages[start_of[file]].indirect_reference, NameObject("/Fit")]
                del annotation["/A"]
                annotation[NameObject("/Dest")] = ArrayObject(goto)
            kept.append(reference)
        if "/Annots" in page:
            page[NameObject("/Annots")] = kept


if __name__ == "__main__":
    if len(sys.argv) == 1:
        with sync_playwright() as playwright:
            sys.exit(launch(playwright) is None)
    print_book(*(Path(argument).absolute() for argument in sys.argv[1:]))
