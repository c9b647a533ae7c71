//! What the pages show of a terminal, typed anew.
//!
//! A block that begins with ```` ```console run ```` is run, all of a section in one shell, in a
//! folder that looks like the repository after a build. The shell has a network and processes of
//! its own, so that the ports are free and nothing is left. Where a section does not start the
//! store itself, it is started beforehand. Numbers of one or two digits and values in JSON must be
//! as they are shown; longer ones, decimals and hashes differ from run to run. In a block
//! that begins with ```` ```console rough ```` all numbers may differ. `…` stands for anything, alone in a line for any lines.
//!
//! With `TOYSTORE_RENEW=1` all is written into the page as it was seen, but for what fits and has a `…`.

mod looks;
mod session;

use looks::{Strictness, difference};
use session::{Session, possible};

use crate::pages::{Block, pages, root};

/// How often a section is tried: on a busy machine a leader that is late is replaced, and another one
/// leads than is shown.
const TRIES: usize = 3;

/// A command and what is shown after it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Step {
    line: usize,
    command: String,
    shown: Vec<String>,
    strictness: Strictness,
}

/// How strictly a block is meant, if it is to be run.
fn strictness(block: &Block) -> Option<Strictness> {
    match block.kind.as_str() {
        "console run" => Some(Strictness::Exact),
        "console rough" => Some(Strictness::Rough),
        "" | "console" | "sh" | "toml" | "yaml" => None,
        kind if !kind.starts_with("console") => None,
        kind => panic!("line {}: what is a block of {kind}?", block.line),
    }
}

/// The commands of a block. One goes on in the next line after a backslash, and where that begins
/// with `> `, as a shell asks for more.
fn steps(block: &Block, strictness: Strictness) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut open = false;
    for (at, line) in block.text.lines().enumerate() {
        let command = line.strip_prefix("$ ");
        match (command, steps.last_mut()) {
            (Some(command), _) => {
                let (line, command) = (block.line + 1 + at, command.to_owned());
                steps.push(Step { line, command, shown: Vec::new(), strictness });
            }
            (None, Some(step)) if open || step.shown.is_empty() && line.starts_with("> ") => {
                let more = line.strip_prefix("> ").unwrap_or(line);
                step.command = format!("{}\n{more}", step.command);
            }
            (None, Some(step)) => step.shown.push(line.to_owned()),
            (None, None) => panic!("line {}: no command", block.line),
        }
        open = (open || command.is_some()) && line.ends_with('\\');
    }
    steps
}

/// What is to be run of a page, by section.
fn sections(path: &str) -> Vec<(String, Vec<Step>)> {
    let mut sections: Vec<(String, Vec<Step>)> = Vec::new();
    for block in &pages()[path].blocks {
        let Some(strictness) = strictness(block) else { continue };
        let steps = steps(block, strictness);
        match sections.last_mut() {
            Some((section, all)) if *section == block.section => all.extend(steps),
            _ => sections.push((block.section.clone(), steps)),
        }
    }
    assert!(!sections.is_empty(), "{path} has nothing to run");
    sections
}

/// Runs every block of a page that is to be run.
fn page_is_true(path: &str) {
    if let Err(why) = possible() {
        println!("SKIPPED: {why}");
        return;
    }
    for (section, steps) in sections(path).into_iter().rev() {
        println!("{path}: {section}");
        if std::env::var_os("TOYSTORE_RENEW").is_some() {
            renew(path, steps);
        } else {
            is_true(path, &steps);
        }
    }
}

/// Types the commands of a section until they show what they must.
fn is_true(path: &str, steps: &[Step]) {
    if let Some(wrong) = (0..TRIES).map_while(|_| typed(path, steps).err()).nth(TRIES - 1) {
        panic!("{wrong}");
    }
}

/// Types the commands of a section.
fn typed(path: &str, steps: &[Step]) -> Result<(), String> {
    let commands: Vec<_> = steps.iter().map(|step| step.command.as_str()).collect();
    for (step, seen) in steps.iter().zip(Session::new().run(&commands)) {
        if let Some(how) = difference(&step.shown, &seen, step.strictness) {
            let (Step { line, command, .. }, all) = (step, seen.join("\n"));
            return Err(format!("{path}:{line}: $ {command}\n{how}\nall of it:\n{all}"));
        }
    }
    Ok(())
}

/// Types them, and puts what is seen in the place of what is shown.
fn renew(path: &str, steps: Vec<Step>) {
    let file = root().join(path);
    let text = std::fs::read_to_string(&file).unwrap();
    let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
    let commands: Vec<_> = steps.iter().map(|step| step.command.as_str()).collect();
    let seen = Session::new().run(&commands);
    for (step, seen) in steps.iter().zip(seen).rev() {
        let open = step.shown.iter().any(|line| line.contains('…'));
        if !open || difference(&step.shown, &seen, step.strictness).is_some() {
            let from = step.line - 1 + step.command.lines().count();
            lines.splice(from..from + step.shown.len(), seen);
        }
    }
    std::fs::write(file, lines.join("\n") + "\n").unwrap();
}

#[test]
fn the_tour_is_as_it_is_told() {
    page_is_true("README.md");
}

#[test]
fn the_procedures_of_operations_work() {
    page_is_true("docs/operations.md");
}

#[test]
fn a_store_is_backed_up_and_restored_as_often_as_one_likes() {
    if let Err(why) = possible() {
        println!("SKIPPED: {why}");
        return;
    }
    let path = "docs/operations.md";
    let mut sections = sections(path).into_iter();
    let (_, mut steps) = sections.find(|(section, _)| section == "Back up and restore").unwrap();
    // The second time epochs are later ones.
    steps.extend_from_within(..);
    let again = steps.len() / 2;
    steps[again..].iter_mut().for_each(|step| step.strictness = Strictness::Rough);
    is_true(path, &steps);
}

#[test]
fn the_exercises_of_teaching_work() {
    page_is_true("docs/teaching.md");
}

#[test]
fn the_sample_sessions_are_as_they_are_told() {
    page_is_true("docs/output.md");
}

#[test]
fn the_sample_sessions_are_those_of_the_script() {
    let script = std::fs::read_to_string(root().join("scripts/output.sh")).unwrap();
    let pages = pages();
    let page = &pages["docs/output.md"];
    let shown: Vec<_> =
        page.blocks.iter().flat_map(|block| steps(block, Strictness::Exact)).collect();
    assert!(shown.len() > 30);
    for step in shown {
        let there = script.lines().any(|line| line == step.command);
        assert!(there, "docs/output.md:{}: not in scripts/output.sh: {}", step.line, step.command);
    }
}

#[test]
fn commands_are_taken_out_of_a_block() {
    let (kind, section) = ("console run".to_owned(), "S".to_owned());
    let text = "$ a \\\n  b\nc\n$ d\n> f\n\ne\n".to_owned();
    let block = Block { line: 10, kind, section, text };
    let step = |line, command: &str, shown: &[&str]| {
        let shown = shown.iter().map(|line| (*line).to_owned()).collect();
        Step { line, command: command.to_owned(), shown, strictness: Strictness::Exact }
    };
    let expected = [step(11, "a \\\n  b", &["c"]), step(14, "d\nf", &["", "e"])];
    assert_eq!(steps(&block, Strictness::Exact), expected);
}
