//! A body in pieces: `iter_content` and `iter_lines`, of an answer that has been read and of one that streams.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr};
use ruff_text_size::{Ranged, TextRange, TextSize};

use super::Raises;
use super::{Conversion, helpers};
use super::{Place, Shape};
use crate::finding::Declined;
use crate::semantic::NodeId;
use crate::semantic::reaching::Definition;

impl<'a> Conversion<'_, 'a> {
    pub(super) fn iter_content(&mut self, name: TextRange, call: &'a ast::ExprCall, of: Shape) -> Result<(), Declined> {
        let model = self.ctx.model;
        let arguments = &call.arguments;
        let is_known = arguments
            .keywords
            .iter()
            .all(|keyword| keyword.arg.as_deref() == Some("chunk_size"))
            && arguments.args.len() + arguments.keywords.len() <= 1
            && !arguments.args.iter().any(Expr::is_starred_expr);
        if !is_known {
            return Err(self.keep("`iter_content` decodes the text".to_owned()));
        }
        if of == Shape::Streamed {
            self.draft.replace(name, "aiter_bytes");
            self.iterate_asynchronously(model.id(call))?;
            self.raises(model.id(call), Raises::Transport);
            self.doubt("of a chunked answer, httpx waits until a chunk is full, requests does not");
        } else {
            self.draft.replace(name, "iter_bytes");
        }
        if arguments.is_empty() {
            self.draft.insert(call.end() - TextSize::from(1), "1");
        }
        Ok(())
    }

    pub(super) fn iter_lines(&mut self, name: TextRange, call: &'a ast::ExprCall, of: Shape) -> Result<(), Declined> {
        let model = self.ctx.model;
        let id = model.id(call);
        if of == Shape::Loaded {
            let is_iterated = matches!(self.place(id), Place::IteratedBy(_)) || self.listing(id).is_some();
            if !call.arguments.is_empty() || !is_iterated {
                return Err(self.keep("`iter_lines` is given arguments, or stepped through by hand".to_owned()));
            }
            self.doubt("requests may split a line end that lies across two of its chunks");
            self.draft
                .replace(TextRange::new(name.start(), call.end()), "content.splitlines()");
            return Ok(());
        }
        self.raises(id, Raises::Transport);
        let decodes = call.arguments.find_keyword("decode_unicode").is_some();
        let takes_text = match self.place(id) {
            Place::IteratedBy(target) => self.takes_text_or_bytes(target),
            _ => false,
        };
        if decodes {
            let is_alone = call.arguments.len() == 1
                && matches!(&call.arguments.keywords[0].value, Expr::BooleanLiteral(literal) if literal.value);
            if !is_alone {
                return Err(self.keep("`iter_lines` is given arguments".to_owned()));
            }
            self.doubt("without a charset in the answer, requests gives lines of bytes, httpx text");
        }
        if decodes || (takes_text && call.arguments.is_empty()) {
            self.doubt("httpx splits the lines of a text, requests those of bytes: at fewer characters");
            self.draft
                .replace(TextRange::new(name.start(), call.end()), "aiter_lines()");
            return self.iterate_asynchronously(id);
        }
        let names_known = call.arguments.keywords.iter().all(|keyword| {
            keyword
                .arg
                .as_deref()
                .is_some_and(|name| matches!(name, "chunk_size" | "delimiter"))
        });
        if !names_known || call.arguments.args.len() > 1 || call.arguments.args.iter().any(Expr::is_starred_expr) {
            return Err(self.keep("`iter_lines` is given arguments".to_owned()));
        }
        let Expr::Attribute(method) = &*call.func else {
            return Err(self.other_use(id));
        };
        let helper = self.helper(&helpers::ITER_LINES)?;
        let open = call.arguments.start();
        let comma = if call.arguments.is_empty() { "" } else { ", " };
        self.draft.around(id, 2, &format!("{helper}("), "");
        self.draft
            .replace(TextRange::new(method.value.end(), open + TextSize::from(1)), comma);
        self.iterate_asynchronously(id)
    }

    /// The `list(...)` or `b"".join(...)` that an iterator is the only argument of.
    pub(super) fn listing(&self, node: NodeId) -> Option<&'a ast::ExprCall> {
        let Place::Argument(call) = self.place(node) else {
            return None;
        };
        let joins = matches!(&*call.func, Expr::Attribute(method) if method.attr.as_str() == "join");
        let is_alone = call.arguments.len() == 1;
        (is_alone && (joins || self.ctx.model.is_builtin(&call.func, "list"))).then_some(call)
    }

    /// Whether a loop's variable is only tested and read as JSON.
    pub(super) fn takes_text_or_bytes(&self, target: &'a Expr) -> bool {
        let model = self.ctx.model;
        let Expr::Name(name) = target else { return false };
        let id = model.id(name);
        let Some(function) = model.enclosing_function(id) else {
            return false;
        };
        let Some(binding) = model.bindings_within(id).first() else {
            return false;
        };
        let reads: Vec<NodeId> = if binding.scope == model.body_scope(function) {
            let Some(reads) = model.reads_of_local(function, &name.id) else {
                return false;
            };
            reads
                .into_iter()
                .filter(|(_, seen)| seen.contains(&Definition::At(id)))
                .map(|(read, _)| read)
                .collect()
        } else {
            model
                .references_to(binding.scope, &name.id)
                .map(|reference| reference.node)
                .collect()
        };
        reads.into_iter().all(|read| match self.place(read) {
            Place::Test | Place::Negated(_) => true,
            Place::Argument(call) => model.qualified_name(&call.func).as_deref() == Some("json.loads"),
            _ => false,
        })
    }

    /// `for x in ...` -> `async for x in ...`, where that is legal.
    pub(super) fn iterate_asynchronously(&mut self, iterated: NodeId) -> Result<(), Declined> {
        let model = self.ctx.model;
        let range = model.node(iterated).range();
        match model.node(model.parent(iterated)) {
            AnyNodeRef::StmtFor(stmt) if stmt.iter.range() == range && !stmt.is_async => {
                if let Some(doubt) = self.ctx.may_await(model.id(stmt))? {
                    self.doubt(doubt);
                }
                self.draft.insert(stmt.start(), "async ");
                Ok(())
            }
            AnyNodeRef::Comprehension(inner) if inner.iter.range() == range && !inner.is_async => {
                let outer = model.parent(model.parent(iterated));
                let is_generator = matches!(model.node(outer), AnyNodeRef::ExprGenerator(_));
                let is_nested = model.scope_of(outer) != model.body_scope(self.function_at(outer));
                if is_generator || is_nested {
                    return Err(self.keep("the answer is read in a nested comprehension".to_owned()));
                }
                if let Some(doubt) = self.ctx.may_await(outer)? {
                    self.doubt(doubt);
                }
                self.draft.insert(inner.start(), "async ");
                Ok(())
            }
            _ => {
                let Some(call) = self.listing(iterated) else {
                    return Err(self.keep("the answer is read otherwise than by a loop over it".to_owned()));
                };
                if model.scope_of(iterated) != model.body_scope(self.function_at(iterated)) {
                    return Err(self.keep("the answer is read in a comprehension".to_owned()));
                }
                if let Some(doubt) = self.ctx.may_await(model.id(call))? {
                    self.doubt(doubt);
                }
                let is_line = !matches!(model.node(iterated), AnyNodeRef::ExprCall(call)
                    if matches!(&*call.func, Expr::Attribute(method) if method.attr.as_str() == "iter_content"));
                let item = self.fresh_name(if is_line { "line" } else { "chunk" }, iterated);
                let head = format!("[{item} async for {item} in ");
                if model.is_builtin(&call.func, "list") {
                    self.draft.replace(TextRange::new(call.start(), range.start()), head);
                    self.draft.replace(TextRange::new(range.end(), call.end()), "]");
                } else {
                    self.draft.around(iterated, 5, &head, "]");
                }
                Ok(())
            }
        }
    }
}
