//! What is put in the place of functions, and names by which they are found that are none in the syntax: strings, doctests, mocks.

use super::*;

/// What makes objects whose methods give plain values, where nothing says of which class they are.
const MOCKS: &[&str] = &["Mock", "MagicMock", "NonCallableMock", "SimpleNamespace"];

/// Builtins that reach the names of a module as strings.
const REFLECTION: &[&str] = &["eval", "exec", "globals"];

/// Attributes that a coroutine function has as a plain one does, with the same values.
const DESCRIBING: &[&str] = &["__doc__", "__module__", "__name__", "__qualname__"];

impl<'a> Finder<'_, '_, 'a> {
    /// Names in strings, by which functions may be found: `package.module.function`.
    pub(super) fn string(&self, usage: &mut Usage, id: NodeId, string: &ast::ExprStringLiteral) {
        let model = self.ctx.model;
        let text = string.value.to_str();
        if text.contains(">>> ") {
            let line = self.line(string);
            for example in text.lines().filter_map(|line| line.trim_start().strip_prefix(">>> ")) {
                for word in example.split(|letter: char| !letter.is_alphanumeric() && letter != '_') {
                    usage.doctests.entry(word.to_owned()).or_insert(line);
                }
            }
            return;
        }
        // Those of patches are looked at with the call.
        let is_patch = matches!(model.node(model.parent(id)), AnyNodeRef::Arguments(_))
            && matches!(model.node(model.parent(model.parent(id))), AnyNodeRef::ExprCall(call)
                if matches!(&*call.func, Expr::Attribute(method) if ["patch", "object", "setattr"].contains(&method.attr.as_str()))
                    || matches!(&*call.func, Expr::Name(name) if name.id.as_str() == "patch"));
        if is_patch || !text.contains(['.', ':']) {
            return;
        }
        let last = text.rsplit(['.', ':']).next().unwrap_or(text);
        let is_name = !last.is_empty()
            && text.len() < 100
            && text
                .chars()
                .all(|letter| letter.is_alphanumeric() || matches!(letter, '_' | '.' | ':'));
        if is_name {
            usage
                .strings
                .entry(last.to_owned())
                .or_insert_with(|| self.line(string));
        }
    }

    /// `module.name = fake`, `obj.method = fake`.
    pub(super) fn stored(&self, usage: &mut Usage, attribute: &ast::ExprAttribute) {
        let line = self.line(attribute.range());
        usage.replaced.entry(attribute.attr.to_string()).or_insert(line);
    }

    /// A member that is got by a name in a string.
    pub(super) fn by_string(&self, usage: &mut Usage, call: &ast::ExprCall, name: &str) {
        usage.uses.push(Use {
            owner: self.owner(call),
            named: Named::Unknown(name.to_owned(), Unknown::Member),
            how: How::Value(Sink::Other("it is got by its name")),
            place: Place::Never("it is got by its name"),
            range: call.range(),
            line: self.line(call),
            text: crate::module::one_line(self.ctx.module.slice(call)),
            is_given: true,
            is_of_client: false,
            needs: Vec::new(),
        });
    }

    /// Whether what a call gives is only looked at: `callable(getattr(x, name))`.
    pub(super) fn is_only_asked(&self, call: &ast::ExprCall) -> bool {
        let model = self.ctx.model;
        let parent = model.parent(model.id(call));
        match model.node(parent) {
            AnyNodeRef::ExprCompare(_) | AnyNodeRef::StmtIf(_) => true,
            AnyNodeRef::ExprAttribute(attribute) => DESCRIBING.contains(&attribute.attr.as_str()),
            AnyNodeRef::StmtAssign(assign) => {
                matches!(&*assign.targets, [Expr::Name(name)] if self.is_only_described(name))
            }
            AnyNodeRef::Arguments(_) => matches!(model.node(model.parent(parent)), AnyNodeRef::ExprCall(outer)
                if ["callable", "hasattr", "isinstance", "print", "repr", "str", "bool", "int", "float", "len"]
                    .iter()
                    .any(|name| model.is_builtin(&outer.func, name))),
            _ => false,
        }
    }

    /// Whether all that is read of a local variable is what its value says about itself.
    fn is_only_described(&self, name: &ast::ExprName) -> bool {
        let model = self.ctx.model;
        let scope = model.scope_of(model.id(name));
        let is_local = model.function_of_scope(scope).is_some() && model.sole_binding(&name.id, scope).is_some();
        is_local
            && model.references_like(name).all(|reference| {
                matches!(model.node(model.parent(reference.node)), AnyNodeRef::ExprAttribute(attribute)
                        if DESCRIBING.contains(&attribute.attr.as_str()))
            })
    }

    /// What test libraries put in the place of functions, where it is written by hand: a mock of a coroutine function is one that can be
    /// awaited by itself (`unittest.mock`, "AsyncMock", Python 3.8).
    pub(super) fn patched(&self, usage: &mut Usage, call: &ast::ExprCall) {
        let model = self.ctx.model;
        let arguments = &call.arguments;
        let Some(name) = plain_name(&call.func) else { return };
        let line = self.line(call);
        if MOCKS.contains(&name)
            && arguments.find_keyword("spec").is_none()
            && arguments.find_keyword("spec_set").is_none()
        {
            usage.mocks.get_or_insert(line);
        }
        let is_alarm = |name: String| ["signal.alarm", "signal.setitimer"].contains(&name.as_str());
        if model.qualified_name(&call.func).is_some_and(is_alarm) {
            usage.alarms.get_or_insert(line);
        }
        if REFLECTION.iter().any(|name| model.is_builtin(&call.func, name)) {
            usage.reflects.get_or_insert(line);
        }
        if model.is_builtin(&call.func, "getattr") {
            let Some(object) = arguments.args.first() else { return };
            match arguments.args.get(1) {
                Some(Expr::StringLiteral(name)) => self.by_string(usage, call, name.value.to_str()),
                _ if !self.is_only_asked(call) => usage.computed.push((self.mapper.receiver(object, 0), line)),
                _ => {}
            }
            return;
        }
        if matches!(name, "methodcaller" | "attrgetter")
            && let Some(Expr::StringLiteral(name)) = arguments.args.first()
        {
            self.by_string(usage, call, name.value.to_str());
            return;
        }
        for name in keyword_replacements(self.ctx, call) {
            usage.replaced.entry(name.to_owned()).or_insert(line);
        }
        let (target, fake) = match (name, &*arguments.args) {
            ("patch", [Expr::StringLiteral(target), rest @ ..]) => (target, rest.first()),
            ("object" | "setattr", [_, Expr::StringLiteral(target), rest @ ..]) => (target, rest.first()),
            ("setattr", [Expr::StringLiteral(target), rest @ ..]) => (target, rest.first()),
            _ => return,
        };
        let is_by_hand = fake.is_some()
            || arguments.find_keyword("new").is_some()
            || arguments.find_keyword("new_callable").is_some();
        if target.value.to_str().ends_with("asyncio.sleep") {
            return;
        }
        let member = target.value.to_str().rsplit('.').next().unwrap_or_default().to_owned();
        // A leaf must be met by its patch, whatever it is: those are told by a dot.
        if is_by_hand {
            usage.replaced.entry(member).or_insert(line);
        } else {
            usage.replaced.entry(format!(".{member}")).or_insert(line);
        }
    }
}

/// The members that a call replaces by its keywords: of `patch.multiple`, and of an update of the names of a module.
pub(in crate::project) fn keyword_replacements<'a>(
    ctx: &Context,
    call: &'a ast::ExprCall,
) -> impl Iterator<Item = &'a str> {
    let written = ctx.model.written(&call.func);
    let names_of_modules = ["vars", "__dict__", "globals"];
    let callee = ctx.module.slice(&*call.func);
    let is_update = written.ends_with(".update") && names_of_modules.iter().any(|names| callee.contains(names));
    let replaces = written.ends_with("patch.multiple") || is_update;
    let keywords = call.arguments.keywords.iter().filter(move |_| replaces);
    keywords.filter_map(|keyword| keyword.arg.as_deref())
}
