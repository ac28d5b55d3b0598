"""What the browser tests share: a Chromium, a list of what went wrong on its pages, a server."""

import os
from contextlib import contextmanager, suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import urlsplit

import pytest
from chromium import launch
from playwright.sync_api import sync_playwright

FLAGS = [
    "--disable-component-update",
    "--disable-sync",
    # No other host can be reached, so a test that asks one fails with and without a network.
    "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]


@contextmanager
def chromium():
    """A headless Chromium (a playwright ``Browser``) that reaches no host but this machine.

    Where none is installed the test is skipped, or fails if the variable ``CI`` is set.
    """
    with sync_playwright() as playwright:
        browser = launch(playwright, FLAGS)
        if browser is None:
            # On a CI machine a skip that nobody reads would hide a broken site.
            (pytest.fail if os.environ.get("CI") else pytest.skip)(
                "No Chromium was found; to run this test install one, with `apt install chromium` "
                "or `playwright install chromium`."
            )
        try:
            yield browser
        finally:
            browser.close()


def _is_here(url):
    parts = urlsplit(url)
    on_the_web = parts.scheme in {"http", "https", "ws", "wss"}
    return not on_the_web or parts.hostname in {"127.0.0.1", "localhost"}


@contextmanager
def new_page(browser, **options):
    """``(page, trouble)``: a fresh page, and the list of what goes wrong on it, as sentences.

    Trouble is an error on the console, an exception that no script caught, an answer of 400 and
    above, a request that failed, and any request to another host. ``options`` go to playwright's
    ``new_context``: ``viewport``, ``color_scheme`` and the like.
    """
    trouble = []

    def on_request(request):
        if not _is_here(request.url):
            trouble.append(f"request to another host: {request.url}")

    def on_failure(request):
        # Aborted means that the page itself gave the request up, by moving on, for one.
        if request.failure != "net::ERR_ABORTED":
            trouble.append(f"request failed: {request.url} ({request.failure})")

    def on_response(response):
        if response.status >= 400:
            trouble.append(f"HTTP {response.status}: {response.url}")

    def on_console(message):
        if message.type == "error":
            trouble.append(f"console error: {message.text}")

    context = browser.new_context(**options)
    context.on("request", on_request)
    context.on("requestfailed", on_failure)
    context.on("response", on_response)
    context.on("console", on_console)
    context.on("weberror", lambda error: trouble.append(f"uncaught exception: {error.error}"))
    context.on("page", lambda page: page.on("websocket", on_request))
    try:
        yield context.new_page(), trouble
    finally:
        context.close()


class _Handler(SimpleHTTPRequestHandler):
    def __init__(self, *arguments, headers, **options):
        self.more_headers = headers
        super().__init__(*arguments, **options)

    def log_message(self, *_):
        """Write nothing: a request is no news."""

    def end_headers(self):
        for header in self.more_headers.items():
            self.send_header(*header)
        super().end_headers()

    def copyfile(self, source, outputfile):
        # A page that was left while it loaded has hung up.
        with suppress(ConnectionError):
            super().copyfile(source, outputfile)


@contextmanager
def serve(folder, headers=None):
    """The address, such as ``http://127.0.0.1:40123``, at which ``folder`` is served meanwhile.

    ``headers``, a dictionary, go along with each answer.
    """
    handler = partial(_Handler, directory=str(folder), headers=headers or {})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
