//! A customer: sends bytes as they are, and reads the answer.

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use toystore_host::Address;

use crate::openapi;
use crate::store::PATIENCE;

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    head: String,
    pub body: String,
}

impl Answer {
    pub fn read(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").expect("a whole head");
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Self { status, head: head.to_owned(), body: body.to_owned() }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.head.lines().filter_map(|line| line.split_once(": "));
        headers.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Every header, its name in lower case.
    pub fn headers(&self) -> impl Iterator<Item = (String, &str)> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.map(|(name, value)| (name.to_ascii_lowercase(), value))
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect(&self.body)
    }

    /// What was asked for.
    pub fn data(&self) -> Value {
        assert_eq!(self.status, 200, "{self:?}");
        self.json()["data"].clone()
    }

    /// The message of a refusal, which says its status twice.
    pub fn message(&self) -> String {
        let error = self.json()["error"].clone();
        assert_eq!(error["code"], self.status, "{self:?}");
        error["message"].as_str().unwrap().to_owned()
    }

    pub fn is_hit(&self) -> bool {
        self.header("cache-status") == Some("toystore; hit")
    }
}

#[derive(Clone, Debug)]
pub struct Customer {
    pub at: Address,
}

impl Customer {
    /// Sends bytes and reads all that comes.
    pub async fn say(&self, bytes: impl AsRef<[u8]>) -> Answer {
        let talk = async {
            let mut stream = TcpStream::connect(self.at.as_str()).await.unwrap();
            stream.write_all(bytes.as_ref()).await.unwrap();
            let mut text = String::new();
            stream.read_to_string(&mut text).await.unwrap();
            Answer::read(&text)
        };
        tokio::time::timeout(PATIENCE, talk).await.expect("an answer in time")
    }

    pub async fn ask(&self, method: &str, path: &str, headers: &str, body: &str) -> Answer {
        let length = match body.len() {
            0 => String::new(),
            bytes => format!("Content-Length: {bytes}\r\n"),
        };
        let head = format!("{method} {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n");
        let answer = self.say(format!("{head}{length}{headers}\r\n{body}")).await;
        openapi::check(method, path, &answer).unwrap_or_else(|wrong| panic!("{wrong}: {answer:?}"));
        answer
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, "", "").await
    }

    /// Orders one Tux.
    pub async fn buy(&self, key: &str) -> Answer {
        self.order(&format!("Idempotency-Key: {key}\r\n"), r#"{"name":"Tux","quantity":1}"#).await
    }

    pub async fn order(&self, headers: &str, body: &str) -> Answer {
        self.ask("POST", "/orders", headers, body).await
    }
}
