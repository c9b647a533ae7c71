//! Holds replies against `openapi.json`: what is not described there is wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use jsonschema::Validator;
use serde_json::{Value, json};
use toystore_front_end::openapi::OPENAPI;

use crate::customer::Answer;

mod tests;

/// Set for a run of these tests that is to name each described reply that it gets.
const NAME_REPLIES: &str = "OPENAPI_NAME_REPLIES";

/// Headers that any reply may carry; they are HTTP's affair or the trace's, not that of one route.
const ANY_REPLY: [&str; 6] =
    ["connection", "content-length", "content-type", "date", "transfer-encoding", "x-request-id"];

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| serde_json::from_str(OPENAPI).unwrap());

/// Checks a reply: its route, status, headers and body are all described.
pub fn check(method: &str, target: &str, answer: &Answer) -> Result<(), String> {
    // What follows a # is no matter of the server's.
    let whole = target.split(['?', '#']).next().unwrap_or_default();
    // As the document says: a slash at the end changes nothing. The root is one slash, not two.
    let path = whole.strip_suffix('/').filter(|path| !path.trim_matches('/').is_empty());
    let path = path.unwrap_or(whole);
    // What the store's own processes ask each other is no part of the public API.
    if path.starts_with("/internal/") {
        return Ok(());
    }
    let what = format!("{method} {path} with {}", answer.status);
    let bare = method == "HEAD";
    let method = if bare { "GET" } else { method };
    let described = description(method, path, answer.status);
    let described = described.ok_or_else(|| format!("{what} is not in openapi.json"))?;
    headers(described, answer).map_err(|wrong| format!("{what}: {wrong}"))?;
    if !bare {
        body(described, answer).map_err(|wrong| format!("{what}: {wrong}"))?;
    }
    if answer.status == 405 {
        allows(path, answer).map_err(|wrong| format!("{what}: {wrong}"))?;
    }
    if let Some(id) =
        operation(method, path).and_then(|operation| operation["operationId"].as_str())
    {
        exercised(id, answer.status);
    }
    Ok(())
}

/// What is said about this reply; nothing when it should not be.
fn description(method: &str, path: &str, status: u16) -> Option<&'static Value> {
    let shared = |name: &str| &DOCUMENT["components"]["responses"][name];
    let own = operation(method, path).and_then(|it| it["responses"].get(status.to_string()));
    own.map(resolve).or(match status {
        // A request that is refused before anybody looks at its path.
        400 => Some(shared("BadRequest")),
        408 => Some(shared("RequestTimeout")),
        414 => Some(shared("UriTooLong")),
        431 => Some(shared("HeadersTooLarge")),
        404 if item(path).is_none() => Some(shared("NotFound")),
        405 if item(path).is_some() && operation(method, path).is_none() => {
            Some(shared("MethodNotAllowed"))
        }
        _ => None,
    })
}

/// All that is said about a path.
fn item(path: &str) -> Option<&'static Value> {
    let parts: Vec<_> = path.split('/').collect();
    let fits = |template: &str| {
        let wanted: Vec<_> = template.split('/').collect();
        let fits = |(wanted, part): (&&str, &&str)| {
            wanted == part || wanted.starts_with('{') && !part.is_empty()
        };
        wanted.len() == parts.len() && wanted.iter().zip(&parts).all(fits)
    };
    let paths = DOCUMENT["paths"].as_object().unwrap();
    paths.iter().find(|(template, _)| fits(template)).map(|(_, item)| item)
}

fn operation(method: &str, path: &str) -> Option<&'static Value> {
    let lower = method.to_ascii_lowercase();
    item(path)?.get(&lower).filter(|_| lower != "parameters" && lower.to_uppercase() == method)
}

/// Every operation.
fn operations() -> impl Iterator<Item = &'static Value> {
    let items = DOCUMENT["paths"].as_object().unwrap().values();
    let parts = items.flat_map(|item| item.as_object().unwrap());
    parts.filter(|(name, _)| *name != "parameters").map(|(_, operation)| operation)
}

/// What a reference points to, or the value itself.
fn resolve(value: &'static Value) -> &'static Value {
    match value.get("$ref").and_then(Value::as_str) {
        Some(at) => DOCUMENT.pointer(at.trim_start_matches('#')).expect(at),
        None => value,
    }
}

fn headers(described: &'static Value, answer: &Answer) -> Result<(), String> {
    let known = described["headers"].as_object().into_iter().flatten();
    let known: BTreeMap<_, _> =
        known.map(|(name, header)| (name.to_ascii_lowercase(), resolve(header))).collect();
    for (name, value) in answer.headers() {
        match known.get(&name) {
            Some(header) => fits(&header["schema"], &header_value(&header["schema"], value))
                .map_err(|wrong| format!("{name}: {wrong}"))?,
            None if ANY_REPLY.contains(&name.as_str()) => {}
            None => return Err(format!("the header {name} is not described")),
        }
    }
    let missing = known.iter().filter(|(_, header)| header["required"] == true);
    match missing.map(|(name, _)| name).find(|name| answer.header(name).is_none()) {
        Some(name) => Err(format!("the header {name} is missing")),
        None => Ok(()),
    }
}

fn header_value(schema: &Value, text: &str) -> Value {
    let number = (schema["type"] == "integer").then(|| serde_json::from_str(text).ok()).flatten();
    number.unwrap_or_else(|| json!(text))
}

fn body(described: &'static Value, answer: &Answer) -> Result<(), String> {
    let declared = answer.header("content-type").unwrap_or_default();
    let essence = declared.split(';').next().unwrap_or_default();
    let Some(contents) = described.get("content") else {
        let empty = answer.body.is_empty();
        return if empty { Ok(()) } else { Err("no body is described".to_owned()) };
    };
    let content = contents.get(essence).ok_or_else(|| format!("{declared} is not described"))?;
    if essence != "application/json" {
        return Ok(());
    }
    let body: Value = serde_json::from_str(&answer.body).map_err(|error| error.to_string())?;
    if answer.status >= 400 && body["error"]["code"] != answer.status {
        return Err("the body has another status".to_owned());
    }
    fits(&content["schema"], &body)
}

fn allows(path: &str, answer: &Answer) -> Result<(), String> {
    let allowed: BTreeSet<_> = answer.header("allow").unwrap_or_default().split(", ").collect();
    let allowed: BTreeSet<_> = allowed.into_iter().map(str::to_owned).collect();
    let item = item(path).and_then(Value::as_object).ok_or("no such path")?;
    let methods = item.keys().filter(|name| *name != "parameters");
    let mut described: BTreeSet<_> = methods.map(|name| name.to_uppercase()).collect();
    if described.contains("GET") {
        described.insert("HEAD".to_owned());
    }
    if allowed == described { Ok(()) } else { Err(format!("{described:?} are described")) }
}

/// Checks a value against a schema of the document.
fn fits(schema: &Value, value: &Value) -> Result<(), String> {
    static KNOWN: LazyLock<Mutex<BTreeMap<String, Arc<Validator>>>> = LazyLock::new(Mutex::default);
    let validator = {
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        let compile = || {
            // References lead into the document's components.
            let whole = json!({"allOf": [schema], "components": DOCUMENT["components"]});
            Arc::new(jsonschema::draft202012::new(&whole).unwrap())
        };
        Arc::clone(known.entry(schema.to_string()).or_insert_with(compile))
    };
    validator.validate(value).map_err(|error| format!("{error} at \"{}\"", error.instance_path()))
}

/// Names a described reply that was got, once.
fn exercised(id: &str, status: u16) {
    static SEEN: Mutex<BTreeSet<(String, u16)>> = Mutex::new(BTreeSet::new());
    if std::env::var_os(NAME_REPLIES).is_some() {
        let mut seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.insert((id.to_owned(), status)) {
            eprintln!("\n{NAME_REPLIES} {id} {status}");
        }
    }
}
