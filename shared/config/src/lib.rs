//! What a process is told: by flags, else by the environment, else by a TOML file, else by
//! defaults. structopt reads flags, environment and defaults; this crate puts the file between
//! them, says where each value comes from, and finds everything that is wrong at once.
//!
//! What can come from the environment can come from the file, under the name of its flag.
//!
//! | file | rule |
//! |---|---|
//! | [`known`] | which options a program has, asked of the parser itself |
//! | [`given`] | what the command line says, before anything is checked |
//! | [`file`] | which values a file has for a program, and which keys it should not have |
//! | [`check`] | every option on its own, then all of them together |
//! | [`effective`] | the values that hold, and where each comes from |
//! | [`problem`] | everything that can be wrong |
//! | [`secret`] | what is never printed |

pub mod check;
pub mod effective;
pub mod file;
pub mod given;
pub mod known;
pub mod problem;
pub mod secret;

use std::ffi::OsString;

use structopt::StructOpt;
use structopt::clap::{App, AppSettings, Arg, ArgSettings, Shell, SubCommand};

use given::Given;
use known::Known;

/// Why a program ends before it began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// It has printed what it was asked for: this text belongs on standard output.
    Said(String),
    /// It was told something that makes no sense: this text belongs on standard error.
    Misused(String),
}

impl Stop {
    /// The same without the secrets among these values: the parser quotes what it does not expect.
    fn without(self, values: &[String]) -> Self {
        let mask = |text: String| {
            let secrets = values.iter().filter(|value| secret::holds_a_secret(value));
            secrets.fold(text, |text, value| text.replace(value.as_str(), &secret::masked(value)))
        };
        match self {
            Self::Said(text) => Self::Said(mask(text)),
            Self::Misused(text) => Self::Misused(mask(text)),
        }
    }
}

const CONFIG_HELP: &str = "A TOML file with values for options that neither a flag nor the \
environment gives: catalog, cluster-token, insecure, log-format, mutual-tls, replicas, tls-ca, \
tls-cert and tls-key at its top, for every program; the rest by flag's name in the program's table, as in [toystore-order]";

/// Reads the arguments of this process. `together` says what is wrong with options that are each
/// fine alone; it is asked only by `--check-config`, since a start finds out by itself.
///
/// # Errors
/// The program is not to run: help was asked for, or something is wrong.
pub fn read<T: StructOpt>(together: impl Fn(&T) -> Vec<String>) -> Result<T, Stop> {
    read_from(std::env::args_os().collect(), together)
}

/// Reads these arguments, the program's name first.
///
/// # Errors
/// As [`read`].
pub fn read_from<T: StructOpt>(
    args: Vec<OsString>,
    together: impl Fn(&T) -> Vec<String>,
) -> Result<T, Stop> {
    let app = extended(T::clap());
    let known = Known::of(&app);
    let arguments = args.iter().map(|arg| arg.to_string_lossy().into_owned());
    let values: Vec<_> = arguments
        .flat_map(|arg| [arg.split_once('=').map(|(_, value)| value.to_owned()), Some(arg)])
        .flatten()
        .collect();
    parse_all(app, &known, args, together).map_err(|stop| stop.without(&values))
}

fn parse_all<T: StructOpt>(
    app: App<'_, '_>,
    known: &Known,
    args: Vec<OsString>,
    together: impl Fn(&T) -> Vec<String>,
) -> Result<T, Stop> {
    let args = given::spelt_out(args, known);
    let given = Given::read(&args, known);
    if given.wants_help() {
        return parse(app, args).map(|matches| T::from_clap(&matches));
    }
    if given.command() == Some("completions") {
        let matches = parse(app, args)?;
        return Err(Stop::Said(completions(extended(T::clap()), &matches)));
    }
    let mut file = file::read(known, &given);
    let mut problems = std::mem::take(&mut file.problems);
    problems.extend(check::values_of(&file));
    if given.has("check-config") {
        let sources = check::Sources { args: &args, known, given: &given, file: &file };
        problems.extend(sources.each_alone());
        problems.extend(sources.together(|args| {
            Ok(together(&T::from_clap(&parse(without_environment(extended(T::clap())), args)?)))
        }));
    }
    if !problems.is_empty() {
        let lines: Vec<_> = problems.iter().map(|problem| format!("error: {problem}")).collect();
        return Err(Stop::Misused(lines.join("\n")));
    }
    if given.has("check-config") && !given.has("print-config") {
        return Err(Stop::Said("The configuration is sound.".to_owned()));
    }
    let matches = parse(app, given.with(&args, &file.used(&given)))?;
    if given.has("print-config") {
        return Err(Stop::Said(effective::print(known, &given, &file, &matches)));
    }
    Ok(T::from_clap(&matches))
}

/// The program's options, and those that every program has.
fn extended<'a>(app: App<'a, 'a>) -> App<'a, 'a> {
    let alone = app.p.subcommands.is_empty();
    let shells = SubCommand::with_name("completions")
        .about("Prints a script that completes this program's options in a shell")
        .arg(Arg::with_name("SHELL").required(true).possible_values(&["bash", "zsh", "fish"]));
    let app = app
        .arg(
            Arg::with_name("config")
                .long("config")
                .value_name("FILE")
                .env("TOYSTORE_CONFIG")
                .global(true)
                .help(CONFIG_HELP),
        )
        .arg(
            Arg::with_name("print-config")
                .long("print-config")
                .global(true)
                .help("Prints what holds, as such a file, with where each value comes from"),
        )
        .arg(
            Arg::with_name("check-config")
                .long("check-config")
                .global(true)
                .help("Says everything that is wrong with it, and exits with 0 or 2"),
        )
        .subcommand(shells);
    let app = without_values_in_help(app);
    match alone {
        true => app
            .setting(AppSettings::SubcommandsNegateReqs)
            .setting(AppSettings::DisableHelpSubcommand),
        false => app,
    }
}

/// Left to itself the help shows what the environment says: addresses with passwords, or a token.
fn without_values_in_help<'a>(mut app: App<'a, 'a>) -> App<'a, 'a> {
    app.p.opts.iter_mut().for_each(|option| option.b.set(ArgSettings::HideEnvValues));
    app.p.global_args.iter_mut().for_each(|option| option.b.set(ArgSettings::HideEnvValues));
    app.p.subcommands = app.p.subcommands.into_iter().map(without_values_in_help).collect();
    app
}

/// The parser looks at a variable even where a flag is given.
fn without_environment<'a>(mut app: App<'a, 'a>) -> App<'a, 'a> {
    app.p.opts.iter_mut().for_each(|option| option.v.env = None);
    app.p.global_args.iter_mut().for_each(|option| option.v.env = None);
    app.p.subcommands = app.p.subcommands.into_iter().map(without_environment).collect();
    app
}

fn parse<'a>(
    app: App<'a, 'a>,
    args: Vec<OsString>,
) -> Result<structopt::clap::ArgMatches<'a>, Stop> {
    app.get_matches_from_safe(args).map_err(|error| match error.use_stderr() {
        true => Stop::Misused(error.message),
        false => Stop::Said(error.message),
    })
}

fn completions(mut app: App<'_, '_>, matches: &structopt::clap::ArgMatches<'_>) -> String {
    let asked = matches.subcommand_matches("completions").and_then(|it| it.value_of("SHELL"));
    let shell = match asked {
        Some("zsh") => Shell::Zsh,
        Some("fish") => Shell::Fish,
        _ => Shell::Bash,
    };
    let (name, mut script) = (app.get_name().to_owned(), Vec::new());
    app.gen_completions_to(name, shell, &mut script);
    String::from_utf8_lossy(&script).into_owned()
}
