//! How new code is laid out: indentation copied from the place edited, blocks wrapped without touching multi-line strings, and
//! calls written on one line where they fit, else one argument per line with a trailing comma, as `ruff format` would leave them.

use ruff_python_ast::token::TokenKind;
use ruff_python_ast::{self as ast, AnyNodeRef, Expr, Stmt};
use ruff_text_size::{Ranged, TextRange, TextSize};

use crate::codemod::Context;
use crate::edit::Edit;
use crate::finding::Declined;
use crate::module::Module;
use crate::semantic::{NodeId, SemanticModel};

impl Context<'_> {
    /// Where the `def` of a plain function stands: its decorators are part of its range.
    pub fn def_of(&self, function: &ast::StmtFunctionDef) -> TextSize {
        let before = self.module.text()[..usize::from(function.name.start())].trim_end();
        TextSize::of(before) - TextSize::of("def")
    }

    /// The white space in front of a statement's line.
    pub fn indentation(&self, stmt: impl Ranged) -> &str {
        self.module.indentation(stmt.start())
    }

    /// What one more level of indentation is, in the style of the block around a statement.
    pub fn indent_unit(&self, stmt: NodeId) -> String {
        indent_unit(self.module, self.model, stmt)
    }

    /// Characters from the start of the line, tabs counted as one level of four.
    pub fn width(&self, text: &str) -> usize {
        text.chars()
            .map(|character| if character == '\t' { 4 } else { 1 })
            .sum()
    }

    /// Whether a line of this text stays within the project's line length.
    pub fn fits(&self, line: &str) -> bool {
        self.width(line) <= self.settings.line_length
    }

    /// The edits that put statements of one block, from `first` to `last`, below a new header: the header line above them and one
    /// more level of indentation on each of their lines that does not start inside a string.
    ///
    /// Comments below the last of them that stand deeper than the block belong to it, and move along.
    ///
    /// `header` may have several lines, written with `\n` and indented relative to the block. Declined when the statements share a
    /// line with others.
    pub fn wrap(&self, first: &Stmt, last: &Stmt, header: &str) -> Result<Vec<Edit>, Declined> {
        let module = self.module;
        let id = self.model.id(first);
        own_lines(module, first.start(), last.end())?;
        let indent = module.indentation(first.start());
        let unit = self.indent_unit(id);
        let header = header.replace('\n', &format!("\n{indent}"));
        let mut edits = vec![Edit::insertion(format!("{header}\n{indent}{unit}"), first.start())];
        let end = self.end_with_comments(last);
        edits.extend(self.indent_further_lines(TextRange::new(first.start(), end), indent, &unit));
        Ok(edits)
    }

    /// Where a statement ends with the comments that close its block: those on the lines below it that are indented deeper than the statement.
    pub fn end_with_comments(&self, stmt: impl Ranged) -> TextSize {
        let module = self.module;
        let length = TextSize::of(module.text());
        let indent = module.indentation(stmt.start()).len();
        let mut end = stmt.end();
        let mut line = module.line_end_with_newline(end);
        while line < length {
            let next = module.line_end_with_newline(line);
            let text = module.text()[TextRange::new(line, next)].trim();
            if text.starts_with('#') && module.indentation(line).len() > indent {
                end = module.line_end(line);
            } else if !text.is_empty() {
                break;
            }
            line = next;
        }
        end
    }

    /// The edits that give the lines that start inside a range one more level, behind the indentation of the block around it, so that tabs
    /// stay before spaces.
    pub fn indent_further_lines(&self, range: TextRange, indent: &str, unit: &str) -> Vec<Edit> {
        let first = self.module.line_end_with_newline(range.start());
        let lines = movable_lines(self.module, TextRange::new(first, range.end().max(first)));
        lines
            .map(|(line, text)| {
                let common = if text.starts_with(indent) { indent.len() } else { 0 };
                Edit::insertion(unit, line + TextSize::try_from(common).unwrap_or_default())
            })
            .collect()
    }

    /// The header of a block that holds an expression, for [`Context::wrap`]: `before`, the expression, `after`. Where that does not fit on a
    /// line, or the expression has several, the expression goes on lines of its own between them. Declined when a string in the expression
    /// has several lines.
    pub fn enclosed(&self, stmt: &Stmt, before: &str, expr: &Expr, after: &str) -> Result<String, Declined> {
        let (indent, unit) = (self.indentation(stmt), self.indent_unit(self.model.id(stmt)));
        let text = self.unindented(expr.range(), indent)?;
        let line = format!("{before}{text}{after}");
        if !text.contains('\n') && self.fits(&format!("{indent}{line}")) {
            return Ok(line);
        }
        Ok(format!(
            "{before}\n{unit}{}\n{after}",
            text.replace('\n', &format!("\n{unit}"))
        ))
    }

    /// The text of a range, its further lines without the indentation of its block. Declined when one of them starts inside a string.
    pub fn unindented(&self, range: TextRange, indent: &str) -> Result<String, Declined> {
        let module = self.module;
        let mut line = module.line_end_with_newline(range.start());
        while line < range.end() {
            if starts_in_string(module, line) {
                return Err("a string of several lines stands in it".into());
            }
            line = module.line_end_with_newline(line);
        }
        let text = self.edited(range, self.reindent(range, indent, ""));
        Ok(text)
    }

    /// The edits that move the lines that start inside a range from one indentation to another, as [`Context::wrap`] moves whole
    /// statements: lines inside strings, blank lines and lines indented less stay as they are.
    pub fn reindent(&self, range: TextRange, from: &str, to: &str) -> Vec<Edit> {
        let first = self.module.line_end_with_newline(range.start());
        let lines = movable_lines(self.module, TextRange::new(first, range.end().max(first)));
        lines
            .filter(|(_, text)| from != to && text.starts_with(from))
            .map(|(line, _)| Edit::replacement(to, TextRange::at(line, TextSize::of(from))))
            .collect()
    }

    /// As [`Context::delete_statement`], also where the statement shares its line with others; a comment behind it stays, on its line. Blank
    /// lines above the last statement of a block go with it.
    pub fn remove_statement(&self, stmt: &Stmt) -> Result<Edit, Declined> {
        let module = self.module;
        let shared = || Declined("the statement shares its line with another one".to_owned());
        if !module.comments_in(stmt.range()).is_empty() {
            return Err("a comment inside the statement would be lost".into());
        }
        let (block, index) = self
            .model
            .block_of(self.model.id(stmt))
            .ok_or_else(|| Declined("its block is not known".to_owned()))?;
        if block.len() == 1 {
            return Err("it is the only statement of its block".into());
        }
        let before = &module.text()[TextRange::new(module.line_start(stmt.start()), stmt.start())];
        let after = &module.text()[TextRange::new(stmt.end(), module.line_end(stmt.end()))];
        let is_first = module.is_first_on_line(stmt.start());
        if let Some(next) = block.get(index + 1)
            && module.line_start(next.start()) == module.line_start(stmt.end())
        {
            return Ok(Edit::deletion(TextRange::new(stmt.start(), next.start())));
        }
        if !is_first {
            let previous = index.checked_sub(1).map(|index| &block[index]).ok_or_else(shared)?;
            if !before.trim_end().ends_with(';') {
                return Err(shared());
            }
            return Ok(Edit::deletion(TextRange::new(previous.end(), stmt.end())));
        }
        let rest = after.trim_start().trim_start_matches(';').trim_start();
        if rest.starts_with('#') {
            let comment = module.line_end(stmt.end()) - TextSize::of(rest);
            return Ok(Edit::deletion(TextRange::new(stmt.start(), comment)));
        }
        if !rest.is_empty() {
            return Err(shared());
        }
        let mut start = module.line_start(stmt.start());
        if index + 1 == block.len() {
            start = above_blank_lines(module, start);
        }
        Ok(Edit::deletion(TextRange::new(
            start,
            module.line_end_with_newline(stmt.end()),
        )))
    }

    /// The text of a range for a place that is indented so, with `\n` as newline.
    pub fn moved(&self, range: TextRange, to: &str) -> String {
        let from = self.module.indentation(range.start());
        self.edited(range, self.reindent(range, from, to))
    }

    /// The comments on the lines directly above a statement, each of which holds nothing else. Those that are indented deeper close the block above.
    pub fn comments_above(&self, stmt: impl Ranged) -> Vec<TextRange> {
        let module = self.module;
        let mut above = Vec::new();
        let indent = module.indentation(stmt.start()).len();
        let mut line = module.line_start(stmt.start());
        while line > TextSize::default() {
            let previous = module.line_start(line - TextSize::new(1));
            match module.comments_in(TextRange::new(previous, line)) {
                [comment]
                    if module.is_first_on_line(comment.start())
                        && module.indentation(comment.start()).len() <= indent =>
                {
                    above.insert(0, *comment);
                }
                _ => break,
            }
            line = previous;
        }
        above
    }

    /// The text of a range after edits inside it, for edits that take it to another place, with `\n` as newline.
    pub fn edited(&self, range: TextRange, mut edits: Vec<Edit>) -> String {
        edits.sort_by_key(|edit| (edit.start(), edit.end()));
        let mut text = String::new();
        let mut at = range.start();
        for edit in edits {
            text.push_str(&self.module.text()[TextRange::new(at, edit.start())]);
            text.push_str(edit.content());
            at = edit.end();
        }
        text.push_str(&self.module.text()[TextRange::new(at, range.end())]);
        text.replace("\r\n", "\n")
    }

    /// `prefix[element for x in xs]` as formatters lay it out at an indentation: on one line where that fits, else its inside on one, else each
    /// clause on its own. `element` and `clauses` are given the indentation that they are written for, and may have several lines.
    pub fn comprehension(
        &self,
        prefix: &str,
        element: impl Fn(&str) -> String,
        clauses: impl Fn(&str) -> Vec<String>,
        indent: &str,
        unit: &str,
    ) -> String {
        let further = format!("{indent}{unit}");
        let inside = format!("{} {}", element(""), clauses("").join(" "));
        let line = format!("{prefix}[{inside}]");
        if !line.contains('\n') && self.fits(&format!("{indent}{line}")) {
            return line;
        }
        let inside = if !inside.contains('\n') && self.fits(&format!("{further}{inside}")) {
            inside
        } else {
            let lines = std::iter::once(element(&further)).chain(clauses(&further));
            lines.collect::<Vec<_>>().join(&format!("\n{further}"))
        };
        format!("{prefix}[\n{further}{inside}\n{indent}]")
    }

    /// The edits that write the arguments of a call that stands on one line on lines of their own, as formatters do: all on one line where
    /// that fits, else one on each with a trailing comma. `indent` is the indentation of the line on which the call starts.
    pub fn explode(&self, call: &ast::ExprCall, indent: &str, unit: &str) -> Vec<Edit> {
        let arguments = &call.arguments;
        let inside = TextRange::new(arguments.start() + TextSize::new(1), arguments.end() - TextSize::new(1));
        let text = self.module.slice(inside).trim();
        if text.is_empty() {
            return Vec::new();
        }
        let inner = format!("\n{indent}{unit}");
        let mut edits = vec![Edit::insertion(inner.clone(), inside.start())];
        if !self.fits(&format!("{indent}{unit}{text}")) {
            let mut depth = 0usize;
            for token in self.module.tokens().in_range(inside) {
                match token.kind() {
                    TokenKind::Lpar | TokenKind::Lsqb | TokenKind::Lbrace => depth += 1,
                    TokenKind::Rpar | TokenKind::Rsqb | TokenKind::Rbrace => depth = depth.saturating_sub(1),
                    TokenKind::Comma if depth == 0 => {
                        let rest = &self.module.text()[TextRange::new(token.end(), inside.end())];
                        let blank = rest.len() - rest.trim_start().len();
                        if blank < rest.len() {
                            let blank = TextRange::at(token.end(), TextSize::try_from(blank).unwrap_or_default());
                            edits.push(Edit::replacement(inner.clone(), blank));
                        }
                    }
                    // A lambda's parameters are separated by commas too: left on one line.
                    TokenKind::Lambda if depth == 0 => return Vec::new(),
                    _ => {}
                }
            }
            let needs_comma = !text.ends_with(',') && !matches!(&*arguments.args, [ast::Expr::Generator(_)]);
            let comma = if needs_comma { "," } else { "" };
            edits.push(Edit::insertion(format!("{comma}\n{indent}"), inside.end()));
        } else {
            edits.push(Edit::insertion(format!("\n{indent}"), inside.end()));
        }
        edits
    }
}

impl Context<'_> {
    /// The edit that takes one argument out of a call, with its comma. A call that stood on several lines only because it was too long
    /// for one moves onto one line where it fits now. Declined when a comment stands beside the argument.
    pub fn without_argument(&self, call: &ast::ExprCall, argument: TextRange) -> Result<Edit, Declined> {
        self.without_argument_but(call, argument, None)
    }

    /// As [`Context::without_argument`], where the comments in this range are written elsewhere.
    pub fn without_argument_but(
        &self,
        call: &ast::ExprCall,
        argument: TextRange,
        carried: Option<TextRange>,
    ) -> Result<Edit, Declined> {
        let module = self.module;
        let inside = TextRange::new(
            call.arguments.start() + TextSize::new(1),
            call.arguments.end() - TextSize::new(1),
        );
        let others: Vec<TextRange> = call.arguments.iter_source_order().map(|other| other.range()).collect();
        let previous = others.iter().rfind(|other| other.start() < argument.start());
        let next = others.iter().find(|other| other.start() > argument.start());
        let comma_behind = |end: TextSize| {
            let tokens = module.tokens().in_range(TextRange::new(end, inside.end()));
            tokens
                .iter()
                .find(|token| token.kind() == TokenKind::Comma)
                .map(Ranged::end)
        };
        let gap = match (previous, next) {
            // `, argument` behind the one before, whose own closing parentheses stay in front of the comma.
            (Some(previous), _) => {
                let end = comma_behind(previous.end()).map_or(previous.end(), |end| end - TextSize::new(1));
                TextRange::new(end, argument.end())
            }
            (None, Some(_)) => {
                let end = comma_behind(argument.end()).unwrap_or(argument.end());
                let rest = &module.text()[TextRange::new(end, inside.end())];
                let blank = rest.len() - rest.trim_start().len();
                TextRange::new(argument.start(), end + TextSize::try_from(blank).unwrap_or_default())
            }
            (None, None) => inside,
        };
        let beside = TextRange::new(gap.start(), module.line_end(gap.end()).min(inside.end()).max(gap.end()));
        // What stands behind a line with other arguments is said of all of them, and stays.
        let stays = |comment: &TextRange| {
            previous.is_some_and(|previous| {
                comment.start() >= gap.end() && module.line_start(previous.end()) == module.line_start(gap.end())
            })
        };
        let is_carried = |comment: &TextRange| carried.is_some_and(|carried| carried.contains_range(*comment));
        if module
            .comments_in(beside)
            .iter()
            .any(|comment| !stays(comment) && !is_carried(comment))
        {
            return Err("a comment stands beside the argument".into());
        }
        let kept: String = [
            TextRange::new(inside.start(), gap.start()),
            TextRange::new(gap.end(), inside.end()),
        ]
        .iter()
        .map(|range| &module.text()[*range])
        .collect();
        let line_end = module.line_end(call.end());
        let behind = &module.text()[TextRange::new(call.end(), line_end)];
        let before = &module.text()[TextRange::new(module.line_start(call.start()), inside.start())];
        let one_line = kept.trim();
        let was_broken = kept.starts_with(['\n', '\r']) && !one_line.is_empty() && !one_line.ends_with(',');
        if was_broken
            && !one_line.contains(['\n', '\r'])
            && module.comments_in(inside).is_empty()
            && !before.contains('\n')
            && self.fits(&format!("{before}{one_line}){behind}"))
        {
            return Ok(Edit::replacement(one_line, inside));
        }
        Ok(Edit::deletion(gap))
    }

    /// The edits that add a keyword argument to a call, behind the others and in their layout.
    pub fn with_argument(&self, call: &ast::ExprCall, argument: &str) -> Vec<Edit> {
        let module = self.module;
        let inside_end = call.arguments.end() - TextSize::new(1);
        let last = call.arguments.iter_source_order().map(|other| other.range()).last();
        let Some(last) = last else {
            return vec![Edit::insertion(argument, inside_end)];
        };
        let behind = module.tokens().in_range(TextRange::new(last.end(), inside_end));
        let comma = behind.iter().find(|token| token.kind() == TokenKind::Comma);
        // The last argument may be in parentheses of its own.
        let closing = behind
            .iter()
            .filter(|token| token.kind() == TokenKind::Rpar)
            .map(Ranged::end)
            .next_back();
        let end = comma.map_or(closing.unwrap_or(last.end()), Ranged::end);
        let line_end = module.line_end(end);
        let has_own_line = module.is_first_on_line(last.start()) && line_end < inside_end;
        match (comma, has_own_line) {
            (Some(_), true) => {
                let indent = module.indentation(last.start());
                vec![Edit::insertion(format!("\n{indent}{argument},"), line_end)]
            }
            (None, true) => {
                let indent = module.indentation(last.start());
                let line = Edit::insertion(format!("\n{indent}{argument}"), line_end);
                if end == line_end {
                    vec![Edit::insertion(format!(",\n{indent}{argument}"), end)]
                } else {
                    vec![Edit::insertion(",", end), line]
                }
            }
            (Some(_), false) => vec![Edit::insertion(format!(" {argument}"), end)],
            (None, false) => vec![Edit::insertion(format!(", {argument}"), end)],
        }
    }

    /// A call written anew in the place of a node: on one line where that fits, else its arguments on a line of their own, else one on
    /// each with a trailing comma. Arguments that have several lines themselves are left as they are.
    pub fn call_text(&self, at: NodeId, callee: &str, arguments: &[&str]) -> String {
        let module = self.module;
        let range = self.model.node(at).range();
        let before = &module.text()[TextRange::new(module.line_start(range.start()), range.start())];
        let behind = &module.text()[TextRange::new(range.end(), module.line_end(range.end()))];
        let behind = behind.split('#').next().unwrap_or_default().trim_end();
        let joined = arguments.join(", ");
        let one_line = format!("{callee}({joined})");
        if joined.contains(['\n', '\r']) || self.fits(&format!("{before}{one_line}{behind}")) {
            return one_line;
        }
        let indent = module.indentation(range.start());
        let unit = self
            .model
            .statement_of(at)
            .map_or_else(|| "    ".to_owned(), |(stmt, _)| self.indent_unit(stmt));
        if self.fits(&format!("{indent}{unit}{joined}")) {
            return format!("{callee}(\n{indent}{unit}{joined}\n{indent})");
        }
        let each = arguments.join(&format!(",\n{indent}{unit}"));
        format!("{callee}(\n{indent}{unit}{each},\n{indent})")
    }

    /// The edits that delete statements, with the blank lines that would be left over: those below a statement that opens its block, those
    /// above one that has blank lines below it as well. Declined when nothing would be left of a block, and as [`Context::lines_of`].
    pub fn delete_statements(&self, stmts: &[NodeId]) -> Result<Vec<Edit>, Declined> {
        let module = self.module;
        let text = module.text();
        let is_blank = |at: TextSize| text[TextRange::new(at, module.line_end(at))].trim().is_empty();
        let is_gone = |stmt: &Stmt| stmts.contains(&self.model.id(stmt));
        let mut edits: Vec<Edit> = Vec::new();
        for &id in stmts {
            let lines = self.lines_of(self.model.node(id))?;
            let (block, index) = self.model.block_of(id).ok_or("it is no statement of a block")?;
            if block.iter().all(is_gone) {
                return Err("nothing would be left of a block".into());
            }
            // Statements that go together make one edit, which the first of them gives.
            if index > 0 && is_gone(&block[index - 1]) {
                continue;
            }
            let (mut start, mut end) = (lines.start(), lines.end());
            for next in block[index + 1..].iter().take_while(|next| is_gone(next)) {
                let lines = self.lines_of(next)?;
                if !module.comments_in(TextRange::new(end, lines.start())).is_empty() {
                    return Err("a comment stands beside a statement that has to go".into());
                }
                end = lines.end();
            }
            if index == 0 {
                while end < module.line_end_with_newline(end) && is_blank(end) {
                    end = module.line_end_with_newline(end);
                }
            } else if is_blank(end) {
                while start > TextSize::default() && is_blank(module.line_start(start - TextSize::new(1))) {
                    start = module.line_start(start - TextSize::new(1));
                }
            }
            edits.push(Edit::deletion(TextRange::new(start, end)));
        }
        Ok(edits)
    }

    /// The lines of a statement, to be deleted. Declined where others share them, or where a comment would be lost.
    pub fn lines_of(&self, stmt: impl Ranged) -> Result<TextRange, Declined> {
        let module = self.module;
        own_lines(module, stmt.start(), stmt.end())?;
        let lines = TextRange::new(
            module.line_start(stmt.start()),
            module.line_end_with_newline(stmt.end()),
        );
        if module.comments_in(lines).is_empty() {
            Ok(lines)
        } else {
            Err("a comment stands beside a statement that has to go".into())
        }
    }
}

/// The lines that start in a range, with their text, whose indentation can be changed: not blank ones, and none inside a string.
pub fn movable_lines(module: &Module, range: TextRange) -> impl Iterator<Item = (TextSize, &str)> {
    let mut next = range.start();
    std::iter::from_fn(move || {
        let line = next;
        next = module.line_end_with_newline(line);
        (line < range.end() && line < next).then(|| (line, &module.text()[TextRange::new(line, next)]))
    })
    .filter(|(line, text)| !text.trim().is_empty() && !starts_in_string(module, *line))
}

/// The start of the first of the blank lines directly above the line that starts at an offset; the offset when there is none.
pub fn above_blank_lines(module: &Module, line: TextSize) -> TextSize {
    let mut start = line;
    while start > TextSize::default() {
        let above = module.line_start(start - TextSize::new(1));
        if !module.text()[TextRange::new(above, start)].trim().is_empty() {
            break;
        }
        start = above;
    }
    start
}

/// Refuses statements that share a line with others (`a; b`, `if x: a`), for which lines cannot be moved.
pub fn own_lines(module: &Module, start: TextSize, end: TextSize) -> Result<(), Declined> {
    if !module.is_first_on_line(start) {
        return Err("the statement shares its line with another one".into());
    }
    let rest = &module.text()[TextRange::new(end, module.line_end(end))];
    let rest = rest.trim_start();
    if rest.is_empty() || rest.starts_with('#') {
        Ok(())
    } else {
        Err("the statement shares its line with another one".into())
    }
}

/// The doubt about a comment that goes to another line, if it is one that other tools read by line.
pub fn moved_pragma(comment: &str) -> Option<String> {
    let text = comment.trim_start_matches(['#', ' ']);
    let is_pragma = [
        "type:", "noqa", "pylint:", "pyright:", "fmt:", "pragma", "nosec", "mypy:", "ruff:", "ty:",
    ]
    .iter()
    .any(|start| text.starts_with(start));
    is_pragma.then(|| format!("the comment `{comment}` stands on another line afterwards"))
}

/// Whether an offset lies inside a string or f-string literal, its first character excluded.
pub fn starts_in_string(module: &Module, offset: TextSize) -> bool {
    let tokens = module.tokens();
    let before = tokens.before_or_around(offset);
    let mut depth = 0usize;
    // f-strings are several tokens: an offset is inside one when a start before it is not yet matched.
    for token in before.iter().rev() {
        match token.kind() {
            TokenKind::String if token.range().contains(offset) && token.start() < offset => return true,
            TokenKind::FStringEnd | TokenKind::TStringEnd if token.end() <= offset => {
                depth += 1;
            }
            TokenKind::FStringStart | TokenKind::TStringStart => {
                if depth == 0 {
                    return token.start() < offset;
                }
                depth -= 1;
            }
            TokenKind::Newline if depth == 0 && token.end() <= offset => return false,
            _ => {}
        }
    }
    false
}

/// The tokens that start before an offset, wherever the offset lies in them.
trait TokensBefore {
    fn before_or_around(&self, offset: TextSize) -> &[ruff_python_ast::token::Token];
}

impl TokensBefore for ruff_python_ast::token::Tokens {
    fn before_or_around(&self, offset: TextSize) -> &[ruff_python_ast::token::Token] {
        let end = self.partition_point(|token| token.start() < offset);
        &self[..end]
    }
}

fn indent_unit(module: &Module, model: &SemanticModel, stmt: NodeId) -> String {
    let own = module.indentation(model.node(stmt).start());
    // The block around the statement shows what a level is here; at top level, the first indented block of the file does.
    let around = model
        .ancestors(stmt)
        .find(|(_, node)| node.is_statement() && module.is_first_on_line(node.start()));
    if let Some((_, outer)) = around
        && let Some(unit) = own.strip_prefix(module.indentation(outer.start()))
        && !unit.is_empty()
    {
        return unit.to_owned();
    }
    let block = model.subtree(NodeId(0)).find_map(|(_, node)| match node {
        AnyNodeRef::StmtFunctionDef(function) => function.body.first().map(|stmt| (node, stmt)),
        AnyNodeRef::StmtClassDef(class) => class.body.first().map(|stmt| (node, stmt)),
        AnyNodeRef::StmtIf(inner) => inner.body.first().map(|stmt| (node, stmt)),
        _ => None,
    });
    block
        .and_then(|(outer, stmt)| {
            let unit = module
                .indentation(stmt.start())
                .strip_prefix(module.indentation(outer.start()))?;
            (!unit.is_empty()).then(|| unit.to_owned())
        })
        .unwrap_or_else(|| "    ".to_owned())
}
