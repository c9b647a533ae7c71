//! What up.sh makes and down.sh removes.

use serde_json::{Value, json};

use crate::sandbox::{Sandbox, root};

/// The calls that change something.
pub fn changes(calls: &[String]) -> Vec<&str> {
    let verbs = calls.iter().filter_map(|call| call.strip_prefix("aws ec2 "));
    let verbs = verbs.filter_map(|call| call.split(' ').next());
    verbs.filter(|verb| !verb.starts_with("describe-")).collect()
}

/// The living instances: their hosts and kinds.
fn instances(sandbox: &Sandbox) -> Vec<Value> {
    let query = "Reservations[].Instances[].{host:Tags[?Key=='toystore-host']|[0].Value,\
        store:Tags[?Key=='toystore']|[0].Value,kind:InstanceType,key:KeyName}";
    let living = "Name=instance-state-name,Values=pending,running,stopping,stopped";
    let all = sandbox.ask(&format!("ec2 describe-instances --filters {living} --query {query}"));
    all.as_array().unwrap().clone()
}

/// What the group of a store lets in, in order.
fn let_in(sandbox: &Sandbox) -> Vec<Value> {
    let group = sandbox.ask(
        "ec2 describe-security-groups --filters Name=tag:toystore,Values=lab \
         --query SecurityGroups[].GroupId",
    );
    assert_eq!(group.as_array().unwrap().len(), 1);
    let group = group[0].as_str().unwrap();
    let rules = sandbox.ask(&format!(
        "ec2 describe-security-group-rules --filters Name=group-id,Values={group} --query \
         SecurityGroupRules[?!IsEgress].[FromPort,ToPort,CidrIpv4||ReferencedGroupInfo.GroupId,\
         length(Tags)]"
    ));
    let mut rules = rules.as_array().unwrap().clone();
    for rule in &mut rules {
        if rule[2] == group {
            rule[2] = json!("itself");
        }
    }
    rules.sort_by_key(|rule| rule[0].as_u64());
    rules
}

/// How much of a store is there: instances, groups, key pairs, volumes.
fn count(sandbox: &Sandbox) -> [usize; 4] {
    let length = |what: &str, query: &str| {
        let filter = "--filters Name=tag:toystore,Values=lab";
        let all = sandbox.ask(&format!("ec2 describe-{what} {filter} --query {query}[]"));
        all.as_array().unwrap().len()
    };
    [
        instances(sandbox).len(),
        length("security-groups", "SecurityGroups"),
        length("key-pairs", "KeyPairs"),
        length("volumes", "Volumes"),
    ]
}

#[test]
fn one_machine_is_made_once_and_removed_once() {
    let Some(mut sandbox) = Sandbox::open() else { return };
    let policy = root().join("scripts/aws/policy.json");
    sandbox.ask("iam create-user --user-name deployer");
    sandbox.ask(&format!(
        "iam put-user-policy --user-name deployer --policy-name deploy --policy-document file://{}",
        policy.display()
    ));
    let key = sandbox.ask("iam create-access-key --user-name deployer --query AccessKey");
    for (name, field) in
        [("AWS_ACCESS_KEY_ID", "AccessKeyId"), ("AWS_SECRET_ACCESS_KEY", "SecretAccessKey")]
    {
        sandbox.env.push((name.to_owned(), key[field].as_str().unwrap().to_owned()));
    }

    sandbox.authorize(true);
    sandbox.well("up --ssh-from 192.0.2.7/32");
    sandbox.authorize(false);
    let machine = json!({
        "host": "all", "store": "lab", "kind": "m5a.xlarge", "key": "toystore-lab",
    });
    assert_eq!(instances(&sandbox), [machine]);
    let ssh = json!([22, 22, "192.0.2.7/32", 2]);
    let public = json!([6060, 6060, "0.0.0.0/0", 2]);
    assert_eq!(let_in(&sandbox), [ssh, public.clone()]);
    assert_eq!(count(&sandbox), [1, 1, 1, 1]);
    sandbox.calls();

    sandbox.authorize(true);
    sandbox.well("up --ssh-from 192.0.2.7/32");
    assert_eq!(changes(&sandbox.calls()), Vec::<&str>::new(), "all of it was there");
    assert!(sandbox.refused("up --spread").contains("made without --spread"));
    assert_eq!(changes(&sandbox.calls()), Vec::<&str>::new(), "a refusal changes nothing");
    sandbox.well("up --ssh-from 192.0.2.0/24");
    sandbox.authorize(false);
    assert_eq!(let_in(&sandbox), [json!([22, 22, "192.0.2.0/24", 2]), public]);

    // As with credentials of another account: nothing is seen there.
    let settings = sandbox.path("data/lab/settings");
    let ours = std::fs::read_to_string(&settings).unwrap();
    std::fs::write(&settings, ours.replace("us-east-1", "eu-west-1")).unwrap();
    assert!(sandbox.refused("down").contains("these credentials see nothing of lab"));
    assert!(sandbox.path("data/lab/key").exists(), "the only key to its hosts is gone");
    std::fs::write(&settings, ours).unwrap();

    sandbox.authorize(true);
    sandbox.well("down");
    sandbox.calls();
    assert_eq!(sandbox.well("down"), "There is nothing of lab in us-east-1.\n");
    assert_eq!(changes(&sandbox.calls()), Vec::<&str>::new(), "all of it was gone");
    sandbox.authorize(false);
    assert_eq!(count(&sandbox), [0; 4]);
    assert!(!sandbox.path("data/lab").exists());
}

#[test]
fn a_stopped_machine_is_started_and_none_made_beside_it() {
    let Some(sandbox) = Sandbox::open() else { return };
    let up = "up --ssh-from 192.0.2.7/32";
    sandbox.well(up);
    let query = "Reservations[].Instances[].[InstanceId,State.Name]";
    let states = || sandbox.ask(&format!("ec2 describe-instances --query {query}"));
    let before = states();
    let id = before[0][0].as_str().unwrap();
    assert_eq!(before, json!([[id, "running"]]));
    sandbox.ask(&format!("ec2 stop-instances --instance-ids {id}"));
    assert_eq!(states(), json!([[id, "stopped"]]));
    assert!(sandbox.refused("deploy").contains("is stopped; scripts/aws/up.sh"));
    sandbox.calls();
    sandbox.well(up);
    assert_eq!(changes(&sandbox.calls()), ["start-instances"]);
    assert_eq!(states(), before);
}

#[test]
fn what_was_cut_off_goes_on() {
    let Some(sandbox) = Sandbox::open() else { return };
    let up = "up --spread --ssh-from 192.0.2.7/32";
    for call in [
        "import-key-pair",
        "create-security-group",
        "authorize-security-group-ingress",
        "run-instances",
        "run-instances",
    ] {
        sandbox.cut_off(up, call);
    }
    sandbox.well(up);
    assert_eq!(count(&sandbox), [5, 1, 1, 5]);
    let mut hosts: Vec<_> =
        instances(&sandbox).iter().map(|one| one["host"].as_str().unwrap().to_owned()).collect();
    hosts.sort();
    assert_eq!(hosts, ["catalog", "front-end", "order-1", "order-2", "order-3"]);
    assert_eq!(
        let_in(&sandbox),
        [
            json!([22, 22, "192.0.2.7/32", 2]),
            json!([6060, 6060, "0.0.0.0/0", 2]),
            json!([10010, 10012, "itself", 2]),
            json!([10086, 10086, "itself", 2]),
        ]
    );

    sandbox.cut_off("down", "terminate-instances");
    // Without what was noted here, the tag is all there is to go by.
    std::fs::remove_dir_all(sandbox.path("data/lab")).unwrap();
    sandbox.cut_off("down", "delete-security-group");
    sandbox.cut_off("down", "delete-key-pair");
    sandbox.well("down");
    assert_eq!(count(&sandbox), [0; 4]);
}
