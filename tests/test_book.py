"""The site, built from the notebooks as they are, and looked at in Chromium."""

import base64
import gzip
import json
import re
import shutil
import subprocess
import sys
import unicodedata
from functools import cache
from importlib.resources import files
from importlib.util import find_spec
from itertools import chain, pairwise
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

import nbformat
import numpy as np
import pytest
import yaml
from browser import chromium, new_page, serve
from bs4 import BeautifulSoup
from build import BOOK, build
from execute import execute
from PIL import Image
from pypdf import PdfReader
from saved_widgets import saved_state
from weekly import weekly_but

from transfer_course import quizzes
from transfer_course.experiments import explorer as runs_of_explorers
from transfer_course.experiments import scenarios

# Those that need no Chromium wait for the build of the site, a minute: `make check` leaves all out.
pytestmark = pytest.mark.browser

ROOT = Path(__file__).resolve().parent.parent
PAGES = re.findall(
    r"(?:root|file): *(\S+)", (ROOT / "book" / "_toc.yml").read_text(encoding="utf-8")
)
HEADINGS = "h1, h2, h3, h4, h5, h6"
PHONE = {"width": 360, "height": 740}
# Nothing but the site itself. Sphinx and the theme have scripts and styles within the pages.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:"
)
LOOK = """async () => {
    await window.MathJax?.startup?.promise;
    document.querySelectorAll("details").forEach(d => { d.open = true; });
    const formulas = [...document.querySelectorAll(".math")];
    const texts = condition => formulas.filter(condition).map(m => m.textContent);
    return {
        formulas: formulas.length,
        undrawn: texts(m => !m.querySelector("mjx-container svg")),
        wrong: texts(m => m.querySelector("[data-mml-node=merror]")),
        cut: texts(m => m.scrollWidth > m.clientWidth + 1),
        width: document.documentElement.scrollWidth,
    };
}"""

# The package's own module would read it as text of this machine's kind.
AXE = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
# Of code and formulas a few of each kind are enough to test their colours: with all of them axe
# takes half a minute for a page.
THIN_OUT = """async () => {
    await window.MathJax?.startup?.promise;
    document.querySelectorAll("details").forEach(d => { d.open = true; });
    const still = new CSSStyleSheet();  // or axe measures colours on their way to what they will be
    still.replaceSync("* { transition: none !important; animation: none !important; }");
    document.adoptedStyleSheets = [still];
    const seen = new Set();
    for (const token of document.querySelectorAll(".highlight span")) {
        const kind = token.parentElement.className + " " + token.className;
        if (seen.has(kind)) token.replaceWith(...token.childNodes);
        seen.add(kind);
    }
    document.querySelectorAll(".highlight pre").forEach(pre => pre.normalize());
    const formulas = [...document.querySelectorAll("mjx-container > svg")];
    formulas.slice(3).forEach(svg => svg.replaceChildren());
}"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the built site."""
    folder = tmp_path_factory.mktemp("book")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GITHUB_REPOSITORY", "someone/course")
        assert build(ROOT / "notebooks", folder) == 0
    return folder / "_build" / "html"


@pytest.fixture(scope="module")
def soups(site):
    """Every HTML file of the site, parsed, by its name."""
    return {
        p.name: BeautifulSoup(p.read_text(encoding="utf-8"), "html.parser")
        for p in site.glob("*.html")
    }


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def address(site):
    """Where the site is, served and on the disk."""
    with serve(site, {"Content-Security-Policy": POLICY}) as url:
        yield {"http": url, "file": site.as_uri()}


@cache
def sent(file):
    """The bytes in which a server sends the file: texts compressed, as GitHub Pages does."""
    packed = file.suffix in {".html", ".js", ".css", ".svg"}
    return gzip.compress(file.read_bytes(), 5) if packed else file.read_bytes()


@pytest.fixture(scope="module", params=weekly_but(["http"], ["http", "file"]))
def visits(request, address, browser, site):
    """What each page is like on a phone, everything on it unfolded: name -> facts."""
    facts = {}
    for name in [*PAGES, "search"]:
        with new_page(browser, viewport=PHONE) as (page, trouble):
            asked = set()
            page.on("request", lambda request, asked=asked: asked.add(urlsplit(request.url).path))
            page.goto(f"{address[request.param]}/{name}.html", wait_until="networkidle")
            files = [site / unquote(path.removeprefix(str(site))).lstrip("/") for path in asked]
            size = sum(len(sent(file)) for file in files if file.is_file())
            facts[name] = {**page.evaluate(LOOK), "trouble": trouble, "bytes": size}
    return facts


def test_the_recorder_sees_every_kind_of_trouble(tmp_path, browser):
    (tmp_path / "page.html").write_text(
        """<!doctype html><link rel="icon" href="data:,"><img src="missing.png">
        <img src="https://example.org/pixel.png"><script>
        console.error("oh"); new WebSocket("wss://example.org/socket"); throw Error("uncaught")
        </script>""",
        encoding="utf-8",
    )
    with serve(tmp_path) as url, new_page(browser) as (page, trouble):
        page.goto(f"{url}/page.html", wait_until="networkidle")
    for expected in (
        "console error: oh",
        "uncaught exception: uncaught",
        f"HTTP 404: {url}/missing.png",
        "request to another host: https://example.org/pixel.png",
        "request to another host: wss://example.org/socket",
        "request failed: https://example.org/pixel.png (net::ERR_NAME_NOT_RESOLVED)",
    ):
        assert expected in trouble


def test_every_chapter_is_there(soups):
    assert {f"{page}.html" for page in PAGES} <= set(soups)
    assert "index.html" in soups


def test_dead_links_fail_the_build(tmp_path, capfd, monkeypatch):
    monkeypatch.delenv("GITHUB_REPOSITORY", raising=False)
    text = ["# A page\n", "\n", "With a [link](to-nowhere.ipynb) and {py:func}`no_such_function`."]
    cell = {"cell_type": "markdown", "metadata": {}, "source": text}
    notebook = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 4}
    for page in PAGES:
        if not (ROOT / "book" / f"{page}.md").exists():
            (tmp_path / f"{page}.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    assert build(tmp_path, tmp_path, pdf=False) != 0
    warnings = capfd.readouterr().err
    assert "to-nowhere.ipynb" in warnings
    assert "no_such_function" in warnings


def test_nothing_is_loaded_from_another_host(soups, site):
    elsewhere = re.compile(r"\s*(?:https?:)?//")
    for name, soup in soups.items():
        loaded = soup.select("[src], [srcset], [poster], [data], link[href]")
        for tag in loaded:
            for attribute in {"src", "srcset", "poster", "data", "href"} & set(tag.attrs):
                assert not elsewhere.match(tag[attribute]), f"{name}: {tag}"
    for style in site.rglob("*.css"):
        found = re.search(
            r"(?:url\(|@import)\s*[\"']?(?:https?:)?//.*", style.read_text(encoding="utf-8")
        )
        assert not found, f"{style.name}: {found[0]}"


def test_links_within_the_site_lead_somewhere(soups, site):
    dead = []
    anchors = {n: {tag["id"] for tag in soup.select("[id]")} for n, soup in soups.items()}
    for name, soup in soups.items():
        for tag in soup.select("a[href]"):
            path, anchor = urldefrag(tag["href"])
            if re.match(r"\w+:", path):
                continue
            target = unquote(path) or name
            found = (site / target).exists()
            if found and anchor and target in soups:
                found = unquote(anchor) in anchors[target]
            if not found:
                dead.append(f"{name}: {tag['href']}")
    assert dead == []


def test_every_picture_has_a_text_for_those_who_cannot_see_it(soups):
    # Without a text of its own, a figure is given its file name.
    pictures = [(n, tag) for n, soup in soups.items() for tag in soup.select("article img")]
    assert pictures
    without = [f"{n}: {t['src']}" for n, t in pictures if t.get("alt", "") in {"", t["src"]}]
    assert without == [], (
        'give the cell the metadata {"mystnb": {"image": {"alt": "what the picture shows"}}}'
    )


def test_pages_open_without_trouble(visits):
    assert {name: seen["trouble"] for name, seen in visits.items() if seen["trouble"]} == {}


def test_pages_fit_a_phone(visits):
    too_wide = [name for name, seen in visits.items() if seen["width"] > PHONE["width"]]
    assert too_wide == []
    # The theme hides what a formula has too much; the part that holds it must scroll instead.
    assert {name: seen["cut"] for name, seen in visits.items() if seen["cut"]} == {}


def test_formulas_are_drawn(visits):
    assert sum(seen["formulas"] for seen in visits.values()) > 0
    assert {name: seen["undrawn"] for name, seen in visits.items() if seen["undrawn"]} == {}
    assert {name: seen["wrong"] for name, seen in visits.items() if seen["wrong"]} == {}


@pytest.mark.parametrize("scheme", ["http", "file"])
def test_the_address_of_the_site_leads_to_the_first_page(scheme, address, browser):
    with new_page(browser) as (page, trouble):
        page.goto(f"{address[scheme]}/index.html")
        page.wait_for_url(f"**/{PAGES[0]}.html", timeout=5000)
        assert trouble == []


def test_figures_stay_on_white_in_the_dark_theme(soups, address, browser):
    name = next(name for name, soup in soups.items() if soup.select(".cell_output img"))
    with new_page(browser, color_scheme="dark") as (page, _):
        page.goto(f"{address['http']}/{name}")
        colour = "e => getComputedStyle(e).backgroundColor"
        assert page.locator("body").evaluate(colour) != "rgb(255, 255, 255)"
        assert page.locator(".cell_output img").first.evaluate(colour) == "rgb(255, 255, 255)"


CHAPTERS = [page for page in PAGES if (ROOT / "notebooks" / f"{page}.ipynb").exists()]


def a_word_of(article):
    """A long word of its running text that is in none of its titles."""
    titles = " ".join(tag.text for tag in article.select("h1, h2, h3"))
    prose = [p.find_all(string=True, recursive=False) for p in article.select("section > p")]
    words = re.findall(r"\b[a-z]+\b", " ".join(chain.from_iterable(prose)))
    return max(set(words) - set(titles.lower().split()), key=lambda w: (len(w), w))


@pytest.mark.parametrize("scheme", ["http", "file"])
def test_search_finds_a_word_of_each_chapter(scheme, soups, address, browser):
    with new_page(browser) as (page, trouble):
        for chapter in CHAPTERS:
            word = a_word_of(soups[f"{chapter}.html"].article)
            page.goto(f"{address[scheme]}/search.html?q={word}")
            # Results come one by one; this says that there are no more.
            page.get_by_text(re.compile("Search finished|did not match")).wait_for()
            links = page.locator("#search-results li a")
            found = links.evaluate_all("links => links.map(a => a.href)")
            assert any(f"/{chapter}.html" in link for link in found), (chapter, word)
    assert trouble == []


def test_no_page_weighs_more_than_three_megabytes(visits):
    assert all(seen["bytes"] > 100_000 for seen in visits.values())
    assert {n: s["bytes"] for n, s in visits.items() if s["bytes"] > 3_000_000} == {}


def what_shuts_readers_out(page, part="html"):
    """What axe calls serious or critical on the page, in the light theme and in the dark one."""
    page.evaluate(THIN_OUT)
    page.evaluate(AXE)
    run = "([part, options]) => axe.run(part, options)"
    light = page.evaluate(run, [part, {"resultTypes": ["violations"]}])
    page.emulate_media(color_scheme="dark")
    page.wait_for_function("document.documentElement.dataset.theme === 'dark'")
    colours = {"resultTypes": ["violations"], "runOnly": ["color-contrast"]}
    dark = page.evaluate(run, [part, colours])
    return [
        f"{scheme}: {violation['id']}: {node['html'][:200]}"
        for scheme, results in (("light", light), ("dark", dark))
        for violation in results["violations"]
        if violation["impact"] in {"serious", "critical"}
        for node in violation["nodes"]
    ]


# One of each kind: a chapter with a quiz, exercises and formulas; the explorers; a page of text;
# the search. The others take two minutes more.
EACH_KIND = ["3-3-parameter-transfer", "explorers", "glossary", "search"]


@pytest.mark.parametrize("name", weekly_but(EACH_KIND, [*PAGES, "search"]))
def test_nothing_shuts_readers_out(name, address, browser):
    with new_page(browser, color_scheme="light") as (page, _):
        page.goto(f"{address['file']}/{name}.html", wait_until="networkidle")
        assert what_shuts_readers_out(page) == []


def test_the_menus_at_the_top_work_by_keyboard(address, browser):
    with new_page(browser) as (page, trouble):
        page.goto(f"{address['http']}/{CHAPTERS[1]}.html", wait_until="networkidle")
        page.keyboard.press("Tab")
        assert "Skip to main content" in page.evaluate("document.activeElement.textContent")
        entry = page.get_by_role("link", name="Binder")
        assert not entry.is_visible()
        for _ in range(60):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.matches('.dropdown-launch-buttons button')"):
                break
        page.keyboard.press("Enter")
        assert entry.is_visible()
        assert trouble == []


def test_headings_are_in_order(soups):
    for page in PAGES:
        levels = [int(tag.name[1]) for tag in soups[f"{page}.html"].article.select(HEADINGS)]
        assert levels[0] == 1 and levels.count(1) == 1, page
        assert all(after <= before + 1 for before, after in pairwise(levels)), f"{page}: {levels}"


def test_pictures_have_the_size_of_a_screen(site):
    for path in (site / "_images").glob("*.png"):
        with Image.open(path) as picture:
            assert max(picture.size) <= 2000, path.name
        assert path.stat().st_size < 500_000, path.name


def test_a_figure_says_more_than_that_it_is_one(soups):
    texts = [tag["alt"] for s in soups.values() for tag in s.select(".cell_output img[alt]")]
    assert len(texts) > 50
    assert [text for text in texts if len(text.split()) < 8] == []


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_chapter_can_be_downloaded_and_run_elsewhere(chapter, soups, site):
    header = soups[f"{chapter}.html"].select_one(".header-article-items")
    links = {tag["href"] for tag in header.select("a[href]")}
    assert {
        f"_sources/{chapter}.ipynb",
        f"http://localhost:8888/lab/tree/{chapter}.ipynb",
        f"https://mybinder.org/v2/gh/someone/course/main?urlpath=lab/tree/notebooks/{chapter}.ipynb",
        f"https://colab.research.google.com/github/someone/course/blob/gh-pages/colab/{chapter}.ipynb",
    } <= links
    original = nbformat.read(ROOT / "notebooks" / f"{chapter}.ipynb", as_version=4)
    first, *others = nbformat.read(site / "colab" / f"{chapter}.ipynb", as_version=4).cells
    assert others == original.cells
    assert "https://github.com/someone/course " in first.source
    assert "requirements.lock" in first.source


def test_each_page_leads_to_the_one_before_and_the_one_after(soups):
    for before, after in pairwise(PAGES):
        assert soups[f"{before}.html"].select_one("a.right-next")["href"] == f"{after}.html"
        assert soups[f"{after}.html"].select_one("a.left-prev")["href"] == f"{before}.html"


def test_what_students_type_is_in_the_reference(soups):
    documented = {tag["id"] for tag in soups["reference.html"].select("dt.sig[id]")}
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    names = set(re.findall(r"^\| `tc\.([\w.]+)\(", readme, re.MULTILINE))
    assert len(names) > 12
    assert {f"transfer_course.{name}" for name in names} <= documented


def words_of(pages):
    """The text of some pages of the PDF, wherever its lines break."""
    text = " ".join(page.extract_text() for page in pages)
    return " ".join(unicodedata.normalize("NFKC", text).split())


def test_the_whole_book_is_one_pdf(site, soups):
    reader = PdfReader(site / "transfer-course.pdf")
    chapters = [entry for entry in reader.outline if not isinstance(entry, list)]
    titles = [next(soups[f"{page}.html"].h1.strings) for page in PAGES]
    assert [chapter.title for chapter in chapters] == titles
    assert (
        reader.metadata.title
        == yaml.safe_load((ROOT / "book" / "_config.yml").read_text(encoding="utf-8"))["title"]
    )
    first = reader.get_destination_page_number(chapters[0])
    cover = words_of(reader.pages[:first])
    for chapter in chapters:
        number = reader.get_destination_page_number(chapter)
        assert chapter.title in words_of([reader.pages[number]])
        assert re.search(rf"{re.escape(chapter.title)} {number + 1}\b", cover)
    links = [
        annotation.get_object().get("/A", {}).get("/URI", "")
        for page in reader.pages
        for annotation in page.get("/Annots", [])
    ]
    assert any(link.startswith("https://") for link in links)
    assert not any(link.startswith("file:") for link in links)
    assert sum("/XObject" in page["/Resources"] for page in reader.pages) > 30  # with pictures
    starts = [reader.get_destination_page_number(chapter) for chapter in chapters]
    before, after = starts[PAGES.index("1-background") :][:2]
    why = quizzes.load("1-background")[0]["options"][0]["why"]
    assert f"Right: {why}" in words_of(reader.pages[before:after])
    assert soups["1-background.html"].select("a[href='transfer-course.pdf']")
    # The glyphs of formulas are filled. With an outline, even of no width, all letters look bold.
    mathematics = starts[PAGES.index("4-mathematics")] + 1  # a page with formulas and no figure
    assert "h_t" in words_of([reader.pages[mathematics]])
    drawing = reader.pages[mathematics].get_contents().get_data()
    filled, outlined = (len(re.findall(rb"\s%b\n" % how, drawing)) for how in (b"f", b"S"))
    assert outlined < filled / 5  # a link has a line under it


def test_the_built_site_can_be_put_on_the_branch_that_pages_shows(site, tmp_path):
    def git(*arguments, cwd=tmp_path):
        done = subprocess.run(["git", *arguments], cwd=cwd, capture_output=True, encoding="utf-8")
        assert done.returncode == 0, done.stderr
        return done.stdout

    workflow = (ROOT / ".github" / "workflows" / "site.yml").read_text(encoding="utf-8")
    flags = re.search(r"ghp-import ((?:--[\w-]+\s)+)", workflow)[1].split()
    git("init", "--bare", "-q", "hub.git")
    git("init", "-q", "here")
    here = tmp_path / "here"
    for setting in ("user.name=me", "user.email=me@example.org"):
        git("config", *setting.split("="), cwd=here)
    git("remote", "add", "origin", str(tmp_path / "hub.git"), cwd=here)
    command = [sys.executable, "-m", "ghp_import", *flags, str(site)]
    subprocess.run(command, cwd=here, check=True)
    listed = git("ls-tree", "-r", "--name-only", "gh-pages", cwd=tmp_path / "hub.git").split("\n")
    assert {".nojekyll", "index.html", f"{PAGES[1]}.html", f"colab/{PAGES[1]}.ipynb"} <= set(listed)


# All that a move changes for a reader: the words, and the drawings.
SEEN = """explorer => [
    explorer.querySelector(".tc-words").textContent,
    [...explorer.querySelectorAll("figure svg")].map(svg => svg.outerHTML).join(),
]"""


def test_without_javascript_there_is_a_picture_of_each_explorer(address, browser):
    pictures = "noscript img[alt*='explorer']"
    with new_page(browser, viewport=PHONE, java_script_enabled=False) as (page, _):
        page.goto(f"{address['http']}/explorers.html")
        assert page.get_by_text("The explorers need JavaScript").is_visible()
        cells = page.locator(".cell_output", has=page.locator("noscript")).all()
        assert len(cells) == len(scenarios.NAMES) or not find_spec("elpv_dataset")
        for cell in cells:
            box = cell.locator(pictures).bounding_box()
            assert 300 < box["width"] <= PHONE["width"] and box["height"] > 150


@pytest.mark.parametrize("scheme", weekly_but(["http"], ["http", "file"]))
def test_explorers_answer_to_keyboard_and_mouse_without_a_kernel(scheme, address, browser):
    with new_page(browser, viewport=PHONE) as (page, trouble):
        page.goto(f"{address[scheme]}/explorers.html", wait_until="networkidle")
        explorers = page.locator(".tc-explorer").all()
        cells = nbformat.read(ROOT / "notebooks" / "explorers.ipynb", as_version=4).cells
        assert len(explorers) == sum(cell.id.endswith("-explorer") for cell in cells) > 3

        def changes(explorer, act, what):
            before = explorer.evaluate(SEEN)
            act()
            after = explorer.evaluate(SEEN)
            assert after[0] != before[0], f"{what}: the words stay the same"
            assert after[1] != before[1], f"{what}: the drawing stays the same"

        for explorer in explorers:
            if explorer.get_by_role("radio", name="L2-SP").count():
                assert "No kernel is running" in explorer.locator(".tc-origin").inner_text()
                methods = explorer.get_by_role("radio")
                methods.first.check()
                for number in range(1, methods.count()):
                    changes(explorer, lambda: page.keyboard.press("ArrowDown"), f"method {number}")
                changes(explorer, lambda: methods.first.click(), "a method, by mouse")  # noqa: B023
                explorer.get_by_role("radio", name="L2-SP").check()
            for slider in explorer.get_by_role("slider").all():
                name = slider.evaluate("it => it.labels[0].textContent")
                slider.focus()
                page.keyboard.press("Home")
                changes(explorer, lambda: page.keyboard.press("ArrowRight"), f"{name}, by keyboard")
                page.keyboard.press("Home")
                slider.scroll_into_view_if_needed()
                box = slider.bounding_box()
                end = box["x"] + box["width"] - 5, box["y"] + box["height"] / 2
                changes(explorer, lambda: page.mouse.click(*end), f"{name}, by mouse")  # noqa: B023
            for button in explorer.get_by_role("button").all():
                saves = {"Runs as CSV": "runs.csv", "Figure as SVG": "accuracy.svg"}
                name = saves.get(button.inner_text())
                if name is None:
                    changes(explorer, button.click, button.inner_text())
                    continue
                with page.expect_download() as download:
                    button.click()
                assert download.value.suggested_filename == name
                text = Path(download.value.path()).read_text(encoding="utf-8")
                assert text.startswith("position,episode,epoch" if name == "runs.csv" else "<svg")
    assert trouble == []


def test_the_address_holds_the_position_of_each_explorer(address, browser):
    with new_page(browser) as (page, trouble):
        page.goto(f"{address['http']}/explorers.html", wait_until="networkidle")
        for explorer in page.locator(".tc-explorer").all()[:2]:
            explorer.get_by_role("radio", name="L2-SP").check()
            explorer.get_by_role("slider", name="λ").press("End")
        page.wait_for_function("""() => {
            const positions = [...new URLSearchParams(location.hash.slice(1)).values()];
            return positions.filter(it => it.split(",")[2] === "100").length === 2;
        }""")  # a moment later
        said = page.locator(".tc-words").all_inner_texts()[:2]
        with new_page(browser) as (other, _):
            other.goto(page.url, wait_until="networkidle")
            assert other.locator(".tc-words").all_inner_texts()[:2] == said
    assert trouble == []


def test_an_explorer_answers_to_taps(address, browser):
    grid = runs_of_explorers.load_grid("digits")
    digits = scenarios.scenario("digits")
    preset = digits.presets[0]
    at = digits.start | {"method": "l2_sp"}
    with new_page(browser, viewport=PHONE, has_touch=True, is_mobile=True) as (page, trouble):
        page.goto(f"{address['http']}/explorers.html", wait_until="networkidle")
        explorer = page.locator(".tc-explorer").first

        def says(settings, name):
            final = [run["test"][-1] for run in grid[runs_of_explorers.key(settings)]]
            mean = f"mean of {len(final)} draws {100 * sum(final) / len(final):.0f} %"
            text = explorer.locator(".tc-words").inner_text()
            assert text.startswith(f"{name}: ") and mean in text

        explorer.locator("label", has_text="L2-SP").tap()
        says(at, "L2-SP, frozen up to: nothing, λ 1, 5 shots, learning rate 0.0003")
        for where, lam in {-8: 100, 8: 0.01}.items():
            slider = explorer.get_by_role("slider", name="λ")
            box = slider.bounding_box()
            slider.tap(position={"x": where % box["width"], "y": box["height"] / 2})
            says(
                at | {"lam": lam},
                f"L2-SP, frozen up to: nothing, λ {lam}, 5 shots, learning rate 0.0003",
            )
        explorer.get_by_role("button", name=preset["title"]).tap()
        says(
            preset["shown"],
            "fine-tuning, frozen up to: nothing, 1 shot, learning rate 0.0003",
        )
        assert "Pinned: fine-tuning with a random head" in explorer.inner_text()
        explorer.locator(".tc-words").evaluate("it => it.scrollIntoView({ block: 'center' })")
        bottom = "it => it.getBoundingClientRect().bottom"
        end = explorer.locator(".tc-controls").evaluate(bottom)
        assert end <= explorer.locator(".tc-results").bounding_box()["y"], "one covers the other"
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert trouble == []


# Small enough for seconds: one layer, so that there is nothing to freeze in between, and too few
# images for more than one shot.
OWN = """import numpy as np

import transfer_course as tc
from transfer_course._backend import keras

draw = np.random.default_rng(0)
labels = np.arange(20) % 2
images = draw.integers(0, 200, (20, 8, 8, 1)) + 10 * labels[:, None, None, None]
photos = tc.Dataset(images.astype("uint8"), labels, ("dark", "light"))
layers = [keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(4)]
explorer = tc.widgets.TransferExplorer(backbone=keras.Sequential(layers), dataset=photos)
explorer.precompute()
explorer"""


@pytest.mark.slow
def test_ones_own_explorer_works_on_the_site_once_it_is_precomputed(tmp_path, monkeypatch, browser):
    path = tmp_path / "notebooks" / "own.ipynb"
    path.parent.mkdir()
    cells = [nbformat.v4.new_markdown_cell("# Our photos"), nbformat.v4.new_code_cell(OWN)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    notebook = execute(path)
    nbformat.write(notebook, path)
    # A book of this page alone, since one of all the pages takes a minute.
    shutil.copytree(BOOK, tmp_path / "book", ignore=shutil.ignore_patterns("_build", "*.md"))
    (tmp_path / "book" / "_toc.yml").write_text("format: jb-book\nroot: own\n", encoding="utf-8")
    monkeypatch.setattr("build.BOOK", tmp_path / "book")
    assert build(path.parent, tmp_path, pdf=False) == 0

    (state,) = (it["state"] for it in saved_state(notebook).values() if "grid" in it["state"])
    about, (keys, runs) = state["about"], state["grid"].values()
    numbers = np.frombuffer(base64.b64decode(runs), "<u2").reshape(len(keys), about["draws"], -1)
    final = numbers[:, :, 2 * len(about["epochs"]) - 1] / 1000
    percent = {key: f"{100 * mean:.0f} %" for key, mean in zip(keys, final.mean(1), strict=True)}
    lams = about["positions"]["lam"]
    wanted = [percent[f"l2_sp nothing {lam} 1 0.0003"] for lam in lams]
    with (
        serve(tmp_path / "_build" / "html", {"Content-Security-Policy": POLICY}) as url,
        new_page(browser) as (page, trouble),
    ):
        page.goto(f"{url}/own.html", wait_until="networkidle")
        explorer = page.locator(".tc-explorer")
        assert "No kernel is running here" in explorer.locator(".tc-origin").inner_text()
        explorer.get_by_role("radio", name="L2-SP").check()
        slider = explorer.get_by_role("slider", name="λ")
        slider.press("Home")
        for lam, mean in zip(lams, wanted, strict=True):
            text = explorer.locator(".tc-words").inner_text()
            assert text.startswith(f"L2-SP, frozen up to: nothing, λ {lam}, 1 shot")
            assert f"mean of 3 draws {mean}," in text
            spread = explorer.get_by_role("img", name=f"shown: mean {mean}")
            assert spread.locator("circle").count() == 3
            slider.press("ArrowRight")
        curve = explorer.locator(".tc-first svg").first.get_attribute("aria-label")
        assert f"L2-SP: {', '.join(wanted)}" in curve
        assert trouble == []


# Quizzes


def plain(text):
    """The words of a quiz's Markdown, as a page shows them."""
    return re.sub(r"[`*](\S[^`*]*)[`*]", r"\1", text)


OWN_KEYS = "[data-lm-suppress-shortcuts=true]"


def seen_in(quiz):
    """The explanations that a reader sees."""
    return [text.inner_text() for text in quiz.locator(".tc-option p").all() if text.is_visible()]


@pytest.mark.parametrize("scheme", ["http", "file"])
def test_a_quiz_is_answered_by_keyboard_on_a_phone(scheme, address, browser):
    name = "3-2-fine-tuning"
    questions = quizzes.load(name)
    said = []
    with new_page(browser, viewport=PHONE, color_scheme="light") as (page, trouble):
        page.goto(f"{address[scheme]}/{name}.html", wait_until="networkidle")
        quiz = page.locator(".tc-quiz")
        status = quiz.get_by_role("status")
        assert seen_in(quiz) == []
        # Or a screen reader does not say it, and JupyterLab takes d d for the deletion of the cell.
        for part, kind in {
            ".tc-option p": "[aria-live=polite] > *",
            "input, button": OWN_KEYS,
        }.items():
            assert quiz.locator(part).evaluate_all(
                "(all, kind) => all.every(it => it.matches(kind))", kind
            )
        page.get_by_role("heading", name="Quiz").scroll_into_view_if_needed()
        quiz.get_by_role("radio").first.focus()
        for number, question in enumerate(questions):
            right = [option["right"] for option in question["options"]].index(True)
            group = quiz.get_by_role("group", name=plain(question["question"]))
            options = group.get_by_role("radio").all()
            tries = [right] if number else [(right + 1) % 3, right]  # the first one wrong
            for index in tries:
                page.keyboard.press("Space")
                for _ in range(len(options)):
                    if options[index].is_checked():
                        break
                    page.keyboard.press("ArrowDown")
                page.keyboard.press("Enter")
                verdict = "Right" if index == right else "Not quite"
                said.append(f"{verdict}: {plain(question['options'][index]['why'])}")
            left = len(questions) - number - 1
            to_go = f" Questions to go: {left}." if left else ""
            assert status.inner_text() == f"Score: {number} of {len(questions)}.{to_go}"
            page.keyboard.press("Tab")  # to the button
            assert page.evaluate("document.activeElement.textContent") == "Check"
            page.keyboard.press("Tab")
        assert sorted(seen_in(quiz)) == sorted(said)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        assert trouble == []  # axe, which the policy of the server refuses, makes its own
        if scheme == "file":
            assert what_shuts_readers_out(page, ".tc-quiz") == []
        assert page.evaluate("document.activeElement.textContent") == "Try again"
        page.keyboard.press("Enter")
        assert seen_in(quiz) == []
        assert status.inner_text().startswith(f"{len(questions)} questions.")
        assert quiz.get_by_role("radio").first.evaluate("it => it === document.activeElement")
        assert not quiz.get_by_role("button", name="Try again").is_visible()


@pytest.mark.parametrize("name", weekly_but(EACH_KIND, quizzes.names()))
def test_a_printed_quiz_shows_each_option_and_its_explanation(name, address, browser):
    with new_page(browser) as (page, trouble):
        page.goto(f"{address['file']}/{name}.html", wait_until="networkidle")
        page.emulate_media(media="print")
        quiz = page.locator(".tc-quiz")
        options = [option for question in quizzes.load(name) for option in question["options"]]
        assert seen_in(quiz) == [
            f"{'Right' if option['right'] else 'Not quite'}: {plain(option['why'])}"
            for option in options
        ]
        words = " ".join(quiz.inner_text().split())
        assert all(plain(option["option"]) in words for option in options)
        assert quiz.locator("input:visible, button:visible").count() == 0
    assert trouble == []


def test_the_quizzes_are_there_for_moodle(soups, site):
    links = {tag["href"] for tag in soups["instructors.html"].select("article a[href$='.xml']")}
    found = {Path(link).stem: (site / link).read_text(encoding="utf-8") for link in links}
    every = {name: quizzes.moodle(name) for name in quizzes.names()}
    assert found == every | {"all": quizzes.moodle(*every)}
