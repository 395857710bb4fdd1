//! Who keeps a task: a set of the object whose method makes it, or one of the module, and the function that fills it.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, PythonVersion, Stmt};
use ruff_text_size::{Ranged, TextSize};

use crate::codemod::Context;
use crate::edit::Edit;
use crate::finding::Declined;
use crate::importer::{Definition, Import};
use crate::layout::own_lines;
use crate::semantic::names::Lookup;
use crate::semantic::{NodeId, ScopeId};

use super::dropped::Dropped;

const SET: &str = "_background_tasks";

/// Where tasks are kept, and what must be added for it.
pub(super) struct Owner {
    pub expression: String,
    pub doubt: Option<String>,
    pub edits: Vec<Edit>,
    pub imports: Vec<Import>,
    pub definitions: Vec<Definition>,
}

impl Owner {
    pub fn of(ctx: &Context, task: &Dropped) -> Result<Self, Declined> {
        match of_object(ctx, task) {
            Some(owner) => Ok(owner),
            None => of_module(ctx, task),
        }
    }
}

/// `_spawn`, which makes a task and keeps it.
pub(super) struct Helper {
    pub name: String,
    pub doubt: Option<String>,
    pub imports: Vec<Import>,
    pub definitions: Vec<Definition>,
}

impl Helper {
    pub fn for_task(ctx: &Context, task: &Dropped) -> Result<Self, Declined> {
        let at = ctx.model.id(task.call);
        let owner = of_module(ctx, task)?;
        let set = &owner.expression;
        let (create_task, import) = ctx.member("asyncio", "create_task", NodeId(0))?;
        let mut imports = owner.imports;
        imports.extend(import);
        let typing = Typing::of(ctx)?;
        let text = |name: &str| {
            let signature = match &typing {
                Some(Typing {
                    task, any, coroutine, ..
                }) => {
                    let coro = match coroutine {
                        Some(coroutine) => format!("coro: {coroutine}[{any}, {any}, {any}]"),
                        None => "coro".to_owned(),
                    };
                    format!("({coro}, **kwargs: {any}) -> {task}[{any}]")
                }
                None => "(coro, **kwargs)".to_owned(),
            };
            format!(
                "def {name}{signature}:\n    task = {create_task}(coro, **kwargs)\n    {set}.add(task)\n    task.add_done_callback({set}.discard)\n    return task"
            )
        };
        let (name, definition) = ctx.define("_spawn", at, text);
        if definition.is_some() {
            imports.extend(typing.into_iter().flat_map(|typing| typing.imports));
        }
        Ok(Self {
            name,
            doubt: owner.doubt,
            imports,
            definitions: owner.definitions.into_iter().chain(definition).collect(),
        })
    }

    /// Whether the module has it already.
    pub fn exists(&self) -> bool {
        self.definitions.is_empty()
    }
}

/// The names that annotations of the set and the helper are written with.
struct Typing {
    task: String,
    any: String,
    /// `None` where the module means something else by the name.
    coroutine: Option<String>,
    imports: Vec<Import>,
}

impl Typing {
    /// `None` for a module that annotates no result or means something else by `Any`, and below Python 3.9, where `set[...]` cannot be evaluated.
    fn of(ctx: &Context) -> Result<Option<Self>, Declined> {
        if !ctx.model.is_typed() || ctx.settings.target < PythonVersion::PY39 {
            return Ok(None);
        }
        let at = NodeId(0);
        let (task, task_import) = ctx.member("asyncio", "Task", at)?;
        let Ok((any, any_import)) = ctx.import(Import::Member("typing", "Any"), at) else {
            return Ok(None);
        };
        let (coroutine, coroutine_import) = ctx
            .import(Import::Member("collections.abc", "Coroutine"), at)
            .map_or((None, None), |(name, import)| (Some(name), import));
        // They are evaluated where the set is defined, above everything but the imports at the top.
        let above = |name: &str| {
            let root = name.split('.').next().unwrap_or(name);
            let first = first_definition(ctx);
            ctx.model
                .bindings_in(ScopeId::MODULE, root)
                .all(|binding| first.is_some_and(|first| binding.range.end() <= first))
        };
        let is_above = [&task, &any].into_iter().chain(&coroutine).all(|name| above(name));
        if !is_above {
            return Ok(None);
        }
        Ok(Some(Self {
            task,
            any,
            coroutine,
            imports: [task_import, any_import, coroutine_import]
                .into_iter()
                .flatten()
                .collect(),
        }))
    }

    /// `set[asyncio.Task[Any]]`, and the imports for it.
    fn set(self) -> (String, Vec<Import>) {
        let annotation = format!(": set[{}[{}]]", self.task, self.any);
        let is_coroutine = |import: &Import| *import == Import::Member("collections.abc", "Coroutine");
        let imports = self
            .imports
            .into_iter()
            .filter(|import| !is_coroutine(import))
            .collect();
        (annotation, imports)
    }
}

/// A set of the module, defined above its first function or class.
fn of_module(ctx: &Context, task: &Dropped) -> Result<Owner, Declined> {
    let model = ctx.model;
    let at = model.id(task.call);
    if model.enclosing_function(at).is_none() && model.scope_of(at) != ScopeId::MODULE {
        return Err("it is made in a class body: make it in a function, and keep it".into());
    }
    let doubt = match model.lookup("set", ScopeId::MODULE) {
        Lookup::Builtin => None,
        Lookup::Unknown => Some("the name `set` may come from a star import".to_owned()),
        Lookup::Scope(_) => {
            return Err(
                "the name `set` stands for something else here: keep the task in a collection of your own".into(),
            );
        }
    };
    let (annotation, mut imports) = Typing::of(ctx)?.map_or_else(Default::default, Typing::set);
    let (name, definition) = ctx.define(SET, at, |name| format!("{name}{annotation} = set()"));
    if definition.is_some() && first_definition(ctx).is_none_or(|first| task.call.start() < first) {
        return Err(
            "no function stands above it, before which a set for it could be defined: keep the task in a variable"
                .into(),
        );
    }
    if definition.is_none() {
        imports.clear();
    }
    Ok(Owner {
        doubt: doubt.filter(|_| definition.is_some()),
        expression: name,
        edits: Vec::new(),
        imports,
        definitions: definition.into_iter().collect(),
    })
}

/// Where the first function or class of the module stands: definitions are added above it.
fn first_definition(ctx: &Context) -> Option<TextSize> {
    let body = &ctx.module.syntax().body;
    body.iter()
        .find(|stmt| matches!(stmt, Stmt::FunctionDef(_) | Stmt::ClassDef(_)))
        .map(Ranged::start)
}

/// A set of the object, made at the end of its class's `__init__`: for a method that makes a task from `self`, in a class of which every
/// instance is sure to have run that `__init__` to its end before a method is called.
fn of_object(ctx: &Context, task: &Dropped) -> Option<Owner> {
    let model = ctx.model;
    let at = model.id(task.call);
    let function = model.enclosing_function(at)?;
    let scope = model.body_scope(function);
    let class = model.class_of_method(function)?;
    let receiver = receiver(function)?;
    let uses_receiver = model.scope_of(at) == scope
        && model.references_in(at).iter().any(|reference| {
            reference.name.id == receiver && model.lookup(receiver, reference.scope) == Lookup::Scope(scope)
        });
    let init = sole_init(class)?;
    if !uses_receiver
        || is_about_to_go(class, function)
        || model.lookup("set", model.body_scope(init)) != Lookup::Builtin
        || !function.decorator_list.is_empty()
        || std::ptr::eq(init, function)
        || !keeps_attributes(ctx, class)
        || !ends_before_use(ctx, init)
    {
        return None;
    }
    let expression = format!("{receiver}.{SET}");
    if model.is_attribute_assigned(SET) {
        // One that `__init__` makes for the same purpose serves.
        let made = |stmt: &&Stmt| is_our_set(ctx, stmt);
        let is_only = model.stores_of(SET).count() == 1;
        return (is_only && init.body.iter().any(|stmt| made(&stmt))).then(|| Owner {
            expression,
            doubt: None,
            edits: Vec::new(),
            imports: Vec::new(),
            definitions: Vec::new(),
        });
    }
    let (first, last) = (init.body.first()?, init.body.last()?);
    own_lines(ctx.module, first.start(), last.end()).ok()?;
    let (annotation, imports) = Typing::of(ctx).ok()?.map_or_else(Default::default, Typing::set);
    let indent = ctx.indentation(first);
    let own = self::receiver(init)?;
    let text = format!("\n{indent}{own}.{SET}{annotation} = set()");
    Some(Owner {
        expression,
        doubt: None,
        edits: vec![Edit::insertion(text, ctx.module.line_end(last.end()))],
        imports,
        definitions: Vec::new(),
    })
}

/// Whether a method runs when the object is of no more use, which then goes with its set and the tasks in it: an iterator lives as long as its loop.
fn is_about_to_go(class: &ast::StmtClassDef, method: &ast::StmtFunctionDef) -> bool {
    const LAST: &[&str] = &[
        "__aexit__",
        "__del__",
        "__exit__",
        "aclose",
        "close",
        "shutdown",
        "stop",
    ];
    let is_next = |stmt: &Stmt| matches!(stmt, Stmt::FunctionDef(method) if matches!(method.name.as_str(), "__anext__" | "__next__"));
    LAST.contains(&method.name.as_str()) || class.body.iter().any(is_next)
}

/// The name of a method's first parameter.
fn receiver(function: &ast::StmtFunctionDef) -> Option<&str> {
    let parameters = &function.parameters;
    let first = parameters.posonlyargs.iter().chain(&parameters.args).next()?;
    Some(&first.parameter.name)
}

/// The one plain `__init__` in a class body.
fn sole_init(class: &ast::StmtClassDef) -> Option<&ast::StmtFunctionDef> {
    let mut inits = class.body.iter().filter_map(|stmt| match stmt {
        Stmt::FunctionDef(function) if function.name.as_str() == "__init__" => Some(function),
        _ => None,
    });
    let init = inits.next()?;
    (inits.next().is_none() && !init.is_async && init.decorator_list.is_empty()).then_some(init)
}

/// Whether an instance takes any attribute, and no subclass leaves `__init__` out: of the module, or of a file that is seen.
fn keeps_attributes<'a>(ctx: &Context<'a>, class: &'a ast::StmtClassDef) -> bool {
    let model = ctx.model;
    let family = model
        .classes()
        .filter(|other| model.derives_from(other, class, 0) || model.derives_from(class, other, 0));
    let is_plain = |class: &ast::StmtClassDef| {
        class.decorator_list.is_empty()
            && !class.body.iter().any(|stmt| match stmt {
                Stmt::Assign(assign) => assign.targets.iter().any(is_slots),
                Stmt::AnnAssign(assign) => is_slots(&assign.target),
                _ => false,
            })
    };
    let inherits_init = |other: &ast::StmtClassDef| {
        sole_init(other)
            .is_none_or(|init| !model.derives_from(other, class, 0) || ctx.module.slice(init).contains(".__init__("))
    };
    let has_method = |name: &str| model.methods_named(name).next().is_some();
    model.hierarchy_is_plain(class)
        && is_plain(class)
        && family.into_iter().all(|other| is_plain(other) && inherits_init(other))
        && !has_method("__setattr__")
        && !has_method(SET)
        && !ctx.module.text().contains("__new__")
        && !looks_into_objects(ctx)
        && ctx.project.leaves_init(class, model).is_none()
        && ctx.project.copies().is_none()
}

/// Whether the module takes objects apart: a copy, a pickle or a comparison of their attributes would meet the set.
fn looks_into_objects(ctx: &Context) -> bool {
    let modules = [
        "copy",
        "copyreg",
        "dataclasses",
        "dill",
        "cloudpickle",
        "marshal",
        "pickle",
        "shelve",
    ];
    let words = [
        "__dict__",
        "__getstate__",
        "__setstate__",
        "__reduce",
        "__eq__",
        "__deepcopy__",
        "__copy__",
        "getmembers",
    ];
    modules.iter().any(|module| ctx.model.imports_package(module))
        || words.iter().any(|word| ctx.module.text().contains(word))
        || ctx.model.references_named("vars").next().is_some()
}

fn is_slots(target: &Expr) -> bool {
    matches!(target, Expr::Name(name) if name.id.as_str() == "__slots__")
}

/// Whether `__init__` always gets to its end, and hands the object to nobody on the way: it only sets and reads attributes of it.
fn ends_before_use(ctx: &Context, init: &ast::StmtFunctionDef) -> bool {
    let model = ctx.model;
    let Some(receiver) = receiver(init) else { return false };
    let id = model.id(init);
    let leaves = model
        .subtree(id)
        .any(|(_, node)| matches!(node, AnyNodeRef::StmtReturn(_) | AnyNodeRef::ExprYield(_)));
    let is_value = |reference: NodeId| match model.node(model.parent(reference)) {
        AnyNodeRef::ExprAttribute(attribute) => model.methods_named(&attribute.attr).next().is_none(),
        _ => false,
    };
    let calls_super = model
        .references_in(id)
        .iter()
        .any(|reference| reference.name.id == "super");
    !leaves
        && !calls_super
        && model
            .references_in(id)
            .iter()
            .filter(|reference| reference.name.id == receiver)
            .all(|reference| is_value(reference.node))
}

/// `self._background_tasks = set()`, with or without an annotation.
fn is_our_set(ctx: &Context, stmt: &Stmt) -> bool {
    let (target, value) = match stmt {
        Stmt::Assign(assign) => match &*assign.targets {
            [target] => (target, &*assign.value),
            _ => return false,
        },
        Stmt::AnnAssign(assign) => match &assign.value {
            Some(value) => (&*assign.target, &**value),
            None => return false,
        },
        _ => return false,
    };
    matches!(target, Expr::Attribute(attribute) if attribute.attr.as_str() == SET)
        && matches!(value, Expr::Call(call) if ctx.model.is_builtin(&call.func, "set") && call.arguments.is_empty())
}
