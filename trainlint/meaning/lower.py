"""LibCST's tree into the slim syntax, one table look-up per node."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import libcst as cst

from trainlint.meaning import syntax as s

if TYPE_CHECKING:
    from trainlint.meaning.unit import Unit

_BINARY: dict[type, str] = {
    cst.Add: "+", cst.Subtract: "-", cst.Multiply: "*", cst.Divide: "/", cst.FloorDivide: "//",
    cst.Modulo: "%", cst.Power: "**", cst.MatrixMultiply: "@", cst.BitAnd: "&", cst.BitOr: "|",
    cst.BitXor: "^", cst.LeftShift: "<<", cst.RightShift: ">>", cst.And: "and", cst.Or: "or",
    cst.AddAssign: "+", cst.SubtractAssign: "-", cst.MultiplyAssign: "*", cst.DivideAssign: "/",
    cst.FloorDivideAssign: "//", cst.ModuloAssign: "%", cst.PowerAssign: "**", cst.MatrixMultiplyAssign: "@",
    cst.BitAndAssign: "&", cst.BitOrAssign: "|", cst.BitXorAssign: "^", cst.LeftShiftAssign: "<<",
    cst.RightShiftAssign: ">>", cst.Not: "not", cst.Minus: "-", cst.Plus: "+", cst.BitInvert: "~",
    cst.Equal: "==", cst.NotEqual: "!=", cst.LessThan: "<", cst.LessThanEqual: "<=", cst.GreaterThan: ">",
    cst.GreaterThanEqual: ">=", cst.In: "in", cst.NotIn: "not in", cst.Is: "is", cst.IsNot: "is not",
}  # fmt: skip

_CONSTANTS = {"None": None, "True": True, "False": False}


class Lowering:
    """Lowers the nodes of one file, keeping the words and assigned names of the block at hand."""

    __slots__ = ("assigned", "unit", "words")

    def __init__(self, unit: Unit) -> None:
        self.unit = unit
        self.words: set[str] = set()
        self.assigned: set[str] = set()

    # Blocks and statements

    def block(self, body: Iterable[cst.CSTNode]) -> s.Block:
        words, assigned = self.words, self.assigned
        self.words, self.assigned = set(), set()
        statements: list[s.Statement] = []
        for node in body:
            if type(node) is cst.SimpleStatementLine:
                for small in node.body:
                    self.statement(small, statements)
            else:
                self.statement(node, statements)
        block = s.Block(tuple(statements), frozenset(self.assigned), frozenset(self.words))
        words |= self.words
        assigned |= self.assigned
        self.words, self.assigned = words, assigned
        return block

    def nested(self, lower: Callable[[], s.Statement]) -> s.Block:
        """A block of one statement that is not written as such."""
        words, assigned = self.words, self.assigned
        self.words, self.assigned = set(), set()
        block = s.Block((lower(),), frozenset(self.assigned), frozenset(self.words))
        words |= self.words
        assigned |= self.assigned
        self.words, self.assigned = words, assigned
        return block

    def suite(self, suite: cst.BaseSuite) -> s.Block:
        return self.block(suite.body)

    def statement(self, node: cst.CSTNode, into: list[s.Statement]) -> None:
        lower = _STATEMENTS.get(type(node))
        if lower is not None:
            lowered = lower(self, node)
            if lowered is not None:
                into.append(lowered)

    def target(self, node: cst.CSTNode) -> s.Expression:
        target = self.expression(node)
        self.bind(target)
        return target

    def bind(self, target: s.Expression) -> None:
        match target:
            case s.Name(id=name):
                self.assigned.add(name)
            case s.Display(items=items):
                for item in items:
                    self.bind(item)
            case s.Star(value=value):
                self.bind(value)

    # Expressions

    def expression(self, node: cst.CSTNode) -> s.Expression:
        lower = _EXPRESSIONS.get(type(node))
        return lower(self, node) if lower is not None else s.Opaque(node, self.unit)

    def optional(self, node: cst.CSTNode | None) -> s.Expression | None:
        return None if node is None else self.expression(node)

    def parameters(self, node: cst.Parameters) -> tuple[s.Parameter, ...]:
        found: list[s.Parameter] = []
        for group, keyword_only in ((node.posonly_params, False), (node.params, False)):
            found += [self.parameter(p, "", keyword_only) for p in group]
        if isinstance(node.star_arg, cst.Param):
            found.append(self.parameter(node.star_arg, "*", False))
        found += [self.parameter(p, "", True) for p in node.kwonly_params]
        if node.star_kwarg is not None:
            found.append(self.parameter(node.star_kwarg, "**", False))
        return tuple(found)

    def parameter(self, node: cst.Param, star: str, keyword_only: bool) -> s.Parameter:
        annotation = node.annotation.annotation if node.annotation is not None else None
        return s.Parameter(
            node.name.value, self.optional(annotation), self.optional(node.default), star, keyword_only
        )


def lower_module(unit: Unit) -> s.Block:
    """The statements of a file."""
    return Lowering(unit).block(unit.source.body)


def dotted(node: cst.CSTNode | None) -> str:
    """`a.b.c` of a name or attribute chain as written in an import."""
    parts: list[str] = []
    while isinstance(node, cst.Attribute):
        parts.append(node.attr.value)
        node = node.value
    if isinstance(node, cst.Name):
        parts.append(node.value)
    return ".".join(reversed(parts))


# Statements


def _assign(self: Lowering, node: Any) -> s.Statement:
    value = self.expression(node.value)
    return s.Assign(node, self.unit, tuple(self.target(t.target) for t in node.targets), value)


def _annotated(self: Lowering, node: Any) -> s.Statement:
    annotation = self.expression(node.annotation.annotation)
    return s.Assign(node, self.unit, (self.target(node.target),), self.optional(node.value), annotation)


def _augment(self: Lowering, node: Any) -> s.Statement:
    operator = _BINARY.get(type(node.operator), "?")
    return s.Augment(node, self.unit, self.target(node.target), operator, self.expression(node.value))


def _evaluate(self: Lowering, node: Any) -> s.Statement:
    return s.Evaluate(node, self.unit, self.expression(node.value))


def _otherwise(self: Lowering, node: Any) -> s.Block:
    if node is None:
        return s.Block((), frozenset(), frozenset())
    if type(node) is cst.If:
        return self.block([node])
    return self.suite(node.body)


def _if(self: Lowering, node: Any) -> s.Statement:
    return s.If(
        node, self.unit, self.expression(node.test), self.suite(node.body), _otherwise(self, node.orelse)
    )


def _for(self: Lowering, node: Any) -> s.Statement:
    iterable, target = self.expression(node.iter), self.target(node.target)
    return s.For(node, self.unit, target, iterable, self.suite(node.body), _otherwise(self, node.orelse))


def _while(self: Lowering, node: Any) -> s.Statement:
    test = self.expression(node.test)
    return s.While(node, self.unit, test, self.suite(node.body), _otherwise(self, node.orelse))


def _with(self: Lowering, node: Any) -> s.Statement:
    items = tuple(
        (self.expression(i.item), None if i.asname is None else self.target(i.asname.name))
        for i in node.items
    )
    return s.With(node, self.unit, items, self.suite(node.body))


def _try(self: Lowering, node: Any) -> s.Statement:
    handlers = []
    for handler in node.handlers:
        name = (
            handler.name.name.value
            if handler.name is not None and type(handler.name.name) is cst.Name
            else None
        )
        handlers.append((name, self.suite(handler.body)))
    return s.Try(
        node,
        self.unit,
        self.suite(node.body),
        tuple(handlers),
        _otherwise(self, node.orelse),
        _otherwise(self, node.finalbody),
    )


def _match(self: Lowering, node: Any) -> s.Statement:
    asked = [_literals(case.pattern) for case in node.cases]
    if None not in asked[:-1] and all(case.guard is None for case in node.cases):
        last = node.cases[-1]
        if asked[-1] is not None or _is_wildcard(last.pattern):
            return _compared(self, node, list(zip(node.cases, asked, strict=True)))
    cases = tuple(self.suite(case.body) for case in node.cases)
    exhaustive = any(isinstance(c.pattern, cst.MatchAs) and c.pattern.pattern is None for c in node.cases)
    return s.Match(node, self.unit, self.expression(node.subject), cases, exhaustive)


def _literals(pattern: Any) -> list[Any] | None:
    """The values of `case "a" | "b":`, None where a pattern is more than that."""
    match pattern:
        case cst.MatchValue(value=value):
            return [value]
        case cst.MatchOr(patterns=elements):
            found = [_literals(element.pattern) for element in elements]
            return [v for values in found for v in values or ()] if None not in found else None
    return None


def _is_wildcard(pattern: Any) -> bool:
    return isinstance(pattern, cst.MatchAs) and pattern.pattern is None and pattern.name is None


def _compared(self: Lowering, node: Any, cases: list[tuple[Any, list[Any] | None]]) -> s.Statement:
    """A `match` over plain values is a chain of `if` and `elif`."""
    (case, values), *others = cases
    assert values is not None
    subject, given = self.expression(node.subject), tuple(self.expression(value) for value in values)
    several = s.Display(case.pattern, self.unit, "tuple", given)
    asked = ("==", given[0]) if len(given) == 1 else ("in", several)
    test = s.Comparison(case.pattern, self.unit, subject, (asked,))
    body = self.suite(case.body)
    if not others:
        return s.If(node, self.unit, test, body, s.Block((), frozenset(), frozenset()))
    if others[0][1] is None:
        return s.If(node, self.unit, test, body, self.suite(others[0][0].body))
    return s.If(node, self.unit, test, body, self.nested(lambda: _compared(self, node, others)))


def _return(self: Lowering, node: Any) -> s.Statement:
    return s.Return(node, self.unit, self.optional(node.value))


def _jump(kind: str) -> Callable[[Lowering, Any], s.Statement]:
    return lambda self, node: s.Jump(node, self.unit, kind)


def _assert(self: Lowering, node: Any) -> s.Statement | None:
    """`assert False`: nothing comes behind it. Of other assertions only what the machine must have is kept."""
    if type(node.test) is cst.Name and node.test.value == "False":
        return s.Jump(node, self.unit, "raise")
    if not _asks_for_a_gpu(node.test):
        return None
    nothing = frozenset[str]()
    stop = s.Block((s.Jump(node, self.unit, "raise"),), nothing, nothing)
    return s.If(node, self.unit, self.expression(node.test), s.Block((), nothing, nothing), stop)


def _asks_for_a_gpu(test: cst.BaseExpression) -> bool:
    """`torch.cuda.is_available()`."""
    called = test.func if type(test) is cst.Call else None
    return type(called) is cst.Attribute and called.attr.value == "is_available"


def _delete(self: Lowering, node: Any) -> s.Statement:
    target = node.target
    if type(target) is cst.Tuple:
        return s.Delete(node, self.unit, tuple(self.expression(e.value) for e in target.elements))
    return s.Delete(node, self.unit, (self.expression(target),))


def _declare(kind: str) -> Callable[[Lowering, Any], s.Statement]:
    return lambda self, node: s.Declare(node, self.unit, kind, tuple(n.name.value for n in node.names))


def _alias(alias: Any) -> str | None:
    return (
        alias.asname.name.value if alias.asname is not None and type(alias.asname.name) is cst.Name else None
    )


def _import(self: Lowering, node: Any) -> s.Statement:
    names = tuple((dotted(alias.name), _alias(alias)) for alias in node.names)
    self.assigned.update(alias or name.partition(".")[0] for name, alias in names)
    return s.Import(node, self.unit, names)


def _import_from(self: Lowering, node: Any) -> s.Statement:
    names = None
    if not isinstance(node.names, cst.ImportStar):
        names = tuple((dotted(alias.name), _alias(alias)) for alias in node.names)
        self.assigned.update(alias or name for name, alias in names)
    return s.ImportFrom(node, self.unit, dotted(node.module), len(node.relative), names)


def _define(self: Lowering, node: Any) -> s.Statement:
    self.assigned.add(node.name.value)
    unit, body, parameters = self.unit, node.body, node.params
    return s.Define(
        node,
        unit,
        node.name.value,
        lambda: Lowering(unit).parameters(parameters),
        tuple(self.expression(d.decorator) for d in node.decorators),
        lambda: Lowering(unit).suite(body),
        node.asynchronous is not None,
    )


def _define_class(self: Lowering, node: Any) -> s.Statement:
    self.assigned.add(node.name.value)
    inner = Lowering(self.unit)  # a class body's names are not the surrounding block's
    body = inner.suite(node.body)
    self.words |= inner.words
    return s.DefineClass(
        node,
        self.unit,
        node.name.value,
        tuple(self.expression(a.value) for a in node.bases if not a.star),
        tuple((a.keyword.value, self.expression(a.value)) for a in node.keywords if a.keyword is not None),
        tuple(self.expression(d.decorator) for d in node.decorators),
        body,
    )


_STATEMENTS: dict[type, Callable[[Lowering, Any], s.Statement | None]] = {
    cst.Assign: _assign,
    cst.AnnAssign: _annotated,
    cst.AugAssign: _augment,
    cst.Expr: _evaluate,
    cst.If: _if,
    cst.For: _for,
    cst.While: _while,
    cst.With: _with,
    cst.Try: _try,
    cst.TryStar: _try,
    cst.Match: _match,
    cst.Return: _return,
    cst.Break: _jump("break"),
    cst.Continue: _jump("continue"),
    cst.Raise: _jump("raise"),
    cst.Assert: _assert,
    cst.Del: _delete,
    cst.Global: _declare("global"),
    cst.Nonlocal: _declare("nonlocal"),
    cst.Import: _import,
    cst.ImportFrom: _import_from,
    cst.FunctionDef: _define,
    cst.ClassDef: _define_class,
}


# Expressions


def _name(self: Lowering, node: Any) -> s.Expression:
    name = node.value
    if name in _CONSTANTS:
        return s.Literal(node, self.unit, _CONSTANTS[name])
    self.words.add(name)
    return s.Name(node, self.unit, name)


def _attribute(self: Lowering, node: Any) -> s.Expression:
    self.words.add(node.attr.value)
    return s.Attribute(node, self.unit, self.expression(node.value), node.attr.value)


def _call(self: Lowering, node: Any) -> s.Expression:
    expression = self.expression
    arguments = tuple(
        s.Argument(a, expression(a.value), None if a.keyword is None else a.keyword.value, a.star)
        for a in node.args
    )
    return s.Call(node, self.unit, expression(node.func), arguments)


def _number(self: Lowering, node: Any) -> s.Expression:
    written = node.value
    try:
        if written.isdecimal() and (written[0] != "0" or written == "0"):
            return s.Literal(
                node, self.unit, int(written)
            )  # most numbers are; Python's compiler takes longer
        return s.Literal(node, self.unit, ast.literal_eval(written))
    except (ValueError, SyntaxError, MemoryError):
        return s.Opaque(node, self.unit)


def text_value(literal: str) -> str | bytes | None:
    """What a string literal reads."""
    if literal[:1] in "\"'" and "\\" not in literal:
        return literal[3:-3] if literal[:3] in ('"""', "'''") and len(literal) >= 6 else literal[1:-1]
    try:
        value = ast.literal_eval(literal)
    except (ValueError, SyntaxError, MemoryError):
        return None
    return value if isinstance(value, (str, bytes)) else None


def _string(self: Lowering, node: Any) -> s.Expression:
    return s.Literal(node, self.unit, text_value(node.value))


def _joined(self: Lowering, node: Any) -> s.Expression:
    left, right = self.expression(node.left), self.expression(node.right)
    if isinstance(left, s.Literal) and isinstance(right, s.Literal) and isinstance(left.value, str):
        return s.Literal(node, self.unit, left.value + right.value if isinstance(right.value, str) else None)
    return s.Format(node, self.unit, (left, right), True)


def _formatted(self: Lowering, node: Any) -> s.Expression:
    parts: list[s.Expression] = []
    plain = True
    for part in node.parts:
        if type(part) is cst.FormattedStringExpression:
            parts.append(self.expression(part.expression))
            plain = plain and not (part.conversion or part.format_spec or part.equal)
        elif any(mark in part.value for mark in "\\{}"):
            plain = False
        else:
            parts.append(s.Literal(part, self.unit, part.value))
    return s.Format(node, self.unit, tuple(parts), plain)


def _elements(self: Lowering, elements: Sequence[Any]) -> tuple[s.Expression, ...]:
    return tuple(
        s.Star(e, self.unit, self.expression(e.value))
        if type(e) is cst.StarredElement
        else self.expression(e.value)
        for e in elements
    )


def _display(kind: str) -> Callable[[Lowering, Any], s.Expression]:
    return lambda self, node: s.Display(node, self.unit, kind, _elements(self, node.elements))


def _dict(self: Lowering, node: Any) -> s.Expression:
    pairs: list[tuple[s.Expression | None, s.Expression]] = []
    for element in node.elements:
        if type(element) is cst.StarredDictElement:
            pairs.append((None, self.expression(element.value)))
        else:
            pairs.append((self.expression(element.key), self.expression(element.value)))
    return s.DictDisplay(node, self.unit, tuple(pairs))


def _binary(self: Lowering, node: Any) -> s.Expression:
    operator = _BINARY.get(type(node.operator), "?")
    return s.Binary(node, self.unit, operator, self.expression(node.left), self.expression(node.right))


def _boolean(self: Lowering, node: Any) -> s.Expression:
    operator = _BINARY.get(type(node.operator), "?")
    return s.Boolean(node, self.unit, operator, self.expression(node.left), self.expression(node.right))


def _unary(self: Lowering, node: Any) -> s.Expression:
    operator, operand = _BINARY.get(type(node.operator), "?"), self.expression(node.expression)
    if operator == "-" and isinstance(operand, s.Literal) and type(operand.value) in (int, float):
        return s.Literal(node, self.unit, -operand.value)
    return s.Unary(node, self.unit, operator, operand)


def _comparison(self: Lowering, node: Any) -> s.Expression:
    rest = tuple(
        (_BINARY.get(type(c.operator), "?"), self.expression(c.comparator)) for c in node.comparisons
    )
    return s.Comparison(node, self.unit, self.expression(node.left), rest)


def _conditional(self: Lowering, node: Any) -> s.Expression:
    return s.Conditional(
        node, self.unit, self.expression(node.test), self.expression(node.body), self.expression(node.orelse)
    )


def _index(self: Lowering, node: Any) -> s.Expression:
    part = node.slice
    if type(part) is cst.Index:
        return self.expression(part.value)
    return s.Slice(
        node, self.unit, self.optional(part.lower), self.optional(part.upper), self.optional(part.step)
    )


def _subscript(self: Lowering, node: Any) -> s.Expression:
    indices = tuple(_index(self, e) for e in node.slice)
    return s.Subscript(node, self.unit, self.expression(node.value), indices)


def _lambda(self: Lowering, node: Any) -> s.Expression:
    return s.Lambda(node, self.unit, self.parameters(node.params), self.expression(node.body))


def _generators(self: Lowering, node: Any) -> tuple[s.Generator, ...]:
    found: list[s.Generator] = []
    while node is not None:
        tests = tuple(self.expression(i.test) for i in node.ifs)
        found.append(s.Generator(self.expression(node.target), self.expression(node.iter), tests))
        node = node.inner_for_in
    return tuple(found)


def _comprehension(kind: str) -> Callable[[Lowering, Any], s.Expression]:
    return lambda self, node: s.Comprehension(
        node, self.unit, kind, None, self.expression(node.elt), _generators(self, node.for_in)
    )


def _dict_comprehension(self: Lowering, node: Any) -> s.Expression:
    key, value = self.expression(node.key), self.expression(node.value)
    return s.Comprehension(node, self.unit, "dict", key, value, _generators(self, node.for_in))


def _await(self: Lowering, node: Any) -> s.Expression:
    return s.Wait(node, self.unit, "await", self.expression(node.expression))


def _yield(self: Lowering, node: Any) -> s.Expression:
    self.words.add("yield")
    if type(node.value) is cst.From:
        return s.Wait(node, self.unit, "yield from", self.expression(node.value.item))
    return s.Wait(node, self.unit, "yield", self.optional(node.value))


def _walrus(self: Lowering, node: Any) -> s.Expression:
    value = self.expression(node.value)
    return s.Walrus(node, self.unit, self.target(node.target), value)


_EXPRESSIONS: dict[type, Callable[[Lowering, Any], s.Expression]] = {
    cst.Name: _name,
    cst.Attribute: _attribute,
    cst.Call: _call,
    cst.Integer: _number,
    cst.Float: _number,
    cst.Imaginary: _number,
    cst.SimpleString: _string,
    cst.ConcatenatedString: _joined,
    cst.FormattedString: _formatted,
    cst.Ellipsis: lambda self, node: s.Literal(node, self.unit, ...),
    cst.Tuple: _display("tuple"),
    cst.List: _display("list"),
    cst.Set: _display("set"),
    cst.Dict: _dict,
    cst.BinaryOperation: _binary,
    cst.BooleanOperation: _boolean,
    cst.UnaryOperation: _unary,
    cst.Comparison: _comparison,
    cst.IfExp: _conditional,
    cst.Subscript: _subscript,
    cst.Lambda: _lambda,
    cst.ListComp: _comprehension("list"),
    cst.SetComp: _comprehension("set"),
    cst.GeneratorExp: _comprehension("generator"),
    cst.DictComp: _dict_comprehension,
    cst.Await: _await,
    cst.Yield: _yield,
    cst.NamedExpr: _walrus,
}
