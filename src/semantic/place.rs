//! Where things stand: the statement and block around a node, the function that runs it, and whether an `await` is legal there.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, PythonVersion, Stmt};
use ruff_text_size::{Ranged, TextRange};

use super::{NodeId, ScopeId, ScopeKind, SemanticModel};
use crate::finding::Declined;
use crate::source::SourceKind;

/// Which event loop library a module is written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    Asyncio,
    Trio,
    Anyio,
    /// curio, twisted, or a mixture that says nothing.
    Other,
}

impl<'a> SemanticModel<'a> {
    /// The innermost statement that a node is part of, the node itself included.
    pub fn statement_of(&self, id: NodeId) -> Option<(NodeId, &'a Stmt)> {
        let mut at = id;
        loop {
            let parent = self.parent(at);
            if let Some(stmt) = self.as_stmt(at, parent) {
                return Some((at, stmt));
            }
            if parent == at {
                return None;
            }
            at = parent;
        }
    }

    /// The statement with this id, found in its parent's blocks.
    fn as_stmt(&self, id: NodeId, parent: NodeId) -> Option<&'a Stmt> {
        if !self.node(id).is_statement() {
            return None;
        }
        let range = self.node(id).range();
        blocks(self.node(parent))
            .into_iter()
            .find_map(|block| index_in(block, range).map(|index| &block[index]))
    }

    /// The block that holds a statement, and the statement's index in it.
    pub fn block_of(&self, stmt: NodeId) -> Option<(&'a [Stmt], usize)> {
        let range = self.node(stmt).range();
        blocks(self.node(self.parent(stmt))).into_iter().find_map(|block| {
            let index = index_in(block, range)?;
            Some((block, index))
        })
    }

    /// The function definition whose body runs a node, lambdas and comprehensions passed through. `None` at module or class level.
    pub fn enclosing_function(&self, id: NodeId) -> Option<&'a ast::StmtFunctionDef> {
        self.function_of_scope(self.scope_of(id))
    }

    pub fn function_of_scope(&self, scope: ScopeId) -> Option<&'a ast::StmtFunctionDef> {
        let mut at = Some(scope);
        while let Some(id) = at {
            let scope = self.scope(id);
            match scope.kind {
                ScopeKind::Function(function) => return Some(function),
                ScopeKind::Class(_) | ScopeKind::Module => return None,
                _ => at = scope.parent,
            }
        }
        None
    }

    /// The scope of a function's own names.
    pub fn body_scope(&self, function: &'a ast::StmtFunctionDef) -> ScopeId {
        function
            .body
            .first()
            .map_or(ScopeId::MODULE, |stmt| self.scope_of(self.id(stmt)))
    }

    /// The class whose method a function is.
    pub fn class_of_method(&self, function: &'a ast::StmtFunctionDef) -> Option<&'a ast::StmtClassDef> {
        let mut at = Some(self.scope_of(self.id(function)));
        while let Some(id) = at {
            let scope = self.scope(id);
            match scope.kind {
                ScopeKind::Class(class) => return Some(class),
                ScopeKind::TypeParams => at = scope.parent,
                _ => return None,
            }
        }
        None
    }

    /// The parameters that a call can give by their places: without the object that a method is called on.
    pub fn given_parameters(
        &self,
        function: &'a ast::StmtFunctionDef,
    ) -> impl Iterator<Item = &'a ast::ParameterWithDefault> + use<'a> {
        let is_static = function
            .decorator_list
            .iter()
            .any(|decorator| self.is_builtin(&decorator.expression, "staticmethod"));
        let is_bound = self.class_of_method(function).is_some() && !is_static;
        let parameters = &function.parameters;
        let positional = parameters.posonlyargs.iter().chain(&parameters.args);
        positional.skip(usize::from(is_bound))
    }

    /// Whether `await` may be written in the place of this expression, or why not.
    ///
    /// Sources: Python reference 6.2.8 (a generator expression with `await` becomes asynchronous), and What's New in Python 3.11
    /// (asynchronous comprehensions inside other comprehensions).
    pub fn await_is_legal(&self, id: NodeId, target: PythonVersion) -> Result<(), Declined> {
        let is_printed =
            |node| matches!(node, AnyNodeRef::InterpolatedElement(element) if element.debug_text.is_some());
        if self.ancestors(id).any(|(_, node)| is_printed(node)) {
            return Err("its text is printed by the `=` of a formatted string".into());
        }
        let mut at = Some(self.scope_of(id));
        let mut comprehensions = 0;
        while let Some(scope_id) = at {
            let scope = self.scope(scope_id);
            match scope.kind {
                ScopeKind::Comprehension => comprehensions += 1,
                ScopeKind::Generator => {
                    return Err(
                        "it stands in a generator expression, where await would make an asynchronous generator".into(),
                    );
                }
                ScopeKind::Lambda(_) => return Err("it stands in a lambda, where await is not allowed".into()),
                ScopeKind::Class(_) => {
                    return Err(
                        "it stands in a class body, where await is not allowed: call it above the class".into(),
                    );
                }
                ScopeKind::TypeParams => return Err("it stands in a type parameter, where await is not allowed".into()),
                ScopeKind::Function(function) if function.is_async => break,
                ScopeKind::Function(function) => {
                    return Err(format!("`{}` is not an async function", function.name).into());
                }
                ScopeKind::Module if self.module().kind() == SourceKind::Notebook => break,
                ScopeKind::Module => return Err("it stands at module level, where await is not allowed".into()),
            }
            at = scope.parent;
        }
        if comprehensions > 1 && target < PythonVersion::PY311 {
            return Err("await inside nested comprehensions needs Python 3.11".into());
        }
        Ok(())
    }

    /// Whether code at this node runs in an async function, in the sense that blocking it blocks an event loop: directly in its body
    /// in a comprehension, a generator expression or a class body of it. Not in nested sync functions and lambdas.
    pub fn runs_in_async(&self, id: NodeId) -> bool {
        let mut at = Some(self.scope_of(id));
        while let Some(scope_id) = at {
            let scope = self.scope(scope_id);
            match scope.kind {
                ScopeKind::Comprehension | ScopeKind::Generator | ScopeKind::Class(_) => at = scope.parent,
                ScopeKind::Function(function) => return function.is_async,
                ScopeKind::Module => return false,
                _ => return false,
            }
        }
        false
    }

    /// The event loop library of the module, by its imports.
    pub fn backend(&self) -> Backend {
        if self.imports_package("asyncio") {
            return Backend::Asyncio;
        }
        match (self.imports_package("trio"), self.imports_package("anyio")) {
            (true, false) => Backend::Trio,
            // Which works under trio as well.
            (_, true) => Backend::Anyio,
            _ if ["curio", "twisted", "sniffio", "gevent", "eventlet"]
                .iter()
                .any(|name| self.imports_package(name)) =>
            {
                Backend::Other
            }
            _ => Backend::Asyncio,
        }
    }

    /// Whether code at this node runs on some Python versions only: under a test of `sys.version_info`, in its `if` or its `and`.
    pub fn is_chosen_by_version(&self, id: NodeId) -> bool {
        let tests_version = |test: &Expr| {
            let text = self.slice(test);
            text.contains("version_info") || text.contains("hexversion")
        };
        self.ancestors(id).any(|(_, node)| match node {
            AnyNodeRef::StmtIf(outer) => {
                let clauses = outer.elif_else_clauses.iter();
                tests_version(&outer.test) || clauses.filter_map(|clause| clause.test.as_ref()).any(tests_version)
            }
            AnyNodeRef::ExprIf(outer) => tests_version(&outer.test),
            AnyNodeRef::ExprBoolOp(outer) => outer.values.iter().any(tests_version),
            _ => false,
        })
    }

    /// The first place in a statement where the function that runs it can be suspended: an `await`, an asynchronous loop, manager or
    /// comprehension.
    pub fn first_wait(&self, stmt: &Stmt) -> Option<NodeId> {
        let id = self.id(stmt);
        let function = self.enclosing_function(id).map(Ranged::range);
        let waits = |node| match node {
            AnyNodeRef::ExprAwait(_) => true,
            AnyNodeRef::StmtFor(inner) => inner.is_async,
            AnyNodeRef::StmtWith(inner) => inner.is_async,
            AnyNodeRef::Comprehension(inner) => inner.is_async,
            _ => false,
        };
        self.subtree(id)
            .find(|(id, node)| waits(*node) && self.enclosing_function(*id).map(Ranged::range) == function)
            .map(|(id, _)| id)
    }

    /// Whether `yield` stands in the body of this function itself.
    pub fn is_generator(&self, function: &'a ast::StmtFunctionDef) -> bool {
        let scope = self.body_scope(function);
        self.subtree(self.id(function)).any(|(id, node)| {
            matches!(node, AnyNodeRef::ExprYield(_) | AnyNodeRef::ExprYieldFrom(_)) && self.scope_of(id) == scope
        })
    }

    /// The await that directly awaits this expression, parentheses aside.
    pub fn awaited_by(&self, expr: &Expr) -> Option<&'a ast::ExprAwait> {
        match self.node(self.parent(self.id(expr))) {
            AnyNodeRef::ExprAwait(outer) => Some(outer),
            _ => None,
        }
    }
}

/// Where the statement of this range stands in a block; statements stand in source order.
fn index_in(block: &[Stmt], range: TextRange) -> Option<usize> {
    let index = block.partition_point(|stmt| stmt.start() < range.start());
    (block.get(index)?.range() == range).then_some(index)
}

/// The blocks of statements directly below a node.
pub fn blocks(node: AnyNodeRef<'_>) -> Vec<&[Stmt]> {
    match node {
        AnyNodeRef::ModModule(module) => vec![&module.body],
        AnyNodeRef::StmtFunctionDef(inner) => vec![&inner.body],
        AnyNodeRef::StmtClassDef(inner) => vec![&inner.body],
        AnyNodeRef::StmtFor(inner) => vec![&inner.body, &inner.orelse],
        AnyNodeRef::StmtWhile(inner) => vec![&inner.body, &inner.orelse],
        AnyNodeRef::StmtIf(inner) => vec![&inner.body],
        AnyNodeRef::ElifElseClause(inner) => vec![&inner.body],
        AnyNodeRef::StmtWith(inner) => vec![&inner.body],
        AnyNodeRef::StmtTry(inner) => vec![&inner.body, &inner.orelse, &inner.finalbody],
        AnyNodeRef::ExceptHandlerExceptHandler(inner) => vec![&inner.body],
        AnyNodeRef::MatchCase(inner) => vec![&inner.body],
        _ => Vec::new(),
    }
}

/// Whether control never goes on behind a statement.
pub fn leaves_block(stmt: &Stmt) -> bool {
    matches!(
        stmt,
        Stmt::Return(_) | Stmt::Raise(_) | Stmt::Break(_) | Stmt::Continue(_)
    )
}
