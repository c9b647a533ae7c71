//! The whole store as real processes, each at a [`Place`] of its own, in a folder of its own.
//!
//! Every process that a [`Store`] started ends with it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::network::Network;

mod at_rest;
mod certificates;
mod place;
mod program;

pub use certificates::{Certificates, OPERATOR, http};
pub use place::{Place, free_ports};
pub use program::program;

/// How long anything that must happen may take.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// Stock of each product: more than any test buys.
pub const STOCK: u64 = 10_000_000;
/// The products of the tests.
pub const PRODUCTS: [&str; 5] = ["Tux", "Whale", "Elephant", "Bird", "Risk"];

/// Waits until `condition` gives a value.
///
/// # Panics
/// When it does not within [`PATIENCE`].
pub fn wait_for<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// How a store is made.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How many order replicas.
    pub replicas: u8,
    /// How many front ends.
    pub front_ends: u8,
    /// Stock of each product at the start.
    pub stock: u64,
    /// More options of the catalog.
    pub catalog: Vec<String>,
    /// More options of the order replicas.
    pub order: Vec<String>,
    /// More options of the front ends.
    pub front_end: Vec<String>,
    /// Where the databases are; a temporary folder if none is given.
    pub data: Option<PathBuf>,
    /// Where the databases of some processes are instead.
    pub disks: BTreeMap<String, PathBuf>,
    /// Whether the folder with data and logs stays when a test fails.
    pub keep: bool,
    /// Whether a Ctrl-C at the terminal spares the processes, since whoever started them heeds it.
    pub spared: bool,
    /// The network in which each process has a namespace; the loopback if none is given.
    pub network: Option<Arc<Network>>,
    /// Whether all speak TLS, and show each other certificates.
    pub tls: bool,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            replicas: 3,
            front_ends: 1,
            stock: STOCK,
            catalog: Vec::new(),
            order: Vec::new(),
            front_end: Vec::new(),
            data: None,
            disks: BTreeMap::new(),
            keep: false,
            spared: false,
            network: None,
            tls: false,
        }
    }
}

impl Plan {
    /// Every process's name, the catalog first.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let orders = (1..=self.replicas).map(order);
        let front_ends = (1..=self.front_ends).map(front_end);
        ["catalog".to_owned()].into_iter().chain(orders).chain(front_ends).collect()
    }
}

/// A running store.
pub struct Store {
    plan: Plan,
    folder: TempDir,
    data: PathBuf,
    places: BTreeMap<String, Place>,
    certificates: Option<Certificates>,
    running: BTreeMap<String, Child>,
    http: reqwest::blocking::Client,
}

/// The name of an order replica's process.
#[must_use]
pub fn order(id: u8) -> String {
    format!("order-{id}")
}

/// The name of a front end's process.
#[must_use]
pub fn front_end(number: u8) -> String {
    format!("front-end-{number}")
}

impl Store {
    /// Starts a store and waits until it takes orders.
    #[must_use]
    pub fn start(plan: Plan) -> Self {
        let mut store = Self::prepare(plan);
        store.start_all();
        store.wait_until_ready();
        store
    }

    /// Makes everything that a store needs, and starts nothing.
    #[must_use]
    pub fn prepare(plan: Plan) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let data = plan.data.clone().unwrap_or_else(|| folder.path().join("data"));
        fs::create_dir_all(&data).expect("a data folder");
        let products: String =
            PRODUCTS.iter().map(|name| format!("{name},9.99,{}\n", plan.stock)).collect();
        fs::write(folder.path().join("catalog.csv"), format!("name,price,stock\n{products}"))
            .expect("products");
        for token in ["cluster.token", "admin.token"] {
            fs::write(folder.path().join(token), format!("{token}-of-a-test-0123456789"))
                .expect("a token");
        }
        let places = Place::all(&plan.names(), plan.network.as_deref());
        let certificates = plan.tls.then(|| {
            let processes = [plan.names(), vec![OPERATOR.to_owned()]].concat();
            Certificates::make(&folder.path().join("tls"), &processes, &[])
        });
        let http = http(certificates.as_ref())
            .timeout(Duration::from_secs(10))
            .build()
            .expect("an HTTP client");
        Self { plan, folder, data, places, certificates, running: BTreeMap::new(), http }
    }

    /// Starts every process.
    pub fn start_all(&mut self) {
        self.names().iter().for_each(|name| self.run(name));
    }

    /// Every process's name, the catalog first.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.plan.names()
    }

    /// Where a process listens.
    #[must_use]
    pub fn address(&self, name: &str) -> String {
        self.places[name].address()
    }

    /// A front end's URL.
    #[must_use]
    pub fn url(&self, number: u8) -> String {
        self.url_of(&front_end(number))
    }

    /// The URL of any process.
    #[must_use]
    pub fn url_of(&self, name: &str) -> String {
        format!("{}://{}", if self.plan.tls { "https" } else { "http" }, self.address(name))
    }

    /// The certificates, of a store that speaks TLS.
    #[must_use]
    pub fn certificates(&self) -> &Certificates {
        self.certificates.as_ref().expect("a store that speaks TLS")
    }

    /// The folder of a process's database.
    #[must_use]
    pub fn data(&self, name: &str) -> PathBuf {
        self.plan.disks.get(name).unwrap_or(&self.data).join(name)
    }

    /// The file of a token, `cluster.token` or `admin.token`, or `catalog.csv`.
    #[must_use]
    pub fn token(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// How it was made.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The HTTP client.
    #[must_use]
    pub fn http(&self) -> &reqwest::blocking::Client {
        &self.http
    }

    /// The command that starts a process.
    #[must_use]
    pub fn command(&self, name: &str) -> Command {
        let replicas: Vec<_> = (1..=self.plan.replicas)
            .map(|id| format!("{id}={}", self.address(&order(id))))
            .collect();
        let replicas = replicas.join(",");
        let (service, id) = match name.rsplit_once('-') {
            Some((service, id)) => (service, id),
            None => (name, ""),
        };
        let mut command = self.places[name].command(&program(&format!("toystore-{service}")));
        match service {
            "catalog" => {
                command.arg("serve").arg("--data").arg(self.data(name));
                command.arg("--products").arg(self.folder.path().join("catalog.csv"));
                command.args(&self.plan.catalog);
            }
            "order" => {
                command.args(["--id", id]).arg("--data").arg(self.data(name));
                command.args(["--catalog", &self.address("catalog")]).args(&self.plan.order);
            }
            _ => {
                command.arg("--admin-token").arg(self.token("admin.token"));
                command.args(["--catalog", &self.address("catalog")]).args(&self.plan.front_end);
            }
        }
        command.args(["--listen", &self.address(name), "--replicas", &replicas]);
        command.arg("--cluster-token").arg(self.token("cluster.token"));
        if let Some(certificates) = &self.certificates {
            command.args(certificates.options(name)).arg("--mutual-tls");
        } else if self.plan.network.is_some() {
            command.arg("--insecure");
        }
        command
    }

    /// Starts one process.
    pub fn run(&mut self, name: &str) {
        self.adopt(name, self.command(name));
    }

    /// Starts a process with a command of one's own.
    pub fn adopt(&mut self, name: &str, mut command: Command) {
        let log = self.folder.path().join(format!("{name}.log"));
        let log = File::options().create(true).append(true).open(log).expect("a log");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        if self.plan.spared {
            command.process_group(0);
        }
        let child = command.spawn().expect("the program starts");
        assert!(self.running.insert(name.to_owned(), child).is_none(), "{name} runs already");
    }

    /// What a process logged.
    #[must_use]
    pub fn log(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(format!("{name}.log"))).unwrap_or_default()
    }

    /// The id of a running process.
    #[must_use]
    pub fn pid(&self, name: &str) -> u32 {
        self.running.get(name).unwrap_or_else(|| panic!("{name} does not run")).id()
    }

    fn signal(&self, name: &str, signal: Signal) {
        let child = self.running.get(name).unwrap_or_else(|| panic!("{name} does not run"));
        kill_process(Pid::from_child(child), signal).expect("a process of ours");
    }

    /// SIGKILL.
    pub fn kill(&mut self, name: &str) {
        self.signal(name, Signal::KILL);
        let mut child = self.running.remove(name).expect("it ran");
        child.wait().expect("it ends");
    }

    /// SIGTERM; how it ended.
    pub fn terminate(&mut self, name: &str) -> std::process::ExitStatus {
        self.signal(name, Signal::TERM);
        let mut child = self.running.remove(name).expect("it ran");
        wait_for("a process that was told to stop", || child.try_wait().expect("a child"))
    }

    /// SIGSTOP.
    pub fn pause(&self, name: &str) {
        self.signal(name, Signal::STOP);
    }

    /// SIGCONT.
    pub fn resume(&self, name: &str) {
        self.signal(name, Signal::CONT);
    }

    /// Forgets a process that ended by itself.
    pub fn reap(&mut self, name: &str) {
        let mut child = self.running.remove(name).expect("it ran");
        child.wait().expect("it ended");
    }

    /// Whether a process still runs.
    pub fn runs(&mut self, name: &str) -> bool {
        let child = self.running.get_mut(name);
        child.is_some_and(|child| child.try_wait().expect("a child").is_none())
    }

    /// `GET` of a path at a front end: status and body.
    ///
    /// # Errors
    /// There was no answer.
    pub fn get(&self, number: u8, path: &str) -> reqwest::Result<(u16, Value)> {
        let response = self.http.get(format!("{}{path}", self.url(number))).send()?;
        Ok((response.status().as_u16(), response.json()?))
    }

    /// `POST /orders`: status and body.
    ///
    /// # Errors
    /// There was no answer.
    pub fn buy(&self, number: u8, key: &str, name: &str) -> reqwest::Result<(u16, Value)> {
        let response = self
            .http
            .post(format!("{}/orders", self.url(number)))
            .header("Idempotency-Key", key)
            .json(&serde_json::json!({"name": name, "quantity": 1}))
            .send()?;
        Ok((response.status().as_u16(), response.json()?))
    }

    /// The cluster, as a front end sees it.
    #[must_use]
    pub fn cluster(&self, number: u8) -> Option<Value> {
        let (status, mut body) = self.get(number, "/cluster").ok()?;
        (status == 200).then(|| body["data"].take())
    }

    /// Who leads.
    #[must_use]
    pub fn leader(&self) -> u8 {
        wait_for("a leader", || self.cluster(1)?["leader"].as_u64()) as u8
    }

    /// Waits until every front end says that it is ready.
    pub fn wait_until_ready(&self) {
        for number in 1..=self.plan.front_ends {
            wait_for("a front end that is ready", || {
                (self.get(number, "/readyz").ok()?.0 == 200).then_some(())
            });
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        for child in self.running.values_mut() {
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            for name in self.places.keys() {
                let log = self.log(name);
                let end: Vec<_> = log.lines().rev().take(15).collect();
                eprintln!("--- {name}");
                end.iter().rev().for_each(|line| eprintln!("{line}"));
            }
            if self.plan.keep {
                self.folder.disable_cleanup(true);
                eprintln!("--- all of it is kept in {}", self.folder.path().display());
            }
        }
    }
}
