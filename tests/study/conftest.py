import os
import shutil

import pytest
from playwright.sync_api import sync_playwright

REQUIRED = os.environ.get("GPU_METRICS_REQUIRE_BROWSER") == "1"


@pytest.fixture(scope="session")
def launch():
    """Starts real browsers without a window, with arguments of the test's."""
    found = shutil.which("chromium") or shutil.which("google-chrome")
    if found is None:
        (pytest.fail if REQUIRED else pytest.skip)("needs chromium: apt-get install chromium")
    started = []

    def launch(*args):
        # as root, as containers run, there is no sandbox to be had
        options = ["--no-sandbox", *args]
        started.append(playwright.chromium.launch(executable_path=found, args=options))
        return started[-1]

    with sync_playwright() as playwright:
        yield launch
        for browser in started:
            browser.close()


@pytest.fixture(scope="session")
def browser(launch):
    return launch()
