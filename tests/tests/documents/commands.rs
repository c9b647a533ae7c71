//! Programs and scripts, and the options that each says it has.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use toystore_tests::store::program;

use crate::pages::{files, root};

/// The programs of the store, and their subcommands.
const PROGRAMS: [(&str, &[&str]); 5] = [
    ("catalog", &["serve", "recover", "force-leader", "completions"]),
    ("order", &["completions"]),
    ("front-end", &["completions"]),
    ("client", &["buy", "get", "order", "run", "load", "status", "completions"]),
    (
        "inspect",
        &[
            "dump",
            "diff",
            "stats",
            "verify",
            "backup",
            "restore",
            "export",
            "import",
            "completions",
        ],
    ),
];

/// The options of everything that explains itself, by name: `scripts/stop.sh`,
/// `toystore-inspect`, `toystore-inspect diff`.
pub struct Known(BTreeMap<String, BTreeSet<String>>);

impl Known {
    /// Asks every program, and reads every script.
    pub fn new() -> Self {
        let mut known = BTreeMap::new();
        for (service, subcommands) in PROGRAMS {
            let name = format!("toystore-{service}");
            for subcommand in subcommands {
                let help = help(Command::new(program(&name)).arg(subcommand));
                known.insert(format!("{name} {subcommand}"), options(&help));
            }
            known.insert(name.clone(), options(&help(&mut Command::new(program(&name)))));
        }
        for path in files(&root().join("scripts")) {
            let name = path.strip_prefix(root()).unwrap().to_str().unwrap();
            if name.ends_with(".sh") {
                let text = std::fs::read_to_string(&path).unwrap();
                // `--help` prints the comment at the top.
                let top = text.lines().skip(1).map_while(|line| line.strip_prefix('#'));
                let top: Vec<_> = top.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect();
                known.insert(name.to_owned(), options(&top.join("\n")));
            }
        }
        Self(known)
    }

    /// What is wrong with a command line, if it is one of a known program.
    pub fn judge(&self, words: &[&str]) -> Option<String> {
        let name = known_name(words.first()?);
        let subcommand = words.get(1).map(|second| format!("{name} {second}"));
        let general = self.0.get(&name);
        if general.is_none() {
            let ours = name.starts_with("toystore-") || name.starts_with("scripts/");
            let whole = !name.contains('…') && !name.ends_with(".fish");
            return (ours && whole).then(|| format!("there is no {name}"));
        }
        let special = subcommand.and_then(|name| self.0.get(&name));
        let has = |option: &str| {
            [general, special].into_iter().flatten().any(|options| options.contains(option))
        };
        let mut given = words.iter().filter_map(|word| option(word));
        given.find(|option| !has(option)).map(|option| format!("{name} has no {option}"))
    }

    /// Whether anything has this option.
    pub fn has(&self, option: &str) -> bool {
        self.0.values().any(|options| options.contains(option))
    }
}

/// A program by its own name, wherever it is.
fn known_name(word: &str) -> String {
    let base = word.rsplit('/').next().unwrap();
    if base.starts_with("toystore-") && word != base { base.to_owned() } else { word.to_owned() }
}

/// The option that a word gives: `--data` of `--data=x`.
pub fn option(word: &str) -> Option<&str> {
    let named = word.starts_with("--") && word.len() > 2;
    named.then(|| word.split_once('=').map_or(word, |(option, _)| option))
}

fn help(command: &mut Command) -> String {
    let output = command.arg("--help").output().unwrap();
    assert!(output.status.success(), "{command:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The options that a text explains: each at the beginning of a line, a script's also in its usage.
fn options(help: &str) -> BTreeSet<String> {
    let mut options = BTreeSet::new();
    for line in help.lines() {
        let words: Vec<_> = line.split([' ', '[', ']']).filter(|word| !word.is_empty()).collect();
        let usage = line.starts_with("Usage:") || line.starts_with("              ");
        let explained = if usage { words.len() } else { 2 };
        options.extend(words.into_iter().take(explained).filter_map(option).map(str::to_owned));
    }
    options
}

#[test]
fn a_command_with_an_option_that_is_not_there_is_seen() {
    let known = Known::new();
    let judge = |line: &str| known.judge(&line.split(' ').collect::<Vec<_>>());
    assert_eq!(judge("scripts/start.sh --replicas 5"), None);
    assert_eq!(judge("target/release/toystore-inspect dump x --to 3"), None);
    assert_eq!(judge("curl --what"), None);
    assert_eq!(judge("scripts/start.sh --many"), Some("scripts/start.sh has no --many".to_owned()));
    for wrong in ["toystore-inspect diff --to 3", "toystore-store", "scripts/begin.sh"] {
        assert!(judge(wrong).is_some(), "{wrong}");
    }
}
