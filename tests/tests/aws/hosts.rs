//! A store on five hosts, each a folder with an address of its own on the loopback.

use std::fs;
use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::Command;

use toystore_tests::store::{program, wait_for};

use crate::sandbox::{Sandbox, text};

/// A network on the loopback in which nobody listens.
fn free_network() -> [u8; 2] {
    let first = std::process::id();
    (first..first + 100)
        .map(|n| [16 + (n / 250 % 200) as u8, (n % 250) as u8])
        .find(|[a, b]| {
            (4..9).all(|host| TcpListener::bind((Ipv4Addr::new(127, *a, *b, host), 6060)).is_ok())
        })
        .expect("a network that nobody uses")
}

/// Makes a subnet on the loopback: its id.
fn subnet(sandbox: &Sandbox) -> String {
    let [a, b] = free_network();
    let vpc = sandbox.ask(&format!("ec2 create-vpc --cidr-block 127.{a}.0.0/16 --query Vpc.VpcId"));
    let subnet = sandbox.ask(&format!(
        "ec2 create-subnet --vpc-id {} --cidr-block 127.{a}.{b}.0/24 --query Subnet.SubnetId",
        vpc.as_str().unwrap()
    ));
    subnet.as_str().unwrap().to_owned()
}

/// Gives each instance its inner address as its public one too: host and address of each.
fn publish(sandbox: &Sandbox) -> Vec<(String, String)> {
    let all = sandbox.ask(
        "ec2 describe-instances --query Reservations[].Instances[].[InstanceId,PrivateIpAddress,\
         Tags[?Key=='toystore-host']|[0].Value]",
    );
    let all = all.as_array().unwrap().iter();
    all.map(|row| {
        let [id, address, host] = [0, 1, 2].map(|n| row[n].as_str().unwrap().to_owned());
        let allocation =
            sandbox.ask(&format!("ec2 allocate-address --address {address} --query AllocationId"));
        sandbox.ask(&format!(
            "ec2 associate-address --instance-id {id} --allocation-id {}",
            allocation.as_str().unwrap()
        ));
        (host, address)
    })
    .collect()
}

/// The programs, without what a debugger wants: hosts get copies.
fn programs(folder: &Path) {
    fs::create_dir(folder).unwrap();
    for name in ["catalog", "order", "front-end", "client", "inspect"] {
        let name = format!("toystore-{name}");
        let mut strip = Command::new("strip");
        strip.arg("-o").arg(folder.join(&name)).arg(program(&name));
        assert!(strip.status().unwrap().success());
    }
}

fn wait_until_in_sync(sandbox: &Sandbox, status: &str) {
    wait_for("all to be in sync", || {
        let said = text(&sandbox.script(status).stdout);
        let in_sync = said.lines().filter(|line| line.starts_with("order-"));
        let in_sync = in_sync.filter(|line| line.split_whitespace().nth(4) == Some("yes"));
        (in_sync.count() == 3).then_some(())
    });
}

#[test]
fn a_store_is_deployed_crashed_and_measured() {
    let Some(sandbox) = Sandbox::open() else { return };
    let bin = sandbox.path("bin");
    programs(&bin);
    let bin = bin.display();
    sandbox.well(&format!("up --spread --subnet {}", subnet(&sandbox)));
    let hosts = publish(&sandbox);
    let address = |host: &str| &hosts.iter().find(|(name, _)| name == host).unwrap().1;
    sandbox.calls();

    let why = sandbox.refused(&format!("deploy --bin {bin}"));
    assert!(why.contains("toystore-catalog wants shared libraries"), "{why}");
    let why = sandbox.refused("deploy --bin nowhere");
    assert!(why.contains("nowhere/toystore-catalog is missing"), "{why}");
    let deploy = format!("deploy --bin {bin} --allow-dynamic");
    let corrupt = sandbox.script_with(&deploy, &[("CORRUPT", "bin/toystore-catalog")]);
    assert_eq!(corrupt.status.code(), Some(1));
    assert!(text(&corrupt.stdout).contains("bin/toystore-catalog: FAILED"));
    assert!(!sandbox.path(&format!("hosts/{}/usr", address("catalog"))).exists());

    assert!(sandbox.well(&deploy).contains("The store is open"));
    let pids = || -> Vec<_> {
        ["catalog", "order@1", "order@2", "order@3", "front-end"]
            .map(|unit| sandbox.pid(address(&unit.replace('@', "-")), &format!("toystore-{unit}")))
            .into()
    };
    let before = pids();
    sandbox.well(&deploy);
    assert_eq!(pids(), before, "what is the same is not restarted");
    for (_, address) in &hosts {
        let home = sandbox.path(&format!("hosts/{address}/home"));
        assert_eq!(fs::read_dir(home).unwrap().count(), 0, "no secret is left behind");
    }
    let token = sandbox.path(&format!("hosts/{}/etc/toystore/admin.token", address("order-1")));
    assert!(!token.exists(), "only the front end knows the administrator's token");

    let status = format!("status --bin {bin}");
    assert!(sandbox.well(&status).contains("leader 3"));
    sandbox.well("crash order-3");
    assert!(sandbox.refused("crash order-3").contains("order-3 does not run"));
    let evaluate = format!("evaluate --bin {bin} --iterations 5 --seconds 1");
    let said = sandbox.well(&evaluate);
    assert_eq!(said.matches("acknowledged orders match").count(), 5);
    assert!(!sandbox.script(&status).status.success(), "systemd let it lie");
    sandbox.well("restart order-3");
    wait_until_in_sync(&sandbox, &status);
    let before = pids();
    // What comes after a program's end is not read by anybody.
    let inspect = sandbox.path("bin/toystore-inspect");
    fs::OpenOptions::new().append(true).open(inspect).unwrap().write_all(b"new").unwrap();
    sandbox.well(&deploy);
    assert!(before.iter().zip(pids()).all(|(old, new)| *old != new), "what changed is restarted");
    wait_until_in_sync(&sandbox, &status);
    let said = sandbox.well("tunnel --bind 127.0.0.2");
    assert!(said.contains("The console is https://127.0.0.2:6060/console"));

    let calls = sandbox.calls();
    let inner = format!("-L 127.0.0.2:10086:{}:10086", address("catalog"));
    assert!(calls.iter().any(|call| call.starts_with("ssh -N") && call.contains(&inner)));
    assert!(!calls.iter().any(|call| call.starts_with("ESCAPED")));
    sandbox.well("down");
    let left: Vec<_> = fs::read_dir(sandbox.path("data/lab")).unwrap().flatten().collect();
    assert_eq!(left.len(), 1, "only the figures stay: {left:?}");
}
