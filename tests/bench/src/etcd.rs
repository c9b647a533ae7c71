//! Three members of etcd on this machine: what the store is measured against.

pub mod client;
mod rpc;

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::time::{Instant, sleep};
use toystore_tests::store::free_ports;

use crate::PATIENCE;
use crate::etcd::client::Client;
use crate::measure::usage::Pids;

const MEMBERS: usize = 3;

/// A cluster with etcd's default settings. It ends with this, and its data with it.
pub struct Cluster {
    members: Vec<Member>,
    _folder: TempDir,
    /// For those who wait for it.
    runtime: Runtime,
}

struct Member {
    arguments: Vec<String>,
    process: Child,
    endpoint: String,
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for member in &mut self.members {
            // One that has ended already is as good.
            let _ = member.process.kill();
            let _ = member.process.wait();
        }
    }
}

impl Cluster {
    /// Starts it in a folder of its own below `disk`, and waits until it has a leader.
    pub fn start(disk: &Path) -> Result<Self> {
        let folder = tempfile::tempdir_in(disk)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let ports = free_ports(2 * MEMBERS);
        let (clients, peers) = ports.split_at(MEMBERS);
        let url = |port: &u16| format!("http://127.0.0.1:{port}");
        let name = |index: usize| format!("m{index}");
        let initial: Vec<_> = peers
            .iter()
            .enumerate()
            .map(|(index, port)| format!("{}={}", name(index), url(port)))
            .collect();
        let mut members = Vec::new();
        for (index, (client, peer)) in clients.iter().zip(peers).enumerate() {
            let data = folder.path().join(name(index)).to_string_lossy().into_owned();
            let arguments: Vec<_> = [
                ("--name", name(index)),
                ("--data-dir", data),
                ("--logger", "zap".to_owned()),
                ("--listen-client-urls", url(client)),
                ("--advertise-client-urls", url(client)),
                ("--listen-peer-urls", url(peer)),
                ("--initial-advertise-peer-urls", url(peer)),
                ("--initial-cluster", initial.join(",")),
                ("--initial-cluster-state", "new".to_owned()),
            ]
            .into_iter()
            .flat_map(|(option, value)| [option.to_owned(), value])
            .collect();
            let process = spawn(&arguments)?;
            members.push(Member { arguments, process, endpoint: url(client) });
        }
        let cluster = Self { members, _folder: folder, runtime };
        cluster.leader()?;
        Ok(cluster)
    }

    /// Where the members take requests, the one of this number first.
    pub fn endpoints(&self, first: usize) -> Vec<String> {
        let count = self.members.len();
        let all = self.members.iter().map(|member| member.endpoint.clone());
        all.cycle().skip(first).take(count).collect()
    }

    /// The processes that run.
    pub fn pids(&self) -> Pids {
        let pid = |(index, member): (usize, &Member)| (format!("m{index}"), member.process.id());
        self.members.iter().enumerate().map(pid).collect()
    }

    /// The number of the member that leads.
    pub fn leader(&self) -> Result<usize> {
        self.runtime.block_on(async {
            let deadline = Instant::now() + PATIENCE;
            loop {
                for (index, member) in self.members.iter().enumerate() {
                    let mut client = Client::new(&member.endpoint)?;
                    if client.leads().await.unwrap_or(false) {
                        return Ok(index);
                    }
                }
                ensure!(Instant::now() < deadline, "etcd finds no leader");
                sleep(Duration::from_millis(50)).await;
            }
        })
    }

    /// SIGKILL for one member.
    pub fn kill(&mut self, index: usize) -> Result<()> {
        let member = self.members.get_mut(index).context("no such member")?;
        member.process.kill()?;
        member.process.wait()?;
        Ok(())
    }

    /// Starts a member again that was killed, and waits until it answers.
    pub fn restart(&mut self, index: usize) -> Result<()> {
        let member = self.members.get_mut(index).context("no such member")?;
        member.process = spawn(&member.arguments)?;
        let endpoint = member.endpoint.clone();
        self.runtime.block_on(async {
            let deadline = Instant::now() + PATIENCE;
            while Client::new(&endpoint)?.leads().await.is_err() {
                ensure!(Instant::now() < deadline, "a member of etcd does not come back");
                sleep(Duration::from_millis(50)).await;
            }
            Ok(())
        })
    }
}

fn spawn(arguments: &[String]) -> Result<Child> {
    Command::new("etcd")
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("etcd does not start; on Debian: apt-get install etcd-server")
}
