"""What a PromQL query is made of, read from its tree."""

from __future__ import annotations

import re
from collections.abc import Iterator

from promql_parser import (
    AggModifierType,
    AggregateExpr,
    BinaryExpr,
    Call,
    Expr,
    MatrixSelector,
    NumberLiteral,
    ParenExpr,
    SubqueryExpr,
    UnaryExpr,
    VectorSelector,
    parse,
)

from dashboards.query import GAP

COUNTS_RESETS = {"rate", "increase"}


def selectors(expr: Expr) -> Iterator[VectorSelector]:
    """Every selector in it."""
    if isinstance(expr, VectorSelector):
        yield expr
    for child in _children(expr):
        yield from selectors(child)


def labels(expr: Expr) -> set[str] | None:
    """The labels that the result has; `None`: all that the series have."""
    match expr:
        case AggregateExpr():
            modifier = expr.modifier
            if modifier is None:
                return set()
            return set(modifier.labels) if modifier.type == AggModifierType.By else None
        case BinaryExpr():
            return labels(expr.rhs) if isinstance(expr.lhs, NumberLiteral) else labels(expr.lhs)
        case Call() if expr.func.name == "histogram_quantile":
            inner = labels(expr.args[1])
            return None if inner is None else inner - {"le"}
        case ParenExpr():
            return labels(expr.expr)
        case _:
            return None


def groups(expr: Expr) -> Iterator[tuple[set[str], list[VectorSelector]]]:
    """The labels of each aggregation, with the selectors that it aggregates."""
    if isinstance(expr, AggregateExpr):
        yield labels(expr) or set(), list(selectors(expr.expr))
    for child in _children(expr):
        yield from groups(child)


def naked(expr: Expr) -> Iterator[str]:
    """Selectors whose value of that moment counts: in no `rate`, no difference to an earlier moment, no `group`."""
    match expr:
        case VectorSelector():
            yield expr.name or ""
        case Call() if expr.func.name in COUNTS_RESETS:
            pass
        case AggregateExpr() if str(expr.op) == "group":
            pass
        case BinaryExpr() if _is_difference(expr):
            pass
        case BinaryExpr() if str(expr.op) in {"and", "unless"}:  # the right side says only what is there
            yield from naked(expr.lhs)
        case _:
            for child in _children(expr):
                yield from naked(child)


def _is_difference(expr: BinaryExpr) -> bool:
    """`now - (before or now * 0)`, where `before` is the last value some time ago, of the same series."""
    if str(expr.op) != "-":
        return False
    last, now, before = expr.lhs.prettify(), *(next(selectors(side)) for side in (expr.lhs, expr.rhs))
    same = (before.name, str(before.matchers)) == (now.name, str(now.matchers))
    shape = parse(f"(last_over_time({now}[{GAP}] offset 6d) or {last} * 0)").prettify()
    found = re.sub(r"offset \w+", "offset 6d", expr.rhs.prettify())
    return same and before.offset is not None and found == shape


def _children(expr: Expr) -> list[Expr]:
    match expr:
        case AggregateExpr() | ParenExpr() | SubqueryExpr() | UnaryExpr():
            return [expr.expr]
        case BinaryExpr():
            return [expr.lhs, expr.rhs]
        case Call():
            return list(expr.args)
        case MatrixSelector():
            return [expr.vector_selector]
        case _:
            return []
