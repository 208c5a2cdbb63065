"""FastAPI with SQLAlchemy's asynchronous engine and asyncpg."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Literal

from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import AliasPath, BaseModel, ConfigDict, Field
from sqlalchemy import JSON, DateTime, ForeignKey, and_, case, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, joinedload, mapped_column, relationship

from benchmarks.peers.periods import period_of

# Both names of the scheme are in use.
url = re.sub(r"^postgres(ql)?://", "postgresql+asyncpg://", os.environ["DATABASE_URL"])
engine = create_async_engine(url)
session_factory = async_sessionmaker(engine, expire_on_commit=False)
app = FastAPI()


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "auth_user"
    id: Mapped[int] = mapped_column(primary_key=True)
    is_active: Mapped[bool]


class Token(Base):
    __tablename__ = "peers_token"
    digest: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey(User.id))


class Category(Base):
    __tablename__ = "peers_category"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey(User.id))
    name: Mapped[str]


class Transaction(Base):
    __tablename__ = "peers_transaction"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey(User.id))
    date: Mapped[date]
    category_id: Mapped[int] = mapped_column(ForeignKey(Category.id))
    category: Mapped[Category] = relationship()
    description: Mapped[str]
    amount: Mapped[Decimal]
    type: Mapped[str]


class Threshold(Base):
    __tablename__ = "peers_threshold"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey(User.id))
    name: Mapped[str]
    type: Mapped[str]
    category_id: Mapped[int | None] = mapped_column(ForeignKey(Category.id))
    category: Mapped[Category | None] = relationship()
    amount: Mapped[Decimal]
    levels: Mapped[list[int]] = mapped_column(JSON)


class Alert(Base):
    __tablename__ = "peers_alert"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey(User.id))
    threshold_id: Mapped[int] = mapped_column(ForeignKey(Threshold.id))
    level: Mapped[int]
    period_start: Mapped[date]
    period_end: Mapped[date]
    transaction_id: Mapped[int | None] = mapped_column(ForeignKey(Transaction.id))
    status: Mapped[str]
    message: Mapped[str]
    total: Mapped[Decimal]
    limit: Mapped[Decimal]
    opened_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    resolved_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class TransactionIn(BaseModel):
    date: date
    category: str
    description: str = Field("", max_length=500)
    amount: Decimal = Field(gt=0, max_digits=14, decimal_places=2)
    type: Literal["expense", "refund", "income"]


class Out(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    id: int
    user_id: int


class TransactionOut(Out):
    date: date
    category: str = Field(validation_alias=AliasPath("category", "name"))
    description: str
    amount: Decimal
    type: str


class CurrentOut(BaseModel):
    period_start: date
    period_end: date
    total: Decimal


class ThresholdOut(Out):
    name: str
    amount: Decimal
    type: str
    category: str | None
    levels: list[int]
    current: CurrentOut | None


class AlertOut(Out):
    threshold: int = Field(validation_alias="threshold_id")
    level: int
    period_start: date
    period_end: date
    transaction: int | None = Field(validation_alias="transaction_id")
    status: str
    message: str
    total: Decimal
    limit: Decimal
    opened_at: datetime
    resolved_at: datetime | None


async def get_session() -> AsyncIterator[AsyncSession]:
    async with session_factory() as session:
        yield session


Session = Annotated[AsyncSession, Depends(get_session)]


async def get_user(
    session: Session, sent: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]
) -> User:
    digest = hashlib.sha256(sent.credentials.encode()).hexdigest()
    statement = select(User).join(Token, Token.user_id == User.id).where(Token.digest == digest)
    user = await session.scalar(statement)
    if user is None or not user.is_active:
        raise HTTPException(401, "Invalid token", {"WWW-Authenticate": "Bearer"})
    return user


CurrentUser = Annotated[User, Depends(get_user)]


@app.get("/api/transaction")
async def list_transactions(
    session: Session,
    user: CurrentUser,
    category: str | None = None,
    offset: int = 0,
    limit: Annotated[int, Field(le=100)] = 50,
) -> list[TransactionOut]:
    statement = (
        select(Transaction)
        .options(joinedload(Transaction.category, innerjoin=True))
        .where(Transaction.user_id == user.id)
        .order_by(Transaction.date.desc(), Transaction.id.desc())
        .offset(offset)
        .limit(limit)
    )
    if category is not None:
        statement = statement.where(Transaction.category.has(name=category, user_id=user.id))
    rows = await session.scalars(statement)
    return [TransactionOut.model_validate(row) for row in rows]


@app.post("/api/transaction", status_code=201)
async def create_transaction(
    session: Session, user: CurrentUser, body: TransactionIn
) -> TransactionOut:
    own = select(Category).where(Category.user_id == user.id, Category.name == body.category)
    category = await session.scalar(own)
    if category is None:
        raise HTTPException(404, "No such category")
    row = Transaction(user_id=user.id, category=category, **body.model_dump(exclude={"category"}))
    session.add(row)
    await session.flush()
    await keep_true(session, row)
    await session.commit()
    return TransactionOut.model_validate(row)


@app.get("/api/threshold")
async def list_thresholds(session: Session, user: CurrentUser) -> list[ThresholdOut]:
    statement = (
        select(Threshold)
        .options(joinedload(Threshold.category))
        .where(Threshold.user_id == user.id)
        .order_by(Threshold.id)
    )
    thresholds = list(await session.scalars(statement))
    today = datetime.now(UTC).date()
    totals = await totals_of(session, user.id, thresholds, today)
    return [described(threshold, today, totals.get(threshold.id)) for threshold in thresholds]


def described(threshold: Threshold, day: date, total: Decimal | None) -> ThresholdOut:
    start, end = period_of(threshold.type, day)
    current = (
        CurrentOut(period_start=start, period_end=end, total=total) if total is not None else None
    )
    return ThresholdOut(
        id=threshold.id,
        user_id=threshold.user_id,
        name=threshold.name,
        amount=threshold.amount,
        type=threshold.type,
        category=threshold.category.name if threshold.category else None,
        levels=threshold.levels,
        current=current,
    )


@app.get("/api/alert")
async def list_alerts(
    session: Session,
    user: CurrentUser,
    offset: int = 0,
    limit: Annotated[int, Field(le=100)] = 50,
) -> list[AlertOut]:
    statement = (
        select(Alert)
        .where(Alert.user_id == user.id)
        .order_by(Alert.opened_at.desc(), Alert.id.desc())
        .offset(offset)
        .limit(limit)
    )
    return [AlertOut.model_validate(row) for row in await session.scalars(statement)]


async def totals_of(
    session: AsyncSession, user_id: int, thresholds: list[Threshold], day: date
) -> dict[int, Decimal]:
    """What each threshold adds up to in its period of a day, by its id, in one query."""
    summed = [each for each in thresholds if each.type != "transaction"]
    if not summed:
        return {}
    spent = case((Transaction.type == "refund", -Transaction.amount), else_=Transaction.amount)
    sums, begin = [], day
    for threshold in summed:
        start, end = period_of(threshold.type, day)
        counts = [Transaction.date >= start, Transaction.date < end]
        if threshold.category_id is not None:
            counts.append(Transaction.category_id == threshold.category_id)
        sums.append(func.coalesce(func.sum(spent).filter(*counts), Decimal(0)))
        begin = min(begin, start)
    statement = select(*sums).where(
        Transaction.user_id == user_id,
        Transaction.date >= begin,
        Transaction.type.in_(["expense", "refund"]),
    )
    row = (await session.execute(statement)).one()
    return {threshold.id: total for threshold, total in zip(summed, row, strict=True)}


async def keep_true(session: AsyncSession, row: Transaction) -> None:
    """Open and resolve alerts after a new row, in its database transaction."""
    thresholds = list(
        await session.scalars(select(Threshold).where(Threshold.user_id == row.user_id))
    )
    totals = await totals_of(session, row.user_id, thresholds, row.date)
    starts = {each.id: period_of(each.type, row.date) for each in thresholds}
    current = [
        and_(Alert.threshold_id == each.id, Alert.period_start == starts[each.id][0])
        for each in thresholds
        if each.type != "transaction"
    ]
    found = await session.scalars(
        select(Alert).where(Alert.user_id == row.user_id, Alert.status == "open", or_(*current))
    )
    open_now = {(alert.threshold_id, alert.level): alert for alert in found}
    for threshold in thresholds:
        total = spent_by(row) if threshold.type == "transaction" else totals[threshold.id]
        for level in threshold.levels:
            reached = total * 100 >= threshold.amount * level
            alert = open_now.get((threshold.id, level))
            if reached and alert is None:
                start, end = starts[threshold.id]
                session.add(
                    Alert(
                        user_id=row.user_id,
                        threshold_id=threshold.id,
                        level=level,
                        period_start=start,
                        period_end=end,
                        transaction_id=row.id,
                        status="open",
                        message=f"{threshold.name}: {level} % of {threshold.amount} reached",
                        total=total,
                        limit=threshold.amount,
                        opened_at=datetime.now(UTC),
                    )
                )
            elif alert is not None and not reached:
                alert.status, alert.resolved_at = "resolved", datetime.now(UTC)


def spent_by(row: Transaction) -> Decimal:
    return {"expense": row.amount, "refund": -row.amount}.get(row.type, Decimal(0))
