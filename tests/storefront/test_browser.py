"""The shop, started as its README says, in a real browser.

The package is built, `initialize_storefront_db` prepares the database, `pserve` serves
``development.ini``. Screenshots of every step are in pytest's temporary folder (``--basetemp`` to
choose it).
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.storefront.chromium import DESKTOP, PHONE, chromium
from tests.support.processes import free_port
from tests.support.server import running_server

SOURCE = Path(__file__).parents[2] / "examples" / "storefront"


def run(*command, cwd=None, **env):
    done = subprocess.run(
        [sys.executable, *map(str, command)],
        env=os.environ | env,
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The shop as a package in a folder outside this environment; its INI is there too."""
    folder = tmp_path_factory.mktemp("shop")
    checkout = shutil.copytree(
        SOURCE,
        folder / "checkout",
        ignore=shutil.ignore_patterns("*.egg-info", "build", "*.sqlite*"),
    )
    site = folder / "site"
    site.mkdir()
    # The files of an installation, made without a package index.
    run(
        *("-c", "import setuptools; setuptools.setup()", "--quiet"),
        *("egg_info", "--egg-base", site, "build_py", "--build-lib", site),
        cwd=checkout,
    )
    return folder


@pytest.fixture(scope="module")
def passwords(installed):
    """Passwords by login, as the command prints them."""
    ini = installed / "checkout" / "development.ini"
    script = "from storefront.scripts.initialize import main; raise SystemExit(main())"
    out = run("-c", script, ini, PYTHONPATH=str(installed / "site"))
    assert "245 books put on the shelves" in out
    return dict(line.split() for line in out.splitlines() if line.startswith("  "))


@pytest.fixture(scope="module")
def server(installed, passwords):
    ini = installed / "checkout" / "development.ini"
    port = free_port()
    ini.write_text(ini.read_text().replace("127.0.0.1:6544", f"127.0.0.1:{port}"))
    env = {"PYTHONPATH": str(installed / "site")}
    with running_server(ini, port=port, ready="/", env=env) as server:
        yield server


@pytest.fixture
def window(server, tmp_path):
    with chromium(server.url, tmp_path) as window:
        yield window
        assert window.complaints() == []


def sign_in(window, login, password):
    window.fill("#login", login)
    window.fill("#password", password)
    window.click(".card-form .button")


def test_a_customer_can_search_fill_the_basket_sign_in_and_order(window, passwords):
    window.open("/")
    window.shoot("front")
    assert len(window.find_all(".shelf .card")) == 18

    window.fill("#q", "tolkien")
    window.click(".search .button")
    window.shoot("search")
    assert "The Hobbit" in window.find_all(".card-title")

    window.click(".card-link[href$='9780261102217']")
    window.shoot("book")
    assert window.find("h1").text == "The Hobbit"
    window.fill("#copies", "2")
    window.click(".buy .button")
    window.open("/books/9780261102354")
    window.click(".buy .button")
    window.shoot("basket")
    assert window.find_all(".line-title") == ["The Hobbit", "The Fellowship of the Ring"]
    assert window.find(".badge").text == "3"

    window.click("#sign-in")
    sign_in(window, "customer", "wrong")
    window.shoot("sign-in-wrong")
    assert "do not go together" in window.find("[role=alert]").text
    sign_in(window, "customer", passwords["customer"])
    window.shoot("basket-signed-in")

    total = window.find("#total").text
    window.click("#order")
    window.shoot("order")
    assert window.find("h1").text == "Thank you."
    assert total in window.find(".receipt").text
    number = window.find("#number").text

    window.open("/orders")
    window.shoot("orders")
    assert number in window.find(".order-list").text
    window.open("/books/9780261102217")
    window.open("/nowhere")
    window.shoot("not-found")
    assert window.complaints(but={401, 404}) == []


def test_staff_can_add_stock_and_see_what_runs_out(window, passwords):
    window.open("/staff")
    sign_in(window, "staff", passwords["staff"])
    window.open("/staff/stock")
    window.shoot("stock")
    title = window.find(".ledger tbody a").text
    window.fill(".ledger tbody .number", "40")
    window.click(".ledger tbody .button")
    assert title in window.find(".flash").text
    window.open("/staff")
    assert "Running out" in window.find_all("h2")
    window.shoot("counter")


def test_without_javascript_a_misspelled_search_links_to_the_right_one(window):
    window.disable_scripts()
    window.open("/")
    window.fill("#q", "tolkein")
    assert window.find("#q").get_attribute("role") is None
    window.click(".search .button")
    assert window.find(".did-you-mean").text == "Did you mean tolkien?"
    window.shoot("did-you-mean")
    window.click(".did-you-mean a")
    assert window.find(".results").text == "Found for tolkien"
    assert "The Hobbit" in window.find_all(".card-title")


PAGES = (
    *("/", "/?q=tolkien&sort=title", "/?q=tolkein", "/?q=xyzzy&in_stock=1"),
    *("/books/9780261102217", "/basket", "/login"),
)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE, (320, 640)], ids=["desktop", "phone", "small"])
def test_pages_fit_the_window_and_load_nothing_from_other_hosts(window, server, size, dark):
    window.resize(*size)
    window.set_dark(dark)
    for path in PAGES:
        window.open(path)
        window.shoot(path.strip("/").partition("?")[0].replace("/", "-") or "front")
        assert window.overflow() <= 0, path
        assert window.hosts() == {server.url}, path
