//! `asyncio.iscoroutinefunction` -> `inspect.iscoroutinefunction`, which knows the same functions since Python 3.12.

use ruff_python_ast::PythonVersion;
use ruff_text_size::Ranged;

use crate::codemod::Context;
use crate::edit::{Edit, Fix};
use crate::finding::{Declined, Findings};
use crate::semantic::NodeId;

const NAMES: &[&str] = &["asyncio.iscoroutinefunction", "asyncio.coroutines.iscoroutinefunction"];

/// What asyncio's function looks for in an object that is no coroutine function by itself.
const MARK: &str = "_is_coroutine";

pub(super) fn run(ctx: &Context, acc: &mut Findings) {
    for (id, _) in ctx.model.uses_of(NAMES) {
        let message = "`asyncio.iscoroutinefunction` is deprecated since Python 3.14";
        acc.push(ctx.model.node(id).range(), message, rewrite(ctx, id));
    }
}

fn rewrite(ctx: &Context, id: NodeId) -> Result<Fix, Declined> {
    if ctx.model.is_chosen_by_version(id) {
        return Err("it is used on some Python versions only".into());
    }
    if uses_mark(ctx) {
        return Err(format!("the module uses the mark `{MARK}`, which only asyncio's function knows").into());
    }
    if let Some(place) = ctx.project.marks() {
        return Err(format!("the mark `{MARK}`, which only asyncio's function knows, is used ({place})").into());
    }
    let (name, import) = ctx.member("inspect", "iscoroutinefunction", id)?;
    let doubt = (ctx.settings.target < PythonVersion::PY312).then(|| {
        format!(
            "before Python 3.12 the two differ for objects that are marked with `{MARK}`, and before 3.10 for `AsyncMock`"
        )
    });
    let edit = Edit::replacement(name, ctx.model.node(id).range());
    Ok(Fix::with_doubt(doubt, vec![edit]).import(import))
}

/// Whether the mark occurs in the text as a word, be it an attribute, a string for `setattr` or an import.
fn uses_mark(ctx: &Context) -> bool {
    let text = ctx.module.text();
    text.match_indices(MARK).any(|(at, _)| {
        let is_word = |character: Option<char>| character.is_some_and(|c| c.is_alphanumeric() || c == '_');
        !is_word(text[..at].chars().next_back()) && !is_word(text[at + MARK.len()..].chars().next())
    })
}
