//! New code out of old pieces, laid out as `ruff format` would leave it: on one line where it fits, else one level of brackets after the
//! other is opened.

use ruff_python_ast::{self as ast, Expr};
use ruff_text_size::{Ranged, TextRange};

use crate::codemod::Context;

/// A piece of code to be written.
#[derive(Clone, Debug)]
pub enum Doc {
    /// Text of one line.
    Text(String),
    /// Source that keeps its lines: it has comments, strings of several lines, or a trailing comma that asks for lines.
    Verbatim(TextRange),
    /// Pieces behind each other.
    Seq(Vec<Doc>),
    /// `head(argument, argument)`
    Call { head: String, arguments: Vec<Doc> },
    /// `[element for x in xs if x]`, with its brackets.
    Comprehension {
        open: &'static str,
        element: Box<Doc>,
        clauses: Vec<Doc>,
        close: &'static str,
    },
}

impl Doc {
    pub fn text(text: impl Into<String>) -> Self {
        Doc::Text(text.into())
    }

    pub fn call(head: impl Into<String>, arguments: Vec<Doc>) -> Self {
        Doc::Call {
            head: head.into(),
            arguments,
        }
    }

    /// The piece on one line; `None` when it needs several.
    fn flat(&self) -> Option<String> {
        let all = |docs: &[Doc]| docs.iter().map(Doc::flat).collect::<Option<Vec<String>>>();
        Some(match self {
            Doc::Text(text) => text.clone(),
            Doc::Verbatim(_) => return None,
            Doc::Seq(parts) => all(parts)?.concat(),
            Doc::Call { head, arguments } => format!("{head}({})", all(arguments)?.join(", ")),
            Doc::Comprehension {
                open,
                element,
                clauses,
                close,
            } => format!("{open}{} {}{close}", element.flat()?, all(clauses)?.join(" ")),
        })
    }
}

/// Where a piece is written.
struct Line<'l> {
    indent: &'l str,
    unit: &'l str,
    /// Characters that stand on the line before the piece, its indentation included, and behind it.
    before: usize,
    after: usize,
}

impl Context<'_> {
    /// The piece as it stands between `before` and `after` of one line, `before` with its indentation `indent`; further lines are
    /// indented from there.
    pub fn pretty(&self, doc: &Doc, indent: &str, unit: &str, before: &str, after: &str) -> String {
        let line = Line {
            indent,
            unit,
            before: self.width(before),
            after: self.width(after),
        };
        self.written(doc, &line)
    }

    fn written(&self, doc: &Doc, line: &Line) -> String {
        if let Some(flat) = doc.flat()
            && line.before + self.width(&flat) + line.after <= self.settings.line_length
        {
            return flat;
        }
        let (indent, inner) = (line.indent, format!("{}{}", line.indent, line.unit));
        let below = |doc: &Doc, after: usize| {
            let before = self.width(&inner);
            let line = Line {
                indent: &inner,
                unit: line.unit,
                before,
                after,
            };
            format!("{inner}{}\n", self.written(doc, &line))
        };
        match doc {
            Doc::Text(text) => text.clone(),
            Doc::Verbatim(range) => {
                let own = self.module.indentation(range.start());
                self.edited(*range, self.reindent(*range, own, indent))
            }
            Doc::Seq(parts) => {
                // Only one of the parts has brackets to open.
                let rest = |parts: &[Doc]| {
                    parts
                        .iter()
                        .filter_map(Doc::flat)
                        .map(|text| self.width(&text))
                        .sum::<usize>()
                };
                let parts = parts.iter().enumerate().map(|(index, part)| {
                    let (before, after) = (rest(&parts[..index]), rest(&parts[index + 1..]));
                    let line = Line {
                        before: line.before + before,
                        after: line.after + after,
                        ..*line
                    };
                    self.written(part, &line)
                });
                parts.collect()
            }
            Doc::Call { head, arguments } if arguments.is_empty() => format!("{head}()"),
            Doc::Call { head, arguments } => {
                let flat = arguments.iter().map(Doc::flat).collect::<Option<Vec<_>>>();
                let all = flat.map(|flat| flat.join(", "));
                let body = match all {
                    Some(all) if self.fits(&format!("{inner}{all}")) => format!("{inner}{all}\n"),
                    _ => match arguments.as_slice() {
                        [only] => below(only, 0),
                        several => several
                            .iter()
                            .map(|argument| below(&Doc::Seq(vec![argument.clone(), Doc::text(",")]), 0))
                            .collect(),
                    },
                };
                format!("{head}(\n{body}{indent})")
            }
            Doc::Comprehension {
                open,
                element,
                clauses,
                close,
            } => {
                let clauses: String = clauses.iter().map(|clause| below(clause, 0)).collect();
                format!("{open}\n{}{clauses}{indent}{close}", below(element, 0))
            }
        }
    }

    /// An expression of the source as a piece: calls can be opened, what spans lines for a reason keeps them.
    pub fn doc(&self, expr: &Expr) -> Doc {
        match expr {
            Expr::Call(call) => self.call_doc(call),
            _ => self.source_doc(expr.range()),
        }
    }

    /// `element for target in iterable if condition`, between brackets.
    pub fn comprehension_doc(
        &self,
        open: &'static str,
        element: Doc,
        generators: &[ast::Comprehension],
        close: &'static str,
    ) -> Doc {
        let clauses = generators.iter().flat_map(|generator| {
            let keyword = if generator.is_async { "async for" } else { "for" };
            self.clause_docs(keyword, &generator.target, &generator.iter, &generator.ifs)
        });
        let clauses = clauses.collect();
        Doc::Comprehension {
            open,
            element: Box::new(element),
            clauses,
            close,
        }
    }

    /// `for target in iterable` and each `if condition`.
    pub fn clause_docs(&self, keyword: &str, target: &Expr, iter: &Expr, ifs: &[Expr]) -> Vec<Doc> {
        let target = self.model.slice(target);
        let header = Doc::Seq(vec![Doc::text(format!("{keyword} {target} in ")), self.doc(iter)]);
        let conditions = ifs
            .iter()
            .map(|condition| Doc::Seq(vec![Doc::text("if "), self.doc(condition)]));
        std::iter::once(header).chain(conditions).collect()
    }

    pub fn call_doc(&self, call: &ast::ExprCall) -> Doc {
        let arguments: Vec<Doc> = call
            .arguments
            .iter_source_order()
            .map(|argument| self.source_doc(argument.range()))
            .collect();
        let head = self.model.slice(&*call.func);
        let parenthesized = self.module.slice(call).len() - head.len() - self.module.slice(&call.arguments).len();
        let inside = self.module.slice(&call.arguments);
        let asks_for_lines = inside.trim_end_matches(')').trim_end().ends_with(',');
        let keeps = head.contains(['\n', '\r'])
            || asks_for_lines
            || parenthesized > 0
            || !self.module.comments_in(call.range()).is_empty()
            || arguments.iter().any(|argument| matches!(argument, Doc::Verbatim(_)));
        if keeps {
            self.source_doc(call.range())
        } else {
            Doc::call(head, arguments)
        }
    }

    /// Source as it is written.
    pub fn source_doc(&self, range: TextRange) -> Doc {
        let text = self.module.slice(range);
        if text.contains(['\n', '\r']) {
            Doc::Verbatim(range)
        } else {
            Doc::text(text)
        }
    }
}
