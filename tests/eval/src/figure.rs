//! Figures for people.

use toystore_figures::spread::number;

/// What stands where there is no figure.
pub const NONE: &str = "n/a";

/// With three digits that mean something.
#[must_use]
pub fn fine(figure: f64) -> String {
    match figure.abs() {
        small if small < 0.000_5 => "0".to_owned(),
        small if small < 1.0 => format!("{figure:.3}"),
        middle if middle < 10.0 => format!("{figure:.2}"),
        _ => number(figure),
    }
}

/// The same, or that there is none.
#[must_use]
pub fn or_none(figure: Option<f64>) -> String {
    figure.map_or_else(|| NONE.to_owned(), fine)
}

/// Percent.
#[must_use]
pub fn percent(part: f64) -> String {
    format!("{:.1} %", 100.0 * part)
}

/// A count with its noun.
#[must_use]
pub fn count(number: u64, one: &str, many: &str) -> String {
    match number {
        0 => format!("no {one}"),
        1 => format!("1 {one}"),
        _ => format!("{number} {many}"),
    }
}
