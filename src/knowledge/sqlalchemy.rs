//! SQLAlchemy's classes, and the colours of their methods: `knowledge/sqlalchemy.toml`.

use std::sync::LazyLock;

use rustc_hash::FxHashMap;
use serde::Deserialize;

/// What an object of SQLAlchemy is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    Session,
    /// What makes sessions when it is called.
    Factory,
    Engine,
    Connection,
}

/// A class of SQLAlchemy, or one of SQLModel that derives from it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Class {
    pub role: Role,
    pub is_async: bool,
    names: Vec<String>,
    #[serde(default)]
    coroutines: Vec<String>,
    #[serde(default)]
    plain: Vec<String>,
}

impl Class {
    /// The name under which it is usually imported.
    pub fn name(&self) -> &str {
        &self.names[0]
    }

    /// Whether calling this method gives a coroutine.
    pub fn has_coroutine(&self, method: &str) -> bool {
        self.coroutines.iter().any(|other| other == method)
    }

    /// Whether this method gives something that cannot be awaited.
    pub fn is_plain(&self, method: &str) -> bool {
        self.plain.iter().any(|other| other == method)
    }
}

#[derive(Deserialize)]
struct Tables {
    class: Vec<Class>,
}

static TABLES: LazyLock<Tables> = LazyLock::new(|| {
    toml::from_str(include_str!("../../knowledge/sqlalchemy.toml"))
        .expect("the embedded table is valid, a test reads it")
});

static BY_NAME: LazyLock<FxHashMap<&str, &Class>> = LazyLock::new(|| {
    let classes = &TABLES.class;
    classes
        .iter()
        .flat_map(|class| class.names.iter().map(move |name| (name.as_str(), class)))
        .collect()
});

/// What is known of a class by its qualified name.
pub fn class(qualified: &str) -> Option<&'static Class> {
    BY_NAME.get(qualified).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_read() {
        let session = class("sqlalchemy.ext.asyncio.session.AsyncSession").unwrap();
        assert!(session.is_async && session.has_coroutine("commit") && !session.has_coroutine("add"));
        assert_eq!(session.name(), "sqlalchemy.ext.asyncio.AsyncSession");
        assert_eq!(class("sqlalchemy.orm.sessionmaker").unwrap().role, Role::Factory);
    }
}
