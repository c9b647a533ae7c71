//! A bare web route: the same answers as the front end's, kept ready, and nothing behind them.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpStream};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use toystore_host::exit::{self, Threads};
use toystore_tests::store::free_ports;
use warp::Filter;

use crate::PATIENCE;
use crate::options::Bare;

/// What is answered.
pub struct Pages {
    /// By the last part of the path, as it is in the request.
    pub bodies: BTreeMap<String, String>,
    /// With each.
    pub headers: BTreeMap<String, String>,
}

/// A running one. It ends with this.
pub struct Server {
    process: Child,
    port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        // One that has ended already is as good.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Server {
    /// Starts one, as a process of its own.
    pub fn start(pages: &Pages) -> Result<Self> {
        let port = *free_ports(1).first().context("no port is free")?;
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["bare", "--port", &port.to_string()]).stdin(Stdio::null());
        for (name, body) in &pages.bodies {
            command.arg("--page").arg(format!("{name}={body}"));
        }
        for (name, value) in &pages.headers {
            command.arg("--header").arg(format!("{name}={value}"));
        }
        let server = Self { process: command.spawn()?, port };
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            ensure!(Instant::now() < deadline, "the bare web server does not start");
            sleep(Duration::from_millis(10));
        }
        Ok(server)
    }

    /// Where it listens.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }
}

/// Serves until it is killed, on as many threads as the front end does.
pub fn serve(options: &Bare) -> Result<ExitCode> {
    let bodies = options.page.iter();
    let bodies: BTreeMap<String, Bytes> =
        bodies.map(|(name, body)| (name.clone(), Bytes::from(body.clone()))).collect();
    let mut headers = HeaderMap::new();
    for (name, value) in &options.header {
        headers.insert(name.parse::<HeaderName>()?, value.parse::<HeaderValue>()?);
    }
    let answers = Arc::new((bodies, headers));
    let route = warp::path!("products" / String).map(move |name: String| {
        let (bodies, headers) = &*answers;
        let Some(body) = bodies.get(&name) else {
            let mut missing = http::Response::new(Bytes::new());
            *missing.status_mut() = StatusCode::NOT_FOUND;
            return missing;
        };
        let mut found = http::Response::new(body.clone());
        *found.headers_mut() = headers.clone();
        found
    });
    let runtime = exit::runtime(Threads::HalfOfCores)?;
    runtime.block_on(warp::serve(route).run((Ipv4Addr::LOCALHOST, options.port)));
    Ok(ExitCode::SUCCESS)
}
