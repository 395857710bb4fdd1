//! Many threads compute, one thread takes the results in order.
//!
//! No thread runs far ahead of the one that takes, so that a run over any number of files holds few of them in memory.

use std::collections::BTreeMap;
use std::io;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;

/// Items that may be computed, or wait to be taken, ahead of the first that was not.
const LOOK_AHEAD: usize = 64;

/// Items that a thread takes at once when there are many.
const CHUNK: usize = 8;

/// The stack of a computing thread: trees of hostile depth are walked on it.
const STACK: usize = 64 << 20;

/// The name of the computing threads.
pub const WORKER: &str = "asyncup-worker";

/// Computes `work(state, index)` for all indexes below `count`, and gives what is not `None` to `take` in the order of the indexes, on
/// the calling thread. `state` is each thread's own. `work` must not panic. Ends early when `take` breaks.
pub fn run<S, R: Send>(
    count: usize,
    threads: usize,
    state: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, usize) -> Option<R> + Sync,
    mut take: impl FnMut(Progress, Option<R>) -> ControlFlow<()>,
) -> io::Result<()> {
    let chunk = (count / (threads * 8)).clamp(1, CHUNK);
    let chunks = count.div_ceil(chunk);
    let gate = Gate::new(LOOK_AHEAD / chunk);
    let next = AtomicUsize::new(0);
    let (sender, receiver) = mpsc::sync_channel::<(usize, Vec<R>)>(LOOK_AHEAD / chunk);
    thread::scope(|scope| {
        // However the taking ends, nobody may wait for it any longer.
        let _open = OpenOnDrop(&gate);
        for _ in 0..threads.min(chunks) {
            let sender = sender.clone();
            let (gate, next, state, work) = (&gate, &next, &state, &work);
            thread::Builder::new()
                .name(WORKER.to_owned())
                .stack_size(STACK)
                .spawn_scoped(scope, move || {
                    let mut state = state();
                    loop {
                        let index = next.fetch_add(1, Ordering::Relaxed);
                        if index >= chunks || !gate.wait(index) {
                            break;
                        }
                        let items = index * chunk..count.min((index + 1) * chunk);
                        let results: Vec<R> = items.filter_map(|item| work(&mut state, item)).collect();
                        if sender.send((index, results)).is_err() {
                            break;
                        }
                    }
                })?;
        }
        drop(sender);
        let receiver = receiver;
        let mut waiting: BTreeMap<usize, Vec<R>> = BTreeMap::new();
        let mut taken = 0;
        for (index, results) in &receiver {
            waiting.insert(index, results);
            while let Some(results) = waiting.remove(&taken) {
                taken += 1;
                gate.advance(taken);
                let progress = Progress {
                    done: count.min(taken * chunk),
                };
                for result in results.into_iter().map(Some).chain([None]) {
                    if take(progress, result).is_break() {
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    })
}

/// How far a run has come.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Items that were computed, or are about to be taken.
    pub done: usize,
}

/// Holds back threads that would run too far ahead.
struct Gate {
    ahead: usize,
    taken: AtomicUsize,
    closed: AtomicBool,
    lock: Mutex<()>,
    moved: Condvar,
}

impl Gate {
    fn new(ahead: usize) -> Self {
        Self {
            ahead: ahead.max(1),
            taken: AtomicUsize::new(0),
            closed: AtomicBool::new(false),
            lock: Mutex::new(()),
            moved: Condvar::new(),
        }
    }

    /// Waits until the index is near enough; whether it should still be computed.
    fn wait(&self, index: usize) -> bool {
        let must_wait =
            || index >= self.taken.load(Ordering::Acquire) + self.ahead && !self.closed.load(Ordering::Acquire);
        if must_wait() {
            let guard = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
            let guard = self.moved.wait_while(guard, |()| must_wait());
            drop(guard.unwrap_or_else(PoisonError::into_inner));
        }
        !self.closed.load(Ordering::Acquire)
    }

    fn advance(&self, taken: usize) {
        self.taken.store(taken, Ordering::Release);
        self.wake();
    }

    fn wake(&self) {
        // Taken and dropped, so that nobody is between its look at the numbers and its sleep.
        drop(self.lock.lock().unwrap_or_else(PoisonError::into_inner));
        self.moved.notify_all();
    }
}

struct OpenOnDrop<'a>(&'a Gate);

impl Drop for OpenOnDrop<'_> {
    fn drop(&mut self) {
        self.0.closed.store(true, Ordering::Release);
        self.0.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_and_nobody_runs_far_ahead() {
        for (count, threads) in [(0, 4), (1, 4), (7, 3), (5_000, 4)] {
            let taken = AtomicUsize::new(0);
            let mut results = Vec::new();
            run(
                count,
                threads,
                || (),
                |(), index| {
                    assert!(index <= taken.load(Ordering::SeqCst) + LOOK_AHEAD + CHUNK);
                    (index % 3 != 0).then_some(index)
                },
                |progress, result| {
                    taken.store(progress.done, Ordering::SeqCst);
                    results.extend(result);
                    ControlFlow::Continue(())
                },
            )
            .unwrap();
            assert_eq!(results, (0..count).filter(|index| index % 3 != 0).collect::<Vec<_>>());
        }
    }

    #[test]
    fn it_ends_early_when_nobody_takes_any_more() {
        let computed = AtomicUsize::new(0);
        run(
            100_000,
            4,
            || (),
            |(), index| {
                computed.fetch_add(1, Ordering::SeqCst);
                Some(index)
            },
            |_, result| match result {
                Some(10..) => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            },
        )
        .unwrap();
        assert!(computed.load(Ordering::SeqCst) < 5_000);
    }
}
