//! What every rewritten text must pass before anybody sees it: it parses, it has no error that CPython's compiler finds beyond parsing
//! and that was not there before, no comment is lost, and every token outside the edits is where it was.

use std::collections::BTreeMap;

use ruff_python_ast::token::{Token, TokenKind};
use ruff_python_ast::{self as ast, AnyNodeRef, Expr, PythonVersion, Stmt};
use ruff_text_size::Ranged;

use crate::edit::Edit;
use crate::module::Module;
use crate::semantic::{Binding, BindingKind, NodeId, ScopeKind, SemanticModel};
use crate::source::SourceKind;

/// Why a result is not shown. Each of these is a defect of a codemod; the fixes behind it are declined with this text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    #[error("the result would not parse: {0}")]
    Syntax(String),
    #[error("the result would not compile: {0}")]
    Compile(&'static str),
    #[error("the comment `{0}` would be lost")]
    Comment(String),
    #[error("text outside the edits would be read differently")]
    Tokens,
}

/// Checks a text that `edits` made of `old`.
pub fn verify(old: &SemanticModel, edits: &[Edit], new: &SemanticModel, target: PythonVersion) -> Result<(), Invalid> {
    comments_survive(old.module(), new.module())?;
    tokens_survive(old.module(), edits, new.module())?;
    let before = compile_errors(old, target);
    for (error, count) in compile_errors(new, target) {
        if count > before.get(error).copied().unwrap_or(0) {
            return Err(Invalid::Compile(error));
        }
    }
    Ok(())
}

fn comments_survive(old: &Module, new: &Module) -> Result<(), Invalid> {
    let mut left: BTreeMap<&str, usize> = BTreeMap::new();
    for comment in new.comments() {
        *left.entry(new.slice(*comment)).or_default() += 1;
    }
    for comment in old.comments() {
        let text = old.slice(*comment);
        if text.trim_start_matches('#').trim_start().starts_with("asyncup:") {
            // Ours: it is removed when it suppresses nothing any more.
            continue;
        }
        match left.get_mut(text) {
            Some(count) if *count > 0 => *count -= 1,
            _ => return Err(Invalid::Comment(text.to_owned())),
        }
    }
    Ok(())
}

/// Every token that no edit touches stands, with the same kind and text, at its shifted place. Line structure (newlines, indentation) is
/// what edits change on purpose.
fn tokens_survive(old: &Module, edits: &[Edit], new: &Module) -> Result<(), Invalid> {
    let is_content = |token: &&Token| {
        !token.range().is_empty()
            && !matches!(
                token.kind(),
                TokenKind::Newline
                    | TokenKind::NonLogicalNewline
                    | TokenKind::Indent
                    | TokenKind::Dedent
                    | TokenKind::EndOfFile
            )
    };
    let mut next_edit = 0;
    let mut moved = 0i64;
    let mut theirs = new.tokens().iter().filter(is_content).peekable();
    for token in old.tokens().iter().filter(is_content) {
        while let Some(edit) = edits.get(next_edit).filter(|edit| edit.end() <= token.start()) {
            moved += edit.content().len() as i64 - i64::from(u32::from(edit.range().len()));
            next_edit += 1;
        }
        // An insertion at the very end of a token is behind it.
        if edits.get(next_edit).is_some_and(|edit| edit.start() < token.end()) {
            continue;
        }
        let at = i64::from(u32::from(token.start())) + moved;
        while theirs
            .peek()
            .is_some_and(|other| i64::from(u32::from(other.start())) < at)
        {
            theirs.next();
        }
        let same = theirs.peek().is_some_and(|other| {
            i64::from(u32::from(other.start())) == at
                && other.kind() == token.kind()
                && new.slice(*other) == old.slice(token)
        });
        if !same {
            return Err(Invalid::Tokens);
        }
    }
    Ok(())
}

/// Errors that the compiler finds in a tree that parses, each with how often it occurs.
///
/// Source: CPython's `compile.c` and `symtable.c`, the checks that a rewrite of this tool could trip over.
fn compile_errors(model: &SemanticModel, target: PythonVersion) -> BTreeMap<&'static str, usize> {
    let mut errors: BTreeMap<&'static str, usize> = BTreeMap::new();
    let mut note = |error: &'static str| *errors.entry(error).or_default() += 1;
    let notebook = model.module().kind() == SourceKind::Notebook;
    future_imports(model.module().syntax(), &mut note);
    for (id, node) in model.subtree(NodeId(0)) {
        match node {
            AnyNodeRef::ExprAwait(_) if !in_async(model, id, notebook, true) => {
                note("'await' outside async function");
            }
            AnyNodeRef::StmtFor(stmt) if stmt.is_async && !in_async(model, id, notebook, false) => {
                note("'async for' outside async function")
            }
            AnyNodeRef::StmtWith(stmt) if stmt.is_async && !in_async(model, id, notebook, false) => {
                note("'async with' outside async function")
            }
            AnyNodeRef::StmtReturn(stmt) => match model.enclosing_function(id) {
                None => note("'return' outside function"),
                Some(function) if function.is_async && stmt.value.is_some() && model.is_generator(function) => {
                    note("'return' with value in async generator");
                }
                Some(_) => {}
            },
            AnyNodeRef::ExprYieldFrom(_) if model.enclosing_function(id).is_some_and(|function| function.is_async) => {
                note("'yield from' inside async function");
            }
            AnyNodeRef::StmtBreak(_) if !in_loop(model, id) => note("'break' outside loop"),
            AnyNodeRef::StmtContinue(_) if !in_loop(model, id) => note("'continue' not properly in loop"),
            AnyNodeRef::ExprListComp(_) | AnyNodeRef::ExprSetComp(_) | AnyNodeRef::ExprDictComp(_)
                if target < PythonVersion::PY311 && is_nested_async_comprehension(model, id) =>
            {
                note("asynchronous comprehension inside another comprehension");
            }
            AnyNodeRef::StmtNonlocal(stmt) if stmt.names.iter().any(|name| !is_bound_around(model, id, name)) => {
                note("no binding for nonlocal name");
            }
            AnyNodeRef::StmtAnnAssign(stmt) if is_declared_elsewhere(model, id, &stmt.target) => {
                note("annotated name can't be global or nonlocal");
            }
            _ => {}
        }
    }
    errors
}

/// Whether a function around the one with a `nonlocal` statement binds the name.
fn is_bound_around(model: &SemanticModel, id: NodeId, name: &str) -> bool {
    let mut at = model.scope(model.scope_of(id)).parent;
    while let Some(scope) = at {
        let is_function = matches!(model.scope(scope).kind, ScopeKind::Function(_) | ScopeKind::Lambda(_));
        let binds = |binding: &Binding| {
            model.scope_of(binding.node) == scope || matches!(binding.kind, BindingKind::Parameter(_))
        };
        if is_function && model.bindings_in(scope, name).any(binds) {
            return true;
        }
        at = model.scope(scope).parent;
    }
    false
}

/// Whether a target is a name that its function declares to be another scope's.
fn is_declared_elsewhere(model: &SemanticModel, id: NodeId, target: &Expr) -> bool {
    let (Expr::Name(name), Some(function)) = (target, model.enclosing_function(id)) else {
        return false;
    };
    model.subtree(model.id(function)).any(|(other, node)| {
        let names = match node {
            AnyNodeRef::StmtNonlocal(stmt) => &stmt.names,
            AnyNodeRef::StmtGlobal(stmt) => &stmt.names,
            _ => return false,
        };
        model.scope_of(other) == model.scope_of(id) && names.iter().any(|declared| **declared == *name.id)
    })
}

fn future_imports(module: &ast::ModModule, note: &mut impl FnMut(&'static str)) {
    let mut late = false;
    for (index, stmt) in module.body.iter().enumerate() {
        match stmt {
            Stmt::ImportFrom(import) if import.module.as_deref() == Some("__future__") => {
                if late {
                    note("from __future__ imports must occur at the beginning of the file");
                }
            }
            Stmt::Expr(expr) if index == 0 && expr.value.is_string_literal_expr() => {}
            _ => late = true,
        }
    }
}

/// Whether the code at a node is compiled into a coroutine. An `await` in a generator expression makes that one asynchronous.
fn in_async(model: &SemanticModel, id: NodeId, notebook: bool, generator_is_fine: bool) -> bool {
    let mut at = Some(model.scope_of(id));
    while let Some(scope_id) = at {
        let scope = model.scope(scope_id);
        match scope.kind {
            ScopeKind::Generator if generator_is_fine => return true,
            ScopeKind::Comprehension | ScopeKind::Generator => at = scope.parent,
            ScopeKind::Function(function) => return function.is_async,
            ScopeKind::Module => return notebook,
            _ => return false,
        }
    }
    false
}

fn in_loop(model: &SemanticModel, id: NodeId) -> bool {
    let mut inner = id;
    for (outer_id, node) in model.ancestors(id) {
        match node {
            AnyNodeRef::StmtFor(stmt) if stmt.body.iter().any(|stmt| model.contains(model.id(stmt), inner)) => {
                return true;
            }
            AnyNodeRef::StmtWhile(stmt) if stmt.body.iter().any(|stmt| model.contains(model.id(stmt), inner)) => {
                return true;
            }
            AnyNodeRef::StmtFunctionDef(_) | AnyNodeRef::StmtClassDef(_) => return false,
            _ => {}
        }
        inner = outer_id;
    }
    false
}

fn is_nested_async_comprehension(model: &SemanticModel, id: NodeId) -> bool {
    let outer = model.scope(model.scope_of(id));
    if !matches!(outer.kind, ScopeKind::Comprehension | ScopeKind::Generator) {
        return false;
    }
    let own_scope_awaits = |node_id: NodeId| {
        let scope = model.scope_of(node_id);
        model.scope(scope).parent == Some(model.scope_of(id)) || scope == model.scope_of(id)
    };
    model.subtree(id).any(|(inner, node)| match node {
        AnyNodeRef::ExprAwait(_) => own_scope_awaits(inner),
        AnyNodeRef::Comprehension(comprehension) => comprehension.is_async,
        _ => false,
    })
}
