//! At most so many calls at once: a semaphore and a nested function that makes the call under it. What codemods share that run a
//! call for many values.

use ruff_python_ast::{self as ast, Expr, Stmt};
use ruff_text_size::Ranged;

use crate::codemod::Context;
use crate::finding::Declined;
use crate::importer::Import;
use crate::layout::own_lines;
use crate::pretty::Doc;
use crate::semantic::names::{Lookup, plain_name};
use crate::semantic::{NodeId, ScopeId, ScopeKind};

/// Names for temporaries that the fixes of one run on one module have been given: two fixes of one function must not share one.
#[derive(Default)]
pub struct FreshNames {
    given: Vec<(NodeId, String)>,
}

impl FreshNames {
    /// A name that neither the function around a node nor another fix in it uses.
    pub fn take(&mut self, ctx: &Context, wanted: &str, at: NodeId) -> String {
        let function = ctx.model.enclosing_function(at);
        let owner = function.map_or(NodeId(0), |function| ctx.model.id(function));
        let numbered = (2..).map(|number| format!("{wanted}_{number}"));
        let name = std::iter::once(wanted.to_owned())
            .chain(numbered)
            .map(|name| ctx.model.fresh_name(&name, at))
            .find(|name| !self.given.contains(&(owner, name.clone())))
            .expect("the numbers do not end");
        self.given.push((owner, name.clone()));
        name
    }
}

/// The call of one function for many values, limited in number.
pub struct Bounded {
    /// `bounded_f(x)`
    pub call: Doc,
    /// The semaphore and the helper, each of their lines but the first indented by what was asked for, with the blank lines that must
    /// follow and without the indentation of what comes next.
    pub above: String,
    /// What the helper needs at module level.
    pub import: Option<Import>,
}

impl<'a> Context<'a> {
    /// The semaphore and the helper for a call that is made for each value of some variables.
    ///
    /// The helper takes the values as arguments: a closure over a loop variable would see its last value. It takes no coroutine: one
    /// that never gets its turn would never be awaited. The semaphore belongs to one run of the function: a shared one would make a
    /// function that calls itself wait for itself, and before Python 3.10 it belongs to the loop that ran when it was made.
    ///
    /// `from` is the statement above which the helper is put. Declined when the call's other names can change until it is made.
    pub fn bounded(
        &self,
        call: &'a ast::ExprCall,
        variables: &[&'a str],
        limit: u32,
        from: &Stmt,
        names: &mut FreshNames,
    ) -> Result<Bounded, Declined> {
        let at = self.model.id(call);
        self.names_stay(call, variables, from)?;
        let (semaphore_class, import) = self.member("asyncio", "Semaphore", at)?;
        let semaphore = names.take(self, "semaphore", at);
        let callee = plain_name(&call.func).ok_or("what is called has no name")?;
        let helper = names.take(self, &format!("bounded_{}", callee.trim_start_matches('_')), at);
        let used: Vec<&str> = variables
            .iter()
            .copied()
            .filter(|variable| self.mentions(at, variable))
            .collect();
        let parameters = used.join(", ");
        let (indent, unit) = self.indents_of(from);
        let inner = format!("{indent}{unit}{unit}");
        let opening = format!("{inner}return await ");
        let awaited = self.pretty(&self.call_doc(call), &inner, &unit, &opening, "");
        let in_function = self.model.enclosing_function(at).is_some();
        let blank = if in_function { "\n" } else { "\n\n" };
        let above = format!(
            "{semaphore} = {semaphore_class}({limit})\n{blank}\
             {indent}async def {helper}({parameters}):\n\
             {indent}{unit}async with {semaphore}:\n\
             {opening}{awaited}\n{blank}"
        );
        Ok(Bounded {
            call: Doc::call(helper, used.into_iter().map(Doc::text).collect()),
            above,
            import,
        })
    }

    /// Whether a helper can be put above a statement: not where only a header stands, or where it shares its line.
    pub fn has_room_above(&self, stmt: &Stmt) -> Result<(), Declined> {
        own_lines(self.module, stmt.start(), stmt.end())?;
        match stmt {
            Stmt::Assign(_) | Stmt::AnnAssign(_) | Stmt::AugAssign(_) | Stmt::Return(_) | Stmt::Expr(_) => Ok(()),
            _ => Err("it stands in the header of a statement, above which a helper would have to go".into()),
        }
    }

    /// The indentation of a statement, and one more level.
    pub fn indents_of(&self, stmt: &Stmt) -> (String, String) {
        (self.indentation(stmt).to_owned(), self.indent_unit(self.model.id(stmt)))
    }

    /// Whether a name is read in a subtree.
    pub fn mentions(&self, node: NodeId, name: &str) -> bool {
        let references = self.model.references_in(node);
        references.iter().any(|reference| reference.name.id == name)
    }

    /// The helper reads the names of the function when its turn comes. They must be the same then.
    fn names_stay(&self, call: &'a ast::ExprCall, variables: &[&str], from: &Stmt) -> Result<(), Declined> {
        let model = self.model;
        let at = model.id(call);
        let survives_failure = !model.guards(at).is_empty();
        for reference in model.references_in(at) {
            let name = reference.name.id.as_str();
            let Lookup::Scope(owner) = model.lookup(name, reference.scope) else {
                continue;
            };
            if owner == ScopeId::MODULE && model.enclosing_function(at).is_some() {
                continue;
            }
            match model.scope(owner).kind {
                ScopeKind::Function(_) | ScopeKind::Module => {}
                // A variable of a comprehension around the call does not outlive it.
                _ if variables.contains(&name) => continue,
                _ => return Err(format!("`{name}` is a variable of another comprehension").into()),
            }
            if variables.contains(&name) {
                continue;
            }
            let changes = model.bindings_in(owner, name).any(|binding| {
                let in_loop = model.loops(at).any(|outer| model.contains(outer, binding.node));
                binding.range.start() > from.start() || (survives_failure && in_loop)
            });
            if changes {
                return Err(format!(
                    "`{name}` is bound again later, and calls that wait for their turn would see that"
                )
                .into());
            }
        }
        Ok(())
    }

    /// The names that a `for` binds; `None` when it binds something else.
    pub fn loop_variables(&self, target: &'a Expr) -> Option<Vec<&'a str>> {
        match target {
            Expr::Name(name) => Some(vec![&name.id]),
            Expr::Tuple(tuple) => {
                let parts = tuple.elts.iter().map(|element| self.loop_variables(element));
                Some(parts.collect::<Option<Vec<_>>>()?.concat())
            }
            _ => None,
        }
    }
}
