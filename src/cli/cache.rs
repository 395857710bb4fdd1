//! What earlier runs found out: a run over files that did not change parses none of them.
//!
//! `--cache-dir`, else `$ASYNCUP_CACHE_DIR`, else `$XDG_CACHE_HOME/asyncup`, else `~/.cache/asyncup`, holds a folder for each working folder,
//! and in it packs. A pack is written under a temporary name, renamed when it is whole, and never changed: runs at the same time see all
//! of it or nothing, and what two of them add stands side by side until a later run merges it.
//!
//! The key of an entry is the hash of all that its value follows from: the build of the program, the path and the bytes of the file, and
//! what holds for it. So no entry can be out of date; one that nobody asks for any more is dropped when packs are merged. An entry is
//! checked when it is read: what a disk has damaged is found out anew.
//!
//! A pack is the entries' bytes, the [`Index`] (postcard), and the [`Footer`].

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustc_hash::FxHashMap;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use super::folders;

/// Tells the packs of this build from those of others: it follows from the program's sources.
const BUILD: &str = env!("ASYNCUP_BUILD");

const EXTENSION: &str = "pack";

/// Packs that a folder may have before some are merged.
const MAX_PACKS: usize = 6;

/// Days after which what nobody asked for is dropped.
const KEPT_DAYS: u32 = 14;

const SECONDS_OF_DAY: u64 = 24 * 60 * 60;

/// The hash of all that a value follows from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Key([u8; 16]);

impl Key {
    /// The key of what is found out of these parts. `kind` says what that is.
    pub fn of(kind: &str, parts: &[&[u8]]) -> Self {
        let mut hasher = blake3::Hasher::new();
        for part in [BUILD.as_bytes(), kind.as_bytes()].iter().chain(parts) {
            hasher.update(&part.len().to_le_bytes());
            hasher.update(part);
        }
        Self(shortened(hasher.finalize()))
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

fn shortened<const N: usize>(hash: blake3::Hash) -> [u8; N] {
    let mut short = [0; N];
    short.copy_from_slice(&hash.as_bytes()[..N]);
    short
}

/// One entry of a pack.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct Entry {
    key: Key,
    /// Of its bytes in the pack.
    start: u64,
    length: u32,
    /// The beginning of the hash of its bytes.
    check: [u8; 8],
    /// The last day on which it is known to have been of use, counted from 1970.
    day: u32,
}

/// The entries of a pack, in the order of their bytes.
type Index = Vec<Entry>;

/// The end of a pack.
struct Footer {
    /// Of the index, in bytes.
    length: u64,
    check: [u8; 16],
}

impl Footer {
    const SIZE: usize = 24;

    fn of(index: &[u8]) -> Self {
        Self {
            length: index.len() as u64,
            check: shortened(blake3::hash(index)),
        }
    }

    fn to_bytes(&self) -> [u8; Self::SIZE] {
        let mut bytes = [0; Self::SIZE];
        bytes[..8].copy_from_slice(&self.length.to_le_bytes());
        bytes[8..].copy_from_slice(&self.check);
        bytes
    }

    fn from_bytes(bytes: [u8; Self::SIZE]) -> Self {
        let (mut length, mut check) = ([0; 8], [0; 16]);
        length.copy_from_slice(&bytes[..8]);
        check.copy_from_slice(&bytes[8..]);
        Self {
            length: u64::from_le_bytes(length),
            check,
        }
    }
}

/// A pack that can be read.
struct Pack {
    path: PathBuf,
    file: File,
    /// In bytes.
    size: u64,
}

impl Pack {
    /// `None` where it is none, or damaged.
    fn open(path: PathBuf) -> Option<(Self, Index)> {
        let file = File::open(&path).ok()?;
        let size = file.metadata().ok()?.len();
        let mut footer = [0; Footer::SIZE];
        let end = size.checked_sub(Footer::SIZE as u64)?;
        read_at(&file, &mut footer, end).ok()?;
        let footer = Footer::from_bytes(footer);
        let start = end.checked_sub(footer.length)?;
        let mut index = vec![0; usize::try_from(footer.length).ok()?];
        read_at(&file, &mut index, start).ok()?;
        if Footer::of(&index).check != footer.check {
            return None;
        }
        let index = postcard::from_bytes(&index).ok()?;
        Some((Self { path, file, size }, index))
    }

    fn read(&self, entry: &Entry) -> Option<Vec<u8>> {
        let mut bytes = vec![0; entry.length as usize];
        read_at(&self.file, &mut bytes, entry.start).ok()?;
        (shortened(blake3::hash(&bytes)) == entry.check).then_some(bytes)
    }
}

#[cfg(unix)]
fn read_at(file: &File, bytes: &mut [u8], start: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, start)
}

#[cfg(windows)]
fn read_at(file: &File, mut bytes: &mut [u8], mut start: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, bytes, start)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => {
                bytes = &mut bytes[read..];
                start += read as u64;
            }
        }
    }
    Ok(())
}

/// A pack that is being written.
struct Recorder {
    file: BufWriter<NamedTempFile>,
    index: Index,
    /// Bytes written.
    size: u64,
}

impl Recorder {
    fn begin(folder: &Path) -> io::Result<Self> {
        folders::make_private(folder)?;
        Ok(Self {
            file: BufWriter::new(NamedTempFile::new_in(folder)?),
            index: Index::new(),
            size: 0,
        })
    }

    fn add(&mut self, key: Key, bytes: &[u8], day: u32) -> io::Result<()> {
        let Ok(length) = u32::try_from(bytes.len()) else {
            return Ok(());
        };
        self.file.write_all(bytes)?;
        self.index.push(Entry {
            key,
            start: self.size,
            length,
            check: shortened(blake3::hash(bytes)),
            day,
        });
        self.size += u64::from(length);
        Ok(())
    }

    fn finish(mut self, folder: &Path) -> io::Result<()> {
        let index = postcard::to_stdvec(&self.index).map_err(io::Error::other)?;
        self.file.write_all(&index)?;
        self.file.write_all(&Footer::of(&index).to_bytes())?;
        let file = self.file.into_inner().map_err(io::IntoInnerError::into_error)?;
        let name = format!("{BUILD}-{:x}-{:x}.{EXTENSION}", now().as_nanos(), process::id());
        file.persist(folder.join(name))?;
        Ok(())
    }
}

/// Where an entry of an earlier run stands.
struct Known {
    pack: usize,
    entry: Entry,
    is_used: AtomicBool,
}

/// The cache of one working folder. Shared by all threads.
pub struct Cache {
    folder: PathBuf,
    packs: Vec<Pack>,
    known: FxHashMap<Key, Known>,
    recorder: Mutex<Recording>,
}

enum Recording {
    NotBegun,
    Running(Recorder),
    /// The disk is full, or not ours. Nothing is lost but time.
    Failed,
}

impl Cache {
    /// The cache of an absolute working folder, in `folder` or the user's own. `None` where there is no such folder.
    pub fn open(folder: Option<&Path>, working_folder: &Path) -> Option<Self> {
        let folder = match folder {
            Some(folder) => working_folder.join(folder),
            None => folders::of_user("ASYNCUP_CACHE_DIR", "XDG_CACHE_HOME", ".cache")?,
        };
        Some(Self::within(folders::of_working_folder(&folder, working_folder)))
    }

    fn within(folder: PathBuf) -> Self {
        let mut packs = Vec::new();
        let mut known = FxHashMap::default();
        for path in files_of(&folder).filter(|path| is_of_this_build(path)) {
            let Some((pack, index)) = Pack::open(path) else {
                continue;
            };
            known.extend(index.into_iter().map(|entry| {
                let place = Known {
                    pack: packs.len(),
                    entry,
                    is_used: AtomicBool::new(false),
                };
                (entry.key, place)
            }));
            packs.push(pack);
        }
        Self {
            folder,
            packs,
            known,
            recorder: Mutex::new(Recording::NotBegun),
        }
    }

    /// What an earlier run found out.
    pub fn get<T: DeserializeOwned>(&self, key: &Key) -> Option<T> {
        let known = self.known.get(key)?;
        let bytes = self.packs[known.pack].read(&known.entry)?;
        let value = postcard::from_bytes(&bytes).ok()?;
        known.is_used.store(true, Ordering::Relaxed);
        Some(value)
    }

    /// What an earlier run found out, or this one does.
    pub fn or_found<T: Serialize + DeserializeOwned>(&self, key: Key, find: impl FnOnce() -> T) -> T {
        self.get(&key).unwrap_or_else(|| {
            let found = find();
            self.put(key, &found);
            found
        })
    }

    /// Keeps what was found out for later runs.
    pub fn put<T: Serialize>(&self, key: Key, value: &T) {
        let Ok(bytes) = postcard::to_stdvec(value) else {
            return;
        };
        let mut recorder = self.recorder.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*recorder, Recording::NotBegun) {
            *recorder = Recorder::begin(&self.folder).map_or(Recording::Failed, Recording::Running);
        }
        if let Recording::Running(running) = &mut *recorder
            && running.add(key, &bytes, today()).is_err()
        {
            *recorder = Recording::Failed;
        }
    }

    /// Writes what this run found out. What cannot be written is lost, and found out again.
    pub fn save(self) {
        let recorder = self.recorder.into_inner().unwrap_or_else(PoisonError::into_inner);
        let Recording::Running(mut recorder) = recorder else {
            return;
        };
        let merged = if self.packs.len() < MAX_PACKS {
            Vec::new()
        } else {
            merge(&self.packs, &self.known, &mut recorder)
        };
        if recorder.finish(&self.folder).is_ok() {
            for pack in merged {
                // Another run may be reading it; where that keeps it, a later run removes it.
                let _ = fs::remove_file(&self.packs[pack].path);
            }
            forget(&self.folder);
        }
    }
}

/// Copies the packs that are small beside what was copied before them, and says which. So an entry is copied once for each time that the cache
/// doubles.
fn merge(packs: &[Pack], known: &FxHashMap<Key, Known>, recorder: &mut Recorder) -> Vec<usize> {
    let mut by_size: Vec<usize> = (0..packs.len()).collect();
    by_size.sort_by_key(|&pack| packs[pack].size);
    let today = today();
    let mut merged = Vec::new();
    for pack in by_size {
        if merged.len() > 1 && packs[pack].size > 2 * recorder.size {
            break;
        }
        for known in known.values().filter(|known| known.pack == pack) {
            let day = match known.is_used.load(Ordering::Relaxed) {
                true => today,
                false => known.entry.day,
            };
            if day + KEPT_DAYS >= today
                && let Some(bytes) = packs[pack].read(&known.entry)
                && recorder.add(known.entry.key, &bytes, day).is_err()
            {
                return Vec::new();
            }
        }
        merged.push(pack);
    }
    merged
}

/// Removes what builds of long ago and killed runs left behind.
fn forget(folder: &Path) {
    let kept = Duration::from_secs(u64::from(KEPT_DAYS) * SECONDS_OF_DAY);
    for path in files_of(folder).filter(|path| !is_of_this_build(path)) {
        let modified = fs::metadata(&path).and_then(|metadata| metadata.modified());
        if modified.is_ok_and(|time| time.elapsed().is_ok_and(|age| age > kept)) {
            let _ = fs::remove_file(path);
        }
    }
}

fn files_of(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries.filter_map(|entry| Some(entry.ok()?.path()))
}

fn is_of_this_build(path: &Path) -> bool {
    let name = path.file_stem().and_then(|name| name.to_str());
    path.extension().is_some_and(|extension| extension == EXTENSION) && name.is_some_and(|name| name.starts_with(BUILD))
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

fn today() -> u32 {
    u32::try_from(now().as_secs() / SECONDS_OF_DAY).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Key {
        Key::of("test", &[name.as_bytes()])
    }

    fn keep(folder: &Path, name: &str, value: &str) {
        let cache = Cache::within(folder.to_owned());
        cache.put(key(name), &value);
        cache.save();
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        assert_ne!(Key::of("k", &[b"ab", b"c"]), Key::of("k", &[b"a", b"bc"]));
        assert_ne!(Key::of("k", &[b"ab"]), Key::of("ka", &[b"b"]));
    }

    #[test]
    fn what_was_put_is_got_back_by_later_runs() {
        let folder = tempfile::tempdir().unwrap();
        for run in 0..40 {
            keep(folder.path(), &format!("run {run}"), &format!("value {run}"));
            let count = files_of(folder.path()).count();
            assert!(count <= MAX_PACKS + 1, "{count} packs after run {run}");
        }
        let cache = Cache::within(folder.path().to_owned());
        for run in 0..40 {
            let value: Option<String> = cache.get(&key(&format!("run {run}")));
            assert_eq!(value, Some(format!("value {run}")));
        }
        assert_eq!(cache.get::<String>(&key("another")), None);
    }

    #[test]
    fn runs_at_the_same_time_keep_what_each_found() {
        let folder = tempfile::tempdir().unwrap();
        let one = Cache::within(folder.path().to_owned());
        let other = Cache::within(folder.path().to_owned());
        one.put(key("one"), &1);
        other.put(key("other"), &2);
        one.save();
        other.save();
        let cache = Cache::within(folder.path().to_owned());
        assert_eq!(cache.get(&key("one")), Some(1));
        assert_eq!(cache.get(&key("other")), Some(2));
    }

    #[test]
    fn damage_is_no_value() {
        let folder = tempfile::tempdir().unwrap();
        keep(folder.path(), "name", "a value of some length");
        let path = files_of(folder.path()).next().unwrap();
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            fs::write(&path, &damaged).unwrap();
            let cache = Cache::within(folder.path().to_owned());
            assert_eq!(cache.get::<String>(&key("name")), None, "byte {at}");
            fs::write(&path, &whole[..at]).unwrap();
            let cache = Cache::within(folder.path().to_owned());
            assert_eq!(cache.get::<String>(&key("name")), None, "cut off at {at}");
        }
    }
}
