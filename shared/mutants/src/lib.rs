//! Deliberate faults in the store's rules. The simulator must see each of them, else it proves
//! nothing.
//!
//! Where a rule can be broken, it asks [`broken`]. In the services that is the constant `false`;
//! only with the feature `active`, which the tests alone switch on, can a thread
//! [`activate`](crate::activate) one mutant for itself.

macro_rules! mutants {
    ($($variant:ident $name:literal $within:literal: $doc:literal;)*) => {
        /// A rule, broken.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Mutant {
            $(#[doc = $doc] $variant,)*
        }

        impl Mutant {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The name on the command line.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// The simulator sees it within so many seeds, from the first on; none when chance
            /// hardly ever brings about what it takes, so that only the model checker sees it.
            #[must_use]
            pub const fn within(self) -> Option<u64> {
                match self {
                    $(Self::$variant => if $within == 0 { None } else { Some($within) },)*
                }
            }

            /// What it does.
            #[must_use]
            pub const fn about(self) -> &'static str {
                match self {
                    $(Self::$variant => $doc,)*
                }
            }
        }
    };
}

mutants! {
    AcknowledgeBeforeFlush "acknowledge-before-flush" 300:
        "A follower acknowledges an append before it is synced.";
    SkipFencing "skip-fencing" 300:
        "The catalog takes the transaction of a leader that was deposed.";
    CommitWithoutMember "commit-without-member" 300:
        "A leader no longer waits for a follower whose removal is still under way.";
    ForgetToCancel "forget-to-cancel" 300:
        "A leader that takes over leaves reservations of lost orders as they are.";
    AcceptOlderFill "accept-older-fill" 300:
        "A look-up under way fills the cache although its product was invalidated meanwhile.";
    SkipNotFoundProof "skip-not-found-proof" 2000:
        "A leader says that an order does not exist without asking whether it still leads.";
    TruncateBelowCommit "truncate-below-commit" 300:
        "A follower cuts its log back to where a late copy says that its leader began.";
    ElectOutsideInSync "elect-outside-in-sync" 300:
        "A replica that is not in the in-sync set is proposed and elected.";
    SameEpochAfterRestart "same-epoch-after-restart" 300:
        "A leader that restarts and is chosen again leads in its old epoch.";
    CancelBeforeConfirmed "cancel-before-confirmed" 1000:
        "A leader cancels reservations before the followers' tails are known to be gone.";
    JoinAfterStaleCheck "join-after-stale-check" 300:
        "A replica enters the in-sync set although it lacks what was committed meanwhile.";
    AcceptWipedStore "accept-wiped-store" 2000:
        "A replica whose disk was lost is taken for the one that it was.";
    LeadBeforePromise "lead-before-promise" 0:
        "A leader sends its first appends before its own promise is synced.";
    ForgetPromise "forget-promise" 5000:
        "A follower obeys a leader of an epoch that is past.";
    TransactAgain "transact-again" 300:
        "The catalog runs a transaction again when a copy of it comes late.";
    ForgetSecondDisk "forget-second-disk" 300:
        "A leader that is alone acknowledges what the catalog has not recorded.";
    SettleTooEarly "settle-too-early" 300:
        "A reservation is settled while only one replica holds its order.";
    ShowBeforeTold "show-before-told" 300:
        "A change is visible, and answered, before every lease holder was told.";
    LeaseFromAnswer "lease-from-answer" 5000:
        "A front end counts its lease from when the answer came, not from when it asked.";
    NoQuietAfterRestart "no-quiet-after-restart" 300:
        "A catalog that restarts does not wait out the leases of its earlier process.";
    DropLeaseAtOnce "drop-lease-at-once" 300:
        "A lease holder that does not answer is not waited for.";
    ForgetWhoKeeps "forget-who-keeps" 300:
        "The catalog does not remember who may keep a product, and tells nobody of its changes.";
    CacheWhileChanging "cache-while-changing" 300:
        "A product that is changing may be cached.";
    ForgetRefusals "forget-refusals" 500:
        "A leader grants a late copy of an attempt what it refused another copy.";
    RefuseWhatWasSent "refuse-what-was-sent" 5000:
        "A leader that steps down refuses orders that it had reserved.";
    ReadUncommitted "read-uncommitted" 300:
        "A follower shows orders that are not committed yet.";
    KeepCacheOverSessions "keep-cache-over-sessions" 500:
        "A front end keeps its cache although it lost its lease.";
    KeepSilentFollower "keep-silent-follower" 300:
        "A leader waits for ever for a follower that does not answer.";
    NeverStuck "never-stuck" 300:
        "A leader whose disk hangs, or that gets nothing done, does not say so.";
    RaiseCommitTooFar "raise-commit-too-far" 300:
        "A follower takes all that it holds for committed when it hears of a commit.";
}

impl std::str::FromStr for Mutant {
    type Err = NoSuchMutant;

    fn from_str(text: &str) -> Result<Self, NoSuchMutant> {
        let named = Self::ALL.iter().find(|mutant| mutant.name() == text);
        named.copied().ok_or_else(|| NoSuchMutant(text.to_owned()))
    }
}

/// There is no mutant of this name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoSuchMutant(pub String);

impl std::fmt::Display for NoSuchMutant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "there is no mutant \"{}\"", self.0)
    }
}

impl std::error::Error for NoSuchMutant {}

#[cfg(feature = "active")]
thread_local! {
    static ACTIVE: std::cell::Cell<Option<Mutant>> = const { std::cell::Cell::new(None) };
}

/// Breaks a rule for this thread, or none any more.
#[cfg(feature = "active")]
pub fn activate(mutant: Option<Mutant>) {
    ACTIVE.set(mutant);
}

/// Whether this rule is broken in this thread.
#[cfg(feature = "active")]
#[must_use]
pub fn broken(mutant: Mutant) -> bool {
    ACTIVE.get() == Some(mutant)
}

/// Whether this rule is broken: never.
#[cfg(not(feature = "active"))]
#[must_use]
pub const fn broken(_: Mutant) -> bool {
    false
}
