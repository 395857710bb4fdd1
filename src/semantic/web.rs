//! Facts about FastAPI and Starlette: which names stand for applications and routers, and which decorators register routes.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr};
use ruff_text_size::Ranged;

use super::{Binding, BindingKind, NodeId, ScopeId, SemanticModel};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebKind {
    FastApi,
    Starlette,
    /// An `APIRouter` of FastAPI, or Starlette's `Router`.
    Router,
}

/// An application or router that is made by one call and bound to one name, for good.
#[derive(Clone, Copy, Debug)]
pub struct WebApp<'a> {
    pub kind: WebKind,
    pub call: &'a ast::ExprCall,
    /// `app = FastAPI()`
    pub stmt: NodeId,
    pub name: &'a str,
    pub scope: ScopeId,
}

const CONSTRUCTORS: &[(&str, WebKind)] = &[
    ("fastapi.FastAPI", WebKind::FastApi),
    ("fastapi.applications.FastAPI", WebKind::FastApi),
    ("starlette.applications.Starlette", WebKind::Starlette),
    ("fastapi.APIRouter", WebKind::Router),
    ("fastapi.routing.APIRouter", WebKind::Router),
    ("starlette.routing.Router", WebKind::Router),
];

/// Methods of applications and routers whose call decorates an HTTP endpoint and gives the function back as it is.
const ROUTES: &[&str] = &[
    "get",
    "put",
    "post",
    "delete",
    "options",
    "head",
    "patch",
    "trace",
    "api_route",
    "route",
];

/// What makes a function a dependency of FastAPI.
const DEPENDS: &[&str] = &[
    "fastapi.Depends",
    "fastapi.Security",
    "fastapi.param_functions.Depends",
    "fastapi.param_functions.Security",
    "fastapi.params.Depends",
    "fastapi.params.Security",
];

impl<'a> SemanticModel<'a> {
    /// The function that `Depends` or `Security` is given.
    pub fn depends_on(&self, call: &'a ast::ExprCall) -> Option<&'a Expr> {
        let name = self.qualified_name(&call.func)?;
        let is_depends = DEPENDS.contains(&name.as_str());
        is_depends.then(|| call.arguments.find_argument_value("dependency", 0))?
    }

    /// The function whose result FastAPI gives a parameter: `db=Depends(get_db)`, `db: Annotated[Session, Depends(get_db)]`.
    pub fn dependency_of(&self, parameter: &'a ast::ParameterWithDefault) -> Option<&'a Expr> {
        if let Some(Expr::Call(call)) = parameter.default.as_deref() {
            return self.depends_on(call);
        }
        let annotation = match parameter.parameter.annotation.as_deref()? {
            Expr::Name(name) => match self.sole_binding(&name.id, self.scope_of(self.id(name)))?.kind {
                BindingKind::Assignment(value) => value,
                _ => return None,
            },
            other => other,
        };
        let Expr::Subscript(annotated) = annotation else {
            return None;
        };
        let Expr::Tuple(members) = &*annotated.slice else {
            return None;
        };
        members.elts.iter().skip(1).find_map(|member| match member {
            Expr::Call(call) => self.depends_on(call),
            _ => None,
        })
    }

    /// The applications and routers of the module that have a name of their own, in source order.
    pub fn web_apps(&self) -> impl Iterator<Item = WebApp<'a>> + '_ {
        self.bindings.iter().filter_map(|binding| {
            let value = match binding.kind {
                BindingKind::Assignment(value) => value,
                BindingKind::Annotated(assign) => assign.value.as_deref()?,
                _ => return None,
            };
            let Expr::Call(call) = value else { return None };
            let name = self.qualified_name(&call.func)?;
            let (_, kind) = CONSTRUCTORS.iter().find(|(constructor, _)| *constructor == name)?;
            let is_sole = self.bindings_in(binding.scope, binding.name).count() == 1;
            let (stmt, _) = self.statement_of(binding.node)?;
            let is_target = match self.node(stmt) {
                AnyNodeRef::StmtAssign(assign) => {
                    matches!(&*assign.targets, [Expr::Name(_)]) && assign.value.range() == call.range()
                }
                AnyNodeRef::StmtAnnAssign(_) => true,
                _ => false,
            };
            (is_sole && is_target).then_some(WebApp {
                kind: *kind,
                call,
                stmt,
                name: binding.name,
                scope: binding.scope,
            })
        })
    }

    /// The application or router that an expression stands for: its name, or the `router` of an application.
    pub fn web_app(&self, expr: &Expr) -> Option<WebApp<'a>> {
        let name = match expr {
            Expr::Attribute(attribute) if attribute.attr.as_str() == "router" => attribute.value.as_name_expr()?,
            other => other.as_name_expr()?,
        };
        let binding = self.sole_binding(&name.id, self.scope_of(self.id(name)))?;
        self.web_apps()
            .find(|app| app.name == binding.name && app.scope == binding.scope)
    }

    /// Whether a decorator registers a handler with an application or router, which may be of either kind: `@app.on_event("startup")`.
    pub fn is_handler(&self, decorator: &Expr) -> bool {
        let Expr::Call(call) = decorator else { return false };
        let Expr::Attribute(method) = &*call.func else {
            return false;
        };
        ["on_event", "exception_handler"].contains(&method.attr.as_str()) && self.web_app(&method.value).is_some()
    }

    /// Whether a decorator registers an HTTP endpoint with an application or router, and gives the function back as it is.
    pub fn is_route(&self, decorator: &Expr) -> bool {
        let Expr::Call(call) = decorator else { return false };
        let Expr::Attribute(method) = &*call.func else {
            return false;
        };
        ROUTES.contains(&method.attr.as_str()) && self.is_web_app(&method.value)
    }

    /// Whether an expression stands for an application or router, whichever of several.
    fn is_web_app(&self, expr: &Expr) -> bool {
        let made = |binding: &Binding<'a>| match binding.kind {
            BindingKind::Assignment(Expr::Call(call)) => self
                .qualified_name(&call.func)
                .is_some_and(|name| CONSTRUCTORS.iter().any(|(constructor, _)| *constructor == name)),
            _ => false,
        };
        self.web_app(expr).is_some()
            || expr.as_name_expr().is_some_and(|name| {
                let mut bindings = self.resolve(&name.id, self.scope_of(self.id(name))).peekable();
                bindings.peek().is_some() && bindings.all(made)
            })
    }
}
