//! A front end's flags, environment, file and defaults, as its program takes them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;
use std::process::{Command, Output};

/// Runs the program where nothing of this process's environment reaches it.
fn run(folder: &Path, variables: &[(&str, &str)], args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_toystore-front-end"));
    command.current_dir(folder).env_clear().envs(variables.iter().copied()).args(args);
    command.output().unwrap()
}

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn each_value_comes_from_the_first_that_has_one() {
    let folder = tempfile::tempdir().unwrap();
    let text = "catalog = \"file:1\"\n[toystore-front-end]\ncache = false\nheartbeat-ms = 50\n\
                listen = \"file:2\"\ncache-capacity = 16\n";
    std::fs::write(folder.path().join("store.toml"), text).unwrap();
    let variables = [
        ("TOYSTORE_CONFIG", "store.toml"),
        ("TOYSTORE_HEARTBEAT_MS", "60"),
        ("TOYSTORE_FRONT_END_LISTEN", "environment:2"),
    ];
    let args = ["--listen", "flag:2", "--print-config"];
    let printed = said(&run(folder.path(), &variables, &args));
    for line in [
        "listen = \"flag:2\" # flag",
        "heartbeat-ms = 60 # environment TOYSTORE_HEARTBEAT_MS",
        "cache-capacity = 16 # file store.toml",
        "cache = \"off\" # file store.toml",
        "catalog = \"file:1\" # file store.toml",
        "lease-drift-ms = 20 # default",
        "# advertise is not set",
    ] {
        assert!(printed.lines().any(|it| it == line), "{line} in {printed}");
    }
    // What was printed says the same again, and all of it comes from the file now.
    std::fs::write(folder.path().join("again.toml"), &printed).unwrap();
    let again = said(&run(folder.path(), &[], &["--config=again.toml", "--print-config"]));
    let values = |text: &str| -> Vec<String> {
        text.lines().map(|line| line.split(" # ").next().unwrap().to_owned()).collect()
    };
    assert_eq!(values(&again), values(&printed));
    assert!(!again.contains("# default"), "{again}");
}

#[test]
fn a_check_lists_everything_and_shows_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("cluster.token");
    std::fs::write(&token, "a-secret-0123456789").unwrap();
    std::fs::write(folder.path().join("admin.token"), "short").unwrap();
    let args = ["--check-config", "--cluster-token=cluster.token", "--admin-token=admin.token"];
    let more = ["--listen=127.0.0.1:10086", "--cache=maybe", "--config=cluster.token"];
    let variables = [("TOYSTORE_HEARTBEAT_MS", "x")];
    let output = run(folder.path(), &variables, &[&args[..], &more].concat());
    let wrong = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), wrong.lines().count()), (Some(2), 5), "{wrong}");
    for why in [
        "cluster.token, line 1: this is no TOML",
        "--cache, from flag: must be on or off",
        "--heartbeat-ms, from environment TOYSTORE_HEARTBEAT_MS",
        "the token in admin.token",
        "127.0.0.1:10086 is the address of this front end and of the catalog",
    ] {
        assert!(wrong.contains(why), "{why} in {wrong}");
    }
    assert!(!wrong.contains("secret"), "{wrong}");
    std::fs::write(folder.path().join("admin.token"), "another-secret-0123456789").unwrap();
    said(&run(folder.path(), &[], &args));
}

#[test]
fn the_help_begins_with_what_the_program_is() {
    let help = said(&run(Path::new("."), &[], &["--help"]));
    assert!(help.lines().nth(1).unwrap().starts_with("The toy store's door"), "{help}");
}

#[test]
fn shells_complete_its_options() {
    for shell in ["bash", "zsh", "fish"] {
        let script = said(&run(Path::new("."), &[], &["completions", shell]));
        assert!(script.contains("lease-drift-ms") && script.contains("check-config"), "{script}");
    }
}

#[test]
fn no_secret_is_repeated_wherever_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("store.toml"), "catalog = \"http://u:s3kret@h:1\"\n")
        .unwrap();
    std::fs::write(folder.path().join("cluster.token"), "a-token-0123456789").unwrap();
    let told = |variables: &[(&str, &str)], args: &[&str]| {
        let Output { stdout, stderr, .. } = run(folder.path(), variables, args);
        let told = String::from_utf8([stdout, stderr].concat()).unwrap();
        assert!(!told.is_empty() && !told.contains("s3kret"), "{args:?}: {told}");
        told
    };
    let url = "http://user:s3kret@host:10086";
    for args in [
        &["--catalog", url][..],
        &["--advertise=user:s3kret@host:1"],
        &["--listen=s3kret@host:1"],
        &["--replicas=1=a:1,2=user:s3kret@b:1"],
        &["--config=store.toml"],
        &[url],
        &["--cache", "on", url],
    ] {
        for more in [&[][..], &["--check-config"], &["--print-config"]] {
            told(&[], &[args, more].concat());
        }
    }
    for args in [&[][..], &["--check-config"], &["--print-config"], &["--help"]] {
        let variables = [("TOYSTORE_CATALOG", url), ("TOYSTORE_REPLICAS", "1=u:s3kret@h:1")];
        told(&variables, args);
    }
    // Tokens where the names of their files belong.
    let token = "s3kret0123456789abcdef";
    let pairs = [("--cluster-token", "--admin-token"), ("--admin-token", "--cluster-token")];
    for (option, other) in pairs {
        let sound = [other, "cluster.token", "--listen=127.0.0.1:0"];
        for more in [&[][..], &["--check-config"]] {
            let told = told(&[], &[&sound[..], more, &[option, token]].concat());
            assert!(told.contains(&format!("{option} wants the name of the file")), "{told}");
        }
        told(&[], &[option, token, "--print-config"]);
    }
    told(&[("TOYSTORE_CLUSTER_TOKEN", token)], &["--help"]);
    told(&[("TOYSTORE_CLUSTER_TOKEN", token)], &["--print-config"]);
}
