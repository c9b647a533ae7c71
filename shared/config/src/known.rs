//! Which options a program has. clap 2 tells only through its parser, which is public though
//! undocumented; it is the last release of that line, so nothing there moves any more.

use std::ffi::{OsStr, OsString};
use std::rc::Rc;

use structopt::clap::App;

type Validator = Rc<dyn Fn(String) -> Result<(), String>>;

/// An option that takes a value.
#[derive(Clone)]
pub struct Opt {
    /// What the parser calls it.
    pub name: String,
    /// Its flag, without the dashes.
    pub long: String,
    /// Its short flag.
    pub short: Option<char>,
    /// The environment's variable for it, and what that says.
    pub env: Option<(String, Option<OsString>)>,
    /// What parts several values in one text.
    pub delimiter: Option<char>,
    /// Whether its flag may stand alone, which means "on".
    pub alone: bool,
    /// Whether the program wants it.
    pub required: bool,
    /// Says whether a value is one.
    validator: Option<Validator>,
}

impl Opt {
    /// Its name in a file. A list that falls back on the environment is read by a hidden option
    /// named after it.
    #[must_use]
    pub fn key(&self) -> &str {
        self.long.strip_suffix("-otherwise").unwrap_or(&self.long)
    }

    /// Whether a file may set it: what is no matter of a single run has a variable.
    #[must_use]
    pub fn is_setting(&self) -> bool {
        self.env.is_some() && self.name != "config"
    }

    /// What the environment says.
    #[must_use]
    pub fn from_env(&self) -> Option<&OsStr> {
        self.env.as_ref().and_then(|(_, value)| value.as_deref())
    }

    /// Checks a value.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self, value: &OsStr) -> Result<(), String> {
        let Some(validator) = &self.validator else { return Ok(()) };
        let text = value.to_str().ok_or("is not UTF-8")?;
        match self.delimiter {
            Some(delimiter) => {
                text.split(delimiter).try_for_each(|part| validator(part.to_owned()))
            }
            None => validator(text.to_owned()),
        }
    }
}

/// A command of a program, or the program itself, with its options.
#[derive(Clone)]
pub struct Level {
    /// Its name.
    pub name: String,
    /// Its options with values.
    pub options: Vec<Opt>,
}

/// A program.
pub struct Known {
    /// What holds for every command.
    pub program: Level,
    /// Its commands.
    pub commands: Vec<Level>,
}

impl Known {
    /// Asks the parser.
    #[must_use]
    pub fn of(app: &App<'_, '_>) -> Self {
        Self { program: level(app), commands: app.p.subcommands.iter().map(level).collect() }
    }

    /// The options that hold for a command: the program's, then its own.
    pub fn options(&self, command: Option<&str>) -> impl Iterator<Item = &Opt> {
        let own = self.commands.iter().find(|level| Some(level.name.as_str()) == command);
        self.program.options.iter().chain(own.into_iter().flat_map(|level| &level.options))
    }

    /// Every option that a file may set, for whichever command.
    pub fn settings(&self) -> impl Iterator<Item = &Opt> {
        let levels = std::iter::once(&self.program).chain(&self.commands);
        levels.flat_map(|level| &level.options).filter(|option| option.is_setting())
    }
}

fn level(app: &App<'_, '_>) -> Level {
    let options = app.p.opts.iter().map(|option| Opt {
        name: option.b.name.to_owned(),
        long: option.s.long.unwrap_or_default().to_owned(),
        short: option.s.short,
        env: option
            .v
            .env
            .as_ref()
            .map(|(name, value)| (name.to_string_lossy().into_owned(), value.clone())),
        delimiter: option.v.val_delim,
        alone: option.v.min_vals == Some(0),
        required: app.p.required.contains(&option.b.name),
        validator: option.v.validator.clone(),
    });
    Level { name: app.get_name().to_owned(), options: options.collect() }
}
