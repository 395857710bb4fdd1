//! The catalogue: every codemod that asyncup knows, in the order in which their fixes take precedence.
//!
//! `NAME.md` is a codemod's page and `NAME.rs` its logic. A new one needs these two files and two lines here.

use std::sync::LazyLock;

use crate::codemod::{Codemod, Logic, options_of};
use crate::glance;
use crate::page::Page;

// Literal, not made by the macro below: rustfmt finds files by these lines.
mod bound_gather_with_semaphore;
mod check_gathered_exceptions;
mod gather_awaits_in_loop;
mod gather_sequential_awaits;
mod keep_task_group_results;
mod offload_blocking_call;
mod remove_loop_argument;
mod replace_async_timeout;
mod replace_asyncio_timeout_error;
mod replace_ensure_future;
mod replace_gather_with_task_group;
mod replace_get_event_loop;
mod replace_iscoroutinefunction;
mod replace_loop_create_task;
mod replace_requests_with_httpx;
mod replace_run_in_executor;
mod replace_time_sleep;
mod replace_wait_for_with_timeout;
mod use_except_star;
mod wrap_waited_coroutines;

/// The entry of `NAME`; `options:` names the type that `[tool.asyncup.codemods.NAME]` is read as, `glance:` the quick look at a text.
macro_rules! codemod {
    ($name:ident) => {
        codemod!(@entry $name, None, None)
    };
    ($name:ident, glance: $glance:expr) => {
        codemod!(@entry $name, None, Some($glance))
    };
    ($name:ident, options: $options:ty, glance: $glance:expr) => {
        codemod!(@entry $name, Some(options_of::<$options>), Some($glance))
    };
    (@entry $name:ident, $validate_options:expr, $glance:expr) => {
        Codemod {
            name: stringify!($name),
            page: LazyLock::new(|| Page::embedded(stringify!($name), include_str!(concat!(stringify!($name), ".md")))),
            logic: Logic::Native($name::run),
            validate_options: $validate_options,
            glance: $glance,
        }
    };
}

/// The entries in a static of their own: a page is read when it is first asked for, and no borrowed temporary may hold such a cell.
macro_rules! catalogue {
    ($($entry:expr),* $(,)?) => {{
        static ENTRIES: [Codemod; [$(stringify!($entry)),*].len()] = [$($entry),*];
        &ENTRIES
    }};
}

pub static ALL: &[Codemod] = catalogue![
    codemod!(
        replace_requests_with_httpx,
        options: replace_requests_with_httpx::Options,
        glance: replace_requests_with_httpx::glance
    ),
    codemod!(
        replace_time_sleep,
        glance: |text, _| glance::places_of(text, "time", "sleep").any(|place| place.may_run_in_coroutine())
    ),
    codemod!(
        gather_sequential_awaits,
        options: gather_sequential_awaits::Options,
        glance: gather_sequential_awaits::glance
    ),
    codemod!(
        gather_awaits_in_loop,
        options: gather_awaits_in_loop::Options,
        glance: gather_awaits_in_loop::glance
    ),
    codemod!(
        bound_gather_with_semaphore,
        options: bound_gather_with_semaphore::Options,
        glance: |text, _| bound_gather_with_semaphore::glance(text)
    ),
    codemod!(
        replace_wait_for_with_timeout,
        glance: |text, _| glance::uses_member(text, "asyncio", &["wait_for"])
    ),
    codemod!(check_gathered_exceptions, glance: check_gathered_exceptions::glance),
    codemod!(keep_task_group_results),
    codemod!(replace_gather_with_task_group),
    codemod!(use_except_star),
    codemod!(replace_async_timeout, glance: |text, _| glance::imports(text, "async_timeout")),
    codemod!(replace_asyncio_timeout_error, glance: replace_asyncio_timeout_error::glance),
    codemod!(offload_blocking_call, glance: offload_blocking_call::glance),
    codemod!(replace_get_event_loop, glance: |text, _| glance::uses_member(text, "asyncio", &["get_event_loop"])),
    codemod!(remove_loop_argument, glance: remove_loop_argument::glance),
    codemod!(replace_run_in_executor),
    codemod!(wrap_waited_coroutines, glance: wrap_waited_coroutines::glance),
    codemod!(replace_iscoroutinefunction, glance: |text, _| glance::uses_member(text, "asyncio", &["iscoroutinefunction", "coroutines"])),
    codemod!(replace_ensure_future),
    codemod!(replace_loop_create_task, glance: replace_loop_create_task::glance),
];
