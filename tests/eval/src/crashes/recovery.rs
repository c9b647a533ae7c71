//! How soon somebody led again, and how soon those who were away had what they missed.

use serde::{Deserialize, Serialize};

use crate::crashes::faults::Fault;
use crate::crashes::watch::Word;

/// A replica that came back.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub struct CaughtUp {
    /// Orders that others had and it had not when it came back.
    pub missed: u64,
    /// From when it was started again, or went on, until it had them and was in sync.
    pub ms: f64,
}

/// From a fault that hit the leader to the first word of a new one; none when the next leader was
/// hit before. `later` are the faults after it.
#[must_use]
pub fn new_leader_ms(fault: &Fault, later: &[Fault], words: &[Vec<Word>]) -> Option<f64> {
    let end = first(later, |other| other.hit_the_leader);
    if !fault.hit_the_leader {
        return None;
    }
    let all = || words.iter().flatten();
    let before = all().filter(|word| word.at_ms < fault.at_ms).map(|word| word.epoch).max()?;
    let new = all().filter(|w| w.at_ms >= fault.at_ms && w.leads && w.epoch > before);
    let new = new.filter(|word| word.at_ms < end);
    new.map(|word| word.at_ms - fault.at_ms).min_by(f64::total_cmp)
}

/// How the replica of this id, from 1, caught up; none when it was not away, or did not before it
/// was hit again. `later` are the faults after it.
#[must_use]
pub fn caught_up(
    fault: &Fault,
    later: &[Fault],
    id: usize,
    words: &[Vec<Word>],
) -> Option<CaughtUp> {
    let name = format!("order-{id}");
    if !fault.who.contains(&name) {
        return None;
    }
    let end = first(later, |other| other.who.contains(&name));
    let own = words.get(id.checked_sub(1)?)?;
    let had = own.iter().rev().find(|word| word.at_ms < fault.at_ms)?.last;
    let others = words.iter().enumerate().filter(|(index, _)| index + 1 != id);
    let others = others.flat_map(|(_, words)| words.iter());
    let until = |time: f64| others.clone().filter(move |word| word.at_ms <= time);
    let wanted = until(fault.healed_ms).map(|word| word.last).max()?;
    let back = own.iter().find(|word| {
        let epoch = until(word.at_ms).map(|other| other.epoch).max();
        word.at_ms > fault.healed_ms
            && word.at_ms < end
            && word.serves
            && word.last >= wanted
            && Some(word.epoch) >= epoch
    })?;
    Some(CaughtUp { missed: wanted.saturating_sub(had), ms: back.at_ms - fault.healed_ms })
}

/// When the first of these faults began that is like this.
fn first(faults: &[Fault], like: impl Fn(&Fault) -> bool) -> f64 {
    faults.iter().find(|fault| like(fault)).map_or(f64::INFINITY, |fault| fault.at_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(at_ms: f64, epoch: u64, leads: bool, last: u64) -> Word {
        Word { at_ms, epoch, leads, serves: true, last }
    }

    fn fault() -> Fault {
        let who = vec!["order-1".to_owned()];
        Fault { who, hit_the_leader: true, at_ms: 10.0, healed_ms: 50.0, in_the_middle: true }
    }

    #[test]
    fn a_new_leader_is_one_of_a_later_epoch() {
        // The old one may still say that it leads.
        let old = vec![word(5.0, 1, true, 3), word(11.0, 1, true, 3)];
        let words = [old, vec![word(12.0, 1, false, 3), word(30.0, 2, true, 3)]];
        assert_eq!(new_leader_ms(&fault(), &[], &words), Some(20.0));
        let follower = Fault { hit_the_leader: false, ..fault() };
        assert_eq!(new_leader_ms(&follower, &[], &words), None);
        assert_eq!(new_leader_ms(&fault(), &[], &words[..1]), None);
    }

    #[test]
    fn who_was_away_is_back_when_it_has_what_it_missed() {
        let own = vec![
            word(5.0, 1, true, 3),
            word(60.0, 1, true, 3),
            word(70.0, 2, false, 9),
            word(80.0, 2, false, 12),
        ];
        let other = vec![word(5.0, 1, false, 3), word(45.0, 2, true, 9), word(65.0, 2, true, 12)];
        let words = [own, other];
        assert_eq!(caught_up(&fault(), &[], 1, &words), Some(CaughtUp { missed: 6, ms: 20.0 }));
        assert_eq!(caught_up(&fault(), &[], 2, &words), None);
    }

    #[test]
    fn what_comes_after_the_next_fault_is_not_counted_for_this_one() {
        let own = vec![word(5.0, 1, true, 3), word(80.0, 2, false, 9), word(90.0, 3, true, 9)];
        let other = vec![word(5.0, 1, false, 3), word(45.0, 2, false, 9)];
        let words = [own, other];
        let before = [Fault { at_ms: 60.0, healed_ms: 75.0, ..fault() }];
        assert_eq!(new_leader_ms(&fault(), &before, &words), None);
        assert_eq!(caught_up(&fault(), &before, 1, &words), None);
        let after = [Fault { at_ms: 95.0, ..fault() }];
        assert_eq!(new_leader_ms(&fault(), &after, &words), Some(80.0));
        assert!(caught_up(&fault(), &after, 1, &words).is_some());
    }
}
