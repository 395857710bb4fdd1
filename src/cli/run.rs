//! `check`, `diff` and `apply`: files in, reports out, in path order.

use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use crate::edit::Applicability;
use crate::project::ProjectFacts;

use super::args::{ColorChoice, ConfigurationArguments, RunArguments, VoiceArguments};
use super::cache::Cache;
use super::consumer::Consumer;
use super::discover::{self, InputFile};
use super::journal::Journal;
use super::process::{self, Buffer, Processed, Processor};
use super::report::{Command, FileResult, OutputFormat, ReportOptions};
use super::resolve::Resolver;
use super::survey::Survey;
use super::{Error, Status, folders, interrupt, outsiders, pipeline};

/// The path that stands for stdin.
const STDIN: &str = "-";

/// Whether a run shows what is recognised and left alone: on request, in its counts, and in the formats that list everything.
fn shows_declined(format: OutputFormat, arguments: &RunArguments) -> bool {
    let lists_everything = matches!(format, OutputFormat::Json | OutputFormat::JsonLines);
    arguments.output.voice.verbose || arguments.output.statistics || lists_everything
}

/// Runs a command on the paths.
pub fn run(command: Command, format: OutputFormat, arguments: &RunArguments) -> Result<Status, Error> {
    let resolver = Resolver::new(
        crate::codemods::ALL,
        super::working_folder()?,
        &arguments.selection,
        &arguments.files,
        &arguments.configuration,
    )?;
    let processor = Processor {
        command,
        resolver: &resolver,
        declined: shows_declined(format, arguments),
        generated: arguments.files.generated,
        cache: None,
    };
    let paths = discover::expand_lists(&arguments.paths)?;
    if paths.iter().any(|path| path == Path::new(STDIN)) {
        if paths.len() > 1 {
            return Err(discover::DiscoverError::MixedStdin.into());
        }
        return stdin(&processor, format, arguments);
    }
    let threads = threads(arguments.configuration.threads);
    let found = discover::discover(&paths, &resolver, threads)?;
    // A file alone is judged in less time than it takes to look what was found out.
    let cache = if found.files.len() > 1 {
        cache(&resolver.folder, &arguments.configuration)?
    } else {
        None
    };
    let processor = Processor {
        cache: cache.as_ref(),
        ..processor
    };
    let options = options(command, format, &resolver, arguments);
    let journal = if command == Command::Apply {
        Some(Journal::of(&resolver.folder)?)
    } else {
        None
    };
    interrupt::listen();
    let mut consumer = Consumer::new(options, journal, resolver.folder.clone(), found.files.len());
    for (path, cause) in found.unreadable {
        let _ = consumer.take(0, Some(process::skipped(&path, cause)));
    }
    let files = &found.files;
    let survey = Survey::of(&processor, files, threads)?;
    consumer.note(survey.as_ref().and_then(|survey| survey.left_out.clone()));
    let alone = ProjectFacts {
        is_partial: survey.is_none() && outsiders::of(&resolver.folder, files),
        ..ProjectFacts::default()
    };
    pipeline::run(
        files.len(),
        threads,
        Buffer::default,
        |buffer, index| {
            if interrupt::is_wanted() {
                return None;
            }
            match &survey {
                Some(survey) if !survey.is_concerned(index) && !files[index].is_named => None,
                Some(survey) => processor.file(&files[index], survey.facts(index), survey.seen(index), buffer),
                None => processor.file(&files[index], &alone, None, buffer),
            }
        },
        |progress, processed| consumer.take(progress.done, processed),
    )
    .map_err(Error::Threads)?;
    if let Some(cache) = cache {
        cache.save();
    }
    consumer.finish()
}

/// Runs on the text of stdin. `apply` prints the new text, or the old one where there is none.
fn stdin(processor: &Processor, format: OutputFormat, arguments: &RunArguments) -> Result<Status, Error> {
    let name = arguments
        .files
        .stdin_filename
        .clone()
        .unwrap_or_else(|| PathBuf::from(STDIN));
    let mut buffer = Buffer::default();
    let bytes = buffer.read(io::stdin().lock()).map_err(Error::Stdin)?;
    let folder = &processor.resolver.folder;
    let path = folder.join(&name);
    let file = InputFile {
        profile: processor.resolver.profile(path.parent().unwrap_or(folder))?,
        path: discover::shown(&path, folder),
        is_named: true,
    };
    // What has a name is a file of a project, which others may use.
    let is_named = arguments.files.stdin_filename.is_some();
    let alone = ProjectFacts {
        is_partial: is_named && outsiders::of_file(folder, &file),
        ..ProjectFacts::default()
    };
    let mut report = None;
    let judge = |(): &mut (), _| processor.bytes(&file, &alone, None, bytes);
    pipeline::run(
        1,
        1,
        || (),
        judge,
        |_, processed| {
            report = report.take().or(processed);
            ControlFlow::Continue(())
        },
    )
    .map_err(Error::Threads)?;
    // Stdout is the text's: what is said goes to stderr.
    let is_apply = processor.command == Command::Apply;
    if is_apply {
        let text = report.as_ref().and_then(new_bytes).unwrap_or(bytes);
        let printed = io::stdout().write_all(text).and_then(|()| io::stdout().flush());
        printed.or_else(super::forgive_closed_pipe).map_err(Error::Output)?;
    }
    let format = if is_apply { OutputFormat::Full } else { format };
    let options = options(processor.command, format, processor.resolver, arguments);
    let mut consumer = Consumer::new(options, None, folder.clone(), 1);
    let _ = consumer.take(1, report);
    consumer.finish()
}

/// The bytes that a file is to have.
fn new_bytes(processed: &Processed) -> Option<&[u8]> {
    match processed {
        Processed::Report(report) => match &report.result {
            FileResult::Rewritten { bytes, .. } => bytes.as_deref(),
            FileResult::Checked(_) | FileResult::Skipped(_) => None,
        },
        Processed::InternalError(_) | Processed::PassedOver(..) => None,
    }
}

/// The cache that is asked for.
pub fn cache(folder: &Path, arguments: &ConfigurationArguments) -> Result<Option<Cache>, Error> {
    if arguments.no_cache {
        return Ok(None);
    }
    let given = arguments.cache_dir.as_deref();
    if let Some(given) = given {
        // Who names a folder wants to know that it is of no use; the user's own is tried in silence.
        let made = folders::make_private(&folder.join(given));
        made.map_err(|cause| Error::CacheFolder {
            path: given.to_owned(),
            cause,
        })?;
    }
    Ok(Cache::open(given, folder))
}

/// How many threads compute.
pub fn threads(wanted: Option<NonZeroUsize>) -> usize {
    wanted
        .or_else(|| std::thread::available_parallelism().ok())
        .map_or(1, usize::from)
}

/// How a run reports. Whether unsafe fixes are applied may differ from folder to folder; what holds for the working folder is said.
fn options(command: Command, format: OutputFormat, resolver: &Resolver, arguments: &RunArguments) -> ReportOptions {
    let voice = &arguments.output.voice;
    let profile = resolver.profile(&resolver.folder);
    ReportOptions {
        command,
        format,
        color_stdout: has_color(voice, &io::stdout()),
        color_stderr: has_color(voice, &io::stderr()),
        quiet: voice.quiet,
        verbose: voice.verbose,
        statistics: arguments.output.statistics,
        unsafe_fixes: profile.is_ok_and(|profile| profile.policy.level == Applicability::Unsafe),
    }
}

/// Whether colours are written to the stream.
pub fn has_color(voice: &VoiceArguments, stream: &impl anstream::stream::RawStream) -> bool {
    match voice.color {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto => anstream::AutoStream::choice(stream) != anstream::ColorChoice::Never,
    }
}
