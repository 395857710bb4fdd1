//! Where a response goes from the expression that makes it: into names, lists, arguments, `with` statements and out of the function.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, Stmt};
use ruff_text_size::{Ranged, TextRange};

use super::truth::is_none;
use super::{Conversion, LOG_METHODS, Read, Weight};
use super::{Place, Shape, Value};
use crate::finding::Declined;
use crate::semantic::NodeId;
use crate::semantic::reaching::Definition;

impl<'a> Conversion<'_, 'a> {
    // Names

    pub(super) fn bind(&mut self, target: &'a Expr, value: Value) -> Result<(), Declined> {
        let model = self.ctx.model;
        let Expr::Name(name) = target else {
            return Err(self.keep(format!(
                "the response is kept as `{}`, where other code may use it",
                model.slice(target)
            )));
        };
        let id = model.id(name);
        let shared = || {
            self.keep(format!(
                "the response is kept as `{}`, which other code can see",
                name.id
            ))
        };
        let binding = model
            .bindings_within(id)
            .iter()
            .find(|binding| binding.node == id)
            .ok_or_else(shared)?;
        match model.scope(binding.scope).kind {
            crate::semantic::ScopeKind::Comprehension | crate::semantic::ScopeKind::Generator => {
                self.definitions.insert(id);
                let scope = binding.scope;
                let reads = model.references_to(scope, &name.id);
                self.work.extend(reads.map(|reference| (reference.node, value)));
                return Ok(());
            }
            crate::semantic::ScopeKind::Function(_) => {}
            _ => return Err(shared()),
        }
        let function = model.enclosing_function(id).ok_or_else(shared)?;
        if model.body_scope(function) != binding.scope {
            return Err(shared());
        }
        let reads = model.reads_of_local(function, &name.id).ok_or_else(shared)?;
        self.definitions.insert(id);
        if self.is_encoded_at_once(id, &name.id) {
            self.encoded.insert(name.id.to_string());
        }
        if let AnyNodeRef::StmtAnnAssign(assign) = model.node(model.parent(id)) {
            self.annotations.push(&assign.annotation);
        }
        let mut reads: Vec<_> = reads
            .into_iter()
            .filter(|(_, seen)| seen.contains(&Definition::At(id)))
            .collect();
        reads.sort_by_key(|(read, _)| *read);
        for (read, seen) in reads {
            let optional = value.optional
                || seen
                    .iter()
                    .any(|definition| matches!(definition, Definition::At(node) if is_none(model, *node)));
            self.work.push((read, Value { optional, ..value }));
            self.reads.push(Read {
                owner: self.owner,
                node: read,
                definitions: seen,
            });
        }
        Ok(())
    }

    /// Whether `name.encoding = "..."` stands in the same block as the binding, and nowhere else.
    pub(super) fn is_encoded_at_once(&self, binding: NodeId, name: &str) -> bool {
        let model = self.ctx.model;
        let block = |id: NodeId| model.statement_of(id).map(|(stmt, _)| model.parent(stmt));
        let stores: Vec<NodeId> = model
            .attribute_stores()
            .filter(|store| store.attr.as_str() == "encoding" && model.slice(&*store.value) == name)
            .map(|store| model.id(store))
            .filter(|store| model.contains(self.region, *store))
            .collect();
        !stores.is_empty() && stores.iter().all(|store| block(*store) == block(binding))
    }

    // Lists of responses

    pub(super) fn list(&mut self, node: NodeId) -> Result<(), Declined> {
        let model = self.ctx.model;
        let list = Value {
            shape: Shape::List,
            optional: false,
        };
        match self.place(node) {
            Place::Dropped | Place::Test | Place::Negated(_) => Ok(()),
            Place::Assigned(targets) => {
                for target in targets {
                    self.bind(target, list)?;
                }
                Ok(())
            }
            Place::IteratedBy(target) => self.bind(target, Value::LOADED),
            Place::Subscripted => {
                let subscript = model.parent(node);
                let AnyNodeRef::ExprSubscript(inner) = model.node(subscript) else {
                    return Err(self.other_use(node));
                };
                let is_one = inner.ctx.is_load() && !inner.slice.is_slice_expr();
                if is_one {
                    self.work.push((subscript, Value::LOADED));
                    Ok(())
                } else {
                    Err(self.other_use(node))
                }
            }
            Place::Attribute(method) if method.attr.as_str() == "append" => {
                let AnyNodeRef::ExprCall(call) = model.node(model.parent(model.id(method))) else {
                    return Err(self.other_use(node));
                };
                match &*call.arguments.args {
                    [appended] if call.arguments.keywords.is_empty() => {
                        self.appended.push((self.owner, model.id(appended)));
                        Ok(())
                    }
                    _ => Err(self.other_use(node)),
                }
            }
            Place::Argument(call)
                if ["any", "all"].iter().any(|name| model.is_builtin(&call.func, name))
                    && call.arguments.len() == 1 =>
            {
                let name = self.fresh_name("each", node);
                self.draft
                    .around(node, 2, &format!("not {name}.is_error for {name} in "), "");
                Ok(())
            }
            Place::Argument(call) if ["len", "bool"].iter().any(|name| model.is_builtin(&call.func, name)) => Ok(()),
            _ => Err(self.other_use(node)),
        }
    }

    // Leaving

    pub(super) fn argument(&mut self, node: NodeId, call: &'a ast::ExprCall, value: Value) -> Result<(), Declined> {
        let model = self.ctx.model;
        let is_name = matches!(model.node(node), AnyNodeRef::ExprName(_));
        if model.is_builtin(&call.func, "bool") && (is_name || !value.optional) {
            let id = model.id(call);
            self.tighten(node);
            let range = model.node(node).range();
            self.draft.delete(TextRange::new(call.start(), range.start()));
            self.draft.delete(TextRange::new(range.end(), call.end()));
            let (open, close) = if self.binds_tightly(id) || self.is_negated(id) {
                ("(", ")")
            } else {
                ("", "")
            };
            let exists = if value.optional {
                format!("{} is not None and ", model.slice(model.node(node)))
            } else {
                String::new()
            };
            self.draft
                .around(node, 2, &format!("{open}{exists}not "), &format!(".is_error{close}"));
            return Ok(());
        }
        if model.is_builtin(&call.func, "isinstance")
            && let Some(class) = call.arguments.args.get(1)
            && matches!(
                model.qualified_name(class).as_deref(),
                Some("requests.Response" | "requests.models.Response")
            )
        {
            let text = format!("{}.Response", self.library.name);
            self.draft.replace(class.range(), text);
            return Ok(());
        }
        if let Expr::Attribute(method) = &*call.func
            && method.attr.as_str() == "append"
            && let Expr::Name(list) = &*method.value
        {
            return self.append(list);
        }
        if matches!(&*call.func, Expr::Attribute(method) if LOG_METHODS.contains(&method.attr.as_str())) {
            self.doubt("the response is shown in another way in logs");
            return Ok(());
        }
        Err(self.keep(format!(
            "the response is handed to `{}`, which may use what only requests has",
            model.slice(&*call.func).lines().next().unwrap_or_default()
        )))
    }

    /// `rs.append(r)`, where `rs` starts as an empty list and is the function's own.
    pub(super) fn append(&mut self, list: &'a ast::ExprName) -> Result<(), Declined> {
        let model = self.ctx.model;
        let declined = self.keep(format!(
            "the response is kept in `{}`, which other code may read",
            list.id
        ));
        let Some(reads) = model.reads_of_local(self.function_at(model.id(list)), &list.id) else {
            return Err(declined);
        };
        let Some(definitions) = reads.get(&model.id(list)).cloned() else {
            return Err(declined);
        };
        for definition in &definitions {
            let Definition::At(node) = definition else {
                return Err(declined);
            };
            let is_empty_list = matches!(model.node(model.parent(*node)), AnyNodeRef::StmtAssign(assign)
                if assign.targets.len() == 1 && matches!(&*assign.value, Expr::List(list) if list.elts.is_empty()));
            if !is_empty_list {
                return Err(declined);
            }
            if !self.definitions.insert(*node) {
                continue;
            }
            for (read, seen) in &reads {
                if seen.contains(definition) {
                    self.work.push((
                        *read,
                        Value {
                            shape: Shape::List,
                            optional: false,
                        },
                    ));
                    self.reads.push(Read {
                        owner: self.owner,
                        node: *read,
                        definitions: seen.clone(),
                    });
                }
            }
        }
        Ok(())
    }

    /// A response that is returned: to the callers of this module, which are followed, or to code that is not seen.
    pub(super) fn returned(&mut self, node: NodeId, value: Value) -> Result<(), Declined> {
        let model = self.ctx.model;
        if value.shape != Shape::Loaded {
            return Err(self.keep("the answer is read after the function has returned".to_owned()));
        }
        let function = model
            .enclosing_function(node)
            .ok_or("it is returned outside of a function")?;
        if let Some(returns) = &function.returns {
            self.annotations.push(returns);
        }
        if let Some(place) = self.ctx.project.judges_response(&function.name) {
            return Err(self.keep(format!(
                "`{}` gives the response to others, and {place} uses one as only one of requests can be used",
                function.name
            )));
        }
        if self.returning.insert(model.id(function)) {
            let optional = value.optional || may_return_none(model, function);
            self.only_responses_returned.push(function);
            let uses = model.uses_of_function(function);
            if uses.is_empty() {
                self.weigh(
                    Weight::Outside,
                    "the response is returned, and callers elsewhere may use what only requests has",
                );
            }
            for use_ in uses {
                let awaited = use_.awaited.ok_or_else(|| {
                    self.keep(format!(
                        "the response is returned by `{}`, which is used without being awaited in line {}",
                        function.name,
                        self.ctx.module.location(model.node(use_.reference).start()).0
                    ))
                })?;
                self.work.push((awaited, Value { optional, ..value }));
            }
        }
        self.returned.insert(node);
        Ok(())
    }

    /// Every `return` of the functions that return a response must return one, or None.
    pub(crate) fn check_returns(&self) -> Result<(), Declined> {
        let model = self.ctx.model;
        for function in &self.only_responses_returned {
            let scope = model.body_scope(function);
            for (id, node) in model.subtree(model.id(*function)) {
                if let AnyNodeRef::StmtReturn(ast::StmtReturn { value: Some(value), .. }) = node
                    && model.scope_of(id) == scope
                    && !value.is_none_literal_expr()
                    && !self.returned.contains(&model.id(&**value))
                {
                    return Err(self.keep(format!(
                        "`{}` returns other values than the response, too",
                        function.name
                    )));
                }
            }
        }
        Ok(())
    }

    pub(super) fn manager(&mut self, node: NodeId, item: &'a ast::WithItem, value: Value) -> Result<(), Declined> {
        let model = self.ctx.model;
        let AnyNodeRef::StmtWith(with) = model.node(model.parent(model.id(item))) else {
            return Err(self.other_use(node));
        };
        let name = item.optional_vars.as_deref().and_then(Expr::as_name_expr);
        // Only `client.stream` can be entered; what has been awaited is a response.
        let is_stream = self.converted_calls.contains(&node);
        if !is_stream || (value.shape == Shape::Loaded && name.is_none()) {
            return Err(self.keep("the response is the manager of a `with`, which it cannot be in httpx".to_owned()));
        }
        if with.items.len() > 1 {
            return Err(self.keep("the response is one of several managers of a `with`".to_owned()));
        }
        if let Some(vars) = &item.optional_vars {
            self.bind(vars, value)?;
        }
        self.draft.insert(with.start(), "async ");
        if let (Shape::Loaded, Some(name)) = (value.shape, name) {
            self.draft
                .line_outermost(with.body[0].range(), format!("await {}.aread()", name.id));
        }
        Ok(())
    }
}

pub(super) fn may_return_none(model: &crate::semantic::SemanticModel, function: &ast::StmtFunctionDef) -> bool {
    let scope = function.body.first().map(|stmt| model.scope_of(model.id(stmt)));
    let returns_none = model.subtree(model.id(function)).any(|(id, node)| {
        Some(model.scope_of(id)) == scope
            && matches!(node, AnyNodeRef::StmtReturn(stmt) if stmt.value.as_deref().is_none_or(Expr::is_none_literal_expr))
    });
    let ends = matches!(function.body.last(), Some(Stmt::Return(_) | Stmt::Raise(_)));
    returns_none || !ends
}
