//! A customer on a socket of its own, thousands of whom fit into one test.

use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Longer than the store may take with anything.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// An answer, whole.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Value,
}

impl Answer {
    /// Whether it says when to come back.
    pub fn says_when(&self) -> bool {
        self.head.contains("\r\nretry-after: ")
    }
}

/// A connection that is kept.
pub struct Customer {
    stream: TcpStream,
}

impl Customer {
    /// Connects; none when that cannot be done in time.
    pub async fn connect(address: &str) -> Option<Self> {
        let stream =
            tokio::time::timeout(PATIENCE, TcpStream::connect(address)).await.ok()?.ok()?;
        stream.set_nodelay(true).ok()?;
        Some(Self { stream })
    }

    pub async fn get(&mut self, path: &str) -> Option<Answer> {
        self.ask(&format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")).await
    }

    pub async fn buy(&mut self, key: &str, toy: &str) -> Option<Answer> {
        let body = format!("{{\"name\":\"{toy}\",\"quantity\":1}}");
        let length = body.len();
        let head = format!("POST /orders HTTP/1.1\r\nHost: a\r\nIdempotency-Key: {key}\r\n");
        self.ask(&format!("{head}Content-Length: {length}\r\n\r\n{body}")).await
    }

    async fn ask(&mut self, request: &str) -> Option<Answer> {
        self.send(request.as_bytes()).await?;
        self.answer().await
    }

    pub async fn send(&mut self, bytes: &[u8]) -> Option<()> {
        self.stream.write_all(bytes).await.ok()
    }

    /// The next answer; none when the connection ends, or nothing comes in time.
    pub async fn answer(&mut self) -> Option<Answer> {
        tokio::time::timeout(PATIENCE, read(&mut self.stream)).await.ok()?
    }

    /// Sends a byte a second, again and again the same ones, until there is an answer.
    pub async fn dawdle(&mut self, bytes: &[u8]) -> Option<Answer> {
        let (mut reader, mut writer) = self.stream.split();
        let sending = async {
            for byte in bytes.iter().cycle() {
                tokio::time::sleep(Duration::from_secs(1)).await;
                // Whoever is cut off may have an answer to read still.
                let _ = writer.write_all(&[*byte]).await;
            }
        };
        tokio::select! {
            answer = tokio::time::timeout(PATIENCE, read(&mut reader)) => answer.ok()?,
            () = sending => None,
        }
    }

    /// Whether the other side closes before it is too late; what comes before that is not read.
    pub async fn is_closed(&mut self) -> bool {
        let mut rest = Vec::new();
        tokio::time::timeout(PATIENCE, self.stream.read_to_end(&mut rest)).await.is_ok()
    }
}

async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Option<Answer> {
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let read = stream.read(&mut piece).await.ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&piece[..read]);
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = String::from_utf8(bytes[..end + 2].to_vec()).expect("a head of text");
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.expect("a length").trim().parse().expect("a number");
        if bytes.len() >= end + 4 + length {
            let status = head.split(' ').nth(1).expect("a status").parse().expect("a number");
            let body = serde_json::from_slice(&bytes[end + 4..end + 4 + length]);
            return Some(Answer { status, head, body: body.expect("JSON") });
        }
    }
}
