//! How far parts of the store are from each other, in milliseconds there and back.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The longest delay before customers: of a line around the world.
const MOST_CLIENT_MS: f64 = 500.0;
/// The longest inside: the store's own time limits are made for one region.
const MOST_INSIDE_MS: f64 = 100.0;

/// Where a delay is put in, and how much, there and back together.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(try_from = "String", into = "String")]
pub enum Distance {
    /// Nowhere.
    #[default]
    None,
    /// Between customers and the front end.
    Client(f64),
    /// Between the front end and everything behind it, the catalog's invalidations included.
    Inside(f64),
}

impl Distance {
    /// The delay from one end to the other.
    #[must_use]
    pub fn one_way(self) -> Duration {
        Duration::from_secs_f64(self.ms() / 2.0 / 1000.0)
    }

    /// There and back, in milliseconds.
    #[must_use]
    pub fn ms(self) -> f64 {
        match self {
            Self::None => 0.0,
            Self::Client(ms) | Self::Inside(ms) => ms,
        }
    }

    /// In words.
    #[must_use]
    pub fn in_words(self) -> String {
        match self {
            Self::None => "no delay".to_owned(),
            Self::Client(ms) => format!("{ms} ms before the front end"),
            Self::Inside(ms) => format!("{ms} ms behind the front end"),
        }
    }
}

impl fmt::Display for Distance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => write!(f, "none"),
            Self::Client(ms) => write!(f, "client:{ms}"),
            Self::Inside(ms) => write!(f, "inside:{ms}"),
        }
    }
}

impl FromStr for Distance {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self::None);
        }
        // A number alone is the distance of customers.
        let (place, ms) = text.split_once(':').unwrap_or(("client", text));
        let (make, most): (fn(f64) -> Self, _) = match place {
            "client" => (Self::Client, MOST_CLIENT_MS),
            "inside" => (Self::Inside, MOST_INSIDE_MS),
            _ => return Err("must be client:MS or inside:MS".to_owned()),
        };
        let ms = ms.parse().ok().filter(|ms| (0.1..=most).contains(ms));
        ms.map(make).ok_or_else(|| format!("{place}:MS wants a number from 0.1 to {most}"))
    }
}

impl TryFrom<String> for Distance {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Distance> for String {
    fn from(distance: Distance) -> Self {
        distance.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_read_as_they_are_written() {
        for text in ["none", "client:50", "inside:2.5"] {
            assert_eq!(text.parse::<Distance>().unwrap().to_string(), text);
        }
        assert_eq!("50".parse(), Ok(Distance::Client(50.0)));
        for bad in ["client:0", "inside:101", "client:NaN", "elsewhere:5", "inside:", ""] {
            assert!(bad.parse::<Distance>().is_err(), "{bad}");
        }
    }
}
