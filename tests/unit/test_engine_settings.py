"""Engine settings that SQLAlchemy refuses stop start-up in the way of all other faulty settings."""

import pytest
from pyramid.exceptions import ConfigurationError

from tests.support.apps import build_app


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"pool_size": "many"}, "many"),
        ({"pool_timeout": "0.5"}, "0.5"),
        ({"bogus": "1"}, "bogus"),
        ({"url": "mysql://x/y"}, "postgresql and sqlite, not on mysql"),
        ({"url": "nothing like a URL"}, "URL"),
        ({"url": "postgresql+nonsense://x/y"}, "nonsense"),
        ({"url": "postgresql+pg8000://x/y"}, r"pyramid_bookstore\[postgres\]"),
    ],
)
def test_refused(settings, named):
    settings = {"url": "sqlite:///never.sqlite"} | settings
    with pytest.raises(ConfigurationError, match=named) as refused:
        build_app({f"bookstore.sqlalchemy.{name}": value for name, value in settings.items()})
    assert "bookstore.sqlalchemy." in str(refused.value)
