//! What is known of the elements of a builtin container or string: by annotations (`list[int]`), displays, `range`.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr};
use ruff_text_size::Ranged;

use super::types::{STR_TO_LIST, Type};
use super::{Binding, BindingKind, NodeId, SemanticModel};

impl<'a> SemanticModel<'a> {
    /// The class of `value[index]`.
    pub(super) fn infer_subscript(&self, subscript: &ast::ExprSubscript, steps: usize) -> Type<'a> {
        let is_slice = subscript.slice.is_slice_expr();
        match (self.infer(&subscript.value, steps + 1), is_slice) {
            (Type::Scalar("str"), _) => Type::Scalar("str"),
            (Type::Scalar("bytes"), true) => Type::Scalar("bytes"),
            (Type::Scalar("bytes"), false) => Type::Scalar("int"),
            (Type::Container("dict"), false) => self.value_type(&subscript.value, steps + 1),
            (Type::Container(_), false) => self.element_type(&subscript.value, steps + 1),
            (Type::Container(name), true) => Type::Container(name),
            _ => Type::Unknown,
        }
    }

    /// What iterating over an expression gives; the keys of a dictionary.
    pub(super) fn element_type(&self, expr: &Expr, steps: usize) -> Type<'a> {
        match expr {
            Expr::List(list) => self.common(&list.elts, steps),
            Expr::Tuple(tuple) => self.common(&tuple.elts, steps),
            Expr::Set(set) => self.common(&set.elts, steps),
            Expr::Dict(dict) if dict.items.iter().all(|item| item.key.is_some()) => {
                let keys = dict.items.iter().filter_map(|item| item.key.as_ref());
                self.common(keys, steps)
            }
            Expr::Call(call) => {
                let is = |name: &str| self.is_builtin(&call.func, name);
                if is("range") {
                    return Type::Scalar("int");
                }
                if let Expr::Attribute(method) = &*call.func {
                    let receiver = self.infer(&method.value, steps + 1);
                    return match (receiver, method.attr.as_str()) {
                        (Type::Scalar("str"), name) if STR_TO_LIST.contains(&name) => Type::Scalar("str"),
                        (Type::Container("dict"), "keys") => self.element_type(&method.value, steps + 1),
                        (Type::Container("dict"), "values") => self.value_type(&method.value, steps + 1),
                        _ => Type::Unknown,
                    };
                }
                match call.arguments.args.first() {
                    Some(first)
                        if ["sorted", "list", "tuple", "set", "reversed"]
                            .iter()
                            .any(|name| is(name)) =>
                    {
                        self.element_type(first, steps + 1)
                    }
                    _ => Type::Unknown,
                }
            }
            Expr::ListComp(inner) => self.infer(&inner.elt, steps + 1),
            Expr::SetComp(inner) => self.infer(&inner.elt, steps + 1),
            Expr::Generator(inner) => self.infer(&inner.elt, steps + 1),
            _ if self.infer(expr, steps + 1) == Type::Scalar("str") => Type::Scalar("str"),
            _ => match self.annotated_elements(expr, 0, steps) {
                Type::Unknown => match self.collected_elements(expr, steps) {
                    Type::Unknown => self.passed_elements(expr, steps),
                    known => known,
                },
                known => known,
            },
        }
    }

    /// What the elements of a parameter are by all calls of its function, in a module that is a script: nobody imports it to call more.
    fn passed_elements(&self, expr: &Expr, steps: usize) -> Type<'a> {
        let Expr::Name(name) = expr else { return Type::Unknown };
        let Some(passed) = self.passed_to(name) else {
            return Type::Unknown;
        };
        let mut agreed: Option<Type<'a>> = None;
        for argument in passed.into_iter().filter(|argument| !is_empty(argument)) {
            match (self.element_type(argument, steps + 1), &agreed) {
                (Type::Unknown, _) => return Type::Unknown,
                (type_, Some(other)) if type_ != *other => return Type::Unknown,
                (type_, _) => agreed = Some(type_),
            }
        }
        agreed.unwrap_or(Type::Unknown)
    }

    /// The elements of a list of the function's own that is only iterated over and appended to: all that it is made of must agree.
    fn collected_elements(&self, expr: &Expr, steps: usize) -> Type<'a> {
        let Expr::Name(name) = expr else { return Type::Unknown };
        let scope = self.scope_of(self.id(name));
        let Some(binding) = self.sole_binding(&name.id, scope) else {
            return Type::Unknown;
        };
        let BindingKind::Assignment(made) = binding.kind else {
            return Type::Unknown;
        };
        let mut agreed = match made {
            Expr::List(list) if list.elts.is_empty() => None,
            Expr::List(_) | Expr::ListComp(_) => Some(self.element_type(made, steps + 1)),
            Expr::Call(_) if self.infer(made, steps + 1) == Type::Container("list") => {
                Some(self.element_type(made, steps + 1))
            }
            _ => return Type::Unknown,
        };
        for reference in self.references_like(name) {
            let at = reference.name.range();
            let added = match self.node(self.parent(reference.node)) {
                AnyNodeRef::StmtFor(inner) if inner.iter.range() == at => continue,
                AnyNodeRef::Comprehension(inner) if inner.iter.range() == at => continue,
                AnyNodeRef::ExprSubscript(element) if element.ctx.is_load() && element.value.range() == at => continue,
                AnyNodeRef::StmtReturn(_) | AnyNodeRef::StmtIf(_) | AnyNodeRef::ExprCompare(_) => continue,
                AnyNodeRef::Arguments(_) if self.is_only_looked_at(reference.node) => continue,
                AnyNodeRef::ExprAttribute(method) if method.attr.as_str() == "append" => {
                    match self.node(self.parent(self.parent(reference.node))) {
                        AnyNodeRef::ExprCall(call) if call.func.range() == method.range() => {
                            self.common(&call.arguments.args, steps)
                        }
                        _ => return Type::Unknown,
                    }
                }
                _ => return Type::Unknown,
            };
            match &agreed {
                None => agreed = Some(added),
                Some(known) if *known == added => {}
                Some(_) => return Type::Unknown,
            }
        }
        agreed.unwrap_or(Type::Unknown)
    }

    /// Whether a list is handed to a builtin that leaves it as it is, or to `join`.
    fn is_only_looked_at(&self, argument: NodeId) -> bool {
        let AnyNodeRef::ExprCall(call) = self.node(self.parent(self.parent(argument))) else {
            return false;
        };
        let is_join = matches!(&*call.func, Expr::Attribute(method) if method.attr.as_str() == "join" && method.value.is_string_literal_expr());
        is_join
            || self.builtin(&call.func).is_some_and(|name| {
                [
                    "all",
                    "any",
                    "enumerate",
                    "len",
                    "list",
                    "max",
                    "min",
                    "reversed",
                    "set",
                    "sorted",
                    "sum",
                    "tuple",
                    "zip",
                ]
                .contains(&name)
            })
    }

    fn value_type(&self, expr: &Expr, steps: usize) -> Type<'a> {
        match expr {
            Expr::Dict(dict) if dict.items.iter().all(|item| item.key.is_some()) => {
                self.common(dict.items.iter().map(|item| &item.value), steps)
            }
            _ => self.annotated_elements(expr, 1, steps),
        }
    }

    /// The arguments of the annotation of a name: all of a tuple's must agree; of a dictionary's, the one with this index.
    fn annotated_elements(&self, expr: &Expr, index: usize, steps: usize) -> Type<'a> {
        let Expr::Name(name) = expr else { return Type::Unknown };
        let Some(binding) = self.sole_binding(&name.id, self.scope_of(self.id(name))) else {
            return Type::Unknown;
        };
        let annotation = match binding.kind {
            BindingKind::Parameter(parameter) => parameter.annotation.as_deref(),
            BindingKind::Annotated(assign) => Some(&*assign.annotation),
            _ => None,
        };
        if let (Some(container), Some(annotation)) = (self.variadic(binding), annotation) {
            return match (container, index) {
                ("dict", 0) => Type::Scalar("str"),
                _ => self.annotation(annotation, steps + 1),
            };
        }
        let Some(Expr::Subscript(generic)) = annotation else {
            return Type::Unknown;
        };
        let container = self.container_named(&generic.value);
        let is = |name: &str| container == Some(name);
        match &*generic.slice {
            Expr::Tuple(pair) if is("dict") => pair
                .elts
                .get(index)
                .map_or(Type::Unknown, |element| self.annotation(element, steps + 1)),
            Expr::Tuple(elements) if is("tuple") => {
                let mut types = elements
                    .elts
                    .iter()
                    .filter(|element| !element.is_ellipsis_literal_expr())
                    .map(|element| self.annotation(element, steps + 1));
                let first = types.next().unwrap_or(Type::Unknown);
                if types.all(|other| other == first) {
                    first
                } else {
                    Type::Unknown
                }
            }
            element if is("list") || is("set") || is("tuple") => self.annotation(element, steps + 1),
            _ => Type::Unknown,
        }
    }

    fn common<'e>(&self, elements: impl IntoIterator<Item = &'e Expr>, steps: usize) -> Type<'a> {
        let mut types = elements.into_iter().map(|element| self.infer(element, steps + 1));
        let first = types.next().unwrap_or(Type::Unknown);
        if types.all(|other| other == first) {
            first
        } else {
            Type::Unknown
        }
    }

    /// The class of a loop variable.
    pub(super) fn loop_variable(&self, binding: &Binding<'a>, steps: usize) -> Type<'a> {
        let Some((target, iter)) = self.iteration_of(binding) else {
            return Type::Unknown;
        };
        match target {
            Expr::Name(name) if name.range() == binding.range => self.element_type(iter, steps + 1),
            Expr::Tuple(tuple) if !tuple.elts.iter().any(Expr::is_starred_expr) => {
                let mut parts = tuple.elts.iter();
                let position = parts.position(|part| part.is_name_expr() && part.range() == binding.range);
                position.map_or(Type::Unknown, |position| self.part_type(iter, position, steps))
            }
            _ => Type::Unknown,
        }
    }

    /// The loop or comprehension that binds a name: its target and what it goes over.
    pub(super) fn iteration_of(&self, binding: &Binding<'a>) -> Option<(&'a Expr, &'a Expr)> {
        let around = self.ancestors(binding.node).map(|(_, node)| node);
        let mut around =
            around.skip_while(|node| node.is_expr_tuple() || node.is_expr_list() || node.is_expr_starred());
        let (target, iter) = match around.next()? {
            AnyNodeRef::Comprehension(inner) if !inner.is_async => (&inner.target, &inner.iter),
            AnyNodeRef::StmtFor(inner) if !inner.is_async => (&*inner.target, &*inner.iter),
            _ => return None,
        };
        target.range().contains_range(binding.range).then_some((target, iter))
    }

    /// The class of one part of the tuples that iterating over a call gives: `enumerate(x)`, `zip(a, b)`, `d.items()`.
    fn part_type(&self, iter: &Expr, position: usize, steps: usize) -> Type<'a> {
        let Expr::Call(call) = iter else { return Type::Unknown };
        let arguments = &call.arguments.args;
        match (&*call.func, position) {
            (func, 0) if self.is_builtin(func, "enumerate") => Type::Scalar("int"),
            (func, 1) if self.is_builtin(func, "enumerate") => match arguments.first() {
                Some(counted) => self.element_type(counted, steps + 1),
                None => Type::Unknown,
            },
            (func, _) if self.is_builtin(func, "zip") => match arguments.get(position) {
                Some(zipped) if !zipped.is_starred_expr() => self.element_type(zipped, steps + 1),
                _ => Type::Unknown,
            },
            (Expr::Attribute(method), 0 | 1) if method.attr.as_str() == "items" && arguments.is_empty() => {
                match (self.infer(&method.value, steps + 1), position) {
                    (Type::Container("dict"), 0) => self.element_type(&method.value, steps + 1),
                    (Type::Container("dict"), _) => self.value_type(&method.value, steps + 1),
                    _ => Type::Unknown,
                }
            }
            _ => Type::Unknown,
        }
    }

    /// What a builtin function returns for these arguments.
    pub(super) fn infer_builtin_call(&self, name: &str, call: &ast::ExprCall, steps: usize) -> Type<'a> {
        match name {
            "str" | "repr" | "chr" | "hex" | "bin" | "oct" | "ascii" | "format" => Type::Scalar("str"),
            "int" | "len" | "ord" | "hash" | "id" => Type::Scalar("int"),
            "float" => Type::Scalar("float"),
            "bool" | "isinstance" | "issubclass" | "callable" | "any" | "all" => Type::Scalar("bool"),
            "list" | "sorted" => Type::Container("list"),
            "dict" => Type::Container("dict"),
            "set" => Type::Container("set"),
            "tuple" => Type::Container("tuple"),
            "iter" => match call.arguments.args.first().map(|first| self.infer(first, steps + 1)) {
                Some(Type::Instance(class))
                    if call.arguments.len() == 1 && self.returns_itself(class, &["__iter__"]) =>
                {
                    Type::Instance(class)
                }
                _ => Type::Unknown,
            },
            "abs" | "min" | "max" | "round" => {
                match (self.common(&call.arguments.args, steps), call.arguments.args.len()) {
                    (Type::Scalar(name @ ("int" | "float")), _) => Type::Scalar(name),
                    _ => Type::Unknown,
                }
            }
            _ => Type::Unknown,
        }
    }
}

/// `[]`, `()`: the elements of nothing are of any class.
fn is_empty(expr: &Expr) -> bool {
    match expr {
        Expr::List(list) => list.elts.is_empty(),
        Expr::Tuple(tuple) => tuple.elts.is_empty(),
        _ => false,
    }
}
