"""The files in deploy/ name only settings, paths, files and commands that exist."""

from __future__ import annotations

import importlib
import re
import runpy
import socket
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from sqlalchemy.engine import make_url

from pyramid_bookstore.cli import main as command_line
from pyramid_bookstore.db.inifile import app_settings
from pyramid_bookstore.operations import RESOURCES
from pyramid_bookstore.settings import Settings, environment

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
KUBERNETES = list(
    yaml.safe_load_all((DEPLOY / "kubernetes" / "bookstore.yaml").read_text(encoding="utf-8"))
)
POD = KUBERNETES[0]["spec"]["template"]["spec"]
UNIT = (DEPLOY / "bookstore.service").read_text(encoding="utf-8")
PREFIX = "/api/v1"
KEY = "k" * 64


def pods_environment(container):
    return {entry["name"]: entry.get("value", KEY) for entry in container["env"]}


ENVIRONMENTS = {
    "compose bookstore": COMPOSE["services"]["bookstore"]["environment"],
    "compose migrate": COMPOSE["services"]["migrate"]["environment"],
    "pod": pods_environment(POD["containers"][0]) | {"BOOKSTORE_SQLALCHEMY_URL": "postgresql://"},
    "init": pods_environment(POD["initContainers"][0])
    | {"BOOKSTORE_SQLALCHEMY_URL": "postgresql://"},
}


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_production_ini_with_each_deployed_environment_is_valid(name):
    """`Settings` raises for every unknown key and every missing setting."""
    ini = app_settings(str(ROOT / "production.ini"))
    settings = Settings.from_mapping(environment.override(ini, ENVIRONMENTS[name]))
    assert settings.auth == "jwt"
    assert settings.anonymous


def test_pgbouncer_gets_no_prepared_statements_and_no_migrations():
    urls = {
        name: make_url(COMPOSE["services"][name]["environment"]["BOOKSTORE_SQLALCHEMY_URL"])
        for name in ("bookstore", "migrate")
    }
    assert urls["bookstore"].host == "pgbouncer"
    assert urls["bookstore"].query == {"prepare_threshold": "none"}
    assert urls["migrate"].host == "postgres"


def paths():
    return {f"{PREFIX}{resource.path}" for resource in RESOURCES}


def test_health_probes_request_paths_that_exist():
    probes = [POD["containers"][0][probe] for probe in ("livenessProbe", "readinessProbe")]
    assert [probe["httpGet"]["path"] for probe in probes] == [f"{PREFIX}/health", f"{PREFIX}/ready"]
    assert {probe["httpGet"]["path"] for probe in probes} < paths()
    asked = re.findall(r"http://127\.0\.0\.1:6543(/\S+?)'", DOCKERFILE)
    assert asked == [f"{PREFIX}/health"]


def test_every_file_that_the_dockerfile_copies_exists():
    copies = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    sources = [source for copy in copies for source in copy.split()]
    assert "src" in sources
    assert [source for source in sources if not (ROOT / source).exists()] == []


def test_every_deployed_command_exists_in_the_cli():
    commands = [
        COMPOSE["services"]["migrate"]["command"],
        POD["initContainers"][0]["args"],
        re.findall(r"ExecStartPre=(.*)", UNIT)[0].split(),
    ]
    for program, option, ini, command in commands:
        assert (Path(program).name, option, Path(ini).name) == ("bookstore", "-c", "production.ini")
        assert command in command_line.commands


def test_the_user_and_the_port_are_the_same_everywhere():
    assert f"--uid {POD['securityContext']['runAsUser']}" in DOCKERFILE
    (port,) = POD["containers"][0]["ports"]
    service = KUBERNETES[1]["spec"]["ports"][0]
    assert f"EXPOSE {port['containerPort']}\n" in DOCKERFILE
    assert service["targetPort"] == port["containerPort"]
    assert COMPOSE["services"]["bookstore"]["ports"] == [f"127.0.0.1:{port['containerPort']}:6543"]


def gunicorn(monkeypatch, **environ):
    # prometheus_client looks for the variable only once, when it is imported.
    importlib.import_module("prometheus_client")
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    return runpy.run_path(str(DEPLOY / "gunicorn.conf.py"))


def test_stop_timeouts_exceed_the_graceful_timeout_of_gunicorn(monkeypatch):
    """Docker and Kubernetes wait longer for gunicorn than gunicorn waits for its requests."""
    grace = gunicorn(monkeypatch)["graceful_timeout"]
    stop = POD["containers"][0]["lifecycle"]["preStop"]["exec"]["command"]
    assert POD["terminationGracePeriodSeconds"] > grace + int(stop[1])
    assert int(COMPOSE["services"]["bookstore"]["stop_grace_period"].rstrip("s")) > grace


def test_gunicorn_has_no_more_threads_than_pooled_connections(monkeypatch):
    settings = app_settings(str(ROOT / "production.ini"))
    pool = int(settings["bookstore.sqlalchemy.pool_size"])
    assert gunicorn(monkeypatch)["threads"] <= pool


def test_gunicorn_cuts_off_clients_that_do_not_read(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = SimpleNamespace(LISTENERS=[SimpleNamespace(sock=listening)])
        gunicorn(monkeypatch)["when_ready"](server)
        with socket.create_connection(listening.getsockname()), listening.accept()[0] as accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 30_000


def test_at_start_gunicorn_removes_only_the_metrics_of_the_last_run(monkeypatch, tmp_path):
    for name in ("counter_1.db", "notes.txt"):
        (tmp_path / name).touch()
    conf = gunicorn(monkeypatch, PROMETHEUS_MULTIPROC_DIR=str(tmp_path))
    conf["on_starting"](None)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_gauges_of_an_ended_worker_are_removed_and_its_counters_kept(monkeypatch, tmp_path):
    class Worker:
        pid = 4711

    conf = gunicorn(monkeypatch, PROMETHEUS_MULTIPROC_DIR=str(tmp_path))
    for name in ("gauge_livesum_4711.db", "counter_4711.db"):
        (tmp_path / name).touch()
    conf["child_exit"](None, Worker())
    assert [path.name for path in tmp_path.iterdir()] == ["counter_4711.db"]


def test_gunicorn_hooks_do_not_fail_without_a_metrics_folder(monkeypatch, tmp_path):
    conf = gunicorn(monkeypatch)
    conf["on_starting"](None)
    conf["child_exit"](None, None)
