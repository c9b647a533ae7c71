//! What an order replica finds wrong with what it is told.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::process::Command;

#[test]
fn a_check_lists_what_does_not_fit_together() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "").unwrap();
    let check = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_toystore-order"));
        command.current_dir(folder.path()).env_clear().arg("--check-config").args(args);
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let all = ["--id=5", "--data=file", "--min-in-sync=4", "--catalog=127.0.0.1:10011"];
    let (code, wrong) = check(&all);
    assert_eq!((code, wrong.lines().count()), (Some(2), 5), "{wrong}");
    for why in [
        "replica 5 is not named in --replicas",
        "--min-in-sync 4 can never be met by 3 replicas",
        "127.0.0.1:10011 is the address of the catalog and of replica 2",
        "cannot read the token in data/run/cluster.token",
        "file is no folder",
    ] {
        assert!(wrong.contains(why), "{why} in {wrong}");
    }
    let (code, wrong) = check(&[]);
    assert!(code == Some(2) && wrong.contains("--id") && wrong.contains("--data"), "{wrong}");
    std::fs::write(folder.path().join("token"), "a-token-for-this-test").unwrap();
    let (code, wrong) = check(&["--id=3", "--data=new/folder", "--cluster-token=token"]);
    assert_eq!(code, Some(0), "{wrong}");
}
