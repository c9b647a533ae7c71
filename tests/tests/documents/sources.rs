//! What there is in the repository beside its documents.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::pages::{Page, files, root};

/// The folders with files that documents name.
const FOLDERS: [&str; 7] = ["scripts", "docs", "services", "shared", "tests", "deploy", "data"];
/// What a running store leaves, and what an operator moves away.
const MADE: [&str; 2] = ["data/run", "data/old"];

/// The repository's files, from its root.
pub struct Sources {
    files: Vec<PathBuf>,
    variables: BTreeSet<String>,
}

impl Sources {
    /// Looks at all of them.
    pub fn new() -> Self {
        let root = root();
        let below = FOLDERS.iter().flat_map(|folder| files(&root.join(folder)));
        let own = below.map(|file| file.strip_prefix(&root).unwrap().to_owned());
        let mut files: Vec<_> =
            own.filter(|file| !MADE.iter().any(|made| file.starts_with(made))).collect();
        files.push("README.md".into());
        let mut variables = BTreeSet::new();
        let programs = |file: &&PathBuf| file.extension().is_some_and(|e| e == "rs" || e == "sh");
        for file in files.iter().filter(programs) {
            let text = std::fs::read_to_string(root.join(file)).unwrap();
            let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            variables.extend(words.filter(|w| w.starts_with("TOYSTORE_")).map(str::to_owned));
        }
        Self { files, variables }
    }

    /// Whether a word that looks like a file of the repository is one. Words that do not are.
    pub fn has_file(&self, page: &Page, word: &str) -> bool {
        let word = word.trim_end_matches(['.', ':', '/']).trim_start_matches("./");
        let open =
            word.contains(['$', '*', '…', '{', '=', ':', '~']) || word.starts_with(['/', '-']);
        let placeholder =
            |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_uppercase());
        let made = MADE.iter().any(|made| word.starts_with(made));
        if open || made || word.split('/').any(placeholder) {
            return true;
        }
        let folder = Path::new(&page.path).parent().unwrap();
        let there = |path: &Path| root().join(path).exists();
        let source =
            [".rs", ".sh", ".md", ".py"].iter().any(|end| word.ends_with(end) && word != *end);
        match word.split_once('/') {
            Some((first, _)) if FOLDERS.contains(&first) || source => {
                there(Path::new(word)) || there(&folder.join(word))
            }
            None if source => self.files.iter().any(|file| file.ends_with(word)),
            _ => true,
        }
    }

    /// Whether a program, a script or a test reads this variable.
    pub fn reads(&self, variable: &str) -> bool {
        self.variables.contains(variable)
    }

    /// The source of the services, without what breaks a text into lines.
    pub fn said(&self) -> String {
        let ours = |file: &&PathBuf| file.starts_with("services") || file.starts_with("shared");
        let rust = |file: &&PathBuf| file.extension().is_some_and(|e| e == "rs");
        let mut said = String::new();
        for file in self.files.iter().filter(ours).filter(rust) {
            let text = std::fs::read_to_string(root().join(file)).unwrap();
            let pieces = text.split("\\\n").enumerate();
            said.extend(pieces.map(|(at, piece)| if at > 0 { piece.trim_start() } else { piece }));
        }
        said
    }

    /// The metrics in the table, which a test holds against running processes.
    pub fn metrics(&self) -> BTreeSet<String> {
        let text = std::fs::read_to_string(root().join("docs/metrics.md")).unwrap();
        let rows = text.lines().filter(|line| line.starts_with("| `toystore_"));
        rows.map(|row| row.split('`').nth(1).unwrap().to_owned()).collect()
    }

    /// The crates of the workspace.
    pub fn crates(&self) -> BTreeSet<String> {
        let manifests = self.files.iter().filter(|file| file.ends_with("Cargo.toml"));
        let name = |file: &PathBuf| {
            let text = std::fs::read_to_string(root().join(file)).unwrap();
            let line = text.lines().find(|line| line.starts_with("name = ")).unwrap().to_owned();
            line.split('"').nth(1).unwrap().to_owned()
        };
        manifests.map(name).collect()
    }

    /// The name of the integration test that a file belongs to.
    fn target(file: &Path) -> Option<String> {
        let mut names = file.iter().map(|name| name.to_str().unwrap());
        // The package `tests` has a folder `tests` like every other one.
        let depth = if file.starts_with("tests") { 1 } else { 2 };
        (names.nth(depth)? == "tests").then_some(())?;
        Some(names.next()?.trim_end_matches(".rs").to_owned())
    }

    /// Whether some package has an integration test of this name.
    pub fn has_target(&self, name: &str) -> bool {
        self.files.iter().any(|file| Self::target(file).as_deref() == Some(name))
    }

    /// Every function that is an integration test, with the name of what it belongs to.
    pub fn tests(&self) -> BTreeSet<(String, String)> {
        let mut tests = BTreeSet::new();
        for file in self.files.iter().filter(|file| file.extension().is_some_and(|e| e == "rs")) {
            let Some(target) = Self::target(file) else { continue };
            let text = std::fs::read_to_string(root().join(file)).unwrap();
            let mut marked = false;
            for line in text.lines().map(str::trim_start) {
                marked |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
                let name = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ");
                if let Some(name) = name.filter(|_| std::mem::take(&mut marked)) {
                    let name = name.split('(').next().unwrap();
                    tests.insert((target.clone(), name.to_owned()));
                }
            }
        }
        tests
    }
}
