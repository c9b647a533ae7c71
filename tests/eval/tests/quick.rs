//! The whole way: a small evaluation on real processes, and its report.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use toystore_tests::store::program;

fn eval(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_eval"));
    command.arg("--results").arg(folder.join("results")).arg("--data").arg(folder.join("data"));
    command.args(args).output().unwrap()
}

/// Every cell of every table.
fn cells(report: &str) -> impl Iterator<Item = &str> {
    let rows = report.lines().filter(|line| line.starts_with('|') && !line.starts_with("| ---"));
    rows.flat_map(|row| row.trim_matches('|').split('|')).map(str::trim)
}

/// Every figure is there and is one; so is every plot, and what the text says.
fn complete(report: &str, results: &Path) {
    for title in [
        "# Evaluation",
        "## Load",
        "## Cache and purchases",
        "## What the cache brings",
        "## Crashes",
    ] {
        assert!(report.lines().any(|line| line == title), "{title}");
    }
    for words in [
        "### Question 1: ",
        "### Question 2: ",
        "Machine: ",
        "Settings: ",
        "seed",
        "From a quick run",
        "0.07258",
        "26 of 1000",
        "hop",
    ] {
        assert!(report.contains(words), "{words}");
    }
    for wrong in ["NaN", "inf ", "Not measured", "| -- |"] {
        assert!(!report.contains(wrong), "{wrong}");
    }
    let lines = report.lines().filter(|line| line.starts_with('|') && line.contains("no delay"));
    let at_zero = |line: &&str| line.contains("n/a") && line.contains("| buy |");
    assert_eq!(lines.filter(at_zero).count(), 1, "n/a stands for purchases at p = 0 alone");
    assert!(cells(report).count() > 200);
    let links = report.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let mut plots = 0;
    for link in links {
        let text = fs::read_to_string(results.join(link)).unwrap_or_else(|_| panic!("{link}"));
        plots += usize::from(text.contains("<svg"));
    }
    assert_eq!(plots, 3 + 1 + 2 * 2, "of the sweep, the benefit, and two scenarios");
}

#[test]
fn a_small_evaluation_is_complete() {
    // Builds the programs that it starts.
    assert!(program("toystore-order").exists());
    let folder = tempfile::tempdir().unwrap();
    let results = folder.path().join("results");
    let only = "load,sweep,distances,leader";
    let sizes = ["--quick", "--repeats", "2", "--scale", "20", "--inject-delay", "inside:2"];
    let output = eval(folder.path(), &[&sizes[..], &["--only", only, "--seed", "7"]].concat());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let report = fs::read_to_string(results.join("report.md")).unwrap();
    complete(&report, &results);
    // What it concludes of the crash is what must hold of it.
    assert!(report.contains("Yes, in all 2 runs: their content hashes are equal."), "{report}");
    assert!(report.contains("acknowledged orders are there, each exactly once"), "{report}");
    // Nothing is left where databases were.
    assert_eq!(fs::read_dir(folder.path().join("data")).unwrap().count(), 0);

    // The report is made of what was kept, and of nothing else.
    fs::remove_file(results.join("report.md")).unwrap();
    assert!(eval(folder.path(), &["--report-only"]).status.success());
    assert_eq!(fs::read_to_string(results.join("report.md")).unwrap(), report);
}

#[test]
fn what_was_not_measured_is_said_to_be_missing() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("results")).unwrap();
    assert!(eval(folder.path(), &["--report-only"]).status.success());
    let report = fs::read_to_string(folder.path().join("results/report.md")).unwrap();
    assert_eq!(report.matches("Not measured yet.").count(), 4, "{report}");
}

#[test]
fn less_than_a_whole_run_leaves_the_report_of_one_alone() {
    for (args, place) in [
        (&[][..], "docs/evaluation"),
        (&["--scale", "200"], "docs/evaluation"),
        (&["--quick"], "target/eval"),
        (&["--only", "leader"], "target/eval"),
        (&["--scale", "99"], "target/eval"),
        (&["--quick", "--results", "elsewhere"], "elsewhere"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_eval"));
        let output = command.current_dir(&folder).arg("--report-only").args(args).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(said, format!("The report is in {place}/report.md.\n"), "{args:?}");
        assert!(folder.path().join(place).join("report.md").exists(), "{args:?}");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "{args:?}: in one place alone");
    }
}

#[test]
fn a_command_line_that_makes_no_sense_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for args in [
        &["--only", "everything"][..],
        &["--inject-delay", "inside:1000"],
        &["--repeats", "1"],
        &["--scale", "0"],
    ] {
        assert_eq!(eval(folder.path(), args).status.code(), Some(2), "{args:?}");
    }
}
