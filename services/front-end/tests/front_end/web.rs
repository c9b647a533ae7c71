//! The pages as files, and the stream behind the console.

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use toystore_front_end::console::audience::MAX_STREAMS;

use crate::customer::{Answer, Customer};
use crate::store::{PATIENCE, Setup, Store};

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// Everything in quotes after one of these that begins with a slash or a dot.
fn links(text: &str) -> Vec<String> {
    let starts = ["src=\"", "href=\"", "from \"", "import \""];
    let after = starts.iter().flat_map(|start| text.split(*start).skip(1));
    let named = after.filter_map(|rest| rest.split('"').next());
    named
        .map(|name| name.strip_prefix("./").map_or(name.to_owned(), |n| format!("/web/{n}")))
        .collect()
}

async fn is_guarded(customer: &Customer, path: &str) -> Answer {
    let page = customer.get(path).await;
    assert_eq!(page.status, 200, "{path}");
    for (header, value) in [
        ("content-security-policy", POLICY),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cache-control", "no-cache"),
    ] {
        assert_eq!(page.header(header), Some(value), "{path} {header}");
    }
    page
}

#[tokio::test]
async fn both_pages_and_all_they_load_come_from_here() {
    let store = Store::start(Setup::default()).await;
    let customer = store.customer();
    let mut waiting = vec!["/".to_owned(), "/console".to_owned()];
    let mut seen: Vec<String> = Vec::new();
    while let Some(path) = waiting.pop() {
        if seen.contains(&path) {
            continue;
        }
        let page = is_guarded(&customer, &path).await;
        for inline in ["<style", " style=", "onclick", "onload", "<script>", "innerHTML", "eval("] {
            assert!(!page.body.contains(inline), "{path} has {inline}");
        }
        assert!(!page.body.replace("http://www.w3.org/2000/svg", "").contains("//www"), "{path}");
        let links = links(&page.body);
        assert!(
            links.iter().all(|link| link.starts_with('/') && !link.starts_with("//")),
            "{links:?}"
        );
        waiting.extend(links);
        seen.push(path);
    }
    // Two pages, their style and icon, and eight scripts.
    assert_eq!(seen.len(), 12, "{seen:?}");
    let kind = |answer: &Answer| answer.header("content-type").unwrap().to_owned();
    assert_eq!(kind(&customer.get("/").await), "text/html; charset=utf-8");
    assert_eq!(kind(&customer.get("/web/shop.js").await), "text/javascript; charset=utf-8");
    assert_eq!(kind(&customer.get("/web/style.css").await), "text/css; charset=utf-8");
    assert_eq!(kind(&customer.get("/web/icon.svg").await), "image/svg+xml");
}

#[tokio::test]
async fn a_browser_that_has_a_file_gets_no_body() {
    let store = Store::start(Setup::default()).await;
    let customer = store.customer();
    let mut tags = Vec::new();
    for path in ["/", "/console", "/web/style.css"] {
        let tag = customer.get(path).await.header("etag").unwrap().to_owned();
        let again = customer.ask("GET", path, &format!("If-None-Match: {tag}\r\n"), "").await;
        assert_eq!((again.status, again.body.as_str()), (304, ""), "{path}");
        assert_eq!(again.header("etag"), Some(tag.as_str()));
        assert_eq!(again.header("content-security-policy"), Some(POLICY));
        let other = customer.ask("GET", path, "If-None-Match: \"other\"\r\n", "").await;
        assert_eq!(other.status, 200);
        tags.push(tag);
    }
    tags.dedup();
    assert_eq!(tags.len(), 3, "{tags:?}");
}

#[tokio::test]
async fn the_pages_say_what_may_be_done_with_them() {
    let store = Store::start(Setup::default()).await;
    for (method, path, status, allow) in [
        ("POST", "/", 405, Some("GET, HEAD")),
        ("PUT", "/console", 405, Some("GET, HEAD")),
        ("DELETE", "/web/shop.js", 405, Some("GET, HEAD")),
        ("POST", "/events", 405, Some("GET, HEAD")),
        ("GET", "/web", 404, None),
        ("GET", "/web/", 404, None),
        ("GET", "/web/nothing.js", 404, None),
        ("GET", "/web/../Cargo.toml", 404, None),
        ("GET", "/console/more", 404, None),
        ("GET", "/events/more", 404, None),
    ] {
        let answer = store.customer().ask(method, path, "", "").await;
        assert_eq!((answer.status, answer.header("allow")), (status, allow), "{method} {path}");
        answer.message();
    }
}

/// Somebody in front of the console.
struct Listener {
    stream: TcpStream,
    text: String,
}

impl Listener {
    async fn begin(customer: &Customer) -> Self {
        let mut stream = TcpStream::connect(customer.at.as_str()).await.unwrap();
        stream.write_all(b"GET /events HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        Self { stream, text: String::new() }
    }

    /// Reads on until the text has this.
    async fn until(&mut self, wanted: &str) {
        let reading = async {
            while !self.text.contains(wanted) {
                let mut piece = [0; 4096];
                let bytes = self.stream.read(&mut piece).await.unwrap();
                assert!(bytes > 0, "it ends without {wanted}: {}", self.text);
                self.text += std::str::from_utf8(&piece[..bytes]).unwrap();
            }
        };
        timeout(PATIENCE, reading).await.unwrap_or_else(|_| panic!("no {wanted}"));
    }

    /// What the first event of this name says.
    async fn event(&mut self, name: &str) -> Value {
        let head = format!("event:{name}\n");
        self.until(&head).await;
        let at = self.text.find(&head).unwrap() + head.len();
        while !self.text[at..].contains("\n\n") {
            let read = self.text.len();
            let mut piece = [0; 4096];
            let bytes = timeout(PATIENCE, self.stream.read(&mut piece)).await.unwrap().unwrap();
            self.text += std::str::from_utf8(&piece[..bytes]).unwrap();
            assert!(self.text.len() > read, "it ends within an event");
        }
        let data = self.text[at..].split("\n\n").next().unwrap();
        serde_json::from_str(data.strip_prefix("data:").unwrap()).unwrap()
    }
}

#[tokio::test]
async fn a_listener_hears_what_was_what_is_and_what_happens() {
    let mut store = Store::open(Setup::default()).await;
    store.buy("a").await;
    assert_eq!(store.catalog.state.lock().restock_looks, 0, "nobody asked yet");
    let mut listener = Listener::begin(&store.customer()).await;
    let hello = listener.event("hello").await;
    let leader = hello.as_array().unwrap().iter().find(|news| news["kind"] == "leader").unwrap();
    assert_eq!((&leader["replica"], &leader["epoch"]), (&3.into(), &1.into()));
    assert!(listener.text.contains("content-type: text/event-stream"), "{}", listener.text);

    let state = listener.event("state").await;
    assert_eq!(state["trouble"], Value::Null);
    let cluster = &state["cluster"];
    assert_eq!((&cluster["leader"], &cluster["epoch"]), (&3.into(), &1.into()));
    assert_eq!(cluster["replicas"][0]["hash"].as_str().unwrap().len(), 32);
    assert_eq!(cluster["restock"]["next_in_ms"], 4000);

    store.kill(3).await;
    listener.until(r#""kind":"leader","epoch":2,"replica":2"#).await;
    listener.until(r#""kind":"unreachable","replica":3"#).await;
    {
        let mut state = store.catalog.state.lock();
        state.restocks.restocked += 1;
        state.restocks.latest = vec![(crate::catalog::name("<b>Tux</b>"), 100)];
    }
    listener.until(r#""kind":"restocked","name":"<b>Tux</b>","quantity":100"#).await;
}

#[tokio::test]
async fn there_are_so_many_streams_and_no_more() {
    let store = Store::start(Setup::default()).await;
    let customer = store.customer();
    let mut listeners = Vec::new();
    for _ in 0..MAX_STREAMS {
        let mut listener = Listener::begin(&customer).await;
        listener.event("hello").await;
        listeners.push(listener);
    }
    let refused = customer.get("/events").await;
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")));
    refused.message();
    assert_eq!(customer.get("/livez").await.status, 200);
    listeners.pop();
    let again = async {
        loop {
            let mut listener = Listener::begin(&customer).await;
            listener.until("HTTP/1.1 ").await;
            listener.until("\r\n").await;
            if listener.text.starts_with("HTTP/1.1 200") {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, again).await.expect("a place for another");
}

#[tokio::test]
async fn a_stream_ends_in_order_when_the_process_stops() {
    let store = Store::open(Setup::default()).await;
    let mut listener = Listener::begin(&store.customer()).await;
    listener.event("hello").await;
    drop(store);
    let mut rest = String::new();
    timeout(PATIENCE, listener.stream.read_to_string(&mut rest)).await.unwrap().unwrap();
    // Whoever is cut off at the end of the grace does not get the last chunk.
    assert!(format!("{}{rest}", listener.text).ends_with("\r\n0\r\n\r\n"), "{rest}");
}
