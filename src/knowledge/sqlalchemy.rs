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

/// A driver that an asynchronous engine can use.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Driver {
    schemes: Vec<String>,
    /// The scheme with the driver's name.
    pub is: String,
    /// The distribution that has it.
    pub package: String,
    /// The distributions of the synchronous drivers in whose place it comes.
    #[serde(default)]
    pub replaces: Vec<String>,
    /// The first SQLAlchemy that knows it.
    #[serde(default = "oldest")]
    pub least: [u64; 2],
}

impl Driver {
    /// The scheme that names the database alone.
    pub fn scheme(&self) -> &str {
        self.schemes.first().map_or("", String::as_str)
    }
}

/// The first SQLAlchemy with asynchronous engines.
fn oldest() -> [u64; 2] {
    [1, 4]
}

#[derive(Deserialize)]
struct Tables {
    class: Vec<Class>,
    driver: Vec<Driver>,
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

pub fn all_drivers() -> impl Iterator<Item = &'static Driver> {
    TABLES.driver.iter()
}

/// The drivers for a scheme that an asynchronous engine cannot use as it is, the preferred one first.
pub fn drivers(scheme: &str) -> impl Iterator<Item = &'static Driver> {
    TABLES
        .driver
        .iter()
        .filter(move |driver| driver.schemes.iter().any(|other| other == scheme))
}

/// Whether a scheme names a driver that only asynchronous engines can use.
pub fn is_async_scheme(scheme: &str) -> bool {
    // psycopg is both.
    scheme != "postgresql+psycopg" && TABLES.driver.iter().any(|driver| driver.is == scheme)
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
        assert_eq!(drivers("postgresql").next().unwrap().is, "postgresql+psycopg");
        assert!(is_async_scheme("sqlite+aiosqlite") && !is_async_scheme("postgresql+psycopg"));
    }
}
