//! Which object a name stands for: lookup by Python's scoping rules, and qualified names through every form of import.

use std::collections::BTreeSet;

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, Stmt};

use crate::knowledge::blocking;

use super::{Binding, BindingKind, NodeId, ScopeId, ScopeKind, SemanticModel};

/// Where a name is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// Bound in this scope.
    Scope(ScopeId),
    /// Bound nowhere in the module: a builtin or an error.
    Builtin,
    /// Bound nowhere, but a star import may have brought it.
    Unknown,
}

/// Which class an expression stands for.
enum Meant<'a> {
    Itself(&'a ast::StmtClassDef),
    /// This one, or one that derives from it.
    OrDerived(&'a ast::StmtClassDef),
}

impl From<ScopeId> for Lookup {
    fn from(scope: ScopeId) -> Self {
        Self::Scope(scope)
    }
}

impl<'a> SemanticModel<'a> {
    /// Finds the scope whose binding a name refers to, when read in `scope`.
    ///
    /// Class scopes are seen only from directly inside (Python reference, 4.2.2).
    pub fn lookup(&self, name: &str, scope: ScopeId) -> Lookup {
        let mut at = Some(scope);
        let mut star = false;
        while let Some(id) = at {
            let inner = self.scope(id);
            if inner.globals.contains(name) && id != ScopeId::MODULE {
                let module = self.scope(ScopeId::MODULE);
                return if module.bindings.contains_key(name) {
                    Lookup::Scope(ScopeId::MODULE)
                } else if module.star_import {
                    Lookup::Unknown
                } else {
                    Lookup::Builtin
                };
            }
            let visible = id == scope || !matches!(inner.kind, ScopeKind::Class(_));
            if visible && !inner.nonlocals.contains(name) {
                if inner.bindings.contains_key(name) {
                    return Lookup::Scope(id);
                }
                star |= inner.star_import;
            }
            at = inner.parent;
        }
        if star { Lookup::Unknown } else { Lookup::Builtin }
    }

    /// Every binding that a name read in `scope` may refer to; empty for builtins and unknown names.
    pub fn resolve(&self, name: &str, scope: ScopeId) -> impl Iterator<Item = &Binding<'a>> + '_ {
        let found = match self.lookup(name, scope) {
            Lookup::Scope(id) => self.scope(id).bindings.get(name),
            Lookup::Builtin | Lookup::Unknown => None,
        };
        found.into_iter().flatten().map(|&id| self.binding(id))
    }

    /// The only binding of a name, if it has exactly one.
    pub fn sole_binding(&self, name: &str, scope: ScopeId) -> Option<&Binding<'a>> {
        let mut bindings = self.resolve(name, scope);
        let first = bindings.next()?;
        bindings.next().is_none().then_some(first)
    }

    /// The dotted name of the imported object that an expression stands for: `aio.sleep` after `import asyncio as aio` is
    /// `asyncio.sleep`. Relative imports keep their dots. `None` when any binding of the root disagrees, or when the attribute
    /// is assigned in this module.
    pub fn qualified_name(&self, expr: &Expr) -> Option<String> {
        let name = self.import_path(expr)?;
        (!self.is_patched(&name)).then_some(name)
    }

    fn import_path(&self, expr: &Expr) -> Option<String> {
        match expr {
            Expr::Attribute(attribute) => {
                let mut path = self.import_path(&attribute.value)?;
                path.push('.');
                path.push_str(&attribute.attr);
                Some(path)
            }
            Expr::Name(name) => self.imported_name(&name.id, self.scope_of(self.id(name))),
            _ => None,
        }
    }

    /// Whether an expression is an imported module or a member of one.
    pub fn imported_root(&self, expr: &Expr) -> bool {
        self.import_path(expr).is_some()
    }

    /// All expressions that stand for one of these imported objects, in source order, with the name found. Only where they are read.
    pub fn uses_of<'n>(&self, qualified: &'n [&'n str]) -> Vec<(NodeId, &'n str)> {
        let mut uses = Vec::new();
        for reference in self.references() {
            let Some(mut path) = self.imported_name(&reference.name.id, reference.scope) else {
                continue;
            };
            if !qualified.iter().any(|name| name.starts_with(&path)) {
                continue;
            }
            let mut id = reference.node;
            loop {
                if let Some(name) = qualified.iter().find(|name| **name == path) {
                    if !self.is_patched(&path) {
                        uses.push((id, *name));
                    }
                    break;
                }
                match self.node(self.parent(id)) {
                    AnyNodeRef::ExprAttribute(outer) if outer.ctx.is_load() => {
                        path.push('.');
                        path.push_str(&outer.attr);
                        id = self.parent(id);
                    }
                    _ => break,
                }
            }
        }
        uses
    }

    /// The dotted paths under which the module reads imported objects, as far as `ends` says: each once, sorted.
    pub fn imported_paths(&self, ends: impl Fn(&str) -> bool) -> BTreeSet<String> {
        let mut paths = BTreeSet::new();
        for reference in self.references() {
            let Some(mut path) = self.imported_name(&reference.name.id, reference.scope) else {
                continue;
            };
            let mut id = reference.node;
            while !ends(&path)
                && let AnyNodeRef::ExprAttribute(outer) = self.node(self.parent(id))
            {
                path.push('.');
                path.push_str(&outer.attr);
                id = self.parent(id);
            }
            if ends(&path) {
                paths.insert(path);
            }
        }
        paths
    }

    /// What a plain name read in `scope` stands for, when all of its bindings are imports of the same object.
    pub fn imported_name(&self, name: &str, scope: ScopeId) -> Option<String> {
        let mut path: Option<String> = None;
        for binding in self.resolve(name, scope) {
            let imported = match binding.kind {
                BindingKind::Import(alias) if alias.asname.is_some() => alias.name.to_string(),
                BindingKind::Import(_) => name.to_owned(),
                BindingKind::FromImport(import, alias) => {
                    let module = import.module.as_deref().unwrap_or_default();
                    let separator = if module.is_empty() { "" } else { "." };
                    format!("{}{module}{separator}{}", ".".repeat(import.level as usize), alias.name)
                }
                _ => return None,
            };
            if path.as_ref().is_some_and(|path| *path != imported) {
                return None;
            }
            path = Some(imported);
        }
        path
    }

    /// Whether the module assigns to this attribute of an imported module somewhere (`requests.get = fake`).
    fn is_patched(&self, name: &str) -> bool {
        let patched = self.patched.get_or_init(|| {
            self.attribute_stores
                .iter()
                .filter_map(|&id| match self.node(id) {
                    AnyNodeRef::ExprAttribute(attribute) => {
                        let path = self.import_path(&attribute.value)?;
                        Some(format!("{path}.{}", attribute.attr))
                    }
                    _ => None,
                })
                .collect()
        });
        !patched.is_empty()
            && patched.iter().any(|patch| {
                name.strip_prefix(patch.as_str())
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            })
    }

    /// The builtin that a name stands for: bound nowhere in the module, and no star import to hide it. A name that is no builtin at all is
    /// not told from one.
    pub fn builtin<'e>(&self, expr: &'e Expr) -> Option<&'e str> {
        match expr {
            Expr::Name(name) if self.lookup(&name.id, self.scope_of(self.id(name))) == Lookup::Builtin => {
                Some(&name.id)
            }
            _ => None,
        }
    }

    /// Whether an expression is the [`SemanticModel::builtin`] of this name.
    pub fn is_builtin(&self, expr: &Expr, name: &str) -> bool {
        matches!(expr, Expr::Name(found) if found.id == name && self.lookup(name, self.scope_of(self.id(found))) == Lookup::Builtin)
    }

    /// All calls of an imported object, in source order: `calls_to("asyncio.wait_for")`.
    pub fn calls_to(&self, qualified: &str) -> impl Iterator<Item = &'a ast::ExprCall> + '_ {
        let callees = self.callees.get_or_init(|| {
            let mut callees: rustc_hash::FxHashMap<String, Vec<NodeId>> = rustc_hash::FxHashMap::default();
            for call in self.calls() {
                if let Some(name) = self.qualified_name(&call.func) {
                    callees.entry(name).or_default().push(self.id(call));
                }
            }
            callees
        });
        callees
            .get(qualified)
            .into_iter()
            .flatten()
            .filter_map(|&id| match self.node(id) {
                AnyNodeRef::ExprCall(call) => Some(call),
                _ => None,
            })
    }

    /// Whether any import of the module brings this top-level package: `imports_package("trio")`.
    pub fn imports_package(&self, package: &str) -> bool {
        let packages = self.imported_packages.get_or_init(|| {
            let paths = self.bindings().iter().filter_map(|binding| match binding.kind {
                BindingKind::Import(alias) => Some(alias.name.as_str()),
                BindingKind::FromImport(import, _) if import.level == 0 => import.module.as_deref(),
                _ => None,
            });
            let with_those_above = |path: &'a str| {
                let dots = path.match_indices('.').map(|(dot, _)| dot);
                dots.chain(std::iter::once(path.len()))
                    .map(|end| path[..end].to_owned())
            };
            paths.flat_map(with_those_above).collect()
        });
        packages.contains(package)
    }

    /// Whether the module cannot be imported without a package: it imports it by a statement of its own level, under no condition.
    pub fn requires_package(&self, package: &str) -> bool {
        let is_of = |path: &str| path.split('.').next() == Some(package);
        self.module().syntax().body.iter().any(|stmt| match stmt {
            Stmt::Import(import) => import.names.iter().any(|alias| is_of(&alias.name)),
            Stmt::ImportFrom(import) => import.level == 0 && import.module.as_deref().is_some_and(is_of),
            _ => false,
        })
    }

    /// Whether it imports a package with a class whose methods block, whatever they are called.
    pub fn imports_blocking_class(&self) -> bool {
        let packages = blocking::packages_of_blocking_classes();
        let is_imported = || packages.iter().any(|package| self.imports_package(package));
        *self.imports_blocking_class.get_or_init(is_imported)
    }

    /// The function definition that a name or a `self.method` stands for, when there is exactly one.
    ///
    /// A method is found through `self` only if no other class of this module that derives from its class overrides it, and if no
    /// assignment to an attribute of that name stands anywhere in the module.
    pub fn function_of(&self, callee: &Expr) -> Option<&'a ast::StmtFunctionDef> {
        match callee {
            Expr::Name(name) => {
                let binding = self.sole_binding(&name.id, self.scope_of(self.id(name)))?;
                match binding.kind {
                    BindingKind::Function(_) if binding.scope == ScopeId::MODULE && self.is_replaced(&name.id) => None,
                    BindingKind::Function(function) => Some(function),
                    _ => None,
                }
            }
            Expr::Attribute(attribute) => {
                // Most names are no method of any class here, and the receiver's class need not be found.
                self.methods_named(&attribute.attr).next()?;
                if let Some(meant) = self.class_meant(&attribute.value) {
                    return self.method_of_class(meant, &attribute.attr);
                }
                let class = self.class_of(&attribute.value)?;
                self.method(class, &attribute.attr)
            }
            _ => None,
        }
    }

    /// The class of this module that an expression stands for: its name, `cls` in its class methods, `type(self)`.
    fn class_meant(&self, expr: &Expr) -> Option<Meant<'a>> {
        match expr {
            Expr::Name(name) => {
                let binding = self.sole_binding(&name.id, self.scope_of(self.id(name)))?;
                match binding.kind {
                    BindingKind::Class(_) if binding.scope == ScopeId::MODULE && self.is_replaced(&name.id) => None,
                    BindingKind::Class(class) => Some(Meant::Itself(class)),
                    BindingKind::Parameter(parameter) => {
                        let function = self.function_of_scope(binding.scope)?;
                        let parameters = &function.parameters;
                        let first = parameters.posonlyargs.iter().chain(&parameters.args).next()?;
                        let is_given = std::ptr::eq(&raw const first.parameter, parameter)
                            && self.is_decorated_with(function, "classmethod");
                        let class = self.class_of_method(function)?;
                        is_given.then_some(Meant::OrDerived(class))
                    }
                    _ => None,
                }
            }
            Expr::Call(call) if self.is_builtin(&call.func, "type") => match &*call.arguments.args {
                [instance] => self.class_of(instance).map(Meant::OrDerived),
                _ => None,
            },
            _ => None,
        }
    }

    /// The class method or static method that a call on a class runs.
    fn method_of_class(&self, meant: Meant<'a>, name: &str) -> Option<&'a ast::StmtFunctionDef> {
        let method = match meant {
            Meant::Itself(class) => self.method_of_exactly(class, name),
            Meant::OrDerived(class) => self.method(class, name),
        }?;
        ["classmethod", "staticmethod"]
            .iter()
            .any(|decorator| self.is_decorated_with(method, decorator))
            .then_some(method)
    }

    /// The method that a class has under a name, own or inherited, whatever classes derive from it.
    fn method_of_exactly(&self, class: &'a ast::StmtClassDef, name: &str) -> Option<&'a ast::StmtFunctionDef> {
        let is_certain = !self.is_attribute_assigned(name) && self.hierarchy_is_plain(class);
        is_certain.then(|| self.find_method(class, name, 0)).flatten()
    }

    /// The method of an instance that is called by way of a class: `super().start()`, `Base.start(self)`. Its first parameter is then given
    /// in another way than by what stands before the dot.
    pub(super) fn method_by_class(&self, callee: &Expr) -> Option<&'a ast::StmtFunctionDef> {
        let Expr::Attribute(attribute) = callee else {
            return None;
        };
        if let Some(Meant::Itself(class)) = self.class_meant(&attribute.value) {
            return self.method_of_exactly(class, &attribute.attr);
        }
        let Expr::Call(call) = &*attribute.value else {
            return None;
        };
        if !call.arguments.is_empty() || !self.is_builtin(&call.func, "super") {
            return None;
        }
        let class = self.class_of_method(self.enclosing_function(self.id(call))?)?;
        // With several bases, of the class or of one that derives from it, another class may come next.
        let has_one_base = |class: &'a ast::StmtClassDef| self.bases(class).len() == 1;
        let is_linear = has_one_base(class)
            && self
                .classes()
                .all(|other| !self.derives_from(other, class, 0) || has_one_base(other));
        match self.bases(class).as_slice() {
            [Some(base)] if is_linear => self.method_of_exactly(base, &attribute.attr),
            _ => None,
        }
    }

    fn is_decorated_with(&self, function: &ast::StmtFunctionDef, builtin: &str) -> bool {
        function
            .decorator_list
            .iter()
            .any(|decorator| self.is_builtin(&decorator.expression, builtin))
    }

    /// The method that a call on an instance of `class` runs, if that is certain within this module.
    pub fn method(&self, class: &'a ast::StmtClassDef, name: &str) -> Option<&'a ast::StmtFunctionDef> {
        match self.method_candidates(class, name).as_slice() {
            [method] => Some(method),
            _ => None,
        }
    }

    /// The methods that a call on an instance of `class` may run: its own or inherited one, and those of the classes that derive from it.
    /// Empty when that is not certain within this module.
    pub fn method_candidates(&self, class: &'a ast::StmtClassDef, name: &str) -> Vec<&'a ast::StmtFunctionDef> {
        if self.is_attribute_assigned(name) || !self.hierarchy_is_plain(class) || self.is_derived_by_call(class) {
            return Vec::new();
        }
        let Some(found) = self.find_method(class, name, 0) else {
            return Vec::new();
        };
        let overriding = self
            .methods_named(name)
            .filter(|(other, _)| !std::ptr::eq(*other, class) && self.derives_from(other, class, 0));
        let mut candidates = vec![found];
        for (_, method) in overriding {
            candidates.push(method);
        }
        candidates
    }

    fn find_method(&self, class: &'a ast::StmtClassDef, name: &str, depth: usize) -> Option<&'a ast::StmtFunctionDef> {
        let mut own = self.own_methods(class, name);
        if let Some(method) = own.next() {
            return own.next().is_none().then_some(method);
        }
        if depth > 20 || class_assigns(class, name) {
            return None;
        }
        self.bases(class)
            .into_iter()
            .flatten()
            .find_map(|base| self.find_method(base, name, depth + 1))
    }

    /// The base classes, each `None` when it is not a class of this module.
    pub fn bases(&self, class: &'a ast::StmtClassDef) -> Vec<Option<&'a ast::StmtClassDef>> {
        class
            .arguments
            .iter()
            .flat_map(|arguments| arguments.args.iter())
            .filter(|base| !self.is_builtin(base, "object"))
            .map(|base| self.class_named(base))
            .collect()
    }

    /// Whether every base is a class of this module, there are no metaclass arguments, and no decorator or `__getattribute__`.
    pub fn hierarchy_is_plain(&self, class: &'a ast::StmtClassDef) -> bool {
        let mut open = vec![class];
        let mut seen = 0;
        while let Some(class) = open.pop() {
            seen += 1;
            if !self.is_plain_by_itself(class) || seen > 50 {
                return false;
            }
            for base in self.bases(class) {
                match base {
                    Some(base) => open.push(base),
                    None => return false,
                }
            }
        }
        true
    }

    /// Whether a class, whatever its bases are, has no metaclass arguments, no decorator and no method that changes what its members are.
    pub fn is_plain_by_itself(&self, class: &'a ast::StmtClassDef) -> bool {
        let keywords = class
            .arguments
            .as_ref()
            .is_some_and(|arguments| !arguments.keywords.is_empty());
        let decorated = class.decorator_list.iter().any(|decorator| {
            self.qualified_name(map_callable(&decorator.expression))
                .is_none_or(|name| name != "dataclasses.dataclass")
        });
        let dynamic = ["__getattribute__", "__getattr__", "__new__", "__init_subclass__"]
            .iter()
            .any(|name| self.own_methods(class, name).next().is_some());
        !keywords && !decorated && !dynamic
    }

    pub fn derives_from(&self, class: &'a ast::StmtClassDef, base: &'a ast::StmtClassDef, depth: usize) -> bool {
        depth < 20
            && self
                .bases(class)
                .into_iter()
                .flatten()
                .any(|parent| std::ptr::eq(parent, base) || self.derives_from(parent, base, depth + 1))
    }

    pub fn classes(&self) -> impl Iterator<Item = &'a ast::StmtClassDef> + '_ {
        self.bindings().iter().filter_map(|binding| match binding.kind {
            BindingKind::Class(class) => Some(class),
            _ => None,
        })
    }

    /// The class of this module that a name stands for.
    pub fn class_named(&self, expr: &Expr) -> Option<&'a ast::StmtClassDef> {
        let Expr::Name(name) = expr else { return None };
        match self.sole_binding(&name.id, self.scope_of(self.id(name)))?.kind {
            BindingKind::Class(class) => Some(class),
            _ => None,
        }
    }

    /// Attribute stores of the module (`x.name = ...`, also in `with`, `for` and unpacking), in source order.
    pub fn attribute_stores(&self) -> impl Iterator<Item = &'a ast::ExprAttribute> + '_ {
        self.attribute_stores.iter().filter_map(|&id| match self.node(id) {
            AnyNodeRef::ExprAttribute(attribute) => Some(attribute),
            _ => None,
        })
    }
}

/// Whether a dotted name begins with a module of the standard library.
pub fn is_standard(name: &str) -> bool {
    let top = name.split('.').next().unwrap_or(name);
    ruff_python_stdlib::sys::is_known_standard_library(14, top)
}

/// The name that stands last in a plain name or an attribute: `get` of `get` and of `client.get`.
pub fn plain_name(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Name(name) => Some(&name.id),
        Expr::Attribute(attribute) => Some(&attribute.attr),
        _ => None,
    }
}

/// The callable of a decorator or call: `f` for `f` and `f(...)`.
pub fn map_callable(expr: &Expr) -> &Expr {
    match expr {
        Expr::Call(call) => &call.func,
        _ => expr,
    }
}

/// Whether a class body assigns the name (`method = other`).
fn class_assigns(class: &ast::StmtClassDef, name: &str) -> bool {
    let is_it = |expr: &Expr| matches!(expr, Expr::Name(found) if found.id == name);
    class.body.iter().any(|stmt| match stmt {
        Stmt::Assign(assign) => assign.targets.iter().any(is_it),
        Stmt::AnnAssign(assign) => is_it(&assign.target),
        _ => false,
    })
}
