"""Every scenario of ``make torture`` with small counts, on real servers and databases."""

import pytest

from torture.__main__ import NAMES, SCENARIOS, main, table
from torture.stage import SQLITE, Figure, Skipped, places

# One database for each scenario, in turn; `make torture` runs all combinations.
_BOTH = {"kills"}


def _cases():
    for number, scenario in enumerate(SCENARIOS):
        name = scenario.run.__name__
        if name == "granian":
            continue  # it sometimes ends late (docs/reliability), so a test would fail at random
        if name == "others" and not scenario.how.endswith("pserve, direct"):
            continue  # `make torture` has other servers, and nginx
        chosen = scenario.places if name in _BOTH else scenario.places[number % 2 : number % 2 + 1]
        for place in chosen or scenario.places[:1]:
            yield pytest.param(scenario, place, id=f"{name}-{place}")


@pytest.fixture(autouse=True)
def unmeasured(monkeypatch):
    """Coverage is that of other tests; here it would only slow the processes down."""
    monkeypatch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)


@pytest.fixture(scope="module")
def found():
    with places(NAMES) as found:
        yield found


@pytest.mark.parametrize(("scenario", "place"), [*_cases()])
def test_a_short_run_of_the_scenario_breaks_no_promise(scenario, place, found):
    try:
        figure = scenario.run(found[place], False)
    except Skipped as reason:
        pytest.skip(str(reason))
    assert figure.held, figure.text


def test_the_table_marks_a_broken_promise():
    text = table({(0, SQLITE): Figure(False, "2 lost"), (1, SQLITE): Figure(True, "1 won")})
    assert "**broken:** 2 lost" in text
    assert len(text.splitlines()) == 4


def test_the_command_without_a_matching_scenario_prints_an_empty_table(capsys):
    assert main(["--short", "--only", "of no scenario"]) == 0
    assert "promise" in capsys.readouterr().out
