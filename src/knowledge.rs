//! Facts about libraries, embedded as data from `knowledge/`.

use std::sync::LazyLock;

use rustc_hash::FxHashMap;
use serde::Deserialize;

/// How instances of a known class may be used.
#[derive(Clone, Debug, Deserialize)]
pub struct ClassFacts {
    names: Vec<String>,
    /// May two tasks use one instance at once?
    pub shareable: bool,
    #[serde(default)]
    pub reads: Vec<String>,
    #[serde(default)]
    pub writes: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Tables {
    class: Vec<ClassFacts>,
    exclusive_names: Words,
    verbs: Verbs,
}

#[derive(Deserialize)]
struct Words {
    words: Vec<String>,
}

#[derive(Deserialize)]
struct Verbs {
    read: Vec<String>,
    guard: Vec<String>,
}

static TABLES: LazyLock<Tables> = LazyLock::new(|| {
    toml::from_str(include_str!("../knowledge/receivers.toml")).expect("the embedded table is valid, a test reads it")
});

static BY_NAME: LazyLock<FxHashMap<&str, &ClassFacts>> = LazyLock::new(|| {
    let classes = &TABLES.class;
    classes
        .iter()
        .flat_map(|class| class.names.iter().map(move |name| (name.as_str(), class)))
        .collect()
});

/// What is known of a class by its qualified name.
pub fn class_facts(qualified: &str) -> Option<&'static ClassFacts> {
    BY_NAME.get(qualified).copied()
}

/// Whether a class that may be shared can be known in a text: its package and its name both occur.
pub fn mentions_shareable_class(text: &[u8]) -> bool {
    let occurs = |word: Option<&str>| word.is_some_and(|word| memchr::memmem::find(text, word.as_bytes()).is_some());
    let mut names = TABLES
        .class
        .iter()
        .filter(|class| class.shareable)
        .flat_map(|class| &class.names);
    names.any(|name| occurs(name.split('.').next()) && occurs(name.rsplit('.').next()))
}

/// What the name of a callee suggests it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    Read,
    /// What follows it relies on it: a check, a login, an opening.
    Guard,
    Other,
}

/// The first word of a name, leading underscores aside.
pub fn verb_of(name: &str) -> Verb {
    let name = name.trim_start_matches('_').to_lowercase();
    let word = name
        .split('_')
        .find(|word| !matches!(*word, "async" | "a" | "aio" | "do"))
        .unwrap_or(&name);
    if TABLES.verbs.read.iter().any(|verb| verb == word) {
        Verb::Read
    } else if TABLES.verbs.guard.iter().any(|verb| verb == word) {
        Verb::Guard
    } else {
        Verb::Other
    }
}

/// Whether a variable's name says that only one task may use what it holds: `db_session`, `conn`.
pub fn is_exclusive_name(name: &str) -> bool {
    name.to_lowercase().split('_').any(|word| {
        TABLES
            .exclusive_names
            .words
            .iter()
            .any(|exclusive| word == exclusive || word.strip_suffix('s') == Some(exclusive))
    })
}

/// Whether a variable's name says that it holds a way into a database, which often is one session: `db`.
pub fn is_database_name(name: &str) -> bool {
    matches!(
        name.trim_start_matches('_').to_lowercase().as_str(),
        "db" | "database" | "uow" | "unit_of_work"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_read() {
        assert!(class_facts("httpx.AsyncClient").is_some_and(|facts| facts.shareable));
        assert_eq!(verb_of("_get_user"), Verb::Read);
        assert_eq!(verb_of("ensure_ready"), Verb::Guard);
        assert_eq!(verb_of("getter"), Verb::Other);
        assert!(is_exclusive_name("db_session") && !is_exclusive_name("possession"));
    }
}
