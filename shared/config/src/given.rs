//! What the command line says, before anything is checked: options by their flags, and where the
//! command is.

use std::ffi::{OsStr, OsString};
use std::ops::Range;

use crate::known::{Known, Opt};

/// An option on the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Occurrence {
    /// The option's flag, without the dashes.
    pub long: String,
    /// Which of the arguments it is made of.
    pub at: Range<usize>,
    /// Its value; none where the command line ends too early.
    pub value: Option<OsString>,
}

/// A command line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Given {
    /// The options that have values.
    pub options: Vec<Occurrence>,
    /// Flags without one, as they are written, known or not.
    flags: Vec<String>,
    /// The command, and which argument it is.
    command: Option<(usize, String)>,
}

impl Given {
    /// Reads the arguments, the program's name first.
    #[must_use]
    pub fn read(args: &[OsString], known: &Known) -> Self {
        let mut given = Self::default();
        let mut at = 1;
        while let Some(arg) = args.get(at).filter(|arg| *arg != "--") {
            let text = arg.to_string_lossy();
            at = match given.option(&text, known) {
                Some((option, attached)) => {
                    let (long, next) = (option.long.clone(), at + 1 + usize::from(!attached));
                    let value = if attached { value_in(arg) } else { args.get(at + 1).cloned() };
                    given.options.push(Occurrence { long, at: at..next.min(args.len()), value });
                    next
                }
                None => {
                    given.other(at, &text, known);
                    at + 1
                }
            };
        }
        given
    }

    /// The option that an argument is, and whether its value is in the same argument.
    fn option<'a>(&self, text: &str, known: &'a Known) -> Option<(&'a Opt, bool)> {
        if let Some(long) = text.strip_prefix("--") {
            let (name, attached) =
                long.split_once('=').map_or((long, false), |(name, _)| (name, true));
            let option = known.options(self.command()).find(|option| option.long == name)?;
            return Some((option, attached));
        }
        let mut letters = text.strip_prefix('-')?.chars();
        let letter = letters.next()?;
        let option = known.options(self.command()).find(|option| option.short == Some(letter))?;
        Some((option, letters.next().is_some()))
    }

    fn other(&mut self, at: usize, text: &str, known: &Known) {
        if text.starts_with('-') {
            self.flags.push(text.to_owned());
        } else if self.command.is_none() {
            let known = known.commands.iter().any(|level| level.name == text) || text == "help";
            self.command = known.then(|| (at, text.to_owned()));
        }
    }

    /// The command.
    #[must_use]
    pub fn command(&self) -> Option<&str> {
        self.command.as_ref().map(|(_, name)| name.as_str())
    }

    /// Whether a flag without a value is there.
    #[must_use]
    pub fn has(&self, flag: &str) -> bool {
        self.flags.iter().any(|given| given.strip_prefix("--") == Some(flag))
    }

    /// Whether the parser will only explain something.
    #[must_use]
    pub fn wants_help(&self) -> bool {
        let explains = |flag: &String| ["-h", "--help", "-V", "--version"].contains(&flag.as_str());
        self.command() == Some("help") || self.flags.iter().any(explains)
    }

    /// The last value given with a flag.
    #[must_use]
    pub fn value(&self, long: &str) -> Option<&OsStr> {
        let of = |occurrence: &&Occurrence| occurrence.long == long;
        self.options.iter().rev().find(of).and_then(|occurrence| occurrence.value.as_deref())
    }

    /// Whether an option is given, or the one that a hidden option stands in for.
    #[must_use]
    pub fn gives(&self, option: &Opt) -> bool {
        self.options.iter().any(|it| it.long == option.long || it.long == option.key())
    }

    /// Which argument is the first behind the command.
    #[must_use]
    pub fn place(&self) -> usize {
        self.command.as_ref().map_or(1, |(at, _)| at + 1)
    }

    /// The arguments, with more options in front of those of the command.
    #[must_use]
    pub fn with(&self, args: &[OsString], more: &[(Opt, OsString)]) -> Vec<OsString> {
        let place = self.place().min(args.len());
        let mut all = args[..place].to_vec();
        all.extend(more.iter().map(|(option, value)| argument(option, value)));
        all.extend_from_slice(&args[place..]);
        all
    }
}

/// The arguments, with "on" behind each flag that stands alone though it may have a value.
#[must_use]
pub fn spelt_out(args: Vec<OsString>, known: &Known) -> Vec<OsString> {
    let levels = std::iter::once(&known.program).chain(&known.commands);
    let flags: Vec<_> = levels.flat_map(|level| &level.options).filter(|it| it.alone).collect();
    let end = args.iter().position(|arg| arg == "--").unwrap_or(args.len());
    let spelt_out = |(at, arg): (usize, OsString)| {
        let alone =
            |flag: &&&Opt| arg.to_str().and_then(|it| it.strip_prefix("--")) == Some(&flag.long);
        match flags.iter().find(alone).filter(|_| at < end) {
            Some(flag) => argument(flag, OsStr::new("on")),
            None => arg,
        }
    };
    args.into_iter().enumerate().map(spelt_out).collect()
}

/// `--flag=value`.
#[must_use]
pub fn argument(option: &Opt, value: &OsStr) -> OsString {
    let mut argument = OsString::from(format!("--{}=", option.long));
    argument.push(value);
    argument
}

/// What stands behind the flag in one argument: `--flag=value`, `-f=value` or `-fvalue`.
fn value_in(arg: &OsStr) -> Option<OsString> {
    let text = arg.to_str()?;
    match text.strip_prefix("--") {
        Some(long) => long.split_once('=').map(|(_, value)| value.into()),
        None => text.get(2..).map(|value| value.strip_prefix('=').unwrap_or(value).into()),
    }
}
