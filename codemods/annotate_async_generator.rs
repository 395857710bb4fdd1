//! `async def` with a `yield` that is annotated as `Iterator[T]` -> `AsyncIterator[T]`, and so on.

use memchr::memmem;
use ruff_python_ast::{self as ast, AnyNodeRef, Expr, Stmt};
use ruff_text_size::{Ranged, TextRange, TextSize};

use crate::codemod::{Context, Wanted};
use crate::edit::{Edit, Fix};
use crate::finding::{Declined, Findings};
use crate::glance;
use crate::importer::{self, Import};
use crate::semantic::names::{Lookup, map_callable};
use crate::semantic::{BindingKind, NodeId, ScopeId};

/// Names of synchronous iterators, and what an asynchronous generator is instead. Each module of `MODULES` has both.
const NAMES: &[(&str, &str)] = &[
    ("Iterator", "AsyncIterator"),
    ("Iterable", "AsyncIterable"),
    ("Generator", "AsyncGenerator"),
];

const MODULES: &[&str] = &["collections.abc", "typing", "typing_extensions"];

/// Decorators that do not look at annotations.
const BLIND_DECORATORS: &[&str] = &[
    "contextlib.asynccontextmanager",
    "contextlib.contextmanager",
    "pytest.fixture",
    "pytest_asyncio.fixture",
];

/// `async def`, then `-> Iterator`, `-> Iterable` or `-> Generator` under whatever module name, on the same line or a few further; or a
/// stub that promises an asynchronous iterator.
pub(super) fn glance(text: &[u8], wanted: Wanted) -> bool {
    // A stub is a defect where it is iterated over.
    let is_iterated = || wanted == Wanted::Everything || glance::mentions(text, &["async for", "yield"]);
    memmem::find_iter(text, b"->").any(|at| {
        let annotation = text[at + 2..].trim_ascii_start();
        let annotation = annotation
            .strip_prefix(b"\"")
            .or_else(|| annotation.strip_prefix(b"'"))
            .unwrap_or(annotation);
        let end = annotation
            .iter()
            .position(|byte| !(byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.')))
            .unwrap_or(annotation.len());
        let name = annotation[..end]
            .rsplit(|byte| *byte == b'.')
            .next()
            .unwrap_or_default();
        let is_sync = NAMES.iter().any(|(sync, _)| sync.as_bytes() == name);
        let is_async = NAMES.iter().any(|(_, other)| other.as_bytes() == name);
        if !is_sync && !is_async {
            return false;
        }
        // The nearest `def` above is the annotated function's own: a default value holds no definition.
        memmem::rfind(&text[..at], b"def ").is_some_and(|def| {
            let body = glance::until_definition(text, def);
            text[..def].ends_with(b"async ")
                && (is_sync && memmem::find(body, b"yield").is_some()
                    || is_async && is_stub_below(&text[at..]) && is_iterated() && !yields_in_line(body))
        })
    })
}

/// Whether a line begins with `yield` that is certain not to lie in a string.
fn yields_in_line(body: &[u8]) -> bool {
    memmem::find_iter(body, b"yield").any(|at| {
        let line = glance::line_start(body, at);
        let quotes = |quotes: &str| memmem::find_iter(&body[..line], quotes.as_bytes()).count();
        let is_code = glance::TRIPLE_QUOTES.iter().all(|kind| quotes(kind).is_multiple_of(2));
        is_code && body[line..at].trim_ascii().is_empty()
    })
}

/// Whether the body below a `->` may be one without statements.
fn is_stub_below(text: &[u8]) -> bool {
    let mut depth = 0usize;
    let colon = text.iter().position(|byte| {
        match byte {
            b'[' | b'(' => depth += 1,
            b']' | b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        *byte == b':' && depth == 0
    });
    colon.is_none_or(|colon| {
        let body = text[colon + 1..].trim_ascii_start();
        ["...", "pass", "raise", "\"", "'", "#", "r\""]
            .iter()
            .any(|start| body.starts_with(start.as_bytes()))
    })
}

pub(super) fn run(ctx: &Context, acc: &mut Findings) {
    for function in ctx.model.functions() {
        let Some(returns) = function.returns.as_deref().filter(|_| function.is_async) else {
            continue;
        };
        let Some(annotation) = Annotation::read(ctx, returns) else {
            continue;
        };
        if ctx.model.is_generator(function) {
            if let Some((_, new)) = NAMES.iter().find(|(sync, _)| *sync == annotation.name) {
                let message = format!(
                    "`{}` is an asynchronous generator, and its annotation says `{}`",
                    function.name, annotation.name
                );
                acc.push(returns, message, rewrite(ctx, function, returns, &annotation, new));
            }
        } else if NAMES.iter().any(|(_, new)| *new == annotation.name) && is_abstract_stub(ctx, function) {
            let message = format!(
                "`{}` is a coroutine function that promises an asynchronous iterator",
                function.name
            );
            let reason = "there is no `yield` in this stub, so that it is a coroutine for type checkers";
            if is_iterated(ctx, function) {
                acc.push_defect(
                    returns,
                    message,
                    Err(format!("{reason}: `async for` over a call of it needs a plain `def`").into()),
                );
            } else {
                acc.push(
                    returns,
                    message,
                    Err(format!("{reason}; whether calls of it are to be awaited is not seen here").into()),
                );
            }
        }
    }
}

/// The class that an annotation names, by its last name and the module it comes from.
struct Annotation {
    module: &'static str,
    name: String,
    /// Where the class is named.
    base: TextRange,
    /// The name that is imported, when it is not written as an attribute of a module.
    imported_as: Option<String>,
    /// From the end of the second type argument to the end of the third.
    third: Option<TextRange>,
}

impl Annotation {
    /// `X`, `X[...]`, `module.X[...]`, and the same in quotes.
    fn read(ctx: &Context, returns: &Expr) -> Option<Self> {
        let (path, base, imported_as, third) = match returns {
            Expr::StringLiteral(string) => {
                let text = ctx.module.slice(string);
                let start = text.find(['"', '\''])? + 1;
                let inner = string.value.to_str();
                if string.value.is_implicit_concatenated() || !text[start..].starts_with(inner) {
                    return None;
                }
                let width = inner
                    .find(|character: char| !(character.is_alphanumeric() || matches!(character, '_' | '.')))
                    .unwrap_or(inner.len());
                let (root, rest) = inner[..width].split_once('.').unwrap_or((&inner[..width], ""));
                let mut path = ctx
                    .model
                    .imported_name(root, ctx.model.scope_of(ctx.model.id(returns)))?;
                if !rest.is_empty() {
                    path = format!("{path}.{rest}");
                }
                let at = |offset: usize| string.start() + TextSize::try_from(start + offset).unwrap_or_default();
                let third =
                    third_in_text(&inner[width..]).map(|(from, to)| TextRange::new(at(width + from), at(width + to)));
                let imported_as = rest.is_empty().then(|| root.to_owned());
                (path, TextRange::new(at(0), at(width)), imported_as, third)
            }
            _ => {
                let (base, third) = match returns {
                    Expr::Subscript(subscript) => (&*subscript.value, third_argument(&subscript.slice)),
                    other => (other, None),
                };
                let imported_as = match base {
                    Expr::Name(name) => Some(name.id.to_string()),
                    _ => None,
                };
                (ctx.model.qualified_name(base)?, base.range(), imported_as, third)
            }
        };
        let (module, name) = path.rsplit_once('.')?;
        let module = MODULES.iter().copied().find(|known| *known == module)?;
        Some(Self {
            module,
            name: name.to_owned(),
            base,
            imported_as,
            third,
        })
    }
}

fn third_argument(slice: &Expr) -> Option<TextRange> {
    match slice {
        Expr::Tuple(tuple) => match tuple.elts.as_slice() {
            [_, sent, returned] => Some(TextRange::new(sent.end(), returned.end())),
            _ => None,
        },
        _ => None,
    }
}

/// The same for the text of a subscript, `[Y, S, R]`, in byte offsets of it.
fn third_in_text(text: &str) -> Option<(usize, usize)> {
    let mut depth = 0usize;
    let mut commas = Vec::new();
    for (at, character) in text.char_indices() {
        match character {
            '[' | '(' => depth += 1,
            ']' | ')' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return (commas.len() == 2).then(|| (commas[1], at));
                }
            }
            ',' if depth == 1 => commas.push(at),
            _ => {}
        }
    }
    None
}

fn rewrite(
    ctx: &Context,
    function: &ast::StmtFunctionDef,
    returns: &Expr,
    annotation: &Annotation,
    new: &'static str,
) -> Result<Fix, Declined> {
    let mut edits = Vec::new();
    let mut import = None;
    match &annotation.imported_as {
        None => {
            let start = annotation.base.end() - TextSize::of(annotation.name.as_str());
            edits.push(Edit::replacement(new, TextRange::new(start, annotation.base.end())));
        }
        Some(old) => {
            let (name, needed) = imported(ctx, annotation.module, new, old, ctx.model.id(returns), &mut edits)?;
            edits.push(Edit::replacement(name, annotation.base));
            import = needed;
        }
    }
    if annotation.name == "Generator"
        && let Some(third) = annotation.third
    {
        if !ctx.module.comments_in(third).is_empty() {
            return Err("a comment stands in front of the type argument that is to go".into());
        }
        edits.push(Edit::deletion(third));
    }
    Ok(Fix::with_doubt(reader(ctx, function), edits).import(import))
}

/// The name of the new class, with the import it needs: from where the old one came from, under `if TYPE_CHECKING:` if that one was.
fn imported(
    ctx: &Context,
    module: &'static str,
    new: &'static str,
    old: &str,
    at: NodeId,
    edits: &mut Vec<Edit>,
) -> Result<(String, Option<Import>), Declined> {
    let model = ctx.model;
    let scope = model.scope_of(at);
    let old = model
        .resolve(old, scope)
        .next()
        .ok_or("its name is not bound in this module")?;
    if !importer::is_type_checking_only(model, old) {
        let module = module_of_all(ctx, new).unwrap_or(module);
        return ctx.import(Import::Member(module, new), at);
    }
    let qualified = format!("{module}.{new}");
    let known = model.bindings().iter().find(|binding| {
        binding.scope == ScopeId::MODULE
            && model.lookup(binding.name, scope) == Lookup::Scope(ScopeId::MODULE)
            && model.imported_name(binding.name, ScopeId::MODULE).as_deref() == Some(&*qualified)
    });
    if let Some(known) = known {
        return Ok((known.name.to_owned(), None));
    }
    match old.kind {
        BindingKind::FromImport(import, _) if model.lookup(new, scope) == Lookup::Builtin => {
            edits.extend(importer::add_alias(ctx.module, import, new));
            Ok((new.to_owned(), None))
        }
        _ => Err(format!("the name `{new}` stands for something else here").into()),
    }
}

/// The module that all annotations take the new class from: one name cannot be imported from two. The one that has it already, else the
/// first that one of the old classes comes from.
fn module_of_all(ctx: &Context, new: &str) -> Option<&'static str> {
    let model = ctx.model;
    let is_imported = |module: &&&str, names: &[&str]| {
        let bindings = model.bindings().iter();
        let mut own = bindings
            .filter(|binding| binding.scope == ScopeId::MODULE && !importer::is_type_checking_only(model, binding));
        own.any(|binding| {
            let path = model.imported_name(binding.name, ScopeId::MODULE);
            path.is_some_and(|path| names.iter().any(|name| *path == format!("{module}.{name}")))
        })
    };
    let old: Vec<&str> = NAMES
        .iter()
        .filter(|(_, other)| *other == new)
        .map(|(old, _)| *old)
        .collect();
    let found = MODULES.iter().find(|module| is_imported(module, &[new]));
    found
        .or_else(|| MODULES.iter().find(|module| is_imported(module, &old)))
        .copied()
}

/// Who may read the annotation while the program runs.
fn reader(ctx: &Context, function: &ast::StmtFunctionDef) -> Option<String> {
    let decorator = function
        .decorator_list
        .iter()
        .map(|decorator| &decorator.expression)
        .find(|decorator| {
            let blind = ctx
                .model
                .qualified_name(map_callable(decorator))
                .is_some_and(|name| BLIND_DECORATORS.contains(&name.as_str()));
            !blind && !ctx.model.is_inert_decorator(decorator)
        });
    if let Some(decorator) = decorator {
        return Some(format!(
            "the decorator `{}` may read the annotation",
            ctx.module.slice(map_callable(decorator))
        ));
    }
    [
        "get_type_hints",
        "__annotations__",
        "inspect.signature",
        "import signature",
    ]
    .iter()
    .find(|reader| ctx.module.text().contains(**reader))
    .map(|reader| format!("the module reads annotations while it runs (`{reader}`)"))
    .or_else(|| {
        let place = ctx.project.reads_annotations()?;
        Some(format!("annotations are read while the program runs ({place})"))
    })
}

/// A method without a body in a protocol or an abstract class.
fn is_abstract_stub(ctx: &Context, function: &ast::StmtFunctionDef) -> bool {
    let model = ctx.model;
    let class = model
        .methods_named(&function.name)
        .find_map(|(class, method)| std::ptr::eq(method, function).then_some(class));
    let is_abstract = function.decorator_list.iter().any(|decorator| {
        model
            .qualified_name(&decorator.expression)
            .is_some_and(|name| name == "abc.abstractmethod")
    });
    let mut bases = class
        .into_iter()
        .flat_map(|class| class.arguments.iter().flat_map(|arguments| &arguments.args));
    let is_protocol = bases.any(|base| {
        let base = match base {
            Expr::Subscript(subscript) => &*subscript.value,
            other => other,
        };
        model
            .qualified_name(base)
            .is_some_and(|name| matches!(name.as_str(), "typing.Protocol" | "typing_extensions.Protocol"))
    });
    class.is_some() && (is_abstract || is_protocol) && is_stub(ctx, function)
}

/// Whether calls of a method are read by `async for`, or it is implemented by an asynchronous generator, and none is awaited.
fn is_iterated(ctx: &Context, function: &ast::StmtFunctionDef) -> bool {
    let model = ctx.model;
    let Some((_, function)) = model
        .methods_named(&function.name)
        .find(|(_, method)| std::ptr::eq(*method, function))
    else {
        return false;
    };
    let uses = model.uses_of_function(function);
    let is_read = uses.iter().any(|use_| {
        let call = model.parent(use_.reference);
        match model.node(model.parent(call)) {
            AnyNodeRef::StmtFor(outer) => outer.is_async && model.id(&*outer.iter) == call,
            AnyNodeRef::Comprehension(outer) => outer.is_async && model.id(&outer.iter) == call,
            _ => false,
        }
    });
    let (generators, coroutines): (Vec<_>, Vec<_>) = model
        .methods_named(&function.name)
        .map(|(_, other)| other)
        .filter(|other| other.is_async && !is_stub(ctx, other))
        .partition(|other| model.is_generator(other));
    (is_read || !generators.is_empty()) && coroutines.is_empty() && uses.iter().all(|use_| use_.awaited.is_none())
}

/// Nothing but a docstring, `...`, `pass` or `raise NotImplementedError`.
fn is_stub(ctx: &Context, function: &ast::StmtFunctionDef) -> bool {
    function.body.iter().all(|stmt| match stmt {
        Stmt::Pass(_) => true,
        Stmt::Expr(inner) => inner.value.is_literal_expr(),
        Stmt::Raise(raise) => raise
            .exc
            .as_deref()
            .is_some_and(|raised| ctx.module.slice(raised).starts_with("NotImplementedError")),
        _ => false,
    })
}
