//! What befalls a store while customers shop.

/// What is done to a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Harm {
    /// SIGKILL, and later a new start on the same data.
    Kill,
    /// SIGSTOP, and later SIGCONT.
    Pause,
}

/// To whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whom {
    /// The replica that leads then.
    Leader,
    /// A replica that does not lead then.
    Follower,
    /// Any replica.
    AnyReplica,
    /// The replica that leads then, and another one.
    LeaderAndFollower,
    /// The process of this name.
    Named(&'static str),
}

/// A crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// For the command line and for files.
    pub name: &'static str,
    /// For people.
    pub title: &'static str,
    /// What is done.
    pub harm: Harm,
    /// To whom.
    pub whom: Whom,
    /// How often, in the course of the shopping.
    pub times: u64,
}

/// What nothing happens in; everything else is compared with it.
pub const QUIET: Scenario = scenario("none", "no crash", Harm::Kill, Whom::AnyReplica, 0);

/// All crashes, in the order of the report.
pub const ALL: &[Scenario] = &[
    scenario("follower", "a follower killed", Harm::Kill, Whom::Follower, 1),
    scenario("leader", "the leader killed", Harm::Kill, Whom::Leader, 1),
    scenario("random", "random replicas killed, again and again", Harm::Kill, Whom::AnyReplica, 5),
    scenario("two", "two replicas killed at once", Harm::Kill, Whom::LeaderAndFollower, 1),
    scenario("catalog", "the catalog killed", Harm::Kill, Whom::Named("catalog"), 1),
    scenario("front-end", "the front end killed", Harm::Kill, Whom::Named("front-end-1"), 1),
    scenario("paused", "the leader stopped (SIGSTOP)", Harm::Pause, Whom::Leader, 1),
];

const fn scenario(
    name: &'static str,
    title: &'static str,
    harm: Harm,
    whom: Whom,
    times: u64,
) -> Scenario {
    Scenario { name, title, harm, whom, times }
}

impl Scenario {
    /// The crash of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        ALL.iter().find(|scenario| scenario.name == name)
    }
}
