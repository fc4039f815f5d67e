"""The pages of the staff: orders, notes on low stock, deliveries."""

import logging

import pytest
from sqlalchemy import select

from pyramid_bookstore.catalogue.trade import TRADE
from pyramid_bookstore.feeds.staging import FEED_FIELDS
from storefront.models import StockNote
from storefront.refusals import COLUMNS
from tests.storefront.conftest import DUNE, HOBBIT


@pytest.fixture
def books(shop):
    return shop.add_books(HOBBIT, DUNE | {"stock": 8})


@pytest.fixture
def staff(shop, books):
    return shop.browser().sign_in("basil")


def notes(page):
    return [item.a.text for item in page.html.select(".notes li")]


def test_staff_see_the_orders_and_their_totals(shop, staff):
    assert "Nobody has ordered anything yet" in staff.get("/staff").text
    ada = shop.browser().sign_in("ada")
    ada.put_in_basket(HOBBIT["isbn"], 2)
    ada.order_form().submit(status=303)
    page = staff.get("/staff")
    assert "The Hobbit" in page.html.select_one(".ledger").text
    assert [figure.text for figure in page.html.select(".tiles dd")] == ["1", "2", "€32.00", "1"]


def test_low_stock_is_noted_and_a_delivery_removes_the_note(shop, staff):
    ada = shop.browser().sign_in("ada")
    ada.put_in_basket(HOBBIT["isbn"], 3)
    ada.order_form().submit(status=303)
    page = staff.get("/staff")
    assert notes(page) == ["The Hobbit"]
    form = page.form_of("/staff/stock")
    form["copies"] = "10"
    page = form.submit(status=303).follow()
    assert "“The Hobbit”: 12 copies now." in page.text
    assert notes(page) == []


def test_low_stock_after_changes_through_the_api_is_noted_too(shop, staff, books, shop_session):
    api = shop.api("basil")
    api.post_json(f"/api/books/{books[0]['id']}/stock", {"delta": -5})
    api.put_json(f"/api/books/{books[1]['id']}", {"stock": 2})
    found = {note.title: note.stock for note in shop_session.scalars(select(StockNote))}
    assert found == {"The Hobbit": 0, "Dune": 2}
    api.delete(f"/api/books/{books[0]['id']}")
    assert notes(staff.get("/staff")) == ["Dune"]


def test_the_stock_page_is_searchable_and_lists_the_lowest_stock_first(staff):
    page = staff.get("/staff/stock")
    assert [row.a.text for row in page.html.select("tbody tr")] == ["The Hobbit", "Dune"]
    page = staff.get("/staff/stock?q=herbert")
    assert [row.a.text for row in page.html.select("tbody tr")] == ["Dune"]


@pytest.mark.parametrize("copies", ["0", "-3", "x", "", "10000"])
def test_a_delivery_with_an_invalid_number_of_copies_is_refused(staff, copies):
    form = staff.get("/staff/stock?q=hobbit").form_of("/staff/stock")
    form["copies"] = copies
    page = form.submit(status=303).follow()
    assert "Say how many copies" in page.text
    assert page.html.select_one("tbody .stock").text == "5"


def test_the_reason_is_shown_when_the_bookstore_refuses_a_delivery(shop, staff, books):
    full = 2**31 - 1
    shop.api("basil").put_json(f"/api/books/{books[0]['id']}", {"stock": full})
    form = staff.get("/staff/stock?q=hobbit").form_of("/staff/stock")
    form["copies"] = "1"
    assert str(full) in form.submit(status=303).follow().html.select_one(".flash.warning").text


def test_a_delivery_of_an_unknown_book_is_not_found(staff):
    token = staff.get("/staff").form_of("/logout")["csrf_token"].value
    staff.post("/staff/stock", {"csrf_token": token, "book": "x", "copies": "1"}, status=404)


def test_only_committed_stock_changes_are_logged(open_shop, caplog):
    shop = open_shop()
    book = shop.add_books(HOBBIT)[0]
    with caplog.at_level(logging.INFO, logger="storefront"):
        shop.api("basil").post_json(f"/api/books/{book['id']}/stock", {"delta": -2})
        shop.api("basil").post_json(f"/api/books/{book['id']}/stock", {"delta": -9}, status=409)
    assert [record.getMessage() for record in caplog.records] == [
        "9780261102217 “The Hobbit”: -2, 3 left"
    ]


def fill(form, **values):
    for name, value in values.items():
        form[name] = value
    return form


def test_what_runs_out_is_in_order_of_urgency(shop, staff, books):
    api = shop.api("basil")
    api.post_json(f"/api/books/{books[0]['id']}/stock", {"delta": -5})
    api.post_json(f"/api/books/{books[1]['id']}/stock", {"delta": -6})
    assert notes(staff.get("/staff")) == ["The Hobbit", "Dune"]


class TestBooks:
    NEW = {"title": "Momo", "author": "Michael Ende", "price": "14.90", "stock": "3"}

    def test_staff_put_a_book_in_change_it_and_take_it_out(self, shop, staff):
        form = fill(staff.get("/staff/books").form_of(""), isbn="978-3-522-20255-8", **self.NEW)
        page = form.submit("action", value="save", status=303).follow()
        assert "“Momo” is in the catalogue now." in page.text
        form = fill(page.form_of(""), price="12", description="Grey men.\r\nAnd time.")
        page = form.submit("action", value="save", status=303).follow()
        stored = shop.api("basil").get("/api/books/isbn/9783522202558").json
        assert (stored["price"], stored["description"]) == (12, "Grey men.\nAnd time.")
        page = page.form_of("").submit("action", value="delete", status=303).follow()
        assert "“Momo” is out of the catalogue." in page.text
        shop.api("basil").get("/api/books/isbn/9783522202558", status=404)

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("title", " "),
            ("isbn", "9783522202559"),
            ("isbn", HOBBIT["isbn"]),
            ("price", "ten"),
            ("price", "1.234"),
            ("stock", "-1"),
            ("stock", "1.5"),
        ],
    )
    def test_a_fault_stands_at_its_field_and_the_rest_stays_as_typed(self, staff, name, value):
        values = {"isbn": "9783522202558", **self.NEW, name: value}
        page = fill(staff.get("/staff/books").form_of(""), **values).submit("action", value="save")
        assert page.status_int == 200
        (fault,) = page.html.select(".field .problem")
        assert fault["id"] == f"{name}-fault"
        form = page.form_of("")
        assert {key: form[key].value for key in values} == values

    @pytest.mark.parametrize("name", ["price", "stock"])
    @pytest.mark.parametrize("value", ["-1", "9" * 40, "9" * 500])
    def test_of_a_number_beyond_the_bounds_these_are_said(self, staff, name, value):
        values = {"isbn": "9783522202558", **self.NEW, name: value}
        page = fill(staff.get("/staff/books").form_of(""), **values).submit("action", value="save")
        (fault,) = page.html.select(".field .problem")
        assert fault["id"] == f"{name}-fault"
        assert fault.text.startswith("The number must be from 0")

    def test_a_fault_of_the_whole_book_is_said(self, staff):
        values = {"isbn": "9783522202558", **self.NEW, "price": "0"}
        page = fill(staff.get("/staff/books").form_of(""), **values).submit("action", value="save")
        assert page.html.select(".problem")[0].text.strip()

    @pytest.mark.parametrize("action", ["save", "delete"])
    def test_a_book_that_changed_meanwhile_is_shown_anew(self, shop, staff, books, action):
        form = staff.get(f"/staff/books/{books[0]['id']}").form_of("")
        shop.api("basil").put_json(f"/api/books/{books[0]['id']}", {"price": 17})
        page = form.submit("action", value=action, status=303).follow()
        assert "Somebody has changed this book meanwhile" in page.text
        assert page.form_of("")["price"].value == "17.00"

    @pytest.mark.parametrize("book", ["x", "00000000000070008000000000000000"])
    def test_an_unknown_book_is_not_found(self, staff, book):
        staff.get(f"/staff/books/{book}", status=404)

    @pytest.mark.parametrize("path", ["/staff/books", "/staff/import"])
    def test_customers_see_none_of_it(self, shop, path):
        assert shop.browser().sign_in("ada").get(path, status="*").status_int in (303, 403)


class TestImport:
    FILE = b"ISBN,title,author,price\n9783522202558,Momo,Michael Ende,14.90\nno,T,A,1\n"

    def taken(self, staff, action, name="books.csv", content=FILE):
        form = staff.get("/staff/import").form_of("")
        form["file"] = (name, content)
        return form.submit("action", value=action)

    @pytest.mark.parametrize(("action", "total"), [("try", 2), ("import", 3)])
    def test_a_file_is_tried_first_or_taken(self, shop, staff, action, total):
        page = self.taken(staff, action)
        assert [figure.text for figure in page.html.select(".tiles dd")] == ["1", "0", "0", "1"]
        assert page.html.select("tbody .amount")[0].text == "3"
        assert shop.api("basil").get("/api/books").json["total"] == total

    def refused(self, staff, content, name="books.csv"):
        return self.taken(staff, "try", name, content).html.select_one(".problem").text

    def test_a_file_of_another_kind_is_named(self, staff):
        assert "“books.pdf” is no CSV file" in self.refused(staff, b"", "books.pdf")

    @pytest.mark.parametrize(
        ("header", "said"),
        [
            ("ISBN13;Titel;Preis", "not found, or found twice: isbn. Columns that are not known:"
             " ISBN13, Titel, Preis. Known are isbn, title,"),
            ("isbn,title,title,author", "found twice: title. Known are"),
            ("isbn,Verlag", "Columns that are not known: Verlag. Known are"),
            ("isbn," + ",".join(f"c{n}" for n in range(20)), "c6, c7 and 12 more."),
            ("eins,zwei", "must name the columns (isbn, title,"),
        ],
    )  # fmt: skip
    def test_columns_that_do_not_fit_are_named_and_those_that_would(self, staff, header, said):
        text = self.refused(staff, f"{header}\n1,2\n".encode())
        assert said in text
        assert text.count("isbn, title, author") == 1

    @pytest.mark.parametrize(
        "content",
        [
            b"ISBN13;Titel\n", b"a,b\n", b"{}\n", b"PK\3\4", b"\1\0\0\0",
            b"isbn,title\n1,M\xfcller\n",
        ],
    )  # fmt: skip
    def test_no_refusal_of_a_file_names_what_the_page_does_not_have(self, staff, content):
        text = self.refused(staff, content)
        assert "--" not in text
        assert "HTTP" not in text

    @pytest.mark.parametrize("price", ["14,90", "1,234", "ten"])
    def test_no_refusal_of_a_row_names_what_the_page_does_not_have(self, staff, price):
        rows = f'isbn,title,author,price\n9783522202558,Momo,Michael Ende,"{price}"\n'
        text = self.taken(staff, "try", content=rows.encode()).html.select_one(".ledger").text
        assert "price: The price" in text
        assert "--" not in text

    def test_the_known_columns_are_those_of_the_bookstore(self):
        declared = {field.name for field in TRADE}
        assert set(COLUMNS) == {*FEED_FIELDS, *declared}

    def test_without_a_file_one_is_asked_for(self, staff):
        page = staff.get("/staff/import").form_of("").submit("action", value="try")
        assert page.html.select_one(".problem").text == "Choose a file."
