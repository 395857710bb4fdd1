//! Any text whatever: no codemod panics on it, the rewrites come to an end, and what they make of Python is Python.
//!
//! With a stable compiler: `cargo fuzz run --sanitizer none rewrite` (see `fuzz/README.md`).

#![no_main]

use asyncup::codemod::{Selection, Wanted};
use asyncup::codemods::ALL;
use asyncup::edit::Applicability;
use asyncup::module::Module;
use asyncup::project::ProjectFacts;
use asyncup::rewrite::{Policy, RewriteError, rewrite};
use asyncup::settings::Settings;
use asyncup::source::Source;
use libfuzzer_sys::{Corpus, fuzz_target};
use ruff_python_ast::PythonVersion;

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return Corpus::Reject;
    };
    let settings = Settings {
        target: PythonVersion::PY313,
        ..Settings::default()
    };
    let selection = Selection::new(ALL.iter().collect());
    let policy = Policy {
        level: Applicability::Unsafe,
    };
    let source = Source::module(text);
    let look = selection.look(text.as_bytes(), Wanted::Everything);
    match rewrite(&source, look, policy, &settings, &ProjectFacts::default()) {
        Ok(outcome) => {
            let Some(after) = outcome.text else {
                return Corpus::Keep;
            };
            if let Err(error) = Module::parse(&Source::module(after.as_str()), settings.target) {
                panic!("the answer is no Python: {error}\n{after}");
            }
            Corpus::Keep
        }
        Err(RewriteError::Parse(_)) => Corpus::Keep,
        Err(error) => panic!("{error}"),
    }
});
