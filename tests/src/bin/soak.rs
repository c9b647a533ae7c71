//! Breaks a running store over and over, and checks what clients saw. See `--help`.

use std::io::{IsTerminal as _, Write as _, stderr};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use structopt::StructOpt;
use toystore_host::exit;
use toystore_tests::signals;
use toystore_tests::soak::{Soak, Tally};

static STOP: AtomicBool = AtomicBool::new(false);

/// Breaks a running store over and over, and checks what clients saw.
///
/// A round: clients shop and write down what they are told; one to three faults happen; all is
/// healed; when all replicas are in sync, every answer must fit into one history together with
/// what the store holds, and the store's books must balance. Ctrl-C ends it after the round.
#[derive(Debug, StructOpt)]
#[structopt(
    name = "soak",
    after_help = "\
EXIT CODES:
    0  every round was sound
    1  a violation; the seed and the command that repeats the round are printed
    2  usage, or no network namespaces for --partitions"
)]
struct Options {
    /// How many rounds, from 1.
    #[structopt(long, value_name = "N", default_value = "20", parse(try_from_str = positive))]
    rounds: u64,
    /// Ends after so many minutes, whatever is left.
    #[structopt(long, value_name = "N", parse(try_from_str = positive))]
    minutes: Option<u64>,
    /// Decides the faults: the first round has this seed, the next one the next.
    #[structopt(long, value_name = "S", default_value = "1")]
    seed: u64,
    /// Goes on after a violation, with a new store.
    #[structopt(long)]
    keep_going: bool,
    /// Cuts the network as well (wants root).
    #[structopt(long)]
    partitions: bool,
    /// So many order replicas, 1 to 9 [default: mostly 3, sometimes 1, 2 or 5].
    #[structopt(long, value_name = "N", parse(try_from_str = replicas))]
    replicas: Option<u8>,
}

fn positive(text: &str) -> Result<u64, &'static str> {
    text.parse().ok().filter(|n| *n > 0).ok_or("must be a number from 1")
}

fn replicas(text: &str) -> Result<u8, &'static str> {
    text.parse().ok().filter(|n| (1..=9).contains(n)).ok_or("must be a number from 1 to 9")
}

fn main() -> ExitCode {
    let options: Options = match exit::command_line() {
        Ok(options) => options,
        Err(code) => return code,
    };
    let soak = Soak {
        rounds: options.rounds,
        time: options.minutes.map(|minutes| Duration::from_secs(minutes * 60)),
        seed: options.seed,
        keep_going: options.keep_going,
        partitions: options.partitions,
        replicas: options.replicas,
    };
    std::thread::spawn(heed_signals);
    let tally = match soak.run(&STOP, show) {
        Ok(tally) => tally,
        Err(why) => return failed(&why.to_string()),
    };
    if stderr().is_terminal() {
        eprintln!();
    }
    exit::say(&tally.to_string());
    if tally.wrong.is_empty() {
        exit::say("\nEvery round was sound.");
    }
    for wrong in &tally.wrong {
        exit::say(&format!("\nVIOLATION, seed {}: {}", wrong.seed, wrong.what));
        exit::say(&format!("after: {}\nagain: {}", wrong.story.join(", "), wrong.repeat));
    }
    ExitCode::from(u8::from(!tally.wrong.is_empty()))
}

/// After Ctrl-C or SIGTERM the round under way is the last one.
fn heed_signals() {
    let heard = signals::wait();
    // Without a way to hear of signals it goes on, and ends at once by the first one.
    STOP.store(heard.is_ok(), Ordering::Relaxed);
}

fn failed(why: &str) -> ExitCode {
    eprintln!("{why}");
    ExitCode::from(exit::USAGE)
}

/// One line that changes on a terminal; elsewhere a line now and then.
fn show(tally: &Tally) {
    let line = format!(
        "{} rounds, {} orders, {} faults, {} violations",
        tally.rounds,
        tally.acknowledged,
        tally.all_faults(),
        tally.wrong.len()
    );
    if stderr().is_terminal() {
        eprint!("\r{line} ");
        // What cannot be shown is not missed.
        let _ = stderr().flush();
    } else if tally.rounds.is_multiple_of(10) || tally.rounds == 1 {
        eprintln!("{line}");
    }
}
