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
from time import sleep

import pytest

pytest.importorskip("selenium", reason="selenium drives the browser")

from pyramid.config import Configurator
from selenium.webdriver.common.keys import Keys

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


@pytest.fixture(scope="module", autouse=True)
def quick_processes():
    """Coverage, which makes processes slow, is measured by the other tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)
        yield


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
    env = {"PYTHONPATH": str(installed / "site")}
    with running_server(ini, port=port, ready="/", env=env) as server:
        yield server


@pytest.fixture(scope="module")
def browser(server, tmp_path_factory):
    with chromium(server.url, tmp_path_factory.mktemp("browser")) as browser:
        yield browser


@pytest.fixture
def window(browser, tmp_path):
    with browser.tab(tmp_path) as window:
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


def test_staff_can_put_a_book_in_and_take_a_file_on_a_phone(window, passwords, tmp_path):
    window.resize(*PHONE)
    window.open("/staff/books")
    sign_in(window, "staff", passwords["staff"])
    window.open("/staff/books")
    window.fill("#title", "Momo")
    window.click("[value=save]")
    window.shoot("faults")
    assert window.overflow() == 0
    for name, text in (("author", "Michael Ende"), ("isbn", "9783522202558"), ("price", "14.9")):
        window.fill(f"#{name}", text)
    window.click("[value=save]")
    assert "“Momo” is in the catalogue now." in window.find(".flash").text
    feed = tmp_path / "feed.csv"
    feed.write_text("isbn,title,author,price\n9783522202558,Momo,Michael Ende,12\n1,,,\n")
    window.open("/staff/import")
    window.find("#file").send_keys(str(feed))
    window.click("[value=try]")
    window.shoot("import")
    assert window.find_all(".tiles dd") == ["0", "1", "0", "1"]
    assert window.overflow() == 0
    window.open("/staff/stock?q=9783522202558")
    window.click("tbody a")
    window.click("[value=delete]")
    assert "“Momo” is out of the catalogue." in window.find(".flash").text


OPEN = "#q[aria-expanded=true]"
CLOSED = "#q[aria-expanded=false]"


def type_in(window, *keys):
    window.find("#q").send_keys(*keys)


def suggested(window):
    """The texts and the hints of the suggestions, once there are any."""
    window.find(OPEN)
    return [tuple(each.split("\n")) for each in window.find_all("[role=option]")]


def active(window):
    """The suggestion that the field says is the active one, and that looks so."""
    option = window.find("[role=option][aria-selected=true]")
    assert window.find("#q").get_attribute("aria-activedescendant") == option.get_attribute("id")
    return option.text.partition("\n")[0]


def test_typing_suggests_and_arrow_down_with_enter_opens_the_books_of_an_author(window):
    window.open("/")
    type_in(window, "tolk")
    assert suggested(window)[:2] == [
        ("J. R. R. Tolkien", "author, 11 books"),
        ("The Letters of J. R. R. Tolkien", "book"),
    ]
    type_in(window, Keys.ARROW_DOWN)
    window.shoot("suggestions")
    assert active(window) == "J. R. R. Tolkien"
    assert window.find("#q").get_attribute("value") == "tolk"
    type_in(window, Keys.ENTER)
    assert window.find(".results").text == "Books by J. R. R. Tolkien"
    assert "11 books" in window.find(".count").text


def test_a_click_on_a_suggested_title_opens_its_page(window):
    window.resize(*PHONE)
    window.open("/")
    type_in(window, "hobb")
    assert ("The Hobbit", "book") in suggested(window)
    assert window.overflow() <= 0
    window.shoot("suggestions")
    window.find("[role=option]:last-child").click()
    assert window.find(".book h1").text == "The Hobbit"


def test_the_arrows_go_round_the_suggestions_and_enter_without_them_searches(window):
    window.open("/")
    type_in(window, "le guin")
    texts = [text for text, _ in suggested(window)]
    type_in(window, Keys.ARROW_UP)
    assert active(window) == texts[-1]
    type_in(window, Keys.ARROW_DOWN)
    assert active(window) == texts[0]
    type_in(window, " ")
    window.find("#q:not([aria-activedescendant])")
    type_in(window, Keys.ENTER)
    assert window.find(".results").text == "Found for le guin"


def test_escape_closes_the_suggestions_and_once_more_empties_the_field(window):
    window.open("/")
    type_in(window, "tolk")
    window.find(OPEN)
    type_in(window, Keys.ARROW_DOWN, Keys.ESCAPE)
    window.find(CLOSED + ":not([aria-activedescendant])")
    assert not window.find(".suggestions").is_displayed()
    assert window.find("#q").get_attribute("value") == "tolk"
    type_in(window, Keys.ARROW_DOWN)
    window.find(OPEN)
    type_in(window, Keys.ESCAPE, Keys.ESCAPE)
    assert window.find("#q").get_attribute("value") == ""
    assert window.driver.switch_to.active_element == window.find("#q")


def test_leaving_the_field_closes_the_suggestions(window):
    window.open("/")
    type_in(window, "tolk")
    window.find(OPEN)
    type_in(window, Keys.TAB)
    window.find(CLOSED)


def test_a_misspelling_suggests_the_nearest_spelling_and_says_so(window):
    window.open("/")
    type_in(window, "tolkein")
    assert suggested(window)[0] == ("J. R. R. Tolkien", "author, 11 books")
    assert "Did you mean" in window.find(".suggestions .hint").text
    assert "8 suggestions" in window.find("[role=status]").get_property("textContent")


def test_suggestions_are_shown_as_text_whatever_is_in_them(window):
    """And an answer to what was typed before does not replace a newer one."""
    window.open("/")
    window.driver.execute_script(
        """
        window.fetch = async (url, { signal }) => {
            const late = url.endsWith("=first");
            await new Promise((resolve) => setTimeout(resolve, late ? 800 : 0));
            signal.throwIfAborted();
            const text = late ? "late" : "<img src=x onerror=alert(1)>";
            const data = [{ text, hint: "<b>book</b>", href: "/" }];
            return { ok: true, json: async () => ({ data, corrected: false }) };
        };
        """
    )
    type_in(window, "first")
    sleep(0.5)
    window.find("#q").send_keys(Keys.BACKSPACE * 5 + "second")
    expected = [("<img src=x onerror=alert(1)>", "<b>book</b>")]
    assert suggested(window) == expected
    sleep(0.8)
    assert suggested(window) == expected


@pytest.mark.parametrize("scripts", [True, False])
def test_a_misspelled_search_shows_what_was_meant(window, scripts):
    if not scripts:
        window.disable_scripts()
    window.resize(*PHONE)
    window.open("/")
    window.fill("#q", "tolkein")
    assert window.find("#q").get_attribute("role") == ("combobox" if scripts else None)
    window.click(".search .button")
    assert window.find(".nearest").text == "Books for tolkien:"
    assert "The Hobbit" in window.find_all(".card-title")
    window.shoot("nearest")
    window.click(".nearest a")
    assert window.find(".results").text == "Found for tolkien"
    assert "The Hobbit" in window.find_all(".card-title")


def test_filters_are_beside_the_list_and_narrow_it_without_javascript(window):
    window.disable_scripts()
    window.open("/")
    filters, books = window.find(".facets"), window.find(".browse-list")
    assert filters.rect["x"] + filters.rect["width"] <= books.rect["x"]
    assert "Penguin\n23" in window.find_all(".facets li")
    window.click(".facets a[href*='language=ger']")
    window.click(".facets a[href*='publisher=Reclam']")
    window.shoot("filtered")
    assert window.find(".count").text == "6 books"
    assert window.find_all(".facets [aria-current] span") == ["Reclam", "German"]
    window.click(".chosen a[href='/?language=ger']")
    assert "19 books" in window.find(".count").text


def test_on_a_phone_filters_are_behind_a_link_until_one_is_chosen(window):
    window.disable_scripts()
    window.resize(*PHONE)
    window.open("/")
    assert not window.find(".facets").is_displayed()
    window.find(".chip.filters").click()
    assert window.find(".facets").is_displayed()
    assert window.overflow() <= 0
    window.shoot("filters")
    window.find(".facets-close").click()
    assert not window.find(".facets").is_displayed()
    window.find(".chip.filters").click()
    window.click(".facets a[href*='language=fre']")
    assert not window.find(".facets").is_displayed()
    assert window.find_all(".chosen a") == ["Remove\nFrench ×"]
    assert "18 books" in window.find(".count").text
    window.shoot("french")
    window.click(".chosen a")
    assert "245 books" in window.find(".count").text


PAGES = (
    *("/", "/?q=tolkien&sort=title", "/?q=tolkein", "/?q=xyzzy&in_stock=1"),
    *("/?language=ger&publisher=Reclam&price=-10#filters", "/?q=hobbit&language=ger"),
    *("/books/9780261102217", "/basket", "/login"),
)


@pytest.mark.parametrize(
    ("size", "dark"),
    [(DESKTOP, False), (PHONE, True), ((320, 640), False)],
    ids=["desktop-light", "phone-dark", "small-light"],
)
def test_pages_fit_the_window_and_load_nothing_from_other_hosts(window, server, size, dark):
    window.resize(*size)
    window.set_dark(dark)
    for path in PAGES:
        window.open(path)
        window.shoot(path.strip("/").partition("?")[0].replace("/", "-") or "front")
        assert window.overflow() <= 0, path
        assert window.hosts() == {server.url}, path


#: A way to each page with a route of its own; `{order}` and `{book}` are found on the way.
BY_ROUTE = {
    "catalogue": PAGES[:6],
    "book": ("/books/9780261102217",),
    "basket": ("/basket",),
    "login": ("/login",),
    "orders": ("/orders",),
    "order": ("{order}",),
    "staff": ("/staff",),
    "staff_stock": ("/staff/stock",),
    "staff_add": ("/staff/books",),
    "staff_import": ("/staff/import",),
    "staff_book": ("{book}",),
}
WITHOUT_PAGE = {"__static/", "suggest", "checkout", "logout"}


def test_a_way_is_known_to_every_page():
    with Configurator() as config:
        config.include("storefront.routes")
    routes = {route.name for route in config.get_routes_mapper().get_routes()}
    assert routes - WITHOUT_PAGE == set(BY_ROUTE)


@pytest.mark.parametrize("width", [320, 390])
def test_no_page_is_wider_than_a_phone(window, passwords, tmp_path, width):
    def fits():
        path = window.driver.current_url.removeprefix(window.url)
        window.shoot(path.strip("/").partition("?")[0].replace("/", "-") or "front")
        assert window.overflow() <= 0, path

    window.resize(width, 700)
    for isbn in ("9780261102217", "9780141439846"):
        window.open(f"/books/{isbn}")
        window.click(".buy .button")
    lines, slip = window.find(".lines").rect, window.find(".slip").rect
    assert (lines["x"], lines["width"]) == (slip["x"], slip["width"])  # within the margins
    fits()
    window.click("#sign-in")
    sign_in(window, "staff", passwords["staff"])
    fits()
    window.click("#keep")
    fits()
    window.click("#order")
    found = {"order": window.driver.current_url.removeprefix(window.url)}
    fits()
    window.open("/books/9780261102217")
    window.click(".buy .button")
    window.open("/staff/stock")
    found["book"] = window.find(".ledger tbody a").get_attribute("href").removeprefix(window.url)
    for selector in ("tbody .stock", "tbody .number", "tbody .button"):
        place = window.find(selector).rect
        assert place["x"] >= 0
        assert place["x"] + place["width"] <= width, selector
    for paths in BY_ROUTE.values():
        for path in paths:
            window.open(path.format(**found))
            fits()
    window.open("/staff/books")
    window.click("[value=save]")
    fits()
    long = {"title": "Rindfleisch" * 6, "author": "Überwachung" * 6, "isbn": "9783522202558"}
    for name, text in (long | {"price": "9"}).items():
        window.fill(f"#{name}", text)
    window.click("[value=save]")
    for path in ("/?q=9783522202558", "/staff/stock?q=9783522202558", "/books/9783522202558"):
        fits()
        window.open(path)
    window.click(".buy .button")
    fits()
    window.open("/staff/stock?q=9783522202558")
    window.click("tbody a")
    window.click("[value=delete]")
    feed = tmp_path / "feed.csv"
    for text in ("ISBN13;Titel;Umschlagsabbildungsnummern\n1;2;3\n", "isbn,title\n1,\n"):
        feed.write_text(text)
        window.open("/staff/import")
        window.find("#file").send_keys(str(feed))
        window.click("[value=try]")
        fits()
    window.open("/nowhere")
    fits()
    assert window.complaints(but={404}) == []
