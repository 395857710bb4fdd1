//! One file from bytes to what is reported of it. Runs on the computing threads; writes and prints nothing.

use std::any::Any;
use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Read};
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Once};
use std::thread;

use ruff_source_file::LineIndex;
use ruff_text_size::TextSize;
use serde::{Deserialize, Serialize};

use crate::codemod::{Codemod, Look, Selection, Wanted};
use crate::module::{Module, ParseError};
use crate::project::{ProjectFacts, TextHash};
use crate::rewrite::{self, RewriteError};
use crate::settings::Settings;
use crate::source::{Source, SourceKind};

use super::cache::{Cache, Key};
use super::discover::InputFile;
use super::pipeline;
use super::read::{Content, SourceFile, kind_of};
use super::report::{Command, FileReport, FileResult};
use super::resolve::Resolver;

/// The buffer that a thread starts with, in bytes: most files fit.
const BUFFER: usize = 1 << 16;

/// What became of a file that is worth a word.
pub enum Processed {
    Report(Box<FileReport>),
    /// As [`Processed::Report`] of a skipped file, but the fault is ours.
    InternalError(Box<FileReport>),
    /// None of ours, though nothing is wrong with it; the text says why.
    PassedOver(PathBuf, String),
}

/// What all files of a run have in common.
pub struct Processor<'a> {
    pub command: Command,
    pub resolver: &'a Resolver,
    /// Whether patterns that are left alone will be shown or counted.
    pub declined: bool,
    /// Whether files that say that they are generated are taken.
    pub generated: bool,
    pub cache: Option<&'a Cache>,
}

/// Bytes of one file after the other. Most files are looked at once, for needles, and forgotten.
#[derive(Default)]
pub struct Buffer {
    /// Initialised as a whole; the file is at its start.
    bytes: Vec<u8>,
}

impl Buffer {
    /// The bytes of a file, or of whatever else can be read to its end.
    pub fn read(&mut self, mut file: impl Read) -> io::Result<&[u8]> {
        let mut length = 0;
        loop {
            if length == self.bytes.len() {
                self.bytes.resize((length * 2).max(BUFFER), 0);
            }
            match file.read(&mut self.bytes[length..]) {
                Ok(0) => return Ok(&self.bytes[..length]),
                Ok(read) => length += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// What a look at a file said before the project was known. The file may have changed since: then it is looked at again.
#[derive(Default, Serialize, Deserialize)]
pub struct Seen {
    digest: TextHash,
    /// Their places in the selection.
    concerned: Box<[u16]>,
}

impl Seen {
    pub fn is_concerned(&self) -> bool {
        !self.concerned.is_empty()
    }

    /// Whether it concerns one of these codemods.
    pub fn concerns(&self, selection: &Selection, names: &[&str]) -> bool {
        let codemods = selection.codemods();
        let mut concerned = self
            .concerned
            .iter()
            .filter_map(|&place| codemods.get(usize::from(place)));
        concerned.any(|codemod| names.contains(&codemod.name))
    }

    fn is_of(&self, bytes: &[u8]) -> bool {
        self.digest == TextHash::of(bytes)
    }
}

impl Processor<'_> {
    /// Reads and judges a file. `None`: nothing in it concerns any codemod.
    pub fn file(
        &self,
        file: &InputFile,
        project: &ProjectFacts,
        seen: Option<&Seen>,
        buffer: &mut Buffer,
    ) -> Option<Processed> {
        if file.profile.selection.codemods().is_empty() {
            return None;
        }
        let opened = File::open(self.resolver.folder.join(&file.path));
        match opened.and_then(|opened| buffer.read(opened)) {
            Ok(bytes) => self.bytes(file, project, seen, bytes),
            Err(error) => Some(skipped(&file.path, format!("cannot be read: {error}"))),
        }
    }

    /// Judges the bytes of a file.
    pub fn bytes(
        &self,
        file: &InputFile,
        project: &ProjectFacts,
        seen: Option<&Seen>,
        bytes: &[u8],
    ) -> Option<Processed> {
        silence_panics();
        let result = panic::catch_unwind(AssertUnwindSafe(|| self.judge(file, project, seen, bytes)));
        result.unwrap_or_else(|panic| {
            let cause = format!("internal error: {}{}", message_of(&*panic), place_of_panic());
            Some(Processed::InternalError(Box::new(report_of(
                &file.path,
                FileResult::Skipped(cause),
            ))))
        })
    }

    /// What the bytes of a file say before the project is known. `None`: they must be decoded to tell.
    pub fn seen(&self, file: &InputFile, bytes: &[u8]) -> Option<Seen> {
        let concerned = match self.first_look(file, bytes, &ProjectFacts::unconcerned()) {
            Some(look) => look?.concerned,
            None => Vec::new(),
        };
        let codemods = file.profile.selection.codemods().iter().zip(0..);
        let is_concerned = |codemod: &Codemod| concerned.iter().any(|known| known.name == codemod.name);
        let concerned: Box<[u16]> = codemods
            .filter(|(codemod, _)| is_concerned(codemod))
            .map(|(_, place)| place)
            .collect();
        Some(Seen {
            // Most files concern no codemod and will not be asked for.
            digest: if concerned.is_empty() {
                TextHash::default()
            } else {
                TextHash::of(bytes)
            },
            concerned,
        })
    }

    /// `None`: a notebook that concerns no codemod; `Some(None)`: one that must be decoded to tell.
    fn first_look<'f>(&self, file: &'f InputFile, bytes: &[u8], project: &ProjectFacts) -> Option<Option<Look<'f>>> {
        // Needles are ASCII, and so are these bytes of every encoding that source files can have.
        let selection = &file.profile.selection;
        match kind_of(&file.path) {
            SourceKind::Notebook if selection.possible(bytes, project).is_empty() => None,
            SourceKind::Notebook => Some(None),
            SourceKind::Module | SourceKind::Stub => Some(Some(selection.look(bytes, self.wanted(file), project))),
        }
    }

    fn judge(&self, file: &InputFile, project: &ProjectFacts, seen: Option<&Seen>, bytes: &[u8]) -> Option<Processed> {
        if !file.is_named {
            return self.judge_seen(file, project, seen, bytes);
        }
        // Nobody names a file to have it passed over because nothing in it could be wanted.
        self.judge_seen(file, project, seen, bytes)
            .or_else(|| self.unreadable(file, bytes))
    }

    /// The report of a file that is no Python.
    fn unreadable(&self, file: &InputFile, bytes: &[u8]) -> Option<Processed> {
        match SourceFile::decode(bytes.to_vec(), kind_of(&file.path), self.generated) {
            Ok(Content::Python(decoded)) => {
                let (settings, _) = self.settings(file);
                let error = Module::parse(&decoded.source, settings.target).err()?;
                Some(skipped(
                    &file.path,
                    cause_of(&RewriteError::Parse(error), &decoded.source),
                ))
            }
            Ok(Content::PassedOver(reason)) => Some(Processed::PassedOver(file.path.clone(), reason)),
            Err(error) => Some(skipped(&file.path, error.to_string())),
        }
    }

    fn judge_seen(
        &self,
        file: &InputFile,
        project: &ProjectFacts,
        seen: Option<&Seen>,
        bytes: &[u8],
    ) -> Option<Processed> {
        let kind = kind_of(&file.path);
        let selection = &file.profile.selection;
        let look = match seen.filter(|seen| seen.is_of(bytes)) {
            Some(seen) => {
                let codemods = selection.codemods();
                let known = seen
                    .concerned
                    .iter()
                    .filter_map(|&place| codemods.get(usize::from(place)));
                let known: Vec<_> = known.copied().collect();
                Some(selection.look_again(self.wanted(file), project, &known))
            }
            None => self.first_look(file, bytes, project)?,
        };
        if look.as_ref().is_some_and(|look| look.concerned.is_empty()) {
            return None;
        }
        let decoded = match SourceFile::decode(bytes.to_vec(), kind, self.generated) {
            Ok(Content::Python(decoded)) => decoded,
            Ok(Content::PassedOver(reason)) => return Some(Processed::PassedOver(file.path.clone(), reason)),
            Err(error) => return Some(skipped(&file.path, error.to_string())),
        };
        let look = look.unwrap_or_else(|| selection.look(decoded.source.text.as_bytes(), self.wanted(file), project));
        if look.concerned.is_empty() {
            return None;
        }
        let (settings, settings_key) = self.settings(file);
        let settings = settings.for_text(&decoded.source.text);
        let cache = self.cache.map(|cache| {
            let facts = format!("{project:?}");
            (
                cache,
                self.key("judged", file, &[settings_key.as_bytes(), facts.as_bytes(), bytes]),
            )
        });
        let kept = cache
            .as_ref()
            .and_then(|(cache, key)| cache.get::<Option<FileResult>>(key));
        let is_kept = kept.is_some();
        let (result, is_internal) = match kept {
            Some(kept) => (kept, false),
            None => match self.judged(file, look, project, &decoded, &settings) {
                Ok(result) => (result, false),
                Err(error) => {
                    let is_internal = matches!(error, RewriteError::Panicked { .. });
                    (
                        Some(FileResult::Skipped(cause_of(&error, &decoded.source))),
                        is_internal,
                    )
                }
            },
        };
        if let Some((cache, key)) = cache
            && !is_kept
            && !is_internal
        {
            cache.put(key, &result);
        }
        let result = result?;
        let report = Box::new(FileReport {
            path: file.path.clone(),
            raw: bytes.to_vec(),
            source: decoded.source,
            settings,
            project: project.clone(),
            result,
        });
        Some(if is_internal {
            Processed::InternalError(report)
        } else {
            Processed::Report(report)
        })
    }

    fn judged(
        &self,
        file: &InputFile,
        look: Look,
        project: &ProjectFacts,
        decoded: &SourceFile,
        settings: &Settings,
    ) -> Result<Option<FileResult>, RewriteError> {
        match self.command {
            Command::Check => self.check(&look, project, decoded, settings),
            Command::Diff | Command::Apply => self.rewrite(file, look, project, decoded, settings),
        }
    }

    /// The key of what is found out about a file from these parts, under what was asked for.
    pub fn key(&self, kind: &str, file: &InputFile, parts: &[&[u8]]) -> Key {
        let asked = format!("{:?} {} {}", self.command, self.declined, self.generated);
        let mut all = vec![
            file.path.as_os_str().as_encoded_bytes(),
            file.profile.key.as_bytes(),
            asked.as_bytes(),
        ];
        all.extend(parts);
        Key::of(kind, &all)
    }

    fn wanted(&self, file: &InputFile) -> Wanted {
        if self.declined || file.profile.changes_what_is_found() {
            Wanted::Everything
        } else {
            Wanted::NothingDeclined
        }
    }

    /// What holds for a file, and the key of that.
    pub fn settings(&self, file: &InputFile) -> (Arc<Settings>, Key) {
        self.resolver
            .settings(&self.resolver.folder.join(&file.path), &file.profile)
    }

    fn check(
        &self,
        look: &Look,
        project: &ProjectFacts,
        decoded: &SourceFile,
        settings: &Settings,
    ) -> Result<Option<FileResult>, RewriteError> {
        let mut findings = rewrite::analyse(&decoded.source, look, settings, project)?;
        findings.retain(|finding| self.declined || !finding.is_declined());
        Ok((!findings.is_empty()).then_some(FileResult::Checked(findings)))
    }

    fn rewrite(
        &self,
        file: &InputFile,
        look: Look,
        project: &ProjectFacts,
        decoded: &SourceFile,
        settings: &Settings,
    ) -> Result<Option<FileResult>, RewriteError> {
        let profile = &file.profile;
        let mut outcome = rewrite::rewrite(&decoded.source, look, profile.policy, settings, project)?;
        // What is not shown need not wait in memory for its turn.
        outcome
            .remaining
            .retain(|finding| self.declined || !finding.is_declined());
        let bytes = match outcome.text.as_ref().filter(|text| **text != decoded.source.text) {
            None => None,
            Some(text) => match decoded.encode(text, &outcome.cells) {
                Ok(bytes) => Some(bytes),
                Err(error) => return Ok(Some(FileResult::Skipped(error.to_string()))),
            },
        };
        let is_silent = bytes.is_none() && outcome.applied.is_empty() && outcome.remaining.is_empty();
        Ok((!is_silent).then_some(FileResult::Rewritten { outcome, bytes }))
    }
}

/// The report of a file that was not even decoded.
pub fn skipped(path: &Path, cause: String) -> Processed {
    Processed::Report(Box::new(report_of(path, FileResult::Skipped(cause))))
}

fn report_of(path: &Path, result: FileResult) -> FileReport {
    FileReport {
        path: path.to_owned(),
        raw: Vec::new(),
        source: Source::module(""),
        settings: Arc::default(),
        project: ProjectFacts::default(),
        result,
    }
}

/// Why a file was left alone, with the place of a syntax error.
fn cause_of(error: &RewriteError, source: &Source) -> String {
    match error {
        RewriteError::Parse(ParseError { message, offset }) => {
            format!("syntax error at {}: {message}", place_in(source, *offset))
        }
        RewriteError::Panicked { .. } => format!("{error}{}", place_of_panic()),
        RewriteError::NotConverged { .. } => error.to_string(),
    }
}

/// `line:column`, 1-based; in a notebook `cell N, line:column`, counting the cells that are analysed.
fn place_in(source: &Source, offset: TextSize) -> String {
    let cell = source.cells.partition_point(|&start| start <= offset).checked_sub(1);
    let start = cell.map_or_else(TextSize::default, |cell| source.cells[cell]);
    let text = &source.text[start.into()..];
    let at = LineIndex::from_source_text(text).line_column(offset - start, text);
    let prefix = cell.map_or_else(String::new, |cell| format!("cell {}, ", cell + 1));
    format!("{prefix}{}:{}", at.line, at.column)
}

thread_local! {
    /// Where the last panic of this thread began, as `file:line`.
    static PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Keeps the panics of the computing threads off the screen: they are reported with their file.
fn silence_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let default = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if thread::current().name() == Some(pipeline::WORKER) {
                let place = info.location().map(|at| format!("{}:{}", at.file(), at.line()));
                PANIC.with_borrow_mut(|last| *last = place);
            } else {
                default(info);
            }
        }));
    });
}

fn place_of_panic() -> String {
    let place = PANIC.with_borrow_mut(Option::take);
    place.map_or_else(String::new, |place| format!(" ({place}; please report it)"))
}

fn message_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("unknown")
}
