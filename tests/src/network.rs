//! A network to be cut: each process in a network namespace of its own, all on one bridge.
//!
//! The bridge is in a namespace too, where the test itself goes to talk to the processes. Nothing
//! outside these namespaces is touched, and they end with the [`Network`].

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::net::Ipv4Addr;
use std::os::fd::AsFd as _;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// The bridge's address, from where the test talks to the processes.
const BRIDGE: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
/// An address of a network card that nobody has.
const NOBODY: &str = "02:00:00:00:00:99";

/// No network can be made here; says why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no network namespaces here: {0}")]
pub struct NotAllowed(String);

/// Namespaces for processes, and the bridge between them.
#[derive(Debug)]
pub struct Network {
    prefix: String,
    members: BTreeMap<String, u8>,
}

impl Network {
    /// Makes a network with a place for each process, and takes this thread, with all threads and
    /// processes that it starts from now on, to its bridge.
    ///
    /// # Errors
    /// It is not allowed here, or there is no `ip`.
    pub fn enter(names: impl IntoIterator<Item = String>) -> Result<Self, NotAllowed> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let prefix = format!("toystore-{}-{number}", std::process::id());
        let members = names.into_iter().zip(1..).collect();
        // From here on, what was made is removed again.
        let network = Self { prefix, members };
        network.make()?;
        network.go_to_bridge()?;
        Ok(network)
    }

    fn make(&self) -> Result<(), NotAllowed> {
        let hub = self.hub();
        ip(&["netns", "add", &hub], "")?;
        let bridge = format!(
            "link set lo up\nlink add br0 type bridge\naddr add {BRIDGE}/24 dev br0\nlink set br0 up\n"
        );
        ip(&["-n", &hub, "-batch", "-"], &bridge)?;
        let mut ports = String::new();
        for (name, number) in &self.members {
            let (namespace, address) = (self.namespace(name), self.address(name));
            ip(&["netns", "add", &namespace], "")?;
            let card = format!(
                "link set lo up\nlink add eth0 type veth peer name p{number} netns {hub}\n\
                 addr add {address}/24 dev eth0\nlink set eth0 up\n"
            );
            ip(&["-n", &namespace, "-batch", "-"], &card)?;
            ports += &format!("link set p{number} master br0 up\n");
        }
        ip(&["-n", &hub, "-batch", "-"], &ports)
    }

    fn go_to_bridge(&self) -> Result<(), NotAllowed> {
        let no = |error: &dyn std::fmt::Display| NotAllowed(error.to_string());
        let hub = File::open(format!("/run/netns/{}", self.hub())).map_err(|error| no(&error))?;
        move_into_link_name_space(hub.as_fd(), Some(LinkNameSpaceType::Network))
            .map_err(|error| no(&error))
    }

    fn hub(&self) -> String {
        format!("{}-hub", self.prefix)
    }

    /// The namespace of a process.
    #[must_use]
    pub fn namespace(&self, name: &str) -> String {
        format!("{}-{name}", self.prefix)
    }

    /// The address of a process.
    #[must_use]
    pub fn address(&self, name: &str) -> Ipv4Addr {
        Ipv4Addr::new(10, 77, 0, 10 + self.members[name])
    }

    /// Takes a process off the network.
    pub fn unplug(&self, name: &str) {
        self.port(name, "down");
    }

    /// Puts a process back on the network.
    pub fn plug(&self, name: &str) {
        self.port(name, "up");
    }

    fn port(&self, name: &str, state: &str) {
        let port = format!("p{}", self.members[name]);
        ip(&["-n", &self.hub(), "link", "set", &port, state], "").expect("a port of ours");
    }

    /// From now on, what one process sends to another gets lost; neither is told.
    pub fn silence(&self, from: &str, to: &str) {
        let (namespace, to) = (self.namespace(from), self.address(to).to_string());
        let entry = ["dev", "eth0", "lladdr", NOBODY, "nud", "permanent"];
        let replace = ["-n", &namespace, "neigh", "replace", &to];
        ip(&[&replace[..], &entry[..]].concat(), "").expect("a neighbour entry");
    }

    /// What is sent between two processes gets lost, both ways.
    pub fn separate(&self, one: &str, other: &str) {
        self.silence(one, other);
        self.silence(other, one);
    }

    /// Ends all cuts.
    pub fn heal(&self) {
        for name in self.members.keys() {
            self.plug(name);
            let flush = ["-n", &self.namespace(name), "neigh", "flush", "dev", "eth0", "nud"];
            ip(&[&flush[..], &["permanent"]].concat(), "").expect("neighbours of ours");
        }
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        let namespaces = self.members.keys().map(|name| self.namespace(name));
        for namespace in namespaces.chain([self.hub()]) {
            // One that could not be made is not there to be removed.
            let _ = ip(&["netns", "del", &namespace], "");
        }
    }
}

/// Runs `ip`, with lines for its `-batch`.
fn ip(arguments: &[&str], lines: &str) -> Result<(), NotAllowed> {
    let failed = |error: std::io::Error| NotAllowed(format!("ip: {error}"));
    let mut child = Command::new("ip")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let mut input = child.stdin.take().expect("it is piped");
    // When it ends before it has read all of them, its status says why.
    let _ = input.write_all(lines.as_bytes());
    drop(input);
    let output = child.wait_with_output().map_err(failed)?;
    let said = || String::from_utf8_lossy(&output.stderr).trim().to_owned();
    if output.status.success() { Ok(()) } else { Err(NotAllowed(said())) }
}
