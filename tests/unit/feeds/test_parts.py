"""Small parts: protection from formulas, spool, ids, reports, files."""

from __future__ import annotations

import gzip
import io
import os
import threading
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyramid_bookstore.feeds.files import format_of, source, target
from pyramid_bookstore.feeds.formulas import escape_formula, unescape_formula
from pyramid_bookstore.feeds.ids import ids
from pyramid_bookstore.feeds.spool import Spool

tricky = st.text(st.sampled_from("'=+-@\t\r\nab ＝"), max_size=6)


@given(st.one_of(tricky, st.text()))
def test_a_cell_protected_from_formulas_is_read_back_exactly(text):
    cell = escape_formula(text)
    assert unescape_formula(cell) == text
    assert cell != ""
    assert cell[0] not in "=+-@\t\r\n＝＋－＠"


@given(st.one_of(tricky, st.text()))
def test_a_cell_written_without_protection_is_read_back_unchanged(text):
    assert escape_formula(unescape_formula(text)) == text or escape_formula(text) != text


@pytest.mark.parametrize("text", ["Momo", "'Tis", "'Salem's Lot", "a=b", " =1", "1984", "''x"])
def test_cells_that_no_spreadsheet_takes_for_a_formula_are_not_changed(text):
    assert escape_formula(text) == text == unescape_formula(text)


@given(st.lists(st.tuples(st.integers(0, 2**31), st.text(max_size=3)), max_size=20))
def test_a_spool_returns_its_items_in_order_any_number_of_times(items):
    with Spool(tuple[int, str], batch=3) as spool:
        for item in items:
            spool.append(item)
            assert list(spool)[-1] == item
        assert len(spool) == len(items)
        assert list(spool) == items
        assert list(spool) == items
        assert all(1 <= len(batch) <= 3 for batch in spool.batches())


def test_new_ids_are_ascending_version_7_uuids():
    moment = 1_700_000_000_123
    made = ids(moment)
    found = [UUID(next(made)) for _ in range(1000)]
    assert found == sorted(set(found))
    assert {each.version for each in found} == {7}
    assert {each.variant for each in found} == {"specified in RFC 4122"}
    assert {each.int >> 80 for each in found} == {moment}
    assert next(ids(moment)) != next(ids(moment))


@pytest.mark.parametrize(
    ("name", "format"),
    [("a.csv", "csv"), ("A.CSV.GZ", "csv"), ("a.tsv", "csv"), ("a.ndjson", "ndjson"),
     ("dir.csv/a.jsonl.gz", "ndjson"), ("a", None), ("-", None), ("a.gz", None)],
)  # fmt: skip
def test_the_format_is_chosen_by_the_file_name_extension(name, format):
    assert format_of(name) == format


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize(
    ("data", "format"),
    [(b"isbn\n1\n", "csv"), (b'\xef\xbb\xbf \n{"isbn":1}', "ndjson"), (b"", "csv")],
)
def test_the_format_of_a_source_is_found_from_its_content_even_compressed(
    tmp_path, monkeypatch, pack, data, format
):
    path = tmp_path / "feed"
    path.write_bytes(pack(data))
    with source(str(path)) as found:
        assert found.format == format
        assert found.stream.read(1000) == data
        assert found.position() == found.size == len(pack(data))
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(pack(data)))))
    with source("-") as found:
        assert (found.format, found.size, found.position()) == (format, None, 0)
        assert found.stream.read(1000) == data


def test_a_source_with_damaged_gzip_data_opens_as_csv(tmp_path):
    path = tmp_path / "feed"
    path.write_bytes(b"\x1f\x8b\x00 no method of compression")
    with source(str(path)) as found:
        assert found.format == "csv"


def test_a_named_pipe_has_no_size(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(b"isbn\n",))
    writer.start()
    with source(str(path)) as found:
        assert found.size is None
        assert found.stream.read(10) == b"isbn\n"
    writer.join()


def test_an_interrupted_write_leaves_the_old_file_unchanged(tmp_path):
    path = tmp_path / "books.csv"
    with target(str(path)) as opened:
        opened.write(b"old")

    def broken_off():
        with target(str(path)) as opened:
            opened.write(b"new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken_off()
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["books.csv"]


def test_gzip_output_depends_only_on_the_content(tmp_path):
    packed = []
    for name in ("a.csv.gz", "b.csv.gz"):
        with target(str(tmp_path / name)) as opened:
            opened.write(b"isbn")
        packed.append((tmp_path / name).read_bytes())
    assert packed[0] == packed[1]
    assert gzip.decompress(packed[0]) == b"isbn"


def test_a_device_is_written_to_directly_and_not_replaced():
    with target(os.devnull) as opened:
        opened.write(b"x")
    assert not os.path.isfile(os.devnull)
