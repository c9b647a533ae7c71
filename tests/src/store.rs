//! The whole store as real processes on ports of its own, in a folder of its own.
//!
//! Every process that a [`Store`] started ends with it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Once;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

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

/// A program of the store, freshly built.
///
/// # Panics
/// When it does not build.
#[must_use]
pub fn program(name: &str) -> PathBuf {
    static BUILD: Once = Once::new();
    BUILD.call_once(|| {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let built = Command::new(cargo)
            .args(["build", "--quiet", "--workspace", "--bins"])
            .current_dir(root)
            .status()
            .expect("cargo runs");
        assert!(built.success(), "the programs do not build");
    });
    let test = std::env::current_exe().expect("a test has a path");
    test.ancestors().nth(2).expect("a test is two folders deep").join(name)
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
        }
    }
}

/// A running store.
pub struct Store {
    plan: Plan,
    folder: TempDir,
    data: PathBuf,
    ports: BTreeMap<String, u16>,
    running: BTreeMap<String, Child>,
    http: reqwest::blocking::Client,
}

fn free_ports(count: usize) -> Vec<u16> {
    let listeners: Vec<_> =
        (0..count).map(|_| TcpListener::bind("127.0.0.1:0").expect("a free port")).collect();
    listeners.iter().map(|l| l.local_addr().expect("a bound port").port()).collect()
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
        let mut names = vec!["catalog".to_owned()];
        names.extend((1..=plan.replicas).map(order));
        names.extend((1..=plan.front_ends).map(front_end));
        let ports = names.iter().cloned().zip(free_ports(names.len())).collect();
        let http = reqwest::blocking::Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(10))
            .build()
            .expect("an HTTP client");
        Self { plan, folder, data, ports, running: BTreeMap::new(), http }
    }

    /// Starts every process.
    pub fn start_all(&mut self) {
        let names: Vec<_> = self.ports.keys().cloned().collect();
        names.iter().for_each(|name| self.run(name));
    }

    /// Every process's name, the catalog first.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.ports.keys().cloned().collect()
    }

    /// Where a process listens.
    #[must_use]
    pub fn address(&self, name: &str) -> String {
        format!("127.0.0.1:{}", self.ports[name])
    }

    /// A front end's URL.
    #[must_use]
    pub fn url(&self, number: u8) -> String {
        format!("http://{}", self.address(&front_end(number)))
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
        let mut command = Command::new(program(&format!("toystore-{service}")));
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
        let child = command.spawn().expect("the program starts");
        assert!(self.running.insert(name.to_owned(), child).is_none(), "{name} runs already");
    }

    /// What a process logged.
    #[must_use]
    pub fn log(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(format!("{name}.log"))).unwrap_or_default()
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
        Command::new(program("toystore-inspect"))
            .arg(command)
            .args(names.iter().map(|name| format!("http://{}", self.address(name))))
            .arg("--cluster-token")
            .arg(self.token("cluster.token"))
            .output()
            .expect("the inspector runs")
    }

    /// At rest: every replica in sync, logs equal, everything sound, the stock equation holds.
    ///
    /// # Panics
    /// When it is not so.
    pub fn check_at_rest(&self) {
        self.wait_until_in_sync();
        let replicas: Vec<_> = (1..=self.plan.replicas).map(order).collect();
        succeeded("diff", &self.inspect("diff", &replicas));
        let mut all = replicas;
        all.push("catalog".to_owned());
        // The last settlements follow the last orders within a moment.
        wait_for("no outstanding reservations", || {
            let stats = self.inspect("stats", &["catalog".to_owned()]);
            let text = String::from_utf8_lossy(&stats.stdout).into_owned();
            text.lines().any(is_none_reserved).then_some(())
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

impl Drop for Store {
    fn drop(&mut self) {
        for child in self.running.values_mut() {
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            for name in self.ports.keys() {
                let log = self.log(name);
                let end: Vec<_> = log.lines().rev().take(15).collect();
                eprintln!("--- {name}");
                end.iter().rev().for_each(|line| eprintln!("{line}"));
            }
        }
    }
}
