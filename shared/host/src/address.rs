//! Where processes listen, and which replicas there are.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use toystore_config::secret::masked;
use toystore_replication::ReplicaId;

/// The three replicas of a store that nobody configured.
pub const DEFAULT_REPLICAS: &str = "1=127.0.0.1:10010,2=127.0.0.1:10011,3=127.0.0.1:10012";

const MAX_HOST_BYTES: usize = 253;

/// A host and a port, as `127.0.0.1:6060`, `[::1]:6060` or `catalog.local:10086`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Address(Arc<str>);

/// The text is no address; kept without what may be secret in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is no address; write host:port, as in 127.0.0.1:6060")]
pub struct NoAddress(String);

impl Address {
    /// The text, as it goes into a URL.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Address {
    type Err = NoAddress;
    fn from_str(text: &str) -> Result<Self, NoAddress> {
        let no_address = || NoAddress(masked(text));
        let (host, port) = text.rsplit_once(':').ok_or_else(no_address)?;
        let canonical = port.bytes().all(|b| b.is_ascii_digit());
        let valid = valid_host(host) && canonical && port.parse::<u16>().is_ok();
        if valid { Ok(Self(text.into())) } else { Err(no_address()) }
    }
}

fn valid_host(host: &str) -> bool {
    match host.strip_prefix('[') {
        Some(rest) => {
            rest.strip_suffix(']').is_some_and(|v6| v6.parse::<std::net::Ipv6Addr>().is_ok())
        }
        None => {
            let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'.' || b == b'-' || b == b'_';
            (1..=MAX_HOST_BYTES).contains(&host.len()) && host.bytes().all(allowed)
        }
    }
}

impl TryFrom<String> for Address {
    type Error = NoAddress;
    fn try_from(text: String) -> Result<Self, NoAddress> {
        text.parse()
    }
}

impl From<Address> for String {
    fn from(address: Address) -> String {
        address.as_str().to_owned()
    }
}

impl From<std::net::SocketAddr> for Address {
    fn from(address: std::net::SocketAddr) -> Self {
        Self(address.to_string().into())
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is the same in every process: the replicas and where they listen. Never empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterConfig {
    /// Each replica's address.
    pub replicas: BTreeMap<ReplicaId, Address>,
}

/// Why a text does not name the replicas.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// An entry is not `id=host:port` with an id from 1 to 9.
    #[error("\"{0}\" is no replica; write id=host:port with an id from 1 to 9")]
    Entry(String),
    /// The address in an entry is none.
    #[error(transparent)]
    Address(#[from] NoAddress),
    /// Two entries have the same id.
    #[error("replica {0} is named twice")]
    Twice(u8),
    /// Two replicas would listen at the same place.
    #[error("{0} is named for two replicas")]
    SharedAddress(Address),
}

impl ClusterConfig {
    /// The address of one replica.
    #[must_use]
    pub fn address(&self, id: ReplicaId) -> Option<&Address> {
        self.replicas.get(&id)
    }
}

impl FromStr for ClusterConfig {
    type Err = ConfigError;
    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let mut replicas = BTreeMap::new();
        for entry in text.split(',').map(str::trim) {
            let (id, address) = parse_entry(entry)?;
            if replicas.values().any(|known| *known == address) {
                return Err(ConfigError::SharedAddress(address));
            }
            if replicas.insert(id, address).is_some() {
                return Err(ConfigError::Twice(id.0));
            }
        }
        Ok(Self { replicas })
    }
}

fn parse_entry(entry: &str) -> Result<(ReplicaId, Address), ConfigError> {
    let wrong = || ConfigError::Entry(masked(entry));
    let (id, address) = entry.split_once('=').ok_or_else(wrong)?;
    match id.as_bytes() {
        [digit @ b'1'..=b'9'] => Ok((ReplicaId(digit - b'0'), address.parse()?)),
        _ => Err(wrong()),
    }
}

impl fmt::Display for ClusterConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entries: Vec<_> =
            self.replicas.iter().map(|(id, at)| format!("{}={at}", id.0)).collect();
        f.write_str(&entries.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_host_and_port_are_an_address() {
        for good in ["127.0.0.1:6060", "[::1]:80", "catalog.local:10086", "localhost:0"] {
            assert_eq!(good.parse::<Address>().unwrap().to_string(), good);
        }
        let bad = ["", "host", ":80", "host:", "host:65536", "host:+80", "a b:80", "a/b:80"];
        for bad in bad.into_iter().chain(["u@h:80", "::1:80", "[x]:80", "http://h:80", "h:80/"]) {
            assert!(bad.parse::<Address>().is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_refused_is_repeated_without_its_password() {
        let told = |text: &str| text.parse::<Address>().unwrap_err().to_string();
        assert!(told("127.0.0.1").starts_with("\"127.0.0.1\" is no address"));
        for secret in ["http://u:secret@h:1", "u:secret@h:1", "h:1/?key=secret"] {
            assert!(!told(secret).contains("secret"));
            for entry in [secret.to_owned(), format!("1={secret}"), format!("x={secret}")] {
                let told = entry.parse::<ClusterConfig>().unwrap_err().to_string();
                assert!(!told.contains("secret"), "{told}");
            }
        }
    }

    #[test]
    fn the_default_replicas_survive_the_round_trip() {
        let config: ClusterConfig = DEFAULT_REPLICAS.parse().unwrap();
        assert_eq!(config.replicas.len(), 3);
        assert_eq!(config.to_string(), DEFAULT_REPLICAS);
        assert_eq!(config.address(ReplicaId(2)).unwrap().as_str(), "127.0.0.1:10011");
    }

    #[test]
    fn wrong_configurations_are_refused() {
        use ConfigError::{Entry, SharedAddress, Twice};
        let parse = |text: &str| text.parse::<ClusterConfig>().unwrap_err();
        assert_eq!(parse("1=a:1,1=a:2"), Twice(1));
        assert_eq!(parse("1=a:1,2=a:1"), SharedAddress("a:1".parse().unwrap()));
        for bad in ["", "0=a:1", "10=a:1", "x=a:1", "a:1", "1=a:1,"] {
            assert!(matches!(parse(bad), Entry(_)), "{bad}");
        }
        assert!(matches!(parse("1=a"), ConfigError::Address(_)));
    }
}
