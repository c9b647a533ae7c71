//! What was measured where, when, of which source and how.

use toystore_figures::machine::Machine;
use toystore_figures::table::table;

use super::{Kept, Section};
use crate::figure::fine;
use crate::parts::Record;
use crate::shop::toys;
use crate::sizes::CLIENTS;

/// A part as it was measured.
struct Run<'a> {
    name: &'static str,
    row: Vec<String>,
    machine: &'a Machine,
    quick: bool,
}

fn run<'a, T>(name: &'static str, record: Option<&'a Record<T>>) -> Option<Run<'a>> {
    let record = record?;
    let dirty = if record.source.dirty { " with changes" } else { "" };
    let row = vec![
        format!("[{name}]({name}.json)"),
        record.date.clone(),
        format!("{}{dirty}", record.source.commit),
        if record.release { "release" } else { "**debug**" }.to_owned(),
        if record.quick { "quick" } else { "full" }.to_owned(),
        record.seed.to_string(),
        fine(record.seconds),
    ];
    Some(Run { name, row, machine: &record.machine, quick: record.quick })
}

pub(super) fn section(kept: &Kept) -> Section {
    let mut section = Section::default();
    section.say(
        "Written by `scripts/eval.sh` out of what it measured: no figure and no conclusion here is \
         typed by hand, but for the figures of the lab's earlier solution, and the program writes \
         them anew each time.",
    );
    let runs = [
        run("load", kept.load.as_ref()),
        run("sweep", kept.sweep.as_ref()),
        run("distances", kept.distances.as_ref()),
        run("crashes", kept.crashes.as_ref()),
    ];
    let runs: Vec<_> = runs.into_iter().flatten().collect();
    let quick: Vec<_> = runs.iter().filter(|run| run.quick).map(|run| run.name).collect();
    if !quick.is_empty() {
        section.say(format!(
            "**From a quick run: {}.** Its sizes are small and its repeats few: it shows that \
             everything works, and its intervals are wide.",
            quick.join(", ")
        ));
    }
    let head = ["part", "measured (UTC)", "commit", "build", "size", "seed", "took s"];
    let rows: Vec<_> = runs.iter().map(|run| run.row.clone()).collect();
    section.say(table(&head, &rows));
    let mut machines: Vec<_> = runs.iter().map(|run| run.machine).collect();
    machines.dedup();
    for machine in machines {
        section.say(format!(
            "Machine: {} cores of {}, {:.0} GiB of memory, Linux {}, databases on {}.",
            machine.cores, machine.cpu, machine.memory_gib, machine.kernel, machine.file_system
        ));
    }
    section.say(format!(
        "Settings: a catalog, three order replicas and a front end, each a process of its own, and \
         {CLIENTS} customers, all on this machine; {} toys, of which none is ever sold out. \
         Customers are those of `toystore-client run`: each sends its next request when the last \
         one is answered, and repeats what fails under the same key. Times are theirs, from first \
         sending a request to having read the answer. Every order is synced on the disk of each \
         replica in sync before it is acknowledged.",
        toys().len()
    ));
    section.say(
        "Intervals are those of 95 % by Student's t over repeats; a repeat with the cache and its \
         pair without it come right after each other, in turn the one and the other first, and \
         make the same choices, so differences are taken within pairs. Where an interval contains \
         0, no difference is shown. Of many intervals, one in twenty misses the truth.",
    );
    section
}
