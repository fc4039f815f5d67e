"""Vocabularies of the generated catalogue: thirteen languages in eight scripts.

Words stand in order of frequency; the generator draws them with a skew (Zipf), so that the
first of each list are in very many titles, as articles and prepositions are in a real catalogue.
"""

from __future__ import annotations

from typing import NamedTuple


class Language(NamedTuple):
    """One language: its share of the authors, how words are joined, and its words."""

    share: float
    joiner: str
    words: tuple[str, ...]
    given: tuple[str, ...]
    family: tuple[str, ...]


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _language(share: float, words: str, given: str, family: str, joiner: str = " ") -> Language:
    return Language(share, joiner, _words(words), _words(given), _words(family))


LANGUAGES: tuple[Language, ...] = (
    _language(  # English
        0.44,
        """the of and a in to for with on from at by night love house world time secret last
        history life girl garden river sea dark light war art city story children island king
        queen shadow winter summer stone bird road letter memory silence science modern guide
        introduction practical cooking programming systems data machine learning design theory
        music mountain forest fire water blood heart bone glass paper mirror empire kingdom lost
        forgotten hidden broken golden silver crimson little great first second beyond between""",
        """James Mary John Patricia Robert Jennifer Michael Linda William Elizabeth David Barbara
        Richard Susan Joseph Jessica Thomas Sarah Charles Karen Daniel Nancy Matthew Lisa Anthony
        Margaret Mark Sandra Ursula Octavia Toni Ernest Virginia Agatha Arthur Siobhán Zoë""",
        """Smith Johnson Williams Brown Jones Miller Davis Wilson Anderson Taylor Moore Jackson
        Martin Lee Thompson White Harris Clark Lewis Robinson Walker Young Allen King Wright Scott
        Hill Green Adams Baker O'Brien O'Connor McCarthy Fitzgerald Brontë Woolf Austen""",
    ),
    _language(  # French
        0.09,
        """de la le les et du des une un à au dans pour sur nuit été mère forêt île français
        château petit grande histoire amour vie mort cœur théâtre élève père rêve lumière ombre
        silence hiver garçon leçon naïve où déjà mystère étranger temps perdu monde côte âme""",
        """Émile Zoé François Hélène René Chloé Jérôme Anaïs Benoît Noël André Gaëlle Jules
        Marguerite Albert Simone Antoine Inès""",
        """Dupont Lefèvre Béranger Hébert Lévêque Garçon Crémieux Moreau Rousseau Beauséjour
        Desprès Château Camus Duras Nothomb Gaudé""",
    ),
    _language(  # German
        0.08,
        """die der und das ein eine im von für über aus mit Straße Mädchen Tür Träume Schloß Größe
        Zeit Nacht Welt Geschichte Liebe Tod Leben Fluß Wald Häuser Bücher süße grüne schöne
        letzte Kinder König Müller Wörter Rätsel Verwandlung Zauberberg Blechtrommel Schweigen""",
        """Jürgen Günter Käthe Björn Sören Heinrich Thomas Ingeborg Christa Franz Hermann Anna
        Jörg Bärbel Ulrike Götz""",
        """Müller Schröder Weiß Groß Böll Grünbein Köhler Straub Preuß Hölderlin Mann Hesse
        Bachmann Wolf Jünger Süskind Lüders""",
    ),
    _language(  # Spanish
        0.08,
        """de la el los las y en del un una para con sin años soledad corazón niño mañana país
        último jardín sueño cuentos español canción razón árbol música sombra viento casa mundo
        ciudad tiempo noche muerte vida secreto isla mar camino fuego agua""",
        """José María Gabriel Íñigo Lucía Ángel Begoña Raúl Inés Andrés Mónica Jesús Sofía Julio
        Isabel Óscar""",
        """García Márquez Núñez Peña Ibáñez Muñoz Gómez Fernández Zafón Cortázar Ordóñez Allende
        Borges Vargas Rulfo Ruiz""",
    ),
    _language(  # Portuguese
        0.04,
        """o a de do da e em um uma para coração não pão ilha mãe irmão memórias cidade noite
        ensaio sobre cegueira livro desassossego vida morte água canção tradução""",
        "João Conceição José Clarice Fernando Lygia Luís Antônio Inês Estêvão",
        "Araújo Gonçalves Simões Lispector Pessoa Saramago Assunção Magalhães Guimarães Eça",
    ),
    _language(  # Polish and Czech
        0.05,
        """w i na z o do świat życie miłość łódź żona źródło noc dzień księga ziemia cień śmierć
        nesnesitelná lehkost bytí žert válka příběh město řeka čas dům světlo ticho kníže""",
        "Łukasz Stanisław Małgorzata Józef Olga Czesław Karel Božena Jiří Zdeněk Růžena Wisława",
        "Wałęsa Miłosz Żuławski Dąbrowska Łoś Čapek Hašek Dvořák Němcová Kundera Lem Šimek",
    ),
    _language(  # Turkish and Nordic
        0.04,
        """ve bir kar beyaz kırmızı kış gece şehir ışık ağaç çocuk gönül İstanbul och en på natt
        sjö människa älskar björn öde ø år blå rød sommer fjäll þögn hús""",
        "İsmail Çağla Orhan Ayşe Şükrü Åsa Søren Øystein Bjørn Sigríður Þór Tove",
        "Yılmaz Gündoğan Pamuk Çelik Şafak Ångström Kierkegaard Lindqvist Jónsdóttir Sæmundsson",
    ),
    _language(  # Russian
        0.06,
        """и в на не о с по война мир ночь день любовь смерть жизнь душа город снег зима река
        дом мальчик тайна история белая чёрный последний мастер мёртвые преступление наказание
        ёлка звезда остров море свет тень""",
        "Лев Анна Фёдор Михаил Марина Иван Алексей Пётр Людмила Николай Семён Ольга",
        "Толстой Ахматова Достоевский Булгаков Цветаева Бунин Королёв Пелевин Улицкая Соловьёв",
    ),
    _language(  # Greek
        0.02,
        "ο η το και του της στη νύχτα θάλασσα ζωή αγάπη ήλιος ψυχή μνήμη πόλη λόγος δρόμος νησί",
        "Νίκος Ελένη Γιώργος Μαρία Κωνσταντίνος Οδυσσέας",
        "Καζαντζάκης Σεφέρης Ελύτης Καβάφης Παπαδόπουλος Δημητρίου",
    ),
    _language(  # Japanese
        0.04,
        """の と 雪国 夜 海 風 森 物語 東京 猫 心
        こころ 春 夏 秋 冬 時間 記憶 ノルウェイ 世界 図書館 罪 影 光 花 旅""",
        "春樹 康成 由紀夫 漱石 紫 よしもと 葉子 翔太 さくら",
        "村上 川端 三島 夏目 大江 吉本 小川 佐藤 鈴木 高橋",
        "",
    ),
    _language(  # Chinese and Korean
        0.03,
        """的 红楼 梦 三体 活着 城 边 围城 月 山 水 天 人 书 史
        中国 少年 长安 채식주의자 바다 밤 사랑 시간 나무 소년""",
        "莫言 余华 张爱玲 慈欣 鲁迅 한강 경리 민준 서연",
        "刘 王 李 张 陈 김 이 박 최",
        "",
    ),
    _language(  # Arabic
        0.02,
        """في من على إلى ليلة الحب مدينة البحر الليل حكاية قصة
        موسم الهجرة الشمال زقاق المدق بيت نور ظل""",
        "نجيب أحلام الطيب غادة محمود ليلى",
        "محفوظ مستغانمي صالح السمان درويش العثمان",
    ),
    _language(  # Hindi
        0.01,
        "का की के और में गोदान रात जीवन प्रेम कहानी नदी मन सपना समय राग दरबारी आकाश पानी",
        "मुंशी महादेवी अमृता हरिवंश निर्मल",
        "प्रेमचंद वर्मा प्रीतम बच्चन शर्मा",
    ),
)


class Script(NamedTuple):
    """A script without blanks: frequent words, and the parts that others are made of."""

    words: tuple[str, ...]
    parts: str


UNBLANKED: tuple[Script, ...] = (
    Script(  # Japanese
        _words(
            """の 物語 と 時間 世界 夜の 東京 図書館 記憶 こころ 旅 春 秋の 海辺 ノルウェイ 森
            影 光 花 雪国 風 名探偵 事件 日記 はじめて 入門 料理 歴史 少女 先生"""
        ),
        "あいうえおかきくけこさしすせそたちつてとなにぬねのはひふへほまみむめもやゆよらりるれろわん"
        "アイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワン"
        + "".join(map(chr, range(0x6A00, 0x6B00))),
    ),
    Script(  # Chinese
        _words(
            """的 中国 历史 红楼 梦 三体 活着 城市 少年 长安 故事 山 水 天下 人生 史记 与 世纪
            小说 研究 文学 大学 月亮 江湖 经济 教程 手册 诗歌 战争 生活"""
        ),
        "".join(map(chr, range(0x5000, 0x5800))),
    ),
    Script(  # Thai
        _words(
            """การ ความ รัก เมือง และ คน แห่ง ชีวิต บ้าน เรื่อง หนังสือ ประวัติ โลก ไทย ดวง ดาว
            แม่ สาย ฝน ฟ้า เด็ก เล่า นิทาน ภาษา ศิลปะ อาหาร ผี เงา ป่า ทะเล"""
        ),
        " ".join(
            consonant + vowel
            for consonant in "กขคงจชซดตถทนบปผพฟมยรลวสหอ"
            for vowel in ("า", "ิ", "ี", "ุ", "ู", "ะ", "อง", "าน", "ัน", "้ม", "่อ", "็ด")
        ),
    ),
)


class Titles(NamedTuple):
    """First and second words of titles, of the oldest, the usual and the newest books."""

    old: tuple[list[str], list[str]]
    usual: tuple[list[str], list[str]]
    new: tuple[list[str], list[str]]


RUNS = Titles(
    old=(["Ancient", "Parish", "Forgotten"], ["Ledger", "Chronicle", "Register"]),
    usual=(
        ["Collected", "Selected", "Complete", "Annual", "Illustrated", "Shorter", "Practical"],
        ["Works", "Poems", "Letters", "Report", "Essays", "Stories", "Proceedings", "Atlas"],
    ),
    new=(["Digital", "Weekly", "Instant"], ["Gazette", "Bulletin", "Broadcast"]),
)

# Coined proper names are strung together from these: rare words, each in a handful of books.
SYLLABLES: tuple[str, ...] = _words(
    """ba bel bor cal cor dan del dor eth fan fel gor gal har hel ith jan jor kal kel lan lor
    mar mel mor nar nel nor oth pal per por qua ral ren ros sal sel sor tal ter tor ul van vel
    vor wal wen wor xan yor zan zel zor bri cla dro fle gra kri plo tra vri sti"""
)

SENTENCES: tuple[str, ...] = (
    "A sweeping story of three generations and the house that outlives them all.",
    "What begins as a simple inquiry soon leads into the archives of a vanished city.",
    "Revised and enlarged, with exercises at the end of every chapter.",
    "« Un roman bouleversant », selon la critique ; l’été où tout a changé.",
    "Das Standardwerk in der dritten, völlig überarbeiteten Auflage.",
    "Una novela sobre la memoria, el exilio y los pequeños milagros de cada día.",
    "Роман о любви, войне и о том, что остаётся после.",
    "雪の降る町で出会った二人の、静かな物語。",
    "With 120 illustrations, many of them published here for the first time.",
    "She has one summer to find the letters; someone else has already begun to burn them.",
    "The essential handbook for practitioners, students and the merely curious.",
    "Translated from the original, with notes and an afterword by the translator.",
    "Winner of several prizes, and a book that readers press on their friends.",
    "A cookbook of 200 dishes that need no more than five ingredients and half an hour.",
    "Nobody on the island would say the word aloud; everybody knew what it meant.",
    "رواية عن الحب والمنفى والمدينة التي لا تنام.",
)
