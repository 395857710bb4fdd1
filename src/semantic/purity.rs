//! What evaluating an expression can do, what a statement evaluates before an expression in it, and fresh names for temporaries.
//!
//! Rewrites that move an expression rest on this: what is total may be evaluated earlier, later or not at all.

use ruff_python_ast::{self as ast, AnyNodeRef, CmpOp, Expr, InterpolatedStringElement, Operator, Stmt, UnaryOp};
use ruff_text_size::Ranged;

use super::names::Lookup;
use super::place::leaves_block;
use super::types::{Type, TypeOracle};
use super::{Binding, BindingKind, NodeId, ScopeId, ScopeKind, SemanticModel};
use crate::knowledge::{has_coroutine_method, is_coroutine_method};

/// What evaluating an expression can do at most. Ordered from nothing to anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purity {
    /// Always gives a value, without any effect: constants, definitely bound names, f-strings and operators of builtin scalars, and
    /// displays of these.
    Total,
    /// May raise, or run the code of a property or a `__str__`; no work is expected of it: attributes, constant subscripts, truth tests.
    Cheap,
    /// Calls nothing but known coroutine functions, which makes coroutines and runs none of their code.
    Inert,
    /// Runs operators, subscripts, iteration or builtin conversions of types that are not known.
    Operator,
    /// Calls something, awaits, yields or binds a name.
    Effectful,
}

/// What is evaluated before an expression inside its statement.
#[derive(Debug, Default)]
pub struct Before<'a> {
    /// In no particular order.
    pub exprs: Vec<&'a Expr>,
    /// The expression is not always evaluated when the statement is: it stands behind `and`, `or`, `if ... else` or in a chained
    /// comparison.
    pub conditional: bool,
}

/// Builtins that only read builtin values; on other types they run a special method.
const CONVERSIONS: &[&str] = &[
    "abs",
    "bool",
    "bytes",
    "chr",
    "dict",
    "float",
    "frozenset",
    "getattr",
    "hasattr",
    "hex",
    "id",
    "int",
    "isinstance",
    "len",
    "list",
    "max",
    "min",
    "ord",
    "range",
    "repr",
    "round",
    "set",
    "sorted",
    "str",
    "sum",
    "tuple",
    "type",
];

impl<'a> SemanticModel<'a> {
    /// Whether an expression is total and effect-free: evaluating it cannot fail, and nothing can tell whether it was.
    pub fn is_total(&self, expr: &Expr) -> bool {
        self.purity(expr) == Purity::Total
    }

    /// As [`SemanticModel::is_total`], with attribute chains, subscripts by constants and f-strings of anything: they may run code, but
    /// no work or effect is expected of them.
    pub fn is_cheap(&self, expr: &Expr) -> bool {
        self.purity(expr) <= Purity::Cheap
    }

    /// Whether an expression has the same value after other tasks have run: it is total, and its names are bound by its own function alone.
    /// What a module has is taken to stay.
    pub fn is_stable(&self, expr: &Expr) -> bool {
        if expr.is_attribute_expr() && self.imported_root(expr) {
            return true;
        }
        self.is_total(expr)
            && self.references_in(self.id(expr)).iter().all(|reference| {
                match self.lookup(&reference.name.id, reference.scope) {
                    Lookup::Builtin => true,
                    Lookup::Unknown => false,
                    Lookup::Scope(owner) => self.bindings_in(owner, &reference.name.id).all(|binding| {
                        matches!(binding.kind, BindingKind::Parameter(_)) || self.scope_of(binding.node) == owner
                    }),
                }
            })
    }

    pub fn purity(&self, expr: &Expr) -> Purity {
        match expr {
            Expr::StringLiteral(_)
            | Expr::BytesLiteral(_)
            | Expr::NumberLiteral(_)
            | Expr::BooleanLiteral(_)
            | Expr::NoneLiteral(_)
            | Expr::EllipsisLiteral(_) => Purity::Total,
            Expr::Name(name) => {
                if self.is_definitely_bound(name) {
                    Purity::Total
                } else {
                    Purity::Cheap
                }
            }
            Expr::Attribute(attribute) => self.purity(&attribute.value).max(Purity::Cheap),
            Expr::Subscript(subscript) => {
                let own = if is_constant(&subscript.slice) {
                    Purity::Cheap
                } else {
                    Purity::Operator
                };
                own.max(self.purity(&subscript.value))
                    .max(self.purity(&subscript.slice))
            }
            Expr::Slice(slice) => self.worst(
                [&slice.lower, &slice.upper, &slice.step]
                    .into_iter()
                    .flatten()
                    .map(|part| &**part),
            ),
            Expr::FString(string) => self.interpolations(string.value.elements()),
            Expr::TString(string) => self.interpolations(string.value.elements()),
            Expr::List(list) => self.worst(&list.elts),
            Expr::Tuple(tuple) => self.worst(&tuple.elts),
            Expr::Set(set) => self.worst(&set.elts).max(self.hashing(&set.elts)),
            Expr::Dict(dict) => dict.items.iter().fold(Purity::Total, |worst, item| {
                let key = match &item.key {
                    Some(key) => self.purity(key).max(self.hashing([key])),
                    None => self.iteration(&item.value),
                };
                worst.max(key).max(self.purity(&item.value))
            }),
            Expr::Starred(starred) => match &*starred.value {
                // The elements are evaluated at once.
                Expr::Generator(generator) => self.comprehension(&[&generator.elt], &generator.generators),
                value => self.purity(value).max(self.iteration(value)),
            },
            Expr::UnaryOp(unary) => {
                let own = match unary.op {
                    UnaryOp::Not => self.truth(&unary.operand),
                    _ if self.type_of(&unary.operand).is_scalar() => Purity::Total,
                    _ => Purity::Operator,
                };
                own.max(self.purity(&unary.operand))
            }
            Expr::BinOp(binary) => {
                let (left, right) = (self.purity(&binary.left), self.purity(&binary.right));
                left.max(right).max(self.operator(binary))
            }
            Expr::BoolOp(inner) => {
                let tests = inner.values.iter().map(|value| self.truth(value)).max();
                self.worst(&inner.values).max(tests.unwrap_or(Purity::Total))
            }
            Expr::If(inner) => self
                .worst([&*inner.test, &*inner.body, &*inner.orelse])
                .max(self.truth(&inner.test)),
            Expr::Compare(compare) => {
                let operands = || std::iter::once(&*compare.left).chain(&compare.comparators);
                let identity = compare.ops.iter().all(|op| matches!(op, CmpOp::Is | CmpOp::IsNot));
                let scalar = compare.ops.iter().all(|op| matches!(op, CmpOp::Eq | CmpOp::NotEq))
                    && operands().all(|operand| self.type_of(operand).is_scalar());
                let own = if identity || scalar {
                    Purity::Total
                } else {
                    Purity::Operator
                };
                self.worst(operands()).max(own)
            }
            Expr::Lambda(lambda) => {
                let parameters = lambda
                    .parameters
                    .iter()
                    .flat_map(|parameters| parameters.iter_non_variadic_params());
                self.worst(parameters.filter_map(|parameter| parameter.default.as_deref()))
            }
            // Only the first iterable is evaluated at once; `iter()` of it runs.
            Expr::Generator(generator) => self
                .worst(generator.generators.first().map(|first| &first.iter))
                .max(Purity::Operator),
            Expr::ListComp(comp) => self.comprehension(&[&comp.elt], &comp.generators),
            Expr::SetComp(comp) => self.comprehension(&[&comp.elt], &comp.generators),
            Expr::DictComp(comp) => {
                let elements: Vec<&Expr> = comp.key.as_deref().into_iter().chain([&*comp.value]).collect();
                self.comprehension(&elements, &comp.generators)
            }
            Expr::Call(call) => self.call(call),
            Expr::Named(_) | Expr::Await(_) | Expr::Yield(_) | Expr::YieldFrom(_) | Expr::IpyEscapeCommand(_) => {
                Purity::Effectful
            }
        }
    }

    /// The highest purity of several expressions; total for none.
    pub fn worst<'e>(&self, exprs: impl IntoIterator<Item = &'e Expr>) -> Purity {
        exprs
            .into_iter()
            .map(|expr| self.purity(expr))
            .max()
            .unwrap_or(Purity::Total)
    }

    fn interpolations<'e>(&self, elements: impl Iterator<Item = &'e InterpolatedStringElement>) -> Purity {
        elements
            .filter_map(InterpolatedStringElement::as_interpolation)
            .map(|element| {
                let own = match (&element.format_spec, self.type_of(&element.expression)) {
                    (None, Type::Scalar(_)) => Purity::Total,
                    _ => Purity::Cheap,
                };
                let spec = element
                    .format_spec
                    .as_deref()
                    .map_or(Purity::Total, |spec| self.interpolations(spec.elements.iter()));
                own.max(spec).max(self.purity(&element.expression))
            })
            .max()
            .unwrap_or(Purity::Total)
    }

    fn comprehension(&self, elements: &[&Expr], generators: &[ast::Comprehension]) -> Purity {
        let parts = generators.iter().map(|generator| {
            let own = if generator.is_async {
                Purity::Effectful
            } else {
                self.iteration(&generator.iter)
            };
            own.max(self.purity(&generator.iter)).max(self.worst(&generator.ifs))
        });
        parts
            .max()
            .unwrap_or(Purity::Operator)
            .max(self.worst(elements.iter().copied()))
    }

    fn call(&self, call: &ast::ExprCall) -> Purity {
        let arguments = self.worst(call.arguments.iter_source_order().map(|argument| argument.value()));
        let own = if self.is_coroutine_function(&call.func) {
            Purity::Inert
        } else if CONVERSIONS.iter().any(|name| self.is_builtin(&call.func, name)) {
            Purity::Operator
        } else {
            Purity::Effectful
        };
        own.max(arguments).max(self.purity(&call.func))
    }

    /// Whether calling this makes a coroutine (or an asynchronous generator) and runs nothing of it: an undecorated `async def` of this
    /// module, or a coroutine function of `asyncio`.
    pub fn is_coroutine_function(&self, callee: &Expr) -> bool {
        match self.qualified_name(callee) {
            Some(name) => is_asyncio_coroutine(&name) || self.coroutine_elsewhere(callee).is_some(),
            None => self.async_function(callee).is_some(),
        }
    }

    /// The undecorated `async def` of this module that a callee stands for: a coroutine function, or an asynchronous generator.
    pub fn async_function(&self, callee: &Expr) -> Option<&'a ast::StmtFunctionDef> {
        if let Expr::Attribute(attribute) = callee {
            // Most names are no coroutine method of any class here, and the receiver's class need not be found.
            self.methods_named(&attribute.attr)
                .find(|(_, method)| method.is_async)?;
        }
        let function = self.definition_of(callee)?;
        (function.is_async && self.is_plainly_decorated(function)).then_some(function)
    }

    /// The definition of this module that a callee leads to, decorated or not. Of a method, as far as the module's own classes tell.
    pub fn definition_of(&self, callee: &Expr) -> Option<&'a ast::StmtFunctionDef> {
        self.function_of(callee)
            .or_else(|| self.own_method(callee))
            .or_else(|| self.method_by_class(callee))
    }

    /// Whether calling this gives a coroutine, which does nothing until it is awaited: an `async def` without `yield` of this module, a
    /// coroutine function of `asyncio`, or such a method of a known class.
    pub fn gives_coroutine(&self, callee: &Expr) -> bool {
        if let Some(function) = self.async_function(callee) {
            return !self.is_generator(function);
        }
        if self.coroutine_elsewhere(callee).is_some() {
            return true;
        }
        // Most names are none of asyncio's, and the callee need not be named in full.
        let may_be_asyncio = match callee {
            Expr::Attribute(attribute) => ASYNCIO_COROUTINES.contains(&attribute.attr.as_str()),
            _ => true,
        };
        if may_be_asyncio
            && self
                .qualified_name(callee)
                .is_some_and(|name| is_asyncio_coroutine(&name))
        {
            return true;
        }
        let Expr::Attribute(method) = callee else { return false };
        is_coroutine_method(&method.attr)
            && matches!(self.type_of_receiver(&method.value), Type::Foreign(class) if has_coroutine_method(&class, &method.attr))
    }

    /// The method that `self.name` or `instance.name` finds in its own class, whatever the bases are: it goes before theirs.
    pub(super) fn own_method(&self, callee: &Expr) -> Option<&'a ast::StmtFunctionDef> {
        let Expr::Attribute(attribute) = callee else {
            return None;
        };
        let name = attribute.attr.as_str();
        self.methods_named(name).next()?;
        let class = self.class_of(&attribute.value)?;
        let mut definitions = class.body.iter().filter_map(|stmt| match stmt {
            Stmt::FunctionDef(function) if function.name.as_str() == name => Some(function),
            _ => None,
        });
        let own = definitions.next()?;
        let overridden = self
            .methods_named(name)
            .any(|(other, method)| !method.is_async && self.derives_from(other, class, 0));
        (definitions.next().is_none() && !overridden && !self.is_attribute_assigned(name)).then_some(own)
    }

    /// No decorator, or only such as leave what a call does alone.
    pub fn is_plainly_decorated(&self, function: &ast::StmtFunctionDef) -> bool {
        function
            .decorator_list
            .iter()
            .all(|decorator| self.is_inert_decorator(&decorator.expression))
    }

    /// A decorator that leaves what a call does alone, and reads nothing of the function.
    pub fn is_inert_decorator(&self, decorator: &Expr) -> bool {
        self.is_builtin(decorator, "staticmethod")
            || self.is_builtin(decorator, "classmethod")
            || self.qualified_name(decorator).is_some_and(|name| {
                matches!(
                    name.as_str(),
                    "typing.override"
                        | "typing_extensions.override"
                        | "typing.final"
                        | "typing.no_type_check"
                        | "abc.abstractmethod"
                )
            })
    }

    /// `bool(x)` of an unknown type runs a special method.
    fn truth(&self, expr: &Expr) -> Purity {
        let known =
            matches!(self.type_of(expr), Type::Scalar(_) | Type::Container(_)) || matches!(expr, Expr::Compare(_));
        if known { Purity::Total } else { Purity::Cheap }
    }

    /// So does hashing.
    fn hashing<'e>(&self, exprs: impl IntoIterator<Item = &'e Expr>) -> Purity {
        if exprs.into_iter().all(|expr| self.type_of(expr).is_scalar()) {
            Purity::Total
        } else {
            Purity::Cheap
        }
    }

    /// And iterating over it, which may use it up.
    fn iteration(&self, expr: &Expr) -> Purity {
        if matches!(self.type_of(expr), Type::Container(_)) || self.is_variadic(expr) {
            Purity::Total
        } else {
            Purity::Operator
        }
    }

    /// Whether a name is the function's `*args` or `**kwargs` and nothing else.
    fn is_variadic(&self, expr: &Expr) -> bool {
        let Expr::Name(name) = expr else { return false };
        let binding = self.sole_binding(&name.id, self.scope_of(self.id(name)));
        binding.is_some_and(|binding| self.variadic(binding).is_some())
    }

    /// Operators of builtin scalars are total, but for those that divide, shift or raise to a power.
    fn operator(&self, binary: &ast::ExprBinOp) -> Purity {
        let (left, right) = (self.type_of(&binary.left), self.type_of(&binary.right));
        let numeric = |type_: &Type| matches!(type_, Type::Scalar("int" | "float" | "bool"));
        let total = match binary.op {
            Operator::Add => {
                left == right && (left == Type::Scalar("str") || left == Type::Scalar("bytes"))
                    || numeric(&left) && numeric(&right)
            }
            Operator::Sub | Operator::Mult => numeric(&left) && numeric(&right),
            Operator::BitOr | Operator::BitAnd | Operator::BitXor => left == Type::Scalar("int") && right == left,
            Operator::Div | Operator::FloorDiv | Operator::Mod => {
                numeric(&left) && matches!(&*binary.right, Expr::NumberLiteral(number) if !is_zero(&number.value))
            }
            _ => false,
        };
        if total { Purity::Total } else { Purity::Operator }
    }

    /// Whether reading a name cannot fail: a parameter, a name bound on every path to here, a name bound unconditionally at module
    /// level, or a builtin.
    pub fn is_definitely_bound(&self, name: &ast::ExprName) -> bool {
        let at = self.id(name);
        let scope = self.scope_of(at);
        match self.lookup(&name.id, scope) {
            Lookup::Unknown => false,
            Lookup::Builtin => ruff_python_stdlib::builtins::is_python_builtin(&name.id, 14, false),
            Lookup::Scope(owner) => self.is_bound_on_every_path(&name.id, owner, at),
        }
    }

    fn is_bound_on_every_path(&self, name: &str, owner: ScopeId, at: NodeId) -> bool {
        let bindings = || self.bindings_in(owner, name);
        let handler = self.ancestors(at).find_map(|(id, node)| match node {
            AnyNodeRef::ExceptHandlerExceptHandler(handler)
                if self.scope_of(id) == owner && handler.name.as_deref() == Some(name) =>
            {
                Some(id)
            }
            _ => None,
        });
        let deleted = bindings().any(|binding| {
            let by_handler = matches!(self.node(binding.node), AnyNodeRef::ExceptHandlerExceptHandler(_));
            matches!(binding.kind, BindingKind::Deletion) && !(by_handler && handler.is_some())
        });
        if deleted {
            return false;
        }
        if handler.is_some() {
            return true;
        }
        match self.scope(owner).kind {
            ScopeKind::Comprehension | ScopeKind::Generator | ScopeKind::Lambda(_) | ScopeKind::TypeParams => {
                return true;
            }
            ScopeKind::Class(_) => return false,
            ScopeKind::Module if self.scope_of(at) != ScopeId::MODULE => {
                // The module has run when its functions do.
                return bindings().any(|binding| {
                    self.binds(binding)
                        && self
                            .statement_of(binding.node)
                            .is_some_and(|(id, _)| matches!(self.node(self.parent(id)), AnyNodeRef::ModModule(_)))
                });
            }
            ScopeKind::Module | ScopeKind::Function(_) => {}
        }
        if bindings().any(|binding| matches!(binding.kind, BindingKind::Parameter(_))) {
            return true;
        }
        // From the statement outwards: bound by a header around it, or by a statement before it in the same block.
        let mut inner = at;
        for (id, node) in std::iter::once((at, self.node(at))).chain(self.ancestors(at)) {
            if let Some((block, index)) = self.node(id).is_statement().then(|| self.block_of(id)).flatten()
                && self.scope_of(id) == owner
                && bindings().any(|binding| {
                    // The one statement of the block before this one that the binding stands in.
                    let behind = block[..index].partition_point(|stmt| stmt.start() <= binding.range.start());
                    behind > 0 && self.stmt_binds(&block[behind - 1], name, owner)
                })
            {
                return true;
            }
            let header = match node {
                AnyNodeRef::StmtFor(stmt) if stmt.body.iter().any(|stmt| self.contains(self.id(stmt), inner)) => {
                    self.binds_target(&stmt.target, name)
                }
                AnyNodeRef::StmtWith(stmt) if stmt.body.iter().any(|stmt| self.contains(self.id(stmt), inner)) => {
                    self.with_binds(stmt, name)
                }
                AnyNodeRef::StmtIf(stmt) if stmt.body.iter().any(|stmt| self.contains(self.id(stmt), inner)) => {
                    names_when_true(&stmt.test, name)
                }
                AnyNodeRef::ElifElseClause(clause)
                    if clause.body.iter().any(|stmt| self.contains(self.id(stmt), inner)) =>
                {
                    clause.test.as_ref().is_some_and(|test| names_when_true(test, name))
                }
                AnyNodeRef::StmtWhile(stmt) if stmt.body.iter().any(|stmt| self.contains(self.id(stmt), inner)) => {
                    names_when_true(&stmt.test, name)
                }
                // All alternatives of a pattern bind the same names (reference, 8.6.4.1).
                AnyNodeRef::MatchCase(case) if !self.contains(self.id(&case.pattern), inner) => self
                    .bindings_within(self.id(&case.pattern))
                    .iter()
                    .any(|binding| binding.name == name),
                _ => false,
            };
            if header && self.scope_of(id) == owner {
                return true;
            }
            inner = id;
        }
        false
    }

    /// Not a bare annotation, and not a part of an expression that may be skipped.
    fn binds(&self, binding: &Binding) -> bool {
        match binding.kind {
            BindingKind::Annotated(assign) => assign.value.is_some(),
            BindingKind::Deletion | BindingKind::AugAssignment => false,
            _ => !matches!(self.node(self.parent(binding.node)), AnyNodeRef::ExprNamed(_)),
        }
    }

    fn binds_target(&self, target: &Expr, name: &str) -> bool {
        self.bindings_within(self.id(target))
            .iter()
            .any(|binding| binding.name == name)
    }

    fn with_binds(&self, stmt: &ast::StmtWith, name: &str) -> bool {
        stmt.items
            .iter()
            .filter_map(|item| item.optional_vars.as_deref())
            .any(|vars| self.binds_target(vars, name))
    }

    /// Whether a name is bound whenever the statement after this one is reached.
    fn stmt_binds(&self, stmt: &Stmt, name: &str, owner: ScopeId) -> bool {
        let block = |body: &[Stmt]| {
            body.iter().any(|stmt| self.stmt_binds(stmt, name, owner)) || body.last().is_some_and(leaves_block)
        };
        match stmt {
            Stmt::If(inner) => {
                let has_else = inner
                    .elif_else_clauses
                    .last()
                    .is_some_and(|clause| clause.test.is_none());
                has_else && block(&inner.body) && inner.elif_else_clauses.iter().all(|clause| block(&clause.body))
            }
            Stmt::Try(inner) => {
                let handlers = inner
                    .handlers
                    .iter()
                    .all(|ast::ExceptHandler::ExceptHandler(handler)| block(&handler.body));
                block(&inner.finalbody) && !inner.finalbody.is_empty()
                    || (block(&inner.body) || block(&inner.orelse)) && handlers
            }
            Stmt::With(inner) => self.with_binds(inner, name),
            // It is left by a `break` alone.
            Stmt::While(inner) if matches!(&*inner.test, Expr::BooleanLiteral(test) if test.value) => {
                let may_leave = |stmt: &Stmt| {
                    self.subtree(self.id(stmt))
                        .any(|(_, node)| matches!(node, AnyNodeRef::StmtBreak(_)))
                };
                let mut stays = inner.body.iter().take_while(|stmt| !may_leave(stmt));
                stays.any(|stmt| self.stmt_binds(stmt, name, owner))
            }
            Stmt::For(_) | Stmt::While(_) | Stmt::Match(_) => false,
            _ => self
                .bindings_within(self.id(stmt))
                .iter()
                .any(|binding| binding.name == name && binding.scope == owner && self.binds(binding)),
        }
    }

    /// What is evaluated before an expression inside the statement around it, by Python's order of evaluation (reference, 6.16).
    ///
    /// `None` when the expression is evaluated by another scope than the statement: in a lambda, or in a comprehension but for its
    /// first iterable.
    pub fn evaluated_before(&self, expr: NodeId) -> Option<Before<'a>> {
        let mut before = Before::default();
        let scope = self.scope_of(expr);
        let mut child = expr;
        for (id, node) in self.ancestors(expr) {
            // A comprehension's clauses belong to its own scope, but for the first iterable: what matters is the scope around it.
            if !matches!(node, AnyNodeRef::Comprehension(_)) && self.scope_of(id) != scope {
                return None;
            }
            let range = self.node(child).range();
            let mut earlier = |exprs: &'a [Expr]| {
                let index = exprs.iter().position(|other| other.range() == range).unwrap_or(0);
                before.exprs.extend(&exprs[..index]);
                index
            };
            match node {
                AnyNodeRef::ExprBoolOp(outer) => {
                    let index = earlier(&outer.values);
                    before.conditional |= index > 0;
                }
                AnyNodeRef::ExprBinOp(outer) if outer.right.range() == range => before.exprs.push(&outer.left),
                AnyNodeRef::ExprCompare(outer) if outer.left.range() != range => {
                    let index = earlier(&outer.comparators);
                    before.exprs.push(&outer.left);
                    before.conditional |= index > 0;
                }
                AnyNodeRef::ExprIf(outer) if outer.test.range() != range => {
                    before.exprs.push(&outer.test);
                    before.conditional = true;
                }
                AnyNodeRef::ExprCall(outer) if outer.func.range() != range => before.exprs.push(&outer.func),
                AnyNodeRef::Arguments(outer) => {
                    let index = earlier(&outer.args);
                    let position = outer.keywords.iter().position(|keyword| keyword.range() == range);
                    if let Some(position) = position {
                        debug_assert_eq!(index, 0);
                        before.exprs.extend(&outer.args);
                        before
                            .exprs
                            .extend(outer.keywords[..position].iter().map(|keyword| &keyword.value));
                    }
                }
                AnyNodeRef::ExprTuple(outer) => {
                    earlier(&outer.elts);
                }
                AnyNodeRef::ExprList(outer) => {
                    earlier(&outer.elts);
                }
                AnyNodeRef::ExprSet(outer) => {
                    earlier(&outer.elts);
                }
                AnyNodeRef::ExprDict(outer) => before.exprs.extend(
                    outer
                        .items
                        .iter()
                        .flat_map(|item| item.key.iter().chain([&item.value]))
                        .filter(|other| other.end() <= range.start()),
                ),
                AnyNodeRef::ExprSubscript(outer) if outer.slice.range() == range => before.exprs.push(&outer.value),
                AnyNodeRef::ExprSlice(outer) => before.exprs.extend(
                    [&outer.lower, &outer.upper]
                        .into_iter()
                        .flatten()
                        .map(|part| &**part)
                        .filter(|other| other.end() <= range.start()),
                ),
                AnyNodeRef::ExprFString(outer) => before.exprs.extend(
                    outer
                        .value
                        .elements()
                        .filter_map(InterpolatedStringElement::as_interpolation)
                        .map(|element| &*element.expression)
                        .filter(|other| other.end() <= range.start()),
                ),
                AnyNodeRef::StmtAugAssign(outer) if outer.value.range() == range => before.exprs.push(&outer.target),
                AnyNodeRef::StmtAssign(outer) if outer.value.range() != range => {
                    earlier(&outer.targets);
                    before.exprs.push(&outer.value);
                }
                AnyNodeRef::StmtDelete(outer) => {
                    earlier(&outer.targets);
                }
                AnyNodeRef::StmtRaise(outer) => {
                    before
                        .exprs
                        .extend(outer.exc.as_deref().filter(|exc| exc.range() != range));
                }
                AnyNodeRef::StmtAssert(outer) if outer.test.range() != range => {
                    before.exprs.push(&outer.test);
                    before.conditional = true;
                }
                AnyNodeRef::StmtWith(outer) => before.exprs.extend(
                    outer
                        .items
                        .iter()
                        .map(|item| &item.context_expr)
                        .filter(|other| other.end() <= range.start()),
                ),
                _ => {}
            }
            if node.is_statement() {
                return Some(before);
            }
            child = id;
        }
        None
    }

    /// A name for a temporary at a node: `wanted`, or `wanted_2`, `wanted_3`, ... when that one is bound or read anywhere in the
    /// function, or in the module when the node stands outside of functions.
    pub fn fresh_name(&self, wanted: &str, at: NodeId) -> String {
        let mut owner = NodeId(0);
        for (id, node) in self.ancestors(at) {
            if matches!(node, AnyNodeRef::StmtFunctionDef(_)) {
                owner = id;
                break;
            }
        }
        let is_taken = |name: &str| {
            self.references_in(owner)
                .iter()
                .any(|reference| reference.name.id == name)
                || self.bindings_within(owner).iter().any(|binding| binding.name == name)
        };
        let numbered = (2..).map(|number| format!("{wanted}_{number}"));
        std::iter::once(wanted.to_owned())
            .chain(numbered)
            .find(|name| !is_taken(name))
            .expect("the numbers do not end")
    }
}

/// Whether a condition that is true has given a name its value: `(k := d.get("k")) and (j := d.get("j"))` both.
fn names_when_true(test: &Expr, name: &str) -> bool {
    let names = |test: &Expr| names_when_true(test, name);
    match test {
        Expr::Named(named) => named.target.as_name_expr().is_some_and(|target| target.id == name),
        Expr::BoolOp(all) if all.op == ast::BoolOp::And => all.values.iter().any(names),
        Expr::BoolOp(any) => names(&any.values[0]),
        // What is compared or negated need not be true: of `(a and b) == c`, `b` need not be evaluated.
        Expr::Compare(compare) => compare.left.is_named_expr() && names(&compare.left),
        Expr::UnaryOp(inner) => inner.operand.is_named_expr() && names(&inner.operand),
        _ => false,
    }
}

/// A literal, a negative number, or a tuple or slice of such.
fn is_constant(expr: &Expr) -> bool {
    match expr {
        Expr::UnaryOp(unary) => unary.op == UnaryOp::USub && unary.operand.is_number_literal_expr(),
        Expr::Tuple(tuple) => tuple.elts.iter().all(is_constant),
        Expr::Slice(slice) => [&slice.lower, &slice.upper, &slice.step]
            .into_iter()
            .flatten()
            .all(|part| is_constant(part)),
        _ => expr.is_literal_expr(),
    }
}

fn is_zero(number: &ast::Number) -> bool {
    match number {
        ast::Number::Int(int) => int.as_u64() == Some(0),
        ast::Number::Float(float) => *float == 0.0,
        ast::Number::Complex { .. } => true,
    }
}

/// Whether a qualified name is that of one of [`ASYNCIO_COROUTINES`].
fn is_asyncio_coroutine(qualified: &str) -> bool {
    qualified
        .strip_prefix("asyncio.")
        .is_some_and(|name| ASYNCIO_COROUTINES.contains(&name))
}

/// Coroutine functions of `asyncio`, by name: `async def` in its source on every Python from 3.8 to 3.14.
pub const ASYNCIO_COROUTINES: &[&str] = &[
    "create_subprocess_exec",
    "create_subprocess_shell",
    "open_connection",
    "open_unix_connection",
    "sleep",
    "start_server",
    "start_unix_server",
    "to_thread",
    "wait",
    "wait_for",
];

#[cfg(test)]
mod tests {
    use ruff_python_ast::PythonVersion;

    use super::*;
    use crate::module::Module;
    use crate::source::Source;

    /// The purity of the value of the assignment to `x`.
    #[track_caller]
    fn check(text: &str, expected: Purity) {
        let module = Module::parse(&Source::module(text), PythonVersion::PY313).expect("it parses");
        let model = SemanticModel::build(&module);
        let value = model.bindings().iter().rev().find_map(|binding| match binding.kind {
            BindingKind::Assignment(value) if binding.name == "x" => Some(value),
            _ => None,
        });
        assert_eq!(model.purity(value.expect("`x` is assigned")), expected, "{text}");
    }

    #[test]
    fn purity_of_expressions() {
        check("def f(a):\n    x = (1, 'a', a, [a], {'k': a})\n", Purity::Total);
        check("def f(a: str, n: int):\n    x = f'{a}/{n + 1}'\n", Purity::Total);
        check("def f(a):\n    x = f'{a}'\n", Purity::Cheap);
        check("def f(a):\n    x = a.b.c[0]['k'][-1]\n", Purity::Cheap);
        check("def f(a, i):\n    x = a[i]\n", Purity::Operator);
        check("def f(a):\n    x = a + 1\n", Purity::Operator);
        check("def f(a: int):\n    x = 1 / a\n", Purity::Operator);
        check("def f(a):\n    x = len(a)\n", Purity::Operator);
        check(
            "async def g(a): ...\ndef f(a):\n    x = [g(a), lambda: h()]\n",
            Purity::Inert,
        );
        check("def g(a): ...\ndef f(a):\n    x = g(a)\n", Purity::Effectful);
        check("async def f(a):\n    x = [a, await a]\n", Purity::Effectful);
        check("def f(a):\n    x = [y for y in a]\n", Purity::Operator);
    }

    #[test]
    fn names_bound_on_every_path() {
        check("def f():\n    y = 1\n    x = y\n", Purity::Total);
        check("def f():\n    x = y\n    y = 1\n", Purity::Cheap);
        check("def f(a):\n    if a:\n        y = 1\n    x = y\n", Purity::Cheap);
        check(
            "def f(a):\n    if a:\n        y = 1\n    else:\n        return\n    x = y\n",
            Purity::Total,
        );
        check(
            "def f(a):\n    try:\n        y = a()\n    except ValueError:\n        pass\n    x = y\n",
            Purity::Cheap,
        );
        check(
            "def f(a):\n    try:\n        y = a()\n    except ValueError as e:\n        x = e\n",
            Purity::Total,
        );
        check("def f(a):\n    y = 1\n    del y\n    x = y\n", Purity::Cheap);
        check("def f(a):\n    for y in a:\n        x = y\n", Purity::Total);
        check("def f(a):\n    for y in a:\n        pass\n    x = y\n", Purity::Cheap);
        check("def f(a):\n    with a as y:\n        x = y\n", Purity::Total);
        check("def f():\n    x = Y, len\nY = 1\n", Purity::Total);
        check("from z import *\ndef f():\n    x = y\n", Purity::Cheap);
    }

    #[test]
    fn fresh_names_are_not_taken() {
        let text = "def f(a):\n    value = a\n    value_2 = a\n    print(a)\n";
        let module = Module::parse(&Source::module(text), PythonVersion::PY313).expect("it parses");
        let model = SemanticModel::build(&module);
        let call = model.id(model.calls().next().expect("a call"));
        assert_eq!(model.fresh_name("value", call), "value_3");
        assert_eq!(model.fresh_name("result", call), "result");
        assert_eq!(model.fresh_name("print", call), "print_2");
    }
}
