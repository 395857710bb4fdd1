//! What is put in the place of functions, and names by which they are found that are none in the syntax: strings, doctests, mocks.

use super::*;

/// What makes objects whose methods give plain values, where nothing says of which class they are.
const MOCKS: &[&str] = &["Mock", "MagicMock", "NonCallableMock", "SimpleNamespace"];

/// The classes of mocks in whose place one of awaited mocks does the same for whoever waits, and that class.
const PLAIN_MOCKS: &[&str] = &["Mock", "MagicMock"];
const AWAITED_MOCK: &str = "AsyncMock";

/// What says so in a call of `patch`, or that it is something else.
const SAYING: &[&str] = &["autospec", "return_value", "side_effect", "spec", "spec_set", "wraps"];

/// What else is read of mocks (`unittest.mock`, "The Mock Class").
const OF_MOCKS: &[&str] = &[
    "call_args",
    "call_args_list",
    "call_count",
    "called",
    "method_calls",
    "mock_calls",
    "reset_mock",
    "return_value",
    "side_effect",
];

/// What says of a mock what it gives.
const GIVEN: &[&str] = &["return_value", "side_effect"];

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
    pub(super) fn stored(&self, usage: &mut Usage, id: NodeId, attribute: &'a ast::ExprAttribute) {
        let name = attribute.attr.as_str();
        let fake = match self.ctx.model.node(self.ctx.model.parent(id)) {
            AnyNodeRef::StmtAssign(assign) if assign.targets.len() == 1 => {
                self.fake(&assign.value, self.ctx.module.slice(attribute))
            }
            _ => None,
        };
        let named = self.member(attribute).map(|named| match named {
            Named::Unknown(name, _) => Named::Unknown(name, unknown_in(&attribute.value)),
            known => known,
        });
        match fake.zip(named) {
            Some((fake, named)) => self.faked(usage, named, fake, name, attribute.range()),
            None => {
                let line = self.line(attribute.range());
                usage.replaced.entry(name.to_owned()).or_insert(line);
            }
        }
    }

    /// Something is put in the place of what goes by a name.
    fn faked(&self, usage: &mut Usage, named: Named, fake: Fake, name: &str, range: TextRange) {
        let line = self.line(range);
        usage.replaced.entry(format!(".{name}")).or_insert(line);
        usage.uses.push(Use {
            owner: None,
            named,
            how: How::Faked(fake),
            place: Place::Frame(Vec::new()),
            range,
            line,
            text: crate::module::one_line(self.ctx.module.slice(range)),
            is_dropped: false,
            is_given: false,
            is_of_client: false,
            needs: Vec::new(),
        });
    }

    /// What stands for a function that is written like this, where it can be awaited with a change to it.
    fn fake(&self, value: &Expr, written: &str) -> Option<Fake> {
        match value {
            Expr::Lambda(lambda) => Some(Fake::Lambda(lambda.range())),
            Expr::Name(function) => {
                let target = self
                    .mapper
                    .named(&function.id, self.ctx.model.scope_of(self.ctx.model.id(function)));
                target.map(|_| Fake::Named(value.range()))
            }
            Expr::Call(call) => {
                let class = self.mock_class(&call.func)?;
                if class == AWAITED_MOCK {
                    return Some(Fake::Awaited);
                }
                let arguments = &call.arguments;
                let given = |keyword: &ast::Keyword| keyword.arg.as_ref().map(|arg| arg.to_string());
                let keywords = arguments.keywords.iter().map(given).collect::<Option<Vec<_>>>()?;
                let is_known = keywords
                    .iter()
                    .all(|keyword| GIVEN.contains(&keyword.as_str()) || keyword == "name");
                let is_said = keywords.iter().any(|keyword| GIVEN.contains(&keyword.as_str()));
                let fits = arguments.args.is_empty() && is_known && PLAIN_MOCKS.contains(&class.as_str());
                fits.then(|| Fake::Mock(call.func.range(), is_said || self.is_said_later(call, written)))
            }
            _ => None,
        }
    }

    /// Whether the function that makes a mock says what it gives: `x.name.return_value = ...`.
    fn is_said_later(&self, mock: &ast::ExprCall, written: &str) -> bool {
        let model = self.ctx.model;
        let function = model.enclosing_function(model.id(mock));
        let text = function.map_or(self.ctx.module.text(), |function| self.ctx.module.slice(function));
        GIVEN.iter().any(|given| text.contains(&format!("{written}.{given} =")))
    }

    /// The class of mocks that an expression names: `MagicMock`, `mock.MagicMock`, `mocker.MagicMock`.
    fn mock_class(&self, class: &Expr) -> Option<String> {
        let name = plain_name(class)?;
        let is_of_fixture = || matches!(class, Expr::Attribute(member) if matches!(&*member.value, Expr::Name(name) if name.id.as_str() == "mocker"));
        let modules = ["unittest.mock", "mock"];
        let is_it = match self.ctx.model.qualified_name(class) {
            Some(known) => modules.iter().any(|module| known == format!("{module}.{name}")),
            None => is_of_fixture(),
        };
        is_it.then(|| name.to_owned())
    }

    /// What a call puts something in the place of, its name, and the arguments behind that: `patch.object(x, "name", fake)`,
    /// `monkeypatch.setattr("x.name", fake)`.
    fn replacing(&self, call: &'a ast::ExprCall) -> Option<(Named, &'a str, &'a [Expr])> {
        let function = plain_name(&call.func)?;
        match (function, &*call.arguments.args) {
            ("object" | "setattr", [object, Expr::StringLiteral(name), rest @ ..]) => {
                let name = name.value.to_str();
                let named = match self.ctx.model.qualified_name(object) {
                    Some(path) => Named::Target(Target::Path(format!("{path}.{name}"))),
                    None => match self.mapper.receiver(object, 0) {
                        Some(receiver) => Named::Target(Target::Member(receiver, name.to_owned())),
                        None => Named::Unknown(name.to_owned(), unknown_in(object)),
                    },
                };
                Some((named, name, rest))
            }
            ("patch" | "setattr", [path, rest @ ..]) => {
                let (path, is_whole) = match path {
                    Expr::StringLiteral(path) => (path.value.to_str(), true),
                    path => (end_of_text(path)?, false),
                };
                let (_, name) = path.rsplit_once('.')?;
                let named = match is_whole {
                    true => Named::Target(Target::Path(path.to_owned())),
                    false => Named::Unknown(name.to_owned(), Unknown::Name),
                };
                Some((named, name, rest))
            }
            _ => None,
        }
    }

    /// The same, and what is put there.
    fn replacement(&self, call: &'a ast::ExprCall) -> Option<(Named, &'a str, &'a Expr)> {
        let (named, name, rest) = self.replacing(call)?;
        let fake = match rest {
            [] => &call.arguments.find_keyword("new")?.value,
            [fake] => fake,
            _ => return None,
        };
        Some((named, name, fake))
    }

    /// What a call puts something in the place of, as it would be written: `x.name` of `patch.object(x, "name")`.
    fn written(&self, call: &ast::ExprCall) -> String {
        match &*call.arguments.args {
            [object, Expr::StringLiteral(name), ..] => {
                format!("{}.{}", self.ctx.module.slice(object), name.value.to_str())
            }
            [Expr::StringLiteral(path), ..] => path.value.to_str().to_owned(),
            _ => String::new(),
        }
    }

    /// Whether it is said what the mock gives that a call of `patch` makes: by an argument, or to the name that the mock has.
    fn says_what_it_gives(&self, call: &'a ast::ExprCall) -> bool {
        let model = self.ctx.model;
        let slice = |range: TextRange| self.ctx.module.slice(range);
        let says = |keyword: &ast::Keyword| keyword.arg.as_ref().is_none_or(|name| SAYING.contains(&name.as_str()));
        if call.arguments.keywords.iter().any(says) {
            return true;
        }
        let mut outer = model.ancestors(model.id(call));
        let (name, inside) = match outer.next() {
            Some((_, AnyNodeRef::WithItem(item))) => {
                let Some(name) = item.optional_vars.as_deref() else {
                    return false;
                };
                let function = outer.find_map(|(_, node)| node.is_stmt_function_def().then(|| node.range()));
                (slice(name.range()), function)
            }
            Some((_, AnyNodeRef::Decorator(decorator))) => {
                let Some((_, AnyNodeRef::StmtFunctionDef(function))) = outer.next() else {
                    return false;
                };
                // The last one of them gives the first mock.
                let behind = function
                    .decorator_list
                    .iter()
                    .filter(|other| other.start() > decorator.start());
                let makes_mock = |other: &&ast::Decorator| {
                    matches!(&other.expression, Expr::Call(other)
                    if self.replacing(other).is_some() && self.replacement(other).is_none())
                };
                let mut parameters = model.given_parameters(function);
                let Some(parameter) = parameters.nth(behind.filter(makes_mock).count()) else {
                    return false;
                };
                (parameter.parameter.name.as_str(), Some(function.range()))
            }
            Some((_, AnyNodeRef::StmtAssign(assign))) => match &*assign.targets {
                [target] => (slice(target.range()), None),
                _ => return false,
            },
            // `patch(...).start()`
            Some((_, AnyNodeRef::ExprAttribute(_))) => match outer.nth(1) {
                Some((_, AnyNodeRef::StmtAssign(assign))) if assign.targets.len() == 1 => {
                    (slice(assign.targets[0].range()), None)
                }
                _ => return false,
            },
            _ => return false,
        };
        let text = inside.map_or(self.ctx.module.text(), slice);
        GIVEN.iter().any(|given| text.contains(&format!("{name}.{given} =")))
    }

    /// Whether a value is put in the place of something that goes by a name.
    pub(super) fn is_put_in_place(&self, id: NodeId) -> bool {
        let model = self.ctx.model;
        let range = model.node(id).range();
        let (parent, node) = model.ancestors(id).next().expect("an expression stands in a statement");
        match node {
            AnyNodeRef::StmtAssign(assign) => {
                assign.value.range() == range && matches!(&*assign.targets, [Expr::Attribute(_)])
            }
            AnyNodeRef::Arguments(_) | AnyNodeRef::Keyword(_) => {
                let call = model.ancestors(parent).find_map(|(_, node)| match node {
                    AnyNodeRef::ExprCall(call) => Some(call),
                    _ => None,
                });
                let replacement = call.and_then(|call| self.replacement(call));
                replacement.is_some_and(|(_, _, fake)| fake.range() == range)
            }
            _ => false,
        }
    }

    /// A member that is got by a name in a string: of an object, or of one that is not known. That may be a module, and the name a function's.
    pub(super) fn by_string(&self, usage: &mut Usage, call: &'a ast::ExprCall, object: Option<&'a Expr>, name: &str) {
        let model = self.ctx.model;
        let unknown = || Named::Unknown(name.to_owned(), Unknown::Member);
        let named = match object {
            Some(object) => match (self.loaded(object), model.qualified_name(object)) {
                (Some(module), _) => member_of(module, name),
                (None, Some(path)) => Named::Target(Target::Path(format!("{path}.{name}"))),
                (None, None) if self.may_be_module(object) => member_of(None, name),
                (None, None) => unknown(),
            },
            None => unknown(),
        };
        if object.is_none_or(|object| self.mapper.receiver(object, 0).is_none()) {
            let line = self.line(call);
            usage.strings.entry(name.to_owned()).or_insert(line);
        }
        usage.uses.push(Use {
            owner: self.owner(call),
            named,
            how: How::Value(Sink::Other("it is got by its name")),
            place: Place::Never("it is got by its name"),
            range: call.range(),
            line: self.line(call),
            text: crate::module::one_line(self.ctx.module.slice(call)),
            is_dropped: false,
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
                Some(Expr::StringLiteral(name)) => self.by_string(usage, call, Some(object), name.value.to_str()),
                _ if !self.is_only_asked(call) => usage.computed.push((self.mapper.receiver(object, 0), line)),
                _ => {}
            }
            return;
        }
        if matches!(name, "methodcaller" | "attrgetter")
            && let Some(Expr::StringLiteral(name)) = arguments.args.first()
        {
            let name = name.value.to_str();
            self.by_string(usage, call, None, name.rsplit('.').next().unwrap_or(name));
            return;
        }
        for name in keyword_replacements(self.ctx, call) {
            usage.replaced.entry(name.to_owned()).or_insert(line);
        }
        if let Some((named, name, value)) = self.replacement(call)
            && let Some(fake) = self.fake(value, &self.written(call))
        {
            self.faked(usage, named, fake, name, call.range());
            return;
        }
        let Some((named, member, rest)) = self.replacing(call) else {
            return;
        };
        if matches!(arguments.args.first(), Some(Expr::StringLiteral(path)) if path.value.to_str().ends_with("asyncio.sleep"))
        {
            return;
        }
        let is_by_hand = !rest.is_empty()
            || arguments.find_keyword("new").is_some()
            || arguments.find_keyword("new_callable").is_some();
        // A leaf must be met by its patch, whatever it is: those are told by a dot.
        if is_by_hand {
            usage.replaced.entry(member.to_owned()).or_insert(line);
        } else {
            let fake = Fake::Auto(call.range(), self.says_what_it_gives(call));
            self.faked(usage, named, fake, member, call.range());
        }
    }
}

/// What a test changes of something of which nothing is known: a name may stand for a module.
fn unknown_in(object: &Expr) -> Unknown {
    if object.is_name_expr() {
        Unknown::OfModule
    } else {
        Unknown::Member
    }
}

/// What a text ends in that is put together: `__name__ + ".name"`, `f"{__name__}.name"`.
fn end_of_text(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::StringLiteral(text) => Some(text.value.to_str()),
        Expr::BinOp(sum) => end_of_text(&sum.right),
        Expr::FString(text) => match text.value.elements().last()? {
            ast::InterpolatedStringElement::Literal(last) => Some(&last.value),
            ast::InterpolatedStringElement::Interpolation(_) => None,
        },
        _ => None,
    }
}

/// Whether an attribute is one that a function has only while a mock stands in its place, which awaited mocks have as well.
pub(super) fn is_of_mock(name: &str) -> bool {
    OF_MOCKS.contains(&name)
        || ["assert_called", "assert_any_", "assert_has_", "assert_not_called"]
            .iter()
            .any(|start| name.starts_with(start))
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
