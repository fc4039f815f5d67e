"""The works: what is asked of each stack, over the same generated books."""

from __future__ import annotations

import itertools
import json
import random
from dataclasses import dataclass
from urllib.parse import quote

from generate import generate
from loadgen import Plan
from stacks import Server
from titles import rare_words

LIMIT = 20
COMMON_TERM = "the"
LETTER = "e"
ABSENT_TERM = "xqzjwk"


@dataclass(frozen=True, slots=True)
class Work:
    """One kind of request. `peers` is false for what only our API offers."""

    name: str
    label: str
    peers: bool = True
    writes: bool = False


WORKS: tuple[Work, ...] = (
    Work("by-id", "one book by id"),
    Work("page-1", f"first page of {LIMIT}, exact total"),
    Work("deep-page", "page in the middle (ours: by cursor; peers: by offset)"),
    Work("search-rare", "search, a rare word, exact total"),
    Work("search-common", f"search “{COMMON_TERM}”, exact total"),
    Work("search-letter", f"search “{LETTER}” (ours: count=none; peers: exact total)"),
    Work("search-common-none", f"search “{COMMON_TERM}”, count=none", peers=False),
    Work("search-absent-none", "search for what no book has, count=none", peers=False),
    Work("create", "create a book, durable", writes=True),
)


class Sample:
    """Ids, terms and new books for one size; the same for every stack."""

    def __init__(self, size: int, seed: int = 1) -> None:
        self.size = size
        self._seed = seed
        # outside every loaded range: the catalogues never grow past this many books
        self._next_isbn = itertools.count(500_000_000, 1_000_000)
        chance = random.Random(seed)
        self.ids: list[str] = []
        for books in generate(size, seed):
            self.ids += chance.sample(
                books.id, min(len(books), max(1000, 20_000 * len(books) // size))
            )
        chance.shuffle(self.ids)
        words = rare_words(size)
        self.rare = chance.sample(words, min(len(words), 500))
        self.newest_first_page = size // LIMIT // 2 or 1

    def middle_pages(self) -> list[int]:
        """Numbers of pages about half the catalogue deep."""
        middle = self.newest_first_page
        return sorted({max(1, middle - step) for step in range(20)})

    def new_bodies(self, count: int) -> list[str]:
        """JSON bodies of books that are in no catalogue yet; never the same ISBN twice."""
        bodies = []
        for books in generate(count, self._seed, next(self._next_isbn)):
            columns = (books.title, books.author, books.isbn, books.cents, books.stock)
            for title, author, isbn, cents, stock in zip(*columns, strict=True):
                body = {"title": title, "author": author, "isbn": isbn}
                bodies.append(
                    json.dumps(body | {"price": cents / 100, "stock": stock}, ensure_ascii=False)
                )
        random.Random(self._seed).shuffle(bodies)
        return bodies


def _cursors(server: Server, sample: Sample) -> list[str]:
    """Paths of cursor pages, half the catalogue deep: the cursors of offset pages there."""
    base = f"{server.stack.prefix}/books?limit={LIMIT}"
    paths = []
    for page in sample.middle_pages():
        status, body = server.get(f"{base}&page={page}")
        cursor = json.loads(body).get("next_cursor") if status == 200 else None
        if cursor:
            paths.append(f"{base}&cursor={quote(cursor, safe='')}")
    if not paths:
        raise RuntimeError(f"{server.stack.name} gave no cursor in the middle")
    return paths


def plan(work: Work, server: Server, sample: Sample, bodies: int = 0) -> Plan:
    """The requests of `work` for one stack; for writes, `bodies` new ones."""
    books = f"{server.stack.prefix}/books"
    page = f"{books}?limit={LIMIT}"
    none = "&count=none" if server.stack.ours else ""
    match work.name:
        case "by-id":
            return Plan("GET", [f"{books}/{value}" for value in sample.ids])
        case "page-1":
            return Plan("GET", [f"{page}&page=1"])
        case "deep-page" if server.stack.ours:
            return Plan("GET", _cursors(server, sample))
        case "deep-page":
            return Plan("GET", [f"{page}&page={number}" for number in sample.middle_pages()])
        case "search-rare":
            return Plan("GET", [f"{page}&search={quote(word)}" for word in sample.rare])
        case "search-common":
            return Plan("GET", [f"{page}&search={COMMON_TERM}"])
        case "search-letter":
            return Plan("GET", [f"{page}&search={LETTER}{none}"])
        case "search-common-none":
            return Plan("GET", [f"{page}&search={COMMON_TERM}{none}"])
        case "search-absent-none":
            return Plan("GET", [f"{page}&search={ABSENT_TERM}{none}"])
        case "create":
            return Plan("POST", sample.new_bodies(bodies), books)
    raise ValueError(work.name)


def check_same_answers(servers: list[Server], sample: Sample) -> None:
    """Raise unless all stacks tell the same story: a race between different answers is none."""
    fields = ("id", "title", "author", "isbn", "price", "stock", "description")
    paths = [f"/books/{sample.ids[0]}", f"/books?limit={LIMIT}&page=1"]
    paths += [f"/books?limit={LIMIT}&page={number}" for number in sample.middle_pages()[:1]]
    paths += [f"/books?limit={LIMIT}&search={word}" for word in sample.rare[:2]]
    for path in paths:
        stories = {}
        for server in servers:
            status, body = server.get(server.stack.prefix + path)
            answer = json.loads(body)
            rows = answer.get("data", [answer])
            kept = [{name: row[name] for name in fields} for row in rows]
            stories[server.stack.name] = (status, answer.get("total"), kept)
        first, *others = stories.items()
        for name, story in others:
            if story != first[1]:
                raise RuntimeError(
                    f"{path}: {name} and {first[0]} differ:\n{story[:2]}\n{first[1][:2]}"
                )
