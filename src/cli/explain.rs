//! `explain`: a codemod's page, or every finding of one line.

use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use ruff_source_file::LineIndex;
use ruff_text_size::{TextRange, TextSize};

use crate::codemod::Codemod;
use crate::finding::Finding;
use crate::project::ProjectFacts;
use crate::source::Source;

use super::args::{ExplainArguments, FileArguments};
use super::consumer::Consumer;
use super::discover::{self, DiscoverError, absolute};
use super::process::{Buffer, Processed, Processor};
use super::report::{Command, FileResult, OutputFormat, ReportOptions};
use super::resolve::Resolver;
use super::survey::Survey;
use super::{Error, Status, catalogue, config, pipeline, run};

/// Explains a codemod or a place.
pub fn explain(arguments: &ExplainArguments, codemods: &'static [Codemod]) -> Result<Status, Error> {
    let subject = arguments.subject.as_str();
    if let Some(codemod) = codemods.iter().find(|codemod| codemod.name == subject) {
        let mut page = Vec::new();
        catalogue::explain(&mut page, codemod).map_err(Error::Output)?;
        io::stdout()
            .write_all(&page)
            .or_else(super::forgive_closed_pipe)
            .map_err(Error::Output)?;
        return Ok(Status::Clean);
    }
    match place_of(subject) {
        Some((path, line)) => explain_place(&path, line, arguments, codemods),
        None => {
            let nearest = config::suggestion(subject, codemods.iter().map(|codemod| codemod.name));
            Err(Error::UnknownSubject(format!("`{subject}`{nearest}")))
        }
    }
}

/// `FILE:LINE`, or `FILE:LINE:COLUMN` as other tools print it; the column is not looked at.
fn place_of(subject: &str) -> Option<(PathBuf, usize)> {
    let (file, last) = subject.rsplit_once(':')?;
    let last: usize = last.parse().ok()?;
    if let Some((file, line)) = file.rsplit_once(':')
        && let Ok(line) = line.parse()
    {
        return Some((file.into(), line));
    }
    Some((file.into(), last))
}

fn explain_place(
    path: &Path,
    line: usize,
    arguments: &ExplainArguments,
    codemods: &'static [Codemod],
) -> Result<Status, Error> {
    let folder = super::working_folder()?;
    let files = FileArguments::default();
    let resolver = Resolver::new(
        codemods,
        folder.clone(),
        &arguments.selection,
        &files,
        &arguments.configuration,
    )?;
    let missing = |_| Error::Discover(DiscoverError::Missing(path.to_owned()));
    let absolute = absolute(path, &folder).map_err(missing)?;
    std::fs::metadata(&absolute).map_err(missing)?;
    // What the other files say counts as it does in a run over all of them.
    let threads = run::threads(arguments.configuration.threads);
    let project = project_of(&absolute, &folder);
    let found = discover::discover(&[project, absolute.clone()], &resolver, threads)?;
    let shown = discover::shown(&absolute, &folder);
    let missing = || Error::Discover(DiscoverError::Missing(path.to_owned()));
    let index = found
        .files
        .iter()
        .position(|file| file.path == shown)
        .ok_or_else(missing)?;
    let cache = run::cache(&folder, &arguments.configuration)?;
    let processor = Processor {
        declined: true,
        command: Command::Check,
        resolver: &resolver,
        generated: true,
        cache: cache.as_ref(),
    };
    let survey = Survey::of(&processor, &found.files, threads)?;
    let alone = ProjectFacts::default();
    let (facts, seen) = match &survey {
        Some(survey) => (survey.facts(index), survey.seen(index)),
        None => (&alone, None),
    };
    let file = &found.files[index];
    let mut processed = None;
    let judge = |buffer: &mut Buffer, _| processor.file(file, facts, seen, buffer);
    pipeline::run(1, 1, Buffer::default, judge, |_, result| {
        processed = processed.take().or(result);
        ControlFlow::Continue(())
    })
    .map_err(Error::Threads)?;
    let is_found = match &mut processed {
        Some(Processed::Report(report)) => match &mut report.result {
            FileResult::Checked(findings) => {
                findings.retain(|finding| touches(&report.source, finding, line));
                !findings.is_empty()
            }
            FileResult::Rewritten { .. } | FileResult::Skipped(_) => true,
        },
        Some(Processed::InternalError(_)) => true,
        Some(Processed::PassedOver(..)) | None => false,
    };
    if !is_found {
        let answer = format!("nothing recognised at {}:{line}\n", file.path.display());
        io::stdout()
            .write_all(answer.as_bytes())
            .or_else(super::forgive_closed_pipe)
            .map_err(Error::Output)?;
        return Ok(Status::Clean);
    }
    let options = ReportOptions {
        command: Command::Check,
        format: OutputFormat::Full,
        color_stdout: run::has_color(&arguments.voice, &io::stdout()),
        color_stderr: run::has_color(&arguments.voice, &io::stderr()),
        quiet: true,
        verbose: true,
        statistics: false,
        unsafe_fixes: true,
    };
    let mut consumer = Consumer::new(options, None, folder, 1);
    let _ = consumer.take(1, processed);
    // An explanation that was given is a success, whatever it says.
    Ok(match consumer.finish()? {
        Status::Found => Status::Clean,
        other => other,
    })
}

/// The folder whose files count for a file: that of its project, as far as it can be told, and else its own.
fn project_of(file: &Path, folder: &Path) -> PathBuf {
    let above = || file.ancestors().skip(1);
    let is_root = |folder: &&Path| {
        [".git", "pyproject.toml", "setup.py", "setup.cfg", "asyncup.toml"]
            .iter()
            .any(|name| folder.join(name).exists())
    };
    let is_working_folder = |above: &&Path| *above == folder && folder.parent().is_some();
    let found = above().find(is_root).or_else(|| above().find(is_working_folder));
    found.or(file.parent()).unwrap_or(folder).to_owned()
}

/// Whether a finding, or a step of its way in the same file, covers some of a 1-based line.
fn touches(source: &Source, finding: &Finding, line: usize) -> bool {
    let lines = LineIndex::from_source_text(&source.text);
    let covers = |range: TextRange| {
        let first = lines.line_index(range.start()).get();
        // A range that ends with its newline does not reach into the next line.
        let last_offset = if range.is_empty() {
            range.end()
        } else {
            range.end() - TextSize::from(1)
        };
        (first..=lines.line_index(last_offset).get()).contains(&line)
    };
    let own_steps = finding.call_path.iter().filter(|hop| hop.file.is_none());
    covers(finding.range) || own_steps.map(|hop| hop.range).any(covers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_written_with_or_without_a_column() {
        assert_eq!(place_of("a/b.py:12"), Some(("a/b.py".into(), 12)));
        assert_eq!(place_of("a/b.py:12:5"), Some(("a/b.py".into(), 12)));
        assert_eq!(place_of("C:/b.py:12"), Some(("C:/b.py".into(), 12)));
        assert_eq!(place_of("replace_x"), None);
    }
}
