//! Reads the effects of expressions and statements; calls are in `calls`.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr};
use ruff_text_size::{Ranged, TextSize};

use super::given::{Arguments, Demand, Run};
use super::implicit::Imported;
use super::linked::Pending;
use super::tables::{MUTATORS, VALUE_CLASSES, is_lock};
use super::{Location, Outside, ParameterCall, Root, Summary, declared_as};
use crate::module::one_line;
use crate::semantic::names::Lookup;
use crate::semantic::types::{Type, TypeOracle};
use crate::semantic::{BindingKind, NodeId, ScopeId, ScopeKind, SemanticModel};
use crate::settings::Settings;

/// How many names and operators are followed to what a value is computed from.
pub(super) const MAX_STEPS: usize = 8;

pub(super) struct Walker<'m, 'a> {
    pub(super) model: &'m SemanticModel<'a>,
    pub(super) settings: &'m Settings,
    /// The function whose code is walked; its parameters are `Root::Parameter`.
    pub(super) function: Option<NodeId>,
    /// Whether all of the function is walked, and not one call in it: its own locals mean nothing to who reads the summary.
    pub(super) whole: bool,
    /// The call whose coroutine is awaited, wherever that happens.
    pub(super) awaited: Option<NodeId>,
    pub(super) summary: Summary,
    /// The calls that are left to the project, where they are.
    pub(super) pending: Option<Vec<(NodeId, Pending)>>,
    /// Where the first thing stands that is not understood, and the first that is doubtful.
    pub(super) unknown_at: Option<TextSize>,
    pub(super) doubt_at: Option<TextSize>,
}

impl<'m, 'a> Walker<'m, 'a> {
    pub(super) fn new(
        model: &'m SemanticModel<'a>,
        settings: &'m Settings,
        function: Option<&'a ast::StmtFunctionDef>,
    ) -> Self {
        Self {
            model,
            settings,
            function: function.map(|function| model.id(function)),
            whole: false,
            awaited: None,
            summary: Summary::default(),
            pending: None,
            unknown_at: None,
            doubt_at: None,
        }
    }

    /// Closes a summary that nobody composes further: what depends on the class of a parameter is not known then.
    pub(super) fn settle(&mut self) {
        let AnyNodeRef::StmtFunctionDef(function) = self
            .function
            .map_or(self.model.node(NodeId(0)), |id| self.model.node(id))
        else {
            return;
        };
        let name_of = |index: usize| {
            let parameter = function.parameters.iter_source_order().nth(index);
            parameter.map_or_else(String::new, |parameter| parameter.name().to_string())
        };
        for ParameterCall {
            parameter,
            method,
            awaited,
        } in std::mem::take(&mut self.summary.parameter_calls)
        {
            if let Some(declared) = declared_as(self.settings, &name_of(parameter)) {
                self.summary.declared_method(declared, &method);
                continue;
            }
            if !awaited && MUTATORS.contains(&method.as_str()) {
                let content = Location::Content(Root::Parameter(parameter));
                self.summary.writes.insert(content);
            }
            self.summary.unknown_receiver(&name_of(parameter), &method);
        }
        for locations in [&mut self.summary.reads, &mut self.summary.writes] {
            *locations = std::mem::take(locations)
                .into_iter()
                .map(|location| match location {
                    Location::Receiver(index) => Location::External(Outside::Receiver, name_of(index)),
                    other => other,
                })
                .collect();
        }
        let scalar = std::mem::take(&mut self.summary.scalar_parameters);
        let builtin = std::mem::take(&mut self.summary.builtin_parameters);
        if let Some(index) = scalar.into_iter().chain(builtin).next() {
            self.summary
                .doubt(format!("the class of `{}` is not known", name_of(index)));
        }
    }

    /// Adds what the nodes of a subtree do, bodies of nested definitions aside.
    pub(super) fn walk(&mut self, root: NodeId) {
        let model = self.model;
        let behind = |id: NodeId| model.subtree(id).last().map_or(id, |(last, _)| NodeId(last.0 + 1));
        let mut skip_until = root;
        let mut annotation = None;
        for (id, node) in model.subtree(root) {
            if id < skip_until {
                continue;
            }
            if annotation == Some(id) {
                skip_until = behind(id);
                continue;
            }
            match node {
                AnyNodeRef::StmtFunctionDef(_) | AnyNodeRef::StmtClassDef(_) | AnyNodeRef::ExprLambda(_) => {
                    // What a function does is seen where it is called.
                    self.definition(id, node);
                    skip_until = behind(id);
                }
                AnyNodeRef::StmtAnnAssign(assign) => annotation = Some(model.id(&*assign.annotation)),
                _ => self.node(id, node),
            }
            if self.summary.unknown.is_some() {
                self.unknown_at.get_or_insert(node.start());
            }
            if self.summary.doubt.is_some() {
                self.doubt_at.get_or_insert(node.start());
            }
        }
    }

    fn node(&mut self, id: NodeId, node: AnyNodeRef<'a>) {
        match node {
            AnyNodeRef::ExprName(name) => self.name(name),
            AnyNodeRef::ExprAttribute(attribute) => self.attribute(attribute),
            AnyNodeRef::ExprSubscript(subscript) => {
                if subscript.ctx.is_load() {
                    self.needs_builtin(&subscript.value);
                    self.touch(&subscript.value, false);
                } else {
                    self.touch(&subscript.value, true);
                    self.needs_builtin(&subscript.value);
                }
            }
            AnyNodeRef::ExprBinOp(inner) => {
                self.needs_scalar(&inner.left, "an operator");
                self.needs_scalar(&inner.right, "an operator");
            }
            AnyNodeRef::ExprUnaryOp(inner) if inner.op != ast::UnaryOp::Not => {
                self.needs_scalar(&inner.operand, "an operator")
            }
            AnyNodeRef::ExprCompare(inner) => self.comparison(inner),
            AnyNodeRef::ExprUnaryOp(inner) => self.tested(&inner.operand),
            AnyNodeRef::ExprBoolOp(inner) => inner.values.iter().for_each(|value| self.tested(value)),
            AnyNodeRef::ExprIf(inner) => self.tested(&inner.test),
            AnyNodeRef::StmtIf(inner) => self.tested(&inner.test),
            AnyNodeRef::ElifElseClause(inner) => inner.test.iter().for_each(|test| self.tested(test)),
            AnyNodeRef::StmtWhile(inner) => self.tested(&inner.test),
            AnyNodeRef::StmtAssert(inner) => self.tested(&inner.test),
            AnyNodeRef::MatchCase(inner) => inner.guard.iter().for_each(|guard| self.tested(guard)),
            AnyNodeRef::StmtMatch(inner) => self.matched(inner),
            AnyNodeRef::PatternMatchAs(_)
            | AnyNodeRef::PatternMatchStar(_)
            | AnyNodeRef::PatternMatchMapping(_)
            | AnyNodeRef::PatternMatchClass(_) => self.pattern(id, node),
            AnyNodeRef::ExceptHandlerExceptHandler(inner) => inner.name.iter().for_each(|name| self.bound(name, id)),
            AnyNodeRef::StmtRaise(inner) => inner.exc.iter().for_each(|raised| self.raised(raised)),
            AnyNodeRef::StmtAssign(inner) if inner.targets.iter().any(|to| to.is_tuple_expr() || to.is_list_expr()) => {
                self.unpacked(&inner.value);
            }
            AnyNodeRef::ExprStarred(inner) if inner.ctx.is_load() => self.unpacked(&inner.value),
            AnyNodeRef::ExprDict(inner) => {
                let spread = inner.items.iter().filter(|item| item.key.is_none());
                spread.for_each(|item| self.unpacked(&item.value));
            }
            AnyNodeRef::StmtAugAssign(inner) => {
                // An operator of a builtin container goes over the value and asks its elements for nothing.
                if matches!(self.model.type_of(&inner.target), Type::Container(_)) {
                    self.iterated(&inner.value);
                } else {
                    self.needs_scalar(&inner.target, "an operator");
                    self.needs_scalar(&inner.value, "an operator");
                }
                self.touch(&inner.target, true);
            }
            AnyNodeRef::InterpolatedElement(inner) => self.needs_scalar(&inner.expression, "a format"),
            AnyNodeRef::StmtFor(inner) if inner.is_async => self.summary.give_up("it iterates asynchronously"),
            AnyNodeRef::StmtFor(inner) => self.iterated(&inner.iter),
            AnyNodeRef::Comprehension(inner) if inner.is_async => self.summary.give_up("it iterates asynchronously"),
            AnyNodeRef::Comprehension(inner) => {
                self.iterated(&inner.iter);
                inner.ifs.iter().for_each(|test| self.tested(test));
            }
            AnyNodeRef::StmtTry(inner) => self.summary.answers_cancellation |= self.answers_cancellation(inner),
            AnyNodeRef::StmtWith(inner) => {
                for item in &inner.items {
                    self.manager(&item.context_expr);
                }
            }
            AnyNodeRef::ExprAwait(inner) => {
                self.summary.lingers |= self.is_clean_up(id);
                if !inner.value.is_call_expr() {
                    self.summary
                        .give_up(format!("it awaits `{}`", one_line(self.model.slice(&*inner.value))));
                }
            }
            AnyNodeRef::ExprCall(call) => self.call(id, call),
            AnyNodeRef::ExprYield(_) | AnyNodeRef::ExprYieldFrom(_) => self.summary.give_up("it yields"),
            AnyNodeRef::StmtImport(_) | AnyNodeRef::StmtImportFrom(_) => {
                self.summary.give_up("it imports a module when it runs")
            }
            _ => {}
        }
    }

    fn catches_cancellation(&self, handler: &ast::ExceptHandlerExceptHandler) -> bool {
        let written = handler.type_.as_deref().map(|type_| self.model.slice(type_));
        written.is_none_or(|type_| type_.contains("BaseException") || type_.contains("CancelledError"))
    }

    /// Whether a cancellation that arrives in the body of a `try` may end there: the first handler that catches it does not raise it again, or
    /// `finally` returns.
    fn answers_cancellation(&self, stmt: &'a ast::StmtTry) -> bool {
        let model = self.model;
        let is_own = |id: NodeId| model.enclosing_function(id).map(|function| model.id(function)) == self.function;
        let holds = |body: &'a [ast::Stmt], is_it: fn(AnyNodeRef) -> bool| {
            body.iter()
                .flat_map(|stmt| model.subtree(model.id(stmt)))
                .any(|(id, node)| is_it(node) && is_own(id))
        };
        if !holds(&stmt.body, |node| node.is_expr_await()) {
            return false;
        }
        let mut handlers = stmt.handlers.iter().map(|handler| {
            let ast::ExceptHandler::ExceptHandler(handler) = handler;
            handler
        });
        let raises_again = |handler: &'a ast::ExceptHandlerExceptHandler| {
            let Some(ast::Stmt::Raise(raise)) = handler.body.last() else {
                return false;
            };
            let is_it = match (raise.exc.as_deref(), &handler.name) {
                (None, _) => true,
                (Some(Expr::Name(raised)), Some(name)) => raised.id == name.id,
                _ => false,
            };
            is_it && raise.cause.is_none() && !holds(&handler.body, |node| node.is_stmt_return())
        };
        handlers
            .find(|handler| self.catches_cancellation(handler))
            .is_some_and(|handler| !raises_again(handler))
            || holds(&stmt.finalbody, |node| node.is_stmt_return())
    }

    /// Whether a cancellation of the function can come this way: a `finally` block, or a handler that catches it.
    fn is_clean_up(&self, id: NodeId) -> bool {
        let mut inner = id;
        for (outer, node) in self.model.ancestors(id) {
            match node {
                AnyNodeRef::StmtFunctionDef(_) => break,
                AnyNodeRef::StmtTry(stmt) => {
                    let holds = |stmt: &ast::Stmt| self.model.contains(self.model.id(stmt), inner);
                    if stmt.finalbody.iter().any(holds) {
                        return true;
                    }
                }
                AnyNodeRef::ExceptHandlerExceptHandler(handler) if self.catches_cancellation(handler) => return true,
                _ => {}
            }
            inner = outer;
        }
        false
    }

    fn name(&mut self, name: &'a ast::ExprName) {
        self.variable(&name.id, self.model.id(name), !name.ctx.is_load());
    }

    /// A name is bound by something else than an assignment.
    pub(super) fn bound(&mut self, name: &str, at: NodeId) {
        self.variable(name, at, true);
    }

    fn variable(&mut self, name: &str, at: NodeId, write: bool) {
        let model = self.model;
        let owner = match model.lookup(name, model.scope_of(at)) {
            Lookup::Scope(owner) => owner,
            Lookup::Unknown => return self.summary.doubt(format!("`{name}` comes from a star import")),
            Lookup::Builtin => {
                if !ruff_python_stdlib::builtins::is_python_builtin(name, 14, false) {
                    self.summary.reads.insert(Location::Global(name.to_owned()));
                }
                return;
            }
        };
        let location = if owner == ScopeId::MODULE {
            if !write && self.is_constant(name) {
                return;
            }
            Location::Global(name.to_owned())
        } else if model.function_of_scope(owner).map(|function| model.id(function)) == self.function {
            return;
        } else if let ScopeKind::Class(class) = model.scope(owner).kind {
            // A class that the function makes for itself is nobody else's.
            if self
                .function
                .is_some_and(|function| model.contains(function, model.id(class)))
            {
                return;
            }
            return self.summary.give_up(format!("`{name}` is a name of a class body"));
        } else {
            Location::Free(owner, name.to_owned())
        };
        self.summary.insert(location, write);
    }

    /// A module-level name that is bound once, and by a definition or an import: nothing can change what it stands for.
    fn is_constant(&self, name: &str) -> bool {
        self.model.sole_binding(name, ScopeId::MODULE).is_some_and(|binding| {
            matches!(
                binding.kind,
                BindingKind::Function(_) | BindingKind::Class(_) | BindingKind::Import(_) | BindingKind::FromImport(..)
            ) || self.model.type_of_binding(binding).is_scalar()
        })
    }

    fn attribute(&mut self, attribute: &'a ast::ExprAttribute) {
        let model = self.model;
        if !attribute.ctx.is_load() && model.imported_root(&attribute.value) {
            let name = model.slice(attribute).to_owned();
            self.summary.writes.insert(Location::Global(name));
            return;
        }
        if model.is_callee(model.id(attribute)) {
            // Looked at where it is called.
            return;
        }
        match self.imported(&attribute.value) {
            Some(Imported::Library) => return,
            Some(Imported::Module) => {
                // Only the project knows whether the module answers for names that it does not have.
                if self.pending.is_some() {
                    self.leave(model.id(attribute), Arguments::default(), Run::Read, |_| {});
                }
                return;
            }
            None => {}
        }
        // A member of an enumeration is a constant.
        if attribute.ctx.is_load()
            && let Some(class) = model.class_named(&attribute.value)
            && class.bases().iter().any(|base| model.qualified_name(base).is_some_and(|name| name.starts_with("enum.")))
            && class.body.iter().any(|stmt| matches!(stmt, ast::Stmt::Assign(assign) if matches!(&*assign.targets, [Expr::Name(name)] if name.id == attribute.attr.as_str())))
        {
            return;
        }
        match model.type_of(&attribute.value) {
            Type::Scalar(_) => {}
            // What a constructor puts into its object nobody else sees; who runs it on another object passes that.
            Type::Instance(_) if attribute.ctx.is_store() && self.is_object_under_construction(&attribute.value) => {
                self.summary.writes.insert(Location::Content(Root::Parameter(0)));
            }
            Type::Instance(class) if model.is_plain_attribute(class, &attribute.attr) => {
                let location = Location::Attribute {
                    class: class.name.to_string(),
                    name: attribute.attr.to_string(),
                };
                self.summary.insert(location, !attribute.ctx.is_load());
            }
            Type::Instance(class) if attribute.ctx.is_load() => match model.method(class, &attribute.attr) {
                Some(getter) if model.is_property(getter) && self.pending.is_none() => {
                    let arguments = Arguments::of_object(self.given(&attribute.value));
                    self.run(getter, &arguments, Run::Read);
                }
                _ => self.unknown_attribute(attribute),
            },
            _ => self.unknown_attribute(attribute),
        }
    }

    /// Whether an expression is the first parameter of the constructor that is walked.
    fn is_object_under_construction(&self, expr: &Expr) -> bool {
        let (Expr::Name(name), Some(function)) = (expr, self.function) else {
            return false;
        };
        let AnyNodeRef::StmtFunctionDef(function) = self.model.node(function) else {
            return false;
        };
        let scope = self.model.scope_of(self.model.id(name));
        let is_first = || self.model.parameter_index(self.model.body_scope(function), &name.id) == Some(0);
        let is_parameter = |kind| matches!(kind, BindingKind::Parameter(_));
        function.name.as_str() == "__init__"
            && self
                .model
                .sole_binding(&name.id, scope)
                .is_some_and(|binding| is_parameter(binding.kind))
            && is_first()
    }

    fn unknown_attribute(&mut self, attribute: &'a ast::ExprAttribute) {
        if attribute.ctx.is_load() && self.pending.is_some() {
            let id = self.model.id(attribute);
            let arguments = Arguments::of_object(self.given(&attribute.value));
            return self.leave(id, arguments, Run::Read, |walker| walker.object_is_read(attribute));
        }
        self.object_is_read(attribute);
    }

    fn object_is_read(&mut self, attribute: &'a ast::ExprAttribute) {
        // A descriptor of this module may do anything.
        let descriptor = matches!(self.model.type_of(&attribute.value), Type::Instance(_))
            && self.model.methods_named("__get__").next().is_some();
        self.summary.doubt(format!(
            "`{}` may run code of its own when it is read",
            one_line(self.model.slice(attribute))
        ));
        self.touch(&attribute.value, descriptor || !attribute.ctx.is_load());
    }

    /// Reads or writes the objects that an expression may stand for.
    pub(super) fn touch(&mut self, expr: &Expr, write: bool) {
        if self.model.type_of(expr).is_scalar() {
            return;
        }
        for root in self.model.roots(expr) {
            if write {
                self.summary.writes.insert(Location::Content(root));
            } else {
                self.summary.reads.insert(Location::Content(root));
            }
        }
    }

    /// The parameter that an expression is, when its class is for the callers to know.
    pub(super) fn own_parameter(&self, expr: &Expr) -> Option<usize> {
        let Expr::Name(name) = self.model.unaliased(expr) else {
            return None;
        };
        if matches!(self.model.type_of(expr), Type::Instance(_)) {
            return None;
        }
        let scope = self.model.scope_of(self.model.id(name));
        let binding = self.model.sole_binding(&name.id, scope)?;
        let function = self.model.function_of_scope(binding.scope)?;
        if !matches!(binding.kind, BindingKind::Parameter(_)) || Some(self.model.id(function)) != self.function {
            return None;
        }
        self.model.parameter_index(binding.scope, &name.id)
    }

    pub(super) fn needs_scalar(&mut self, expr: &Expr, operation: &str) {
        let demand = self.scalar_demand(expr, operation);
        self.summary.demand_scalar(&demand);
    }

    /// Operators on builtin scalars give builtin scalars, so that what an expression is computed from decides.
    pub(super) fn scalar_demand(&self, expr: &Expr, operation: &str) -> Demand {
        let mut demand = Demand::default();
        self.computed_from_scalars(expr, operation, &mut demand, 0);
        demand
    }

    fn computed_from_scalars(&self, expr: &Expr, operation: &str, demand: &mut Demand, steps: usize) {
        match self.model.type_of(expr) {
            Type::Scalar(_) => return,
            Type::Foreign(class) if VALUE_CLASSES.contains(&class.as_str()) => return,
            _ => {}
        }
        if let Some(index) = self.own_parameter(expr) {
            demand.parameters.insert(index);
            return;
        }
        let operands: Vec<&Expr> = match expr {
            _ if steps > MAX_STEPS => Vec::new(),
            Expr::BinOp(inner) => vec![&inner.left, &inner.right],
            Expr::UnaryOp(inner) => vec![&inner.operand],
            Expr::Compare(inner) => std::iter::once(&*inner.left).chain(&inner.comparators).collect(),
            Expr::Name(name) => self.only_value(name).into_iter().collect(),
            _ => Vec::new(),
        };
        if operands.is_empty() {
            demand.doubt.get_or_insert_with(|| {
                format!(
                    "{operation} is applied to `{}`, whose class is not known",
                    one_line(self.model.slice(expr))
                )
            });
        }
        for operand in operands {
            self.computed_from_scalars(operand, operation, demand, steps + 1);
        }
    }

    /// The value of a local name of this function that is bound once, by an assignment.
    pub(super) fn only_value(&self, name: &ast::ExprName) -> Option<&'a Expr> {
        let scope = self.model.scope_of(self.model.id(name));
        let binding = self.model.sole_binding(&name.id, scope)?;
        let function = self.model.function_of_scope(binding.scope)?;
        match binding.kind {
            BindingKind::Assignment(value) if Some(self.model.id(function)) == self.function => Some(value),
            _ => None,
        }
    }

    pub(super) fn needs_builtin(&mut self, expr: &Expr) {
        if let Some(parts) = self.model.iterated_parts(expr) {
            return parts.into_iter().for_each(|part| self.needs_builtin(part));
        }
        let demand = self.builtin_demand(expr);
        if demand.uses_up {
            self.touch(expr, true);
        }
        self.summary.demand_builtin(&demand);
    }

    pub(super) fn builtin_demand(&self, expr: &Expr) -> Demand {
        match self.model.type_of(expr) {
            Type::Scalar(_) | Type::Container(_) => Demand::default(),
            _ => match self.own_parameter(expr) {
                Some(index) => Demand::of_parameter(index),
                None => Demand {
                    uses_up: self.is_used_up(expr),
                    ..Demand::doubtful(format!(
                        "the class of `{}` is not known",
                        one_line(self.model.slice(expr))
                    ))
                },
            },
        }
    }

    /// An iterator, which gives each element once: a generator, `iter(...)`, `map(...)`, an open file.
    fn is_used_up(&self, expr: &Expr) -> bool {
        let value = match expr {
            Expr::Name(name) => match self
                .model
                .sole_binding(&name.id, self.model.scope_of(self.model.id(name)))
            {
                Some(binding) => match binding.kind {
                    BindingKind::Assignment(value) => value,
                    _ => return false,
                },
                None => return false,
            },
            other => other,
        };
        match value {
            Expr::Generator(_) => true,
            Expr::Call(call) => {
                ["iter", "map", "filter", "zip", "enumerate", "reversed", "open"]
                    .iter()
                    .any(|name| self.model.is_builtin(&call.func, name))
                    || self
                        .model
                        .qualified_name(&call.func)
                        .is_some_and(|name| name.starts_with("io."))
            }
            _ => false,
        }
    }

    fn comparison(&mut self, compare: &'a ast::ExprCompare) {
        for (index, op) in compare.ops.iter().enumerate() {
            let right = &compare.comparators[index];
            let left = if index == 0 {
                &*compare.left
            } else {
                &compare.comparators[index - 1]
            };
            match op {
                ast::CmpOp::Is | ast::CmpOp::IsNot => {}
                ast::CmpOp::In | ast::CmpOp::NotIn => {
                    self.needs_scalar(left, "a comparison");
                    self.needs_builtin(right);
                    self.touch(right, false);
                }
                _ => {
                    self.needs_scalar(left, "a comparison");
                    self.needs_scalar(right, "a comparison");
                }
            }
        }
    }

    pub(super) fn iterated(&mut self, iterable: &Expr) {
        if let Some(parts) = self.model.iterated_parts(iterable) {
            return parts.into_iter().for_each(|part| self.iterated(part));
        }
        self.needs_builtin(iterable);
        self.touch(iterable, false);
    }

    fn manager(&mut self, manager: &'a Expr) {
        let model = self.model;
        if let Expr::Call(call) = manager
            && model
                .qualified_name(&call.func)
                .is_some_and(|name| matches!(&*name, "asyncio.timeout" | "async_timeout.timeout"))
        {
            return;
        }
        match model.type_of(manager) {
            Type::Foreign(name) if is_lock(&name) => {
                self.summary.uses_lock(model.slice(manager));
            }
            _ => self
                .summary
                .give_up(format!("it enters `{}`", one_line(model.slice(manager)))),
        }
    }
}
