//! What is gathered: calls of coroutine functions, written as arguments, in a comprehension, or made into tasks just before.

use ruff_python_ast::token::TokenKind;
use ruff_python_ast::{self as ast, Expr, Stmt};
use ruff_text_size::{Ranged, TextRange, TextSize};

use crate::codemod::Context;
use crate::finding::Declined;
use crate::semantic::{BindingKind, ScopeKind};

/// One call that runs in the group.
#[derive(Clone, Copy)]
pub(super) struct Spawn<'a> {
    /// What is written: the coroutine's call, or the `create_task` around it.
    pub call: &'a ast::ExprCall,
    pub coroutine: &'a ast::ExprCall,
}

impl Spawn<'_> {
    pub(super) fn is_task(&self) -> bool {
        self.call.range() != self.coroutine.range()
    }
}

pub(super) enum Members<'a> {
    /// `gather(f(), g())`
    Each(Vec<Spawn<'a>>),
    /// `gather(*[f(x) for x in xs])`, or of a list that a statement before makes so.
    Comprehension {
        spawn: Spawn<'a>,
        generators: &'a [ast::Comprehension],
        /// The statement that makes the list, and the list's name.
        made: Option<(&'a Stmt, &'a str)>,
    },
    /// A list that a loop before fills.
    Loop {
        empty: &'a Stmt,
        list: &'a str,
        stmt: &'a Stmt,
        append: &'a ast::ExprCall,
        spawn: Spawn<'a>,
    },
    /// Tasks that have names, in the order of the arguments, and the statements that make them.
    Named {
        made: &'a [Stmt],
        names: Vec<&'a str>,
        spawns: Vec<Spawn<'a>>,
    },
}

impl<'a> Members<'a> {
    /// The first statement that changes.
    pub(super) fn first(&self, stmt: &'a Stmt) -> &'a Stmt {
        match self {
            Members::Comprehension {
                made: Some((first, _)), ..
            }
            | Members::Loop { empty: first, .. } => first,
            Members::Named { made, .. } => made.first().unwrap_or(stmt),
            Members::Each(_) | Members::Comprehension { made: None, .. } => stmt,
        }
    }

    /// How many there are, if that is known.
    pub(super) fn count(&self) -> Option<usize> {
        match self {
            Members::Each(spawns) => Some(spawns.len()),
            Members::Named { names, .. } => Some(names.len()),
            Members::Comprehension { .. } | Members::Loop { .. } => None,
        }
    }

    pub(super) fn spawns(&self) -> &[Spawn<'a>] {
        match self {
            Members::Each(spawns) | Members::Named { spawns, .. } => spawns,
            Members::Comprehension { spawn, .. } | Members::Loop { spawn, .. } => std::slice::from_ref(spawn),
        }
    }
}

pub(super) fn members<'a>(ctx: &Context<'a>, call: &'a ast::ExprCall, stmt: &'a Stmt) -> Result<Members<'a>, Declined> {
    let arguments = &call.arguments.args;
    if arguments.iter().all(Expr::is_name_expr) {
        return named(ctx, arguments, stmt);
    }
    match &**arguments {
        [Expr::Starred(starred)] => match &*starred.value {
            Expr::ListComp(comp) => comprehension(ctx, &comp.elt, &comp.generators, None),
            Expr::Generator(comp) => comprehension(ctx, &comp.elt, &comp.generators, None),
            Expr::Name(name) => listed(ctx, name, stmt),
            _ => Err("nothing says what its unpacked argument holds".into()),
        },
        arguments => Ok(Members::Each(
            arguments
                .iter()
                .map(|argument| spawn(ctx, argument))
                .collect::<Result<_, _>>()?,
        )),
    }
}

/// A task can be made of a coroutine only, and not of a future or another awaitable object, which gather takes as well.
fn spawn<'a>(ctx: &Context<'a>, expr: &'a Expr) -> Result<Spawn<'a>, Declined> {
    let model = ctx.model;
    let unknown = |expr: &Expr| {
        let shown = match expr {
            Expr::Call(call) => &call.func,
            other => other,
        };
        let shown = crate::module::one_line(model.slice(shown));
        Declined(format!(
            "nothing says that `{shown}` gives a coroutine, as a task needs"
        ))
    };
    let Expr::Call(call) = expr else {
        return Err(unknown(expr));
    };
    if model.is_coroutine_function(&call.func) {
        return Ok(Spawn { call, coroutine: call });
    }
    let name = model.qualified_name(&call.func);
    let is_wrapper = match name.as_deref() {
        Some("asyncio.create_task") => true,
        Some("asyncio.ensure_future") => call.arguments.len() == 1,
        _ => false,
    };
    match call.arguments.args.first() {
        Some(Expr::Call(coroutine)) if is_wrapper && model.is_coroutine_function(&coroutine.func) => {
            Ok(Spawn { call, coroutine })
        }
        Some(inner) if is_wrapper => Err(unknown(inner)),
        _ => Err(unknown(expr)),
    }
}

fn comprehension<'a>(
    ctx: &Context<'a>,
    element: &'a Expr,
    generators: &'a [ast::Comprehension],
    made: Option<(&'a Stmt, &'a str)>,
) -> Result<Members<'a>, Declined> {
    let waits = generators.iter().any(|generator| {
        let parts = ctx.model.subtree(ctx.model.id(generator));
        generator.is_async || parts.into_iter().any(|(_, node)| node.is_expr_await())
    });
    if waits {
        return Err("its comprehension waits while it makes the calls".into());
    }
    Ok(Members::Comprehension {
        spawn: spawn(ctx, element)?,
        generators,
        made,
    })
}

/// `gather(*name)`, of a list that the statements before make, and nothing else uses.
fn listed<'a>(ctx: &Context<'a>, name: &'a ast::ExprName, stmt: &'a Stmt) -> Result<Members<'a>, Declined> {
    let list = name.id.as_str();
    let unknown = || Declined(format!("nothing says what `{list}` holds"));
    let (block, index) = ctx.model.block_of(ctx.model.id(stmt)).ok_or_else(unknown)?;
    let before = index.checked_sub(1).map(|at| &block[at]).ok_or_else(unknown)?;
    if let Some(Expr::ListComp(comp)) = assigned(before, list) {
        only_uses(ctx, name, stmt, 1)?;
        return comprehension(ctx, &comp.elt, &comp.generators, Some((before, list)));
    }
    let empty = index.checked_sub(2).map(|at| &block[at]).ok_or_else(unknown)?;
    let is_empty = matches!(assigned(empty, list), Some(Expr::List(made)) if made.elts.is_empty());
    let Stmt::For(outer) = before else {
        return Err(unknown());
    };
    let [Stmt::Expr(body)] = outer.body.as_slice() else {
        return Err(format!("the loop that fills `{list}` does something else as well").into());
    };
    let append = match &*body.value {
        Expr::Call(append) if append.arguments.len() == 1 => append,
        _ => return Err(unknown()),
    };
    let appends = matches!(&*append.func, Expr::Attribute(method)
        if method.attr.as_str() == "append" && matches!(&*method.value, Expr::Name(receiver) if receiver.id == list));
    let [element] = &*append.arguments.args else {
        return Err(unknown());
    };
    if !is_empty || !appends || outer.is_async || !outer.orelse.is_empty() {
        return Err(unknown());
    }
    only_uses(ctx, name, stmt, 2)?;
    Ok(Members::Loop {
        empty,
        list,
        stmt: before,
        append,
        spawn: spawn(ctx, element)?,
    })
}

/// `gather(one, other)`, of tasks that the statements directly before make.
fn named<'a>(ctx: &Context<'a>, arguments: &'a [Expr], stmt: &'a Stmt) -> Result<Members<'a>, Declined> {
    let model = ctx.model;
    let elsewhere = |name: &str| {
        Declined(format!(
            "`{name}` is not made into a task directly before: a future or a task that runs already cannot join a group"
        ))
    };
    let (block, index) = model.block_of(model.id(stmt)).ok_or("it is not part of a block")?;
    let made = &block[index.saturating_sub(arguments.len())..index];
    let mut names = Vec::new();
    let mut spawns = Vec::new();
    for argument in arguments {
        let Expr::Name(name) = argument else { continue };
        let value = made.iter().find_map(|stmt| assigned(stmt, &name.id));
        let spawn = spawn(ctx, value.ok_or_else(|| elsewhere(&name.id))?)?;
        only_uses(ctx, name, stmt, 1)?;
        if names.contains(&name.id.as_str()) {
            return Err(format!("`{}` is gathered twice", name.id).into());
        }
        names.push(name.id.as_str());
        spawns.push(spawn);
    }
    Ok(Members::Named { made, names, spawns })
}

/// The value of `name = value`.
fn assigned<'a>(stmt: &'a Stmt, name: &str) -> Option<&'a Expr> {
    let is_it = |target: &Expr| matches!(target, Expr::Name(found) if found.id == name);
    match stmt {
        Stmt::Assign(assign) if matches!(assign.targets.as_slice(), [target] if is_it(target)) => Some(&assign.value),
        Stmt::AnnAssign(assign) if is_it(&assign.target) => assign.value.as_deref(),
        _ => None,
    }
}

/// Refuses a name that is bound more than once, or read more often than `count` times.
fn only_uses(ctx: &Context, name: &ast::ExprName, stmt: &Stmt, count: usize) -> Result<(), Declined> {
    let model = ctx.model;
    let scope = model.scope_of(model.id(stmt));
    let bound = model
        .sole_binding(&name.id, scope)
        .filter(|binding| binding.scope == scope && !matches!(binding.kind, BindingKind::Parameter(_)));
    let reads = model.references_to(model.lookup(&name.id, scope), &name.id).count();
    let is_function = matches!(model.scope(scope).kind, ScopeKind::Function(_));
    if bound.is_none() || reads != count || !is_function {
        return Err(format!("`{}` is used elsewhere as well", name.id).into());
    }
    Ok(())
}

/// The clauses of a comprehension, each of which formatters put on a line of its own: `for x in xs`, `if x`.
pub(super) fn clauses(ctx: &Context, generators: &[ast::Comprehension]) -> Vec<TextRange> {
    let mut clauses = Vec::new();
    for generator in generators {
        let mut start = generator.start();
        for condition in &generator.ifs {
            let before = TextRange::new(start, condition.start());
            let mut tokens = ctx.module.tokens().in_range(before).iter().rev();
            let Some(keyword) = tokens.find(|token| token.kind() == TokenKind::If) else {
                continue;
            };
            let clause = &ctx.module.text()[TextRange::new(start, keyword.start())];
            clauses.push(TextRange::at(start, TextSize::of(clause.trim_end())));
            start = keyword.start();
        }
        clauses.push(TextRange::new(start, generator.end()));
    }
    clauses
}
