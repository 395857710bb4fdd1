//! Code that runs though nothing calls it by its name: what a loop goes over, the methods behind operators, formats and truth tests,
//! properties, and functions that are handed to something else, which calls them.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, InterpolatedStringElement};
use ruff_text_size::{Ranged, TextRange};

use super::names::{is_standard, map_callable};
use super::types::{Type, TypeOracle};
use super::{Binding, BindingKind, NodeId, SemanticModel};

/// How an object comes to run code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// Its elements are taken.
    Iterated,
    /// One of these methods runs.
    Method(&'static [&'static str]),
    /// An attribute of it is read.
    Read,
    /// It is handed over, and called.
    CalledBack,
}

/// An object that may run code where a node is evaluated.
#[derive(Clone, Copy, Debug)]
pub struct Implied<'a> {
    pub object: &'a Expr,
    pub by: By,
}

/// What is known of the code that gives the elements of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Elements {
    /// They are there, or are computed by code that is looked at where it stands.
    Known,
    Unknown,
    /// A generator, or an iterator over one, computes each of them when it is asked for.
    Lazy,
}

/// Builtins that take the elements of what they are given.
const ITERATING: &[&str] = &[
    "all",
    "any",
    "dict",
    "enumerate",
    "filter",
    "frozenset",
    "iter",
    "list",
    "map",
    "next",
    "set",
    "sorted",
    "sum",
    "tuple",
    "zip",
];

/// Methods of builtin values and files that do.
const ITERATING_METHODS: &[&str] = &["extend", "join", "writelines", "writerows"];

/// Builtins that give an iterator over what they are given.
const LAZY: &[&str] = &["enumerate", "filter", "iter", "map", "reversed", "zip"];

/// Keywords by which functions of the standard library are given what they call.
pub const CALLBACKS: &[&str] = &[
    "callback",
    "copy_function",
    "default",
    "filter",
    "ignore",
    "key",
    "object_hook",
    "object_pairs_hook",
    "onerror",
    "onexc",
    "preexec_fn",
    "reporthook",
];

const FORMATTING: &[&str] = &["__format__", "__str__", "__repr__"];
const OPERATING: &[&str] = &[
    "__add__",
    "__radd__",
    "__sub__",
    "__rsub__",
    "__mul__",
    "__rmul__",
    "__truediv__",
    "__rtruediv__",
    "__mod__",
    "__or__",
    "__and__",
];
const COMPARING: &[&str] = &["__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__"];
const TESTING: &[&str] = &["__bool__", "__len__"];
const CONTAINING: &[&str] = &["__contains__", "__iter__", "__getitem__"];
const GETTING: &[&str] = &["__getitem__", "__missing__"];
const SIZING: &[&str] = &["__len__"];
const HASHING: &[&str] = &["__hash__"];

/// Classes by which an annotation says that the elements are there.
const COLLECTIONS: &[&str] = &[
    "Collection",
    "Counter",
    "DefaultDict",
    "Dict",
    "FrozenSet",
    "List",
    "Mapping",
    "MutableMapping",
    "MutableSequence",
    "MutableSet",
    "None",
    "OrderedDict",
    "Sequence",
    "Set",
    "Tuple",
    "AbstractSet",
    "bytearray",
    "bytes",
    "defaultdict",
    "deque",
    "dict",
    "frozenset",
    "list",
    "range",
    "set",
    "str",
    "tuple",
];

impl<'a> SemanticModel<'a> {
    /// The objects of which evaluating this node itself, and not its parts, may run code.
    pub fn implied(&self, node: AnyNodeRef<'a>) -> Vec<Implied<'a>> {
        let of = |by: By, object: &'a Expr| Implied { object, by };
        let iterated = |object: &'a Expr| of(By::Iterated, object);
        match node {
            AnyNodeRef::StmtFor(stmt) if !stmt.is_async => vec![iterated(&stmt.iter)],
            AnyNodeRef::Comprehension(part) if !part.is_async => vec![iterated(&part.iter)],
            AnyNodeRef::ExprStarred(starred) if starred.ctx.is_load() => vec![iterated(&starred.value)],
            AnyNodeRef::ExprYieldFrom(inner) => vec![iterated(&inner.value)],
            AnyNodeRef::StmtAssign(assign)
                if assign.targets.iter().any(|to| to.is_tuple_expr() || to.is_list_expr()) =>
            {
                vec![iterated(&assign.value)]
            }
            AnyNodeRef::ExprCall(call) => self.implied_by_call(call),
            AnyNodeRef::ExprFString(text) => text
                .value
                .elements()
                .filter_map(InterpolatedStringElement::as_interpolation)
                .map(|part| of(By::Method(FORMATTING), &part.expression))
                .collect(),
            AnyNodeRef::ExprBinOp(both) => {
                let by = match &*both.left {
                    Expr::StringLiteral(_) => By::Method(FORMATTING),
                    _ => By::Method(OPERATING),
                };
                match &*both.right {
                    Expr::Tuple(tuple) if both.left.is_string_literal_expr() => {
                        tuple.elts.iter().map(|part| of(by, part)).collect()
                    }
                    right => vec![of(by, &both.left), of(by, right)],
                }
            }
            AnyNodeRef::ExprCompare(compare) => self.implied_by_comparison(compare),
            AnyNodeRef::ExprBoolOp(inner) => inner
                .values
                .iter()
                .map(|value| of(By::Method(TESTING), value))
                .collect(),
            AnyNodeRef::ExprUnaryOp(inner) => vec![of(By::Method(TESTING), &inner.operand)],
            AnyNodeRef::ExprIf(inner) => vec![of(By::Method(TESTING), &inner.test)],
            AnyNodeRef::StmtIf(stmt) => std::iter::once(&*stmt.test)
                .chain(stmt.elif_else_clauses.iter().filter_map(|clause| clause.test.as_ref()))
                .map(|test| of(By::Method(TESTING), test))
                .collect(),
            AnyNodeRef::StmtWhile(stmt) => vec![of(By::Method(TESTING), &stmt.test)],
            AnyNodeRef::ExprSubscript(item) if item.ctx.is_load() => vec![of(By::Method(GETTING), &item.value)],
            AnyNodeRef::ExprAttribute(attribute) if attribute.ctx.is_load() => {
                vec![of(By::Read, &attribute.value)]
            }
            _ => Vec::new(),
        }
    }

    fn implied_by_call(&self, call: &'a ast::ExprCall) -> Vec<Implied<'a>> {
        let all = |by: By, objects: &'a [Expr]| objects.iter().map(move |object| Implied { object, by });
        let args = &*call.arguments.args;
        let mut found = Vec::new();
        let mut takes_function = false;
        if let Some(name) = self.builtin(&call.func) {
            takes_function = matches!(name, "map" | "filter");
            match name {
                "str" | "repr" | "format" | "print" => found.extend(all(By::Method(FORMATTING), args)),
                "len" => found.extend(all(By::Method(SIZING), args)),
                "bool" => found.extend(all(By::Method(TESTING), args)),
                "hash" => found.extend(all(By::Method(HASHING), args)),
                "getattr" => found.extend(all(By::Read, &args[..args.len().min(1)])),
                "min" | "max" if args.len() == 1 => found.extend(all(By::Iterated, args)),
                _ if takes_function => found.extend(all(By::Iterated, args.get(1..).unwrap_or_default())),
                "zip" => found.extend(all(By::Iterated, args)),
                _ if ITERATING.contains(&name) => found.extend(all(By::Iterated, args).take(1)),
                _ => {}
            }
        } else if let Expr::Attribute(method) = &*call.func
            && ITERATING_METHODS.contains(&method.attr.as_str())
            && !self.imported_root(&method.value)
        {
            found.extend(all(By::Iterated, args));
        }
        let keywords = call.arguments.keywords.iter();
        let named = keywords.filter(|keyword| keyword.arg.as_deref().is_some_and(|name| CALLBACKS.contains(&name)));
        let by_position = args.iter().take(usize::from(takes_function));
        let certain = by_position.chain(named.map(|keyword| &keyword.value));
        let handed = call.arguments.iter_source_order().map(|argument| argument.value());
        let handed = handed.filter(|value| {
            self.function_of(value)
                .is_some_and(|function| !self.is_property(function))
        });
        let mut seen: Vec<TextRange> = Vec::new();
        for object in certain.chain(handed) {
            if !seen.contains(&object.range()) {
                seen.push(object.range());
                found.push(Implied {
                    object,
                    by: By::CalledBack,
                });
            }
        }
        found
    }

    fn implied_by_comparison(&self, compare: &'a ast::ExprCompare) -> Vec<Implied<'a>> {
        let mut found = Vec::new();
        let mut left = &*compare.left;
        for (op, right) in compare.ops.iter().zip(&compare.comparators) {
            match op {
                ast::CmpOp::Is | ast::CmpOp::IsNot => {}
                ast::CmpOp::In | ast::CmpOp::NotIn => found.push(Implied {
                    object: right,
                    by: By::Method(CONTAINING),
                }),
                _ => found.extend([left, right].map(|object| Implied {
                    object,
                    by: By::Method(COMPARING),
                })),
            }
            left = right;
        }
        found
    }

    /// The functions of this module that an object may run in one of these ways: those of its class, and where that is not known, those of any
    /// class here.
    pub fn functions_implied(&self, implied: &Implied<'a>, attribute: Option<&str>) -> Vec<&'a ast::StmtFunctionDef> {
        let names: Vec<&str> = match implied.by {
            By::Iterated => vec!["__iter__", "__next__", "__getitem__"],
            By::Method(names) => names.to_vec(),
            By::Read => attribute.into_iter().chain(["__getattr__"]).collect(),
            By::CalledBack => {
                return match implied.object {
                    Expr::Attribute(method) => self
                        .class_of(&method.value)
                        .map(|class| self.method_candidates(class, &method.attr))
                        .unwrap_or_default(),
                    object => self.function_of(object).into_iter().collect(),
                };
            }
        };
        let mut found = Vec::new();
        for name in names {
            let mut methods = self
                .methods_named(name)
                .filter(|(_, method)| {
                    implied.by != By::Read || name == "__getattr__" || self.is_computed_attribute(method)
                })
                .peekable();
            if methods.peek().is_none() {
                continue;
            }
            let of_class = match self.type_of(implied.object) {
                Type::Scalar(_) | Type::Container(_) | Type::Foreign(_) => return Vec::new(),
                Type::Instance(class) => Some(class),
                Type::Unknown => None,
            };
            found.extend(methods.filter_map(|(owner, method)| {
                let is_it = of_class.is_none_or(|class| {
                    std::ptr::eq(owner, class)
                        || self.derives_from(class, owner, 0)
                        || self.derives_from(owner, class, 0)
                });
                is_it.then_some(method)
            }));
        }
        found
    }

    fn is_computed_attribute(&self, method: &ast::StmtFunctionDef) -> bool {
        self.is_property(method)
            || method.decorator_list.iter().any(|decorator| {
                self.qualified_name(&decorator.expression)
                    .is_some_and(|name| name == "functools.cached_property")
            })
    }

    /// What gives the elements of an object when they are taken by code of this range, which is looked at as a whole.
    pub fn elements(&self, object: &Expr, range: TextRange) -> Elements {
        self.elements_within(object, range, &mut Vec::new())
    }

    fn elements_within(&self, object: &Expr, range: TextRange, seen: &mut Vec<NodeId>) -> Elements {
        match self.type_of(object) {
            Type::Scalar(_) | Type::Container(_) => return Elements::Known,
            Type::Foreign(class) if class == "sqlite3.Cursor" => return Elements::Lazy,
            Type::Foreign(class) if class.starts_with("sqlite3.") => return Elements::Unknown,
            Type::Foreign(class) if is_standard(&class) => return Elements::Known,
            // What its methods do is looked at.
            Type::Instance(class) if self.hierarchy_is_plain(class) => return Elements::Known,
            _ => {}
        }
        let mut of = |part: &Expr| self.elements_within(part, range, seen);
        let is_inside = range.contains_range(object.range());
        match object {
            Expr::Generator(_) if !is_inside => Elements::Lazy,
            Expr::Call(_) | Expr::Generator(_) if is_inside => Elements::Known,
            Expr::Call(call) => self.elements_of_call(call, range, seen),
            Expr::BoolOp(inner) => worst(inner.values.iter().map(of)),
            Expr::If(inner) => worst([&inner.body, &inner.orelse].map(|part| of(part))),
            Expr::Named(inner) => of(&inner.value),
            Expr::BinOp(inner) => worst([&inner.left, &inner.right].map(|part| of(part))),
            Expr::Starred(inner) => of(&inner.value),
            Expr::Name(name) => {
                let bindings = self.resolve(&name.id, self.scope_of(self.id(name)));
                let mut bindings = bindings.peekable();
                if bindings.peek().is_none() {
                    return Elements::Unknown;
                }
                worst(bindings.map(|binding| self.elements_of_binding(binding, range, seen)))
            }
            // A part of what the code itself has made; a slice holds its elements if what it is cut from does.
            Expr::Attribute(_) | Expr::Subscript(_) if self.is_part_of_own(object, range) => Elements::Known,
            Expr::Subscript(part) if part.slice.is_slice_expr() => of(&part.value),
            // `sys.argv`
            Expr::Attribute(_) if self.qualified_name(object).is_some_and(|name| is_standard(&name)) => Elements::Known,
            _ => Elements::Unknown,
        }
    }

    /// Whether an attribute or item is that of an object that code of this range makes or gets by a call.
    fn is_part_of_own(&self, object: &Expr, range: TextRange) -> bool {
        let mut root = object;
        loop {
            root = match root {
                Expr::Attribute(attribute) => &attribute.value,
                Expr::Subscript(item) => &item.value,
                _ => break,
            };
        }
        match root {
            Expr::Call(_) => range.contains_range(root.range()),
            Expr::Name(name) => {
                let mut bindings = self.resolve(&name.id, self.scope_of(self.id(name))).peekable();
                bindings.peek().is_some()
                    && bindings.all(|binding| {
                        let is_given = matches!(binding.kind, BindingKind::Parameter(_));
                        let is_alias = matches!(binding.kind, BindingKind::Assignment(value) if !value.is_call_expr());
                        !is_given && !is_alias && range.contains_range(binding.range)
                    })
            }
            _ => false,
        }
    }

    /// Of a call that others have made before.
    fn elements_of_call(&self, call: &ast::ExprCall, range: TextRange, seen: &mut Vec<NodeId>) -> Elements {
        if self
            .function_called(&call.func)
            .is_some_and(|function| self.is_generator(function))
        {
            return Elements::Lazy;
        }
        if LAZY.iter().any(|name| self.is_builtin(&call.func, name)) {
            let runs_code = |part: &Expr| {
                part.is_lambda_expr() || self.function_of(part).is_some_and(|function| !function.is_async)
            };
            if call.arguments.args.iter().any(runs_code) {
                return Elements::Lazy;
            }
            let parts = call.arguments.args.iter();
            let parts = parts.filter(|part| self.builtin(part).is_none());
            return worst(parts.map(|part| self.elements_within(part, range, seen)));
        }
        let is_plain = self.builtin(&call.func).is_some()
            || self
                .qualified_name(map_callable(&call.func))
                .is_some_and(|name| is_standard(&name));
        if is_plain { Elements::Known } else { Elements::Unknown }
    }

    fn elements_of_binding(&self, binding: &Binding<'a>, range: TextRange, seen: &mut Vec<NodeId>) -> Elements {
        // A value that is made of itself adds nothing.
        if seen.contains(&binding.node) {
            return Elements::Known;
        }
        seen.push(binding.node);
        let mut of = |value: &Expr| self.elements_within(value, range, seen);
        match binding.kind {
            BindingKind::Assignment(value) => of(value),
            BindingKind::Annotated(assign) if is_collection(&assign.annotation) => Elements::Known,
            BindingKind::Annotated(assign) => assign.value.as_deref().map_or(Elements::Known, of),
            BindingKind::Parameter(parameter) if parameter.annotation.as_deref().is_some_and(is_collection) => {
                Elements::Known
            }
            BindingKind::AugAssignment => Elements::Known,
            // A part of what the code itself has made, or taken from elsewhere.
            BindingKind::With(..) | BindingKind::Other if range.contains_range(binding.range) => Elements::Known,
            _ => Elements::Unknown,
        }
    }
}

/// Whether an annotation names a class whose instances hold their elements.
fn is_collection(annotation: &Expr) -> bool {
    match annotation {
        Expr::BinOp(union) => is_collection(&union.left) && is_collection(&union.right),
        Expr::NoneLiteral(_) => true,
        Expr::Name(name) => COLLECTIONS.contains(&name.id.as_str()),
        Expr::Attribute(name) => COLLECTIONS.contains(&name.attr.as_str()),
        Expr::StringLiteral(quoted) => {
            let text = quoted.value.to_str();
            let class = text.split(['[', ' ', '|']).next().unwrap_or_default();
            COLLECTIONS.contains(&class.rsplit('.').next().unwrap_or_default())
        }
        Expr::Subscript(generic) => {
            let name = match &*generic.value {
                Expr::Name(name) => name.id.as_str(),
                Expr::Attribute(name) => name.attr.as_str(),
                _ => return false,
            };
            match (name, &*generic.slice) {
                ("Annotated", Expr::Tuple(parts)) => parts.elts.first().is_some_and(is_collection),
                ("Optional" | "Final", inner) => is_collection(inner),
                ("Union", Expr::Tuple(parts)) => parts.elts.iter().all(is_collection),
                _ => COLLECTIONS.contains(&name),
            }
        }
        _ => false,
    }
}

fn worst(parts: impl IntoIterator<Item = Elements>) -> Elements {
    parts
        .into_iter()
        .fold(Elements::Known, |worst, part| match (worst, part) {
            (Elements::Lazy, _) | (_, Elements::Lazy) => Elements::Lazy,
            (Elements::Unknown, _) | (_, Elements::Unknown) => Elements::Unknown,
            _ => Elements::Known,
        })
}
