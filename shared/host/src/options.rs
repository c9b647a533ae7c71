//! The options that several processes share, each written once; the processes flatten them in.
//! The groups have no docstrings: one would replace the program's own at the top of `--help`.

use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};
use structopt::StructOpt;
use toystore_replication::ReplicaId;

use crate::address::DEFAULT_REPLICAS;
use crate::set_up::SetUpError;
use crate::telemetry::LogFormat;
use crate::tls::TlsFiles;
use crate::{Address, Caller, ClusterConfig, ClusterToken};

#[allow(missing_docs)] // See above.
#[derive(Clone, Debug, StructOpt)]
pub struct TokenOption {
    /// The file with the secret that the store's processes share.
    #[structopt(
        long,
        env = "TOYSTORE_CLUSTER_TOKEN",
        value_name = "FILE",
        default_value = "data/run/cluster.token"
    )]
    pub cluster_token: PathBuf,
}

impl TokenOption {
    /// The token, and a caller that shows it and speaks TLS if files for it are named.
    ///
    /// # Errors
    /// The token or the files cannot be used, or calls cannot be made.
    pub fn caller(&self, files: &TlsFiles) -> Result<(ClusterToken, Caller), SetUpError> {
        let token = ClusterToken::read(&self.cluster_token)?;
        let caller = Caller::speaking(token.clone(), files.read()?.as_ref())?;
        Ok((token, caller))
    }

    /// Why the token cannot be used.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        ClusterToken::read(&self.cluster_token).err().map(|error| error.to_string())
    }
}

#[allow(missing_docs)] // See above.
#[derive(Clone, Debug, StructOpt)]
pub struct ReplicasOption {
    /// Every order replica and its address; the same for every process of the store.
    #[structopt(
        long,
        env = "TOYSTORE_REPLICAS",
        value_name = "ID=HOST:PORT,…",
        default_value = DEFAULT_REPLICAS
    )]
    pub replicas: ClusterConfig,
}

impl ReplicasOption {
    /// Says so when another process has the address of a replica.
    #[must_use]
    pub fn problem(&self, whose: &str, address: &Address) -> Option<String> {
        let (id, _) = self.replicas.replicas.iter().find(|(_, at)| *at == address)?;
        Some(format!("{address} is the address of {whose} and of replica {id}"))
    }
}

#[allow(missing_docs)] // See above.
#[derive(Clone, Debug, StructOpt)]
pub struct CatalogOption {
    /// Where the catalog listens.
    #[structopt(
        long,
        env = "TOYSTORE_CATALOG",
        value_name = "HOST:PORT",
        default_value = "127.0.0.1:10086"
    )]
    pub catalog: Address,
}

#[allow(missing_docs)] // See above.
#[derive(Clone, Debug, StructOpt)]
pub struct LogOption {
    /// How log lines look on standard error: text or json.
    #[structopt(
        long,
        global = true,
        env = "TOYSTORE_LOG_FORMAT",
        value_name = "text|json",
        default_value = "text"
    )]
    pub log_format: LogFormat,
}

/// Reads a replica's id.
///
/// # Errors
/// The text is none.
pub fn replica_id(text: &str) -> Result<ReplicaId, &'static str> {
    match text.as_bytes() {
        [digit @ b'1'..=b'9'] => Ok(ReplicaId(digit - b'0')),
        _ => Err("an id is a number from 1 to 9"),
    }
}

/// Why a database cannot be in this folder, or be made there.
#[must_use]
pub fn folder_problem(path: &Path) -> Option<String> {
    let wrong = |what: String| Some(format!("{}: {what}", path.display()));
    let existing = path.ancestors().find(|path| path.exists()).unwrap_or(Path::new("."));
    let existing = if existing.as_os_str().is_empty() { Path::new(".") } else { existing };
    if !existing.is_dir() {
        return wrong(format!("{} is no folder", existing.display()));
    }
    match access(existing, Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK) {
        Ok(()) => None,
        Err(error) => wrong(format!("cannot write in {}: {error}", existing.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_wants_a_folder_or_a_place_for_one() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert_eq!(folder_problem(folder.path()), None);
        assert_eq!(folder_problem(&folder.path().join("a/b")), None);
        assert_eq!(folder_problem(Path::new("no/such/folder/here")), None);
        assert!(folder_problem(&file).is_some_and(|problem| problem.contains("is no folder")));
        assert!(folder_problem(&file.join("below")).is_some());
    }

    #[test]
    fn an_address_is_not_for_two() {
        let option = ReplicasOption { replicas: "1=a:1,2=a:2".parse().unwrap() };
        let problem = option.problem("the catalog", &"a:2".parse().unwrap()).unwrap();
        assert_eq!(problem, "a:2 is the address of the catalog and of replica 2");
        assert_eq!(option.problem("the catalog", &"a:3".parse().unwrap()), None);
    }
}
