"""`/docs` in a real Chromium, below a prefix; screenshots are in pytest's temporary folder."""

from __future__ import annotations

import json
import shutil
from contextlib import contextmanager

import pytest

from pyramid_bookstore.testing import isbn
from tests.storefront.chromium import FLAGS, Window
from tests.support.server import running_server

PREFIX = "/shop/api"
BOOK = {"title": "From the page", "author": "A", "isbn": isbn(4711), "price": 5}


@pytest.fixture(scope="module")
def server(sqlite_backend):
    url = sqlite_backend.create()
    settings = {"bookstore.sqlalchemy.url": url, "bookstore.prefix": PREFIX}
    with running_server(settings, ready=f"{PREFIX}/health") as server:
        yield server
    sqlite_backend.drop(url)


@contextmanager
def browser(url, folder):
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium drives the browser")
    binary, driver_path = shutil.which("chromium"), shutil.which("chromedriver")
    if binary is None or driver_path is None:
        pytest.skip("no chromium and chromedriver on PATH")
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for flag in (*FLAGS, f"--user-data-dir={folder / 'profile'}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(
        options=options, service=webdriver.ChromeService(executable_path=driver_path)
    )
    try:
        window = Window(driver, url, folder)
        window.resize(1280, 900)
        yield window
    finally:
        driver.quit()


def requested(window):
    """Every URL that the browser requested over a network."""
    entries = [json.loads(entry["message"]) for entry in window.driver.get_log("performance")]
    sent = [e["message"] for e in entries if e["message"]["method"] == "Network.requestWillBeSent"]
    urls = [message["params"]["request"]["url"] for message in sent]
    # Without built-in pages of the browser and images inside a style sheet.
    return [url for url in urls if url.partition(":")[0] in ("http", "https", "ws", "wss")]


def wait(window, holds):
    from selenium.webdriver.support.ui import WebDriverWait  # with a browser only

    return WebDriverWait(window.driver, 30).until(lambda _driver: holds())


def click(window, selector):
    found = wait(window, lambda: window.driver.find_elements("css selector", selector))[0]
    window.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", found)
    window.driver.execute_script("arguments[0].click()", found)


def test_the_docs_page_creates_a_book_and_loads_nothing_from_other_hosts(server, tmp_path):
    with browser(server.url, tmp_path) as window:
        window.open(f"{PREFIX}/docs")
        wait(window, lambda: len(window.find_all(".opblock")) > 10)
        window.shoot("page")
        # HEAD is in the document, but not in the list of the page.
        assert window.find_all(".opblock-head") == []
        window.resize(390, 800)
        window.shoot("phone")
        assert window.overflow() <= 0
        window.resize(1280, 900)

        block = "[id='operations-Books-createBook']"
        click(window, f"{block} .opblock-summary-control")
        area = f"{block} textarea.body-param__text"
        wait(window, lambda: window.driver.find_elements("css selector", area))
        window.shoot("create")
        field = window.find(area)
        field.clear()
        field.send_keys(json.dumps(BOOK))
        click(window, f"{block} button.execute")
        status = f"{block} .live-responses-table .response-col_status"
        wait(window, lambda: "201" in " ".join(window.find_all(status)))
        window.shoot("created")

        made = server.request("GET", f"{PREFIX}/books/isbn/{BOOK['isbn']}")
        assert made.json["title"] == "From the page"
        asked = requested(window)
        assert f"{server.url}{PREFIX}/books" in asked
        assert [url for url in asked if not url.startswith(f"{server.url}{PREFIX}/")] == []
        # A violation of the page's policy would be among these.
        assert window.complaints() == []
