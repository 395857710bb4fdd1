//! Connections of sqlite3 that were made for several threads (`check_same_thread=False`) and are kept for longer than a function runs.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, Stmt};
use ruff_text_size::{Ranged, TextRange};

use super::units::Unit;
use crate::codemod::Context;
use crate::semantic::{BindingKind, NodeId};

/// How many names lie between a cursor and its connection at most.
const MAX_STEPS: usize = 3;

/// Whether the connection that a method belongs to, or that its cursor is made from, may be used by several threads.
pub(super) fn crosses_threads(ctx: &Context, call: &ast::ExprCall) -> bool {
    connection_of(ctx, call).is_some()
}

/// What must move together with a call: the statements of a transaction, between which no other task may come, or what reads the rows at once.
pub(super) fn unit_of<'a>(ctx: &Context<'a>, call: &ast::ExprCall) -> Option<Unit<'a>> {
    transaction(ctx, call)
        .map(Unit::Statements)
        .or_else(|| read_at_once(ctx, call).map(|read| Unit::Expression(read.into())))
}

/// The connection, as the function writes it.
fn connection_of<'a>(ctx: &Context<'a>, call: &ast::ExprCall) -> Option<&'a str> {
    let model = ctx.model;
    let mut at = call.func.as_attribute_expr().map(|method| &*method.value)?;
    for _ in 0..MAX_STEPS {
        let made = match at {
            Expr::Name(name) => match model.sole_binding(&name.id, model.scope_of(model.id(name)))?.kind {
                BindingKind::Assignment(value) => value,
                _ => return None,
            },
            Expr::Attribute(attribute) => {
                let mut stores = model.stores_of(&attribute.attr);
                let store = stores.next().filter(|_| stores.next().is_none())?;
                match model.node(model.parent(model.id(store))) {
                    AnyNodeRef::StmtAssign(assign) => &*assign.value,
                    _ => return None,
                }
            }
            other => other,
        };
        let made = made.as_call_expr()?;
        if model.qualified_name(&made.func).as_deref() == Some("sqlite3.connect") {
            let same_thread = made.arguments.find_keyword("check_same_thread")?;
            let is_free = matches!(&same_thread.value, Expr::BooleanLiteral(literal) if !literal.value);
            return is_free.then(|| model.slice(at));
        }
        match &*made.func {
            Expr::Attribute(maker) if maker.attr.as_str() == "cursor" => at = &maker.value,
            _ => return None,
        }
    }
    None
}

/// The statements of a function from the first that uses a connection to the last, where one of them ends a transaction.
fn transaction<'a>(ctx: &Context<'a>, call: &ast::ExprCall) -> Option<&'a [Stmt]> {
    let model = ctx.model;
    let connection = connection_of(ctx, call)?;
    let function = model.enclosing_function(model.id(call))?;
    let mut uses: Vec<TextRange> = Vec::new();
    let mut is_transaction = false;
    for (id, node) in model.subtree(model.id(function)) {
        match node {
            AnyNodeRef::ExprCall(found) if connection_of(ctx, found) == Some(connection) => {
                let is_end = matches!(&*found.func, Expr::Attribute(method)
                    if matches!(method.attr.as_str(), "commit" | "rollback"));
                is_transaction |= is_end;
                uses.push(found.range());
            }
            AnyNodeRef::WithItem(item) if model.slice(&item.context_expr) == connection => {
                is_transaction = true;
                uses.push(model.node(model.parent(id)).range());
            }
            _ => {}
        }
    }
    if !is_transaction {
        return None;
    }
    let all = uses.into_iter().reduce(TextRange::cover)?;
    let mut at: NodeId = model.statement_of(model.id(call))?.0;
    loop {
        let (block, _) = model.block_of(at)?;
        let first = block.iter().position(|stmt| stmt.end() > all.start())?;
        let last = block.iter().rposition(|stmt| stmt.start() < all.end())?;
        let found = &block[first..=last];
        if found.first()?.start() <= all.start() && all.end() <= found.last()?.end() {
            return Some(found);
        }
        at = model.statement_of(model.parent(at))?.0;
    }
}

/// `connection.execute(...).fetchall()`: the call that reads what another one gives.
fn read_at_once<'a>(ctx: &Context<'a>, call: &ast::ExprCall) -> Option<&'a ast::ExprCall> {
    let model = ctx.model;
    let attribute = model.parent(model.id(call));
    match (model.node(attribute), model.node(model.parent(attribute))) {
        (AnyNodeRef::ExprAttribute(method), AnyNodeRef::ExprCall(outer))
            if method.attr.starts_with("fetch") && outer.func.range() == method.range() =>
        {
            Some(outer)
        }
        _ => None,
    }
}
