//! A shell in a folder that looks like the repository after a build.

use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::process::{Command, Stdio};

use rustix::process::geteuid;
use tempfile::TempDir;
use toystore_tests::store::program;

use crate::pages::root;

/// How many seconds the commands of a section may take together.
const PATIENCE: &str = "240";
/// Begins a line between two outputs.
const MARK: &str = "=== end of output";

/// What runs a command with a network and processes of its own, which all end with it.
fn apart() -> Command {
    let mut command = Command::new("timeout");
    command.args(["--signal", "KILL", PATIENCE, "unshare"]);
    command.args(["--net", "--pid", "--fork", "--kill-child", "--mount-proc"]);
    command.args((!geteuid().is_root()).then_some("--map-root-user"));
    command
}

/// Whether sections can be run here, or why not.
pub fn possible() -> Result<(), String> {
    let outcome = apart().args(["ip", "link", "set", "lo", "up"]).output();
    match outcome {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        Err(error) => Err(format!("unshare: {error}")),
    }
}

/// The folder; it ends with this.
pub struct Session(TempDir);

impl Session {
    /// Makes it.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["data", "target", "bin"] {
            fs::create_dir(at(name)).unwrap();
        }
        symlink(root().join("scripts"), at("scripts")).unwrap();
        fs::copy(root().join("data/catalog.csv"), at("data/catalog.csv")).unwrap();
        symlink(program("toystore-order").parent().unwrap(), at("target/release")).unwrap();
        // The programs are built already.
        fs::write(at("bin/cargo"), "#!/bin/sh\n").unwrap();
        fs::set_permissions(at("bin/cargo"), fs::Permissions::from_mode(0o755)).unwrap();
        Self(folder)
    }

    fn at(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    /// Runs commands one after the other, and returns the lines that each printed.
    pub fn run(&self, commands: &[&str]) -> Vec<Vec<String>> {
        let mut script = "exec 2>&1\nip link set lo up\n".to_owned();
        if !commands[0].contains("scripts/start.sh") {
            script += "scripts/start.sh\n";
        }
        for command in commands {
            script += &format!("echo; echo '{MARK}'\n{command}\n");
        }
        script += &format!("echo; echo '{MARK}'\nexit 0\n");
        fs::write(self.at("session.sh"), script).unwrap();
        self.shell();
        let output = fs::read_to_string(self.at("session.out")).unwrap();
        let output = output.replace(self.0.path().to_str().unwrap(), "…");
        let between = format!("\n{MARK}\n");
        let mut outputs =
            output.split(&between).map(|text| text.trim_end().lines().map(str::to_owned).collect());
        let start: Vec<String> = outputs.next().unwrap();
        let mut outputs: Vec<_> = outputs.collect();
        outputs.pop();
        assert_eq!(outputs.len(), commands.len(), "{}\n{output}", start.join("\n"));
        outputs
    }

    fn shell(&self) {
        let path = std::env::var("PATH").unwrap_or_default();
        let path = format!("{}:{path}", self.at("bin").display());
        let mut command = apart();
        command.arg("bash").arg("session.sh").current_dir(&self.0).env("PATH", path);
        command.env("PWD", self.0.path()).env_remove("CARGO_TARGET_DIR");
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("TOYSTORE_") {
                command.env_remove(name);
            }
        }
        let output = File::create(self.at("session.out")).unwrap();
        let outcome = command.stdin(Stdio::null()).stdout(output).status().unwrap();
        assert_eq!(
            outcome.code(),
            Some(0),
            "{}",
            fs::read_to_string(self.at("session.out")).unwrap()
        );
    }
}
