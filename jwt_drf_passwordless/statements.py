"""SQL that Django makes once, and that then runs with other values each time.

To build a queryset and to make SQL of it takes Django several times what a database takes to find or
change one row. So each query is built once, with holes for its values, and its SQL is kept for each
database alias. Rows still become objects by `Model.from_db`, statements still run on Django's cursors,
and nothing that is kept belongs to one connection or thread.

All that we use of Django without its promise to keep it is in this module: `Manager._queryset_class`,
`QuerySet.query`, `Query.chain` and `get_compiler`, how update and insert queries take their values, of a
compiler `as_sql`, `select`, `get_converters` and, for an INSERT, `execute_sql`.
"""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar, cast

from django.db import OperationalError, connections, models, transaction
from django.db.models.sql import InsertQuery, Query, UpdateQuery

AnyModel = TypeVar("AnyModel", bound=models.Model)
T = TypeVar("T")
#: Fields of which every driver takes the values as they are, if they have the field's own type. Not their subclasses.
PLAIN = (models.CharField, models.TextField, models.PositiveIntegerField)
#: Lookups as `filter()` takes them, or columns as `update()` does, with their values.
Values = Mapping[str, Any]


@dataclass(frozen=True)
class Hole:
    """The place of a value among the parameters: of a lookup, or of a column when it `is_saved`."""

    name: str
    is_saved: bool
    #: Place within the value, where that is a list.
    index: int | None = None


class Statement:
    """What is kept: the query, which nobody changes any more, and what came of it."""

    def __init__(self, query: Query, alias: str) -> None:
        compiler: Any = query.get_compiler(using=alias)
        if isinstance(query, InsertQuery):
            compiler.returning_fields = query.get_meta().db_returning_fields
            ((self.sql, params),) = compiler.as_sql()
        else:
            self.sql, params = compiler.as_sql()
        self.query = query
        self.params = [(item, self._converter(item) if isinstance(item, Hole) else None) for item in params]
        #: The columns whose values the database's driver gives in another form than the model's.
        self.converted = [
            (position, column)
            for position, (_, column) in compiler.get_converters([item[0] for item in compiler.select or ()]).items()
        ]

    def _converter(self, hole: Hole) -> Callable[..., Any]:
        meta, name = self.query.get_meta(), hole.name.partition("__")[0]
        field: Any = meta.pk if name == "pk" else meta.get_field(name)
        if type(field) in PLAIN:
            return lambda value, connection: value
        if hole.is_saved:
            return cast(Callable[..., Any], field.get_db_prep_save)
        return lambda value, connection: field.get_db_prep_value(field.get_prep_value(value), connection, prepared=True)

    def fill(self, alias: str, where: Values, saved: Values) -> list[Any]:
        """The parameters: for each hole its value, converted by the model's field as Django does it."""
        filled, connection = [], connections[alias]
        for item, convert in self.params:
            if convert:
                value = (saved if item.is_saved else where)[item.name]
                value = value if item.index is None else value[item.index]
                item = convert(value.pk if isinstance(value, models.Model) else value, connection)
            filled.append(item)
        return filled

    def rows(self, alias: str, where: Values) -> list[list[Any]]:
        """Run a SELECT: its rows, with values as the model has them."""
        connection = connections[alias]
        with connection.cursor() as cursor:
            cursor.execute(self.sql, self.fill(alias, where, {}))
            rows = [list(row) for row in cursor.fetchall()]
        for position, column in self.converted:
            converters = connection.ops.get_db_converters(column) + column.get_db_converters(connection)
            for row in rows:
                for convert in converters:
                    row[position] = convert(row[position], column, connection)
        return rows


def selects_all(manager: Any) -> bool:
    """Whether the manager is Django's own in what it selects: another one may select anew at each call."""
    own = type(manager).get_queryset is models.Manager.get_queryset
    return own and manager._queryset_class is models.QuerySet


_kept: dict[Hashable, Statement] = {}


def _keep(alias: str, key: Hashable, make: Callable[[], Query]) -> Statement:
    statement = _kept.get((alias, key))
    if statement is None:
        statement = _kept[alias, key] = Statement(make(), alias)
    return statement


def _shape(values: Values) -> tuple[tuple[str, int | None], ...]:
    """What the SQL depends on: names, and how long the lists are."""
    return tuple([(name, len(value) if isinstance(value, list) else None) for name, value in values.items()])


def _holes(values: Values, *, is_saved: bool = False) -> dict[str, Any]:
    return {
        name: models.Value(Hole(name, is_saved))
        if length is None
        else [models.Value(Hole(name, is_saved, index)) for index in range(length)]
        for name, length in _shape(values)
    }


def fetch(
    alias: str,
    model: type[AnyModel],
    build: Callable[[dict[str, Any]], "models.QuerySet[AnyModel]"],
    where: Values,
    *depends_on: Hashable,
    joined: str | None = None,
) -> list[AnyModel]:
    """The objects of the queryset `build(where)`, with those that the foreign key `joined` leads to.

    `build` is called once for all values of `where`, with holes in their place; what else its queryset
    depends on is in `depends_on`. It defers no columns.
    """

    def make() -> Query:
        queryset = build(_holes(where))
        return (queryset.select_related(joined) if joined else queryset).query

    statement = _keep(alias, (fetch, model, _shape(where), joined, *depends_on), make)
    return [_object(alias, model, row, joined) for row in statement.rows(alias, where)]


@cache
def _columns(model: type[models.Model]) -> list[str]:
    return [field.attname for field in model._meta.concrete_fields]


def _object(alias: str, model: type[AnyModel], row: list[Any], joined: str | None) -> AnyModel:
    names = _columns(model)
    found = model.from_db(alias, names, row[: len(names)])
    if joined:
        relation: Any = model._meta.get_field(joined)
        is_there = getattr(found, relation.attname) is not None
        other = _object(alias, relation.related_model, row[len(names) :], None) if is_there else None
        relation.set_cached_value(found, other)
    return found


def _write(alias: str, write: Callable[[], T]) -> T:
    """What a statement that writes gives; in autocommit, where one that fails undoes itself, it is tried twice.

    Who has lost a deadlock finds now what the winner wrote. Raises OperationalError where the database cannot write:
    a disk that was full still is.
    """
    with transaction.mark_for_rollback_on_error(alias):
        try:
            return write()
        except OperationalError:
            if not transaction.get_autocommit(alias):  # a transaction, in which nothing can be written again
                raise
        return write()


def update(alias: str, model: type[models.Model], where: Values, saved: Values, *, counted: str = "") -> int:
    """Change the rows that fit `where`, and add one to their column `counted`; how many there were."""

    def make() -> Query:
        query = cast(UpdateQuery, model._base_manager.filter(**_holes(where)).query.chain(UpdateQuery))
        one_more = {counted: models.F(counted) + 1} if counted else {}
        query.add_update_values({**_holes(saved, is_saved=True), **one_more})
        return query

    statement = _keep(alias, (update, model, _shape(where), _shape(saved), counted), make)

    def write() -> int:
        with connections[alias].cursor() as cursor:
            cursor.execute(statement.sql, statement.fill(alias, where, saved))
            count: int = cursor.rowcount
        return count

    return _write(alias, write)


def insert(alias: str, row: models.Model) -> None:
    """Write a new row, with the key that the database gives; no signals are sent."""
    model = type(row)
    fields = [field for field in model._meta.concrete_fields if field is not model._meta.auto_field]
    saved = {field.attname: getattr(row, field.attname) for field in fields}

    def make() -> Query:
        query = InsertQuery(model)
        query.insert_values(fields, [model(**_holes(saved, is_saved=True))])
        return query

    statement = _keep(alias, (insert, model), make)
    compiler: Any = statement.query.get_compiler(using=alias)
    compiler.as_sql = lambda: [(statement.sql, statement.fill(alias, {}, saved))]
    ((row.pk,),) = _write(alias, lambda: compiler.execute_sql(model._meta.db_returning_fields))
    row._state.adding, row._state.db = False, alias
