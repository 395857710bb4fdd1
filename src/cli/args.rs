//! The arguments as they are typed. What they mean is decided in `config`, `discover` and `run`.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::config::Preset;
use super::report::OutputFormat;

const EXIT_CODES: &str = "\
Exit codes:
    0  nothing to report, or everything that the chosen level allows was applied
    1  findings remain (check), or the diff is not empty (diff)
    2  bad usage, bad configuration, a missing path, or an internal error
    3  the run finished but is incomplete: a file could not be read, decoded, parsed,
       written or restored, or its rewrites did not come to an end
  130  interrupted; no file is left half-written
  When several apply, 2 goes before 3, and 3 before 1. --exit-zero hides only 1.
  A closed pipe (`asyncup check | head`) is success.";

const STYLES: clap::builder::Styles = {
    use clap::builder::styling::{AnsiColor, Effects, Styles};
    Styles::styled()
        .header(AnsiColor::Green.on_default().effects(Effects::BOLD))
        .usage(AnsiColor::Green.on_default().effects(Effects::BOLD))
        .literal(AnsiColor::Cyan.on_default().effects(Effects::BOLD))
        .placeholder(AnsiColor::Cyan.on_default())
};

/// Brings Python code up to correct, concurrent, modern asyncio.
///
/// asyncup finds anti-patterns, proposes exact edits, shows them as a diff, and applies them in place. It never runs the code that it
/// looks at.
#[derive(Debug, Parser)]
#[command(name = "asyncup", version, after_help = EXIT_CODES, styles = STYLES, max_term_width = 100)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Action,
}

#[derive(Debug, Subcommand)]
pub enum Action {
    /// List what could be better; edit nothing
    #[command(after_help = EXIT_CODES)]
    Check(CheckArguments),
    /// Show, as a unified diff, what `apply` would write
    ///
    /// The diff goes to stdout and can be given to `git apply`; what is left over goes to stderr.
    #[command(after_help = EXIT_CODES)]
    Diff(DiffArguments),
    /// Write exactly what `diff` shows
    ///
    /// Each file is replaced as a whole or not at all, and what it was is kept for `undo`.
    #[command(after_help = EXIT_CODES)]
    Apply(ApplyArguments),
    /// List the codemods
    List,
    /// Explain a codemod, or why a place was or was not rewritten
    #[command(after_help = EXIT_CODES)]
    Explain(ExplainArguments),
    /// Restore the files of the last `apply`
    ///
    /// Files that were changed since are left alone and listed. Works without git.
    #[command(after_help = EXIT_CODES)]
    Undo(UndoArguments),
    /// Print a shell's completions
    Completions {
        /// The shell to complete for
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Args)]
pub struct CheckArguments {
    #[command(flatten)]
    pub run: RunArguments,
    /// How findings are printed
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT", help_heading = "Output")]
    pub output_format: OutputFormat,
    /// Exit with 0 even when findings remain
    #[arg(long, short = 'e', help_heading = "Output")]
    pub exit_zero: bool,
}

#[derive(Debug, Args)]
pub struct DiffArguments {
    #[command(flatten)]
    pub run: RunArguments,
    /// Exit with 0 even when the diff is not empty
    #[arg(long, short = 'e', help_heading = "Output")]
    pub exit_zero: bool,
}

#[derive(Debug, Args)]
pub struct ApplyArguments {
    #[command(flatten)]
    pub run: RunArguments,
    /// How what was applied is printed; people are told on stderr
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT", help_heading = "Output")]
    pub output_format: OutputFormat,
    /// Accepted for symmetry with `check` and `diff`: `apply` never exits with 1
    #[arg(long, short = 'e', hide = true)]
    pub exit_zero: bool,
}

/// What `check`, `diff` and `apply` have in common.
#[derive(Debug, Default, Args)]
pub struct RunArguments {
    /// Files and folders; `@FILE` reads paths from a file, one a line; `-` reads Python from stdin
    ///
    /// Folders are searched for *.py, *.pyi and *.ipynb, without what .gitignore and --exclude name; what cannot concern any codemod
    /// is not parsed there. A file that is named here is always taken and parsed.
    #[arg(value_name = "PATHS", default_value = ".")]
    pub paths: Vec<PathBuf>,
    #[command(flatten)]
    pub selection: SelectionArguments,
    #[command(flatten)]
    pub files: FileArguments,
    #[command(flatten)]
    pub configuration: ConfigurationArguments,
    #[command(flatten)]
    pub output: OutputArguments,
}

#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Codemods")]
pub struct SelectionArguments {
    /// Run only these codemods (comma-separated, repeatable; ALL means every one, those on request included)
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    pub select: Vec<String>,
    /// Do not run these codemods (comma-separated, repeatable)
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    pub ignore: Vec<String>,
    /// Also apply fixes of which a precondition could not be proven
    #[arg(long, overrides_with = "no_unsafe_fixes")]
    pub unsafe_fixes: bool,
    /// Only safe fixes, whatever the configuration says
    #[arg(long, hide = true, overrides_with = "unsafe_fixes")]
    pub no_unsafe_fixes: bool,
    /// The lowest Python that the code must run on
    ///
    /// Without it: the configuration's `target-version`, else the lowest version that `requires-python` allows, else py39.
    #[arg(long, value_name = "VERSION")]
    pub target_version: Option<String>,
}

#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Files")]
pub struct FileArguments {
    /// Leave out files and folders that match, besides those of the configuration (repeatable)
    #[arg(long, value_delimiter = ',', value_name = "GLOB")]
    pub exclude: Vec<String>,
    /// Take only files that match, in place of the configuration's list (repeatable)
    #[arg(long, value_delimiter = ',', value_name = "GLOB")]
    pub include: Vec<String>,
    /// Take only the files of a well-known layout
    #[arg(long, value_enum, value_name = "NAME")]
    pub preset: Option<Preset>,
    /// Also process files with `@generated` in a comment of their first ten lines
    #[arg(long)]
    pub generated: bool,
    /// The name under which stdin is judged and reported (with `-`)
    #[arg(long, value_name = "FILE")]
    pub stdin_filename: Option<PathBuf>,
}

#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Configuration")]
pub struct ConfigurationArguments {
    /// A configuration file used in place of those found, or one `key = value` that overrides them (repeatable)
    #[arg(long, value_name = "FILE|KEY=VALUE")]
    pub config: Vec<String>,
    /// Ignore all configuration files
    ///
    /// The Python version and the dependencies that the project declares are still read.
    #[arg(long)]
    pub isolated: bool,
    /// Threads that compute (default: one per processor)
    #[arg(long, value_name = "N")]
    pub threads: Option<std::num::NonZeroUsize>,
    /// Neither use nor keep what runs find out about files
    #[arg(long)]
    pub no_cache: bool,
    /// Where that is kept (default: asyncup in the user's folder for caches)
    #[arg(long, value_name = "DIR", conflicts_with = "no_cache")]
    pub cache_dir: Option<PathBuf>,
}

#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Output")]
pub struct OutputArguments {
    /// Count the findings per codemod
    #[arg(long)]
    pub statistics: bool,
    #[command(flatten)]
    pub voice: VoiceArguments,
}

/// How loud and how colourful; every command that prints has these.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Output")]
pub struct VoiceArguments {
    /// When to use colours
    #[arg(long, value_enum, default_value_t, value_name = "WHEN")]
    pub color: ColorChoice,
    /// Print results and errors only: no progress, no summary
    #[arg(long, short, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Also print what was recognised and left alone, and why
    #[arg(long, short)]
    pub verbose: bool,
}

#[derive(Debug, Args)]
pub struct ExplainArguments {
    /// A codemod's name, or FILE:LINE
    #[arg(value_name = "NAME|FILE:LINE")]
    pub subject: String,
    #[command(flatten)]
    pub selection: SelectionArguments,
    #[command(flatten)]
    pub configuration: ConfigurationArguments,
    #[command(flatten)]
    pub voice: VoiceArguments,
}

#[derive(Debug, Args)]
pub struct UndoArguments {
    /// The run to undo, as `--list` names it (default: the last one that was not undone)
    pub run: Option<String>,
    /// List the runs that can be undone
    #[arg(long, conflicts_with = "run")]
    pub list: bool,
    #[command(flatten)]
    pub voice: VoiceArguments,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless NO_COLOR is set
    #[default]
    Auto,
    Always,
    Never,
}
