"""Authorization models: tried, compared with what applies, applied, and gone back to. Every version is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from ostiary.audit import Event, record
from ostiary.authorization.authorizer import Authorizer
from ostiary.authorization.caller import Caller
from ostiary.authorization.compiled import Model
from ostiary.authorization.consequences import consequences
from ostiary.authorization.escalation import Holdings, require_cover
from ostiary.authorization.schema import AuthorizationModel
from ostiary.authorization.store import change_model, held_by_role, load_models, load_policies, windows_of
from ostiary.authorization.supposing import Unmet
from ostiary.base.clock import Clock, Timestamp, rfc3339
from ostiary.base.pages import DEFAULT_LIMIT, Page, check_limit, decode_cursor, page_of
from ostiary.errors import Conflict, InvalidRequest, NotFound
from ostiary.permissions import Permission

if TYPE_CHECKING:
    from ostiary.database import Database, Reader, Transaction

MAX_TEXT = 1_048_576
_SELECT = "SELECT name, version, text, applied_at, applied_by FROM authorization_models"

ModelText = Annotated[str, Meta(max_length=MAX_TEXT)]


class ModelChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A model's file to be applied, or the number of a version to go back to.

    ``expected``: the version that applies now; where another one does by then, nothing is changed.
    """

    text: ModelText | None = None
    version: int | None = None
    name: str = ""
    expected: int | None = None


class ModelVersion(msgspec.Struct, frozen=True):
    """One version of a model, as it was applied. ``name`` is empty for the one that applies where none is named."""

    name: str
    version: int
    text: str
    applied_at: Timestamp
    applied_by: str | None


class ModelReport(msgspec.Struct, frozen=True):
    """What a model's file says, and what it would change.

    Attributes:
        unmet: assertions of its own tests that do not hold; with one of them it is not applied.
        changes: what would be different from the version that applies now, in words.
        affected: which of the accounts that exist would get or lose what.
    """

    name: str
    tests: int
    unmet: tuple[Unmet, ...]
    changes: tuple[str, ...]
    affected: tuple[str, ...]


class FailedTests(Conflict):
    code = "model_tests_failed"
    title = "The model's own tests do not hold, so it is not applied."
    remedy = "Correct the model or its tests: `unmet` has each assertion with its line."


class _Row(msgspec.Struct, frozen=True):
    name: str
    version: int
    text: str
    applied_at: int
    applied_by: str | None


class _Name(msgspec.Struct, frozen=True):
    name: str


class Models:
    def __init__(self, db: Database, authorizer: Authorizer, clock: Clock) -> None:
        self._db = db
        self._authorizer = authorizer
        self._clock = clock

    async def current(self, caller: Caller, name: str = "") -> ModelVersion:
        """The version of a model that applies. Raises NotFound if there is no model of this name."""
        await caller.require(Permission.MODEL_READ)
        return _view(await _latest(self._db, name))

    async def versions(
        self, caller: Caller, name: str = "", cursor: str | None = None, limit: int = DEFAULT_LIMIT
    ) -> Page[ModelVersion]:
        """Every version of a model, the newest first.

        Raises:
            InvalidRequest: the cursor or the limit is not usable.
        """
        await caller.require(Permission.MODEL_READ)
        before = "" if cursor is None else decode_cursor(cursor)
        if before and not before.isdecimal():
            raise InvalidRequest("This is not a cursor from an earlier page.", field="cursor")
        rows = await self._db.fetch_all(
            _Row,
            f"{_SELECT} WHERE name = :name AND version < :before ORDER BY version DESC LIMIT :most",
            name=name,
            before=int(before) if before else 2**62,
            most=check_limit(limit) + 1,
        )
        return page_of(rows, limit, key=lambda row: str(row.version), item=_view)

    async def check(self, caller: Caller, text: str) -> ModelReport:
        """What is right and wrong with a model's file, and what it would change; nothing is applied.

        Raises:
            InvalidModel: it has faults, each with its line, column and a hint.
        """
        from ostiary.authorization.model_file import differences, model_tests
        from ostiary.authorization.supposing import run

        await caller.require(Permission.MODEL_READ)
        model, tests = _read(text), model_tests(text)
        models = await load_models(self._db)
        before = next((each for each in reversed(models) if each.name == model.name), AuthorizationModel(model.name))
        changes = differences(before, model)
        affected = await consequences(self._db, models, before, model, self._clock()) if changes else ()
        return ModelReport(model.name, len(tests), run(model, tests), changes, affected)

    async def apply(self, caller: Caller, change: ModelChange) -> ModelVersion:
        """Have a model decide from now on. Its roles become roles; facts that it does not allow are kept and count not.

        Raises:
            InvalidModel: it has faults. FailedTests: its own tests do not hold.
            NotFound: there is no such version to go back to.
            Conflict: another version applies than was expected; a role or time window that it leaves out is in use.
            Forbidden: its roles would hold more of Ostiary than the caller does.
        """
        await caller.require(Permission.MODEL_UPDATE)
        if (change.text is None) == (change.version is None):
            raise InvalidRequest("Give the text of a model, or the version to go back to.", field="text")
        holdings, now = await self._authorizer.holdings(caller), self._clock()
        if change.text is not None:
            _require_tests(change.text)
        async with self._db.transaction() as tx:
            await change_model(tx)
            await tx.bump("roles")
            text = change.text if change.text is not None else await _text_of(tx, change)
            model = _read(text)
            version = await self._insert(tx, model, text, change.expected, caller, now)
            await _write_roles(tx, model, holdings, now)
            await _write_sets(tx)
            await _require_policies(tx)
            await record(tx, now, Event.MODEL_APPLIED, caller.actor, None, model=model.name, version=version)
            return _view(await _latest(tx, model.name))

    async def _insert(
        self, tx: Transaction, model: AuthorizationModel, text: str, expected: int | None, caller: Caller, now: int
    ) -> int:
        latest = await tx.fetch_value(
            "SELECT COALESCE(max(version), 0) FROM authorization_models WHERE name = :name", name=model.name
        )
        if expected is not None and expected != latest:
            raise Conflict(f"Version {latest} applies, and not {expected}.", field="expected")
        await tx.execute(
            "INSERT INTO authorization_models (name, version, text, applied_at, applied_by)"
            " VALUES (:name, :version, :text, :now, :by)",
            name=model.name,
            version=latest + 1,
            text=text,
            now=now,
            by=caller.account_id,
        )
        return int(latest) + 1


def _read(text: str) -> AuthorizationModel:
    from ostiary.authorization.model_file import read_model

    return read_model(text)


def _require_tests(text: str) -> None:
    from ostiary.authorization.model_file import model_tests
    from ostiary.authorization.supposing import run

    if unmet := run(_read(text), model_tests(text)):
        raise FailedTests(
            f"{len(unmet)} assertions do not hold; the first is in line {unmet[0].line}: {unmet[0].message}.",
            extra={"unmet": [msgspec.to_builtins(each) for each in unmet]},
        )


async def _latest(on: Reader, name: str) -> _Row:
    row = await on.fetch_one(_Row, f"{_SELECT} WHERE name = :name ORDER BY version DESC LIMIT 1", name=name)
    if row is None:
        raise NotFound("There is no such model.")
    return row


async def _text_of(on: Reader, change: ModelChange) -> str:
    text = await on.fetch_value(
        "SELECT text FROM authorization_models WHERE name = :name AND version = :version",
        name=change.name,
        version=change.version,
    )
    if text is None:
        raise NotFound("There is no such version.")
    return str(text)


async def _write_roles(tx: Transaction, model: AuthorizationModel, holdings: Holdings, now: int) -> None:
    """Make the model's roles what it says, and no others. Whoever applies it has to hold what it gives and takes."""
    rows = await tx.fetch_all(_Name, "SELECT name FROM roles WHERE model = :model", model=model.name)
    ours = {row.name for row in rows}
    for name in ours:
        require_cover(holdings, await held_by_role(tx, name))
    for name in sorted(model.roles):
        written = await tx.execute(
            "INSERT INTO roles (name, description, builtin, created_at, updated_at, model)"
            " VALUES (:name, :description, 0, :now, :now, :model) ON CONFLICT (name) DO UPDATE"
            " SET description = excluded.description, updated_at = excluded.updated_at"
            " WHERE roles.model = excluded.model",
            name=name,
            description=model.roles[name].description,
            now=now,
            model=model.name,
        )
        if not written:
            raise Conflict(f"There is already a role {name} that is not of this model; rename one of them.")
        await tx.execute("DELETE FROM role_permissions WHERE role = :name", name=name)
        await tx.execute("DELETE FROM role_includes WHERE role = :name", name=name)
    for role in model.roles.values():
        for permission in dict.fromkeys(role.permissions):
            await tx.execute(
                "INSERT INTO role_permissions (role, permission) VALUES (:role, :permission)",
                role=role.name,
                permission=permission,
            )
        for included in dict.fromkeys(role.includes):
            await tx.execute(
                "INSERT INTO role_includes (role, included) VALUES (:role, :included)",
                role=role.name,
                included=included,
            )
    for name in sorted(model.roles):
        require_cover(holdings, await held_by_role(tx, name))
    for name in sorted(ours - model.roles.keys()):
        await _remove_role(tx, name)


async def _remove_role(tx: Transaction, name: str) -> None:
    assigned = await tx.fetch_value("SELECT count(*) FROM role_assignments WHERE role = :name", name=name)
    included = await tx.fetch_value("SELECT count(*) FROM role_includes WHERE included = :name", name=name)
    if assigned or included:
        raise Conflict(
            f"The model leaves out the role {name}, which is in use: assigned {assigned} times, included by {included}"
            " other roles."
        )
    await tx.execute("DELETE FROM roles WHERE name = :name", name=name)


async def _write_sets(tx: Transaction) -> None:
    """Which relations stand for sets of subjects, by all models that apply from now on."""
    sets = {pair for model in await load_models(tx) for pair in model.sets()}
    await tx.execute("DELETE FROM subject_sets")
    for type_, relation in sorted(sets):
        await tx.execute(
            "INSERT INTO subject_sets (type, relation) VALUES (:type, :relation)", type=type_, relation=relation
        )


async def _require_policies(tx: Transaction) -> None:
    """Refuse a model without which a policy in the database could not be worked out any more."""
    models = await load_models(tx)
    try:
        Model(models, await load_policies(tx, windows_of(models)))
    except InvalidRequest as cause:
        raise Conflict(f"A policy needs what this model leaves out: {cause}") from cause


def _view(row: _Row) -> ModelVersion:
    return ModelVersion(row.name, row.version, row.text, rfc3339(row.applied_at), row.applied_by)
