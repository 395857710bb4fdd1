//! Plain functions that wait -> coroutine functions, with everything that uses them, through the whole project.
//!
//! Which functions turn, and what that changes where, the project says (`src/project/colouring/`); how it is written, `src/turning.rs`.

use crate::codemod::{Context, Wanted};
use crate::draft::Draft;
use crate::edit::Fix;
use crate::finding::{Declined, Findings};
use ruff_text_size::Ranged;

use crate::project::colouring::{Change, Coloured};
use crate::project::scan;
use crate::turning::{self, Nodes};

/// A plain function that waits in a file that is looked at alone.
pub(super) fn glance(text: &[u8], _: Wanted) -> bool {
    scan::may_turn(text)
}

pub(super) fn run(ctx: &Context, acc: &mut Findings) {
    let colouring = ctx.colouring();
    if colouring.coloured.is_empty() && colouring.stopped.is_empty() {
        return;
    }
    let nodes = Nodes::of(ctx);
    for coloured in &colouring.coloured {
        acc.push(coloured.at, coloured.message.clone(), rewrite(ctx, &nodes, coloured));
    }
    for stopped in &colouring.stopped {
        let message = format!("`{}` could let others run meanwhile", stopped.name);
        acc.push(stopped.at, message, Err(stopped.reason.as_str().into()));
    }
}

fn rewrite(ctx: &Context, nodes: &Nodes, coloured: &Coloured) -> Result<Fix, Declined> {
    let (edits, imports) = turning::write(ctx, nodes, Draft::new(ctx), coloured)?;
    let doubt = coloured.doubt.clone().or_else(|| met_meanwhile(ctx, nodes, coloured));
    Ok(Fix::with_doubt(doubt, edits).import(imports).first())
}

/// What other tasks may do where this file waits now.
fn met_meanwhile(ctx: &Context, nodes: &Nodes, coloured: &Coloured) -> Option<String> {
    let waits = coloured.changes.iter().filter(|change| {
        matches!(
            change,
            Change::Await(_)
                | Change::Create(_)
                | Change::Sleep(_)
                | Change::Thread(_)
                | Change::For(_)
                | Change::With(_)
        )
    });
    let mut waits = waits.filter(|_| coloured.is_concurrent);
    waits.find_map(|change| {
        let at = nodes.node(change.range()).ok()?;
        let (line, _) = ctx.module.location(change.start());
        Some(format!("line {line}: {}", ctx.met_meanwhile(at)?))
    })
}
