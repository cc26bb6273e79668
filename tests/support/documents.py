"""An application's own table beside Ostiary's, in the same database, by SQLAlchemy."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Double, Engine, String, create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from ostiary.integrations.sqlalchemy import Resources


class Base(DeclarativeBase):
    pass


class Document(Base):
    __tablename__ = "app_documents"

    id: Mapped[str] = mapped_column(String, primary_key=True)
    level: Mapped[int | None] = mapped_column(BigInteger)
    name: Mapped[str | None]
    amount: Mapped[float | None] = mapped_column(Double)
    public: Mapped[bool | None]
    owner: Mapped[str | None]


ATTRIBUTES: dict[str, Any] = {
    "level": Document.level,
    "name": Document.name,
    "amount": Document.amount,
    "public": Document.public,
    "owner": Document.owner,
}


def documents(type_: str = "document") -> Resources:
    return Resources(Document, type=type_, id=Document.id, attributes=ATTRIBUTES)


def driver_url(database_url: str, *, asynchronous: bool = False) -> str:
    """Ostiary's database, as SQLAlchemy is told of it."""
    if database_url.startswith("sqlite"):
        return database_url.replace("sqlite:", "sqlite+aiosqlite:" if asynchronous else "sqlite:", 1)
    return database_url.replace("postgresql:", f"postgresql+{'asyncpg' if asynchronous else 'psycopg'}:", 1)


def engine_of(database_url: str) -> Engine:
    """An engine whose database has the application's table."""
    engine = create_engine(driver_url(database_url))
    Base.metadata.create_all(engine)
    return engine
