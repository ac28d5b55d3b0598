"""The site, built from the notebooks as they are, and looked at in Chromium."""

import json
import re
import runpy
from itertools import chain
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pytest
from browser import chromium, new_page, serve
from bs4 import BeautifulSoup

ROOT = Path(__file__).resolve().parent.parent
PAGES = re.findall(r"(?:root|file): *(\S+)", (ROOT / "book" / "_toc.yml").read_text("utf8"))
PHONE = {"width": 360, "height": 740}
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

build = runpy.run_path(str(ROOT / "book" / "build.py"))["build"]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the built site."""
    folder = tmp_path_factory.mktemp("book")
    assert build(ROOT / "notebooks", folder) == 0
    return folder / "_build" / "html"


@pytest.fixture(scope="module")
def soups(site):
    """Every HTML file of the site, parsed, by its name."""
    return {p.name: BeautifulSoup(p.read_text("utf8"), "html.parser") for p in site.glob("*.html")}


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def address(site):
    """Where the site is, served and on the disk."""
    with serve(site) as url:
        yield {"http": url, "file": site.as_uri()}


@pytest.fixture(scope="module", params=["http", "file"])
def visits(request, address, browser):
    """What each page is like on a phone, everything on it unfolded: name -> facts."""
    facts = {}
    for name in [*PAGES, "search"]:
        with new_page(browser, viewport=PHONE) as (page, trouble):
            page.goto(f"{address[request.param]}/{name}.html", wait_until="networkidle")
            facts[name] = {**page.evaluate(LOOK), "trouble": trouble}
    return facts


@pytest.mark.browser
def test_the_recorder_sees_every_kind_of_trouble(tmp_path, browser):
    (tmp_path / "page.html").write_text(
        """<!doctype html><link rel="icon" href="data:,"><img src="missing.png">
        <img src="https://example.org/pixel.png"><script>
        console.error("oh"); new WebSocket("wss://example.org/socket"); throw Error("uncaught")
        </script>"""
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


def test_dead_links_fail_the_build(tmp_path, capfd):
    text = ["# A page\n", "\n", "With a [link](to-nowhere.ipynb) and {py:func}`no_such_function`."]
    cell = {"cell_type": "markdown", "metadata": {}, "source": text}
    notebook = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 4}
    for page in PAGES:
        if not (ROOT / "book" / f"{page}.md").exists():
            (tmp_path / f"{page}.ipynb").write_text(json.dumps(notebook))
    assert build(tmp_path, tmp_path) != 0
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
        found = re.search(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//.*", style.read_text("utf8"))
        assert not found, f"{style.name}: {found[0]}"


def test_links_within_the_site_lead_somewhere(soups, site):
    dead = []
    for name, soup in soups.items():
        for tag in soup.select("a[href]"):
            path, anchor = urldefrag(tag["href"])
            if re.match(r"\w+:", path):
                continue
            target = unquote(path) or name
            found = (site / target).exists()
            if found and anchor and target in soups:
                found = soups[target].find(id=unquote(anchor)) is not None
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


@pytest.mark.browser
def test_pages_open_without_trouble(visits):
    assert {name: seen["trouble"] for name, seen in visits.items() if seen["trouble"]} == {}


@pytest.mark.browser
def test_pages_fit_a_phone(visits):
    too_wide = [name for name, seen in visits.items() if seen["width"] > PHONE["width"]]
    assert too_wide == []
    # The theme hides what a formula has too much; the part that holds it must scroll instead.
    assert {name: seen["cut"] for name, seen in visits.items() if seen["cut"]} == {}


@pytest.mark.browser
def test_formulas_are_drawn(visits):
    assert sum(seen["formulas"] for seen in visits.values()) > 0
    assert {name: seen["undrawn"] for name, seen in visits.items() if seen["undrawn"]} == {}
    assert {name: seen["wrong"] for name, seen in visits.items() if seen["wrong"]} == {}


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["http", "file"])
def test_the_address_of_the_site_leads_to_the_first_page(scheme, address, browser):
    with new_page(browser) as (page, trouble):
        page.goto(f"{address[scheme]}/index.html")
        page.wait_for_url(f"**/{PAGES[0]}.html", timeout=5000)
        assert trouble == []


@pytest.mark.browser
def test_figures_stay_on_white_in_the_dark_theme(soups, address, browser):
    name = next(name for name, soup in soups.items() if soup.select(".cell_output img"))
    with new_page(browser, color_scheme="dark") as (page, _):
        page.goto(f"{address['http']}/{name}")
        colour = "e => getComputedStyle(e).backgroundColor"
        assert page.locator("body").evaluate(colour) != "rgb(255, 255, 255)"
        assert page.locator(".cell_output img").first.evaluate(colour) == "rgb(255, 255, 255)"


@pytest.mark.browser
def test_search_finds_a_word_of_a_chapter(soups, address, browser):
    chapter = next(page for page in PAGES if page[0] != "0")
    article = soups[f"{chapter}.html"].article
    titles = " ".join(tag.text for tag in article.select("h1, h2, h3"))
    prose = [p.find_all(string=True, recursive=False) for p in article.select("section > p")]
    words = re.findall(r"\b[a-z]+\b", " ".join(chain.from_iterable(prose)))
    word = max(set(words) - set(titles.lower().split()), key=lambda w: (len(w), w))
    with new_page(browser) as (page, trouble):
        page.goto(f"{address['http']}/search.html?q={word}", wait_until="networkidle")
        links = page.locator("#search-results li a")
        found = links.evaluate_all("links => links.map(a => a.href)")
        assert any(f"/{chapter}.html" in link for link in found), word
        assert trouble == []
