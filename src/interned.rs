//! Names that live as long as the program, read back from where they were kept.

use std::sync::{Mutex, PoisonError};

use rustc_hash::FxHashSet;
use serde::{Deserialize, Deserializer};

/// A name of the program itself. An alias, or serde would borrow it from what it reads.
pub type Interned = &'static str;

/// The one copy of a name. It is never freed: only what there are few of may be read so.
pub fn interned(name: &str) -> Interned {
    static NAMES: Mutex<Option<FxHashSet<Interned>>> = Mutex::new(None);
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    let names = names.get_or_insert_default();
    if let Some(known) = names.get(name) {
        return known;
    }
    let kept: Interned = name.to_owned().leak();
    names.insert(kept);
    kept
}

/// For `#[serde(deserialize_with)]`.
pub fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Interned, D::Error> {
    String::deserialize(deserializer).map(|name| interned(&name))
}

/// As [`read`], for a name that may be missing.
pub fn read_any<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Interned>, D::Error> {
    let name = Option::<String>::deserialize(deserializer)?;
    Ok(name.map(|name| interned(&name)))
}
