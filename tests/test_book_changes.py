"""What instructors.md says one can change: all of it at once, in a copy of the book, built once.

The build runs as on a machine whose own text, names of files too, is not UTF-8.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import unicodedata
from pathlib import Path
from urllib.parse import parse_qs, unquote, urldefrag, urlsplit

import nbformat
import pdf
import pytest
from browser import chromium, new_page
from bs4 import BeautifulSoup
from contents import Entry, entries
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image
from pypdf import PdfReader

ROOT = Path(__file__).resolve().parent.parent
RED, BLUE = (200, 30, 40), (30, 40, 200)
LONG = "A name of the course that takes a page of its own and more " * 14
# As in the table of instructors.md, in which `launch_buttons` stands for the last one.
CHANGED = {
    "title": f"R&D with <few> labels: {LONG.strip()}",
    "author": "Zoë Müller & <a friend>",
    "logo": "assets/ours.png",
    "favicon": "assets/tab.png",
    "repository: url": "https://github.com/zoe/course/",
    "repository: branch": "spring",
    "html: baseurl": "https://zoe.example.org/course/",
    "html: extra_footer": 'Ours: <a href="https://example.org/imprint">imprint</a>.',
    "launch_buttons: jupyterhub_url": "https://hub.example.org",
}
TOC = """\
format: jb-book
root: before
parts:
  - caption: Ours
    chapters:
      - file: mine
        sections:
          - file: more.md
            sections:
              - file: part two/größer
      - url: https://example.org/handbook
        title: The handbook & co
  - caption: The end
    chapters:
      - file: last
        title: A name of its own
"""
# Page: its depth, title and source. The first two are notebooks.
PAGES = {
    "before": (0, "Read this first", "# Read *this* first\n\nAs ever."),
    "mine": (0, "Fish & chips < 5", "# Fish & chips < 5\n\n## A heading\n\nÄhnlich."),
    "more": (
        1,
        "More",
        "# More\n\nAfter [ours](mine.ipynb) and [that](<part two/größer.md>).",
    ),
    "part two/größer": (2, "Deeper still", "# Deeper still\n\nDone."),
    "last": (0, "A name of its own", "# Something else\n\nThe end."),
}


def in_this_locale(name):
    """The name of a file as Python has it here, for the bytes that it has with UTF-8."""
    return os.fsdecode(name.encode())


def fill_in(config, changes):
    """The text of _config.yml, each of the settings replaced as one would by hand."""
    for setting, value in changes.items():
        name = setting.split(": ")[-1]
        line = rf"(?m)^( *{name}: (?:&\w+ )?).*(?:\n    .*licence.*)?$"
        config, found = re.subn(
            line, lambda it, value=value: it[1] + json.dumps(value), config, count=1
        )
        assert found, setting
    return config


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the changed site, with its PDF."""
    with chromium():
        pass  # or the tests are skipped
    root = tmp_path_factory.mktemp("changed")
    book, notebooks = root / "book", root / "notebooks"
    shutil.copytree(
        ROOT / "book", book, ignore=shutil.ignore_patterns("_build", "__pycache__", "*.md")
    )
    config = book / "_config.yml"
    config.write_text(fill_in(config.read_text(encoding="utf-8"), CHANGED), encoding="utf-8")
    (book / "_toc.yml").write_text(TOC, encoding="utf-8")
    Image.new("RGB", (300, 300), RED).save(book / "assets" / "ours.png")
    Image.new("RGB", (32, 32), BLUE).save(book / "assets" / "tab.png")
    notebooks.mkdir()
    (book / "part two").mkdir()
    for name, (_, _, text) in PAGES.items():
        if name in {"before", "mine"}:
            seen = new_output("stream", text="größer\n")
            cells = [new_markdown_cell(text), new_code_cell("print('größer')", outputs=[seen])]
            new = new_notebook(cells=cells, metadata={"language_info": {"name": "python"}})
            nbformat.write(new, notebooks / f"{name}.ipynb")
        else:
            (book / in_this_locale(f"{name}.md")).write_text(text, encoding="utf-8")

    env = {name: value for name, value in os.environ.items() if name != "GITHUB_REPOSITORY"}
    env |= {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    # What opens a text without saying how it is encoded fails, if it is one of the book's scripts.
    scripts = ["__main__", *(path.stem for path in book.glob("*.py"))]
    env["PYTHONWARNDEFAULTENCODING"] = "1"
    env["PYTHONWARNINGS"] = ",".join(f"error::EncodingWarning:{name}" for name in scripts)
    command = [sys.executable, book / "build.py"]
    done = subprocess.run(command, env=env, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stdout + done.stderr
    return book / "_build" / "html"


def soup(site, name):
    path = site / in_this_locale(f"{name}.html")
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def test_every_setting_that_instructors_are_offered_is_tried():
    guide = (ROOT / "book" / "instructors.md").read_text(encoding="utf-8")
    rows = re.findall(r"(?m)^\| (`.+?) \|", guide)
    offered = set(re.findall("`(.+?)`", " ".join(rows)))
    assert len(offered) > 8
    assert offered == {name.replace(": jupyterhub_url", "") for name in CHANGED}


@pytest.mark.browser
@pytest.mark.parametrize("name", PAGES)
def test_each_page_has_the_changed_names_and_pictures(name, site):
    folder = site / Path(name).parent
    page = soup(site, name)
    assert page.title.text.strip().endswith(CHANGED["title"])
    assert page.select_one(".logo__title").text == CHANGED["title"]
    assert page.select_one(".component-author").text.split() == ["By", *CHANGED["author"].split()]
    assert page.select("footer a[href='https://example.org/imprint']")
    with Image.open(folder / page.select_one(".logo__image")["src"]) as logo:
        assert logo.getpixel((0, 0)) == RED
    with Image.open(folder / page.select_one("link[rel~=icon]")["href"]) as icon:
        assert icon.getpixel((0, 0)) == BLUE
    canonical = unquote(page.select_one("link[rel=canonical]")["href"])
    assert canonical == f"{CHANGED['html: baseurl']}{name}.html"


@pytest.mark.browser
def test_the_links_to_run_a_new_notebook_lead_to_the_repository(site):
    header = soup(site, "mine").select_one(".header-article-items")
    links = [tag["href"] for tag in header.select("a[href]")]
    (hub,) = (urlsplit(link) for link in links if "hub.example.org" in link)
    assert (hub.netloc, hub.path) == ("hub.example.org", "/hub/user-redirect/git-pull")
    assert parse_qs(hub.query) == {
        "repo": ["https://github.com/zoe/course"],
        "branch": ["spring"],
        "urlpath": ["lab/tree/course/notebooks/mine.ipynb"],
    }
    assert {
        "https://github.com/zoe/course",
        "https://mybinder.org/v2/gh/zoe/course/spring?urlpath=lab/tree/notebooks/mine.ipynb",
        "https://colab.research.google.com/github/zoe/course/blob/gh-pages/colab/mine.ipynb",
    } <= set(links)
    install = nbformat.read(site / "colab" / "mine.ipynb", as_version=4).cells[0].source
    assert "--branch spring https://github.com/zoe/course /content" in install


@pytest.mark.browser
def test_no_link_of_the_changed_site_is_dead(site):
    dead = []
    for name in [*PAGES, "index", "search"]:
        folder = site / Path(name).parent
        for tag in soup(site, name).select("a[href]"):
            file = in_this_locale(unquote(urldefrag(tag["href"])[0]))
            if file and not re.match(r"\w+:", file) and not (folder / file).exists():
                dead.append(f"{name}: {tag['href']}")
    assert dead == []


@pytest.mark.browser
def test_the_address_of_the_site_leads_to_the_first_page_of_the_list(site):
    index = soup(site, "index")
    assert index.select_one("meta[http-equiv=refresh]")["content"] == "0; url=before.html"
    assert index.a["href"] == "before.html"


@pytest.mark.browser
def test_every_page_can_say_that_a_widget_is_missing(site):
    for name in PAGES:
        scripts = [tag["src"] for tag in soup(site, name).select("script[src]")]
        assert sum("widgets.js" in src for src in scripts) == 1, name
        assert not any(src.startswith("http") for src in scripts), name


def flat(outline, depth=0):
    """``(depth, bookmark)`` of all bookmarks, in order."""
    for item in outline:
        if isinstance(item, list):
            yield from flat(item, depth + 1)
        else:
            yield depth, item


def targets(reader, page):
    """Where the links of a page of the PDF lead, in order: numbers of pages, and addresses."""
    notes = [reference.get_object() for reference in page.get("/Annots", [])]
    leads = [
        reader.get_page_number(note["/Dest"][0].get_object()) if "/Dest" in note else note["/A"]
        for note in notes
    ]
    leads = [lead if isinstance(lead, int) else lead["/URI"] for lead in leads]
    return list(dict.fromkeys(leads))  # a link on two lines is there twice


def text_of(pages):
    """The words of pages of a PDF, without its line breaks and ligatures."""
    text = " ".join(page.extract_text() for page in pages)
    return " ".join(unicodedata.normalize("NFKC", text).split())


@pytest.mark.browser
def test_the_pdf_has_the_changes_on_a_cover_of_several_pages(site):
    reader = PdfReader(site / "transfer-course.pdf")
    assert reader.metadata.title == CHANGED["title"]
    assert reader.metadata.author == CHANGED["author"]
    bookmarks = list(flat(reader.outline))
    expected = [(depth, title) for depth, title, _ in PAGES.values()]
    assert [(depth, item.title) for depth, item in bookmarks] == expected
    starts = {item.title: reader.get_destination_page_number(item) for _, item in bookmarks}
    assert list(starts.values()) == sorted(set(starts.values()))

    length = starts["Read this first"]
    cover = reader.pages[:length]
    assert length >= 2
    words = text_of(cover)
    for text in (CHANGED["title"], CHANGED["author"], "The handbook & co", "Ours: imprint"):
        assert text in words
    for title, start in starts.items():
        assert re.search(rf"{re.escape(title)} {start + 1}\b", words), title
    assert any(image.image.getpixel((0, 0))[:3] == RED for image in cover[0].images)
    leads = [lead for page in cover for lead in targets(reader, page)]
    before, mine, more, deeper, last = starts.values()
    assert leads == [
        "https://example.org/imprint",
        *(before, mine, more, deeper),
        "https://example.org/handbook",
        last,
    ]

    headings = ["Read this first", "Fish & chips < 5", "More", "Deeper still", "Something else"]
    for heading, start in zip(headings, starts.values(), strict=True):
        assert heading in text_of([reader.pages[start]])
    assert [lead for lead in targets(reader, reader.pages[more]) if isinstance(lead, int)] == [
        mine,
        deeper,
    ]
    for number, page in enumerate(reader.pages[1:], 2):
        assert str(number) in page.extract_text().split()


@pytest.mark.browser
def test_no_number_changes_how_long_the_cover_is(tmp_path):
    titles = [f"Chapter {n} {'about this and that ' * (n % 7)}{'m' * (n % 23)}." for n in range(60)]
    contents = [Entry(0, f"page-{n}", None, title) for n, title in enumerate(titles)]
    settings = {"title": "Long", "author": None, "logo": "", "html": {"extra_footer": None}}
    (tmp_path / "page.html").write_text("<h1>A page</h1>", encoding="utf-8")
    covers = []
    with chromium() as browser, new_page(browser) as (page, trouble):
        page.goto((tmp_path / "page.html").as_uri())
        for start in (0, 99_998):
            starts = {entry.page: start for entry in contents}
            covers.append(pdf._cover(page, tmp_path, settings, contents, starts))
    assert trouble == []
    texts = [[page.extract_text() for page in cover.pages] for cover in covers]
    assert len(texts[0]) >= 3
    for before, after in zip(*texts, strict=True):
        assert re.sub(r" 1$", "", before, flags=re.M) == re.sub(r" 99999$", "", after, flags=re.M)
    words = text_of(covers[1].pages)
    assert all(f"{title} 99999" in words for title in titles)


def listed(tmp_path, toc):
    (tmp_path / "_toc.yml").write_text(toc, encoding="utf-8")
    return entries(tmp_path / "_toc.yml")


def test_the_table_of_contents_is_read_as_sphinx_reads_it(tmp_path):
    assert listed(tmp_path, TOC) == [
        (0, "before", None, None),
        (0, "mine", None, None),
        (1, "more", None, None),
        (2, "part two/größer", None, None),
        (0, None, "https://example.org/handbook", "The handbook & co"),
        (0, "last", None, "A name of its own"),
    ]
    article = "format: jb-article\nroot: a.ipynb\nsections:\n- file: b\n- url: https://c.org\n"
    assert listed(tmp_path, article) == [
        (0, "a", None, None),
        (0, "b", None, None),
        (0, None, "https://c.org", "https://c.org"),
    ]
    turned = "root: a\nsubtrees:\n- reversed: true\n  entries:\n  - file: b\n  - file: 3.1-ä\n"
    assert [entry.page for entry in listed(tmp_path, turned)] == ["a", "3.1-ä", "b"]


def test_a_glob_in_the_table_of_contents_is_refused_in_a_sentence(tmp_path):
    toc = "format: jb-book\nroot: a\nchapters:\n- glob: chapters/*\n"
    with pytest.raises(SystemExit, match=r"_toc.yml should name .+ `glob: chapters/\*`: replace"):
        listed(tmp_path, toc)
