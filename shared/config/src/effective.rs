//! The values that hold, and where each comes from, in the words of a file that says the same.

use std::fmt::Write;

use structopt::clap::ArgMatches;
use toml::Value;

use crate::file::Contents;
use crate::given::Given;
use crate::known::{Known, Opt};
use crate::problem::Source;
use crate::secret::{holds_a_secret, names_a_file};

/// A file with the values that hold.
#[must_use]
pub fn print(known: &Known, given: &Given, file: &Contents, matches: &ArgMatches<'_>) -> String {
    let program = &known.program.name;
    let mut text =
        format!("# What holds for {program}; --config reads files like this.\n[{program}]\n");
    for option in known.options(given.command()).filter(|option| option.is_setting()) {
        let source = source(option, given, file);
        let line = match value(option, known, given, matches) {
            Some(value) if holds_a_secret(&value) => {
                format!("# {} holds a password or a key and is not shown # {source}", option.key())
            }
            Some(value) if option.key().ends_with("-token") && !names_a_file(value.as_ref()) => {
                format!("# {} names no file and is not shown # {source}", option.key())
            }
            Some(value) => format!("{} = {} # {source}", option.key(), literal(&value)),
            None => format!("# {} is not set", option.key()),
        };
        // Writing to a text cannot fail.
        let _ = writeln!(text, "{line}");
    }
    text
}

fn source(option: &Opt, given: &Given, file: &Contents) -> Source {
    let in_file = file.values.iter().any(|(known, _)| known.long == option.long);
    match (&option.env, &file.path) {
        _ if given.gives(option) => Source::Flag,
        (Some((name, Some(_))), _) => Source::Environment(name.clone()),
        (_, Some(path)) if in_file => Source::File(path.clone()),
        _ => Source::Default,
    }
}

/// What the parser made of it all; a list is one text again.
fn value(option: &Opt, known: &Known, given: &Given, matches: &ArgMatches<'_>) -> Option<String> {
    let shown = match given.gives(option) {
        true => known.options(given.command()).find(|other| other.long == option.key()),
        false => None,
    };
    let option = shown.unwrap_or(option);
    let of_command = given.command().and_then(|command| matches.subcommand_matches(command));
    let matches = of_command.filter(|it| it.is_present(&option.name)).unwrap_or(matches);
    let mut values = matches.values_of_os(&option.name)?.map(|value| value.to_string_lossy());
    if option.delimiter.is_some() {
        let all: Vec<_> = values.collect();
        return Some(all.join(","));
    }
    // The parser puts a variable's value behind that of the flag, which is the one that counts.
    values.next().map(Into::into)
}

fn literal(value: &str) -> String {
    let number = value.parse::<i64>().ok().filter(|number| number.to_string() == value);
    number.map_or_else(|| Value::from(value), Value::from).to_string()
}
