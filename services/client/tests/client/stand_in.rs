//! A store in one struct behind a socket, with one fault at a time.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

/// What the stand-in does wrong.
#[derive(Clone, Copy, PartialEq)]
pub enum Fault {
    None,
    /// Does not know order 2.
    Loses,
    /// Order 2 reads as one more than was bought.
    Changes,
    /// The second order gets the first one's number.
    SameNumber,
    /// Refuses the first two attempts of the first order.
    Busy,
    /// Places the first order, and breaks the connection instead of answering.
    HangsUp,
    /// Refuses all orders.
    NoLeader,
    /// Says of the first order that its outcome is unknown, again and again.
    Unknown,
    /// Has nothing left.
    Empty,
}

/// What the store was asked, and holds.
#[derive(Default)]
pub struct Books {
    pub orders: Vec<(String, u64)>,
    pub by_key: BTreeMap<String, u64>,
    pub keys_seen: Vec<String>,
    pub looks: usize,
    pub paths: Vec<String>,
}

pub struct StandIn {
    pub url: String,
    pub books: Arc<Mutex<Books>>,
}

/// Status, body; none to hang up.
type Answer = Option<(u16, Value)>;

const TOYS: [&str; 3] = ["Connect Four", "Tux", "Uno"];

impl StandIn {
    /// Serves until the test ends.
    pub fn start(fault: Fault) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let books = Arc::new(Mutex::new(Books::default()));
        let shared = books.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let books = shared.clone();
                std::thread::spawn(move || serve(stream.unwrap(), fault, &books));
            }
        });
        Self { url, books }
    }
}

fn serve(stream: TcpStream, fault: Fault, books: &Mutex<Books>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut writer = stream;
    loop {
        let mut head = Vec::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            if line.trim().is_empty() {
                break;
            }
            head.push(line.trim().to_owned());
        }
        let header = |name: &str| {
            let of = |line: &String| Some(line.split_once(": ")?.1.to_owned());
            head.iter().find(|line| line.to_lowercase().starts_with(name)).and_then(of)
        };
        let length = header("content-length:").map_or(0, |text| text.parse().unwrap());
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let key = header("idempotency-key:").unwrap_or_default();
        let mut words = head.first()?.split(' ');
        let (method, path) = (words.next()?, words.next()?);
        let (status, body) = answer(fault, &mut books.lock().unwrap(), method, path, key, &body)?;
        let body = body.to_string();
        let later = if status >= 503 { "retry-after: 1\r\n" } else { "" };
        let length = body.len();
        let reply = format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n{later}\r\n{body}");
        writer.write_all(reply.as_bytes()).ok()?;
    }
}

fn answer(
    fault: Fault,
    books: &mut Books,
    method: &str,
    path: &str,
    key: String,
    body: &[u8],
) -> Answer {
    books.paths.push(path.to_owned());
    let toy = |name: &str| {
        let left = if fault == Fault::Empty { 0 } else { 100 };
        json!({"name": name, "price": 25.99, "quantity": left})
    };
    match (method, path) {
        // Two toys on the first page, one on the second.
        ("GET", "/products") => data(json!([toy(TOYS[0]), toy(TOYS[1])])),
        ("GET", "/products?after=Tux") => data(json!([toy(TOYS[2])])),
        ("GET", "/products?after=Uno") => data(json!([])),
        ("GET", "/cluster") => data(json!({
            "epoch": 3, "leader": (fault != Fault::NoLeader).then_some(2), "in_sync": [2],
            "replicas": [
                {"id": 1, "address": "127.0.0.1:10010", "healthy": false,
                    "last_order": null, "role": null},
                {"id": 2, "address": "127.0.0.1:10011", "healthy": true,
                    "last_order": 118, "role": "leader"}],
            "catalog": {"address": "127.0.0.1:10086", "healthy": true},
            "cache": {"enabled": true, "entries": 9, "hits": 8, "misses": 7, "invalidations": 6},
        })),
        ("POST", "/orders") => buy(fault, books, key, body),
        ("GET", path) => {
            if let Some(name) = path.strip_prefix("/products/") {
                books.looks += 1;
                let name = name.replace("%20", " ");
                let known = TOYS.contains(&name.as_str());
                return if known { data(toy(&name)) } else { refuse(404, "product not found") };
            }
            look_up(fault, books, path.strip_prefix("/orders/")?.parse().unwrap())
        }
        _ => refuse(405, "method not allowed"),
    }
}

fn buy(fault: Fault, books: &mut Books, key: String, body: &[u8]) -> Answer {
    books.keys_seen.push(key.clone());
    let attempt = books.keys_seen.len();
    if fault == Fault::NoLeader || fault == Fault::Busy && attempt <= 2 {
        return refuse(503, "no leader");
    }
    if fault == Fault::Empty {
        return refuse(409, "out of stock");
    }
    let first = books.keys_seen.first() == Some(&key);
    if fault == Fault::Unknown && first {
        return refuse(504, "outcome unknown, repeat with the same Idempotency-Key");
    }
    let order: Value = serde_json::from_slice(body).unwrap();
    let order = (order["name"].as_str().unwrap().to_owned(), order["quantity"].as_u64().unwrap());
    let orders = &mut books.orders;
    let number = *books.by_key.entry(key).or_insert_with(|| {
        orders.push(order);
        orders.len() as u64
    });
    if fault == Fault::HangsUp && attempt == 1 {
        return None;
    }
    let shown = if fault == Fault::SameNumber && number == 2 { 1 } else { number };
    data(json!({"order_number": shown}))
}

fn look_up(fault: Fault, books: &Books, number: usize) -> Answer {
    match books.orders.get(number - 1) {
        Some(_) if fault == Fault::Loses && number == 2 => refuse(404, "order not found"),
        Some((name, quantity)) => {
            let more = u64::from(fault == Fault::Changes && number == 2);
            data(json!({"number": number, "name": name, "quantity": quantity + more}))
        }
        None => refuse(404, "order not found"),
    }
}

fn data(data: Value) -> Answer {
    Some((200, json!({ "data": data })))
}

fn refuse(code: u16, message: &str) -> Answer {
    Some((code, json!({"error": {"code": code, "message": message}})))
}
