//! A mean of repeats, and how far it can be trusted.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF as _, StudentsT};

use crate::figure::fine;

/// How sure an interval is to hold the true mean.
const CONFIDENCE: f64 = 0.95;

/// A mean of independent repeats with its interval of 95 %, by Student's t.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub struct Estimate {
    /// The mean.
    pub mean: f64,
    /// Half of the interval; none for a single repeat, of which nothing can be said.
    pub half: Option<f64>,
    /// How many repeats.
    pub repeats: usize,
}

/// What a difference shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// All of the interval is above zero.
    Above,
    /// All of the interval is below zero.
    Below,
    /// Zero is in it, or there is none.
    NotShown,
}

impl Estimate {
    /// Of these repeats; none of no repeats.
    #[must_use]
    pub fn of(figures: &[f64]) -> Option<Self> {
        let repeats = figures.len();
        let count = repeats as f64;
        let mean = figures.iter().sum::<f64>() / count;
        let squares: f64 = figures.iter().map(|figure| (figure - mean).powi(2)).sum();
        let half = || {
            let t = StudentsT::new(0.0, 1.0, count - 1.0).ok()?;
            let quantile = t.inverse_cdf(f64::midpoint(1.0, CONFIDENCE));
            Some(quantile * (squares / (count - 1.0) / count).sqrt())
        };
        (repeats > 0).then(|| Self { mean, half: if repeats > 1 { half() } else { None }, repeats })
    }

    /// Of the differences between pairs: the first less the second.
    #[must_use]
    pub fn of_differences(pairs: &[(f64, f64)]) -> Option<Self> {
        Self::of(&pairs.iter().map(|(first, second)| first - second).collect::<Vec<_>>())
    }

    /// The difference the other way round.
    #[must_use]
    pub fn negated(&self) -> Self {
        Self { mean: -self.mean, ..*self }
    }

    /// From where to where, if that can be said.
    #[must_use]
    pub fn interval(&self) -> Option<(f64, f64)> {
        self.half.map(|half| (self.mean - half, self.mean + half))
    }

    /// What it shows when it is a difference.
    #[must_use]
    pub fn effect(&self) -> Effect {
        match self.interval() {
            Some((low, _)) if low > 0.0 => Effect::Above,
            Some((_, high)) if high < 0.0 => Effect::Below,
            _ => Effect::NotShown,
        }
    }

    /// `mean ± half`.
    #[must_use]
    pub fn shown(&self) -> String {
        match self.half {
            Some(half) => format!("{} ± {}", fine(self.mean), fine(half)),
            None => fine(self.mean),
        }
    }

    /// The interval in words.
    #[must_use]
    pub fn interval_shown(&self) -> String {
        match self.interval() {
            Some((low, high)) => format!("95 % interval {} … {}", fine(low), fine(high)),
            None => "of one repeat, so without an interval".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(figure: f64, wanted: f64) -> bool {
        (figure - wanted).abs() < 5e-4
    }

    /// Five figures whose mean and standard deviation are 3 and √2.5; the quantile of Student's t
    /// with 4 degrees of freedom is 2.7764 in every table.
    #[test]
    fn the_interval_is_the_one_of_the_tables() {
        let estimate = Estimate::of(&[1.0, 2.0, 3.0, 4.0, 5.0]).unwrap();
        assert_eq!((estimate.mean, estimate.repeats), (3.0, 5));
        assert!(near(estimate.half.unwrap(), 2.7764 * (2.5_f64 / 5.0).sqrt()), "{estimate:?}");
        // Two figures: one degree of freedom, 12.7062.
        let two = Estimate::of(&[0.0, 2.0]).unwrap();
        assert!((two.half.unwrap() - 12.7062).abs() < 1e-3, "{two:?}");
    }

    #[test]
    fn of_one_repeat_nothing_can_be_said() {
        let one = Estimate::of(&[4.0]).unwrap();
        assert_eq!((one.mean, one.half, one.effect()), (4.0, None, Effect::NotShown));
        assert_eq!(Estimate::of(&[]), None);
    }

    #[test]
    fn pairs_are_compared_with_each_other() {
        // The pairs differ by about one although they lie far apart from each other.
        let pairs = [(10.0, 9.0), (20.0, 18.9), (30.0, 29.1)];
        let difference = Estimate::of_differences(&pairs).unwrap();
        assert!(near(difference.mean, 1.0) && difference.effect() == Effect::Above);
        let swapped = pairs.map(|(a, b)| (b, a));
        assert_eq!(Estimate::of_differences(&swapped).unwrap().effect(), Effect::Below);
        let mixed = [(1.0, 2.0), (2.0, 1.0), (1.0, 1.0)];
        assert_eq!(Estimate::of_differences(&mixed).unwrap().effect(), Effect::NotShown);
    }
}
