//! Finding everything that is wrong: each value on its own, wherever it comes from, then all of
//! them together.

use std::ffi::{OsStr, OsString};

use crate::Stop;
use crate::file::Contents;
use crate::given::{Given, argument};
use crate::known::{Known, Opt};
use crate::problem::{Problem, Source};

/// What is wrong with the values of a file, also with those that something else overrides.
#[must_use]
pub fn values_of(file: &Contents) -> Vec<Problem> {
    let source = Source::File(file.path.clone().unwrap_or_default());
    let values = file.values.iter();
    values.filter_map(|(option, value)| wrong(option, value, &source)).collect()
}

fn wrong(option: &Opt, value: &OsStr, source: &Source) -> Option<Problem> {
    let why = option.check(value).err()?;
    Some(Problem::BadValue { flag: option.key().to_owned(), origin: source.clone(), why })
}

/// All that a program is told.
pub struct Sources<'a> {
    /// The command line as it is.
    pub args: &'a [OsString],
    /// The program's options.
    pub known: &'a Known,
    /// What the command line says.
    pub given: &'a Given,
    /// What the file says.
    pub file: &'a Contents,
}

impl Sources<'_> {
    fn options(&self) -> impl Iterator<Item = &Opt> {
        self.known.options(self.given.command())
    }

    /// What is wrong with flags and variables, one by one.
    #[must_use]
    pub fn each_alone(&self) -> Vec<Problem> {
        let flags = self.given.options.iter().filter_map(|given| {
            let option = self.options().find(|option| option.long == given.long)?;
            match &given.value {
                Some(value) => wrong(option, value, &Source::Flag),
                None => Some(Problem::NoValue(given.long.clone())),
            }
        });
        let variables = self.options().filter_map(|option| {
            let (name, value) = option.env.as_ref()?;
            wrong(option, value.as_deref()?, &Source::Environment(name.clone()))
        });
        flags.chain(variables).collect()
    }

    /// What is wrong with all of them together, asked with arguments that need no environment. What is wrong alone is left out, as if nobody had
    /// said it; where the program cannot do without, nothing more is found.
    pub fn together(
        &self,
        ask: impl FnOnce(Vec<OsString>) -> Result<Vec<String>, Stop>,
    ) -> Vec<Problem> {
        let Some(args) = self.without_wrong() else { return Vec::new() };
        match ask(args) {
            Ok(unsound) => unsound.into_iter().map(Problem::Unsound).collect(),
            Err(Stop::Misused(text) | Stop::Said(text)) => vec![Problem::Misused(sentence(&text))],
        }
    }

    fn without_wrong(&self) -> Option<Vec<OsString>> {
        let mut more = Vec::new();
        for (option, value) in self.file.used(self.given) {
            if option.check(&value).is_ok() {
                more.push((option, value));
            } else if option.required {
                return None;
            }
        }
        for option in self.options() {
            let Some(value) = option.from_env().filter(|_| !self.given.gives(option)) else {
                continue;
            };
            if option.check(value).is_ok() {
                more.push((option.clone(), value.to_owned()));
            } else if option.required {
                return None;
            }
        }
        let mut kept: Vec<Option<&OsString>> = self.args.iter().map(Some).collect();
        for given in &self.given.options {
            let option = self.options().find(|option| option.long == given.long)?;
            if given.value.as_ref().is_none_or(|value| option.check(value).is_err()) {
                if option.required {
                    return None;
                }
                kept.get_mut(given.at.clone())?.fill(None);
            }
        }
        let place = self.given.place().min(kept.len());
        let more: Vec<_> = more.iter().map(|(option, value)| argument(option, value)).collect();
        let (before, after) = kept.split_at(place);
        Some(
            before
                .iter()
                .flatten()
                .copied()
                .chain(&more)
                .chain(after.iter().flatten().copied())
                .cloned()
                .collect(),
        )
    }
}

/// The parser's words without the usage behind them, on one line.
fn sentence(text: &str) -> String {
    let text = text.split("\n\nUSAGE").next().unwrap_or_default();
    let words: Vec<_> = text.trim_start_matches("error: ").split_whitespace().collect();
    words.join(" ")
}
