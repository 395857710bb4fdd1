//! Chains of a `Query`: `session.query(User).filter(...).all()`, and those that go on from a local name for one.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, Stmt};
use ruff_text_size::{Ranged, TextSize};

use crate::codemod::Context;
use crate::finding::Declined;
use crate::semantic::sqlalchemy::TERMINALS;
use crate::semantic::{Binding, BindingKind, NodeId, ScopeId};

/// Methods that `Select` has under the same name.
const KEPT: &[&str] = &[
    "filter",
    "filter_by",
    "where",
    "join",
    "outerjoin",
    "select_from",
    "order_by",
    "group_by",
    "having",
    "distinct",
    "limit",
    "offset",
    "slice",
    "options",
    "with_for_update",
    "with_hint",
    "with_statement_hint",
    "prefix_with",
    "suffix_with",
    "correlate",
    "params",
    "add_columns",
    "execution_options",
    "set_label_style",
];

/// Methods that are written in another way.
const CHANGED: &[&str] = &[
    "with_entities",
    "add_column",
    "add_entity",
    "populate_existing",
    "autoflush",
    "from_statement",
    "yield_per",
];

/// What makes a part of another statement of a query.
const PARTS: &[&str] = &["subquery", "cte", "scalar_subquery", "as_scalar", "label", "exists"];

/// Methods of columns and statements that take a statement.
const TAKES_STATEMENT: &[&str] = &["in_", "not_in", "notin_", "from_select", "exists", "any_", "all_"];

/// Builtins that read an iterable to its end.
const READERS: &[&str] = &[
    "list",
    "tuple",
    "set",
    "frozenset",
    "sorted",
    "sum",
    "max",
    "min",
    "any",
    "all",
    "enumerate",
    "zip",
    "iter",
    "next",
];

/// A call in the middle of a chain.
pub struct Link<'a> {
    pub method: &'a ast::ExprAttribute,
    pub call: &'a ast::ExprCall,
}

impl Link<'_> {
    pub fn name(&self) -> &str {
        &self.method.attr
    }
}

/// What a chain begins with.
pub enum Root<'a> {
    /// `session.query(...)`
    Query(&'a ast::ExprCall),
    /// A local name for a chain.
    Name(&'a ast::ExprName),
}

pub enum End<'a> {
    /// `.all()` and so on.
    Terminal(&'a ast::ExprAttribute, &'a ast::ExprCall),
    /// `.subquery()`, `.exists()` and so on.
    Part(&'a ast::ExprAttribute),
    Subscript(&'a ast::ExprSubscript),
    /// A loop, a comprehension or a builtin reads it.
    Iterated,
    /// `dict` reads it, which takes what has `keys` for a mapping: a result has.
    Mapped,
    /// It is an argument of what takes a statement, or only looked at.
    Statement,
    /// It is bound to a name of the function.
    Bound(&'a str),
}

pub struct Chain<'a> {
    pub root: Root<'a>,
    pub links: Vec<Link<'a>>,
    pub end: End<'a>,
    /// The root.
    pub start: NodeId,
    /// The last link, or the root: what becomes the statement.
    pub statement: NodeId,
}

impl Chain<'_> {
    pub fn has(&self, names: &[&str]) -> bool {
        self.links.iter().any(|link| names.contains(&link.name()))
    }
}

/// Chains that change together: one, or all that the names hold which they are bound to.
pub struct Unit<'a> {
    pub chains: Vec<Chain<'a>>,
    /// Whether the function becomes one of coroutines with this change.
    pub turns: bool,
}

impl<'a> Unit<'a> {
    pub fn of(ctx: &Context<'a>, root: &'a ast::ExprCall) -> Result<Self, Declined> {
        let first = read(ctx, Root::Query(root))?;
        let scope = ctx.model.scope_of(ctx.model.id(root));
        let mut open: Vec<String> = bound_name(&first).into_iter().collect();
        let mut names: Vec<String> = Vec::new();
        let mut chains = vec![first];
        while let Some(name) = open.pop() {
            if names.contains(&name) {
                continue;
            }
            let found = chains_of_name(ctx, &name, scope)?;
            names.push(name);
            for chain in found {
                if chains.iter().all(|other| other.start != chain.start) {
                    open.extend(bound_name(&chain));
                    if let Root::Name(root) = &chain.root {
                        open.push(root.id.to_string());
                    }
                    chains.push(chain);
                }
            }
        }
        Ok(Self { chains, turns: false })
    }

    pub fn roots(&self) -> impl Iterator<Item = &'a ast::ExprCall> + '_ {
        self.chains.iter().filter_map(|chain| match chain.root {
            Root::Query(call) => Some(call),
            Root::Name(_) => None,
        })
    }
}

fn bound_name(chain: &Chain) -> Option<String> {
    match chain.end {
        End::Bound(name) => Some(name.to_owned()),
        _ => None,
    }
}

/// Every chain that is bound to a name of a function, and every one that goes on from it.
fn chains_of_name<'a>(ctx: &Context<'a>, name: &str, scope: ScopeId) -> Result<Vec<Chain<'a>>, Declined> {
    let model = ctx.model;
    let function = model
        .function_of_scope(scope)
        .ok_or_else(|| format!("the query in `{name}` is not a function's own"))?;
    let scope = model.body_scope(function);
    let elsewhere = || {
        Declined(format!(
            "`{name}` also holds something that is no query of this function"
        ))
    };
    let reads = model
        .reads_of_local(function, name)
        .ok_or_else(|| format!("the query in `{name}` is used by another function too"))?;
    let mut chains = Vec::new();
    for binding in model.bindings_in(scope, name) {
        let root = root_of(ctx, binding).ok_or_else(elsewhere)?;
        // What goes on from a name is read below.
        if let Root::Query(_) = root {
            let chain = read(ctx, root)?;
            if !matches!(chain.end, End::Bound(_)) {
                return Err(elsewhere());
            }
            chains.push(chain);
        }
    }
    let mut nodes: Vec<NodeId> = reads.into_keys().collect();
    nodes.sort_unstable();
    for node in nodes {
        match model.node(node) {
            AnyNodeRef::ExprName(read_name) => chains.push(read(ctx, Root::Name(read_name))?),
            _ => return Err(elsewhere()),
        }
    }
    Ok(chains)
}

/// The root of the chain that a binding gives its name to.
fn root_of<'a>(ctx: &Context<'a>, binding: &Binding<'a>) -> Option<Root<'a>> {
    let BindingKind::Assignment(value) = binding.kind else {
        return None;
    };
    let mut at = value;
    loop {
        match at {
            Expr::Call(call) => {
                if super::session_of(ctx, call).is_some() {
                    return Some(Root::Query(call));
                }
                match &*call.func {
                    Expr::Attribute(method) => at = &method.value,
                    _ => return None,
                }
            }
            Expr::Name(name) => return Some(Root::Name(name)),
            _ => return None,
        }
    }
}

/// Reads a chain to its end, or says why it cannot be one of `select()`.
pub fn read<'a>(ctx: &Context<'a>, root: Root<'a>) -> Result<Chain<'a>, Declined> {
    let model = ctx.model;
    let start = match &root {
        Root::Query(call) => model.id(*call),
        Root::Name(name) => model.id(*name),
    };
    let chain = |links, end, statement| Chain {
        root,
        links,
        end,
        start,
        statement,
    };
    let mut at = start;
    let mut links = Vec::new();
    loop {
        let parent = model.parent(at);
        let range = model.node(at).range();
        let AnyNodeRef::ExprAttribute(method) = model.node(parent) else {
            let end = end(ctx, at)?;
            return Ok(chain(links, end, at));
        };
        let outer = model.parent(parent);
        let call = match model.node(outer) {
            AnyNodeRef::ExprCall(call) if call.func.range() == method.range() => call,
            _ if matches!(method.attr.as_str(), "whereclause" | "column_descriptions") => {
                return Ok(chain(links, End::Statement, at));
            }
            _ => return Err(format!("`select()` has no attribute for `{}`", method.attr).into()),
        };
        let name = method.attr.as_str();
        let end = if TERMINALS.contains(&name) {
            Some(End::Terminal(method, call))
        } else if PARTS.contains(&name) {
            Some(End::Part(method))
        } else if KEPT.contains(&name) || CHANGED.contains(&name) {
            None
        } else {
            return Err(format!("`select()` has nothing for `{name}`").into());
        };
        // Parentheses around what comes before would be torn apart.
        let between = ctx
            .module
            .slice(ruff_text_size::TextRange::new(range.end(), method.attr.start()));
        if between.contains(')') && end.is_some() {
            return Err("a part of the chain stands in parentheses".into());
        }
        if let Some(end) = end {
            return Ok(chain(links, end, at));
        }
        links.push(Link { method, call });
        at = outer;
    }
}

/// What is done with a chain that no method ends.
fn end<'a>(ctx: &Context<'a>, at: NodeId) -> Result<End<'a>, Declined> {
    let model = ctx.model;
    let range = model.node(at).range();
    let parent = model.parent(at);
    Ok(match model.node(parent) {
        AnyNodeRef::ExprSubscript(outer) if outer.value.range() == range => End::Subscript(outer),
        AnyNodeRef::StmtFor(outer) if outer.iter.range() == range && !outer.is_async => End::Iterated,
        AnyNodeRef::Comprehension(outer) if outer.iter.range() == range && !outer.is_async => End::Iterated,
        AnyNodeRef::ExprStarred(_) | AnyNodeRef::ExprYieldFrom(_) => End::Iterated,
        AnyNodeRef::StmtAssign(outer) if outer.value.range() == range => match &*outer.targets {
            [Expr::Name(name)] => End::Bound(&name.id),
            _ => return Err("the query is kept elsewhere, and may be used there".into()),
        },
        AnyNodeRef::Arguments(_) => match model.node(model.parent(parent)) {
            AnyNodeRef::ExprCall(outer) if model.is_builtin(&outer.func, "dict") => End::Mapped,
            AnyNodeRef::ExprCall(outer) if READERS.iter().any(|name| model.is_builtin(&outer.func, name)) => {
                End::Iterated
            }
            AnyNodeRef::ExprCall(outer) => match &*outer.func {
                Expr::Attribute(method)
                    if TAKES_STATEMENT.contains(&method.attr.as_str())
                        || method.attr.as_str() == "extend" && outer.arguments.len() == 1 =>
                {
                    if method.attr.as_str() == "extend" {
                        End::Iterated
                    } else {
                        End::Statement
                    }
                }
                _ => return Err("the query itself is handed to another function".into()),
            },
            _ => return Err("the query itself is handed to another function".into()),
        },
        AnyNodeRef::ExprCompare(outer) if matches!(&*outer.comparators, [Expr::NoneLiteral(_)]) => End::Statement,
        AnyNodeRef::StmtReturn(_) | AnyNodeRef::ExprYield(_) => {
            return Err("the query itself leaves the function, and is used elsewhere".into());
        }
        AnyNodeRef::ExprAwait(_) => return Err("the query itself is awaited".into()),
        _ => return Err("the query itself is used as a value".into()),
    })
}

/// Where a chain's statement ends.
pub fn end_offset(ctx: &Context, chain: &Chain) -> TextSize {
    ctx.model.node(chain.statement).range().end()
}

/// Whether the value of an expression is dropped.
pub fn is_dropped(ctx: &Context, id: NodeId) -> bool {
    matches!(ctx.model.statement_of(id), Some((_, Stmt::Expr(stmt))) if stmt.value.range() == ctx.model.node(id).range())
}
