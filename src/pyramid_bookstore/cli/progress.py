"""A progress bar on a terminal, nothing elsewhere."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Task as RichTask
from rich.text import Text


class _Books(TextColumn):
    """How many books so far, and how many in a second."""

    def __init__(self) -> None:
        super().__init__("")

    def render(self, task: RichTask) -> Text:
        books: int = task.fields["books"]
        if not books or not task.elapsed:
            return Text("")
        return Text(f"{books:,} ({books / task.elapsed:,.0f} books/s)", no_wrap=True)


class Meter:
    """Call it with how much is done so far, and with the books if that is something else."""

    def __init__(self, show: Callable[[int, int], None] | None = None) -> None:
        self._show = show
        self.books = 0

    def __call__(self, done: int, books: int | None = None) -> None:
        self.books = done if books is None else books
        if self._show is not None:
            self._show(done, self.books)


@contextmanager
def bar(label: str, total: int | None, console: Console | None = None) -> Iterator[Meter]:
    """A bar on standard error, which the `Meter` that is yielded moves."""
    console = console or Console(stderr=True)
    if not console.is_terminal:
        yield Meter()
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        *((TaskProgressColumn(),) if total else ()),
        _Books(),
        TimeElapsedColumn(),
        TimeRemainingColumn(compact=True),
    )
    with Progress(*columns, console=console, transient=True, expand=True) as progress:
        task: TaskID = progress.add_task(label, total=total, books=0)
        yield Meter(lambda done, books: progress.update(task, completed=done, books=books))
