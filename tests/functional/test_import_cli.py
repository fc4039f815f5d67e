"""``bookstore import`` and ``bookstore export``: files, pipes, gzip, exit codes, messages."""

from __future__ import annotations

import csv
import gzip
import io
import os
import re
import signal
import subprocess
import time

import click
import pytest
from click.testing import CliRunner
from rich.console import Console
from sqlalchemy import text

from pyramid_bookstore.cli import main
from pyramid_bookstore.cli.progress import bar
from pyramid_bookstore.feeds import importer
from pyramid_bookstore.feeds.intake import Intake
from tests.support.feeds import FAUST, MOMO, csv_of
from tests.support.server import program
from tests.support.sheets import xlsx

HEADER = "isbn,title,author,price,stock\n"
MOMO_ROW = f"{MOMO},Momo,Michael Ende,15.00,3\n"
FAUST_ROW = f"{FAUST},Faust,Goethe,9.50,0\n"


@pytest.fixture
def titles(engine):
    def titles():
        with engine.connect() as connection:
            return list(
                connection.scalars(text("SELECT title FROM bookstore_books ORDER BY title"))
            )

    return titles


def write(tmp_path, content, name="feed.csv"):
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return name


def test_importing_a_file_creates_and_updates_books_and_prints_the_counts(run, tmp_path, titles):
    done = run("import", write(tmp_path, HEADER + MOMO_ROW + FAUST_ROW))
    assert done.stdout == "2 created, 0 updated, 0 unchanged, 0 rejected.\n"
    assert done.stderr == ""
    assert titles() == ["Faust", "Momo"]
    done = run("import", write(tmp_path, HEADER + MOMO_ROW + FAUST_ROW.replace("9.50", "8")))
    assert done.stdout == "0 created, 1 updated, 1 unchanged, 0 rejected.\n"


def test_the_import_counts_rows_that_are_blank_or_come_again(run, tmp_path, titles):
    done = run("import", write(tmp_path, HEADER + MOMO_ROW * 2 + ",,,,\n"))
    assert done.stdout == (
        "1 created, 0 updated, 0 unchanged, 0 rejected, 1 repeated, 1 blank row passed over.\n"
    )


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_the_import_reads_standard_input_plain_or_gzipped(run, titles, pack):
    run("import", "-", input=pack((HEADER + MOMO_ROW).encode()))
    assert titles() == ["Momo"]
    run("import", "-", input=pack(f'{{"isbn":"{MOMO}","title":"New"}}'.encode()))
    assert titles() == ["New"]


def test_one_bad_row_stops_the_import_with_exit_code_1(run, tmp_path, titles):
    bad = "9783866472330,Faust,Goethe,1.00,1\n"
    done = run("import", write(tmp_path, HEADER + MOMO_ROW + bad), code=1)
    assert titles() == []
    assert done.stdout == ""
    first, last = done.stderr.splitlines()
    assert first.startswith("Line 3: isbn: The check digit")
    assert last == "Error: 1 of 2 rows is refused; nothing was written."


def test_skip_invalid_imports_the_valid_rows_and_exits_with_2(run, tmp_path, titles):
    name = write(tmp_path, HEADER + MOMO_ROW + "x\n" * 25)
    done = run("import", name, "--skip-invalid", code=2)
    assert titles() == ["Momo"]
    assert done.stdout == "1 created, 0 updated, 0 unchanged, 25 rejected.\n"
    lines = done.stderr.splitlines()
    assert len(lines) == 21
    assert lines[-1] == "… and 5 more; --rejects FILE writes all of them."
    run("import", write(tmp_path, HEADER + "x\n"), "--skip-invalid", code=1)


def test_a_dry_run_prints_the_counts_and_writes_nothing(run, tmp_path, titles):
    name = write(tmp_path, HEADER + MOMO_ROW)
    done = run("import", name, "--dry-run")
    assert done.stdout == (
        "1 created, 0 updated, 0 unchanged, 0 rejected; a dry run: nothing was written.\n"
    )
    assert titles() == []


def test_the_rejects_file_has_line_faults_and_the_original_row(run, tmp_path, titles):
    feed = (
        'isbn,title,author,price,colour\n,"A, b",C,1,red\n'
        f'{MOMO},Momo,Ende,"1,5",\n{MOMO},Momo,Ende,1,\n{FAUST},Faust,Goethe,1,\n{MOMO},M,E,2,x\n'
        "1,2\n"
    )
    done = run("import", write(tmp_path, feed), "--skip-invalid", "--rejects", "bad.csv", code=2)
    assert titles() == ["Faust", "Momo"]
    assert done.stderr.splitlines() == [
        "Ignored columns: colour.",
        "The rejected rows are in bad.csv.",
    ]
    rows = list(csv.reader(io.StringIO((tmp_path / "bad.csv").read_text(), newline="")))
    assert rows == [
        ["line", "faults", "isbn", "title", "author", "price", "colour"],
        ["2", "isbn: This field is required.", "", "A, b", "C", "1", "red"],
        ["3", "price: The price has a “,” where no thousands end. If it is the decimal comma, say"
         " --decimal comma (over HTTP decimal=comma); else write the price as 12.50.",
         MOMO, "Momo", "Ende", "1,5", ""],
        ["6", "isbn: This ISBN is on line 4 already, with other values.", MOMO, "M", "E", "2", "x"],
        ["7", "The row has 2 cells, the header 5.", "1", "2"],
    ]  # fmt: skip


def test_the_rejects_file_is_written_for_ndjson_and_if_it_is_empty(run, tmp_path):
    feed = write(tmp_path, f'{{"isbn":"{MOMO}"}}\n{{"isbn":\n', "feed.ndjson")
    run("import", feed, "--rejects", "bad.csv", code=1)
    rows = list(csv.reader(io.StringIO((tmp_path / "bad.csv").read_text(), newline="")))
    assert rows[0] == ["line", "faults", "row"]
    assert [row[2] for row in rows[1:]] == [f'{{"isbn":"{MOMO}"}}', '{"isbn":']
    good = write(tmp_path, HEADER + MOMO_ROW)
    assert run("import", good, "--rejects", "bad.csv").stderr == ""
    assert (tmp_path / "bad.csv").read_text() == "line,faults,isbn,title,author,price,stock\n"


def test_the_rejects_file_must_not_replace_the_imported_file(run, tmp_path):
    name = write(tmp_path, HEADER + "x\n")
    done = run("import", name, "--rejects", f"./{name}", code=1)
    assert "would replace" in done.stderr
    assert (tmp_path / name).read_text() == HEADER + "x\n"


def test_a_rejects_file_that_cannot_be_written_stops_the_import(run, tmp_path, titles):
    name = write(tmp_path, HEADER + MOMO_ROW)
    run("import", name, "--rejects", "no/such/folder.csv", code=1)
    assert titles() == []


def test_the_options_column_set_and_repair_isbn_are_applied(run, tmp_path, engine):
    feed = "no;isbn;authors;title\n1;439023483;Suzanne Collins;The Hunger Games\n"
    run(
        "import", write(tmp_path, feed), "--column", "author=authors", "--set", "price=9.99",
        "--set", "stock=10", "--repair-isbn",
    )  # fmt: skip
    with engine.connect() as connection:
        row = connection.execute(text("SELECT isbn, author, stock FROM bookstore_books")).one()
    assert row == ("9780439023481", "Suzanne Collins", 10)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--set", "price"], "is not FIELD="),
        (["--set", "colour=red"], "no field 'colour'"),
        (["--set", "price=1", "--set", "price=2"], "given twice"),
        (["--set", "price=1,5"], "decimal comma"),
        (["--column", "author=authors"], "no column 'authors'"),
        (["--column", "price=p", "--set", "price=1"], "both"),
        (["--set", "price=1"], "a fixed value was set too"),
        (["--format", "xml"], "'csv', 'ndjson'"),
    ],
)
def test_invalid_and_contradicting_options_stop_the_import(run, tmp_path, titles, options, words):
    done = run("import", write(tmp_path, HEADER + MOMO_ROW), *options, code=1)
    assert words in done.stderr
    assert titles() == []


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "The file is empty: it has no header."),
        (b"isbn^title\n1^2\n", "separated by commas, semicolons, tabs or pipes"),
        (b"<?xml version='1.0'?><books/>", "XML"),
        (b"isbn,title\n1,caf\xe9\n", "Line 2, byte 6"),
        (gzip.compress((HEADER + MOMO_ROW).encode() * 99, mtime=0)[:-20], "cut off"),
        (b"isbn,title\n" + b"x" * 3_000_000, "Line 2 has more than 1,048,576 bytes"),
        (b"title,author\nMomo,Ende\n", "isbn: This field is required."),
    ],
)
def test_a_file_that_cannot_be_parsed_gives_one_error_line(run, tmp_path, titles, content, words):
    done = run("import", write(tmp_path, content, "feed"), code=1)
    [line] = done.stderr.splitlines()
    assert line.startswith("Error: ")
    assert words in line
    assert titles() == []


def test_a_missing_file_is_named_in_the_error(run):
    assert "no.csv" in run("import", "no.csv", code=1).stderr


def test_an_interrupted_import_says_whether_anything_was_written(
    run, tmp_path, titles, monkeypatch
):
    def interrupt(*given, **more):
        raise KeyboardInterrupt

    name = write(tmp_path, HEADER + MOMO_ROW)
    for place in ((Intake, "read"), (importer.Importer, "_report")):
        with monkeypatch.context() as patch:
            patch.setattr(*place, interrupt)
            done = run("import", name, code=130)
        assert done.stderr == "Interrupted: nothing was written.\n"
        assert titles() == []
    real = Intake.close

    def close(self):
        real(self)
        raise KeyboardInterrupt

    monkeypatch.setattr(Intake, "close", close)
    assert run("import", name, code=130).stderr == "Interrupted: all was written.\n"
    assert titles() == ["Momo"]


def test_ctrl_c_while_reading_a_pipe_ends_the_import_and_writes_nothing(ini, titles):
    """A real process gets a real signal while it waits for more input."""
    process = subprocess.Popen(
        [program("bookstore"), "-c", ini, "import", "-"],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
        # If the tests run in the background, the signal may be ignored by default.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    try:
        process.stdin.write((HEADER + MOMO_ROW).encode())
        process.stdin.flush()
        deadline = time.monotonic() + 30
        # Until it waits for its pipe; a signal during start-up would not test the import.
        while f"/proc/{process.pid}" and not _waits_for_input(process.pid):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130
    assert errors.decode() == "Interrupted: nothing was written.\n"
    assert titles() == []


def _waits_for_input(pid):
    try:
        with open(f"/proc/{pid}/wchan") as opened:
            return "pipe" in opened.read()
    except OSError:
        pytest.skip("needs /proc to see what a process waits for")


def test_importing_an_export_in_any_format_changes_nothing(run, tmp_path, titles):
    run("import", write(tmp_path, HEADER + MOMO_ROW + FAUST_ROW))
    for name in ("a.csv", "a.ndjson", "a.csv.gz", "a.ndjson.gz", "a.xlsx", "a.xlsx.gz"):
        done = run("export", name)
        assert (done.stdout, done.stderr) == ("", "2 books written.\n")
        assert run("import", name).stdout.startswith("0 created, 0 updated, 2 unchanged")
    assert (
        gzip.decompress((tmp_path / "a.csv.gz").read_bytes()) == (tmp_path / "a.csv").read_bytes()
    )
    assert run("export", "-").stdout_bytes == (tmp_path / "a.csv").read_bytes()
    assert (
        run("export", "-", "--format", "ndjson").stdout_bytes
        == (tmp_path / "a.ndjson").read_bytes()
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("a.csv --format ndjson", "says csv, and --format says ndjson"),
        ("a.CSV.gz --format ndjson", "says csv, and --format says ndjson"),
        ("a.jsonl --format csv", "says ndjson, and --format says csv"),
        ("a.xml", "give --format csv, ndjson or xlsx"),
        ("a", "give --format csv, ndjson or xlsx"),
        ("a.gz", "give --format csv, ndjson or xlsx"),
        ("a.tsv", "give --format csv, ndjson or xlsx"),
    ],
)
def test_export_refuses_a_file_name_that_does_not_fit_its_format(run, tmp_path, words, said):
    done = run("export", *words.split(), code=1)
    [line] = done.stderr.splitlines()
    assert line.startswith("Error: The name a")
    assert said in line
    assert not list(tmp_path.glob("a*"))


def test_export_with_a_format_writes_to_any_neutral_file_name(run, tmp_path):
    run("import", write(tmp_path, HEADER + MOMO_ROW))
    run("export", "a.ndjson", "--format", "ndjson")
    for name in ("a.json", "a", "a.txt"):
        run("export", name, "--format", "ndjson")
        assert (tmp_path / name).read_bytes() == (tmp_path / "a.ndjson").read_bytes()
        run("import", name)  # by what is in it


def test_the_option_format_overrides_the_file_name_on_import(run, tmp_path, titles):
    name = write(tmp_path, f'{{"isbn":"{MOMO}","title":"T","author":"A","price":1}}\n', "a.csv")
    assert "--format ndjson on the command line" in run("import", name, code=1).stderr
    run("import", name, "--format", "ndjson")
    assert titles() == ["T"]


def test_a_json_list_in_ndjson_rejects_only_its_row(run, tmp_path, titles):
    book = f'{{"isbn":"{MOMO}","title":"T","author":"A","price":1}}'
    name = write(tmp_path, f'{book}\n[1]\n<b/>\n{{"isbn":"x"}}\n', "a.ndjson")
    done = run("import", name, "--skip-invalid", code=2)
    assert titles() == ["T"]
    first, second, third = done.stderr.splitlines()
    assert first == "Line 2: The line must hold a JSON object."
    assert second.startswith("Line 3: The line is not JSON")
    assert third.startswith("Line 4: isbn: ")


def test_export_takes_the_filters_of_the_list(run, tmp_path):
    run("import", write(tmp_path, HEADER + MOMO_ROW + FAUST_ROW))
    assert run("export", "-", "--author", "ENDE", "--in-stock", "true").stdout.count(MOMO) == 1
    assert MOMO not in run("export", "-", "--max-price", "10").stdout
    assert "min_price" in run("export", "-", "--min-price", "x", code=1).stderr


def test_an_export_to_a_link_replaces_what_it_points_to_and_keeps_its_mode(run, tmp_path):
    run("import", write(tmp_path, HEADER + MOMO_ROW))
    (tmp_path / "public").mkdir()
    real = tmp_path / "public" / "books.csv"
    real.write_text("old")
    real.chmod(0o640)
    (tmp_path / "a.csv").symlink_to(real)
    run("export", "a.csv")
    assert (tmp_path / "a.csv").is_symlink()
    assert MOMO in real.read_text()
    assert real.stat().st_mode & 0o777 == 0o640
    assert list((tmp_path / "public").iterdir()) == [real]


def test_an_interrupted_export_leaves_no_file(run, tmp_path, monkeypatch):
    def interrupt(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("pyramid_bookstore.cli.export.export", interrupt)
    done = run("export", "a.csv", code=130)
    assert done.stderr == "Interrupted: nothing was written.\n"
    assert not (tmp_path / "a.csv").exists()


def test_an_export_to_a_closed_pipe_ends_without_an_error_message(ini, run, tmp_path):
    rows = "".join(f"{book['isbn']},{'T' * 200},{'A' * 200},1,1\n" for book in csv_of(3000))
    run("import", write(tmp_path, HEADER + rows))
    process = subprocess.Popen(
        [program("bookstore"), "-c", ini, "export", "-"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )
    try:
        assert process.stdout.read(4) == b"isbn"
        process.stdout.close()
        errors = process.stderr.read()
        assert process.wait(timeout=30) == 1
    finally:
        process.kill()
        process.wait()
        process.stderr.close()
    assert b"Error" not in errors
    assert b"Exception" not in errors


@pytest.mark.parametrize("total", [100, None])
def test_a_progress_bar_is_shown_on_a_terminal(total):
    shown = io.StringIO()
    with bar("Reading", total, Console(file=shown, force_terminal=True, width=120)) as progress:
        progress(50)
        progress(100)
    assert "Reading" in shown.getvalue()
    assert "books/s" in shown.getvalue()


def test_no_progress_bar_is_shown_in_a_pipe():
    shown = io.StringIO()
    with bar("Reading", 10, Console(file=shown)) as progress:
        progress(5)
    assert shown.getvalue() == ""


@pytest.mark.parametrize("command", ["import", "export"])
def test_the_help_of_import_and_export_shows_an_example(command):
    done = CliRunner().invoke(main, [command, "--help"])
    assert f"bookstore {command} " in done.output
    assert isinstance(main.commands[command], click.Command)


def test_unwanted_columns_are_named_once_and_shortened(run, tmp_path):
    names = [f"c{number}" for number in range(200)]
    content = HEADER.strip() + "," + ",".join(names) + "\n" + MOMO_ROW.strip() + ",x" * 200 + "\n"
    done = run("import", write(tmp_path, content))
    assert done.stderr == f"Ignored columns: {', '.join(names[:20])} and 180 more.\n"


def test_a_spreadsheet_is_imported_by_its_name_or_content_and_by_sheet(run, tmp_path, titles):
    rows = [line.split(",") for line in (HEADER + MOMO_ROW).splitlines()]
    body = xlsx(*rows, more=[rows[0], FAUST_ROW.strip().split(",")])
    assert run("import", write(tmp_path, body, "a.xlsx")).stdout.startswith("1 created")
    run("import", "-", "--sheet", "more", input=body)
    assert titles() == ["Faust", "Momo"]
    packed = write(tmp_path, gzip.compress(body)[:-20], "a.xlsx.gz")
    assert "is damaged" in run("import", packed, code=1).stderr
    assert "has no sheets" in run("import", write(tmp_path, HEADER), "--sheet", "x", code=1).stderr
    assert "There is no sheet 'x'" in run("import", "a.xlsx", "--sheet", "x", code=1).stderr


def test_the_rejected_rows_of_a_spreadsheet_are_written_as_csv(run, tmp_path):
    body = xlsx(HEADER.strip().split(","), (MOMO, "Momo", "Ende", "dear", 3))
    run("import", write(tmp_path, body, "a.xlsx"), "--rejects", "bad.csv", code=1)
    [row] = csv.DictReader((tmp_path / "bad.csv").read_text().splitlines())
    assert (row["line"], row["price"], row["stock"]) == ("2", "dear", "3")


def test_an_export_as_ods_is_refused_and_says_what_there_is(run):
    done = run("export", "a.ods", code=1)
    assert done.stderr == ("Error: There is no export as .ods: end the name in .xlsx or .csv.\n")


def test_an_export_says_how_many_books_it_wrote(run, tmp_path):
    run("import", write(tmp_path, HEADER + MOMO_ROW))
    assert run("export", "a.csv").stderr == "1 book written.\n"
    assert run("export", "a.csv", "--search", "nothing").stderr == "0 books written.\n"


def test_the_help_names_every_command_with_its_whole_sentence(run):
    """At 80 columns."""
    help_text = CliRunner().invoke(main, ["--help"], terminal_width=80).output
    assert "..." not in help_text.replace("[ARGS]...", "")
    assert (
        " ".join(help_text.split()).count(
            "Check settings and database, say what to do about faults"
        )
        == 1
    )


@pytest.mark.parametrize("command", ["import", "export"])
def test_on_a_terminal_of_80_columns_the_bar_is_one_line_and_counts_books(
    ini, tmp_path, command, run
):
    """A real terminal."""
    lines = "".join(f"{','.join(row.values())}\n" for row in csv_of(3000))
    name = write(tmp_path, HEADER + lines)
    if command == "export":
        run("import", name)
        name = "a.csv"
    shown = on_a_terminal(80, program("bookstore"), "-c", ini, command, name)
    frames = [
        frame for frame in re.split(r"[\r\n]+|\x1b\[[0-9]*[A-Z]", shown) if "books/s" in frame
    ]
    assert frames, shown
    assert all(len(re.sub(r"\x1b\[[0-9;?]*[a-z]", "", frame)) <= 80 for frame in frames)


def on_a_terminal(columns, *command):
    """What a command writes to a terminal."""
    import fcntl
    import pty
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environ = {**os.environ, "TERM": "xterm", "PYTHONWARNINGS": "ignore"}
    environ.pop("COLUMNS", None)
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environ)
    os.close(theirs)
    written = b""
    try:
        while block := os.read(ours, 65536):
            written += block
    except OSError:  # the other end is closed
        pass
    os.close(ours)
    assert process.wait() == 0, written
    return written.decode()
