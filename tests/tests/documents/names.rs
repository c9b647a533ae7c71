//! What stands in code font: files, commands and their options, variables, metrics, tests.

use crate::commands::{Known, option};
use crate::pages::{Page, pages, root};
use crate::sources::Sources;

/// Options of others: of tests, and of the model checker.
const FOREIGN: [&str; 3] = ["--nocapture", "--list", "--client-token"];

/// Each text in code font, with where it is, one line of it at a time.
fn code(page: &Page) -> impl Iterator<Item = (usize, String)> {
    let spans = page.spans.iter().map(|span| (span.line, span.text.clone()));
    let blocks = page.blocks.iter().flat_map(|block| {
        let console = block.kind.starts_with("console");
        let shell = console || block.kind == "sh";
        let lines = block.text.lines().enumerate().filter(move |_| shell);
        let typed = lines.filter_map(move |(at, line)| {
            let typed = if console { line.strip_prefix("$ ")? } else { line };
            let typed = typed.split(" # ").next().unwrap();
            Some((block.line + 1 + at, typed.trim_start_matches("# ").to_owned()))
        });
        typed.collect::<Vec<_>>()
    });
    spans.chain(blocks)
}

/// The simple commands of a line, as words.
fn commands(line: &str) -> Vec<Vec<&str>> {
    let simple = line.split(['|', ';', '&', '(', ')', '<', '>', '`', '"', '\'']);
    let separators = [' ', '[', ']', ','];
    simple.map(|c| c.split(separators).filter(|word| !word.is_empty()).collect()).collect()
}

/// Complains of what `judge` finds wrong with the code of all pages.
fn all_pages(judge: impl Fn(&Page, &str) -> Vec<String>) {
    let mut wrong = Vec::new();
    for page in pages().values() {
        for (line, text) in code(page) {
            let found = judge(page, &text).into_iter();
            wrong.extend(found.map(|why| format!("{}:{line}: {why}", page.path)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_command_has_the_options_that_are_given_to_it() {
    let known = Known::new();
    all_pages(|_, text| {
        let commands = commands(text);
        let mut wrong: Vec<_> = commands.iter().filter_map(|words| known.judge(words)).collect();
        // An option that stands alone belongs to any of them.
        let alone = text.starts_with("--").then(|| text.split([' ', '[']).next().unwrap());
        let unknown = |option: &&str| !known.has(option) && !FOREIGN.contains(option);
        let alone = alone.and_then(option).filter(unknown);
        wrong.extend(alone.map(|option| format!("nothing has {option}")));
        wrong
    });
}

#[test]
fn every_file_that_is_named_is_there() {
    let sources = Sources::new();
    all_pages(|page, text| {
        let words = commands(text).concat();
        let missing = words.into_iter().filter(|word| !sources.has_file(page, word));
        missing.map(|word| format!("there is no {word}")).collect()
    });
}

#[test]
fn every_variable_is_read_somewhere() {
    let sources = Sources::new();
    all_pages(|_, text| {
        let names = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let names = names.filter(|name| name.starts_with("TOYSTORE_") && *name != "TOYSTORE_");
        let unknown = names.filter(|name| !sources.reads(name));
        unknown.map(|name| format!("nothing reads {name}")).collect()
    });
}

#[test]
fn every_metric_is_in_the_table() {
    let sources = Sources::new();
    let metrics = sources.metrics();
    all_pages(|_, text| {
        let names = text.split(|c: char| !c.is_ascii_lowercase() && c != '_');
        let names = names.filter(|name| name.starts_with("toystore_") && *name != "toystore_");
        let unknown = names.filter(|name| {
            let base = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
            !metrics.contains(*name)
                && !base.is_some_and(|base| metrics.contains(base))
                && !sources.crates().contains(&name.replace('_', "-"))
        });
        unknown.map(|name| format!("docs/metrics.md has no {name}")).collect()
    });
}

#[test]
fn every_test_that_is_named_is_there() {
    let sources = Sources::new();
    let tests = sources.tests();
    assert!(tests.len() > 100);
    for page in pages().values() {
        for span in &page.spans {
            let Some((target, function)) = span.text.split_once("::") else { continue };
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            let named = |name: &str| !name.is_empty() && name.chars().all(plain);
            // Elsewhere it may be a function or a module of something else.
            let meant = sources.has_target(target) || page.path == "docs/fault-model.md";
            if meant && named(target) && named(function) {
                let there = tests.contains(&(target.to_owned(), function.to_owned()));
                assert!(there, "{}:{}: there is no test {}", page.path, span.line, span.text);
            }
        }
    }
}

#[test]
fn every_fault_that_is_survived_has_its_test() {
    let text = std::fs::read_to_string(root().join("docs/fault-model.md")).unwrap();
    let survived = text.split("## What is not survived").next().unwrap();
    let rows =
        survived.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| fault"));
    let rows: Vec<_> = rows.collect();
    assert!(rows.len() > 30);
    for row in rows {
        assert!(row.rsplit('|').nth(1).unwrap().contains("::"), "no test: {row}");
    }
}

#[test]
fn every_reason_that_is_explained_is_given_somewhere() {
    let said = Sources::new().said();
    let pages = pages();
    let spans = pages["docs/operations.md"].spans.iter();
    let spans =
        spans.filter(|span| span.section == "Why it is not ready" && span.text.contains(' '));
    let mut reasons = 0;
    for span in
        spans.filter(|span| !span.text.starts_with(['/', '-']) && !span.text.starts_with("GET"))
    {
        reasons += 1;
        for part in span.text.split('…').map(|part| part.trim_matches([' ', ';'])) {
            assert!(said.contains(part), "line {}: nobody says {part:?}", span.line);
        }
    }
    assert!(reasons > 10);
}

#[test]
fn cargo_is_asked_for_what_there_is() {
    let sources = Sources::new();
    all_pages(|_, text| {
        let mut wrong = Vec::new();
        for words in commands(text).iter().filter(|words| words.first() == Some(&"cargo")) {
            for pair in words.windows(2) {
                let there = match pair[0] {
                    "-p" => sources.crates().contains(pair[1]),
                    "--test" => sources.has_target(pair[1]),
                    "--bin" => root().join(format!("tests/src/bin/{}.rs", pair[1])).exists(),
                    _ => true,
                };
                wrong.extend((!there).then(|| format!("there is no {} {}", pair[0], pair[1])));
            }
        }
        wrong
    });
}
