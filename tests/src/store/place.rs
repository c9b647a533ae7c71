//! Where a process runs.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use crate::network::Network;

/// The port of every process that has a namespace to itself.
const PORT: u16 = 7000;

/// Where a process runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// On this machine's loopback, on a port of its own.
    Loopback(u16),
    /// In a network namespace of its own, with this address.
    Namespace(String, std::net::Ipv4Addr),
}

impl Place {
    /// A place for each process.
    pub(super) fn all(names: &[String], network: Option<&Network>) -> BTreeMap<String, Self> {
        let Some(network) = network else {
            let ports = free_ports(names.len()).into_iter().map(Self::Loopback);
            return names.iter().cloned().zip(ports).collect();
        };
        let place = |name: &String| Self::Namespace(network.namespace(name), network.address(name));
        names.iter().map(|name| (name.clone(), place(name))).collect()
    }

    /// Where a process at this place listens.
    #[must_use]
    pub fn address(&self) -> String {
        match self {
            Self::Loopback(port) => format!("127.0.0.1:{port}"),
            Self::Namespace(_, address) => format!("{address}:{PORT}"),
        }
    }

    /// The command that runs a program there, as the very process that it starts.
    #[must_use]
    pub fn command(&self, program: &Path) -> Command {
        match self {
            Self::Loopback(_) => Command::new(program),
            Self::Namespace(namespace, _) => {
                let mut command = Command::new("ip");
                command.args(["netns", "exec", namespace]).arg(program);
                command
            }
        }
    }
}

/// So many ports that are free now, all different.
///
/// # Panics
/// When there are not so many.
#[must_use]
pub fn free_ports(count: usize) -> Vec<u16> {
    let listeners: Vec<_> =
        (0..count).map(|_| TcpListener::bind("127.0.0.1:0").expect("a free port")).collect();
    listeners.iter().map(|l| l.local_addr().expect("a bound port").port()).collect()
}
