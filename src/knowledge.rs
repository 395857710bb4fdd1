//! Facts about libraries, embedded as data from `knowledge/`.

pub mod blocking;
pub mod sqlalchemy;

use std::sync::LazyLock;

use rustc_hash::{FxHashMap, FxHashSet};
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
    coroutines: Vec<CoroutineMethods>,
    exclusive_names: Words,
    verbs: Verbs,
}

/// Methods of classes that are coroutine functions.
#[derive(Deserialize)]
struct CoroutineMethods {
    names: Vec<String>,
    methods: Vec<String>,
}

#[derive(Deserialize)]
struct Words {
    words: Vec<String>,
}

#[derive(Deserialize)]
struct Verbs {
    read: Vec<String>,
    write: Vec<String>,
    unread: Vec<String>,
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

/// Whether calling this method of a class, known by its qualified name, gives a coroutine.
pub fn has_coroutine_method(class: &str, method: &str) -> bool {
    let is_in = |list: &[String], name: &str| list.iter().any(|other| other == name);
    TABLES
        .coroutines
        .iter()
        .any(|entry| is_in(&entry.methods, method) && is_in(&entry.names, class))
        || sqlalchemy::class(class).is_some_and(|class| class.has_coroutine(method))
}

static COROUTINE_METHODS: LazyLock<FxHashSet<&'static str>> = LazyLock::new(|| {
    let entries = TABLES.coroutines.iter();
    entries.flat_map(|entry| &entry.methods).map(String::as_str).collect()
});

/// The methods that are coroutine functions in some known class.
pub fn coroutine_methods() -> impl Iterator<Item = &'static str> {
    COROUTINE_METHODS.iter().copied()
}

/// The methods of a class that are coroutine functions.
pub fn coroutine_methods_of(class: &'static str) -> impl Iterator<Item = &'static str> {
    let entries = TABLES.coroutines.iter();
    entries
        .filter(move |entry| entry.names.iter().any(|name| name == class))
        .flat_map(|entry| &entry.methods)
        .map(String::as_str)
}

/// Whether a method of this name is a coroutine function in some known class.
pub fn is_coroutine_method(name: &str) -> bool {
    COROUTINE_METHODS.contains(name)
}

/// The last names of the classes that have this coroutine method.
pub fn classes_with(method: &[u8]) -> impl Iterator<Item = &'static str> {
    let entries = TABLES.coroutines.iter();
    entries
        .filter(move |entry| entry.methods.iter().any(|other| other.as_bytes() == method))
        .flat_map(|entry| &entry.names)
        .map(|name| name.rsplit('.').next().unwrap_or(name))
}

/// Whether some known class has this name, of which its module is not told, and this coroutine method.
pub fn is_class_with(class: &[u8], method: &[u8]) -> bool {
    let is_it = |name: &String| name.rsplit('.').next().is_some_and(|last| last.as_bytes() == class);
    TABLES
        .coroutines
        .iter()
        .any(|entry| entry.names.iter().any(is_it) && entry.methods.iter().any(|other| other.as_bytes() == method))
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
    Write,
    Other,
}

/// What the first word of a name says, leading underscores and an `async` or `a` before it aside: `async_get`, `aget`, `getUser`. A
/// second verb that writes (`get_or_create`, `find_one_and_update`) decides.
pub fn verb_of(name: &str) -> Verb {
    let words = words_of(name);
    let verbs = &TABLES.verbs;
    let is_in = |list: &[String], word: &str| list.iter().any(|verb| verb == word);
    let mut start = words
        .iter()
        .map(String::as_str)
        .skip_while(|word| matches!(*word, "async" | "a" | "aio" | "do"));
    let Some(first) = start.next() else { return Verb::Other };
    let bare = first.strip_prefix('a').unwrap_or(first);
    let says = |list: &[String]| is_in(list, first) || is_in(list, bare);
    let also_writes = words
        .windows(2)
        .any(|pair| matches!(pair[0].as_str(), "and" | "or" | "then") && is_in(&verbs.write, &pair[1]));
    if says(&verbs.write) || also_writes {
        Verb::Write
    } else if says(&verbs.guard) {
        Verb::Guard
    } else if says(&verbs.read) && !words.iter().any(|word| is_in(&verbs.unread, word)) {
        Verb::Read
    } else {
        Verb::Other
    }
}

/// The words of `snake_case` and `camelCase`, in lower case.
fn words_of(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_lower = false;
    for character in name.chars() {
        if character == '_' || character.is_uppercase() && was_lower {
            words.push(String::new());
        }
        if character != '_' {
            words
                .last_mut()
                .expect("it starts with one")
                .extend(character.to_lowercase());
        }
        was_lower = character.is_lowercase();
    }
    words.retain(|word| !word.is_empty());
    words
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
        assert!(has_coroutine_method("asyncio.Queue", "put") && !has_coroutine_method("asyncio.Queue", "put_nowait"));
        assert_eq!(verb_of("_get_user"), Verb::Read);
        assert_eq!(verb_of("ensure_ready"), Verb::Guard);
        assert_eq!(verb_of("getter"), Verb::Other);
        assert_eq!(verb_of("aget_session"), Verb::Read);
        assert_eq!(verb_of("async_get_user"), Verb::Read);
        assert_eq!(verb_of("fetchOrders"), Verb::Read);
        assert_eq!(verb_of("get_users_and_orders"), Verb::Read);
        assert_eq!(verb_of("get_or_create_user"), Verb::Write);
        assert_eq!(verb_of("find_one_and_update"), Verb::Write);
        assert_eq!(verb_of("acreate"), Verb::Write);
        assert_eq!(verb_of("get_next"), Verb::Other);
        assert!(is_exclusive_name("db_session") && !is_exclusive_name("possession"));
    }
}
