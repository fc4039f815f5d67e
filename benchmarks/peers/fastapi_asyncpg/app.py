"""FastAPI over asyncpg's pool, SQL by hand: what FastAPI does without an ORM."""

from __future__ import annotations

import os
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from decimal import Decimal
from typing import Annotated

import asyncpg
from fastapi import FastAPI, HTTPException, Query, Request
from pydantic import BaseModel, Field

COLUMNS = "id, title, author, isbn, price, stock, description, created_at, updated_at"


class BookIn(BaseModel):
    title: str = Field(min_length=1, max_length=255)
    author: str = Field(min_length=1, max_length=255)
    isbn: str = Field(pattern=r"^97[89]\d{10}$")
    price: Decimal = Field(ge=0, max_digits=10, decimal_places=2)
    stock: int = Field(default=0, ge=0)
    description: str | None = Field(default=None, max_length=10_000)


class BookOut(BaseModel):
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


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    size = int(os.environ["POOL_SIZE"])
    url = os.environ["DATABASE_URL"]
    async with asyncpg.create_pool(url, min_size=size, max_size=size) as pool:
        app.state.pool = pool
        yield


app = FastAPI(lifespan=lifespan)


@app.get("/books/{book_id}", response_model=BookOut)
async def read_book(book_id: uuid.UUID, request: Request) -> dict[str, object]:
    row = await request.app.state.pool.fetchrow(
        f"SELECT {COLUMNS} FROM books WHERE id = $1", book_id
    )
    if row is None:
        raise HTTPException(404, "Book not found")
    return dict(row)


@app.get("/books", response_model=Page)
async def list_books(
    request: Request,
    page: Annotated[int, Query(ge=1)] = 1,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    search: str | None = None,
) -> dict[str, object]:
    where, values = "", []
    if search:
        where = "WHERE title ILIKE $1 OR author ILIKE $1 OR isbn ILIKE $1"
        values = [f"%{search}%"]
    async with request.app.state.pool.acquire() as connection:
        total = await connection.fetchval(f"SELECT count(*) FROM books {where}", *values)
        count = len(values)
        rows = await connection.fetch(
            f"SELECT {COLUMNS} FROM books {where} ORDER BY created_at DESC"
            f" LIMIT ${count + 1} OFFSET ${count + 2}",
            *values,
            limit,
            (page - 1) * limit,
        )
    return {
        "data": [dict(row) for row in rows],
        "total": total,
        "page": page,
        "limit": limit,
        "total_pages": -(-total // limit),
    }


@app.post("/books", response_model=BookOut, status_code=201)
async def create_book(body: BookIn, request: Request) -> dict[str, object]:
    try:
        row = await request.app.state.pool.fetchrow(
            "INSERT INTO books (id, title, author, isbn, price, stock, description)"
            f" VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING {COLUMNS}",
            uuid.uuid4(),
            body.title,
            body.author,
            body.isbn,
            body.price,
            body.stock,
            body.description,
        )
    except asyncpg.UniqueViolationError:
        raise HTTPException(409, "ISBN already exists") from None
    return dict(row)
