"""Each function of the allow-list, said in DuckDB: by the same name, another name, a macro of ours, or a rewrite of the call.

`tools/sql/engines/macros.py` holds the macros. The guard has checked the names before; one that stands nowhere here is refused
all the same.
"""

from sqlglot import exp

from ..errors import QueryRefused
from .aggregates import AGGREGATE_REWRITES
from .casts import CAST_REWRITES
from .engines.macros import MACROS
from .functions import FUNCTIONS, TABLES
from .lambdas import LAMBDA_REWRITES
from .nodes import Rewrite, call
from .scalars import SCALAR_REWRITES
from .times import TIME_REWRITES

_RENAMED = {
    "any": "bool_or",
    "array_append": "list_append",
    "array_max": "list_max",
    "array_min": "list_min",
    "btrim": "trim",
    "char_length": "length",
    "character_length": "length",
    "endswith": "ends_with",
    "every": "bool_and",
    "ifnull": "coalesce",
    "lcase": "lower",
    "len": "length",
    "map_contains_key": "map_contains",
    "map_from_arrays": "map",
    "max_by": "arg_max_null",
    "mean": "avg",
    "min_by": "arg_min_null",
    "nvl": "coalesce",
    "octet_length": "strlen",
    "power": "pow",
    "regexp": "regexp_matches",
    "regexp_like": "regexp_matches",
    "rlike": "regexp_matches",
    "sha": "sha1",
    "signum": "sign",
    "some": "bool_or",
    "startswith": "starts_with",
    "std": "stddev",
    "try_avg": "avg",
    "try_sum": "sum",
}

_OTHER_MACRO = {
    "ceiling": "ceil",
    "char": "chr",
    "charindex": "locate",
    "position": "locate",
    "substr": "substring",
    "ucase": "upper",
}

_REWRITES: dict[str, Rewrite] = {
    **AGGREGATE_REWRITES,
    **CAST_REWRITES,
    **LAMBDA_REWRITES,
    **SCALAR_REWRITES,
    **TIME_REWRITES,
}


def rewrite_call(node: exp.Anonymous) -> exp.Expr:
    """One call, said in DuckDB. Its arguments have been rewritten before.

    Raises:
        QueryRefused: This use of the function has no equal in DuckDB.
    """
    name = str(node.this).lower()
    if name in TABLES:
        return node  # the SELECT they stand in rewrites them
    if name in _REWRITES:
        try:
            return _REWRITES[name](node)
        except ValueError as error:
            raise QueryRefused(f"{name} doesn't take {len(node.expressions)} arguments like these here.") from error
    if name in MACROS or name in _OTHER_MACRO:
        return call(f"spark_{_OTHER_MACRO.get(name, name)}", *node.expressions)
    if name in FUNCTIONS:
        return call(_RENAMED.get(name, name), *node.expressions)
    raise QueryRefused(f"The function {name!r} is not allowed.")
