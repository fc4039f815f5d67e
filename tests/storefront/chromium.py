"""A real headless Chromium, for tests that use pages as people do."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
DESKTOP = (1280, 900)
PHONE = (390, 800)


class Window:
    """One browser window; ``driver`` is Selenium's."""

    def __init__(self, driver: Any, url: str, shots: Path) -> None:
        self.driver = driver
        self.url = url
        self._shots = shots
        self._numbers = count(1)

    @contextmanager
    def tab(self, shots: Path) -> Iterator[Window]:
        """A window as of a new browser, without cookies; its screenshots are in ``shots``."""
        first = self.driver.current_window_handle
        self.driver.switch_to.new_window("tab")
        self.driver.execute_cdp_cmd("Network.clearBrowserCookies", {})
        window = Window(self.driver, self.url, shots)
        window.resize(*DESKTOP)
        try:
            yield window
        finally:
            self.driver.close()
            self.driver.switch_to.window(first)

    def open(self, path: str) -> None:
        self.driver.get(self.url + path)

    def find(self, selector: str) -> Any:
        return self._soon(lambda driver: driver.find_element("css selector", selector))

    def find_all(self, selector: str) -> list[str]:
        return [found.text for found in self.driver.find_elements("css selector", selector)]

    def click(self, selector: str) -> None:
        """Click what leads to another page, and wait until that page has loaded."""
        self.driver.execute_script("window.left = true")
        self.find(selector).click()
        self.wait("return !window.left && document.readyState === 'complete'")

    def wait(self, script: str) -> None:
        """Wait until ``script`` returns true."""
        self._soon(lambda driver: driver.execute_script(script))

    def _soon(self, found: Callable[[Any], Any]) -> Any:
        """Call ``found`` until its result is true, and return the result.

        Between two documents chromedriver raises errors of many names ("no such element",
        "node does not belong to the document", "unable to capture"): all mean to try again.
        """
        from selenium.common.exceptions import WebDriverException
        from selenium.webdriver.support.wait import WebDriverWait

        patient = WebDriverWait(self.driver, 60, ignored_exceptions=[WebDriverException])
        return patient.until(found)

    def fill(self, selector: str, text: str) -> None:
        field = self.find(selector)
        field.clear()
        field.send_keys(text)

    def resize(self, width: int, height: int) -> None:
        """Set the size that the page sees; headless windows have a minimum width of their own."""
        self.driver.execute_cdp_cmd("Emulation.setScrollbarsHidden", {"hidden": True})
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def disable_scripts(self) -> None:
        """Run no script of any page; those of tests run all the same."""
        self.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})

    def set_dark(self, dark: bool) -> None:
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})

    def shoot(self, name: str) -> Path:
        """Save a screenshot of the whole page."""
        options = {"format": "png", "captureBeyondViewport": True}
        answer = self._soon(
            lambda driver: driver.execute_cdp_cmd("Page.captureScreenshot", options)
        )
        path = self._shots / f"{next(self._numbers):02}-{name}.png"
        path.write_bytes(base64.b64decode(answer["data"]))
        return path

    def overflow(self) -> int:
        """By how many pixels the page is wider than the window."""
        script = "return document.documentElement.scrollWidth - window.innerWidth"
        return int(self.driver.execute_script(script))

    def hosts(self) -> set[str]:
        """Origins from which the page loaded anything."""
        script = (
            "return performance.getEntriesByType('resource')"
            ".map(entry => new URL(entry.name).origin)"
        )
        return set(self.driver.execute_script(script))

    def complaints(self, but: Collection[int] = ()) -> list[str]:
        """Errors in the console of the browser, except for pages with the statuses ``but``."""
        found = [entry["message"] for entry in self.driver.get_log("browser")]
        known = tuple(f"status of {status} (" for status in but)
        return [message for message in found if not any(part in message for part in known)]


@contextmanager
def chromium(url: str, folder: Path) -> Iterator[Window]:
    """A browser at ``url``, its profile and screenshots in ``folder``; skips without Chromium."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium drives the browser")
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    driver_path = shutil.which("chromedriver")
    if browser is None or driver_path is None:
        pytest.skip("no chromium and chromedriver on PATH")
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for flag in (*FLAGS, f"--user-data-dir={folder / 'profile'}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(executable_path=driver_path)
    driver = webdriver.Chrome(options=options, service=service)
    try:
        driver.set_page_load_timeout(60)
        window = Window(driver, url, folder)
        window.resize(*DESKTOP)
        yield window
    finally:
        driver.quit()
