//! Waiting until a store is at rest, and looking at what it holds then.

use std::ffi::OsStr;
use std::process::{Command, Output};

use super::{OPERATOR, Store, order, program, wait_for};

impl Store {
    /// Waits until a replica is in the in-sync set.
    pub fn wait_until_follows(&self, name: &str) {
        let id: u64 = name.trim_start_matches("order-").parse().expect("a replica");
        wait_for("a replica to be in sync", || {
            let cluster = self.cluster(1)?;
            let ready = cluster["replicas"]
                .as_array()?
                .iter()
                .any(|replica| replica["id"] == id && replica["healthy"] == true);
            let in_sync = cluster["in_sync"].as_array()?.iter().any(|member| *member == id);
            (ready && in_sync).then_some(())
        });
    }

    /// Waits until every replica is in sync and holds the same orders.
    pub fn wait_until_in_sync(&self) {
        let all = usize::from(self.plan.replicas);
        wait_for("all replicas in sync", || {
            let cluster = self.cluster(1)?;
            let lasts: Vec<_> = cluster["replicas"]
                .as_array()?
                .iter()
                .map(|replica| &replica["last_order"])
                .collect();
            let equal = lasts.iter().all(|last| last.is_u64() && *last == lasts[0]);
            (cluster["in_sync"].as_array()?.len() == all && equal).then_some(())
        });
    }

    /// Runs the inspector on running services.
    #[must_use]
    pub fn inspect(&self, command: &str, names: &[String]) -> Output {
        let urls = names.iter().map(|name| self.url_of(name));
        self.inspect_sources(&[command], urls)
    }

    /// Runs the inspector on addresses and folders, with a command that may have options.
    #[must_use]
    pub fn inspect_sources(
        &self,
        command: &[&str],
        sources: impl IntoIterator<Item = impl AsRef<OsStr>>,
    ) -> Output {
        let mut inspector = Command::new(program("toystore-inspect"));
        inspector.args(command).args(sources);
        inspector.arg("--cluster-token").arg(self.token("cluster.token"));
        if let Some(certificates) = &self.certificates {
            inspector.args(certificates.options(OPERATOR));
        }
        inspector.output().expect("the inspector runs")
    }

    /// At rest: every replica in sync, logs equal, everything sound, the stock equation holds.
    ///
    /// # Panics
    /// When it is not so.
    pub fn check_at_rest(&self) {
        self.wait_until_in_sync();
        let replicas: Vec<_> = (1..=self.plan.replicas).map(order).collect();
        if replicas.len() > 1 {
            succeeded("diff", &self.inspect("diff", &replicas));
        }
        let mut all = replicas;
        all.push("catalog".to_owned());
        // Of a store with one replica the catalog stays the second disk: it keeps them all.
        let settles = self.plan.replicas > 1;
        // The last settlements follow the last orders within a moment.
        wait_for("no outstanding reservations", || {
            let stats = self.inspect("stats", &["catalog".to_owned()]);
            let text = String::from_utf8_lossy(&stats.stdout).into_owned();
            (!settles || text.lines().any(is_none_reserved)).then_some(())
        });
        succeeded("verify", &self.inspect("verify", &all));
    }
}

fn is_none_reserved(line: &str) -> bool {
    let words: Vec<_> = line.split_whitespace().collect();
    words.first() == Some(&"reservations") && words.last() == Some(&"0")
}

fn succeeded(what: &str, output: &Output) {
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{what}: {out}{err}");
}
