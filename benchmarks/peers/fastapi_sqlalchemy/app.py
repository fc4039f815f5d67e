"""FastAPI with SQLAlchemy 2's asynchronous ORM over asyncpg, as the two manuals write it."""

from __future__ import annotations

import os
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException, Query
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import DateTime, Numeric, String, func, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

engine = create_async_engine(
    os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+asyncpg://"),
    pool_size=int(os.environ["POOL_SIZE"]),
    max_overflow=0,
)
Session = async_sessionmaker(engine, expire_on_commit=False)


class Base(DeclarativeBase):
    pass


def now() -> datetime:
    return datetime.now(UTC)


class Book(Base):
    __tablename__ = "books"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    title: Mapped[str] = mapped_column(String(255))
    author: Mapped[str] = mapped_column(String(255))
    isbn: Mapped[str] = mapped_column(String(13), unique=True)
    price: Mapped[Decimal] = mapped_column(Numeric(10, 2))
    stock: Mapped[int] = mapped_column(default=0)
    description: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=now)
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=now, onupdate=now)


class BookIn(BaseModel):
    title: str = Field(min_length=1, max_length=255)
    author: str = Field(min_length=1, max_length=255)
    isbn: str = Field(pattern=r"^97[89]\d{10}$")
    price: Decimal = Field(ge=0, max_digits=10, decimal_places=2)
    stock: int = Field(default=0, ge=0)
    description: str | None = Field(default=None, max_length=10_000)


class BookOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: uuid.UUID
    title: str
    author: str
    isbn: str
    price: float
    stock: int
    description: str | None
    created_at: datetime
    updated_at: datetime


class Page(BaseModel):
    data: Sequence[BookOut]
    total: int
    page: int
    limit: int
    total_pages: int


async def get_session() -> AsyncIterator[AsyncSession]:
    async with Session() as session:
        yield session


SessionDep = Annotated[AsyncSession, Depends(get_session)]


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    yield
    await engine.dispose()


app = FastAPI(lifespan=lifespan)


@app.get("/books/{book_id}", response_model=BookOut)
async def read_book(book_id: uuid.UUID, session: SessionDep) -> Book:
    book = await session.get(Book, book_id)
    if book is None:
        raise HTTPException(404, "Book not found")
    return book


@app.get("/books", response_model=Page)
async def list_books(
    session: SessionDep,
    page: Annotated[int, Query(ge=1)] = 1,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    search: str | None = None,
) -> dict[str, object]:
    query = select(Book)
    if search:
        term = f"%{search}%"
        query = query.where(
            or_(Book.title.ilike(term), Book.author.ilike(term), Book.isbn.ilike(term))
        )
    total = await session.scalar(select(func.count()).select_from(query.subquery())) or 0
    books = await session.scalars(
        query.order_by(Book.created_at.desc()).offset((page - 1) * limit).limit(limit)
    )
    return {
        "data": books.all(),
        "total": total,
        "page": page,
        "limit": limit,
        "total_pages": -(-total // limit),
    }


@app.post("/books", response_model=BookOut, status_code=201)
async def create_book(body: BookIn, session: SessionDep) -> Book:
    book = Book(**body.model_dump())
    session.add(book)
    try:
        await session.commit()
    except IntegrityError:
        raise HTTPException(409, "ISBN already exists") from None
    return book
