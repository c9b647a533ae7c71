//! What the scripts must not do.

use std::fs;

use crate::sandbox::{Sandbox, root, text};

/// Each script that opens connections.
const REACHING: [&str; 6] =
    ["deploy", "status", "tunnel", "evaluate", "crash order-1", "restart order-1"];

#[test]
fn a_dry_run_touches_nothing() {
    let Some(sandbox) = Sandbox::open() else { return };
    let line = sandbox.well("up --spread --dry-run --subnet subnet-1");
    for call in ["import-key-pair", "create-security-group", "authorize-security-group-ingress"] {
        assert!(line.contains(&format!("+ aws ec2 {call} ")), "{call} is not announced");
    }
    assert_eq!(line.matches("+ aws ec2 run-instances ").count(), 5);
    for script in REACHING {
        let said = sandbox.well(&format!("{script} --dry-run"));
        let connects = said.lines().any(|line| {
            let line = line.trim_start_matches("+ timeout 300 ").trim_start_matches("+ ");
            ["ssh ", "scp ", "toystore-client "].iter().any(|word| line.contains(word))
        });
        assert!(connects, "{script} announces no connection");
    }
    let said = sandbox.well("down --dry-run");
    for call in ["terminate-instances", "delete-security-group", "delete-key-pair"] {
        assert!(said.contains(&format!("+ aws ec2 {call} ")), "{call} is not announced");
    }
    assert_eq!(sandbox.calls(), Vec::<String>::new());
    assert!(!sandbox.path("data").exists());
}

#[test]
fn beside_a_stand_in_nothing_reaches_a_stranger() {
    let Some(mut sandbox) = Sandbox::open() else { return };
    sandbox.well("up"); // with an address that the stand-in made up
    let shims = root().join("tests/tests/aws/shims");
    let port = sandbox.url.rsplit(':').next().unwrap().to_owned();
    for endpoint in ["127.0.0.1", "localhost", "test:secret@127.0.0.1"] {
        let endpoint = format!("http://{endpoint}:{port}");
        let settings = fs::read_to_string(sandbox.path("data/lab/settings")).unwrap();
        let settings = settings.lines().map(|line| match line.strip_prefix("endpoint=") {
            Some(_) => format!("endpoint={endpoint}\n"),
            None => format!("{line}\n"),
        });
        fs::write(sandbox.path("data/lab/settings"), settings.collect::<String>()).unwrap();
        sandbox.env = vec![("AWS_ENDPOINT_URL".to_owned(), endpoint.clone())];
        // How the endpoint is written is looked at in one place for all scripts.
        let scripts = if endpoint.contains("//127.") { &REACHING[..] } else { &REACHING[1..2] };
        for &script in scripts {
            let why = sandbox.refused(&match script {
                "evaluate" | "status" | "deploy" => format!("{script} --bin {}", shims.display()),
                _ => script.to_owned(),
            });
            assert!(why.contains("no connection to "), "{script} with {endpoint}: {why}");
        }
    }
    let reached: Vec<_> =
        sandbox.calls().into_iter().filter(|call| !call.starts_with("aws ")).collect();
    assert_eq!(reached, Vec::<String>::new());
}

#[test]
fn an_api_is_aws_or_here() {
    let Some(sandbox) = Sandbox::open() else { return };
    for elsewhere in [
        "http://192.0.2.1:5000",
        "http://127.0.0.1@192.0.2.1:5000",
        "http://192.0.2.1\\@127.0.0.1:5000",
        "http://127.0.0.1.example:5000",
        "http://192.0.2.1/127.0.0.1",
        "http://ec2.us-east-1.amazonaws.com",
        "https://ec2.us-east-1.amazonaws.com.example",
        "https://example/.amazonaws.com",
        "https://ec2.us-east-1.amazonaws.com:443@192.0.2.1",
    ] {
        let why = sandbox.refused(&format!("up --endpoint-url {elsewhere}"));
        assert!(why.contains("neither AWS nor on this machine"), "{elsewhere}: {why}");
    }
    for own in ["https://ec2.us-east-1.amazonaws.com", "https://ec2.us-east-1.api.aws"] {
        sandbox.well(&format!("up --dry-run --endpoint-url {own}"));
    }
    assert_eq!(sandbox.calls(), Vec::<String>::new());

    sandbox.well("up");
    // The same name at another API is another store.
    let other = sandbox.script_with("down", &[("AWS_ENDPOINT_URL", "")]);
    assert!(text(&other.stderr).contains("and this is AWS"));
    assert_eq!(other.status.code(), Some(1));
}
