//! A stand-in for the EC2 API, and the scripts with everything around them replaced that could reach
//! beyond this machine.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;

use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::Value;
use tempfile::TempDir;
use toystore_tests::store::wait_for;

/// The folder of the project.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// The stand-in with its own folder, in which each host of the store is a folder too.
pub struct Sandbox {
    folder: TempDir,
    tools: PathBuf,
    server: Child,
    /// Where the stand-in listens.
    pub url: String,
    /// More of the scripts' environment.
    pub env: Vec<(String, String)>,
}

impl Sandbox {
    /// Starts a stand-in; `None` where it cannot be had.
    pub fn open() -> Option<Self> {
        static TOOLS: OnceLock<Option<PathBuf>> = OnceLock::new();
        let script = root().join("scripts/aws/stand-in.sh");
        let tools = TOOLS.get_or_init(|| {
            let prepared = Command::new(&script).arg("--prepare").output().unwrap();
            let well = prepared.status.success();
            if !well {
                println!("SKIPPED: there is no stand-in: {}", text(&prepared.stderr));
            }
            well.then(|| PathBuf::from(text(&prepared.stdout).trim()))
        });
        let tools = tools.clone()?;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("server.log");
        let log = File::create(&path).unwrap();
        let server = Command::new(script)
            .args(["--port", "0"])
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut sandbox = Self { folder, tools, server, url: String::new(), env: Vec::new() };
        sandbox.url = wait_for("the stand-in", || {
            let said = fs::read_to_string(&path).ok()?;
            said.lines().find_map(|line| Some(line.split_once("Running on ")?.1.trim().to_owned()))
        });
        Some(sandbox)
    }

    /// A path in its folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What happens in it knows nothing of this machine's user and of other clouds.
    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("timeout");
        command.arg("300").arg(program).stdin(Stdio::null());
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("AWS_")) {
            command.env_remove(name);
        }
        command
            .env("HOME", self.folder.path())
            .env("NO_PROXY", "*")
            .env("AWS_ENDPOINT_URL", &self.url)
            .env("TOYSTORE_AWS_PAUSE", "0.1")
            .env("TOYSTORE_AWS_DATA", self.path("data"))
            .env("SANDBOX", self.folder.path())
            .env("TOOLS", &self.tools);
        command
    }

    /// Runs a script: its name and options.
    pub fn script(&self, line: &str) -> Output {
        self.script_with(line, &[])
    }

    /// Runs a script with more in its environment.
    pub fn script_with(&self, line: &str, env: &[(&str, &str)]) -> Output {
        let mut words = line.split_whitespace();
        let name = format!("scripts/aws/{}.sh", words.next().unwrap());
        let shims = root().join("tests/tests/aws/shims");
        let path = format!("{}:{}", shims.display(), std::env::var("PATH").unwrap());
        let output = self
            .command(&root().join(name))
            .args(words)
            .env("PATH", path)
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .envs(env.iter().copied())
            .output()
            .unwrap();
        println!("--- {line}: {}\n{}{}", output.status, text(&output.stdout), text(&output.stderr));
        output
    }

    /// Runs a script that must succeed: what it says.
    pub fn well(&self, line: &str) -> String {
        let output = self.script(line);
        assert!(output.status.success(), "{line}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    /// Runs a script that must refuse: why.
    pub fn refused(&self, line: &str) -> String {
        let output = self.script(line);
        assert!(matches!(output.status.code(), Some(1 | 2)), "{line}: {}", output.status);
        text(&output.stderr)
    }

    /// Runs a script that is killed as soon as it has made a call.
    pub fn cut_off(&self, line: &str, call: &str) {
        let output = self.script_with(line, &[("CUT_OFF_AT", call)]);
        assert_eq!(output.status.signal(), Some(9), "{line} made no {call}");
    }

    /// Every call and every connection since this was last asked, a line each.
    pub fn calls(&self) -> Vec<String> {
        let path = self.path("calls");
        let calls = fs::read_to_string(&path).unwrap_or_default();
        let _ = fs::remove_file(path);
        calls.lines().map(str::to_owned).collect()
    }

    /// Asks the stand-in past the scripts.
    pub fn ask(&self, line: &str) -> Value {
        let output = self
            .command(&self.tools.join("aws"))
            .envs([("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")])
            .args(line.split_whitespace())
            .args(["--region", "us-east-1", "--output", "json"])
            .output()
            .unwrap();
        assert!(output.status.success(), "{line}: {}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
    }

    /// Whether the stand-in checks who calls and what they may.
    pub fn authorize(&self, on: bool) {
        let client = toystore_tests::store::http(None).build().unwrap();
        let url = format!("{}/moto-api/reset-auth", self.url);
        let reply = client.post(url).body(if on { "0" } else { "inf" }).send().unwrap();
        assert!(reply.status().is_success());
    }

    /// The number that the process of a unit has on a host.
    pub fn pid(&self, host: &str, unit: &str) -> String {
        let path = self.path(&format!("hosts/{host}/run/systemd/{unit}.service.main"));
        fs::read_to_string(path).unwrap()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        for host in fs::read_dir(self.path("hosts")).into_iter().flatten().flatten() {
            let units = fs::read_dir(host.path().join("run/systemd")).into_iter().flatten();
            for file in units.flatten().map(|file| file.path()) {
                let keeper = file.extension().is_some_and(|kind| kind == "keeper");
                let pid = fs::read_to_string(&file).ok().filter(|_| keeper);
                let pid = pid.and_then(|pid| Pid::from_raw(pid.trim().parse().ok()?));
                let _ = pid.map(|pid| kill_process_group(pid, Signal::KILL));
                if std::thread::panicking() && file.extension().is_some_and(|kind| kind == "log") {
                    let log = fs::read_to_string(&file).unwrap_or_default();
                    let _ = writeln!(std::io::stderr(), "--- {}\n{log}", file.display());
                }
            }
        }
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
