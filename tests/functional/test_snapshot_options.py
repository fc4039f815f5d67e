"""The options of a snapshot, over HTTP, on the command line and in Python; the permission."""

from __future__ import annotations

import io
from decimal import Decimal

import pytest
from pyramid.authorization import Allow, Everyone

from pyramid_bookstore.errors import AbsentBook, ValidationFailed
from pyramid_bookstore.feeds.snapshot import snapshot_of
from tests.host.test_permissions import ByAcl, with_policy
from tests.support.feeds import FAUST, MOMO, isbn, send
from tests.support.snapshots import HEADER, file_of, query, stocks


class TestOptions:
    @pytest.mark.parametrize(
        "max_absent", ["x", "-1", "101", "100.1%25", "5%25%25", "1e1", "%D9%A5", "5,5"]
    )
    def test_a_share_that_is_none_is_refused(self, client, max_absent):
        answer = send(client, file_of([1]), query(max_absent=max_absent), status=422)
        [fault] = answer.json["details"]
        assert fault["field"] == "max_absent"
        assert "is no percentage from 0% to 100%." in fault["message"]
        assert stocks(client) == {}

    @pytest.mark.parametrize(
        ("options", "field"),
        [
            ("?absent=drop", "absent"),
            ("?absent=zero", "source"),
            ("?absent=delete", "source"),
            ("?source=", "source"),
            ("?source=%20", "source"),
            ("?source=%00", "source"),
            (f"?source={'x' * 101}", "source"),
            ("?source=a&source=b", "source"),
            ("?source=a&max_absent=", "max_absent"),
        ],
    )
    def test_other_nonsense_is_one_fault_too(self, client, options, field):
        answer = send(client, file_of([1]), options, status=422)
        assert [fault["field"] for fault in answer.json["details"]] == [field]
        assert stocks(client) == {}

    def test_a_source_has_one_name_however_it_is_written(self, client):
        send(client, file_of([1, 2]), query("%20Caf%C3%A9%20"))
        assert send(client, file_of([1]), query("Cafe%CC%81")).json["absent"] == 1

    @pytest.mark.parametrize("max_absent", [0, 5, 12.5, Decimal("7"), " 5 %", "5%", "100"])
    def test_python_takes_the_share_as_a_number_too(self, max_absent):
        snapshot = snapshot_of("s", "zero", max_absent)
        assert snapshot.max_absent == Decimal(str(max_absent).strip(" %"))

    def test_python_refuses_what_is_no_choice(self):
        for values in (("s", "drop", 5), ("s", "zero", True), (7, "zero", 5), ("s", None, 5)):
            with pytest.raises(ValidationFailed) as caught:
                snapshot_of(*values)
            assert len(caught.value.faults) == 1


def test_delete_needs_the_permission_to_delete(make_client):
    class Root:
        __acl__ = (
            (Allow, Everyone, "bookstore.view"),
            (Allow, "clerk", "bookstore.import"),
            (Allow, "boss", ("bookstore.delete", "bookstore.import")),
        )

        def __init__(self, request):
            pass

    client = make_client(configure=with_policy(ByAcl(), Root))
    clerk, boss = ({"X-User": user} for user in ("clerk", "boss"))
    send(client, file_of([1, 2, 3]), query(), headers=clerk)
    for dry in ("true", "false"):
        refused = query(absent="delete", dry_run=dry)
        send(client, file_of([1]), refused, headers=clerk, status=403)
    send(client, file_of([1]), query(absent="delete"), status=401)
    assert len(stocks(client)) == 3
    assert send(client, file_of([1, 2]), query(absent="zero"), headers=clerk).json["absent"] == 1
    assert send(client, file_of([1]), query(absent="delete"), headers=boss).json["absent"] == 2


class TestCommandLine:
    def write(self, tmp_path, content):
        (tmp_path / "feed.csv").write_text(content)
        return "feed.csv"

    @pytest.mark.parametrize(
        ("absent", "words"), [("keep", "kept"), ("zero", "stock set to 0"), ("delete", "deleted")]
    )
    def test_absent_books_are_named_and_counted(self, run, tmp_path, absent, words):
        run("import", self.write(tmp_path, file_of(range(30))), "--source", "trade")
        name = self.write(tmp_path, file_of([*range(5), 31]))
        options = ("--source", "trade", "--absent", absent, "--max-absent", "100%")
        dry = run("import", name, *options, "--dry-run")
        assert dry.stdout == (
            f"1 created, 0 updated, 5 unchanged, 0 rejected, 25 absent ({words});"
            " a dry run: nothing was written.\n"
        )
        done = run("import", name, *options)
        assert done.stdout == (
            f"1 created, 0 updated, 5 unchanged, 0 rejected, 25 absent ({words}).\n"
        )
        assert done.stderr == dry.stderr
        lines = done.stderr.splitlines()
        assert lines[0] == f"Absent: {isbn(5)} Title 5"
        assert (len(lines), lines[-1]) == (21, "… and 5 more.")

    def test_few_absent_books_are_all_named(self, run, tmp_path):
        run("import", self.write(tmp_path, file_of([1, 2])), "--source", "trade")
        done = run("import", self.write(tmp_path, file_of([1])), "--source", "trade")
        assert done.stderr == f"Absent: {isbn(2)} Title 2\n"

    def test_the_guard_and_nonsense_are_one_line_and_exit_code_1(self, run, tmp_path):
        run("import", self.write(tmp_path, file_of([1, 2])), "--source", "trade")
        name = self.write(tmp_path, file_of([1]))
        for options, words in (
            (("--source", "trade", "--absent", "zero"), "1 of the 2 books that came with 'trade'"),
            (("--source", "trade", "--max-absent", "lots"), "'lots' is no percentage"),
            (("--absent", "zero"), "name the source by --source NAME"),
            (("--source", ""), "must not be empty"),
        ):
            done = run("import", name, *options, code=1)
            assert done.stdout == ""
            [line] = done.stderr.splitlines()
            assert words in line
        run("import", name, "--source", "trade", "--absent", "drop", code=1)
        done = run("import", name, "--source", "trade", "--absent", "zero", "--max-absent", "50")
        assert done.stdout.endswith("1 absent (stock set to 0).\n")


def test_import_books_has_the_same_options(dbsession):
    from pyramid_bookstore import Bookstore

    store = Bookstore.on(dbsession)

    def take(body, **options):
        return store.import_books(io.BytesIO(body.encode()), "csv", source="trade", **options)

    take(HEADER + f"{MOMO},Momo,Ende,1,1\n{FAUST},Faust,Goethe,1,1\n")
    report = take(HEADER + f"{MOMO},Momo,Ende,1,1\n", absent="delete", max_absent=50)
    assert report.absent == 1
    assert list(report.absent_books) == [AbsentBook(FAUST, "Faust")]
    assert report.as_json()["absent_books"] == [{"isbn": FAUST, "title": "Faust"}]
    assert store.list().total == 1


def test_the_description_names_the_parameters(client):
    paths = client.get("/api/v1/openapi.json").json["paths"]
    names = {each.get("name") for each in paths["/books/import"]["post"]["parameters"]}
    assert {"source", "absent", "max_absent"} <= names
