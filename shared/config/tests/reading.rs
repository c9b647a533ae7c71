//! Flags before a file before defaults, for a program with commands and one without; what the
//! environment says is checked with the store's own programs.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::PathBuf;

use structopt::StructOpt;
use tempfile::TempDir;
use toystore_config::{Stop, read_from};

/// A program of its own.
#[derive(Debug, PartialEq, StructOpt)]
#[structopt(name = "toystore-order")]
struct Alone {
    /// Which
    #[structopt(long, env = "CONFIG_TEST_ID")]
    id: u8,
    /// Where
    #[structopt(long, env = "CONFIG_TEST_DATA", default_value = "data")]
    data: PathBuf,
    /// When
    #[structopt(long, env = "CONFIG_TEST_WHEN")]
    when: Option<u64>,
    /// No matter of a file
    #[structopt(long)]
    once: Option<u64>,
}

/// A program with commands.
#[derive(Debug, PartialEq, StructOpt)]
#[structopt(name = "toystore-catalog")]
struct Many {
    /// How
    #[structopt(long, global = true, env = "CONFIG_TEST_LOG", default_value = "text")]
    log_format: String,
    #[structopt(subcommand)]
    command: Command,
}

#[derive(Debug, PartialEq, StructOpt)]
enum Command {
    /// One
    Serve {
        #[structopt(short = "l", long, env = "CONFIG_TEST_LISTEN", default_value = "here")]
        listen: String,
        #[structopt(name = "TOY")]
        toys: Vec<String>,
    },
    /// Other
    Recover {
        #[structopt(long, env = "CONFIG_TEST_FROM")]
        from: Option<u8>,
    },
}

/// A folder with a file of this text.
fn file(text: &str) -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.toml");
    std::fs::write(&path, text).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (folder, path)
}

fn alone(args: &[&str]) -> Result<Alone, Stop> {
    let args = ["order"].iter().chain(args).map(Into::into).collect();
    read_from(args, |alone: &Alone| match alone.id {
        9 => vec!["nine is odd".to_owned(), "and too many".to_owned()],
        _ => Vec::new(),
    })
}

fn many(args: &[&str]) -> Result<Many, Stop> {
    let args = ["catalog"].iter().chain(args).map(Into::into).collect();
    read_from(args, |_: &Many| Vec::new())
}

fn misused<T: std::fmt::Debug>(outcome: Result<T, Stop>) -> Vec<String> {
    match outcome {
        Err(Stop::Misused(text)) => text.lines().map(str::to_owned).collect(),
        other => panic!("{other:?}"),
    }
}

fn said<T: std::fmt::Debug>(outcome: Result<T, Stop>) -> String {
    match outcome {
        Err(Stop::Said(text)) => text,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_flag_comes_before_the_file_and_the_file_before_the_default() {
    let (_folder, path) = file("[toystore-order]\nid = 3\nwhen = 5\ndata = \"there\"\n");
    let read = alone(&["--config", &path, "--when=7"]).unwrap();
    let expected = Alone { id: 3, data: "there".into(), when: Some(7), once: None };
    assert_eq!(read, expected);
    let read = alone(&["--id", "4"]).unwrap();
    assert_eq!((read.id, read.data, read.when), (4, "data".into(), None));
}

#[test]
fn a_command_gets_what_is_its_own() {
    let text = "log-format = \"json\"\n[toystore-catalog]\nlisten = \"file\"\nfrom = 2\n\
                [toystore-order]\nnonsense = 1\n";
    let (_folder, path) = file(text);
    let serve = |listen: &str, log: &str, toys: &[&str]| Many {
        log_format: log.to_owned(),
        command: Command::Serve {
            listen: listen.to_owned(),
            toys: toys.iter().map(|toy| (*toy).to_owned()).collect(),
        },
    };
    let read = |args: &[&str]| many(&[&["--config", &path], args].concat()).unwrap();
    assert_eq!(read(&["serve"]), serve("file", "json", &[]));
    assert_eq!(read(&["serve", "-l", "flag", "Tux"]), serve("flag", "json", &["Tux"]));
    assert_eq!(read(&["serve", "-lflag"]), serve("flag", "json", &[]));
    assert_eq!(read(&["--log-format", "x", "serve", "Tux"]), serve("file", "x", &["Tux"]));
    assert_eq!(read(&["serve", "--log-format=x"]), serve("file", "x", &[]));
    assert_eq!(read(&["recover"]).command, Command::Recover { from: Some(2) });
    let after = many(&["serve", "--config", &path]).unwrap();
    assert_eq!(after, serve("file", "json", &[]));
}

#[test]
fn what_holds_is_printed_with_its_source_and_can_be_read_again() {
    let (_folder, path) = file("[toystore-order]\nid = 3\ndata = 'a \"b\"'\n");
    let printed = said(alone(&["--config", &path, "--when", "7", "--print-config"]));
    for line in ["when = 7 # flag", &format!("id = 3 # file {path}"), "[toystore-order]"] {
        assert!(printed.lines().any(|it| it == line), "{line} in {printed}");
    }
    let (_folder, again) = file(&printed);
    let read = alone(&["--config", &again]).unwrap();
    assert_eq!(read, Alone { id: 3, data: "a \"b\"".into(), when: Some(7), once: None });
    let printed = said(alone(&["--id=1", "--data=x://u:secret@h", "--print-config"]));
    assert!(!printed.contains("secret") && printed.contains("# when is not set"), "{printed}");
    // The parser quotes what it does not expect.
    for args in [&["--id=1", "http://u:secret@h"][..], &["--id=1", "--when=7=u:secret@h"]] {
        let wrong = misused(alone(args));
        assert!(!wrong.concat().contains("secret"), "{wrong:?}");
    }
}

#[test]
fn an_unknown_key_is_refused_with_the_one_that_is_meant() {
    for (text, why) in [
        ("[toystore-order]\nwehn = 1\n", "[toystore-order] has no key wehn; did you mean when?"),
        ("[toystore-order]\nonce = 1\n", "has no key once"),
        ("replica = \"x\"\n", "the top has no key replica; did you mean replicas?"),
        ("[toystore-oder]\nid = 1\n", "did you mean [toystore-order]?"),
        ("data = \"x\"\n", "data at the top is not for every program; write it below"),
        ("[toystore-order]\nid = 1979-05-27\n", "id wants a text"),
        ("[toystore-order]\nid = 300\n", "--id, from file "),
        ("\n\nsecret-0123456789\n", "line 3: this is no TOML"),
    ] {
        let (_folder, path) = file(text);
        let wrong = misused(alone(&["--id=1", "--config", &path]));
        assert!(wrong.len() == 1 && wrong[0].contains(why), "{why} in {wrong:?}");
        assert!(!wrong[0].contains("secret"), "{wrong:?}");
    }
    let wrong = misused(alone(&["--config=/nowhere/store.toml"]));
    assert!(wrong[0].contains("cannot read /nowhere/store.toml"), "{wrong:?}");
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let (_folder, path) = file("[toystore-order]\nwehn = 1\nwhen = \"x\"\n");
    let wrong = misused(alone(&["--config", &path, "--once=y", "--id=9", "--check-config"]));
    for why in ["wehn", "--when, from file", "--once, from flag", "nine is odd", "too many"] {
        assert!(wrong.iter().any(|it| it.contains(why)), "{why} in {wrong:?}");
    }
    assert_eq!(wrong.len(), 5, "{wrong:?}");
    let wrong = misused(alone(&["--check-config"]));
    assert!(wrong.len() == 1 && wrong[0].contains("--id"), "{wrong:?}");
    let wrong = misused(alone(&["--check-config", "--id=1", "--more"]));
    assert!(wrong.len() == 1 && wrong[0].contains("--more"), "{wrong:?}");
    assert_eq!(said(alone(&["--check-config", "--id=1"])), "The configuration is sound.");
}

#[test]
fn help_and_completions_need_nothing_else() {
    assert!(said(alone(&["--help", "--config=/nowhere"])).contains("--check-config"));
    assert!(said(many(&["help", "serve"])).contains("--listen"));
    for shell in ["bash", "zsh", "fish"] {
        for script in [said(alone(&["completions", shell])), said(many(&["completions", shell]))] {
            assert!(script.contains("print-config"), "{script}");
        }
    }
    misused(many(&["completions", "tcsh"]));
}

/// A program with a flag that may stand alone.
#[derive(Debug, PartialEq, StructOpt)]
#[structopt(name = "toystore-order")]
struct Brave {
    /// Whether
    #[structopt(
        long,
        env = "CONFIG_TEST_BRAVE",
        default_value = "off",
        min_values = 0,
        require_equals = true
    )]
    brave: String,
    #[structopt(name = "WORD")]
    words: Vec<String>,
}

#[test]
fn a_flag_that_stands_alone_means_on_and_comes_before_the_file() {
    let read = |args: &[&str]| {
        let args = ["order"].iter().chain(args).map(Into::into).collect();
        read_from(args, |_: &Brave| Vec::new())
    };
    let brave = |args: &[&str]| read(args).unwrap().brave;
    let (_folder, path) = file("[toystore-order]\nbrave = true\n");
    assert_eq!([&[][..], &["--brave"], &["--brave=off"]].map(brave), ["off", "on", "off"]);
    assert_eq!(brave(&["--config", &path]), "on");
    assert_eq!(brave(&["--config", &path, "--brave=off"]), "off");
    // What follows is no value of it.
    let with_words = Brave { brave: "on".to_owned(), words: vec!["off".to_owned()] };
    assert_eq!(read(&["--brave", "off"]).unwrap(), with_words);
    assert_eq!(read(&["--", "--brave"]).unwrap().words, ["--brave"]);
    let printed = said(read(&["--brave", "--print-config"]));
    assert!(printed.contains("brave = \"on\" # flag"), "{printed}");
    assert_eq!(said(read(&["--brave", "--check-config"])), "The configuration is sound.");
}
