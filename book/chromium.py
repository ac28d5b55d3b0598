"""The one place that looks for a browser: to print the book with, and to test it with."""

import shutil
from contextlib import suppress

from playwright.sync_api import Error

NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"]
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]


def launch(playwright, flags=()):
    """Start the first Chromium that does start: a playwright ``Browser``, or None if none does.

    It tries those on the PATH, then an installed Chrome or Edge, then the one that
    ``playwright install chromium`` downloads. ``flags`` are added to its command line.
    """
    on_path = [{"executable_path": path} for path in filter(None, map(shutil.which, NAMES))]
    for choice in [*on_path, {"channel": "chrome"}, {"channel": "msedge"}, {}]:
        with suppress(Error):
            return playwright.chromium.launch(args=[*FLAGS, *flags], **choice)
    return None
