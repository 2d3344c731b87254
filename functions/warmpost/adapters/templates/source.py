# ruff: noqa: N802  (visitors are named after the nodes they visit)
"""Template sources as syntax trees: checked, made to pay for what they repeat, and asked which variables they need."""

from __future__ import annotations

from collections.abc import Iterable

from jinja2 import meta, nodes
from jinja2.exceptions import TemplateAssertionError
from jinja2.visitor import NodeTransformer

from warmpost.adapters.templates.sandbox import Sandbox
from warmpost.rules.lists.columns import variable_name

_FORBIDDEN: dict[type[nodes.Node], str] = {
    nodes.Include: "include",
    nodes.Import: "import",
    nodes.FromImport: "import",
    nodes.Extends: "extends",
    nodes.Block: "block",
}


def parse(sandbox: Sandbox, source: str) -> nodes.Template:
    """Raises jinja2.TemplateSyntaxError for what is not the language, or not our part of it."""
    tree = sandbox.parse(source)
    for kind, tag in _FORBIDDEN.items():
        if found := tree.find(kind):
            raise TemplateAssertionError(
                f"{{% {tag} %}} is not available: a template stands alone", found.lineno
            )
    for used in tree.find_all((nodes.Filter, nodes.Test)):
        known, kind_of = (
            (sandbox.filters, "filter") if isinstance(used, nodes.Filter) else (sandbox.tests, "test")
        )
        if used.name not in known or used.name.startswith("_"):
            raise TemplateAssertionError(f"there is no {kind_of} named {used.name!r}", used.lineno)
    for name in tree.find_all(nodes.Name):
        if name.name in ("varargs", "kwargs"):
            raise TemplateAssertionError(f"{name.name} is not available", name.lineno)
    for reached in tree.find_all((nodes.Getattr, nodes.Getitem)):
        attribute = _name_reached(reached)
        if attribute.startswith("__") and attribute.endswith("__"):
            raise TemplateAssertionError(f"{attribute} is not available", reached.lineno)
    return _by_column(tree)


def _by_column(tree: nodes.Template) -> nodes.Template:
    """`data["First Name"]` is the variable `first_name`, unless the template has a `data` of its own."""
    if any(name.name == "data" and name.ctx != "load" for name in tree.find_all(nodes.Name)):
        return tree
    named: nodes.Template = _ByColumn().visit(tree)
    return named


class _ByColumn(NodeTransformer):
    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Expr:
        self.generic_visit(node)
        match node:
            case nodes.Getitem(node=nodes.Name(name="data"), arg=nodes.Const(value=str(column))):
                return nodes.Name(variable_name(column), "load", lineno=node.lineno)
        return node


def _name_reached(node: nodes.Expr) -> str:
    """What stands behind the dot or, written out, in the brackets; empty where that is known at rendering only."""
    match node:
        case nodes.Getattr():
            return node.attr
        case nodes.Getitem(arg=nodes.Const(value=str(name))):
            return name
        case _:
            return ""


def literal(sandbox: Sandbox, source: str) -> nodes.Template:
    """A text that is no template, as one that says just that."""
    text = nodes.TemplateData(source, lineno=1)
    tree = nodes.Template([nodes.Output([text], lineno=1)], lineno=1)
    tree.set_environment(sandbox)
    return tree


def bound(tree: nodes.Template) -> nodes.Template:
    """The same template, paying for each turn of a loop, each macro called, each text or list put together."""
    bounded: nodes.Template = _Bounding().visit(tree)
    return bounded


class _Bounding(NodeTransformer):
    def visit_For(self, node: nodes.For) -> nodes.Node:
        self.generic_visit(node)
        if node.test is not None:
            node.test = nodes.And(_spent([node.test]), node.test, lineno=node.lineno)
        return self._pay_for_body(node)

    def visit_Macro(self, node: nodes.Macro) -> nodes.Node:
        self.generic_visit(node)
        return self._pay_for_body(node)

    def visit_CallBlock(self, node: nodes.CallBlock) -> nodes.Node:
        self.generic_visit(node)
        return self._pay_for_body(node)

    def visit_Concat(self, node: nodes.Concat) -> nodes.Expr:
        self.generic_visit(node)
        return _filtered(nodes.List(node.nodes, lineno=node.lineno), "_concatenated")

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Expr:
        self.generic_visit(node)
        return _filtered(node, "_paid") if isinstance(node.arg, nodes.Slice) else node

    def visit_Compare(self, node: nodes.Compare) -> nodes.Expr:
        self.generic_visit(node)
        node.expr = _paid_for(node.expr)
        for operand in node.ops:
            operand.expr = _paid_for(operand.expr)
        return node

    def visit_List(self, node: nodes.List) -> nodes.Expr:
        self.generic_visit(node)
        return _filtered(node, "_paid")

    def visit_Dict(self, node: nodes.Dict) -> nodes.Expr:
        self.generic_visit(node)
        return _filtered(node, "_paid")

    def visit_Tuple(self, node: nodes.Tuple) -> nodes.Expr:
        self.generic_visit(node)
        return _filtered(node, "_paid") if node.ctx == "load" else node

    @staticmethod
    def _pay_for_body(node: nodes.For | nodes.Macro | nodes.CallBlock) -> nodes.Node:
        node.body.insert(0, nodes.ExprStmt(_spent(node.body), lineno=node.lineno))
        return node


def _spent(body: Iterable[nodes.Node]) -> nodes.Filter:
    """An expression that is true and costs what running these nodes once does."""
    weight = 1
    for root in body:
        weight += 1
        for node in root.find_all(nodes.Node):
            weight += 1 + (len(node.data) >> 6 if isinstance(node, nodes.TemplateData) else 0)
    return _filtered(nodes.Const(weight, lineno=1), "_spent")


def _paid_for(operand: nodes.Expr) -> nodes.Expr:
    """What is compared with something; a constant that is written out costs nothing."""
    return operand if isinstance(operand, nodes.Const) else _filtered(operand, "_compared")


def _filtered(node: nodes.Expr, name: str) -> nodes.Filter:
    return nodes.Filter(node, name, [], [], None, None, lineno=node.lineno)


def variables_of(tree: nodes.Template) -> tuple[frozenset[str], frozenset[str]]:
    """Variables the template cannot do without, and those it uses only where it has made sure of them."""
    free = frozenset(meta.find_undeclared_variables(tree)) - frozenset(
        tree.environment.globals if tree.environment else ()
    )
    required: set[str] = set()
    _collect_required(tree, frozenset(), required)
    needed = free & required
    return needed, free - needed


def _collect_required(node: nodes.Node, sure: frozenset[str], required: set[str]) -> None:
    """Gather names that are read where nothing says that they are defined. sure: those known to be, here."""
    if isinstance(node, nodes.Name):
        if node.ctx == "load" and node.name not in sure:
            required.add(node.name)
        return
    if isinstance(node, (nodes.Filter, nodes.Test)) and _asks_whether_defined(node):
        for child in node.iter_child_nodes(exclude=("node",)):
            _collect_required(child, sure, required)
        return
    if isinstance(node, (nodes.If, nodes.CondExpr)):
        _collect_from_branches(node, sure, required)
        return
    if isinstance(
        node, (nodes.For, nodes.Template, nodes.With, nodes.Macro, nodes.CallBlock, nodes.FilterBlock)
    ):
        _collect_in_order(node, sure, required)
        return
    if isinstance(node, (nodes.And, nodes.Or)):
        _collect_required(node.left, sure, required)
        holds = isinstance(node, nodes.And)
        _collect_required(node.right, sure | _made_sure_by(node.left, holds), required)
        return
    for child in node.iter_child_nodes():
        _collect_required(child, sure, required)


def _collect_from_branches(node: nodes.If | nodes.CondExpr, sure: frozenset[str], required: set[str]) -> None:
    _collect_required(node.test, sure, required)
    if isinstance(node, nodes.CondExpr):
        then: list[nodes.Node] = [node.expr1]
        otherwise: list[nodes.Node] = [node.expr2] if node.expr2 else []
    else:
        then, otherwise = node.body, [*node.elif_, *node.else_]
    _collect_all(then, sure | _made_sure_by(node.test, True), required)
    _collect_all(otherwise, sure | _made_sure_by(node.test, False), required)


def _collect_in_order(node: nodes.Node, sure: frozenset[str], required: set[str]) -> None:
    """A node with bodies, in which one statement after the other is run."""
    for child in node.iter_child_nodes(exclude=("body", "else_")):
        _collect_required(child, sure, required)
    for body in ("body", "else_"):
        _collect_all(getattr(node, body, []), sure, required)


def _collect_all(body: Iterable[nodes.Node], sure: frozenset[str], required: set[str]) -> None:
    """What is assigned is there for whatever comes after it in the same body."""
    for node in body:
        _collect_required(node, sure, required)
        sure |= _assigned(node)


def _assigned(node: nodes.Node) -> frozenset[str]:
    """Names that are there after a statement: of a condition, what each of its branches assigns."""
    if isinstance(node, nodes.Assign | nodes.AssignBlock):
        return frozenset(one.name for one in node.target.find_all(nodes.Name)) | (
            frozenset({node.target.name}) if isinstance(node.target, nodes.Name) else frozenset()
        )
    if isinstance(node, nodes.If) and node.else_:
        branches = [node.body, *(one.body for one in node.elif_), node.else_]
        return frozenset.intersection(*(_assigned_in(body) for body in branches))
    return frozenset()


def _assigned_in(body: Iterable[nodes.Node]) -> frozenset[str]:
    return frozenset(name for node in body for name in _assigned(node))


def _asks_whether_defined(node: nodes.Filter | nodes.Test) -> bool:
    names = ("default", "d") if isinstance(node, nodes.Filter) else ("defined", "undefined")
    return node.name in names and isinstance(node.node, nodes.Name)


def _made_sure_by(test: nodes.Node, outcome: bool) -> frozenset[str]:
    """Names that are defined if the test had this outcome."""
    if isinstance(test, nodes.Not):
        return _made_sure_by(test.node, not outcome)
    if isinstance(test, nodes.And if outcome else nodes.Or):
        return _made_sure_by(test.left, outcome) | _made_sure_by(test.right, outcome)
    wanted = "defined" if outcome else "undefined"
    if isinstance(test, nodes.Test) and test.name == wanted and isinstance(test.node, nodes.Name):
        return frozenset({test.node.name})
    return frozenset()


def constants_of(tree: nodes.Template) -> str:
    """What the template writes whatever the variables are."""
    return "".join(data.data for data in tree.find_all(nodes.TemplateData))
