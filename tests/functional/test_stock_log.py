"""The log of the stock: every change is a movement, and they add up."""

from __future__ import annotations

import csv
import io
import threading
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from msgspec import UNSET
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from pyramid_bookstore import Bookstore, testing
from pyramid_bookstore.catalogue import movements
from pyramid_bookstore.catalogue.models import BOOKS as TABLE
from pyramid_bookstore.catalogue.movements import MOVEMENTS
from pyramid_bookstore.catalogue.store import Store
from pyramid_bookstore.db.engines import make_one_time_engine
from pyramid_bookstore.errors import HoldNotFound, HoldOver, InsufficientStock
from pyramid_bookstore.feeds import movement_feed
from pyramid_bookstore.web.mount import Mount
from tests.support.api import API, BOOKS, ask, assert_problem, isbn, new_book
from tests.support.processes import wait_until
from tests.support.server import write_ini
from tests.support.statements import observed

ON = {"bookstore.stock_log": "true", "bookstore.holds": "true"}


@pytest.fixture
def client(client_with):
    return client_with(ON)


@pytest.fixture
def rows_of(client):
    def rows_of(statement):
        with Mount.of(client.app.registry).database.reading.connect() as connection:
            return [*map(tuple, connection.execute(statement))]

    return rows_of


def log_of(client, book, limit=100):
    """All movements of a book, the newest first."""
    path, found = f"{BOOKS}/{book['id']}/stock?limit={limit}", []
    cursor = ""
    while cursor is not None:
        page = client.get(path + cursor).json
        assert len(page["data"]) <= limit == page["limit"]
        found += page["data"]
        cursor = page["next_cursor"] and f"&cursor={page['next_cursor']}"
    stock = client.get(f"{BOOKS}/{book['id']}").json["stock"]
    assert sum(each["delta"] for each in found) == stock
    totals = [each["stock"] for each in found]
    assert totals[:1] == [stock] * bool(found)
    for newer, older in pairwise(found):
        assert newer["stock"] - newer["delta"] == older["stock"]
    return found


def moves(client, book):
    return [(each["reason"], each["delta"], each["stock"]) for each in log_of(client, book)][::-1]


def test_every_way_over_http_that_changes_the_stock_is_a_movement(client):
    book = client.post_json(BOOKS, new_book(1)).json
    path, by_isbn = f"{BOOKS}/{book['id']}", f"{BOOKS}/isbn/{book['isbn']}"
    client.put_json(path, {"stock": 9})
    client.put_json(path, {"stock": 9, "title": "As it was"})
    client.patch_json(path, {"stock": None})
    client.put_json(by_isbn, new_book(1, stock=20))
    client.put_json(f"{BOOKS}/isbn/{isbn(2)}", new_book(2))
    client.post_json(f"{path}/stock", {"delta": -1, "reason": "damage", "reference": "shelf 3"})
    client.post_json(f"{path}/stock", {"delta": 0})
    lines = [{"id": book["id"], "delta": -1}, {"isbn": isbn(2), "delta": 2}]
    client.post_json(f"{API}/stock", {"lines": lines, "reason": "sale", "reference": "order 17"})
    held = {"lines": [{"id": book["id"], "quantity": 3}], "reference": "basket 4"}
    hold = client.post_json(f"{API}/holds", held).json
    client.post(f"{API}/holds/{hold['id']}/commit")
    file = f"isbn,stock\n{book['isbn']},40\n".encode()
    client.post(f"{BOOKS}/import", file, content_type="text/csv")
    assert moves(client, book) == [
        ("created", 5, 5), ("changed", 4, 9), ("changed", -9, 0), ("changed", 20, 20),
        ("damage", -1, 19), ("sale", -1, 18), ("hold", -3, 15), ("import", 25, 40),
    ]  # fmt: skip
    references = [each["reference"] for each in log_of(client, book)]
    assert references[:4] == [None, "basket 4", "order 17", "shelf 3"]
    other = client.get(f"{BOOKS}/isbn/{isbn(2)}").json
    assert moves(client, other) == [("created", 5, 5), ("sale", 2, 7)]


def test_a_refused_change_is_no_movement(client):
    book = client.post_json(BOOKS, new_book(1)).json
    path = f"{BOOKS}/{book['id']}"
    client.post_json(f"{path}/stock", {"delta": -9}, status=409)
    client.put_json(path, {"stock": 3, "price": 0}, status=422)
    client.post_json(BOOKS, new_book(1), status=409)
    client.put_json(path, {"stock": 3}, headers={"If-Match": '"1"'}, status=412)
    client.put_json(f"{BOOKS}/01a20253-e83e-7b91-92af-097058bab2fa", {"stock": 3}, status=404)
    assert moves(client, book) == [("created", 5, 5)]


def test_a_book_without_copies_has_no_movement(client):
    book = client.post_json(BOOKS, new_book(1, stock=0)).json
    assert log_of(client, book) == []
    client.put_json(f"{BOOKS}/isbn/{isbn(1)}", new_book(1, stock=0))
    assert log_of(client, book) == []


def test_a_movement_tells_who_and_which_request(make_client):
    class Policy:
        def identity(self, request):
            return request.headers.get("X-User")

        authenticated_userid = identity

        def permits(self, request, context, permission):
            return permission != "bookstore.stock" or self.identity(request) is not None

        def forget(self, request, **kw):
            return []

    client = make_client(ON, configure=lambda config: config.set_security_policy(Policy()))
    book = client.post_json(BOOKS, new_book(1)).json
    headers = {"X-User": "till-2" * 100, "X-Request-ID": "checkout-17"}
    client.post_json(f"{BOOKS}/{book['id']}/stock", {"delta": -1}, headers=headers)
    path = f"{BOOKS}/{book['id']}/stock"
    assert_problem(ask(client, "GET", path), 401, "unauthorized")
    newest, oldest = client.get(path, headers=headers).json["data"]
    assert (newest["by"], newest["request_id"]) == (("till-2" * 100)[:255], "checkout-17")
    assert set(newest) == {"at", "delta", "stock", "reason", "reference", "by", "request_id"}
    assert oldest["by"] is None


def test_a_script_writes_movements_without_a_caller(client):
    registry = client.app.registry
    with Session(Mount.of(registry).database.writing) as session:
        store = Bookstore.on(session, registry=registry)
        book = store.create(new_book(1))
        store.change_stocks([{"id": book.id, "delta": -2}], reason="count")
        page = store.movements(book.id, limit=1)
        assert [(each.by, each.delta) for each in page.movements] == [(None, -2)]
        assert store.movements(book.id, cursor=page.next_cursor).movements[0].delta == 5


def test_a_script_without_settings_goes_by_what_the_database_has(client):
    """Without a movement there is no log, as far as it can know; after that none is lost."""
    with Session(Mount.of(client.app.registry).database.writing) as session:
        store = testing.bookstore(session)
        early = store.create(new_book(1))
        with pytest.raises(RuntimeError):
            store.movements(early.id)
        session.commit()
        client.post_json(f"{BOOKS}/{early.id}/stock", {"delta": -1})
        store.change_stock(early.id, -2, reason="count")
        store.update(early.id, {"stock": 9})
        late = store.create(new_book(2))
        session.commit()
        assert store.get(late.id).available is UNSET
    log = log_of(client, {"id": str(early.id)})
    assert [(each["delta"], each["reason"]) for each in log] == [
        (7, "changed"),
        (-2, "count"),
        (-1, None),
        (5, "opening"),
    ]
    assert [each["delta"] for each in log_of(client, {"id": str(late.id)})] == [5]


def test_a_script_without_settings_takes_nothing_that_is_held(make_client):
    client = make_client({"bookstore.holds": "true"})
    book = client.post_json(BOOKS, new_book(1)).json
    lines = [{"id": book["id"], "quantity": 4}]
    client.post_json(f"{API}/holds", {"lines": lines})
    with Session(Mount.of(client.app.registry).database.writing) as session:
        store = testing.bookstore(session)
        assert store.get(book["id"]).available == 1
        with pytest.raises(InsufficientStock):
            store.change_stock(book["id"], -2)
        with pytest.raises(InsufficientStock):
            store.change_stocks([{"id": book["id"], "delta": -2}])


@pytest.mark.parametrize("several", [True, False])
def test_a_script_without_settings_leaves_what_is_held_since_it_looked(make_client, several):
    """The hold is not committed when the script looks, and its books are locked."""
    client = make_client({"bookstore.holds": "true"})
    book = client.post_json(BOOKS, new_book(1)).json
    engine = Mount.of(client.app.registry).database.writing
    if engine.dialect.name == "sqlite":
        pytest.skip("there is one writer at a time")
    told = []

    def sell():
        with Session(engine) as session:
            store = testing.bookstore(session)
            try:
                if several:
                    store.change_stocks([{"id": book["id"], "delta": -3}])
                else:
                    store.change_stock(book["id"], -3)
                session.commit()
            except InsufficientStock as refused:
                told.append(refused.available)

    with Session(engine) as session:
        holder = Bookstore.on(session, registry=client.app.registry)
        holder.hold([{"id": book["id"], "quantity": 4}])
        seller = threading.Thread(target=sell)
        seller.start()
        with make_one_time_engine({"url": engine.url}).connect() as looking:
            waits = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            wait_until(
                lambda: looking.exec_driver_sql(waits).first(), timeout=60, what="the sale to wait"
            )
        session.commit()
    seller.join()
    assert told == [1]


def test_a_script_without_settings_ends_holds_and_places_none(make_client):
    client = make_client({"bookstore.holds": "true"})
    book = client.post_json(BOOKS, new_book(1)).json
    lines = [{"id": book["id"], "quantity": 1}]
    hold = client.post_json(f"{API}/holds", {"lines": lines}).json["id"]
    with Session(Mount.of(client.app.registry).database.writing) as session:
        store = testing.bookstore(session)
        store.commit_hold(hold)
        for ended in (store.commit_hold, store.release_hold, store.get_hold):
            with pytest.raises(HoldOver):
                ended(hold)
        with pytest.raises(HoldNotFound):
            store.get_hold(book["id"])
        with pytest.raises(RuntimeError, match="registry="):
            store.hold(lines)
        with pytest.raises(RuntimeError, match="registry="):
            store.prolong_hold(hold, 60)


def test_pages_go_by_cursor(client):
    book = client.post_json(BOOKS, new_book(1)).json
    path = f"{BOOKS}/{book['id']}/stock"
    for _ in range(4):
        client.post_json(path, {"delta": 1})
    assert [log_of(client, book, limit) == log_of(client, book) for limit in (1, 2, 3, 5)] == [
        True
    ] * 4
    answer = client.get(f"{path}?limit=2")
    first, following = answer.headers["Link"].split(", ")
    assert first == f'<{path}?limit=2>; rel="first"'
    assert client.get(following[1:].split(">")[0]).json["data"][0]["stock"] == 7


@pytest.mark.parametrize(
    "cursor",
    ["!", "abc", "MS45OTk5OTk5OTk5", "LTEuMA", "MQ", "MS4tMQ", "Ml8wLjE", "MS4wMQ", "é"],
)
def test_a_wrong_cursor_is_refused(client, cursor):
    book = client.post_json(BOOKS, new_book(1)).json
    answer = ask(client, "GET", f"{BOOKS}/{book['id']}/stock?cursor={cursor}")
    if cursor == "é":
        assert answer.status_int in (400, 422)
        return
    assert_problem(answer, 422, "validation_failed", "cursor")


def test_a_book_that_is_not_there_has_no_list(client):
    path = f"{BOOKS}/01a20253-e83e-7b91-92af-097058bab2fa/stock"
    assert_problem(ask(client, "GET", path), 404, "not_found")
    book = client.post_json(BOOKS, new_book(1)).json
    refused = ask(client, "GET", f"{BOOKS}/{book['id']}/stock?limit=101&page=2")
    assert_problem(refused, 422, "validation_failed", "limit", "page")


def test_a_log_that_begins_late_has_an_opening_balance(make_client, backend):
    url = backend.create()
    before = make_client(url=url)
    book = before.post_json(BOOKS, new_book(1)).json
    before.get(f"{BOOKS}/{book['id']}/stock", status=405)
    client = make_client(ON, url=url)
    assert moves(client, book) == [("opening", 5, 5)]
    path = f"{BOOKS}/{book['id']}/stock"
    client.post_json(path, {"delta": -2, "reason": "sale"})
    assert moves(client, book) == [("opening", 5, 5), ("sale", -2, 3)]
    # And one that was switched off for a while shows what is missing, once and in its place.
    before.post_json(path, {"delta": 4})
    expected = [("opening", 5, 5), ("sale", -2, 3), ("unrecorded", 4, 7)]
    assert moves(client, book) == expected
    client.post_json(path, {"delta": -1, "reason": "sale"})
    expected.append(("sale", -1, 6))
    assert moves(client, book) == expected
    assert [log_of(client, book, limit) == log_of(client, book) for limit in (1, 2, 3, 4)] == [
        True
    ] * 4
    backend.drop(url)


def test_old_movements_become_an_opening_balance(make_client, monkeypatch):
    client = make_client(ON | {"bookstore.stock_log.keep_days": "30"})
    monkeypatch.setattr(movements, "CLEANED", 4)
    book, other = (client.post_json(BOOKS, new_book(number)).json for number in (1, 2))
    path = f"{BOOKS}/{book['id']}/stock"
    for _ in range(8):
        client.post_json(path, {"delta": 1})
    assert len(log_of(client, book)) == 9
    old = datetime.now(UTC) - timedelta(days=31)
    with Mount.of(client.app.registry).database.writing.begin() as connection:
        connection.execute(update(MOVEMENTS).values(at=old))
    # Each change deletes some, and no more.
    for left in (7, 4, 3, 4, 5):
        client.post_json(path, {"delta": -1})
        kept = [each for each in log_of(client, book) if each["reason"] != "opening"]
        assert len(kept) == left, kept
    assert moves(client, book)[0] == ("opening", 13, 13)
    assert moves(client, other) == [("opening", 5, 5)]


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("unrecorded", [False, True])
def test_pages_add_up_whatever_comes_and_goes_between_them(make_client, backend, limit, unrecorded):
    url = backend.create()
    client = make_client(ON | {"bookstore.stock_log.keep_days": "30"}, url=url)
    book = client.post_json(BOOKS, new_book(1)).json
    path = f"{BOOKS}/{book['id']}/stock"
    for delta in (3, -1):
        client.post_json(path, {"delta": delta})
    if unrecorded:
        make_client(url=url).post_json(path, {"delta": 4})
    page = client.get(f"{path}?limit={limit}").json
    found, stock = page["data"], client.get(f"{BOOKS}/{book['id']}").json["stock"]
    with Mount.of(client.app.registry).database.writing.begin() as connection:
        connection.execute(update(MOVEMENTS).values(at=datetime.now(UTC) - timedelta(days=31)))
    while page["next_cursor"]:
        client.post_json(path, {"delta": -1})  # deletes the old ones
        page = client.get(f"{path}?limit={limit}&cursor={page['next_cursor']}").json
        found += page["data"]
    assert sum(each["delta"] for each in found) == stock
    for newer, older in pairwise(found):
        assert newer["stock"] - newer["delta"] == older["stock"]
    backend.drop(url)


FEED = "isbn,title,author,price,stock\n"


def rows(*books):
    return (FEED + "".join(f"{isbn(number)},T,A,5,{stock}\n" for number, stock in books)).encode()


def test_an_import_writes_the_movements_of_all_that_it_changes(client):
    known = client.post_json(BOOKS, new_book(1)).json
    same = client.post_json(BOOKS, new_book(2)).json
    file = rows((1, 7), (2, 5), (3, 4), (4, 0))
    client.post(f"{BOOKS}/import?dry_run=true", file, content_type="text/csv")
    client.post(f"{BOOKS}/import", file, content_type="text/csv")
    client.post(f"{BOOKS}/import", file, content_type="text/csv")
    assert moves(client, known) == [("created", 5, 5), ("import", 2, 7)]
    assert moves(client, same) == [("created", 5, 5)]
    new, none = (client.get(f"{BOOKS}/isbn/{isbn(number)}").json for number in (3, 4))
    assert moves(client, new) == [("import", 4, 4)]
    assert moves(client, none) == []
    # A file without the column changes no stock.
    file = f"isbn,title\n{isbn(3)},Other\n".encode()
    client.post(f"{BOOKS}/import", file, content_type="text/csv")
    assert moves(client, new) == [("import", 4, 4)]


def test_an_import_sends_as_many_statements_however_many_rows(client):
    def sent(first, number):
        file = rows(*((first + at, 3) for at in range(number)))
        with observed() as statements:
            client.post(f"{BOOKS}/import", file, content_type="text/csv")
        return [each.split("(")[0] for each in statements.work if "bookstore_movements" in each]

    assert sent(0, 2) == sent(10, 200)


@pytest.mark.parametrize("absent", ["zero", "delete"])
def test_absent_books_are_movements_too(client, rows_of, absent):
    path = f"{BOOKS}/import?source=a&max_absent=100&absent={absent}"
    client.post(path, rows((1, 7), (2, 5), (3, 0)), content_type="text/csv")
    gone = client.get(f"{BOOKS}/isbn/{isbn(2)}").json
    client.post(path, rows((1, 7)), content_type="text/csv")
    if absent == "zero":
        assert moves(client, gone) == [("import", 5, 5), ("absent", -5, 0)]
        return
    found = select(MOVEMENTS.c.reason, MOVEMENTS.c.delta, MOVEMENTS.c.stock)
    assert ("absent", -5, 0) in rows_of(found)


def test_a_deleted_book_leaves_its_movements(client, rows_of):
    book = client.post_json(BOOKS, new_book(1)).json
    client.delete(f"{BOOKS}/{book['id']}")
    assert rows_of(select(MOVEMENTS.c.delta, MOVEMENTS.c.stock)) == [(5, 5), (-5, 0)]
    assert_problem(ask(client, "GET", f"{BOOKS}/{book['id']}/stock"), 404, "not_found")


def test_an_upsert_of_a_book_that_keeps_vanishing_gives_up(client, monkeypatch):
    client.post_json(BOOKS, new_book(1))
    monkeypatch.setattr(Store, "find_by_isbn", lambda self, isbn: None)
    refused = ask(client, "PUT", f"{BOOKS}/isbn/{isbn(1)}", new_book(1, stock=9))
    assert_problem(refused, 503, "unavailable")


class TestCommandLine:
    @pytest.fixture
    def run(self, backend, tmp_path, monkeypatch):
        from click.testing import CliRunner

        from pyramid_bookstore.cli import main

        monkeypatch.chdir(tmp_path)
        url = backend.create()

        def run(*words, code=0, on="true"):
            settings = {"bookstore.sqlalchemy.url": url, "bookstore.stock_log": on}
            done = CliRunner().invoke(main, ("-c", str(write_ini(tmp_path, settings)), *words))
            assert done.exit_code == code, (done.output, done.exception)
            return done

        run.url = url
        yield run
        backend.drop(url)

    @staticmethod
    def table(done):
        return [*csv.DictReader(io.StringIO(done.stdout))]

    @staticmethod
    def sums(table):
        found: dict[str, int] = {}
        for row in table:
            found[row["isbn"]] = found.get(row["isbn"], 0) + int(row["delta"])
        return {each: total for each, total in found.items() if total}

    def stocks(self, run):
        with make_one_time_engine({"url": run.url}).connect() as connection:
            found = connection.execute(select(TABLE.c.isbn, TABLE.c.stock).where(TABLE.c.stock > 0))
            return {row.isbn: row.stock for row in found}

    def test_the_sample_and_an_import_are_written_down(self, run, tmp_path):
        run("sample")
        table = self.table(run("export", "-", "--movements"))
        assert {row["reason"] for row in table} == {"sample"}
        assert self.sums(table) == self.stocks(run)
        (tmp_path / "feed.csv").write_bytes(rows((1, 7), (2, 5)))
        run("import", "feed.csv")
        table = self.table(run("export", "-", "--movements"))
        assert [row["delta"] for row in table if row["reason"] == "import"] == ["7", "5"]
        assert self.sums(table) == self.stocks(run)

    def test_what_is_not_written_down_is_in_the_file(self, run, tmp_path, monkeypatch):
        monkeypatch.setattr(movement_feed, "PAGE", 2)
        run("sample", on="false")
        table = self.table(run("export", "-", "--movements"))
        assert {row["reason"] for row in table} == {"opening"}
        assert self.sums(table) == self.stocks(run)
        known = next(iter(self.stocks(run)))
        for number, on in ((1, "true"), (2, "true"), (3, "false"), (4, "true"), (5, "false")):
            (tmp_path / "feed.csv").write_text(f"isbn,stock\n{known},{number}00\n")
            run("import", "feed.csv", on=on)
        table = self.table(run("export", "-", "--movements"))
        of_book = [(row["reason"], row["stock"]) for row in table if row["isbn"] == known]
        assert [reason for reason, _ in of_book] == [
            "opening", "import", "import", "unrecorded", "import", "unrecorded",
        ]  # fmt: skip
        assert [stock for _, stock in of_book[1:]] == ["100", "200", "300", "400", "500"]
        assert self.sums(table) == self.stocks(run)

    def test_the_movements_of_deleted_books_are_in_the_file(self, run):
        run("sample")
        with make_one_time_engine({"url": run.url}).begin() as connection:
            connection.execute(delete(TABLE))
        table = self.table(run("export", "-", "--movements"))
        assert {row["isbn"] for row in table} == {""}

    def test_cells_cannot_be_run_as_formulas(self, run):
        engine = make_one_time_engine({"url": run.url})
        with engine.begin() as connection, Session(connection) as session:
            store = Bookstore.on(session)
            book = store.create(new_book(1))
            log = movements.MovementLog()
            move = movements.Move(book.id, 5, 5)
            log.write(connection, [move], movements.Reason("=cmd()", "@x"))
        [row] = self.table(run("export", "-", "--movements"))
        assert (row["reason"], row["reference"]) == ("'=cmd()", "'@x")

    @pytest.mark.parametrize(
        "words", [("--in-stock", "true"), ("--filter", "a=b"), ("--format", "ndjson")]
    )
    def test_movements_take_no_filter_and_no_other_format(self, run, words):
        assert (
            "Movements are written all" in run("export", "-", "--movements", *words, code=1).output
        )
        said = run("export", "movements.xlsx", "--movements", code=1).output
        assert "no name that ends otherwise than in .csv" in said

    def test_movements_need_the_setting(self, run):
        assert (
            "bookstore.stock_log = true"
            in run("export", "-", "--movements", code=1, on="no").output
        )


class TestOff:
    """Off, holds and the log cost nothing: what is sent is what was sent before there were any."""

    def test_no_statement_knows_of_holds_or_movements(self, make_client):
        client = make_client()
        with observed() as statements:
            book = client.post_json(BOOKS, new_book(1)).json
            path = f"{BOOKS}/{book['id']}"
            client.get(path)
            client.get(f"{BOOKS}?in_stock=true")
            client.get(f"{BOOKS}?in_stock=false&sort=stock")
            client.put_json(path, {"stock": 4})
            client.put_json(f"{BOOKS}/isbn/{isbn(1)}", new_book(1))
            client.post_json(f"{path}/stock", {"delta": -1})
            client.get(f"{BOOKS}/export")
            client.post(f"{BOOKS}/import", rows((1, 7)), content_type="text/csv")
            client.delete(path)
        words = ("held", "bookstore_hold", "bookstore_movements", "available")
        assert [each for each in statements if any(word in each for word in words)] == []

    def test_the_statements_are_the_ones_from_before(self, make_client, backend):
        """By id, list, create and stock, written out."""
        client = make_client()
        book = client.post_json(BOOKS, new_book(1)).json
        fields = ["id", "title", "author", "isbn", "price", "stock", "description", "extra"]
        names = [*fields, "created_at", "updated_at"]
        columns = ", ".join(f"bookstore_books.{name}" for name in names)
        extra = "bookstore_books.extra"
        columns = columns.replace(extra, f"CAST({extra} AS TEXT) AS extra")
        with observed() as statements:
            client.get(f"{BOOKS}/{book['id']}")
            client.get(BOOKS)
            client.post_json(BOOKS, new_book(2))
            client.post_json(f"{BOOKS}/{book['id']}/stock", {"delta": -1})
        by_id, listed, create, stock = (" ".join(each.split()) for each in statements)
        mark = "?" if backend.name == "sqlite" else "%(id)s::UUID"
        assert by_id == f"SELECT {columns} FROM bookstore_books WHERE bookstore_books.id = {mark}"
        assert listed.startswith(
            f"SELECT {columns}, bookstore_books.created_at AS sort_created_at,"
            " (SELECT coalesce(sum(bookstore_totals.books),"
        )
        assert listed.split(" OFFSET ")[0].endswith(
            "FROM bookstore_books ORDER BY bookstore_books.created_at DESC,"
            " bookstore_books.id DESC LIMIT 21"
        )
        inserted = create.split(" VALUES ")[0]
        derived = "title_words, author_words, attributes, sort_keys, declared, extra_words"
        assert inserted == f"INSERT INTO bookstore_books ({', '.join(names)}, {derived})"
        assert stock.split(" WHERE ")[1].startswith("bookstore_books.id = ")
        condition = stock.split(" WHERE ")[1].split(" RETURNING ")[0]
        assert condition.count("AND") == 2
        assert "BETWEEN" in condition
