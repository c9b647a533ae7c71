//! A browser that a test drives, and its driver; both end with the test.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use thirtyfour::cdp::Cdp;
use thirtyfour::{
    BrowserLogEntry, By, ChromiumLikeCapabilities, DesiredCapabilities, LoggingPrefsLogLevel,
    WebDriver, WebElement,
};
use tokio::runtime::Runtime;
use toystore_host::tls::nobody;
use toystore_tests::store::{PATIENCE, wait_for};

/// What a browser of a test leaves alone: the rest of the machine, and all that is outside of it.
const ARGUMENTS: [&str; 9] = [
    "--headless=new",
    // There is none for root.
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
];

/// One browser at a time: two of them and two stores are more than a small machine does in time.
static TURN: Mutex<()> = Mutex::new(());

/// A running browser.
pub struct Browser {
    // In the order in which they end.
    driver: Option<WebDriver>,
    service: Child,
    runtime: Runtime,
    _turn: MutexGuard<'static, ()>,
}

impl Browser {
    /// Starts one; none, and a line that says so, where there is none to start.
    pub fn start() -> Option<Self> {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((service, port)) = start_driver() else {
            println!("SKIPPED: there is no chromedriver; apt-get install chromium chromium-driver");
            return None;
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let mut browser = Self { driver: None, service, runtime, _turn: turn };
        let mut capabilities = DesiredCapabilities::chrome();
        ARGUMENTS.iter().for_each(|argument| capabilities.add_arg(argument).unwrap());
        capabilities.set_browser_log_level(LoggingPrefsLogLevel::All).unwrap();
        // Left to itself it would want to know which authorities this machine believes.
        let plain = reqwest::Client::builder().tls_backend_preconfigured(nobody().unwrap());
        let connecting = WebDriver::builder(format!("http://127.0.0.1:{port}"), capabilities)
            .client(plain.timeout(PATIENCE).build().unwrap());
        let connecting = async { connecting.await };
        browser.driver = Some(browser.runtime.block_on(connecting).expect("a browser"));
        browser.wide();
        Some(browser)
    }

    fn driver(&self) -> &WebDriver {
        self.driver.as_ref().expect("it runs")
    }

    /// Goes to a page.
    pub fn open(&self, url: &str) {
        self.runtime.block_on(self.driver().goto(url)).expect("the page opens");
    }

    /// What a script returns.
    pub fn run(&self, script: &str) -> Value {
        let result = self.runtime.block_on(self.driver().execute(script, Vec::new()));
        result.unwrap_or_else(|error| panic!("{script}: {error}")).json().clone()
    }

    /// The text of the first element that this selects.
    pub fn text(&self, selector: &str) -> Option<String> {
        let selector = json!(selector);
        let script = format!("return document.querySelector({selector})?.textContent ?? null");
        self.run(&script).as_str().map(ToOwned::to_owned)
    }

    /// Waits until an element's text has this; returns the whole text.
    pub fn until(&self, selector: &str, wanted: &str) -> String {
        let mut last = None;
        let what = format!("{wanted} in {selector}");
        let waiting = || {
            last = self.text(selector);
            last.clone().filter(|text| text.contains(wanted))
        };
        wait_for(&what, waiting)
    }

    fn find(&self, selector: &str) -> WebElement {
        let found = self.runtime.block_on(self.driver().find(By::Css(selector)));
        found.unwrap_or_else(|error| panic!("{selector}: {error}"))
    }

    /// Clicks as a person does.
    pub fn click(&self, selector: &str) {
        let element = self.find(selector);
        self.runtime.block_on(element.scroll_into_view()).unwrap();
        self.runtime.block_on(element.click()).unwrap_or_else(|e| panic!("{selector}: {e}"));
    }

    /// Replaces what stands in a field by typing.
    pub fn fill(&self, selector: &str, text: &str) {
        let element = self.find(selector);
        self.runtime.block_on(element.clear()).unwrap();
        self.runtime.block_on(element.send_keys(text)).unwrap();
    }

    fn cdp(&self, command: &str, parameters: Value) -> Value {
        let cdp = Cdp::new(self.driver().handle().clone());
        self.runtime.block_on(cdp.send_raw(command, parameters)).expect(command)
    }

    /// As on a desk.
    pub fn wide(&self) {
        self.size(1100, 900);
    }

    /// As on a small telephone.
    pub fn narrow(&self) {
        self.size(360, 740);
    }

    fn size(&self, width: u32, height: u32) {
        let size =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.cdp("Emulation.setDeviceMetricsOverride", size);
    }

    /// In the dark, or not.
    pub fn scheme(&self, scheme: &str) {
        let feature = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.cdp("Emulation.setEmulatedMedia", json!({"features": feature}));
    }

    /// A picture of what is seen.
    pub fn picture(&self) -> Vec<u8> {
        self.runtime.block_on(self.driver().screenshot_as_png()).expect("a picture")
    }

    /// What the browser complained of since it was last asked; refused requests are left out,
    /// since a store that fails refuses some.
    pub fn complaints(&self) -> Vec<BrowserLogEntry> {
        let log = self.runtime.block_on(self.driver().browser_log()).expect("a log");
        log.into_iter().filter(|entry| entry.source.as_deref() != Some("network")).collect()
    }

    /// Nothing broke a policy, and no script failed.
    pub fn is_content(&self) {
        let complaints = self.complaints();
        assert!(complaints.is_empty(), "{complaints:#?}");
    }

    /// Nothing of a table is out of sight.
    pub fn shows_whole(&self, table: &str) {
        let script = format!(
            "const table = document.querySelector('{table}');
             return table.scrollWidth - table.parentElement.clientWidth"
        );
        let hidden = self.run(&script).as_f64().unwrap();
        assert!(hidden <= 0.0, "{hidden} pixels of {table} are out of sight");
    }

    /// Nothing sticks out to the side.
    pub fn fits(&self) {
        let script = "return document.documentElement.scrollWidth - window.innerWidth";
        let out = self.run(script).as_f64().unwrap();
        assert!(out <= 0.0, "the page is {out} pixels too wide");
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if let Some(driver) = self.driver.take() {
            let _ = self.runtime.block_on(driver.quit());
        }
        let _ = self.service.kill();
        let _ = self.service.wait();
    }
}

/// The driver on a free port, which it says.
fn start_driver() -> Option<(Child, u16)> {
    let mut command = Command::new("chromedriver");
    command.arg("--port=0").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    // A Ctrl-C at the terminal is for the test, which then ends it.
    let mut child = command.process_group(0).spawn().ok()?;
    let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    let port = lines.map_while(Result::ok).find_map(|line| {
        let (_, port) = line.split_once("started successfully on port ")?;
        port.trim_end_matches('.').parse().ok()
    });
    Some((child, port.expect("the driver says its port")))
}
