"""Access log and metrics for each request on our routes, and none for the host's requests."""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import webtest
from pyramid.config import Configurator
from pyramid.exceptions import ConfigurationError
from pyramid.response import Response
from sqlalchemy import event

from pyramid_bookstore.observability.formatters import JSONFormatter, TextFormatter
from pyramid_bookstore.testing import book_fields
from pyramid_bookstore.web.mount import Mount
from tests.support.guarded import SETTINGS as GUARDED
from tests.support.guarded import bearer
from tests.support.tokens import SECRET, claims, sign

MakeClient = Callable[..., webtest.TestApp]


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[], list[logging.LogRecord]]]:
    """The records of the access log so far."""
    with caplog.at_level(logging.INFO, "pyramid_bookstore.access"):
        yield lambda: [r for r in caplog.records if r.name == "pyramid_bookstore.access"]


def with_page(config: Configurator) -> None:
    config.add_route("page", "/page")
    config.add_view(lambda request: Response("host"), route_name="page")


def test_each_request_on_our_routes_has_a_line_in_the_access_log(
    make_client: MakeClient, lines: Any
) -> None:
    client = make_client(configure=with_page)
    made = client.post_json("/api/v1/books", book_fields(), headers={"X-Request-ID": "order-7"})
    client.get("/api/v1/books/" + made.json["id"])
    client.get("/page")
    client.get("/api/v1/books/%FF", status=400)
    client.get("/api/v1/books?page=0", status=422)
    said = [re.sub(r"\d+\.\d\d ms", "T", re.sub(r"[0-9a-f]{32}", "ID", r.message)) for r in lines()]
    assert said == [
        "POST /api/v1/books 201 T, 1 SQL, order-7",
        "GET /api/v1/books/{id} 200 T, 1 SQL, ID",
        "GET /api/v1/books/%FF 400 T, 0 SQL, ID",
        "GET /api/v1/books 422 T, 0 SQL, ID",
    ]


def test_the_access_log_in_json_has_the_documented_members(
    make_client: MakeClient, lines: Any
) -> None:
    client = make_client({"bookstore.log.format": "json"})
    client.get("/api/v1/books?fields=id", headers={"X-Request-ID": "a"})
    facts = json.loads(lines()[0].message)
    assert facts.pop("duration_ms") >= 0
    assert facts == {
        "request_id": "a",
        "method": "GET",
        "route": "/api/v1/books",
        "status": 200,
        "sql": 1,
    }


def test_no_access_log_is_written_above_the_level_info(
    make_client: MakeClient, caplog: Any
) -> None:
    client = make_client()
    with caplog.at_level(logging.WARNING, "pyramid_bookstore.access"):
        client.get("/api/v1/books")
    assert not [r for r in caplog.records if r.name == "pyramid_bookstore.access"]


def test_the_formatters_add_the_request_id_to_every_record_of_a_request(
    make_client: MakeClient,
) -> None:
    """This includes records of other loggers, here one that a subscriber of the host writes."""
    made: list[str] = []
    text, machine = TextFormatter("%(request_id)s %(message)s"), JSONFormatter()

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            made.extend((text.format(record), machine.format(record)))

    other = logging.getLogger("somebody.else")
    other.addHandler(Handler())

    def subscriber(event: Any) -> None:
        if hasattr(event, "book"):
            try:
                raise ValueError("odd")
            except ValueError:
                other.warning("seen %s", "it", exc_info=True)

    client = make_client(configure=lambda config: config.add_subscriber(subscriber))
    client.post_json("/api/v1/books", book_fields(), headers={"X-Request-ID": "r-1"})
    other.warning("between")
    assert made[0].splitlines()[0] == "r-1 seen it"
    document = json.loads(made[1])
    assert document["request_id"] == "r-1"
    assert document["exception"].endswith("ValueError: odd")
    assert document["time"].endswith("Z")
    assert made[2] == "- between"


def test_records_of_the_policy_and_the_context_factory_have_the_request_id(
    make_client: MakeClient, caplog: Any
) -> None:
    """They are written before the view is called."""
    seen: list[str] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.append(TextFormatter("%(request_id)s %(message)s").format(record))

    handler, loggers = Handler(), ("pyramid_bookstore.auth.policy", "host.root")

    def root(request: Any) -> object:
        logging.getLogger("host.root").info("Root.")
        return object()

    settings = {name: value for name, value in GUARDED.items() if "sqlalchemy" not in name}
    client = make_client(settings, configure=lambda config: config.set_root_factory(root))
    with caplog.at_level(logging.INFO):
        for name in loggers:
            logging.getLogger(name).addHandler(handler)
        headers = {"X-Request-ID": "r-2", "Authorization": "Bearer x"}
        client.get("/api/v1/books", headers=headers, status=401)
        for name in loggers:
            logging.getLogger(name).removeHandler(handler)
    assert [line.split()[0] for line in seen] == ["r-2", "r-2"]


def test_the_line_of_a_refused_caller_says_why(make_client: MakeClient, lines: Any) -> None:
    settings = {name: value for name, value in GUARDED.items() if "sqlalchemy" not in name}
    client = make_client(settings)
    client.get("/api/v1/books", headers={"Authorization": "Token x"}, status=401)
    reason = "The Authorization header must be Bearer and one token."
    assert lines()[0].message.endswith(f": This needs authentication. {reason}")
    clerk = bearer(sign(claims(roles=["clerk"]), SECRET, "HS256"))
    client.get("/api/v1/books", headers=clerk, status=403)
    reason = "You may not do this: it needs the permission bookstore.view."
    assert lines()[1].bookstore["reason"] == reason


def test_metrics_count_requests_durations_refusals_and_connections(make_client: MakeClient) -> None:
    client = make_client({"bookstore.metrics": "true"}, configure=with_page)
    made = client.post_json("/api/v1/books", book_fields(stock=1)).json
    path = f"/api/v1/books/{made['id']}"
    client.get(path)
    client.get(path)
    client.post_json(path + "/stock", {"delta": -2}, status=409)
    client.get("/page")
    client.get("/api/v1/books/" + "x" * 300, status=404)
    text = client.get("/api/v1/metrics").text
    for sample in (
        'bookstore_requests_total{method="GET",route="/api/v1/books/{id}",status="200"} 2.0',
        'bookstore_requests_total{method="GET",route="/api/v1/books/{id}",status="404"} 1.0',
        'bookstore_request_duration_seconds_count{method="POST",route="/api/v1/books"} 1.0',
        "bookstore_stock_refusals_total 1.0",
        'bookstore_pool_connections_in_use{pool="reading"} 0.0',
        'bookstore_pool_connections_in_use{pool="writing"} 0.0',
    ):
        assert sample in text
    assert "xxx" not in text
    assert "/page" not in text


def test_unknown_methods_share_one_metrics_label(make_client: MakeClient) -> None:
    client = make_client({"bookstore.metrics": "true"})
    for method in ("LINK", "FOO"):
        client.request("/api/v1/books", method="TRACE", status=405)
        environ = {"REQUEST_METHOD": method}
        request = webtest.TestRequest.blank("/api/v1/books", environ=environ)
        assert request.get_response(client.app).status_int == 405
    text = client.get("/api/v1/metrics").text
    sample = 'bookstore_requests_total{method="other",route="/api/v1/books",status="405"} 2.0'
    assert sample in text


def test_the_metrics_path_gets_404_if_metrics_are_off(make_client: MakeClient) -> None:
    make_client().get("/api/v1/metrics", status=404)


def test_metrics_have_no_pool_on_a_session_of_the_host(engine: Any) -> None:
    from tests.host.hosts import cookiecutter

    client = webtest.TestApp(cookiecutter(engine, settings={"bookstore.metrics": "true"}))
    client.get("/shop/books")
    text = client.get("/shop/metrics").text
    assert 'route="/shop/books"' in text
    assert "bookstore_pool_connections_in_use{" not in text


def test_metrics_without_the_extra_stop_the_start_and_name_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "pyramid_bookstore.observability.metrics", None)
    config = Configurator(settings={"sqlalchemy.url": "sqlite://", "bookstore.metrics": "true"})
    config.include("pyramid_bookstore")
    with pytest.raises(ConfigurationError, match=r"pyramid_bookstore\[metrics\]"):
        config.make_wsgi_app()


_PROCESS = """
import webtest
from pyramid.config import Configurator

config = Configurator(settings={"sqlalchemy.url": "sqlite://", "bookstore.metrics": "true"})
config.include("pyramid_bookstore")
client = webtest.TestApp(config.make_wsgi_app())
for _ in range(3):
    client.get("/api/v1/health")
print(client.get("/api/v1/metrics").text)
"""


def test_metrics_of_several_processes_are_added_up(tmp_path: Path) -> None:
    environ = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    for total in (3, 6):
        run = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", _PROCESS],
            env=environ,
            capture_output=True,
            text=True,
            check=True,
        )
        sample = 'bookstore_requests_total{method="GET",route="/api/v1/health",status="200"}'
        assert f"{sample} {total}.0" in run.stdout


def test_the_request_id_is_a_comment_in_the_sql_if_configured(make_client: MakeClient) -> None:
    client = make_client({"bookstore.log.sql_comment": "true"})
    database = Mount.of(client.app.registry).database
    assert database is not None
    sent: list[str] = []
    for engine in (database.writing, database.reading):
        event.listen(engine, "after_cursor_execute", lambda *given: sent.append(given[2]))
    made = client.post_json("/api/v1/books", book_fields(), headers={"X-Request-ID": "w-1"})
    client.get("/api/v1/books/" + made.json["id"], headers={"X-Request-ID": "r-1"})
    assert [text.rpartition("/*")[2] for text in sent if "/*" in text][-2:] == [
        " request w-1 */",
        " request r-1 */",
    ]
