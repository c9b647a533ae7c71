//! What a catalog's commands take from a file, and what they find wrong.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::process::Command;

#[test]
fn each_command_takes_what_is_its_own_and_says_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("token"), "a-token-for-this-test").unwrap();
    std::fs::write(path("toys.csv"), "name,price,stock\nTux,25.99,many\n").unwrap();
    std::fs::create_dir(path("taken")).unwrap();
    let text = "cluster-token = \"token\"\nlog-format = \"json\"\n[toystore-catalog]\n\
                data = \"taken\"\nproducts = \"toys.csv\"\nlease-ms = 250\n";
    std::fs::write(path("store.toml"), text).unwrap();
    let run = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_toystore-catalog"));
        command.current_dir(folder.path()).env_clear().args(["--config", "store.toml"]);
        let output = command.args(args).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(text).unwrap())
    };
    let (code, printed) = run(&["serve", "--print-config", "--data=flag"]);
    assert_eq!(code, Some(0), "{printed}");
    for line in [
        "lease-ms = 250 # file store.toml",
        "log-format = \"json\" # file store.toml",
        "data = \"flag\" # flag",
        "restock-ms = 10000 # default",
    ] {
        assert!(printed.lines().any(|it| it == line), "{line} in {printed}");
    }
    // The folder is there, so its products are not read again.
    assert_eq!(run(&["serve", "--check-config"]).0, Some(0));
    let (code, wrong) = run(&["recover", "--check-config"]);
    assert_eq!((code, wrong.lines().count()), (Some(2), 2), "{wrong}");
    assert!(wrong.contains("taken: something is there") && wrong.contains("toys.csv"), "{wrong}");
    let (code, wrong) = run(&["serve", "--data=new", "--check-config"]);
    assert!(code == Some(2) && wrong.contains("toys.csv"), "{wrong}");
}
