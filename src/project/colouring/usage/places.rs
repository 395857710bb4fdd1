//! Where a use stands: in whose frame it runs, whether it could be awaited there, and what becomes of what it gives.

use ruff_text_size::TextSize;

use super::*;

/// Builtins that take all elements of what they iterate over, and do nothing before they have them.
const EAGER: &[&str] = &[
    "dict",
    "frozenset",
    "list",
    "max",
    "min",
    "set",
    "sorted",
    "sum",
    "tuple",
];

/// Builtins that take the elements of what they are given one by one, or some of them.
const STEPPING: &[&str] = &[
    "all",
    "any",
    "enumerate",
    "filter",
    "iter",
    "map",
    "next",
    "reversed",
    "zip",
];

impl<'a> Finder<'_, '_, 'a> {
    /// What becomes of what an expression gives.
    pub(super) fn taken(&self, id: NodeId) -> Taken {
        let model = self.ctx.model;
        let range = model.node(id).range();
        let parent = model.parent(id);
        match model.node(parent) {
            AnyNodeRef::StmtFor(stmt) if stmt.iter.range() == range => Taken::For(stmt.range()),
            AnyNodeRef::Comprehension(part) if part.iter.range() == range => Taken::Part(part.range()),
            AnyNodeRef::WithItem(_) => match model.node(model.parent(parent)) {
                AnyNodeRef::StmtWith(with) => Taken::With(with.range(), with.items.len()),
                _ => Taken::Elsewhere,
            },
            AnyNodeRef::ExprYieldFrom(outer) if model.node(model.parent(parent)).is_stmt_expr() => {
                Taken::YieldFrom(outer.range())
            }
            AnyNodeRef::StmtReturn(_) if model.node(id).is_expr_call() => Taken::Returned,
            AnyNodeRef::Arguments(arguments) => match model.node(model.parent(parent)) {
                AnyNodeRef::ExprCall(call) if self.is_next(call) && !self.expects_end(model.id(call)) => {
                    Taken::Next(call.range())
                }
                AnyNodeRef::ExprCall(call)
                    if arguments.len() == 1
                        && arguments.args.len() == 1
                        && model
                            .qualified_name(&call.func)
                            .is_some_and(|name| name == "collections.deque") =>
                {
                    Taken::All
                }
                AnyNodeRef::ExprCall(call)
                    if arguments.args.first().is_some_and(|first| first.range() == range)
                        && EAGER.iter().any(|name| model.is_builtin(&call.func, name))
                        && (arguments.args.len() == 1 || model.is_builtin(&call.func, "sum")) =>
                {
                    Taken::All
                }
                AnyNodeRef::ExprCall(call) if STEPPING.iter().any(|name| model.is_builtin(&call.func, name)) => {
                    Taken::Elsewhere
                }
                AnyNodeRef::ExprCall(call)
                    if matches!(&*call.func, Expr::Attribute(method)
                        if ["enter_context", "closing", "chain", "join", "extend"].contains(&method.attr.as_str())) =>
                {
                    Taken::Elsewhere
                }
                _ => Taken::Value,
            },
            AnyNodeRef::StmtAssign(assign)
                if model.node(id).is_expr_call()
                    && matches!(&*assign.targets, [Expr::Name(name)] if self.held(name).is_some()) =>
            {
                Taken::Held
            }
            AnyNodeRef::ExprStarred(_) | AnyNodeRef::ExprYieldFrom(_) => Taken::Elsewhere,
            AnyNodeRef::ExprCompare(compare) if compare.left.range() != range => Taken::Elsewhere,
            AnyNodeRef::StmtAssign(assign)
                if assign
                    .targets
                    .iter()
                    .any(|target| target.is_tuple_expr() || target.is_list_expr()) =>
            {
                Taken::Elsewhere
            }
            _ => Taken::Value,
        }
    }

    /// Whether a call is `next(x)`.
    pub(super) fn is_next(&self, call: &ast::ExprCall) -> bool {
        call.arguments.len() == 1 && call.arguments.args.len() == 1 && self.ctx.model.is_builtin(&call.func, "next")
    }

    /// Whether something around a call looks out for a StopIteration: a handler, `pytest.raises`.
    fn expects_end(&self, call: NodeId) -> bool {
        let model = self.ctx.model;
        let names_end = |with: &ast::StmtWith| {
            with.items.iter().any(|item| match &item.context_expr {
                Expr::Call(entered) => {
                    let mut arguments = entered.arguments.args.iter();
                    arguments.any(|argument| model.is_builtin(argument, "StopIteration"))
                }
                _ => false,
            })
        };
        model.is_handled_by_name(call, "StopIteration")
            || model
                .ancestors(call)
                .any(|(_, node)| matches!(node, AnyNodeRef::StmtWith(with) if names_end(with)))
    }

    /// How a local variable is iterated over, at each of its uses. `None` where something else is done with it. A variable that is bound anew to
    /// one element, `x = next(x)`, is another one behind that.
    pub(super) fn held(&self, name: &'a ast::ExprName) -> Option<Vec<(NodeId, Taken)>> {
        let model = self.ctx.model;
        let scope = model.scope_of(model.id(name));
        model.function_of_scope(scope)?;
        let end = match model.sole_binding(&name.id, scope) {
            Some(_) => None,
            None => Some(self.bound_anew(name)?),
        };
        let own = model
            .references_like(name)
            .filter(|reference| end.is_none_or(|end| reference.name.start() < end));
        let steps = own.map(|reference| {
            let taken = match model.node(model.parent(model.parent(reference.node))) {
                AnyNodeRef::ExprCall(call)
                    if call.arguments.len() == 1
                        && model
                            .qualified_name(&call.func)
                            .is_some_and(|name| name == "inspect.isgenerator") =>
                {
                    Taken::Asked(call.range())
                }
                _ if model.node(model.parent(reference.node)).is_stmt_return() => Taken::Returned,
                _ => self.taken(reference.node),
            };
            let is_step = matches!(
                taken,
                Taken::For(_)
                    | Taken::Part(_)
                    | Taken::All
                    | Taken::YieldFrom(_)
                    | Taken::Asked(_)
                    | Taken::Next(_)
                    | Taken::Returned
            );
            is_step.then_some((reference.node, taken))
        });
        let steps = steps.collect::<Option<Vec<_>>>()?;
        (!steps.is_empty()).then_some(steps)
    }

    /// Where a local variable that is bound here and, further down in the same block, by `x = next(x)` becomes that element.
    fn bound_anew(&self, name: &'a ast::ExprName) -> Option<TextSize> {
        let model = self.ctx.model;
        let scope = model.scope_of(model.id(name));
        let mut bindings: Vec<_> = model.bindings_in(scope, &name.id).collect();
        bindings.sort_unstable_by_key(|binding| binding.range.start());
        let [first, second] = bindings.as_slice() else {
            return None;
        };
        let BindingKind::Assignment(Expr::Call(step)) = second.kind else {
            return None;
        };
        let is_own = matches!(&*step.arguments.args, [Expr::Name(own)] if own.id == name.id);
        let (one, _) = model.statement_of(first.node)?;
        let (other, end) = model.statement_of(second.node)?;
        let block = model.block_of(one)?.0;
        let is_in = |id: NodeId| block.iter().any(|stmt| stmt.range() == model.node(id).range());
        let is_before = model
            .references_like(name)
            .all(|reference| reference.name.start() > first.range.start());
        (first.range == name.range() && self.is_next(step) && is_own && is_in(other) && is_before).then(|| end.end())
    }

    /// In whose frame an expression runs, and whether it could be awaited there.
    pub(super) fn place(&self, id: NodeId) -> (Option<usize>, Place) {
        let model = self.ctx.model;
        let range = model.node(id).range();
        // What iterates over it decides for a part of a comprehension.
        let is_part = |part: &ast::Comprehension| part.iter.range() == range;
        let mut eager = Vec::new();
        let mut comprehensions = 0;
        let mut never = None;
        if model.node(model.parent(id)).is_expr_await() {
            never = Some(AWAITED);
        }
        let mut never_in = |reason| {
            never.get_or_insert(reason);
        };
        for (outer, node) in model.ancestors(id) {
            let is_inside = |generators: &[ast::Comprehension]| {
                generators
                    .first()
                    .is_some_and(|first| !first.iter.range().contains_range(range) || is_part(first))
            };
            match node {
                AnyNodeRef::ExprListComp(inner) if is_inside(&inner.generators) => comprehensions += 1,
                AnyNodeRef::ExprSetComp(inner) if is_inside(&inner.generators) => comprehensions += 1,
                AnyNodeRef::ExprDictComp(inner) if is_inside(&inner.generators) => comprehensions += 1,
                AnyNodeRef::ExprGenerator(inner) if is_inside(&inner.generators) => {
                    comprehensions += 1;
                    match self.eager(outer, inner) {
                        Some(found) => eager.push(found),
                        None => never_in("it stands in a generator expression, which runs later"),
                    }
                }
                AnyNodeRef::InterpolatedElement(element) if element.debug_text.is_some() => {
                    never_in("its text is printed by the `=` of a formatted string");
                }
                AnyNodeRef::ExprLambda(lambda) if lambda.body.range().contains_range(range) => {
                    never_in("it stands in a lambda");
                    return (None, Place::Never(never.unwrap_or_default()));
                }
                AnyNodeRef::StmtClassDef(class) if is_within(&class.body, range) => {
                    never_in("it stands in a class body");
                    return (None, Place::Never(never.unwrap_or_default()));
                }
                AnyNodeRef::StmtFunctionDef(function) if is_within(&function.body, range) => {
                    if comprehensions > 1 && self.ctx.settings.target < PythonVersion::PY311 {
                        never_in("it stands in nested comprehensions, where await needs Python 3.11");
                    }
                    if self.ctx.no_thread_lock_around(id, &[]).is_err() {
                        never_in("a threading lock is held there: an await would deadlock");
                    }
                    let owner = self.mapper.functions.get(&model.id(function)).copied();
                    let place = never.map_or(Place::Frame(eager), Place::Never);
                    return (owner, place);
                }
                _ => {}
            }
        }
        if model.is_in_main_block(id) {
            return (Some(0), never.map_or(Place::Main, Place::Never));
        }
        if never.is_none() && self.is_at_end(id) {
            return (Some(0), Place::End);
        }
        (
            Some(0),
            Place::Never("it stands at module level, where nothing can wait"),
        )
    }

    /// Whether a node is in the calls that a file ends with: `main()`.
    fn is_at_end(&self, id: NodeId) -> bool {
        let range = self.ctx.model.node(id).range();
        let is_call = |stmt: &&Stmt| matches!(stmt, Stmt::Expr(stmt) if stmt.value.is_call_expr());
        let mut calls = self.ctx.module.syntax().body.iter().rev().take_while(is_call);
        calls.any(|stmt| stmt.range().contains_range(range))
    }

    /// Whether a builtin takes all elements of a generator expression at once.
    pub(super) fn eager(&self, id: NodeId, inner: &ast::ExprGenerator) -> Option<Eager> {
        let model = self.ctx.model;
        let parent = model.parent(id);
        if model.node(parent).is_expr_starred() {
            // All elements are taken before what stands behind it is evaluated.
            return Some(Eager {
                range: inner.range(),
                stops_early: false,
            });
        }
        let AnyNodeRef::Arguments(arguments) = model.node(parent) else {
            return None;
        };
        let AnyNodeRef::ExprCall(call) = model.node(model.parent(parent)) else {
            return None;
        };
        if arguments.args.first()?.range() != inner.range() {
            return None;
        }
        let stops_early = ["any", "all"].iter().any(|name| model.is_builtin(&call.func, name));
        let is_eager = stops_early
            || EAGER.iter().any(|name| model.is_builtin(&call.func, name))
            || matches!(&*call.func, Expr::Attribute(method)
                if method.attr.as_str() == "join" && matches!(model.type_of(&method.value), Type::Scalar("str")));
        is_eager.then_some(Eager {
            range: inner.range(),
            stops_early,
        })
    }
}

fn is_within(body: &[Stmt], range: TextRange) -> bool {
    body.first().is_some_and(|first| first.start() <= range.start())
        && body.last().is_some_and(|last| range.end() <= last.end())
}
