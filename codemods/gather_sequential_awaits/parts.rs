//! Several awaits in one expression: the elements of a display, the arguments of a call, the two sides of an operator.
//!
//! Their results get names above the statement, which then takes the names; a list of nothing but awaits is what a gather gives. What else
//! the expression evaluates is evaluated behind all calls then, and must be the same there.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, Stmt};
use ruff_python_stdlib::identifiers::is_identifier;
use ruff_text_size::{Ranged, TextLen, TextRange};
use rustc_hash::FxHashSet;

use super::Step;
use crate::codemod::Context;
use crate::concurrency::Member;
use crate::edit::{Edit, Fix};
use crate::finding::Declined;
use crate::importer::Import;
use crate::module::one_line;
use crate::pretty::Doc;
use crate::semantic::purity::Purity;

/// The awaits of one statement's value, in the order in which they are evaluated.
pub(super) struct Parts<'a> {
    pub steps: Vec<Step<'a>>,
    /// For each step, the `await` and what the expression calls its result: a key or a keyword.
    awaits: Vec<(&'a ast::ExprAwait, Option<&'a str>)>,
    /// What is evaluated besides.
    others: Vec<&'a Expr>,
    /// The list that holds them all and nothing else.
    list: Option<&'a ast::ExprList>,
}

/// The awaits that a statement's value is made of; `None` where there are fewer than two, or one stands where the order counts.
pub(super) fn parts<'a>(ctx: &Context<'a>, stmt: &'a Stmt) -> Option<Parts<'a>> {
    let value = match stmt {
        Stmt::Return(stmt) => stmt.value.as_deref()?,
        Stmt::Assign(stmt) => &stmt.value,
        Stmt::AnnAssign(stmt) => stmt.value.as_deref()?,
        Stmt::Expr(stmt) => &stmt.value,
        _ => return None,
    };
    // What takes the results may be awaited itself: `await save(await f(), await g())`.
    let whole = match value {
        Expr::Await(outer) => &outer.value,
        value => value,
    };
    let mut collector = Collector {
        ctx,
        awaits: Vec::new(),
        others: Vec::new(),
    };
    match whole {
        Expr::Call(call) => {
            collector.others.push(&call.func);
            for argument in call.arguments.iter_source_order() {
                match argument {
                    ast::ArgOrKeyword::Arg(argument) => collector.part(argument, None)?,
                    ast::ArgOrKeyword::Keyword(keyword) => {
                        let hint = keyword.arg.as_ref().map(ast::Identifier::as_str);
                        collector.part(&keyword.value, hint)?;
                    }
                }
            }
        }
        Expr::BinOp(both) => {
            collector.part(&both.left, None)?;
            collector.part(&both.right, None)?;
        }
        Expr::List(_) | Expr::Tuple(_) | Expr::Set(_) | Expr::Dict(_) => collector.part(whole, None)?,
        _ => return None,
    }
    let Collector { awaits, others, .. } = collector;
    if awaits.len() < 2 {
        return None;
    }
    let steps = awaits.iter().map(|(awaited, _)| {
        Some(Step {
            stmt,
            target: None,
            annotation: None,
            call: awaited.value.as_call_expr()?,
        })
    });
    let list = match value {
        Expr::List(list) if list.elts.len() == awaits.len() && others.is_empty() => Some(list),
        _ => None,
    };
    let steps = steps.collect::<Option<Vec<_>>>()?;
    Some(Parts {
        steps,
        list: list.filter(|list| list.elts.iter().all(Expr::is_await_expr)),
        awaits,
        others,
    })
}

struct Collector<'c, 'a> {
    ctx: &'c Context<'a>,
    awaits: Vec<(&'a ast::ExprAwait, Option<&'a str>)>,
    others: Vec<&'a Expr>,
}

impl<'a> Collector<'_, 'a> {
    /// One part of the value, and those of which it is made. `None` for an await that is made only sometimes, or between other work.
    fn part(&mut self, expr: &'a Expr, hint: Option<&'a str>) -> Option<()> {
        let model = self.ctx.model;
        let waits = |id| {
            model
                .subtree(id)
                .any(|(_, node)| matches!(node, AnyNodeRef::ExprAwait(_)))
        };
        match expr {
            Expr::Await(awaited) if awaited.value.is_call_expr() && !waits(model.id(&*awaited.value)) => {
                self.awaits.push((awaited, hint));
            }
            Expr::List(ast::ExprList { elts, .. })
            | Expr::Tuple(ast::ExprTuple { elts, .. })
            | Expr::Set(ast::ExprSet { elts, .. }) => {
                for element in elts {
                    self.part(element, None)?;
                }
            }
            Expr::Dict(dict) => {
                for item in &dict.items {
                    if let Some(key) = &item.key {
                        self.part(key, None)?;
                    }
                    let hint = item.key.as_ref().and_then(|key| match key {
                        Expr::StringLiteral(text) => Some(text.value.to_str()),
                        _ => None,
                    });
                    self.part(&item.value, hint)?;
                }
            }
            other if waits(model.id(other)) => return None,
            other => self.others.push(other),
        }
        Some(())
    }
}

impl<'a> Parts<'a> {
    /// What is not proven of the parts that do not wait: they are evaluated when all calls have ended.
    pub fn doubt(&self, ctx: &Context<'a>, members: &[&Member<'a>]) -> Result<Option<String>, Declined> {
        let mut doubt = None;
        for other in self.others.iter().copied().filter(|other| !ctx.model.is_stable(other)) {
            let written = one_line(ctx.model.slice(other));
            if ctx.model.purity(other) > Purity::Cheap {
                return Err(format!(
                    "`{written}` could fail or have an effect, and would be evaluated when all calls have ended"
                )
                .into());
            }
            let reads = ctx.model.effects_of_expr(other, ctx.settings);
            if members.iter().any(|member| member.effects.conflict(&reads).is_some()) {
                return Err(format!("`{written}` may be changed by one of the calls").into());
            }
            doubt.get_or_insert_with(|| format!("`{written}` is now evaluated when all calls have ended"));
        }
        Ok(doubt)
    }

    /// `users, orders = await asyncio.gather(fetch_users(), fetch_orders())` above the statement, in which the names stand for the awaits.
    pub fn gather(&self, ctx: &Context<'a>, function: &str) -> Result<Vec<Edit>, Declined> {
        let stmt = self.steps[0].stmt;
        if let Some(list) = self.list {
            let mut edits = vec![Edit::replacement(
                format!("await {function}("),
                TextRange::at(list.start(), "[".text_len()),
            )];
            for (awaited, _) in &self.awaits {
                let keyword = TextRange::at(awaited.start(), "await".text_len());
                let call = TextRange::new(keyword.end(), awaited.value.start());
                let is_blank = ctx.module.slice(call).trim_ascii().is_empty();
                edits.push(Edit::deletion(if is_blank { keyword.cover(call) } else { keyword }));
            }
            edits.push(Edit::replacement(
                ")",
                TextRange::new(list.end() - "]".text_len(), list.end()),
            ));
            return Ok(edits);
        }
        for (awaited, _) in &self.awaits {
            if !ctx.module.comments_in(awaited.range()).is_empty() {
                return Err("a comment stands inside one of the calls, which go above the statement".into());
            }
        }
        let names = self.names(ctx);
        let indent = ctx.indentation(stmt).to_owned();
        let unit = ctx.indent_unit(ctx.model.id(stmt));
        let calls = self.steps.iter().map(|step| ctx.call_doc(step.call)).collect();
        let opening = format!("{} = await ", names.join(", "));
        let doc = Doc::call(function, calls);
        let gathered = ctx.pretty(&doc, &indent, &unit, &format!("{indent}{opening}"), "");
        let mut edits = vec![Edit::insertion(format!("{opening}{gathered}\n{indent}"), stmt.start())];
        for ((awaited, _), name) in self.awaits.iter().zip(names) {
            edits.push(Edit::replacement(name, awaited.range()));
        }
        Ok(edits)
    }

    /// Names for the results: what the expression calls them, else numbers.
    fn names(&self, ctx: &Context<'a>) -> Vec<String> {
        let at = ctx.model.id(self.steps[0].call);
        let mut taken: FxHashSet<String> = FxHashSet::default();
        let mut names = Vec::new();
        for (index, (_, hint)) in self.awaits.iter().enumerate() {
            let numbered = format!("result_{}", index + 1);
            let wanted = hint.filter(|hint| is_identifier(hint));
            let name = [wanted, Some(numbered.as_str())]
                .into_iter()
                .flatten()
                .map(|wanted| ctx.model.fresh_name(wanted, at))
                .find(|name| !taken.contains(name))
                .unwrap_or_else(|| numbered.clone());
            taken.insert(name.clone());
            names.push(name);
        }
        names
    }
}

/// The fix for a statement whose awaits may all run at once.
pub(super) fn fix<'a>(ctx: &Context<'a>, parts: &Parts<'a>, doubt: Option<String>) -> Result<Fix, Declined> {
    let (asyncio, import) = ctx.import(Import::Module("asyncio"), ctx.model.id(parts.steps[0].call))?;
    let edits = parts.gather(ctx, &format!("{asyncio}.gather"))?;
    Ok(Fix::with_doubt(doubt, edits).import(import))
}
