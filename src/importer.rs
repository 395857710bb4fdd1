//! Imports: the name to write for an object at a place, the edits that bring a missing import, and the removal of imports that a
//! rewrite left without a use. The module's own style decides: its aliases, its sections, its order.

use std::collections::{BTreeMap, BTreeSet};

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, Stmt};
use ruff_text_size::{Ranged, TextRange, TextSize};
use serde::{Deserialize, Serialize};

use crate::codemod::Context;
use crate::edit::Edit;
use crate::finding::Declined;
use crate::interned::{self, Interned};
use crate::layout::above_blank_lines;
use crate::module::Module;
use crate::project::ProjectFacts;
use crate::semantic::names::{Lookup, is_standard};
use crate::semantic::{Binding, BindingKind, NodeId, Reference, ScopeId, SemanticModel};

/// An import that a fix needs at module level.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Import {
    /// `import module`
    Module(#[serde(deserialize_with = "interned::read")] Interned),
    /// `from module import member`; the module may begin with dots.
    Member(
        #[serde(deserialize_with = "interned::read")] Interned,
        #[serde(deserialize_with = "interned::read")] Interned,
    ),
}

/// A module-level definition that a fix needs: a helper function, a variable.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Definition {
    pub name: String,
    /// The whole statement, with `\n` and without one at the end, indented by four spaces.
    pub text: String,
}

impl Import {
    fn bound_name(&self) -> &'static str {
        match self {
            Import::Module(name) | Import::Member(_, name) => name,
        }
    }

    fn module(&self) -> &'static str {
        match self {
            Import::Module(name) | Import::Member(name, _) => name,
        }
    }
}

impl Context<'_> {
    /// The name under which an imported object can be written at a node, and the import that must be added for it, if any.
    ///
    /// An import of the module itself or an alias of it is used when it is not hidden at the node and is there at run time, and one that the
    /// function makes above the node; the plain name is refused where it stands for anything else. A package that the module can do without
    /// is not imported at its top.
    pub fn import(&self, import: Import, at: NodeId) -> Result<(String, Option<Import>), Declined> {
        let model = self.model;
        let scope = model.scope_of(at);
        let qualified = match &import {
            Import::Module(module) => (*module).to_owned(),
            Import::Member(module, member) => format!("{module}.{member}"),
        };
        for binding in model
            .bindings()
            .iter()
            .filter(|binding| binding.scope == ScopeId::MODULE)
        {
            let is_import = matches!(binding.kind, BindingKind::Import(_) | BindingKind::FromImport(..));
            if is_import
                && is_there(model, binding, at)
                && model.lookup(binding.name, scope) == Lookup::Scope(ScopeId::MODULE)
                && model.imported_name(binding.name, ScopeId::MODULE).as_deref() == Some(&*qualified)
            {
                return Ok((binding.name.to_owned(), None));
            }
        }
        if let Some(name) = self.imported_above(&qualified, at) {
            return Ok((name.to_owned(), None));
        }
        let package = import.module().split('.').next().unwrap_or_default();
        if !is_standard(package) && model.imports_package(package) && !model.requires_package(package) {
            return Err(format!(
                "the module imports `{package}` only where it needs it, and an import at its top would make it needed by all"
            )
            .into());
        }
        let name = import.bound_name();
        let free = matches!(model.lookup(name, scope), Lookup::Builtin | Lookup::Unknown)
            && model
                .bindings_in(ScopeId::MODULE, name)
                .all(|binding| is_type_checking_only(model, binding));
        // An import that runs later, or not always, brings the same object once more.
        let is_same = model.lookup(name, scope) == Lookup::Scope(ScopeId::MODULE)
            && model.imported_name(name, ScopeId::MODULE).as_deref() == Some(&*qualified);
        if free || is_same {
            Ok((name.to_owned(), Some(import)))
        } else {
            Err(format!("the name `{name}` stands for something else here").into())
        }
    }

    /// The name by which the body of a function around a node imports an object above it.
    fn imported_above(&self, qualified: &str, at: NodeId) -> Option<&str> {
        let model = self.model;
        let (function, scope) = (model.enclosing_function(at)?, model.scope_of(at));
        let place = model.node(at).start();
        let above = function.body.iter().take_while(|stmt| stmt.end() < place);
        let mut names = above.flat_map(|stmt| match stmt {
            Stmt::Import(import) => import.names.as_slice(),
            Stmt::ImportFrom(import) => import.names.as_slice(),
            _ => &[],
        });
        names.find_map(|alias| {
            let name = alias.asname.as_ref().unwrap_or(&alias.name).as_str();
            (model.imported_name(name, scope).as_deref() == Some(qualified)).then_some(name)
        })
    }

    /// Declined where builtins of these names, that a rewrite would write at a node, are something else there.
    pub fn builtins_stand(&self, names: &[&str], at: NodeId) -> Result<(), Declined> {
        let scope = self.model.scope_of(at);
        let is_other = |name: &&&str| matches!(self.model.lookup(name, scope), Lookup::Scope(_));
        match names.iter().find(is_other) {
            Some(name) => Err(format!("the name `{name}` stands for something else here").into()),
            None => Ok(()),
        }
    }

    /// How a member of a module is written at a node: by its own name where that is imported, else through the module, for which an import
    /// must be added where there is none. So an import of the module that another rewrite adds changes nothing. A bare name is never
    /// imported: it may be the usual name of a parameter.
    pub fn member(
        &self,
        module: &'static str,
        member: &'static str,
        at: NodeId,
    ) -> Result<(String, Option<Import>), Declined> {
        match self.import(Import::Member(module, member), at) {
            Ok((name, None)) => Ok((name, None)),
            _ => {
                let (name, import) = self.import(Import::Module(module), at)?;
                Ok((format!("{name}.{member}"), import))
            }
        }
    }

    /// As [`Context::member`], with `from module import member` where neither is imported: for names that nothing else goes by.
    pub fn plain_member(
        &self,
        module: &'static str,
        member: &'static str,
        at: NodeId,
    ) -> Result<(String, Option<Import>), Declined> {
        match self.import(Import::Member(module, member), at) {
            Ok((name, None)) => Ok((name, None)),
            other => match self.import(Import::Module(module), at) {
                Ok((name, None)) => Ok((format!("{name}.{member}"), None)),
                _ => other,
            },
        }
    }
}

impl Context<'_> {
    /// The name of a module-level helper, and its definition unless the module has this very one already. Another meaning of the name
    /// gives the helper a number.
    pub fn define(&self, wanted: &str, at: NodeId, text: impl Fn(&str) -> String) -> (String, Option<Definition>) {
        let model = self.model;
        let mut name = wanted.to_owned();
        for number in 2.. {
            let text = text(&name);
            let existing = model
                .sole_binding(&name, ScopeId::MODULE)
                .filter(|binding| binding.scope == ScopeId::MODULE);
            let same = existing
                .and_then(|binding| model.statement_of(binding.node))
                .is_some_and(|(_, stmt)| {
                    let found = model.slice(stmt).replace("\r\n", "\n").replace('\r', "\n");
                    found == text
                });
            let scope = model.scope_of(at);
            if same && model.lookup(&name, scope) == Lookup::Scope(ScopeId::MODULE) {
                return (name, None);
            }
            // What a star import brings, a definition below it replaces.
            if matches!(model.lookup(&name, scope), Lookup::Builtin | Lookup::Unknown)
                && model.bindings().iter().all(|binding| binding.name != name)
            {
                return (name.clone(), Some(Definition { name, text }));
            }
            name = format!("{wanted}_{number}");
        }
        unreachable!("some number is free")
    }
}

/// The edit that adds definitions: above the first function or class of the module, with two blank lines between, or the first block that holds
/// a coroutine function, and may run it.
pub(crate) fn define(module: &Module, definitions: &BTreeSet<Definition>) -> Option<Edit> {
    if definitions.is_empty() {
        return None;
    }
    let body = &module.syntax().body;
    let first = body.iter().find(|stmt| match stmt {
        Stmt::FunctionDef(_) | Stmt::ClassDef(_) => true,
        Stmt::If(_) | Stmt::Try(_) | Stmt::With(_) | Stmt::For(_) | Stmt::While(_) | Stmt::Match(_) => {
            module.slice(*stmt).contains("async def ")
        }
        _ => false,
    });
    let texts: Vec<&str> = definitions.iter().map(|definition| definition.text.as_str()).collect();
    let text = texts.join("\n\n\n");
    Some(match first {
        Some(first) => {
            let at = above_comments(module, module.line_start(first.start()));
            // A variable stands one blank line below what is above it; functions and classes stand two.
            let is_variable = definitions
                .first()
                .is_some_and(|definition| definition.text.starts_with(&definition.name));
            match blank_line_above(module, at).filter(|above| is_variable && blank_line_above(module, *above).is_some())
            {
                Some(above) => Edit::insertion(format!("{text}\n\n"), above),
                None => {
                    // Above a block, one blank line is enough; above a function it is not.
                    let is_alone = |at| {
                        blank_line_above(module, at).is_some_and(|above| blank_line_above(module, above).is_none())
                    };
                    let gap = if !matches!(first, Stmt::FunctionDef(_) | Stmt::ClassDef(_)) && is_alone(at) {
                        "\n"
                    } else {
                        ""
                    };
                    Edit::insertion(format!("{gap}{text}\n\n\n"), at)
                }
            }
        }
        None => {
            let end = TextSize::try_from(module.text().len()).unwrap_or_default();
            Edit::insertion(format!("\n\n{text}\n"), end)
        }
    })
}

/// The start of the line above one that starts at an offset, if it is blank.
fn blank_line_above(module: &Module, offset: TextSize) -> Option<TextSize> {
    let above = module.line_start(offset.checked_sub(TextSize::new(1))?);
    module.text()[TextRange::new(above, offset)]
        .trim()
        .is_empty()
        .then_some(above)
}

/// The start of the own-line comments directly above a line, which belong to what follows them; a header at the top of the file does not.
pub(crate) fn above_comments(module: &Module, mut offset: TextSize) -> TextSize {
    while offset > TextSize::default() {
        let above = module.line_start(offset - TextSize::new(1));
        let line = &module.text()[TextRange::new(above, offset)];
        let text = line.trim_start_matches('\u{feff}').trim();
        let is_header =
            above == TextSize::default() || text.starts_with("#!") || text.contains("coding") || !text.starts_with('#');
        if is_header {
            break;
        }
        offset = above;
    }
    offset
}

/// Whether an import of the module has run when the code at a node does: not one under `if __name__ == "__main__":` or in a handler, nor one
/// behind calls of the module.
fn is_there(model: &SemanticModel, binding: &Binding, at: NodeId) -> bool {
    let is_always_run = model.ancestors(binding.node).all(|(id, node)| match node {
        AnyNodeRef::StmtIf(_) | AnyNodeRef::StmtFor(_) | AnyNodeRef::StmtWhile(_) | AnyNodeRef::StmtMatch(_) => {
            model.contains(id, at) && !is_type_checking_only(model, binding)
        }
        AnyNodeRef::ExceptHandlerExceptHandler(_) => model.contains(id, at),
        _ => true,
    });
    let calls_before = || {
        model
            .calls()
            .take_while(|call| call.start() < binding.range.start())
            .any(|call| {
                let id = model.id(call);
                let is_statement = matches!(model.node(model.parent(id)), AnyNodeRef::StmtExpr(_));
                is_statement && model.scope_of(id) == ScopeId::MODULE
            })
    };
    is_always_run && (binding.range.start() < model.node(at).start() || !calls_before())
}

/// Whether a binding stands under `if TYPE_CHECKING:` and is not there at run time.
pub(crate) fn is_type_checking_only(model: &SemanticModel, binding: &Binding) -> bool {
    model.ancestors(binding.node).any(|(_, node)| match node {
        AnyNodeRef::StmtIf(inner) => {
            let in_body = inner.body.first().is_some_and(|first| {
                binding.range.start() >= first.start()
                    && binding.range.start() < inner.body.last().map_or(first.end(), Ranged::end)
            });
            in_body && is_type_checking(&inner.test)
        }
        _ => false,
    })
}

fn is_type_checking(test: &Expr) -> bool {
    match test {
        Expr::Name(name) => name.id.as_str() == "TYPE_CHECKING",
        Expr::Attribute(attribute) => attribute.attr.as_str() == "TYPE_CHECKING",
        _ => false,
    }
}

/// Where an import statement belongs, in the order of isort's default sections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Section {
    Future,
    Standard,
    ThirdParty,
    FirstParty,
}

fn section_of(stmt: &Stmt) -> Option<Section> {
    match stmt {
        Stmt::Import(import) => Some(section_of_module(&import.names.first()?.name)),
        Stmt::ImportFrom(import) => Some(section_of_module(&origin(import))),
        _ => None,
    }
}

/// What an import takes its members from, with the dots of a relative one.
fn origin(import: &ast::StmtImportFrom) -> String {
    let module = import.module.as_deref().unwrap_or_default();
    format!("{}{module}", ".".repeat(import.level as usize))
}

fn section_of_module(module: &str) -> Section {
    let top = module.split('.').next().unwrap_or(module);
    if module.starts_with('.') {
        Section::FirstParty
    } else if top == "__future__" {
        Section::Future
    } else if is_standard(module) {
        Section::Standard
    } else {
        Section::ThirdParty
    }
}

/// `import x` sorts before `from x import y` inside a section, then by module.
fn sort_key(stmt: &Stmt) -> (bool, String) {
    match stmt {
        Stmt::Import(import) => (
            false,
            import
                .names
                .first()
                .map_or_else(String::new, |alias| alias.name.to_lowercase()),
        ),
        Stmt::ImportFrom(import) => (true, origin(import).to_lowercase()),
        _ => (true, String::new()),
    }
}

/// The edits that bring the imports into the module, merged into what is there.
pub(crate) fn add(module: &Module, imports: &BTreeSet<Import>) -> Vec<Edit> {
    let prologue = prologue(module);
    let mut edits = Vec::new();
    let mut lines: BTreeMap<(TextSize, Section, bool), (Place, Vec<String>)> = BTreeMap::new();
    for import in imports {
        if let Import::Member(from, member) = import
            && let Some(edit) = merge_member(module, &prologue, from, member)
        {
            edits.push(edit);
            continue;
        }
        let (line, key) = match import {
            Import::Module(name) => (format!("import {name}"), (false, name.to_lowercase())),
            Import::Member(from, member) => (format!("from {from} import {member}"), (true, from.to_lowercase())),
        };
        let section = section_of_module(import.module());
        let mut place = place_for(module, &prologue, section, &key);
        place.offset = behind_mark(module, place.offset);
        let (_, lines) = lines
            .entry((place.offset, section, key.0))
            .or_insert((place, Vec::new()));
        // Members of one module stand behind each other: the set is sorted.
        match (import, lines.last_mut()) {
            (Import::Member(from, member), Some(last)) if last.starts_with(&format!("from {from} import ")) => {
                last.push_str(", ");
                last.push_str(member);
            }
            _ => lines.push(line),
        }
    }
    // Several imports for one place make one insertion, so that their order does not hang on the order of edits.
    let mut by_offset: BTreeMap<TextSize, String> = BTreeMap::new();
    for ((offset, ..), (place, lines)) in lines {
        let text = by_offset.entry(offset).or_default();
        if text.is_empty() || place.blank_before {
            text.push_str(place.before);
        }
        for line in lines {
            text.push_str(&line);
            text.push('\n');
        }
        text.push_str(place.after);
    }
    edits.extend(by_offset.into_iter().map(|(offset, text)| {
        let text = if offset == module.text().len().try_into().unwrap_or_default()
            && !module.text().ends_with(['\n', '\r'])
            && !module.text().is_empty()
        {
            format!("\n{}", text.trim_end_matches('\n'))
        } else {
            text
        };
        Edit::insertion(text, offset)
    }));
    edits
}

/// The import statements at the head of the module: behind the docstring, up to the first other statement.
fn prologue(module: &Module) -> Vec<&Stmt> {
    module
        .syntax()
        .body
        .iter()
        .skip_while(|stmt| is_docstring(stmt))
        .take_while(|stmt| matches!(stmt, Stmt::Import(_) | Stmt::ImportFrom(_)))
        .collect()
}

fn is_docstring(stmt: &Stmt) -> bool {
    matches!(stmt, Stmt::Expr(expr) if expr.value.is_string_literal_expr())
}

/// An offset at which the first line may be edited: a byte order mark stays the first character.
fn behind_mark(module: &Module, offset: TextSize) -> TextSize {
    let has_mark = module.text().starts_with('\u{feff}');
    if has_mark {
        offset.max(TextSize::of('\u{feff}'))
    } else {
        offset
    }
}

struct Place {
    offset: TextSize,
    before: &'static str,
    after: &'static str,
    blank_before: bool,
}

impl Place {
    fn at(offset: TextSize) -> Self {
        Self {
            offset,
            before: "",
            after: "",
            blank_before: false,
        }
    }
}

fn place_for(module: &Module, prologue: &[&Stmt], section: Section, key: &(bool, String)) -> Place {
    let in_section = |stmt: &&&Stmt| section_of(stmt) == Some(section);
    let docstring = module.syntax().body.first().filter(|stmt| is_docstring(stmt));
    let before = |stmt: &Stmt| {
        let line = module.line_start(stmt.start());
        // Nothing goes above a docstring on the same line.
        if docstring.is_some_and(|docstring| line < docstring.end()) {
            return Place::at(module.line_end_with_newline(stmt.end()));
        }
        Place::at(line)
    };
    let after = |stmt: &Stmt| Place::at(module.line_end_with_newline(stmt.end()));
    // Beside the imports of its own package: other sections may look alike to us, such as the project's own modules.
    let package = |name: &str| name.split('.').next().map(str::to_owned);
    let is_kin = |stmt: &&&Stmt| package(&sort_key(stmt).1) == package(&key.1) && sort_key(stmt) < *key;
    if let Some(kin) = prologue.iter().filter(in_section).rfind(is_kin) {
        return after(kin);
    }
    if let Some(next) = prologue.iter().filter(in_section).find(|stmt| sort_key(stmt) > *key) {
        return before(next);
    }
    if let Some(last) = prologue.iter().rfind(in_section) {
        return after(last);
    }
    if let Some(next) = prologue
        .iter()
        .find(|stmt| section_of(stmt).is_some_and(|other| other > section))
    {
        return Place {
            after: "\n",
            ..before(next)
        };
    }
    if let Some(last) = prologue.last() {
        return Place {
            before: "\n",
            blank_before: true,
            ..after(last)
        };
    }
    place_without_imports(module)
}

/// Before the first statement behind the docstring, below a header of comments.
fn place_without_imports(module: &Module) -> Place {
    let body = &module.syntax().body;
    let docstring = body.first().filter(|stmt| is_docstring(stmt));
    let first = body.get(usize::from(docstring.is_some()));
    match (docstring, first) {
        (_, Some(first)) => {
            // Comments directly above the statement belong to it and stay there; decorators are part of its range.
            let offset = above_comments(module, module.line_start(first.start()));
            if docstring
                .is_some_and(|docstring| module.line_start(docstring.start()) == module.line_start(first.start()))
            {
                // They share a line, perhaps with more.
                let shared = body.iter().take_while(|stmt| {
                    module.line_start(stmt.start()) <= module.line_start(docstring.map_or(stmt.start(), Ranged::end))
                });
                let end = shared.last().map_or(first.end(), Ranged::end);
                return Place::at(module.line_end_with_newline(end));
            }
            let is_definition = matches!(first, Stmt::FunctionDef(_) | Stmt::ClassDef(_));
            Place {
                after: if is_definition { "\n\n" } else { "\n" },
                ..Place::at(offset)
            }
        }
        (Some(docstring), None) => Place {
            before: "\n",
            ..Place::at(module.line_end_with_newline(docstring.end()))
        },
        (None, None) => Place::at(TextSize::try_from(module.text().len()).unwrap_or_default()),
    }
}

/// The edit that takes a name into an existing `from module import ...`.
fn merge_member(module: &Module, prologue: &[&Stmt], from: &str, member: &str) -> Option<Edit> {
    let import = prologue.iter().find_map(|stmt| match stmt {
        Stmt::ImportFrom(import) if origin(import) == from => Some(import),
        _ => None,
    })?;
    if import.names.iter().any(|alias| alias.name.as_str() == "*") {
        return None;
    }
    add_alias(module, import, member)
}

/// `, member` behind the last name of an import, or in its sorted place when the names are sorted.
pub(crate) fn add_alias(module: &Module, import: &ast::StmtImportFrom, member: &str) -> Option<Edit> {
    let last = import.names.last()?;
    let next = import
        .names
        .iter()
        .find(|alias| member_order(&alias.name) > member_order(member));
    let own_lines = import.names.len() > 1 && module.is_first_on_line(last.start());
    Some(match next {
        Some(next) if own_lines && module.is_first_on_line(next.start()) => {
            Edit::insertion(format!("{member},\n{}", module.indentation(next.start())), next.start())
        }
        Some(next) => Edit::insertion(format!("{member}, "), next.start()),
        None if own_lines => Edit::insertion(format!(",\n{}{member}", module.indentation(last.start())), last.end()),
        None => Edit::insertion(format!(", {member}"), last.end()),
    })
}

/// isort's order of what is imported from a module: constants, classes, then everything else.
fn member_order(name: &str) -> (u8, &str) {
    let is_constant = name.len() > 1 && !name.contains(|character: char| character.is_lowercase());
    let kind = match name.chars().next() {
        _ if is_constant => 0,
        Some(first) if first.is_uppercase() => 1,
        _ => 2,
    };
    (kind, name)
}

/// The imports of `old` that had a use there and have none in `new`: the edits on `new` that remove them.
///
/// Kept: everything in a module that reads names as strings (`eval`, `globals()`), what stands in `__all__`, outside of functions under a
/// condition other than `TYPE_CHECKING`, in a `try` that may be there to find out whether it can be imported, behind a comment (`# noqa`), re-exported by `import x as x`, used in a quoted annotation, spelled in other text
/// that somebody reads, or needed by other files of the run; and everything in a package's `__init__.py`, which the caller does not pass here.
pub(crate) fn remove_unused(old: &SemanticModel, new: &SemanticModel, project: &ProjectFacts) -> Vec<Edit> {
    // Code that is made of strings may name them.
    let reads_names = |reference: &Reference| {
        let name = reference.name.id.as_str();
        matches!(name, "eval" | "exec" | "globals") && new.lookup(name, reference.scope) == Lookup::Builtin
    };
    if new.references().iter().any(reads_names) {
        return Vec::new();
    }
    let was_used = used_names(old);
    let is_used = used_names(new);
    let exported = exported_names(new);
    let module = new.module();
    let mut unused: BTreeMap<NodeId, Vec<&ast::Alias>> = BTreeMap::new();
    for binding in new.bindings() {
        let alias = match binding.kind {
            BindingKind::Import(alias) => alias,
            BindingKind::FromImport(import, alias) if import.module.as_deref() != Some("__future__") => alias,
            _ => continue,
        };
        let key = (binding.scope_name(new), binding.name);
        let re_exported = alias
            .asname
            .as_ref()
            .is_some_and(|name| name.as_str() == alias.name.as_str());
        let is_needed = || {
            let by_others = binding.scope == ScopeId::MODULE && project.needs_name(binding.name, new);
            by_others || new.is_spelled(binding.name)
        };
        if was_used.contains(&key)
            && !is_used.contains(&key)
            && !re_exported
            && !exported.contains(binding.name)
            && !is_needed()
            && let Some((stmt, _)) = new.statement_of(binding.node)
        {
            unused.entry(stmt).or_default().push(alias);
        }
    }
    unused
        .into_iter()
        .flat_map(|(stmt, aliases)| remove_aliases(module, new, stmt, &aliases))
        .collect()
}

impl Binding<'_> {
    /// A key for the owner scope that is stable between two versions of a text: the module, or the name of the function.
    fn scope_name<'m>(&self, model: &SemanticModel<'m>) -> Option<&'m str> {
        model
            .function_of_scope(self.scope)
            .map(|function| function.name.as_str())
    }
}

fn used_names<'a>(model: &SemanticModel<'a>) -> BTreeSet<(Option<&'a str>, &'a str)> {
    let mut used = BTreeSet::new();
    for reference in model.references() {
        if let Lookup::Scope(scope) = model.lookup(&reference.name.id, reference.scope) {
            let owner = model.function_of_scope(scope).map(|function| function.name.as_str());
            used.insert((owner, reference.name.id.as_str()));
        }
    }
    for binding in model.bindings() {
        if model.quoted_names().iter().any(|(name, _)| name == binding.name) {
            used.insert((binding.scope_name(model), binding.name));
        }
    }
    used
}

/// The strings in `__all__`.
pub(crate) fn exported_names<'a>(model: &SemanticModel<'a>) -> BTreeSet<&'a str> {
    let mut names = BTreeSet::new();
    for binding in model.bindings_in(ScopeId::MODULE, "__all__") {
        if let Some((stmt, _)) = model.statement_of(binding.node) {
            for (_, node) in model.subtree(stmt) {
                if let AnyNodeRef::ExprStringLiteral(string) = node {
                    names.insert(string.value.to_str());
                }
            }
        }
    }
    names
}

/// The edits that take names out of an import statement, or the statement away; none where that cannot be done.
pub(crate) fn remove_aliases(
    module: &Module,
    model: &SemanticModel,
    stmt: NodeId,
    unused: &[&ast::Alias],
) -> Vec<Edit> {
    let (names, range) = match model.node(stmt) {
        AnyNodeRef::StmtImport(import) => (&import.names, import.range),
        AnyNodeRef::StmtImportFrom(import) => (&import.names, import.range),
        _ => return Vec::new(),
    };
    let parent = model.node(model.parent(stmt));
    let unconditional = match parent {
        AnyNodeRef::ModModule(_) => true,
        AnyNodeRef::StmtFunctionDef(function) => function.body.len() > 1,
        AnyNodeRef::StmtIf(inner) if is_type_checking(&inner.test) => {
            unused.len() < names.len() || inner.body.len() > 1
        }
        _ => is_plain_in_function(model, stmt, unused),
    };
    let lines = TextRange::new(
        behind_mark(module, module.line_start(range.start())),
        module.line_end_with_newline(range.end()),
    );
    let alone = module.is_first_on_line(range.start())
        && module.text()[TextRange::new(range.end(), lines.end())]
            .trim()
            .is_empty();
    if !unconditional || !module.comments_in(lines).is_empty() {
        return Vec::new();
    }
    if unused.len() == names.len() {
        return if alone {
            vec![Edit::deletion(with_blank_lines(module, lines))]
        } else {
            Vec::new()
        };
    }
    let mut edits: Vec<Edit> = Vec::new();
    let mut first_kept: Option<&ast::Alias> = None;
    for (index, alias) in names.iter().enumerate() {
        if !unused.iter().any(|other| std::ptr::eq(*other, alias)) {
            first_kept = first_kept.or(Some(alias));
            continue;
        }
        // `a, ` before the first name that stays; `, a` behind it, so that a trailing comma is kept.
        let range = match (
            names.get(index + 1),
            index.checked_sub(1).and_then(|index| names.get(index)),
        ) {
            (Some(next), _) if first_kept.is_none() => TextRange::new(alias.start(), next.start()),
            (_, Some(previous)) => TextRange::new(previous.end(), alias.end()),
            (Some(next), None) => TextRange::new(alias.start(), next.start()),
            (None, None) => continue,
        };
        edits.push(Edit::deletion(range));
    }
    edits
}

/// Whether an import in a block of a function, which others than imports stand in too, tells nothing by failing: no handler around it waits for
/// that, or it is of the standard library, which is there.
fn is_plain_in_function(model: &SemanticModel, stmt: NodeId, unused: &[&ast::Alias]) -> bool {
    let has_others = model.block_of(stmt).is_some_and(|(block, _)| {
        let mut stmts = block.iter();
        stmts.any(|stmt| !matches!(stmt, Stmt::Import(_) | Stmt::ImportFrom(_)))
    });
    let mut around = model
        .ancestors(stmt)
        .take_while(|(_, node)| !node.is_stmt_function_def());
    let may_fail = around.any(|(_, node)| matches!(node, AnyNodeRef::StmtTry(inner) if !inner.handlers.is_empty()));
    let is_there = || match model.node(stmt) {
        AnyNodeRef::StmtImport(_) => unused.iter().all(|alias| is_standard(&alias.name)),
        AnyNodeRef::StmtImportFrom(import) => import.level == 0 && import.module.as_deref().is_some_and(is_standard),
        _ => false,
    };
    model.enclosing_function(stmt).is_some() && has_others && (!may_fail || is_there())
}

/// The lines of a statement, with the blank lines above it when blank lines follow as well or it opens the file.
fn with_blank_lines(module: &Module, lines: TextRange) -> TextRange {
    let text = module.text();
    let blank_below = text[usize::from(lines.end())..]
        .lines()
        .next()
        .is_none_or(|line| line.trim().is_empty());
    let mut start = lines.start();
    if blank_below {
        start = above_blank_lines(module, start);
    }
    let above = text[..usize::from(lines.start())]
        .lines()
        .next_back()
        .unwrap_or_default();
    let is_nested = text[lines].starts_with([' ', '\t']);
    // Another import above needs them as this one did.
    let is_below_import = ["import ", "from "]
        .iter()
        .any(|word| above.trim_start().starts_with(word));
    if is_nested && blank_below && !above.trim().is_empty() && !is_below_import {
        // They set it apart from what comes next, which a comment above it speaks of now.
        return TextRange::new(lines.start(), below_blank_lines(text, lines.end()));
    }
    if start == TextSize::default()
        || (start == lines.start() && text[..usize::from(start)].trim_matches('\u{feff}').is_empty())
    {
        // It opens the file: the blank lines below it would be left at the top.
        return TextRange::new(start, below_blank_lines(text, lines.end()));
    }
    TextRange::new(start, lines.end())
}

/// The start of the first line that is not blank, from the start of a line on.
fn below_blank_lines(text: &str, start: TextSize) -> TextSize {
    let rest = &text[usize::from(start)..];
    let blank = rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n', '\u{c}']).len();
    let below = rest[..blank].rfind(['\n', '\r']).map_or(0, |at| at + 1);
    start + TextSize::try_from(below).unwrap_or_default()
}
