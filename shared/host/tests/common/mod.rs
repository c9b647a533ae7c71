//! A server on a free port, and a client that sends bytes as they are.

// Each test binary uses a part of it.
#![allow(dead_code)]

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use toystore_host::reply::Response;
use toystore_host::{Address, ServeOptions, Shutdown, Trigger, serve};
use warp::Filter;

/// Longer than anything in these tests should take; a test that waits so long has failed.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A running server. It stops when this is dropped.
pub struct Running {
    pub at: SocketAddr,
    pub trigger: Trigger,
    pub ended: JoinHandle<()>,
}

impl Running {
    pub async fn start<F>(routes: F, options: ServeOptions) -> Self
    where
        F: Filter<Extract = (Response,), Error = Infallible> + Clone + Send + Sync + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let (trigger, shutdown) = Shutdown::manual();
        let ended = tokio::spawn(serve(listener, routes, options, shutdown));
        Self { at, trigger, ended }
    }

    pub fn address(&self) -> Address {
        self.at.into()
    }

    pub async fn connect(&self) -> Client {
        Client(TcpStream::connect(self.at).await.unwrap())
    }

    /// Sends bytes and reads all that comes until the server closes.
    pub async fn say(&self, bytes: impl AsRef<[u8]>) -> String {
        let mut client = self.connect().await;
        client.send(bytes).await;
        client.rest().await
    }
}

/// A raw connection.
pub struct Client(pub TcpStream);

impl Client {
    /// Sends bytes; that the server closes meanwhile is no failure of the client's.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.0.write_all(bytes.as_ref()).await;
    }

    /// Reads the head of one answer.
    pub async fn head(&mut self) -> String {
        let read = async {
            let mut text = Vec::new();
            while !text.ends_with(b"\r\n\r\n") {
                text.push(self.0.read_u8().await.unwrap());
            }
            String::from_utf8(text).unwrap()
        };
        tokio::time::timeout(PATIENCE, read).await.expect("an answer in time")
    }

    /// Reads one answer with a Content-Length.
    pub async fn answer(&mut self) -> String {
        let head = self.head().await;
        let mut body = vec![0; length(&head)];
        let read = self.0.read_exact(&mut body);
        tokio::time::timeout(PATIENCE, read).await.expect("an answer in time").unwrap();
        head + &String::from_utf8(body).unwrap()
    }

    /// Reads to the end. A connection that is reset fails: its answer may be lost.
    pub async fn rest(&mut self) -> String {
        let mut text = String::new();
        let read = self.0.read_to_string(&mut text);
        tokio::time::timeout(PATIENCE, read).await.expect("an end in time").expect("no reset");
        text
    }
}

fn length(head: &str) -> usize {
    head.lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |bytes| bytes.trim().parse().unwrap())
}

/// The status of an answer.
pub fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0)
}

/// Whether an answer is a refusal in the store's own words, with its status in the body.
pub fn in_own_words(answer: &str) -> bool {
    answer.contains(&format!(r#"{{"error":{{"code":{},"message":"#, status(answer)))
}
