//! Objects that block, exchanged for those of the same library or of a companion whose methods are awaited: connections to databases, files.
//!
//! An object and all that comes from it (cursors, pipelines, collections) are rewritten together or not at all. What each method is, and what it
//! gives, is in the tables of the codemods.

use std::collections::BTreeSet;

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, ExprRef};
use ruff_text_size::{Ranged, TextRange, TextSize};

use crate::codemod::Context;
use crate::draft::Draft;
use crate::edit::Fix;
use crate::finding::Declined;
use crate::importer::Import;
use crate::semantic::objects::{Slot, Store};
use crate::semantic::reaching::Definition;
use crate::semantic::{BindingKind, NodeId, ScopeId};

/// What is called instead of the function or class that makes the object.
pub struct Twin {
    /// The module to import, and what is called in it.
    pub module: &'static str,
    pub maker: &'static str,
    /// Whether it is a name that nothing else goes by, and is imported as such.
    pub has_own_name: bool,
    pub opening: Opening,
    /// How many positional arguments the twin takes; `None`: as many as the original.
    pub positional: Option<usize>,
    /// Arguments that are objects of the library which block themselves.
    pub refused_arguments: &'static [&'static str],
    /// Methods of which one must be called, and why.
    pub must_end: Option<(&'static [&'static str], &'static str)>,
    /// Whether `with` of the object is a transaction, at the end of which it stays open.
    pub is_transaction: bool,
    pub class: &'static Class,
}

/// What it takes to make the twin.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    Called,
    Awaited,
    /// `async with` does it; it is awaited elsewhere.
    AwaitedUnlessEntered,
}

/// A class whose instances are followed.
pub struct Class {
    /// Whether `with` becomes `async with`.
    pub enters: bool,
    /// Whether `for` becomes `async for`.
    pub iterates: bool,
    pub methods: &'static [(&'static str, Method)],
    /// Methods that the table does not name.
    pub others: Option<Method>,
    /// Attributes that are the same.
    pub attributes: &'static [&'static str],
    /// Attributes that are not.
    pub changed: &'static [&'static str],
    /// What all other attributes give, and elements: `client.shop`, `client["shop"]`.
    pub members: Option<&'static Class>,
    pub readers: &'static [Reader],
    pub writers: &'static [Writer],
    /// The keyword by which an instance is given to methods of the others.
    pub keyword: Option<&'static str>,
}

/// A class of which nothing is known: the tables name what differs.
pub const PLAIN: Class = Class {
    enters: false,
    iterates: false,
    methods: &[],
    others: None,
    attributes: &[],
    changed: &[],
    members: None,
    readers: &[],
    writers: &[],
    keyword: None,
};

/// A function that reads an instance to its end: `json.load(file)` -> `json.loads(await file.read())`.
pub struct Reader {
    pub function: &'static str,
    /// The function of a module that takes what was read; `None`: the same one.
    pub instead: Option<(&'static str, &'static str)>,
    /// Whether the answer of `method` is all that the function would give.
    pub is_all: bool,
    pub method: &'static str,
}

/// A function that writes to an instance, its second argument: `json.dump(data, file)` -> `await file.write(json.dumps(data))`.
pub struct Writer {
    pub function: &'static str,
    pub instead: (&'static str, &'static str),
}

#[derive(Clone, Copy)]
pub enum Method {
    /// It is awaited, and gives data.
    Awaited,
    /// It is awaited, and gives data; it takes no other parameters than these, in this order.
    AwaitedWith(&'static [&'static str]),
    /// It is awaited, and gives an instance of a class.
    AwaitedFor(&'static Class),
    /// It is called as before, and gives data.
    Same,
    /// It is called as before, and gives an instance of a class.
    PlainFor(&'static Class),
    /// It gives what `async for` reads.
    Iterated,
    /// It is awaited under another name.
    Renamed(&'static str),
    /// It is an attribute of this name, which the event loop keeps up to date.
    Attribute(&'static str),
    /// It cannot be rewritten, for this reason.
    Refused(&'static str),
}

/// What an expression that has an instance is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Value {
    /// It makes the object, or reads a variable or attribute all of whose values and readers are known.
    Followed,
    Direct,
    /// The answer of what is awaited from now on.
    Awaited,
}

/// The rewrite of one object, or of several that one `with` enters.
pub struct Exchange<'c, 'a> {
    ctx: &'c Context<'a>,
    twin: &'static Twin,
    /// The calls that make the objects.
    made: Vec<NodeId>,
    draft: Draft<'c, 'a>,
    doubt: Option<String>,
    has_ended: bool,
    imports: Vec<Import>,
    /// The `with` statements and loops that are asynchronous by now.
    opened: BTreeSet<NodeId>,
    /// Where an `await` is put, and the managers that are no locks of threads afterwards.
    places: Vec<NodeId>,
    managers: Vec<NodeId>,
    /// Calls of methods that are rewritten, and calls that are given an object of ours.
    rewritten: BTreeSet<NodeId>,
    given: Vec<NodeId>,
}

const CANNOT_FOLLOW: &str = "what comes from it goes where it cannot be followed";

impl<'c, 'a> Exchange<'c, 'a> {
    pub fn new(ctx: &'c Context<'a>, twin: &'static Twin, made: &[&'a ast::ExprCall]) -> Self {
        Self {
            ctx,
            twin,
            made: made.iter().map(|call| ctx.model.id(*call)).collect(),
            draft: Draft::new(ctx),
            doubt: None,
            has_ended: false,
            imports: Vec::new(),
            opened: BTreeSet::new(),
            places: Vec::new(),
            managers: Vec::new(),
            rewritten: BTreeSet::new(),
            given: Vec::new(),
        }
    }

    /// Rewrites all that is done with the object that a call makes, and the call itself by `callee`, which is given the name of the twin.
    pub fn object(
        &mut self,
        call: &'a ast::ExprCall,
        callee: impl FnOnce(&mut Draft<'c, 'a>, String),
    ) -> Result<(), Declined> {
        let (ctx, model) = (self.ctx, self.ctx.model);
        let id = model.id(call);
        let object = model.object_made_by(call);
        self.uses(id, self.twin.class, Value::Followed)?;
        for read in &object.reads {
            self.uses(*read, self.twin.class, Value::Followed)?;
        }
        if let Some(reason) = object.escape.as_ref().or(object.unknown_origin.as_ref()) {
            return Err(reason.clone().into());
        }
        if object.origins.len() > 1 {
            return Err("it may be another object".into());
        }
        self.arguments(call)?;
        for slot in &object.slots {
            self.slot(*slot)?;
        }
        let is_entered = matches!(model.node(model.parent(id)), AnyNodeRef::WithItem(_));
        if let Some((_, reason)) = self.twin.must_end
            && !self.has_ended
            && !is_entered
        {
            return Err(reason.into());
        }
        let (name, import) = if self.twin.has_own_name {
            ctx.plain_member(self.twin.module, self.twin.maker, id)?
        } else {
            let (module, import) = ctx.import(Import::Module(self.twin.module), id)?;
            (format!("{module}.{}", self.twin.maker), import)
        };
        self.imports.extend(import);
        callee(&mut self.draft, name);
        match self.twin.opening {
            Opening::Called => Ok(()),
            Opening::AwaitedUnlessEntered if is_entered => Ok(()),
            Opening::Awaited | Opening::AwaitedUnlessEntered => self.await_at(id),
        }
    }

    pub fn finish(mut self, doubt: &str) -> Result<Fix, Declined> {
        for place in &self.places {
            if let Some(doubt) = self.ctx.may_await_beside(*place, &self.managers)? {
                self.doubt.get_or_insert(doubt);
            }
        }
        if self.given.iter().any(|call| !self.rewritten.contains(call)) {
            return Err(CANNOT_FOLLOW.into());
        }
        let doubt = self.doubt.unwrap_or_else(|| doubt.to_owned());
        Ok(Fix::unsafe_because(doubt, self.draft.finish()?).import(self.imports))
    }

    /// Refuses arguments that the twin does not take, or takes for something else.
    fn arguments(&self, call: &ast::ExprCall) -> Result<(), Declined> {
        let positional = call.arguments.args.len();
        if self.twin.positional.is_some_and(|most| positional > most)
            || call.arguments.args.iter().any(Expr::is_starred_expr)
        {
            return Err(Declined(format!(
                "`{}.{}` takes fewer arguments by position",
                self.twin.module, self.twin.maker
            )));
        }
        let mut keywords = call.arguments.keywords.iter();
        match keywords.find_map(|keyword| match &keyword.arg {
            None if !self.twin.refused_arguments.is_empty() => Some("**".to_owned()),
            Some(name) if self.twin.refused_arguments.contains(&name.as_str()) => Some(name.to_string()),
            _ => None,
        }) {
            Some(name) => Err(Declined(format!(
                "what it is given by `{name}` may be another object that blocks"
            ))),
            None => Ok(()),
        }
    }

    /// What a variable or attribute that holds the object says about it.
    fn slot(&mut self, slot: Slot<'a>) -> Result<(), Declined> {
        let model = self.ctx.model;
        let shared = match slot {
            Slot::Name(scope, name) => {
                let is_annotated = model.bindings_in(scope, name).any(|binding| match binding.kind {
                    BindingKind::Annotated(_) => true,
                    BindingKind::Parameter(parameter) => parameter.annotation.is_some(),
                    _ => false,
                });
                if is_annotated {
                    return Err(Declined(format!(
                        "the annotation of `{name}` names the class that blocks"
                    )));
                }
                (scope == ScopeId::MODULE).then_some(name)
            }
            Slot::Attribute(_, name) => Some(name),
        };
        if let Some(name) = shared {
            self.doubt
                .get_or_insert_with(|| format!("other files may use `{name}` as well"));
        }
        Ok(())
    }

    /// Notes an `await` in front of a call.
    fn await_at(&mut self, id: NodeId) -> Result<(), Declined> {
        let AnyNodeRef::ExprCall(call) = self.ctx.model.node(id) else {
            return Ok(());
        };
        self.places.push(id);
        let prefix = self.ctx.await_prefix(call);
        let suffix = if prefix.starts_with('(') { ")" } else { "" };
        self.draft.around(id, 0, prefix, suffix);
        Ok(())
    }

    /// Rewrites what is done with one expression that has an instance of a class.
    fn uses(&mut self, id: NodeId, class: &'static Class, value: Value) -> Result<(), Declined> {
        let model = self.ctx.model;
        let parent = model.parent(id);
        let range = model.node(id).range();
        match model.node(parent) {
            AnyNodeRef::ExprAttribute(attribute) => match model.node(model.parent(parent)) {
                AnyNodeRef::ExprCall(call) if call.func.range() == attribute.range() => {
                    self.method(attribute, call, class)
                }
                _ => self.attribute(attribute, class),
            },
            AnyNodeRef::ExprSubscript(element) if element.value.range() == range => match class.members {
                Some(member) if element.ctx.is_load() => self.uses(parent, member, Value::Direct),
                _ => Err("its elements are no attributes of the other class".into()),
            },
            AnyNodeRef::WithItem(item) => self.manager(item, class),
            AnyNodeRef::StmtFor(stmt) if class.iterates && stmt.iter.range() == range => {
                self.async_for(parent, stmt.start())
            }
            AnyNodeRef::Comprehension(inner) if class.iterates && inner.iter.range() == range => {
                self.async_for(parent, inner.start())
            }
            AnyNodeRef::StmtAssign(assign) if assign.value.range() == range => match assign.targets.as_slice() {
                _ if value == Value::Followed => Ok(()),
                [target] => self.kept(target, id, class),
                _ => Err("what comes from it is kept where other code can use it".into()),
            },
            AnyNodeRef::StmtAnnAssign(_) => Err("its annotation names the class that blocks".into()),
            AnyNodeRef::StmtExpr(_) => Ok(()),
            AnyNodeRef::ExprCompare(compare) if matches!(&*compare.comparators, [other] if model.is_none(other)) => {
                Ok(())
            }
            AnyNodeRef::Arguments(_) => self.argument(id, model.parent(parent), class, value),
            AnyNodeRef::Keyword(keyword)
                if class
                    .keyword
                    .is_some_and(|name| keyword.arg.as_ref().is_some_and(|arg| arg.as_str() == name)) =>
            {
                self.given.push(model.parent(model.parent(parent)));
                Ok(())
            }
            AnyNodeRef::Keyword(_) => self.argument(id, model.parent(model.parent(parent)), class, value),
            _ => Err(CANNOT_FOLLOW.into()),
        }
    }

    fn attribute(&mut self, attribute: &'a ast::ExprAttribute, class: &'static Class) -> Result<(), Declined> {
        let model = self.ctx.model;
        let name = attribute.attr.as_str();
        let is_method = class.methods.iter().any(|(known, _)| *known == name);
        match class.members {
            _ if class.attributes.contains(&name) => Ok(()),
            Some(member)
                if attribute.ctx.is_load()
                    && !is_method
                    && !class.changed.contains(&name)
                    && !name.starts_with('_') =>
            {
                self.uses(model.id(attribute), member, Value::Direct)
            }
            _ => Err(Declined(format!("`{}` is not the same", model.slice(attribute)))),
        }
    }

    /// All reads of a variable or attribute that holds what came from the object.
    fn kept(&mut self, target: &'a Expr, value: NodeId, class: &'static Class) -> Result<(), Declined> {
        let model = self.ctx.model;
        if let Expr::Name(name) = target
            && let Some(reads) = self.local_reads(name)
        {
            return self.local(name, &reads, class);
        }
        let object = model.object_from(value);
        if object.escape.is_some() || object.slots.is_empty() {
            return Err("what comes from it is kept where other code can use it".into());
        }
        let is_ours = |store: &Store| match store {
            Store::Value(stored) => {
                let id = model.id(*stored);
                id == value || model.is_none(stored) || object.reads.contains(&id)
            }
            Store::Parameter(..) | Store::Unknown(_) => false,
        };
        for slot in &object.slots {
            if !model.stores_in(*slot).iter().all(is_ours) {
                return Err(Declined(format!(
                    "`{}` is used or bound elsewhere too",
                    model.slice(target)
                )));
            }
            self.slot(*slot)?;
        }
        object
            .reads
            .iter()
            .try_for_each(|read| self.uses(*read, class, Value::Followed))
    }

    /// The reads of a name that is a function's own, in source order, with what each may see.
    fn local_reads(&self, name: &ast::ExprName) -> Option<Vec<(NodeId, BTreeSet<Definition>)>> {
        let model = self.ctx.model;
        let function = model.enclosing_function(model.id(name))?;
        let mut reads: Vec<_> = model.reads_of_local(function, &name.id)?.into_iter().collect();
        reads.sort_unstable_by_key(|(read, _)| *read);
        Some(reads)
    }

    /// All reads of a local name that see what is bound to it in one place.
    fn local(
        &mut self,
        target: &'a ast::ExprName,
        reads: &[(NodeId, BTreeSet<Definition>)],
        class: &'static Class,
    ) -> Result<(), Declined> {
        let model = self.ctx.model;
        let is_here = |definition: &Definition| match definition {
            Definition::At(node) => model.node(*node).range().contains_range(target.range()),
            Definition::Entry => false,
        };
        for (read, definitions) in reads {
            if definitions.iter().any(is_here) {
                if !definitions.iter().all(is_here) {
                    return Err(Declined(format!("`{}` may have another value", target.id)));
                }
                self.uses(*read, class, Value::Direct)?;
            }
        }
        Ok(())
    }

    fn method(
        &mut self,
        attribute: &'a ast::ExprAttribute,
        call: &'a ast::ExprCall,
        class: &'static Class,
    ) -> Result<(), Declined> {
        let model = self.ctx.model;
        let id = model.id(call);
        let name = attribute.attr.as_str();
        let known = class.methods.iter().find(|(known, _)| *known == name);
        let Some(method) = known.map(|(_, method)| *method).or(class.others) else {
            return Err(Declined(format!("`{name}` has no counterpart that is awaited")));
        };
        let ends = self.twin.must_end.is_some_and(|(methods, _)| methods.contains(&name));
        self.has_ended |= ends && std::ptr::eq(class, self.twin.class);
        self.rewritten.insert(id);
        match method {
            Method::Same => Ok(()),
            Method::PlainFor(given) => self.uses(id, given, Value::Direct),
            Method::Awaited => self.await_at(id),
            Method::AwaitedWith(parameters) => {
                let arguments = &call.arguments;
                let unknown = arguments.keywords.iter().find(|keyword| {
                    keyword
                        .arg
                        .as_ref()
                        .is_none_or(|name| !parameters.contains(&name.as_str()))
                });
                if unknown.is_some() || arguments.args.len() > parameters.len() {
                    return Err(Declined(format!("`{name}` takes fewer arguments where it is awaited")));
                }
                self.await_at(id)
            }
            Method::Attribute(new) => {
                let around = model.loops(id).next();
                let waits = |at: NodeId| {
                    let mut inside = model.subtree(at);
                    inside.any(|(_, node)| matches!(node, AnyNodeRef::ExprAwait(_)))
                };
                if around.is_some_and(|around| !waits(around)) {
                    return Err(Declined(format!(
                        "`{name}` is called in a loop that lets nobody else run"
                    )));
                }
                let range = TextRange::new(attribute.attr.start(), call.end());
                self.draft.replace(range, new);
                Ok(())
            }
            Method::AwaitedFor(given) => {
                self.await_at(id)?;
                self.uses(id, given, Value::Awaited)
            }
            Method::Renamed(new) => {
                self.draft.replace(attribute.attr.range(), new);
                self.await_at(id)
            }
            Method::Iterated => {
                let parent = model.parent(id);
                match model.node(parent) {
                    AnyNodeRef::StmtFor(stmt) if stmt.iter.range() == call.range() => {
                        self.async_for(parent, stmt.start())
                    }
                    AnyNodeRef::Comprehension(inner) if inner.iter.range() == call.range() => {
                        self.async_for(parent, inner.start())
                    }
                    _ => Err(Declined(format!("what `{name}` gives is not read by a loop"))),
                }
            }
            Method::Refused(reason) => Err(reason.into()),
        }
    }

    /// An instance that a function is given which reads or writes it.
    fn argument(&mut self, id: NodeId, outer: NodeId, class: &'static Class, value: Value) -> Result<(), Declined> {
        let (ctx, model) = (self.ctx, self.ctx.model);
        let AnyNodeRef::ExprCall(outer) = model.node(outer) else {
            return Err(CANNOT_FOLLOW.into());
        };
        let position = outer
            .arguments
            .args
            .iter()
            .position(|argument| model.id(argument) == id);
        let is_called = |function: &str| {
            model.is_builtin(&outer.func, function)
                || model.qualified_name(&outer.func).is_some_and(|name| name == function)
        };
        let at = model.id(outer);
        if let Some(reader) = class.readers.iter().find(|reader| is_called(reader.function))
            && position == Some(0)
        {
            self.places.push(id);
            let method = reader.method;
            let (open, close) = if value == Value::Awaited { ("(", ")") } else { ("", "") };
            if reader.is_all {
                if outer.arguments.len() > 1 || !ctx.module.comments_in(outer.range()).is_empty() {
                    return Err(CANNOT_FOLLOW.into());
                }
                let argument = model.node(id).range();
                let prefix = ctx.await_prefix(ExprRef::Call(outer));
                let suffix = if prefix.starts_with('(') { ")" } else { "" };
                // The answer of what is awaited keeps its own `await`, in the parentheses of the argument.
                self.draft.replace(
                    TextRange::new(outer.start(), argument.start()),
                    format!("{prefix}{open}"),
                );
                self.draft.replace(
                    TextRange::new(argument.end(), outer.end()),
                    format!("{close}.{method}(){suffix}"),
                );
                return Ok(());
            }
            self.draft.around(id, 1, open, close);
            self.draft.around(id, 2, "await ", &format!(".{method}()"));
            if let Some((module, function)) = reader.instead {
                self.rename(outer, module, function)?;
            }
            return Ok(());
        }
        let writer = class.writers.iter().find(|writer| is_called(writer.function));
        if let Some(writer) = writer
            && position == Some(1)
            && matches!(model.node(model.parent(at)), AnyNodeRef::StmtExpr(_))
        {
            self.places.push(at);
            let argument = model.node(id).range();
            let head = format!("await {}.write(", model.slice(argument));
            self.draft.around(at, 0, &head, ")");
            let edit = ctx.without_argument(outer, argument)?;
            self.draft.replace(edit.range(), edit.content());
            return self.rename(outer, writer.instead.0, writer.instead.1);
        }
        let is_of_module = model.function_of(&outer.func).is_some() || model.class_named(&outer.func).is_some();
        if value == Value::Followed && is_of_module {
            return Ok(());
        }
        Err(CANNOT_FOLLOW.into())
    }

    fn rename(&mut self, call: &ast::ExprCall, module: &'static str, function: &'static str) -> Result<(), Declined> {
        let (name, import) = self.ctx.member(module, function, self.ctx.model.id(call))?;
        self.imports.extend(import);
        self.draft.replace(call.func.range(), name);
        Ok(())
    }

    fn async_for(&mut self, at: NodeId, start: TextSize) -> Result<(), Declined> {
        let model = self.ctx.model;
        // Of a comprehension, the place is asked for where its element is evaluated.
        let place = match model.node(at) {
            AnyNodeRef::Comprehension(inner) => model.id(&inner.target),
            _ => at,
        };
        self.places.push(place);
        self.draft.insert(start, "async ");
        Ok(())
    }

    /// `with connection:`, `with connection.cursor() as cursor:`
    fn manager(&mut self, item: &'a ast::WithItem, class: &'static Class) -> Result<(), Declined> {
        let model = self.ctx.model;
        let id = model.id(item);
        let AnyNodeRef::StmtWith(stmt) = model.node(model.parent(id)) else {
            return Ok(());
        };
        let is_object = std::ptr::eq(class, self.twin.class);
        let are_ours = stmt.items.len() == 1
            || is_object
                && stmt
                    .items
                    .iter()
                    .all(|item| self.made.contains(&model.id(&item.context_expr)));
        if !class.enters || !are_ours {
            return Err("a `with` of it does something else where it is awaited".into());
        }
        self.managers.push(model.id(&item.context_expr));
        if self.opened.insert(model.id(stmt)) {
            self.places.push(model.id(stmt));
            self.draft.insert(stmt.start(), "async ");
        }
        let target = match item.optional_vars.as_deref() {
            None => None,
            Some(Expr::Name(name)) => Some(name),
            Some(_) => return Err("it is unpacked".into()),
        };
        if is_object && self.twin.is_transaction {
            self.commit(stmt, item, target)?;
        }
        match target {
            Some(name) => match self.local_reads(name) {
                Some(reads) => self.local(name, &reads, class),
                None => Err(Declined(format!("`{}` is used or bound elsewhere too", name.id))),
            },
            None => Ok(()),
        }
    }

    /// The end of a transaction, at which sqlite3 commits and aiosqlite closes.
    fn commit(
        &mut self,
        stmt: &'a ast::StmtWith,
        item: &'a ast::WithItem,
        target: Option<&'a ast::ExprName>,
    ) -> Result<(), Declined> {
        let model = self.ctx.model;
        let (Expr::Call(_), Some(target)) = (&item.context_expr, target) else {
            return Err("a `with` of a connection of sqlite3 is a transaction, and of aiosqlite its end".into());
        };
        let leaves = model.subtree(model.id(stmt)).any(|(_, node)| {
            matches!(
                node,
                AnyNodeRef::StmtReturn(_) | AnyNodeRef::StmtBreak(_) | AnyNodeRef::StmtContinue(_)
            )
        });
        if leaves {
            return Err("the transaction may end by a `return`, `break` or `continue`".into());
        }
        let scope = model.scope_of(model.id(target));
        let is_used_behind = model
            .references_named(&target.id)
            .any(|reference| reference.scope == scope && !stmt.range().contains_range(reference.name.range()));
        if is_used_behind {
            return Err("the connection is used behind its `with`, where that of aiosqlite is closed".into());
        }
        if let Some(last) = stmt.body.last() {
            self.draft
                .line_below(last.range(), format!("await {}.commit()", target.id));
        }
        Ok(())
    }
}
