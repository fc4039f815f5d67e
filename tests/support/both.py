"""Hypothesis' state machines on both databases at once, to be compared with a model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from pyramid_bookstore.db.engines import make_engine
from tests.support.apps import build_app, close_app
from tests.support.backends import Backend, Emptier


def run_on_both(
    machine: type[RuleBasedStateMachine],
    backends: Iterable[Backend],
    given: Mapping[str, Any] | None = None,
    *,
    examples: int,
    steps: int,
) -> None:
    """Run the machine on applications with the settings ``given``, one for each backend.

    The machine finds them in ``self.apps``, and in ``self.empty`` what empties their databases.
    """
    with ExitStack() as at_the_end:
        apps, empty = [], []
        for backend in backends:
            url = backend.create()
            at_the_end.callback(backend.drop, url)
            engine = make_engine({"url": url})
            at_the_end.callback(engine.dispose)
            apps.append(build_app({"bookstore.sqlalchemy.url": url, **(given or {})}))
            at_the_end.callback(close_app, apps[-1])
            empty.append(Emptier(engine))
        run_state_machine_as_test(
            type(machine.__name__, (machine,), {"apps": apps, "empty": empty}),
            settings=settings(
                max_examples=examples,
                stateful_step_count=steps,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
