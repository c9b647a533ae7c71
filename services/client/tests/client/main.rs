//! The real binary against a stand-in store: what it makes of an honest store, of a store that
//! breaks its promises, and of one that is not there.

// The lint's own exception for tests does not reach helpers and threads.
#![allow(clippy::unwrap_used)]

mod commands;
mod hostile;
mod run;
mod stand_in;

use std::process::{Command, Output};

/// The binary with these arguments, and nothing from the environment.
fn client(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_toystore-client"));
    let ours = std::env::vars_os().filter(|(name, _)| name.to_string_lossy().contains("TOYSTORE"));
    ours.for_each(|(name, _)| {
        command.env_remove(name);
    });
    command.args(args);
    command
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// An address that nobody listens on.
fn nobody() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}
