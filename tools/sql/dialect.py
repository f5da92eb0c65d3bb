"""From the Databricks dialect to DuckDB's: one query, already checked by the guard, said so that it means the same.

sqlglot parses and prints; it isn't trusted with functions, many of which it carries over with another meaning. So the parser here
leaves each call as it was written, and `tools/sql/rewrites.py` says each function of the allow-list in DuckDB; this file does the
same for operators and clauses. Where nothing in DuckDB means the same, the query is refused, never answered differently.

Known differences from Databricks, on purpose: division by zero and an index beyond an array give NULL instead of an error;
`approx_percentile` and `approx_count_distinct` are exact; collect_set is sorted; decimals come out as doubles.
"""

import re
from collections.abc import Callable
from itertools import groupby
from typing import Any, ClassVar

from sqlglot import Token, TokenType, exp
from sqlglot.dialects.databricks import Databricks
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.errors import ErrorLevel, ParseError, TokenError, UnsupportedError
from sqlglot.generators.databricks import DatabricksGenerator
from sqlglot.generators.duckdb import DuckDBGenerator
from sqlglot.parsers.databricks import DatabricksParser

from ..errors import QueryRefused
from .aggregates import take_smallest, take_together
from .calls import rewrite_call
from .casts import to_type
from .laterals import is_generator, rewrite_generators
from .nodes import call
from .times import extract_part

_SPECIAL_SYNTAX = frozenset({"CAST", "TRY_CAST", "EXTRACT", "POSITION", "SUBSTRING", "TRIM"})
_OFFSET = re.compile(r"\d{4}-\d\d?-\d\d?[ T]\d\d?:\d\d.*[+-]\d\d?:?\d\d$")
_BEGINNINGS = frozenset({TokenType.SELECT, TokenType.WITH, TokenType.FROM, TokenType.L_PAREN})
_LONGEST_QUERY = 200_000


class AsWritten(Databricks):
    """Databricks, except that every function call keeps its name and arguments."""

    class Parser(DatabricksParser):  # noqa: D106 - sqlglot finds it by this name
        FUNCTIONS: ClassVar[dict[str, Any]] = {}
        FUNCTION_PARSERS: ClassVar[dict[str, Any]] = {
            name: parser for name, parser in DatabricksParser.FUNCTION_PARSERS.items() if name in _SPECIAL_SYNTAX
        }
        NO_PAREN_FUNCTION_PARSERS: ClassVar[dict[str, Any]] = {
            name: parser for name, parser in DatabricksParser.NO_PAREN_FUNCTION_PARSERS.items() if name in {"CASE", "IF"}
        }

    class Generator(DatabricksGenerator):  # noqa: D106 - sqlglot finds it by this name
        # A WITH inside of another stays there: moved to the top, its names would meet those of others.
        EXPRESSIONS_WITHOUT_NESTED_CTES: ClassVar[set[type[exp.Expr]]] = set()


class _DuckDBText(DuckDB):
    """DuckDB, with IGNORE NULLS where DuckDB wants it: behind the arguments, whatever the function."""

    class Generator(DuckDBGenerator):
        def ignorenulls_sql(self, expression: exp.IgnoreNulls) -> str:
            return f"{self.sql(expression, 'this')} IGNORE NULLS"


def parse_query(sql: str) -> exp.Query:
    """The one SELECT that a text holds.

    Raises:
        QueryRefused: It isn't SQL, isn't one statement, or isn't a SELECT.
    """
    if len(sql) > _LONGEST_QUERY:
        raise QueryRefused(f"The query has {len(sql):,} characters, more than {_LONGEST_QUERY:,}: write it shorter.")
    dialect = AsWritten()
    try:
        tokens = _one_statement(dialect.tokenize(sql))
        statement = dialect.parser().parse(tokens, sql)[0]
    except (ParseError, TokenError) as error:
        raise QueryRefused(f"This is not SQL in the Databricks dialect: {_first_line(error)}") from error
    except RecursionError as error:
        raise QueryRefused("The query is nested too deeply: split it into common table expressions.") from error
    if not isinstance(statement, exp.Query):
        raise QueryRefused("Only SELECT is allowed: write one SELECT, WITH in front where needed.")
    return statement


def _one_statement(tokens: list[Token]) -> list[Token]:
    """The tokens of the only statement, which begins as a SELECT may begin."""
    statements = [
        list(group) for is_end, group in groupby(tokens, key=lambda token: token.token_type == TokenType.SEMICOLON) if not is_end
    ]
    if len(statements) != 1:
        raise QueryRefused(f"The text holds {len(statements)} statements: write exactly one SELECT.")
    first = statements[0][0]
    if first.token_type not in _BEGINNINGS:
        raise QueryRefused(
            f"Only SELECT is allowed, not {first.text.split()[0].upper()}: write one SELECT, WITH in front where needed."
        )
    return statements[0]


def translate(query: exp.Query) -> str:
    """The query in DuckDB's dialect.

    Args:
        query: What the guard let through; it is left as it is.

    Raises:
        QueryRefused: Something in it can't be said in DuckDB with the same meaning.
    """
    tree = query.copy()
    name_columns(tree)
    take_smallest(tree)
    take_together(tree)
    for node in reversed(list(tree.walk(bfs=True))):
        rewrite = _REWRITES.get(type(node))
        if rewrite is not None:
            _put(node, rewrite(node))
    try:
        return tree.sql(dialect=_DuckDBText, identify=True, comments=False, unsupported_level=ErrorLevel.RAISE)
    except UnsupportedError as error:
        raise QueryRefused(f"This can't be answered here: {_first_line(error)}") from error


def _put(node: exp.Expr, new: exp.Expr) -> None:
    if new is not node:
        node.replace(new)


def name_columns(tree: exp.Query) -> None:
    """Gives each nameless column of the result the text it was written as, so that our own names don't show; in place."""
    select = tree
    while isinstance(select, exp.SetOperation | exp.Subquery):
        select = select.this
    for projection in select.expressions if isinstance(select, exp.Select) else ():
        if not isinstance(projection, exp.Alias | exp.Column | exp.Dot | exp.Star) and not is_generator(projection):
            text = projection.sql(dialect=AsWritten, comments=False, normalize_functions=False)
            projection.replace(exp.alias_(projection.copy(), text[:60], quoted=True))


def _rewrite_select(node: exp.Select) -> exp.Expr:
    rewrite_generators(node)
    return node


def _rewrite_cast(node: exp.Cast) -> exp.Expr:
    return to_type(node.this, node.to, strict=not isinstance(node, exp.TryCast))


def _rewrite_like(node: exp.Like | exp.ILike) -> exp.Expr:
    """Backslash escapes in Databricks and doesn't in DuckDB; without one, plain LIKE is the faster."""
    pattern = node.expression
    if isinstance(node.parent, exp.Escape):
        return node
    if isinstance(pattern, exp.Any | exp.All | exp.Tuple):
        if any("\\" in literal.name for literal in pattern.find_all(exp.Literal)):
            raise QueryRefused("LIKE ANY and LIKE ALL with an escaped pattern: write them as OR and AND of single LIKEs.")
        return node
    if isinstance(pattern, exp.Literal) and "\\" not in pattern.name:
        return node
    return exp.Escape(this=node.copy(), expression=exp.Literal.string("\\"))


def _rewrite_bracket(node: exp.Bracket) -> exp.Expr:
    """`map['key']` stays; `array[i]` counts from 0 there and from 1 here."""
    key = node.expressions[0]
    if isinstance(key, exp.Literal) and key.is_string:
        return node
    if isinstance(key, exp.Literal | exp.Neg | exp.Add | exp.Sub):
        return call("spark_get", node.this, key)
    text = node.sql(dialect=AsWritten)
    raise QueryRefused(f"{text!r}: write element_at(map, key) for a map, get(array, index) for an array.")


def _rewrite_regexp_like(node: exp.RegexpLike) -> exp.Expr:
    return call("regexp_matches", node.this, node.expression)


def _rewrite_int_div(node: exp.IntDiv) -> exp.Expr:
    return call("spark_div", node.this, node.expression)


def _rewrite_substring(node: exp.Substring) -> exp.Expr:
    arguments = [node.this, node.args.get("start") or exp.Literal.number(1), node.args.get("length")]
    return call("spark_substring", *[argument for argument in arguments if argument is not None])


def _rewrite_position(node: exp.StrPosition) -> exp.Expr:
    return call("spark_locate", node.args["substr"], node.this)


def _rewrite_extract(node: exp.Extract) -> exp.Expr:
    return extract_part(node.name, node.expression)


def _rewrite_group(node: exp.Group) -> exp.Expr:
    """`GROUP BY a WITH ROLLUP` is `GROUP BY ROLLUP (a)`; columns before GROUPING SETS mean different things to engines."""
    for kind in ("rollup", "cube"):
        bare = [part for part in node.args.get(kind) or () if not part.expressions]
        if bare and node.expressions:
            bare[0].set("expressions", [part.copy() for part in node.expressions])
            node.set("expressions", [])
    if node.args.get("grouping_sets") and node.expressions:
        raise QueryRefused("GROUP BY columns beside GROUPING SETS: write the columns inside each set.")
    return node


def _rewrite_literal(node: exp.Literal) -> exp.Expr:
    if node.is_string and _OFFSET.fullmatch(node.name):
        raise QueryRefused(f"{node.name!r} has an offset from UTC: times here are UTC, write the instant in UTC without one.")
    return node


def _first_line(error: Exception) -> str:
    text = re.sub(r"\x1b\[\d+m", "", str(error)).strip()
    return " ".join(text.split())[:300]


_REWRITES: dict[type[exp.Expr], Callable[[Any], exp.Expr]] = {
    exp.Anonymous: rewrite_call,
    exp.Select: _rewrite_select,
    exp.Cast: _rewrite_cast,
    exp.TryCast: _rewrite_cast,
    exp.Like: _rewrite_like,
    exp.ILike: _rewrite_like,
    exp.Bracket: _rewrite_bracket,
    exp.RegexpLike: _rewrite_regexp_like,
    exp.IntDiv: _rewrite_int_div,
    exp.Substring: _rewrite_substring,
    exp.StrPosition: _rewrite_position,
    exp.Extract: _rewrite_extract,
    exp.Group: _rewrite_group,
    exp.Literal: _rewrite_literal,
}
