"""What people type, and the books that they mean: on the sample catalogue, and on real books.

The real books are the 10,000 of the data set goodbooks-10k, which is not part of the project:
``BOOKSTORE_GOODBOOKS=…/goodbooks-10k.csv.gz make pytest ARGS="-k searches --no-cov"``.
"""

from __future__ import annotations

import csv
import gzip
import os
from pathlib import Path

import pytest
from sqlalchemy import insert
from sqlalchemy.orm import Session

from pyramid_bookstore import Book, Bookstore, load_sample
from pyramid_bookstore.db.engines import make_engine
from tests.support.catalogue import book_row

#: A search, and the titles of the first books by relevance; `|` is between them.
SAMPLE = """
tolkien hobbit -> The Hobbit
hobbit tolkien -> The Hobbit
Hobbit, The -> The Hobbit
the hobbit -> The Hobbit
hobb -> The Hobbit
obbi -> The Hobbit
lord flies -> Lord of the Flies
J.R.R. Tolkien hobbit -> The Hobbit
J. R. R. Tolkien towers -> The Two Towers
JRR Tolkien ring -> The Fellowship of the Ring
jrr tolkien letters -> The Letters of J. R. R. Tolkien
j r r tolkien gondolin -> The Fall of Gondolin
r. tolkien hobbit -> The Hobbit
tolkien, j. r. r. silm -> The Silmarillion
hurin -> The Children of Húrin
húrin -> The Children of Húrin
HÚRIN -> The Children of Húrin
luthien beren -> Beren and Lúthien
middle-earth -> Unfinished Tales of Númenor and Middle-earth
middle earth -> Unfinished Tales of Númenor and Middle-earth
numenor middleearth -> NOTHING
jk rowling -> Harry Potter and the Sorcerer's Stone
j.k. rowling -> Harry Potter and the Sorcerer's Stone
sorcerers stone -> Harry Potter and the Sorcerer's Stone
sorcerer’s stone -> Harry Potter and the Sorcerer's Stone
harry potter rowling -> Harry Potter and the Sorcerer's Stone
Le Guin, Ursula -> The Left Hand of Darkness | A Wizard of Earthsea
ursula k. le guin earthsea -> A Wizard of Earthsea
left hand darkness -> The Left Hand of Darkness
austen pride -> Pride and Prejudice
pride & prejudice -> Pride and Prejudice
pride and prejudice -> Pride and Prejudice
prejudice pride jane -> Pride and Prejudice
"pride and prejudice" -> Pride and Prejudice
"prejudice and pride" -> NOTHING
“pride and prejudice” -> Pride and Prejudice
emma -> Emma
rust book -> NOTHING
c++ -> The C++ Programming Language
C++ programming -> The C++ Programming Language
go programming -> The Go Programming Language
c programming language -> The C Programming Language | The C++ Programming Language
knuth art volume 3 -> The Art of Computer Programming, Volume 3: Sorting and Searching
sorting searching -> The Art of Computer Programming, Volume 3: Sorting and Searching
kernighan -> The C Programming Language | The Go Programming Language
kernighan ritchie -> The C Programming Language
gamma helm johnson vlissides -> Design Patterns: Elements of Reusable Object-Oriented Software
design patterns -> Design Patterns: Elements of Reusable Object-Oriented Software
head first design -> Head First Design Patterns
effective java -> Effective Java | Effective Java
pragmatic -> The Pragmatic Programmer: From Journeyman to Master
journey mastery -> The Pragmatic Programmer: Your Journey to Mastery
good parts -> JavaScript: The Good Parts
data intensive -> Designing Data-Intensive Applications
data-intensive -> Designing Data-Intensive Applications
python crash -> Python Crash Course
godel escher bach -> Gödel, Escher, Bach: An Eternal Golden Braid
Gödel -> Gödel, Escher, Bach: An Eternal Golden Braid
mythical man month -> The Mythical Man-Month
mythical man-month brooks -> The Mythical Man-Month
osullivan haskell -> Real World Haskell
O'Sullivan -> Real World Haskell
O’Sullivan -> Real World Haskell
O`Sullivan -> Real World Haskell
lipovaca -> Learn You a Haskell for Great Good!
great good! -> Learn You a Haskell for Great Good!
dont make me think -> Don't Make Me Think, Revisited
don't make me think -> Don't Make Me Think, Revisited
don’t make -> Don't Make Me Think, Revisited
surely you're joking -> "Surely You're Joking, Mr. Feynman!"
feynman -> "Surely You're Joking, Mr. Feynman!"
mr feynman joking -> "Surely You're Joking, Mr. Feynman!"
guns germs steel -> Guns, Germs, and Steel
Guns, Germs & Steel -> Guns, Germs, and Steel
brief history -> A Brief History of Time | Sapiens: A Brief History of Humankind
history of time hawking -> A Brief History of Time
sapiens harari -> Sapiens: A Brief History of Humankind
moby dick -> Moby-Dick
moby-dick -> Moby-Dick
mobydick -> NOTHING
melville moby -> Moby-Dick
bronte -> Jane Eyre | Wuthering Heights
Brontë wuthering -> Wuthering Heights
dostoyevsky crime -> Crime and Punishment
karamazov -> The Brothers Karamazov
war and peace -> War and Peace
war & peace tolstoy -> War and Peace
les miserables -> Les Misérables
misérables hugo -> Les Misérables
1984 -> 1984
orwell 1984 -> 1984
orwell -> 1984 | Animal Farm
451 -> Fahrenheit 451
fahrenheit 451 bradbury -> Fahrenheit 451
solitude garcia marquez -> One Hundred Years of Solitude
gabriel garcía márquez cólera -> El amor en los tiempos del cólera
hitchhikers guide -> The Hitchhiker's Guide to the Galaxy
hitchhiker's guide galaxy adams -> The Hitchhiker's Guide to the Galaxy
electric sheep -> Do Androids Dream of Electric Sheep?
sheep? -> Do Androids Dream of Electric Sheep?
philip k dick -> Do Androids Dream of Electric Sheep?
slaughterhouse five -> Slaughterhouse-Five
vonnegut slaughterhouse-5 -> NOTHING
handmaids tale -> The Handmaid's Tale
enders game -> Ender's Game
game of thrones -> A Game of Thrones
george r.r. martin -> A Game of Thrones
George R R Martin game -> A Game of Thrones
three body problem -> The Three-Body Problem
lion witch wardrobe -> The Lion, the Witch and the Wardrobe
cs lewis -> The Lion, the Witch and the Wardrobe
C.S. Lewis lion -> The Lion, the Witch and the Wardrobe
charlottes web -> Charlotte's Web
eb white -> Charlotte's Web
letranger -> L'Étranger
l'étranger camus -> L'Étranger
etranger -> L'Étranger
saint exupery prince -> The Little Prince | Le Petit Prince
saint-exupéry nuit -> Vol de nuit
deuxieme sexe -> Le Deuxième Sexe, tome I
elegance herisson -> L'Élégance du hérisson
goscinny asterix -> Astérix le Gaulois
zola -> Germinal
Zola, Émile -> Germinal
goethe werther -> Die Leiden des jungen Werther
rauber schiller -> Die Räuber
räuber -> Die Räuber
suskind parfum -> Das Parfum
duerrenmatt -> NOTHING
durrenmatt physiker -> Die Physiker
anos de soledad -> Cien años de soledad
años soledad -> Cien años de soledad
cortazar -> Rayuela
capitaes areia -> Capitães da Areia
krew elfow -> Krew elfów
zyczenie -> Ostatnie życzenie
benim adim kirmizi -> Benim Adım Kırmızı
kürk mantolu -> Kürk Mantolu Madonna
oguz atay -> Tutunamayanlar
мастер и маргарита -> Мастер и Маргарита
МАСТЕР -> Мастер и Маргарита
булгаков -> Мастер и Маргарита
三体 -> 三体 | 三体Ⅲ：死神永生 | 三体Ⅱ：黑暗森林
三体 黑暗 -> 三体Ⅱ：黑暗森林
森林 -> 三体Ⅱ：黑暗森林
楼 -> 红楼梦
刘慈欣 死神 -> 三体Ⅲ：死神永生
马尔克斯 -> 百年孤独
加西亚·马尔克斯 -> 百年孤独
森 -> ノルウェイの森 上 | 三体Ⅱ：黑暗森林
ノルウェイ -> ノルウェイの森 上
ルウェ -> ノルウェイの森 上
村上春樹 カフカ -> 海辺のカフカ 上
村上 1q84 -> 1Q84 BOOK 1
雪国 -> 雪国
コンビニ -> コンビニ人間
人間失格 太宰 -> 人間失格
羅生門 鼻 -> 羅生門・鼻
猫 -> 吾輩は猫である
채식주의자 -> 채식주의자
한강 소년 -> 소년이 온다
김지영 -> 82년생 김지영
지영 -> NOTHING
9780261102217 -> The Hobbit
978-0-261-10221-7 -> The Hobbit
978 0 261 10221 7 -> The Hobbit
ISBN 978-0-261-10221-7 -> The Hobbit
urn:isbn:9780261102217 -> The Hobbit
0-261-10221-4 -> The Hobbit
0261102214 -> The Hobbit
hobbit 9780261102217 -> The Hobbit
dune 9780261102217 -> NOTHING
102217 -> The Hobbit
% -> NOTHING
_ -> NOTHING
? -> Do Androids Dream of Electric Sheep?
tolkien dune -> NOTHING
xyzzy -> NOTHING
"""

#: A search that finds nothing, and its nearest spelling.
SPELLED = {
    "tolkein": "tolkien",
    "tolkin": "tolkien",
    "tollkien": "tolkien",
    "tolkeen": "tolkien",
    "hobit": "hobbit",
    "hobbbit": "hobbit",
    "tolkein hobit": "tolkien hobbit",
    "silmarilion": "silmarillion",
    "prejudise": "prejudice",
    "karamasov": "karamazov",
    "pyhton crash": "python crash",
    "dostoievsky": "dostoyevsky",
    "muracami": "murakami",
    "булгоков": "булгаков",
    "xyzzyqux": None,
    "tolkien dune": None,
    "lord of the files": "lord of the flies",
    "brave knew world": "brave new world",
    "a tale of too cities": "a tale of two cities",
    "fank herbart": "frank herbert",
    "wat and peace": "war and peace",
    "frank peace": None,
    "qqq": None,
}

#: Of the real books; a year stands beside some titles there, and the series in brackets.
REAL = """
hunger games -> The Hunger Games
suzanne collins mockingjay -> Mockingjay
harry potter philosophers stone -> NOTHING
harry potter sorcerer's stone -> Harry Potter and the Sorcerer's Stone
jk rowling azkaban -> Harry Potter and the Prisoner of Azkaban
j. k. rowling goblet -> Harry Potter and the Goblet of Fire
lord of the rings -> The Fellowship of the Ring (The Lord of the Rings, #1)
"the lord of the rings" two towers -> The Two Towers
fellowship ring tolkien -> The Fellowship of the Ring
JRR Tolkien hobbit -> J.R.R. Tolkien 4-Book Boxed Set: The Hobbit | The Hobbit
twilight meyer -> Twilight
mockingbird -> Mockingbird | To Kill a Mockingbird
gatsby fitzgerald -> The Great Gatsby
fault in our stars -> The Fault in Our Stars
catcher rye -> The Catcher in the Rye
angels & demons -> Angels & Demons
angels and demons -> Angels & Demons
pride & prejudice -> Pride and Prejudice
kite runner -> The Kite Runner
divergent -> Divergent
orwell animal farm -> Animal Farm
anne frank diary -> Anne Frank: Beyond the Diary | The Diary of a Young Girl
dragon tattoo larsson -> The Girl with the Dragon Tattoo
stieg larsson hornet -> The Girl Who Kicked the Hornet's Nest
catching fire -> Catching Fire
lovely bones -> The Lovely Bones
da vinci code -> The Da Vinci Code
of mice and men -> Of Mice and Men
romeo juliet -> Romeo and Juliet
gone girl -> Gone Girl
lord flies -> Lord of the Flies
wrinkle time lengle -> A Wrinkle in Time
l'engle -> A Wrinkle in Time
enders game card -> Ender's Game
charlottes web -> Charlotte's Web
garcia marquez cholera -> Love in the Time of Cholera
les miserables hugo -> Les Misérables
little prince -> The Little Prince | Little Princes
murakami norwegian -> Norwegian Wood
1q84 -> 1Q84
catch 22 -> Catch-22
catch-22 heller -> Catch-22
fahrenheit 451 -> Fahrenheit 451
slaughterhouse five -> Slaughterhouse-Five
steinbeck grapes -> The Grapes of Wrath
cs lewis wardrobe -> The Lion, the Witch, and the Wardrobe
"the road" mccarthy -> The Road
game of thrones -> A Game of Thrones
george rr martin swords -> A Storm of Swords
le guin earthsea -> A Wizard of Earthsea
ursula k le guin dispossessed -> The Dispossessed
"""


def lines(table):
    split = [line.split(" -> ") for line in table.strip().splitlines()]
    return [
        (search, [] if titles == "NOTHING" else titles.split(" | ")) for search, titles in split
    ]


@pytest.fixture(scope="module")
def sample(backend):
    url = backend.create()
    engine = make_engine({"url": url})
    load_sample(engine)
    yield engine
    engine.dispose()
    backend.drop(url)


@pytest.fixture(scope="module")
def real(backend):
    path = os.environ.get("BOOKSTORE_GOODBOOKS")
    if not path:
        pytest.skip("BOOKSTORE_GOODBOOKS names no file of goodbooks-10k")
    url = backend.create()
    engine = make_engine({"url": url})
    with gzip.open(Path(path), "rt", encoding="utf-8", newline="") as file:
        rows = [
            book_row(20_000 - number, title=row["title"][:255], author=row["authors"][:255])
            for number, row in enumerate(csv.DictReader(file))
        ]
    with engine.begin() as connection:
        connection.execute(insert(Book), rows)
    yield engine
    engine.dispose()
    backend.drop(url)


def found(engine, search, **more):
    with Session(engine) as session:
        return Bookstore.on(session).list(search=search, sort="relevance", **more)


@pytest.mark.parametrize(("search", "titles"), lines(SAMPLE))
def test_searches_on_the_sample_find_the_books_that_are_meant_first(sample, search, titles):
    books = found(sample, search).books
    assert [book.title for book in books[: len(titles) or 1]] == titles


@pytest.mark.parametrize(("search", "spelled"), [*SPELLED.items()])
def test_a_search_that_finds_nothing_comes_with_its_nearest_spelling(sample, search, spelled):
    page = found(sample, search)
    assert (list(page.books), page.suggestion) == ([], spelled)


@pytest.mark.parametrize(("search", "titles"), lines(REAL))
def test_searches_among_real_books_find_the_ones_that_are_meant_first(real, search, titles):
    """Their titles begin so; the most popular book is the newest here."""
    books = found(real, search).books
    assert len(books) >= len(titles)
    for book, title in zip(books, titles, strict=False):
        assert book.title.startswith(title)
    assert titles or not books
