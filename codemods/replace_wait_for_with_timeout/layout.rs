//! The text of the block: what stood in the call is taken out around what is awaited, and comments find a place.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, Stmt};
use ruff_text_size::{Ranged, TextRange};

use crate::codemod::Context;
use crate::edit::Edit;
use crate::finding::Declined;
use crate::layout::moved_pragma;
use crate::semantic::NodeId;

/// The parts of the text that the edits are made of.
pub(super) struct Pieces<'a> {
    pub ctx: &'a Context<'a>,
    pub call: &'a ast::ExprCall,
    pub awaited: &'a ast::ExprAwait,
    pub awaitable: &'a Expr,
    pub limit: &'a Expr,
    pub stmt: &'a Stmt,
    pub stmt_id: NodeId,
    pub name: &'a str,
}

/// Where the comments go that stand in the call but not in what is awaited.
#[derive(Default)]
struct Comments<'a> {
    /// Above the block.
    above: Vec<&'a str>,
    /// Behind the header of the block.
    behind_header: Option<&'a str>,
    /// In the block, above the statement.
    inside: Vec<&'a str>,
    /// Behind the statement.
    behind: Option<&'a str>,
}

impl Pieces<'_> {
    /// The whole statement goes into the block.
    pub fn whole(&self, doubts: &mut Vec<String>) -> Result<Vec<Edit>, Declined> {
        let ctx = self.ctx;
        let awaitable = self.awaitable_range();
        let (indent, unit) = (ctx.indentation(self.stmt), ctx.indent_unit(self.stmt_id));
        let comments = self.comments(doubts);
        let mut edits = ctx.wrap(self.stmt, self.stmt, &self.header(&comments))?;
        // Lines of the call are gone, or belong to what is awaited and have their own place.
        edits.retain(|edit| edit.start() <= self.call.start() || edit.start() >= self.call.end());
        let above: String = comments
            .above
            .iter()
            .map(|comment| format!("{comment}\n{indent}"))
            .collect();
        // One insertion after another at the start of the statement: comments, header, comments.
        edits.insert(0, Edit::insertion(above, self.stmt.start()));
        let inside: String = comments
            .inside
            .iter()
            .map(|comment| format!("{comment}\n{indent}{unit}"))
            .collect();
        edits.push(Edit::insertion(inside, self.stmt.start()));
        if let Some(comment) = comments.behind {
            edits.push(Edit::insertion(format!("  {comment}"), self.stmt.end()));
        }
        edits.push(Edit::deletion(TextRange::new(self.call.start(), awaitable.start())));
        edits.push(Edit::deletion(TextRange::new(awaitable.end(), self.call.end())));
        let line = ctx.module.line_start(self.call.start());
        let before = &ctx.module.text()[TextRange::new(line, self.call.start())];
        let behind = &ctx.module.text()[TextRange::new(self.call.end(), ctx.module.line_end(self.call.end()))];
        edits.extend(self.inner_edits(
            &format!("{}{unit}", ctx.indentation(self.call)),
            &unit,
            &format!("{unit}{before}"),
            behind,
        ));
        edits.retain(|edit| !(edit.range().is_empty() && edit.content().is_empty()));
        Ok(edits)
    }

    /// The awaited value is bound to a name in a block of its own, above the statement.
    pub fn value_first(&self, doubts: &mut Vec<String>) -> Result<Vec<Edit>, Declined> {
        let ctx = self.ctx;
        if !ctx.module.is_first_on_line(self.stmt.start()) {
            return Err("the statement shares its line with another one".into());
        }
        let (indent, unit) = (ctx.indentation(self.stmt), ctx.indent_unit(self.stmt_id));
        let comments = self.comments(doubts);
        // A walrus around it has the name already.
        let parent = ctx.model.node(ctx.model.parent(ctx.model.id(self.awaited)));
        let (name, replaced) = match parent {
            AnyNodeRef::ExprNamed(named) => (
                ctx.model.slice(&*named.target).to_owned(),
                self.with_parentheses(named.into()),
            ),
            _ => (
                ctx.model.fresh_name("value", self.stmt_id),
                self.with_parentheses(self.awaited.into()),
            ),
        };
        let inner = format!("{indent}{unit}");
        let start = format!("{name} = await ");
        let value = ctx.edited(
            self.awaitable_range(),
            self.inner_edits(&inner, &unit, &format!("{inner}{start}"), ""),
        );
        let mut lines: Vec<String> = comments.above.iter().map(|&comment| comment.to_owned()).collect();
        lines.push(self.header(&comments));
        lines.extend(comments.inside.iter().map(|comment| format!("{unit}{comment}")));
        let behind = comments
            .behind
            .map(|comment| format!("  {comment}"))
            .unwrap_or_default();
        lines.push(format!("{unit}{start}{value}{behind}"));
        let block: String = lines.iter().map(|line| format!("{line}\n{indent}")).collect();
        Ok(vec![
            Edit::insertion(block, self.stmt.start()),
            Edit::replacement(name, replaced),
        ])
    }

    fn header(&self, comments: &Comments) -> String {
        let behind = comments
            .behind_header
            .map(|comment| format!("  {comment}"))
            .unwrap_or_default();
        format!(
            "async with {}({}):{behind}",
            self.name,
            self.ctx.module.slice(self.limit)
        )
    }

    /// The edits inside what is awaited, when the line on which it starts gets the indentation `indent` and reads `before`, then it,
    /// then `behind`.
    fn inner_edits(&self, indent: &str, unit: &str, before: &str, behind: &str) -> Vec<Edit> {
        let ctx = self.ctx;
        let range = self.awaitable_range();
        let text = ctx.module.slice(range);
        match self.awaitable {
            // It stood on a line of its own and does not fit behind what is in front of it now.
            Expr::Call(call)
                if !text.contains('\n')
                    && ctx.module.slice(self.call).contains('\n')
                    && !ctx.fits(&format!("{before}{text}{behind}")) =>
            {
                ctx.explode(call, indent, unit)
            }
            _ => ctx.reindent(range, ctx.indentation(range), indent),
        }
    }

    /// Its own parentheses are kept: there may be comments inside.
    fn awaitable_range(&self) -> TextRange {
        self.with_parentheses(self.awaitable.into())
    }

    fn with_parentheses(&self, expr: ast::ExprRef) -> TextRange {
        let parent = self.ctx.model.node(self.ctx.model.parent(self.ctx.model.id(&expr)));
        ruff_python_ast::token::parenthesized_range(expr, parent, self.ctx.module.tokens()).unwrap_or(expr.range())
    }

    fn comments(&self, doubts: &mut Vec<String>) -> Comments<'_> {
        let module = self.ctx.module;
        let mut found = Comments::default();
        let awaitable = self.awaitable_range();
        let line_of = |offset| module.line_start(offset);
        for &comment in module.comments_in(self.call.range()) {
            let text = module.slice(comment);
            if awaitable.contains_range(comment) || self.limit.range().contains_range(comment) {
                continue;
            }
            doubts.extend(moved_pragma(text));
            let own_line = module.is_first_on_line(comment.start());
            let line = line_of(comment.start());
            let end_is_free = module
                .comments_in(TextRange::new(self.stmt.end(), module.line_end(self.stmt.end())))
                .is_empty();
            if comment.start() < awaitable.start() && awaitable.start() < self.limit.start() {
                found.inside.push(text);
            } else if !own_line && line == line_of(awaitable.end()) && found.behind.is_none() && end_is_free {
                found.behind = Some(text);
            } else if !own_line && line == line_of(self.limit.end()) && found.behind_header.is_none() {
                found.behind_header = Some(text);
            } else {
                found.above.push(text);
            }
        }
        for &comment in module.comments_in(TextRange::new(self.call.end(), module.line_end(self.call.end()))) {
            doubts.extend(moved_pragma(module.slice(comment)));
        }
        found
    }
}
