//! What `apply` replaced, kept outside the project so that `undo` can put it back.
//!
//! `$ASYNCUP_STATE_DIR`, else `$XDG_STATE_HOME/asyncup`, else `~/.local/state/asyncup`, holds a folder for each working folder, in it one
//! for each run, and in that the file `journal`: for each file a line of JSON, then the bytes that it had. A run is written down before
//! any of its files is replaced; what a killed run wrote down last may be cut off, and then its file was not replaced.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::folders;

/// Runs that are kept for each working folder.
const KEPT_RUNS: usize = 20;

const JOURNAL: &str = "journal";
/// Its presence says that every file of the run was restored.
const UNDONE: &str = "undone";

#[derive(Debug, Error)]
pub enum JournalError {
    #[error("there is no home folder to keep the originals in; set ASYNCUP_STATE_DIR to a folder")]
    NoFolder,
    #[error(
        "the originals cannot be kept in {}, so nothing more was written: {cause}; set ASYNCUP_STATE_DIR to another folder",
        folder.display()
    )]
    Write { folder: PathBuf, cause: io::Error },
    #[error("{} cannot be read: {cause}", path.display())]
    Read { path: PathBuf, cause: io::Error },
    #[error("no run `{0}`; `asyncup undo --list` shows the runs of this folder")]
    NoSuchRun(String),
    #[error("nothing to undo: no `apply` in this folder is known that was not undone")]
    NothingToUndo,
}

/// One file of a run.
#[derive(Debug)]
pub struct Entry {
    /// Absolute, links followed.
    pub path: PathBuf,
    pub before: blake3::Hash,
    pub after: blake3::Hash,
    /// The bytes it had.
    pub original: Vec<u8>,
}

/// The line above the original bytes of a file.
#[derive(Serialize, Deserialize)]
struct Header {
    path: String,
    /// The bytes of a path that is not Unicode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    path_bytes: Option<Vec<u8>>,
    before: String,
    after: String,
    /// Bytes of the original that follow.
    length: usize,
}

/// The runs of one working folder.
pub struct Journal {
    folder: PathBuf,
}

/// A run that is being written down.
pub struct Recorder {
    folder: PathBuf,
    file: File,
}

/// A run that was written down.
#[derive(Debug)]
pub struct Run {
    pub id: String,
    pub undone: bool,
    folder: PathBuf,
}

impl Journal {
    /// The journal of an absolute working folder. Nothing is read or made yet.
    pub fn of(working_folder: &Path) -> Result<Self, JournalError> {
        let state =
            folders::of_user("ASYNCUP_STATE_DIR", "XDG_STATE_HOME", ".local/state").ok_or(JournalError::NoFolder)?;
        Ok(Self::within(&state, working_folder))
    }

    fn within(state: &Path, working_folder: &Path) -> Self {
        Self {
            folder: folders::of_working_folder(state, working_folder),
        }
    }

    /// Begins a run, and forgets the oldest ones.
    pub fn begin(&self) -> Result<Recorder, JournalError> {
        let failed = |cause| JournalError::Write {
            folder: self.folder.clone(),
            cause,
        };
        folders::make_private(&self.folder).map_err(failed)?;
        self.prune(KEPT_RUNS - 1);
        let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let folder = self.folder.join(format!("{}-{}", timestamp(time), process::id()));
        folders::make_private(&folder).map_err(failed)?;
        let file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .open(folder.join(JOURNAL))
            .map_err(failed)?;
        Ok(Recorder { folder, file })
    }

    fn prune(&self, kept: usize) {
        let runs = self.runs().unwrap_or_default();
        for run in runs.iter().rev().skip(kept) {
            // What cannot be removed now is removed by a later run.
            let _ = fs::remove_dir_all(&run.folder);
        }
    }

    /// All runs, oldest first.
    pub fn runs(&self) -> Result<Vec<Run>, JournalError> {
        let failed = |cause| JournalError::Read {
            path: self.folder.clone(),
            cause,
        };
        let folders = match fs::read_dir(&self.folder) {
            Ok(folders) => folders,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(error)),
        };
        let mut runs = Vec::new();
        for folder in folders {
            let folder = folder.map_err(failed)?;
            if let Ok(id) = folder.file_name().into_string() {
                runs.push(Run {
                    undone: folder.path().join(UNDONE).exists(),
                    folder: folder.path(),
                    id,
                });
            }
        }
        runs.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(runs)
    }

    /// The run of that name.
    pub fn run(&self, id: &str) -> Result<Run, JournalError> {
        let mut runs = self.runs()?.into_iter();
        runs.find(|run| run.id == id)
            .ok_or_else(|| JournalError::NoSuchRun(id.to_owned()))
    }

    /// The last run of which something can be restored, with its files; else the last one that was not undone.
    pub fn last_run(&self, can_restore: impl Fn(&Entry) -> bool) -> Result<(Run, Vec<Entry>), JournalError> {
        let mut last = None;
        for run in self.runs()?.into_iter().rev().filter(|run| !run.undone) {
            let entries = run.entries()?;
            if entries.iter().any(&can_restore) {
                return Ok((run, entries));
            }
            last = last.or(Some((run, entries)));
        }
        last.ok_or(JournalError::NothingToUndo)
    }
}

impl Recorder {
    /// Writes down files that are about to be replaced; when it returns, they can be.
    pub fn record<'a>(
        &mut self,
        files: impl IntoIterator<Item = (&'a Path, &'a [u8], &'a [u8])>,
    ) -> Result<(), JournalError> {
        let mut lines = Vec::new();
        for (path, before, after) in files {
            let header = Header {
                path: path.to_string_lossy().into_owned(),
                path_bytes: path
                    .to_str()
                    .is_none()
                    .then(|| path.as_os_str().as_encoded_bytes().to_vec()),
                before: blake3::hash(before).to_hex().to_string(),
                after: blake3::hash(after).to_hex().to_string(),
                length: before.len(),
            };
            serde_json::to_writer(&mut lines, &header).map_err(|error| self.failed(error.into()))?;
            lines.push(b'\n');
            lines.extend_from_slice(before);
        }
        self.file
            .write_all(&lines)
            .and_then(|()| self.file.sync_data())
            .map_err(|error| self.failed(error))
    }

    /// Takes a run back of which nothing came.
    pub fn forget(self) {
        // One that cannot be removed restores nothing.
        let _ = fs::remove_dir_all(&self.folder);
    }

    fn failed(&self, cause: io::Error) -> JournalError {
        JournalError::Write {
            folder: self.folder.clone(),
            cause,
        }
    }
}

impl Run {
    /// The file that holds what was replaced.
    pub fn journal(&self) -> PathBuf {
        self.folder.join(JOURNAL)
    }

    /// The files of the run, in the order in which they were replaced.
    pub fn entries(&self) -> Result<Vec<Entry>, JournalError> {
        let mut file = self.open()?;
        let mut entries = Vec::new();
        while let Some(header) = next_header(&mut file) {
            let mut original = vec![0; header.length];
            if file.read_exact(&mut original).is_err() {
                break;
            }
            let hash = |hex: &str| blake3::Hash::from_hex(hex).ok();
            if let (Some(before), Some(after)) = (hash(&header.before), hash(&header.after)) {
                entries.push(Entry {
                    path: path_of(&header),
                    before,
                    after,
                    original,
                });
            }
        }
        Ok(entries)
    }

    /// How many files were written down.
    pub fn file_count(&self) -> Result<usize, JournalError> {
        let mut file = self.open()?;
        let mut count = 0;
        while let Some(header) = next_header(&mut file) {
            let length = i64::try_from(header.length).unwrap_or(i64::MAX);
            if file.seek_relative(length).is_err() {
                break;
            }
            count += 1;
        }
        Ok(count)
    }

    /// When it began, as `YYYY-MM-DD HH:MM:SS UTC`, if its name tells.
    pub fn started(&self) -> Option<String> {
        let part = |range: std::ops::Range<usize>| self.id.get(range);
        Some(format!(
            "{}-{}-{} {}:{}:{} UTC",
            part(0..4)?,
            part(4..6)?,
            part(6..8)?,
            part(9..11)?,
            part(11..13)?,
            part(13..15)?
        ))
    }

    /// Remembers that every file was restored.
    pub fn mark_undone(&self) -> Result<(), JournalError> {
        fs::write(self.folder.join(UNDONE), "").map_err(|cause| JournalError::Write {
            folder: self.folder.clone(),
            cause,
        })
    }

    fn open(&self) -> Result<BufReader<File>, JournalError> {
        let path = self.journal();
        match File::open(&path) {
            Ok(file) => Ok(BufReader::new(file)),
            Err(cause) => Err(JournalError::Read { path, cause }),
        }
    }
}

/// The next header; `None` at the end, and where a killed run stopped.
fn next_header(file: &mut BufReader<File>) -> Option<Header> {
    let mut line = Vec::new();
    file.read_until(b'\n', &mut line).ok()?;
    serde_json::from_slice(&line).ok()
}

fn path_of(header: &Header) -> PathBuf {
    #[cfg(unix)]
    if let Some(bytes) = &header.path_bytes {
        use std::os::unix::ffi::OsStringExt;
        return PathBuf::from(OsString::from_vec(bytes.clone()));
    }
    PathBuf::from(OsString::from(&header.path))
}

/// `YYYYMMDDTHHMMSS.mmmZ` of a time since 1970, so that names sort by time.
fn timestamp(time: Duration) -> String {
    let seconds = time.as_secs();
    let (year, month, day) = civil(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
    format!(
        "{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}.{:03}Z",
        time.subsec_millis()
    )
}

/// Year, month and day of a number of days since 1970-01-01.
///
/// Source: `civil_from_days` of <https://howardhinnant.github.io/date_algorithms.html>.
fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn journal() -> (tempfile::TempDir, Journal) {
        let state = tempfile::tempdir().unwrap();
        let journal = Journal::within(state.path(), Path::new("/nowhere/project"));
        (state, journal)
    }

    #[test]
    fn times_are_written_so_that_they_sort() {
        let at = |seconds| timestamp(Duration::from_secs(seconds));
        assert_eq!(at(0), "19700101T000000.000Z");
        assert_eq!(at(951_782_399), "20000228T235959.000Z");
        assert_eq!(at(951_782_400), "20000229T000000.000Z");
        assert_eq!(at(1_798_761_599), "20261231T235959.000Z");
    }

    #[test]
    fn a_run_gives_back_what_was_written_down() {
        let (_state, journal) = journal();
        assert!(matches!(journal.last_run(|_| true), Err(JournalError::NothingToUndo)));
        let mut recorder = journal.begin().unwrap();
        recorder
            .record([(Path::new("/a/x.py"), &b"old\n{}\0"[..], &b"new"[..])])
            .unwrap();
        recorder
            .record([
                (Path::new("/a/y.py"), &b""[..], &b"z"[..]),
                (Path::new("/b"), b"1", b"2"),
            ])
            .unwrap();
        let (run, entries) = journal.last_run(|_| true).unwrap();
        assert_eq!(run.file_count().unwrap(), 3);
        assert_eq!(entries.len(), 3);
        assert_eq!(entries[0].path, Path::new("/a/x.py"));
        assert_eq!(entries[0].original, b"old\n{}\0");
        assert_eq!(entries[0].before, blake3::hash(b"old\n{}\0"));
        assert_eq!(entries[2].after, blake3::hash(b"2"));
        run.mark_undone().unwrap();
        assert!(matches!(journal.last_run(|_| true), Err(JournalError::NothingToUndo)));
        assert!(journal.run(&run.id).unwrap().undone);
        assert!(matches!(journal.run("x"), Err(JournalError::NoSuchRun(_))));
        assert_eq!(run.started().unwrap().len(), "2026-01-01 00:00:00 UTC".len());
    }

    #[test]
    fn what_a_killed_run_cut_off_is_no_entry() {
        let (_state, journal) = journal();
        let mut recorder = journal.begin().unwrap();
        recorder
            .record([
                (Path::new("/x"), &b"abc"[..], &b"d"[..]),
                (Path::new("/y"), b"def", b"g"),
            ])
            .unwrap();
        let path = journal.last_run(|_| true).unwrap().0.folder.join(JOURNAL);
        let whole = fs::read(&path).unwrap();
        for length in 0..=whole.len() {
            fs::write(&path, &whole[..length]).unwrap();
            let (_, entries) = journal.last_run(|_| true).unwrap();
            assert!(entries.len() <= 2);
            assert!(
                entries
                    .iter()
                    .all(|entry| blake3::hash(&entry.original) == entry.before)
            );
        }
    }

    #[test]
    fn the_oldest_runs_are_forgotten() {
        let (_state, journal) = journal();
        for number in 0..KEPT_RUNS + 5 {
            fs::create_dir_all(journal.folder.join(format!("2000010{:02}", number))).unwrap();
        }
        journal.begin().unwrap();
        let runs = journal.runs().unwrap();
        assert_eq!(runs.len(), KEPT_RUNS);
        assert_eq!(runs[0].id, "200001006");
        assert!(runs[KEPT_RUNS - 1].id.as_str() > "2020");
    }
}
