//! The programs that a test runs.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Once;

/// A program of the store. For a test it is freshly built; what runs beside the store's programs
/// was built with them.
///
/// # Panics
/// When it does not build.
#[must_use]
pub fn program(name: &str) -> PathBuf {
    static BUILD: Once = Once::new();
    let this = std::env::current_exe().expect("a program has a path");
    let folder = this.parent().expect("a program is in a folder");
    if !folder.ends_with("deps") {
        return folder.join(name);
    }
    BUILD.call_once(|| {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let built = Command::new(cargo)
            .args(["build", "--quiet", "--workspace", "--bins"])
            .current_dir(root)
            .status()
            .expect("cargo runs");
        assert!(built.success(), "the programs do not build");
    });
    folder.with_file_name(name)
}
