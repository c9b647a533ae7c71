//! Several measurements as one figure.

use std::fmt;

/// The middle one, and the outermost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The middle one.
    pub median: f64,
    /// The smallest.
    pub least: f64,
    /// The largest.
    pub most: f64,
}

impl Spread {
    /// Of no figures it is nothing but zeros.
    pub fn of(figures: impl IntoIterator<Item = f64>) -> Self {
        let mut sorted: Vec<_> = figures.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let at = |index: usize| sorted.get(index).copied().unwrap_or_default();
        let last = sorted.len().saturating_sub(1);
        let median = f64::midpoint(at(last / 2), at(sorted.len() / 2));
        Self { median, least: at(0), most: at(last) }
    }

    /// `median (least–most)`, or the median alone when that says it all.
    pub fn shown(&self, one: impl Fn(f64) -> String) -> String {
        let (median, least, most) = (one(self.median), one(self.least), one(self.most));
        if least == most { median } else { format!("{median} ({least}–{most})") }
    }
}

/// The figure below which this part of all figures lies.
pub fn quantile(figures: &[f64], part: f64) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let index = (part * sorted.len() as f64).ceil() as usize;
    sorted.get(index.saturating_sub(1)).copied().unwrap_or_default()
}

/// As many digits as mean something, with thousands set apart.
pub fn number(figure: f64) -> String {
    // Nothing is not less than nothing.
    let figure = figure + 0.0;
    let digits = match figure.abs() {
        big if big >= 100.0 => 0,
        middle if middle >= 10.0 => 1,
        _ => 2,
    };
    let text = format!("{figure:.digits$}");
    let (whole, part) =
        text.split_once('.').map_or((&text[..], ""), |(w, _)| (w, &text[w.len()..]));
    format!("{}{part}", Thousands(whole))
}

/// A whole number's digits in groups.
struct Thousands<'a>(&'a str);

impl fmt::Display for Thousands<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0;
        for (index, digit) in digits.char_indices() {
            let left = digits.len() - index;
            if index > 0 && left.is_multiple_of(3) && digits.as_bytes()[index - 1] != b'-' {
                f.write_str(",")?;
            }
            write!(f, "{digit}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_is_the_middle() {
        let spread = Spread::of([3.0, 1.0, 2.0]);
        assert_eq!((spread.least, spread.median, spread.most), (1.0, 2.0, 3.0));
        assert_eq!(Spread::of([1.0, 2.0]).median, 1.5);
        assert_eq!(Spread::of([]).median, 0.0);
    }

    #[test]
    fn quantiles_are_figures_that_were_measured() {
        let figures: Vec<_> = (1..=20).map(f64::from).collect();
        assert_eq!((quantile(&figures, 0.5), quantile(&figures, 0.99)), (10.0, 20.0));
        assert_eq!(quantile(&[], 0.5), 0.0);
    }

    #[test]
    fn numbers_are_readable() {
        let shown = [1_234_567.0, 999.6, 12.34, 1.234, 0.0].map(number);
        assert_eq!(shown, ["1,234,567", "1,000", "12.3", "1.23", "0.00"]);
    }
}
