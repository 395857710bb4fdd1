//! Builds the model in one walk over the tree.
//!
//! The order of evaluation decides scopes: decorators, defaults, annotations and the first iterable of a comprehension belong to the
//! enclosing scope (Python reference, "Resolution of names" and "Displays for lists, sets and dictionaries").

use ruff_python_ast::visitor::source_order::{self, SourceOrderVisitor, TraversalSignal};
use ruff_python_ast::{self as ast, AnyNodeRef, Expr, ExprContext, HasNodeIndex, NodeIndex, Stmt};
use ruff_text_size::{Ranged, TextRange};
use rustc_hash::{FxHashMap, FxHashSet};
use std::cell::OnceCell;

use super::{
    Binding, BindingId, BindingKind, Node, NodeId, Reference, Scope, ScopeId, ScopeKind, SemanticModel, effects, types,
};
use crate::module::Module;

pub(super) fn build(module: &Module) -> SemanticModel<'_> {
    let mut builder = Builder {
        module,
        // About one node per five bytes of ordinary code.
        nodes: Vec::with_capacity(module.text().len() / 5),
        scopes: vec![scope(ScopeKind::Module, None)],
        bindings: Vec::new(),
        references: Vec::new(),
        calls: Vec::new(),
        awaits: Vec::new(),
        attribute_stores: Vec::new(),
        quoted_names: Vec::new(),
        nonlocal_bindings: Vec::new(),
        current: ScopeId::MODULE,
        open: Vec::new(),
        in_annotation: false,
    };
    let root = AnyNodeRef::ModModule(module.syntax());
    builder.enter_node(root);
    source_order::walk_body(&mut builder, &module.syntax().body);
    builder.leave_node(root);
    builder.finish()
}

fn scope<'a>(kind: ScopeKind<'a>, parent: Option<ScopeId>) -> Scope<'a> {
    Scope {
        kind,
        parent,
        bindings: FxHashMap::default(),
        globals: FxHashSet::default(),
        nonlocals: FxHashSet::default(),
        star_import: false,
    }
}

struct Builder<'a> {
    module: &'a Module,
    nodes: Vec<Node<'a>>,
    scopes: Vec<Scope<'a>>,
    bindings: Vec<Binding<'a>>,
    references: Vec<Reference<'a>>,
    calls: Vec<NodeId>,
    awaits: Vec<NodeId>,
    attribute_stores: Vec<NodeId>,
    quoted_names: Vec<(String, TextRange)>,
    /// Bindings made under a `nonlocal` statement: their owner may be bound further down.
    nonlocal_bindings: Vec<BindingId>,
    current: ScopeId,
    /// Ids of the nodes entered and not yet left.
    open: Vec<NodeId>,
    in_annotation: bool,
}

impl<'a> Builder<'a> {
    fn finish(mut self) -> SemanticModel<'a> {
        for id in std::mem::take(&mut self.nonlocal_bindings) {
            let binding = &self.bindings[id.0 as usize];
            let (name, from) = (binding.name, binding.scope);
            let owner = self.nonlocal_owner(name, from).unwrap_or(from);
            self.bindings[id.0 as usize].scope = owner;
            self.scopes[owner.0 as usize].bindings.entry(name).or_default().push(id);
        }
        SemanticModel {
            module: self.module,
            nodes: self.nodes,
            scopes: self.scopes,
            bindings: self.bindings,
            references: self.references,
            calls: self.calls,
            awaits: self.awaits,
            quoted_names: self.quoted_names,
            attribute_stores: self.attribute_stores,
            imported_packages: OnceCell::new(),
            imports_blocking_class: OnceCell::new(),
            patched: OnceCell::new(),
            callees: OnceCell::new(),
            members: OnceCell::new(),
            attribute_loads: OnceCell::new(),
            order: OnceCell::new(),
            types: types::Cache::default(),
            known: super::sqlalchemy::Known::default(),
            effects: effects::Cache::default(),
            elsewhere: None,
        }
    }

    /// The nearest enclosing function that binds the name itself.
    fn nonlocal_owner(&self, name: &str, from: ScopeId) -> Option<ScopeId> {
        let mut at = self.scopes[from.0 as usize].parent;
        while let Some(id) = at {
            let scope = &self.scopes[id.0 as usize];
            if matches!(scope.kind, ScopeKind::Function(_) | ScopeKind::Lambda(_))
                && !scope.nonlocals.contains(name)
                && scope.bindings.contains_key(name)
            {
                return Some(id);
            }
            at = scope.parent;
        }
        None
    }

    fn here(&self) -> NodeId {
        *self.open.last().expect("the module is open during the walk")
    }

    fn within(&mut self, node: AnyNodeRef<'a>, walk: impl FnOnce(&mut Self)) {
        self.enter_node(node);
        walk(self);
        self.leave_node(node);
    }

    fn in_scope(&mut self, kind: ScopeKind<'a>, walk: impl FnOnce(&mut Self)) {
        let outer = self.current;
        self.scopes.push(scope(kind, Some(outer)));
        self.current = ScopeId(u32::try_from(self.scopes.len() - 1).expect("fewer scopes than bytes"));
        walk(self);
        self.current = outer;
    }

    fn bind(&mut self, name: &'a str, kind: BindingKind<'a>, range: TextRange) {
        self.bind_in(self.current, name, kind, range);
    }

    fn bind_in(&mut self, scope: ScopeId, name: &'a str, kind: BindingKind<'a>, range: TextRange) {
        let id = BindingId(u32::try_from(self.bindings.len()).expect("fewer bindings than bytes"));
        let (globals, nonlocals) = {
            let scope = &self.scopes[scope.0 as usize];
            (scope.globals.contains(name), scope.nonlocals.contains(name))
        };
        let owner = if globals { ScopeId::MODULE } else { scope };
        self.bindings.push(Binding {
            name,
            kind,
            range,
            node: self.here(),
            scope: owner,
        });
        if nonlocals {
            self.nonlocal_bindings.push(id);
        } else {
            self.scopes[owner.0 as usize].bindings.entry(name).or_default().push(id);
        }
    }

    /// How the name that is being stored gets its value, seen from the nodes that are open around it.
    fn store_kind(&self, name: &'a ast::ExprName) -> BindingKind<'a> {
        let mut around = self
            .open
            .iter()
            .rev()
            .skip(1)
            .map(|id| self.nodes[id.0 as usize].syntax);
        match around.next() {
            Some(AnyNodeRef::StmtAssign(assign)) => BindingKind::Assignment(&assign.value),
            Some(AnyNodeRef::StmtAnnAssign(assign)) => BindingKind::Annotated(assign),
            Some(AnyNodeRef::StmtAugAssign(_)) => BindingKind::AugAssignment,
            Some(AnyNodeRef::ExprNamed(named)) => BindingKind::Assignment(&named.value),
            Some(AnyNodeRef::WithItem(item))
                if item
                    .optional_vars
                    .as_deref()
                    .is_some_and(|vars| vars.range() == name.range()) =>
            {
                let is_async = matches!(around.next(), Some(AnyNodeRef::StmtWith(with)) if with.is_async);
                BindingKind::With(item, is_async)
            }
            _ => BindingKind::Other,
        }
    }

    fn store_name(&mut self, name: &'a ast::ExprName) {
        let kind = self.store_kind(name);
        let is_walrus = self
            .open
            .iter()
            .rev()
            .nth(1)
            .is_some_and(|id| matches!(self.nodes[id.0 as usize].syntax, AnyNodeRef::ExprNamed(_)));
        let mut scope = self.current;
        if is_walrus {
            // PEP 572: in a comprehension, a walrus binds in the scope around it.
            while matches!(
                self.scopes[scope.0 as usize].kind,
                ScopeKind::Comprehension | ScopeKind::Generator
            ) {
                scope = self.scopes[scope.0 as usize].parent.unwrap_or(ScopeId::MODULE);
            }
        }
        self.bind_in(scope, &name.id, kind, name.range());
    }

    fn function(&mut self, function: &'a ast::StmtFunctionDef) {
        for decorator in &function.decorator_list {
            self.visit_decorator(decorator);
        }
        self.bind(&function.name, BindingKind::Function(function), function.name.range());
        let inner = |this: &mut Self| {
            if let Some(params) = &function.type_params {
                this.visit_type_params(params);
            }
            // Defaults and annotations are evaluated where the function is defined.
            this.visit_parameters(&function.parameters);
            if let Some(returns) = &function.returns {
                this.visit_annotation(returns);
            }
            this.in_scope(ScopeKind::Function(function), |this| {
                this.bind_parameters(&function.parameters);
                this.visit_body(&function.body);
            });
        };
        if function.type_params.is_some() {
            self.in_scope(ScopeKind::TypeParams, inner);
        } else {
            inner(self);
        }
    }

    fn class(&mut self, class: &'a ast::StmtClassDef) {
        for decorator in &class.decorator_list {
            self.visit_decorator(decorator);
        }
        self.bind(&class.name, BindingKind::Class(class), class.name.range());
        let inner = |this: &mut Self| {
            if let Some(params) = &class.type_params {
                this.visit_type_params(params);
            }
            if let Some(arguments) = &class.arguments {
                this.visit_arguments(arguments);
            }
            this.in_scope(ScopeKind::Class(class), |this| this.visit_body(&class.body));
        };
        if class.type_params.is_some() {
            self.in_scope(ScopeKind::TypeParams, inner);
        } else {
            inner(self);
        }
    }

    fn bind_parameters(&mut self, parameters: &'a ast::Parameters) {
        for parameter in parameters.iter_source_order() {
            let parameter = parameter.as_parameter();
            self.bind(
                &parameter.name,
                BindingKind::Parameter(parameter),
                parameter.name.range(),
            );
        }
    }

    fn comprehension(&mut self, kind: ScopeKind<'a>, elements: &[&'a Expr], generators: &'a [ast::Comprehension]) {
        // The scope is entered first so that ids stay in source order; the first iterable alone is evaluated outside.
        let outer = self.current;
        self.in_scope(kind, |this| {
            // Targets are bound before the elements are visited: an element may refer to them, and the order of bindings is not used
            // for comprehension variables.
            for element in elements {
                this.visit_expr(element);
            }
            for (index, generator) in generators.iter().enumerate() {
                this.enter_node(AnyNodeRef::Comprehension(generator));
                this.visit_expr(&generator.target);
                if index == 0 {
                    let inner = std::mem::replace(&mut this.current, outer);
                    this.visit_expr(&generator.iter);
                    this.current = inner;
                } else {
                    this.visit_expr(&generator.iter);
                }
                for condition in &generator.ifs {
                    this.visit_expr(condition);
                }
                this.leave_node(AnyNodeRef::Comprehension(generator));
            }
        });
    }

    fn import(&mut self, import: &'a ast::StmtImport) {
        for alias in &import.names {
            self.visit_alias(alias);
            let name = match &alias.asname {
                Some(name) => name.as_str(),
                None => alias.name.split('.').next().unwrap_or(&alias.name),
            };
            self.bind(name, BindingKind::Import(alias), alias.range());
        }
    }

    fn import_from(&mut self, import: &'a ast::StmtImportFrom) {
        for alias in &import.names {
            self.visit_alias(alias);
            if alias.name.as_str() == "*" {
                let scope = &mut self.scopes[self.current.0 as usize];
                scope.star_import = true;
            } else {
                let name = alias.asname.as_ref().unwrap_or(&alias.name);
                self.bind(name, BindingKind::FromImport(import, alias), alias.range());
            }
        }
    }

    fn quoted_annotation(&mut self, string: &'a ast::ExprStringLiteral) {
        let text = string.value.to_str();
        for word in text.split(|character: char| !(character.is_alphanumeric() || character == '_')) {
            if word.starts_with(|character: char| character.is_alphabetic() || character == '_') {
                self.quoted_names.push((word.to_owned(), string.range()));
            }
        }
    }
}

impl<'a> SourceOrderVisitor<'a> for Builder<'a> {
    fn enter_node(&mut self, node: AnyNodeRef<'a>) -> TraversalSignal {
        let index = u32::try_from(self.nodes.len()).expect("fewer nodes than bytes");
        let id = NodeId(index);
        node.node_index().set(NodeIndex::from(index));
        let parent = self.open.last().copied().unwrap_or(id);
        self.nodes.push(Node {
            syntax: node,
            parent,
            end: id,
            scope: self.current,
        });
        self.open.push(id);
        let captured = match node {
            AnyNodeRef::PatternMatchAs(pattern) => pattern.name.as_ref(),
            AnyNodeRef::PatternMatchStar(pattern) => pattern.name.as_ref(),
            AnyNodeRef::PatternMatchMapping(pattern) => pattern.rest.as_ref(),
            _ => None,
        };
        if let Some(name) = captured {
            self.bind(name, BindingKind::Other, name.range());
        }
        TraversalSignal::Traverse
    }

    fn leave_node(&mut self, _: AnyNodeRef<'a>) {
        let end = NodeId(u32::try_from(self.nodes.len()).expect("fewer nodes than bytes"));
        if let Some(id) = self.open.pop() {
            self.nodes[id.0 as usize].end = end;
        }
    }

    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::FunctionDef(function) => self.within(function.into(), |this| this.function(function)),
            Stmt::ClassDef(class) => self.within(class.into(), |this| this.class(class)),
            Stmt::Import(import) => self.within(import.into(), |this| this.import(import)),
            Stmt::ImportFrom(import) => self.within(import.into(), |this| this.import_from(import)),
            Stmt::Global(global) => {
                let scope = &mut self.scopes[self.current.0 as usize];
                scope.globals.extend(global.names.iter().map(|name| name.as_str()));
                source_order::walk_stmt(self, stmt);
            }
            Stmt::Nonlocal(nonlocal) => {
                let scope = &mut self.scopes[self.current.0 as usize];
                scope.nonlocals.extend(nonlocal.names.iter().map(|name| name.as_str()));
                source_order::walk_stmt(self, stmt);
            }
            _ => source_order::walk_stmt(self, stmt),
        }
    }

    fn visit_annotation(&mut self, expr: &'a Expr) {
        let outer = std::mem::replace(&mut self.in_annotation, true);
        self.visit_expr(expr);
        self.in_annotation = outer;
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        let node = AnyNodeRef::from(expr);
        match expr {
            Expr::Lambda(lambda) => {
                self.enter_node(node);
                if let Some(parameters) = &lambda.parameters {
                    self.visit_parameters(parameters);
                }
                self.in_scope(ScopeKind::Lambda(lambda), |this| {
                    if let Some(parameters) = &lambda.parameters {
                        this.bind_parameters(parameters);
                    }
                    this.visit_expr(&lambda.body);
                });
                self.leave_node(node);
            }
            Expr::ListComp(comp) => {
                self.enter_node(node);
                self.comprehension(ScopeKind::Comprehension, &[&comp.elt], &comp.generators);
                self.leave_node(node);
            }
            Expr::SetComp(comp) => {
                self.enter_node(node);
                self.comprehension(ScopeKind::Comprehension, &[&comp.elt], &comp.generators);
                self.leave_node(node);
            }
            Expr::DictComp(comp) => {
                self.enter_node(node);
                let elements: Vec<&Expr> = comp.key.as_deref().into_iter().chain([&*comp.value]).collect();
                self.comprehension(ScopeKind::Comprehension, &elements, &comp.generators);
                self.leave_node(node);
            }
            Expr::Generator(comp) => {
                self.enter_node(node);
                self.comprehension(ScopeKind::Generator, &[&comp.elt], &comp.generators);
                self.leave_node(node);
            }
            Expr::Name(name) => {
                self.enter_node(node);
                let id = self.here();
                match name.ctx {
                    ExprContext::Store => self.store_name(name),
                    ExprContext::Del => {
                        self.references.push(Reference {
                            name,
                            node: id,
                            scope: self.current,
                        });
                        self.bind(&name.id, BindingKind::Deletion, name.range());
                    }
                    _ => self.references.push(Reference {
                        name,
                        node: id,
                        scope: self.current,
                    }),
                }
                self.leave_node(node);
                // `x += 1` reads the name as well.
                if name.ctx == ExprContext::Store
                    && self
                        .open
                        .last()
                        .is_some_and(|id| matches!(self.nodes[id.0 as usize].syntax, AnyNodeRef::StmtAugAssign(_)))
                {
                    self.references.push(Reference {
                        name,
                        node: id,
                        scope: self.current,
                    });
                }
            }
            Expr::StringLiteral(string) => {
                if self.in_annotation {
                    self.quoted_annotation(string);
                }
                source_order::walk_expr(self, expr);
            }
            Expr::Call(_) => {
                self.calls
                    .push(NodeId(u32::try_from(self.nodes.len()).expect("fewer nodes than bytes")));
                source_order::walk_expr(self, expr);
            }
            Expr::Await(_) => {
                self.awaits
                    .push(NodeId(u32::try_from(self.nodes.len()).expect("fewer nodes than bytes")));
                source_order::walk_expr(self, expr);
            }
            Expr::Attribute(attribute) => {
                if !attribute.ctx.is_load() {
                    self.attribute_stores
                        .push(NodeId(u32::try_from(self.nodes.len()).expect("fewer nodes than bytes")));
                }
                source_order::walk_expr(self, expr);
            }
            _ => source_order::walk_expr(self, expr),
        }
    }

    fn visit_except_handler(&mut self, handler: &'a ast::ExceptHandler) {
        let ast::ExceptHandler::ExceptHandler(inner) = handler;
        self.enter_node(AnyNodeRef::ExceptHandlerExceptHandler(inner));
        if let Some(type_) = &inner.type_ {
            self.visit_expr(type_);
        }
        if let Some(name) = &inner.name {
            self.bind(name, BindingKind::Other, name.range());
        }
        self.visit_body(&inner.body);
        if let Some(name) = &inner.name {
            // The name is deleted when the handler ends.
            self.bind(name, BindingKind::Deletion, name.range());
        }
        self.leave_node(AnyNodeRef::ExceptHandlerExceptHandler(inner));
    }

    fn visit_type_param(&mut self, param: &'a ast::TypeParam) {
        let name = param.name();
        self.bind(name, BindingKind::Other, name.range());
        source_order::walk_type_param(self, param);
    }
}
