//! The catalogue: every codemod that asyncup knows, in the order in which their fixes take precedence.
//!
//! `NAME.md` is a codemod's page and `NAME.rs` its logic. A new one needs these two files and two lines here.

use std::sync::LazyLock;

use crate::codemod::{Codemod, Logic, options_of};
use crate::glance;
use crate::page::Page;
use crate::project::scan;

// Literal, not made by the macro below: rustfmt finds files by these lines.
mod annotate_async_generator;
mod await_forgotten_coroutine;
mod await_session_call;
mod bound_gather_with_semaphore;
mod check_gathered_exceptions;
mod check_yield_dependency;
mod close_httpx_client;
mod color_call_graph;
mod copy_tasks_before_cancel;
mod gather_awaits_in_loop;
mod gather_sequential_awaits;
mod keep_task_group_results;
mod keep_task_reference;
mod load_relationship;
mod mark_queue_task_done;
mod move_primitive_into_loop;
mod offload_blocking_call;
mod offload_blocking_helper;
mod offload_session;
mod remove_loop_argument;
pub(crate) mod rename_sync_dunders;
mod replace_async_timeout;
mod replace_asyncio_timeout_error;
mod replace_blocking_endpoint_with_def;
mod replace_busy_wait;
mod replace_contextmanager_on_async_generator;
mod replace_coroutine_decorator;
pub(crate) mod replace_create_engine;
mod replace_ensure_future;
mod replace_event_loop_policy;
mod replace_file_io_with_aiofiles;
mod replace_future_result;
mod replace_gather_with_task_group;
mod replace_get_event_loop;
mod replace_httpx_app_argument;
mod replace_httpx_with_httpx2;
mod replace_iscoroutinefunction;
mod replace_loop_create_task;
mod replace_on_event_with_lifespan;
mod replace_query_with_select;
mod replace_queue_queue;
mod replace_requests_with_httpx;
mod replace_run_in_executor;
mod replace_run_until_complete;
mod replace_sessionmaker;
mod replace_subprocess_run;
mod replace_sync_driver;
mod replace_sync_httpx_client;
pub(crate) mod replace_threading_primitive;
mod replace_time_sleep;
mod replace_wait_for_with_timeout;
mod report_loop_bound_client;
mod report_timeout_parameter;
mod reraise_cancelled_error;
mod reuse_httpx_client;
mod set_expire_on_commit;
mod share_no_session;
mod use_async_comprehension;
mod use_async_for;
mod use_async_with;
mod use_except_star;
mod use_lock_as_context_manager;
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
    codemod!(color_call_graph, options: crate::project::colouring::Options, glance: color_call_graph::glance),
    codemod!(await_forgotten_coroutine, glance: await_forgotten_coroutine::glance),
    codemod!(replace_query_with_select, glance: replace_query_with_select::glance),
    codemod!(replace_sessionmaker, glance: |text, _| glance::mentions(text, &["sessionmaker", "scoped_session"])),
    codemod!(share_no_session, glance: share_no_session::glance),
    codemod!(check_yield_dependency, glance: check_yield_dependency::glance),
    codemod!(load_relationship, glance: load_relationship::glance),
    codemod!(set_expire_on_commit, glance: set_expire_on_commit::glance),
    codemod!(offload_session, glance: offload_session::glance),
    codemod!(replace_create_engine, glance: replace_create_engine::glance),
    codemod!(await_session_call, glance: await_session_call::glance),
    codemod!(
        replace_blocking_endpoint_with_def,
        glance: |text, _| replace_blocking_endpoint_with_def::glance(text)
    ),
    codemod!(
        replace_requests_with_httpx,
        options: replace_requests_with_httpx::Options,
        glance: replace_requests_with_httpx::glance
    ),
    codemod!(replace_queue_queue, glance: |text, _| glance::imports(text, "queue")),
    codemod!(
        replace_threading_primitive,
        glance: |text, _| glance::mentions(text, &["threading.Lock", "threading.RLock", "threading.Event", "threading.Condition", "threading.Semaphore", "threading.BoundedSemaphore", "from threading", "threading as"])
    ),
    codemod!(
        replace_time_sleep,
        glance: |text, _| glance::places_of(text, "time", "sleep").any(|place| place.may_run_in_coroutine())
    ),
    codemod!(reuse_httpx_client),
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
        glance: bound_gather_with_semaphore::glance
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
    codemod!(report_loop_bound_client, glance: report_loop_bound_client::glance),
    codemod!(report_timeout_parameter),
    codemod!(replace_busy_wait, glance: replace_busy_wait::glance),
    codemod!(mark_queue_task_done, glance: |text, _| glance::mentions(text, &["task_done"]) || glance::mentions(text, &[".join()"]) && glance::mentions(text, &["Queue"])),
    codemod!(
        use_lock_as_context_manager,
        glance: |text, _| glance::mentions(text, &[".acquire()\n", ".acquire()\r", ".acquire() ", ".acquire();", ".acquire(),"])
    ),
    codemod!(replace_asyncio_timeout_error, glance: replace_asyncio_timeout_error::glance),
    codemod!(replace_sync_httpx_client, glance: replace_sync_httpx_client::glance),
    codemod!(
        replace_on_event_with_lifespan,
        glance: |text, _| replace_on_event_with_lifespan::glance(text)
    ),
    codemod!(
        close_httpx_client,
        glance: |text, _| glance::mentions(text, &["AsyncClient("]) || glance::mentions(text, &[".close()"])
    ),
    codemod!(replace_httpx_with_httpx2, glance: |text, _| glance::imports(text, "httpx")),
    codemod!(replace_httpx_app_argument, glance: |text, _| replace_httpx_app_argument::glance(text)),
    codemod!(annotate_async_generator, glance: annotate_async_generator::glance),
    codemod!(
        replace_contextmanager_on_async_generator,
        glance: replace_contextmanager_on_async_generator::glance
    ),
    codemod!(rename_sync_dunders, glance: rename_sync_dunders::glance),
    codemod!(use_async_with, glance: use_async_with::glance),
    codemod!(use_async_for, glance: use_async_for::glance),
    codemod!(use_async_comprehension, glance: use_async_comprehension::glance),
    codemod!(replace_future_result, glance: replace_future_result::glance),
    codemod!(replace_sync_driver, glance: replace_sync_driver::glance),
    codemod!(replace_file_io_with_aiofiles, glance: replace_file_io_with_aiofiles::glance),
    codemod!(replace_subprocess_run, glance: replace_subprocess_run::glance),
    codemod!(offload_blocking_call, glance: offload_blocking_call::glance),
    codemod!(offload_blocking_helper, glance: |text, _| scan::may_block_within(text)),
    codemod!(replace_get_event_loop, glance: |text, _| glance::uses_member(text, "asyncio", &["get_event_loop"])),
    codemod!(replace_run_until_complete),
    codemod!(replace_event_loop_policy, glance: replace_event_loop_policy::glance),
    codemod!(replace_coroutine_decorator, glance: |text, _| glance::mentions(text, &["coroutine\n", "coroutine\r", "coroutine #", "coroutine  #", "coroutine as "]) && glance::uses_member(text, "asyncio", &["coroutine"])),
    codemod!(remove_loop_argument, glance: remove_loop_argument::glance),
    codemod!(replace_run_in_executor),
    codemod!(wrap_waited_coroutines, glance: wrap_waited_coroutines::glance),
    codemod!(replace_iscoroutinefunction, glance: |text, _| glance::uses_member(text, "asyncio", &["iscoroutinefunction", "coroutines"])),
    codemod!(replace_ensure_future),
    codemod!(replace_loop_create_task, glance: replace_loop_create_task::glance),
    codemod!(keep_task_reference, glance: keep_task_reference::glance),
    codemod!(copy_tasks_before_cancel),
    codemod!(reraise_cancelled_error, glance: reraise_cancelled_error::glance),
    codemod!(move_primitive_into_loop, glance: move_primitive_into_loop::glance),
];
