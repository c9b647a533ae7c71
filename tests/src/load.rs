//! The client as a load: it shops until it is told to stop, then checks all of its orders.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::store::{Store, program, wait_for};

/// A client at work.
pub struct Load {
    child: Child,
    folder: TempDir,
}

/// What a client found.
#[derive(Clone, Debug)]
pub struct Report(pub Value);

impl Load {
    /// Starts clients on all given front ends.
    #[must_use]
    pub fn start(store: &Store, front_ends: &[u8], clients: u32, seed: u64) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let urls: Vec<_> = front_ends.iter().map(|number| store.url(*number)).collect();
        let mut command = Command::new(program("toystore-client"));
        command.args(["run", "-p", "0.7", "--iterations", "1000000"]);
        command.args(["--clients", &clients.to_string(), "--seed", &seed.to_string()]);
        command.args(["--front-end", &urls.join(",")]);
        command.arg("--report").arg(report(&folder));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Self { child: command.spawn().expect("the client starts"), folder }
    }

    /// Ends the shopping and waits for the check.
    ///
    /// # Panics
    /// When an order is lost, changed or doubled, or when hardly any was placed.
    #[must_use]
    pub fn finish(mut self) -> Report {
        kill_process(Pid::from_child(&self.child), Signal::INT).expect("a process of ours");
        let status = wait_for("the client's check", || self.child.try_wait().expect("a child"));
        let text = std::fs::read_to_string(report(&self.folder)).expect("a report");
        let report = Report(serde_json::from_str(&text).expect("a report in JSON"));
        assert!(status.success(), "{status}: {}", report.summary());
        assert!(report.acknowledged() > 20, "too little happened: {}", report.summary());
        report
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn report(folder: &TempDir) -> PathBuf {
    folder.path().join("report.json")
}

impl Report {
    /// Orders acknowledged.
    #[must_use]
    pub fn acknowledged(&self) -> u64 {
        self.0["acknowledged"].as_u64().unwrap_or(0)
    }

    /// Answers that a customer would call an error: 5xx, or none.
    #[must_use]
    pub fn errors(&self) -> u64 {
        self.0["errors_seen"].as_u64().unwrap_or(u64::MAX)
    }

    /// Everything but the list of orders.
    #[must_use]
    pub fn summary(&self) -> String {
        let mut short = self.0.clone();
        if let Some(fields) = short.as_object_mut() {
            fields.remove("orders");
        }
        short.to_string()
    }
}
