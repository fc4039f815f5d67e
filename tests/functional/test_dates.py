"""Conditions by date (RFC 9110, 13.1.3 and 13.1.4), whatever the clock does."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from pyramid_bookstore import Condition
from pyramid_bookstore.db.dialects import dialect_named
from pyramid_bookstore.db.engines import make_one_time_engine
from pyramid_bookstore.errors import VersionMismatch
from pyramid_bookstore.values import moments
from pyramid_bookstore.web.mount import Mount
from tests.support.api import BOOKS, RUST, ask, assert_problem, new_book

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
LATER = {"behind": -3600, "right": 0.3, "ahead": 3600}
WRITES = [
    ("PUT", "", {"title": "T"}),
    ("PATCH", "", {"title": "T"}),
    ("DELETE", "", None),
    ("POST", "/stock", {"delta": 1}),
]


class Clock:
    """The clock of the server; `set` moves it to so many seconds after noon."""

    def __init__(self):
        self.set(0)

    def set(self, seconds):
        self._now = NOON + timedelta(seconds=seconds)

    def now(self, zone):
        return self._now.astimezone(zone)


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(moments, "datetime", clock)
    return clock


@pytest.fixture
def url(clock, client):
    clock.set(0.1)
    return client.post_json(BOOKS, RUST).headers["Location"].removeprefix("http://localhost")


def date_of(client, url):
    return client.get(url).headers["Last-Modified"]


def read(client, url, date):
    return ask(client, "GET", url, headers={"If-Modified-Since": date})


def test_a_book_that_was_not_changed_since_its_date_gets_304(clock, client, url):
    date = date_of(client, url)
    assert read(client, url, date).status_int == 200  # it may be changed within this second
    clock.set(1.2)
    assert read(client, url, date).status_int == 304


def test_with_a_clock_that_went_back_no_read_by_date_gets_304(clock, client, url):
    date = date_of(client, url)
    clock.set(-3600)
    assert read(client, url, date).status_int == 200


@pytest.mark.parametrize("seconds", LATER.values(), ids=LATER)
@pytest.mark.parametrize("change", ["PUT", "upsert", "stock", "import"])
def test_a_copy_from_before_a_change_never_gets_304(clock, client, url, seconds, change):
    """Whatever the clock was at the change, and is at the read."""
    date = date_of(client, url)
    clock.set(seconds)
    if change == "PUT":
        client.put_json(url, {"stock": 7})
    elif change == "upsert":
        client.put_json(f"{BOOKS}/isbn/{RUST['isbn']}", RUST | {"stock": 7}, status=200)
    elif change == "stock":
        client.post_json(f"{url}/stock", {"delta": 7 - RUST["stock"]})
    else:
        body = f"isbn,stock\n{RUST['isbn']},7\n".encode()
        client.post(f"{BOOKS}/import", body, content_type="text/csv")
    for now in (-7200, 0.2, 0.9, 1.2, 7200):
        clock.set(now)
        answer = read(client, url, date)
        assert (answer.status_int, answer.json["stock"]) == (200, 7), now


@pytest.mark.parametrize(("method", "path", "body"), WRITES)
@pytest.mark.parametrize("seconds", LATER.values(), ids=LATER)
def test_a_change_by_the_date_of_an_earlier_version_gets_412(
    clock, client, url, seconds, method, path, body
):
    date = date_of(client, url)
    clock.set(seconds)
    client.put_json(url, {"stock": 7})
    before = client.get(url)
    for now in (-7200, 0.2, 0.9, 1.2, 7200):
        clock.set(now)
        refused = ask(client, method, url + path, body, {"If-Unmodified-Since": date})
        assert_problem(refused, 412, "precondition_failed")
        assert refused.headers["ETag"] == before.headers["ETag"]
    assert client.get(url).json == before.json


@pytest.mark.parametrize(("method", "path", "body"), WRITES)
def test_a_change_by_the_date_of_the_only_version_of_its_second_is_done(
    clock, client, url, method, path, body
):
    headers = {"If-Unmodified-Since": date_of(client, url)}
    assert ask(client, method, url + path, body, headers).status_int in (200, 204)


def test_a_date_later_than_the_last_change_holds_however_many_its_second_had(clock, client, url):
    clock.set(0.5)
    client.put_json(url, {"stock": 7})
    clock.set(3)
    headers = {"If-Unmodified-Since": "Tue, 01 Jan 2030 12:00:01 GMT"}
    assert client.put_json(url, {"stock": 8}, headers=headers).json["stock"] == 8


def test_the_dates_of_a_book_hold_again_after_a_change_in_a_later_second(clock, client, url):
    clock.set(-3600)
    client.put_json(url, {"stock": 7})
    clock.set(1.5)
    client.put_json(url, {"stock": 8})
    date = date_of(client, url)
    clock.set(60)
    assert read(client, url, date).status_int == 304
    assert client.put_json(url, {"stock": 9}, headers={"If-Unmodified-Since": date}).json


def test_updated_at_moves_with_each_change_whatever_the_clock_does(clock, client, url):
    def moment(answer):
        return datetime.fromisoformat(answer.json["updated_at"])

    seen = [moment(client.get(url))]
    for now in (0.1, 0.1, 0.3, 0.3, -60, -60, 0.2, 5.0, 0.2, 5.0, 6.0):
        clock.set(now)
        seen.append(moment(client.post_json(f"{url}/stock", {"delta": 1})))
    assert seen == sorted({*seen})
    # The first of each second is the time of its change.
    firsts = [each for each in seen if each.microsecond % 2 == 0]
    assert firsts == [NOON + timedelta(seconds=seconds) for seconds in (0.1, 5, 6)]


def test_the_first_version_of_a_second_follows_many_of_the_second_before(
    clock, client, writing_engine
):
    """With a clock that is behind, each change is a microsecond after the one before."""
    url = client.post_json(BOOKS, new_book(1)).headers["Location"].removeprefix("http://localhost")
    with writing_engine.begin() as connection:
        last = NOON.replace(microsecond=999_999)
        value = int(last.timestamp() * 1_000_000) if writing_engine.name == "sqlite" else last
        move = sa.text("UPDATE bookstore_books SET updated_at = :last")
        connection.execute(move, {"last": value})
    clock.set(-60)
    reached = client.put_json(url, {"stock": 7}).json["updated_at"]
    assert reached == "2030-01-01T12:00:01.000001Z"
    clock.set(1.5)
    date = "Tue, 01 Jan 2030 12:00:01 GMT"
    assert client.put_json(url, {"stock": 8}).json["updated_at"] == "2030-01-01T12:00:01.500001Z"
    clock.set(60)
    assert read(client, url, date).status_int == 200


@pytest.fixture
def writing_engine(committing):
    app, _ = committing({})
    return Mount.of(app.registry).database.writing


def test_a_condition_by_time_of_a_host_follows_the_same_rule():
    first = NOON + timedelta(microseconds=100)
    second = NOON + timedelta(microseconds=101)
    end = NOON + timedelta(seconds=1)
    Condition(before=end).check(1, first)
    with pytest.raises(VersionMismatch):
        Condition(before=end).check(1, second)
    Condition(before=end + timedelta(seconds=1)).check(1, second)
    with pytest.raises(VersionMismatch):
        Condition(before=NOON).check(1, first)


def test_postgresql_moves_updated_at_by_immutable_functions(postgres_backend):
    """Citus accepts only such functions of a column in an UPDATE; so does an index."""
    database = postgres_backend.create()
    dialect = dialect_named("postgresql")
    old, new = (sa.column(name, sa.DateTime(timezone=True)) for name in ("old", "new"))
    engine = make_one_time_engine({"url": database})
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE moves (old timestamptz, new timestamptz)"))
        for expression in (dialect.next_timestamp(old, new), dialect.is_first_of_second(old)):
            compiled = expression.compile(connection, compile_kwargs={"literal_binds": True})
            sql = str(compiled).replace("%%", "%")
            connection.execute(sa.text(f"CREATE INDEX ON moves (({sql}))"))
    postgres_backend.drop(database)
