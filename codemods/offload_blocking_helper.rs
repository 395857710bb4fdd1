//! A coroutine calls a sync function that blocks, hops away and perhaps in another file -> `await asyncio.to_thread(helper, ...)`.
//!
//! Where that is so, is a fact of the project (`src/project/chains.rs`); here: what is said of it, and what can be done at the place.

use ruff_python_ast as ast;
use ruff_text_size::{Ranged, TextRange};

use crate::codemod::Context;
use crate::edit::Fix;
use crate::finding::{Declined, Findings, Hop};
use crate::project::chains::Told;
use crate::project::summary::{Edge, Site};
use crate::project::{Blocked, Extent, summarise};

pub(super) fn run(ctx: &Context, acc: &mut Findings) {
    let blocked = ctx.blocked();
    if blocked.is_empty() {
        return;
    }
    let summary = summarise(ctx, Extent::Chains);
    for function in &summary.functions {
        for site in &function.sites {
            let is_it = |blocked: &&Blocked| {
                blocked.frame == function.qualname && blocked.edge == site.edge && blocked.text == site.text
            };
            let Some(blocked) = blocked.iter().find(is_it) else {
                continue;
            };
            let result = rewrite(ctx, site, blocked);
            if let (Told::There(place), Err(_)) = (&blocked.told, &result) {
                let reason = format!("it is told in {place}, for all places that use it");
                acc.push(site.range, message(blocked), Err(reason.into()));
                acc.along(call_path(blocked));
                continue;
            }
            // For a test, a file is read in no time, and what cannot be moved is nobody's concern.
            if blocked.is_test && (blocked.leaf.kind == "file" || result.is_err()) {
                let reason = "it stands in a test, where no other task waits for it";
                acc.push(site.range, message(blocked), Err(reason.into()));
            } else {
                acc.push_defect(site.range, message(blocked), result);
            }
            acc.along(call_path(blocked));
        }
    }
}

/// The whole way, with the line of each function and of the call at its end.
fn message(blocked: &Blocked) -> String {
    let place = |file: Option<&std::path::PathBuf>, line: usize| match file {
        Some(file) => format!("{}:{line}", file.display()),
        None => format!("line {line}"),
    };
    let mut way = blocked.frame.clone();
    for hop in &blocked.hops {
        way += &format!(" -> {} ({})", hop.name, place(hop.file.as_ref(), hop.line));
    }
    let last = blocked.hops.last().and_then(|hop| hop.file.as_ref());
    way += &format!(" -> {} ({})", blocked.leaf.name, place(last, blocked.leaf.line));
    let more = match blocked.more {
        0 => String::new(),
        1 => ", and another call that blocks".to_owned(),
        more => format!(", and {more} other calls that block"),
    };
    let text = crate::module::one_line(&blocked.text);
    let does = match blocked.edge {
        Edge::Call => format!("`{text}` blocks the event loop"),
        Edge::Read => format!("reading `{text}` runs a property that blocks the event loop"),
        Edge::Enter => format!("`with {text}` blocks the event loop"),
        Edge::Iterate => format!("iterating over `{text}` blocks the event loop"),
        Edge::Callback => format!("the event loop will call `{text}`, which blocks it"),
    };
    let others = match blocked.told {
        Told::Here(others) if others > 0 => format!("; {others} other places do the same"),
        _ => String::new(),
    };
    format!("{does}: {way}{more}{others}")
}

fn call_path(blocked: &Blocked) -> Vec<Hop> {
    let mut path: Vec<Hop> = blocked
        .hops
        .iter()
        .map(|hop| Hop {
            file: hop.file.clone(),
            range: hop.range,
            function: hop.name.clone(),
        })
        .collect();
    path.push(Hop {
        file: blocked.hops.last().and_then(|hop| hop.file.clone()),
        range: blocked.leaf.range,
        function: blocked.leaf.name.clone(),
    });
    path
}

fn rewrite(ctx: &Context, site: &Site, blocked: &Blocked) -> Result<Fix, Declined> {
    if let Some(hazard) = &blocked.hazard {
        return Err(format!("it cannot be moved to a thread: {hazard}").into());
    }
    match site.edge {
        Edge::Call => {}
        Edge::Read => return Err("a property cannot be awaited: make it a method, and run that in a thread".into()),
        Edge::Enter => {
            return Err(
                "entering and leaving cannot be moved to a thread by themselves: give it `__aenter__` and `__aexit__`, or move the block"
                    .into(),
            );
        }
        Edge::Iterate => {
            return Err("each step blocks: make a list of it in a thread, or an asynchronous iterator of it".into());
        }
        Edge::Callback => {
            return Err(
                "a callback cannot wait: run what blocks in a thread from there, or await what it waits for in a task"
                    .into(),
            );
        }
    }
    if site.is_awaited {
        return Err("what it gives is awaited: it must be called by the event loop".into());
    }
    let call = call_at(ctx, site.range).ok_or("it is not called here")?;
    ctx.is_given_no_generator(call)?;
    let file = || {
        (blocked.leaf.kind == "file")
            .then(|| ctx.handed_file_doubt(call))
            .flatten()
    };
    ctx.offload(call, blocked.doubt.clone().or_else(file))
}

fn call_at<'a>(ctx: &Context<'a>, range: TextRange) -> Option<&'a ast::ExprCall> {
    ctx.model.calls().find(|call| call.range() == range)
}
