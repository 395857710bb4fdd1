//! Writes the group: the calls as they are written, each in a `create_task`, and the results behind the block.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, Stmt};
use ruff_text_size::{Ranged, TextRange};

use super::Taken;
use super::members::{Members, Spawn, clauses};
use crate::codemod::Context;
use crate::edit::Edit;
use crate::finding::Declined;
use crate::semantic::names::Lookup;
use crate::semantic::{NodeId, ScopeId, ScopeKind};

pub(super) struct Emit<'c, 'a> {
    ctx: &'c Context<'a>,
    stmt: &'a Stmt,
    at: NodeId,
    /// How `TaskGroup` is written.
    class: &'c str,
    /// The name of the group.
    group: String,
    indent: String,
    unit: String,
}

impl<'c, 'a> Emit<'c, 'a> {
    pub(super) fn new(ctx: &'c Context<'a>, stmt: &'a Stmt, at: NodeId, class: &'c str) -> Self {
        let (indent, unit) = (ctx.indentation(stmt).to_owned(), ctx.indent_unit(at));
        Self {
            ctx,
            stmt,
            at,
            class,
            group: ctx.model.fresh_name("tg", at),
            indent,
            unit,
        }
    }

    pub(super) fn edits(&self, members: &Members<'a>, taken: &Taken<'a>) -> Result<Vec<Edit>, Declined> {
        let text = match members {
            Members::Each(spawns) => self.each(spawns, taken)?,
            Members::Comprehension {
                spawn,
                generators,
                made,
            } => {
                let list = made.map(|(_, list)| list);
                self.comprehension(*spawn, generators, list, taken, members.first(self.stmt))?
            }
            Members::Loop {
                empty,
                list,
                stmt,
                append,
                spawn,
            } => return self.filled(empty, list, stmt, append, *spawn, taken),
            Members::Named { made, names, spawns } => return self.named(made, names, spawns, taken),
        };
        let range = TextRange::new(members.first(self.stmt).start(), self.stmt.end());
        Ok(vec![Edit::replacement(text, range)])
    }

    fn header(&self) -> String {
        format!("async with {}() as {}:", self.class, self.group)
    }

    fn inner(&self) -> String {
        format!("{}{}", self.indent, self.unit)
    }

    /// `prefix` and the `create_task` of a call, on lines that are indented so, and `suffix`.
    fn task(&self, prefix: &str, spawn: Spawn, suffix: &str, indent: &str) -> String {
        let (ctx, group, unit) = (self.ctx, &self.group, &self.unit);
        let call = spawn.call;
        let text = ctx.model.slice(call);
        let further = format!("{indent}{unit}");
        if spawn.is_task() {
            // The `create_task` that stands there gets another receiver, and keeps its arguments.
            let arguments = TextRange::new(call.func.end(), call.end());
            let line = format!(
                "{indent}{prefix}{group}.create_task{}{suffix}",
                ctx.model.slice(arguments)
            );
            let edits = if text.contains('\n') {
                ctx.reindent(arguments, ctx.module.indentation(call.start()), indent)
            } else if ctx.fits(&line) {
                Vec::new()
            } else {
                ctx.explode(call, indent, unit)
            };
            return format!("{prefix}{group}.create_task{}{suffix}", ctx.edited(arguments, edits));
        }
        let line = format!("{prefix}{group}.create_task({text}){suffix}");
        if !text.contains('\n') && ctx.fits(&format!("{indent}{line}")) {
            return line;
        }
        let call_text = if text.contains('\n') {
            ctx.moved(call.range(), &further)
        } else if ctx.fits(&format!("{further}{text}")) {
            text.to_owned()
        } else {
            ctx.edited(call.range(), ctx.explode(call, &further, unit))
        };
        format!("{prefix}{group}.create_task(\n{further}{call_text}\n{indent}){suffix}")
    }

    fn each(&self, spawns: &[Spawn<'a>], taken: &Taken<'a>) -> Result<String, Declined> {
        let comments = self.comments(spawns)?;
        let inner = self.inner();
        match taken {
            Taken::Nothing | Taken::Apart(_) => {
                let targets: Vec<Option<&Expr>> = match taken {
                    Taken::Apart(targets) => targets.clone(),
                    _ => vec![None; spawns.len()],
                };
                let names: Vec<Option<String>> = targets
                    .iter()
                    .map(|target| target.map(|one| self.name_of(one)))
                    .collect();
                let mut text = self.header();
                for ((spawn, name), around) in spawns.iter().zip(&names).zip(&comments) {
                    let prefix = name.as_ref().map_or_else(String::new, |name| format!("{name} = "));
                    let line = self.task(&prefix, *spawn, "", &inner);
                    around.write(&mut text, &line, &inner);
                }
                for (target, name) in targets.iter().zip(&names) {
                    if let (Some(target), Some(name)) = (target, name) {
                        let target = self.ctx.model.slice(*target);
                        text.push_str(&format!("\n{}{target} = {name}.result()", self.indent));
                    }
                }
                Ok(text)
            }
            Taken::Whole(prefix) => {
                let list = self.ctx.model.fresh_name("tasks", self.at);
                let items: Vec<String> = spawns.iter().map(|spawn| self.task("", *spawn, "", &inner)).collect();
                let line = format!("{list} = [{}]", items.join(", "));
                let has_comments = comments.iter().any(|around| !around.is_empty());
                let mut text = format!("{}\n{inner}", self.header());
                if !has_comments && !line.contains('\n') && self.ctx.fits(&format!("{inner}{line}")) {
                    text.push_str(&line);
                } else {
                    let further = format!("{inner}{}", self.unit);
                    text.push_str(&format!("{list} = ["));
                    for (spawn, around) in spawns.iter().zip(&comments) {
                        let item = self.task("", *spawn, ",", &further);
                        around.write(&mut text, &item, &further);
                    }
                    text.push_str(&format!("\n{inner}]"));
                }
                text.push_str(&self.results(prefix, &list));
                Ok(text)
            }
        }
    }

    fn comprehension(
        &self,
        spawn: Spawn<'a>,
        generators: &'a [ast::Comprehension],
        list: Option<&str>,
        taken: &Taken<'a>,
        first: &Stmt,
    ) -> Result<String, Declined> {
        let range = TextRange::new(first.start(), self.stmt.end());
        if !self.ctx.module.comments_in(range).is_empty() {
            return Err("a comment stands among what is written anew".into());
        }
        let inner = self.inner();
        let ranges = clauses(self.ctx, generators);
        if let Taken::Nothing = taken {
            self.check_leaks(generators)?;
            let (mut text, mut indent) = (self.header(), inner);
            for range in ranges {
                text.push_str(&format!("\n{indent}{}:", self.ctx.moved(range, &indent)));
                indent.push_str(&self.unit);
            }
            text.push_str(&format!("\n{indent}{}", self.task("", spawn, "", &indent)));
            return Ok(text);
        }
        let list = list.map_or_else(|| self.ctx.model.fresh_name("tasks", self.at), str::to_owned);
        let tasks = self.ctx.comprehension(
            &format!("{list} = "),
            |indent| self.task("", spawn, "", indent),
            |indent| ranges.iter().map(|range| self.ctx.moved(*range, indent)).collect(),
            &inner,
            &self.unit,
        );
        let mut text = format!("{}\n{inner}{tasks}", self.header());
        let prefix = match taken {
            Taken::Whole(prefix) => (*prefix).to_owned(),
            _ => self.apart_prefix()?,
        };
        text.push_str(&self.results(&prefix, &list));
        Ok(text)
    }

    /// The loop that fills a list goes under the group, and the list goes where nothing reads it.
    fn filled(
        &self,
        empty: &'a Stmt,
        list: &str,
        outer: &'a Stmt,
        append: &'a ast::ExprCall,
        spawn: Spawn<'a>,
        taken: &Taken<'a>,
    ) -> Result<Vec<Edit>, Declined> {
        let ctx = self.ctx;
        let mut edits = ctx.wrap(outer, outer, &self.header())?;
        let between = [
            TextRange::new(empty.start(), outer.start()),
            TextRange::new(outer.end(), ctx.module.line_end(self.stmt.end())),
        ];
        let start = spawn.call.start();
        if let Taken::Nothing = taken {
            if between.iter().any(|range| !ctx.module.comments_in(*range).is_empty()) {
                return Err("a comment stands beside the list, which goes".into());
            }
            edits.push(Edit::deletion(between[0]));
            edits.push(Edit::deletion(TextRange::new(outer.end(), self.stmt.end())));
            let opening = TextRange::new(append.start(), start);
            if spawn.is_task() {
                let opening = TextRange::new(append.start(), spawn.call.func.end());
                edits.push(Edit::replacement(format!("{}.create_task", self.group), opening));
                edits.push(Edit::deletion(TextRange::new(spawn.call.end(), append.end())));
            } else {
                edits.push(Edit::replacement(format!("{}.create_task(", self.group), opening));
            }
        } else {
            let indent = format!("{}{}", self.inner(), self.unit);
            let line = format!("{list}.append({})", self.task("", spawn, "", ""));
            if line.contains('\n') || ctx.fits(&format!("{indent}{line}")) {
                edits.extend(self.become_task(spawn, &indent));
            } else {
                let further = format!("{indent}{}", self.unit);
                let task = self.task("", spawn, "", &further);
                let text = format!("\n{further}{task}\n{indent}");
                edits.push(Edit::replacement(text, spawn.call.range()));
            }
            let prefix = match taken {
                Taken::Whole(prefix) => (*prefix).to_owned(),
                _ => self.apart_prefix()?,
            };
            let results = self.results(&prefix, list);
            let results = results.trim_start().to_owned();
            edits.push(Edit::replacement(results, self.stmt.range()));
        }
        edits.sort_by_key(|edit| (edit.start(), edit.end()));
        Ok(edits)
    }

    /// Statements that make tasks go under the group.
    fn named(
        &self,
        made: &'a [Stmt],
        names: &[&str],
        spawns: &[Spawn<'a>],
        taken: &Taken<'a>,
    ) -> Result<Vec<Edit>, Declined> {
        let ctx = self.ctx;
        let (Some(first), Some(last)) = (made.first(), made.last()) else {
            return Err("no task is made before it".into());
        };
        let mut edits = ctx.wrap(first, last, &self.header())?;
        for spawn in spawns {
            edits.extend(self.become_task(*spawn, &self.inner()));
        }
        let lines: Vec<String> = match taken {
            Taken::Nothing => Vec::new(),
            Taken::Apart(targets) => targets
                .iter()
                .zip(names)
                .filter_map(|(target, name)| Some(format!("{} = {name}.result()", ctx.model.slice((*target)?))))
                .collect(),
            Taken::Whole(prefix) => {
                let results: Vec<String> = names.iter().map(|name| format!("{name}.result()")).collect();
                let line = format!("{prefix}[{}]", results.join(", "));
                if ctx.fits(&format!("{}{line}", self.indent)) {
                    vec![line]
                } else {
                    let items = results.iter().map(|result| format!("{}{result},", self.unit));
                    std::iter::once(format!("{prefix}["))
                        .chain(items)
                        .chain(["]".to_owned()])
                        .collect()
                }
            }
        };
        if lines.is_empty() {
            let rest = TextRange::new(last.end(), ctx.module.line_end(self.stmt.end()));
            if !ctx.module.comments_in(rest).is_empty() {
                return Err("a comment stands beside the await, which goes".into());
            }
            edits.push(Edit::deletion(TextRange::new(last.end(), self.stmt.end())));
        } else {
            let text = lines.join(&format!("\n{}", self.indent));
            edits.push(Edit::replacement(text, self.stmt.range()));
        }
        edits.sort_by_key(|edit| (edit.start(), edit.end()));
        Ok(edits)
    }

    /// The edits that make a call a task of the group where it stands, on a line that is indented so.
    fn become_task(&self, spawn: Spawn, indent: &str) -> Vec<Edit> {
        let (ctx, call) = (self.ctx, spawn.call);
        let line = |range: TextRange| ctx.model.slice(range).trim();
        let before = line(TextRange::new(ctx.module.line_start(call.start()), call.start()));
        let behind = line(TextRange::new(call.end(), ctx.module.line_end(call.end())));
        // A comment may be too long for the line in any case.
        let suffix = behind.split("  #").next().unwrap_or(behind);
        let space = if before.ends_with('=') { " " } else { "" };
        let task = self.task(&format!("{before}{space}"), spawn, suffix, indent);
        if !ctx.model.slice(call).contains('\n') && task.contains('\n') {
            let start = before.len() + space.len();
            let task = &task[start..task.len() - suffix.len()];
            return vec![Edit::replacement(task, call.range())];
        }
        let create = format!("{}.create_task", self.group);
        if spawn.is_task() {
            vec![Edit::replacement(create, call.func.range())]
        } else {
            vec![
                Edit::insertion(format!("{create}("), call.start()),
                Edit::insertion(")", call.end()),
            ]
        }
    }

    /// The line behind the block that takes the results of a list of tasks.
    fn results(&self, prefix: &str, list: &str) -> String {
        let task = self.ctx.model.fresh_name("task", self.at);
        let results = self.ctx.comprehension(
            prefix,
            |_| format!("{task}.result()"),
            |_| vec![format!("for {task} in {list}")],
            &self.indent,
            &self.unit,
        );
        format!("\n{}{results}", self.indent)
    }

    /// What stands before a list that is taken apart into names, as it is written.
    fn apart_prefix(&self) -> Result<String, Declined> {
        match self.stmt {
            Stmt::Assign(assign) => {
                let prefix = TextRange::new(assign.start(), assign.value.start());
                Ok(self.ctx.model.slice(prefix).to_owned())
            }
            _ => Err("it is not assigned".into()),
        }
    }

    /// `user_task` for `user` and for `self.user`.
    fn name_of(&self, target: &Expr) -> String {
        let name = match target {
            Expr::Attribute(attribute) => attribute.attr.trim_start_matches('_'),
            other => self.ctx.model.slice(other),
        };
        self.ctx.model.fresh_name(&format!("{name}_task"), self.at)
    }

    /// The variables of a comprehension are its own; those of a loop are the function's.
    fn check_leaks(&self, generators: &'a [ast::Comprehension]) -> Result<(), Declined> {
        let model = self.ctx.model;
        let Some(function) = model.enclosing_function(self.at) else {
            return Err("its variables would be those of the module".into());
        };
        let (scope, function) = (model.body_scope(function), model.id(function));
        for generator in generators {
            let own = model.scope_of(model.id(&generator.target));
            for binding in model.bindings_within(model.id(generator)) {
                let name = binding.name;
                let is_elsewhere = |node: NodeId, found: ScopeId| {
                    let is_nested = found != scope && model.contains(function, self.node_of(found));
                    found != own && !is_nested && !self.is_of_another_loop(name, node)
                };
                let mut references = model
                    .references_in(function)
                    .iter()
                    .filter(|other| other.name.id == name);
                let mut bindings = model
                    .bindings_within(function)
                    .iter()
                    .filter(|other| other.name == name);
                let is_taken = references.any(|other| match model.lookup(name, other.scope) {
                    Lookup::Scope(found) => is_elsewhere(other.node, found),
                    Lookup::Builtin | Lookup::Unknown => true,
                }) || bindings.any(|other| is_elsewhere(other.node, other.scope));
                if is_taken {
                    return Err(format!("`{name}` means something else in the function").into());
                }
            }
        }
        Ok(())
    }

    /// The node that opens a scope.
    fn node_of(&self, scope: ScopeId) -> NodeId {
        let model = self.ctx.model;
        match model.scope(scope).kind {
            ScopeKind::Function(function) => model.id(function),
            ScopeKind::Lambda(lambda) => model.id(lambda),
            ScopeKind::Class(class) => model.id(class),
            // They belong to the function around them.
            ScopeKind::Comprehension | ScopeKind::Generator | ScopeKind::TypeParams => model
                .scope(scope)
                .parent
                .map_or(NodeId(0), |parent| self.node_of(parent)),
            ScopeKind::Module => NodeId(0),
        }
    }

    /// Whether a name is read or bound in a loop over it which the gather is no part of.
    fn is_of_another_loop(&self, name: &str, node: NodeId) -> bool {
        let model = self.ctx.model;
        model.loops(node).any(|outer| match model.node(outer) {
            AnyNodeRef::StmtFor(stmt) => {
                let mut bound = model.bindings_within(model.id(&*stmt.target)).iter();
                !model.contains(outer, self.at) && bound.any(|binding| binding.name == name)
            }
            _ => false,
        })
    }

    /// The comments that stand around each argument.
    fn comments(&self, spawns: &[Spawn<'a>]) -> Result<Vec<Around<'a>>, Declined> {
        let module = self.ctx.module;
        let mut found: Vec<Around> = spawns.iter().map(|_| Around::default()).collect();
        let first = spawns.first().map_or(self.stmt.end(), |spawn| spawn.call.start());
        for comment in module.comments_in(self.stmt.range()) {
            let inside = spawns.iter().any(|spawn| spawn.call.range().contains_range(*comment));
            if inside {
                continue;
            }
            let is_own_line = module.is_first_on_line(comment.start());
            let next = spawns.iter().position(|spawn| spawn.call.start() > comment.start());
            let text = self.ctx.model.slice(*comment);
            match (is_own_line, next) {
                (true, Some(next)) => found[next].above.push(text),
                (false, Some(0)) if comment.start() < first => found[0].above.push(text),
                (false, Some(next)) => found[next - 1].behind.push(text),
                (false, None) => found.last_mut().ok_or("it has no arguments")?.behind.push(text),
                (true, None) => return Err("a comment stands behind its last argument".into()),
            }
        }
        Ok(found)
    }
}

#[derive(Default)]
struct Around<'a> {
    above: Vec<&'a str>,
    behind: Vec<&'a str>,
}

impl Around<'_> {
    fn is_empty(&self) -> bool {
        self.above.is_empty() && self.behind.is_empty()
    }

    /// A line, or several, with the comments above and behind it.
    fn write(&self, text: &mut String, line: &str, indent: &str) {
        for comment in &self.above {
            text.push_str(&format!("\n{indent}{comment}"));
        }
        text.push_str(&format!("\n{indent}{line}"));
        for comment in &self.behind {
            text.push_str(&format!("  {comment}"));
        }
    }
}
