//! Lines with intervals, and with marks of what happened when.

use anyhow::Result;
use plotters::prelude::*;

use super::{COLOURS, Canvas, FONT, LABELS_WIDTH, failed, framed, tick};

/// Marks side by side that must not hide each other's names.
const ROWS: usize = 4;
/// What the names of marks take of the height, each row.
const ROW_HEIGHT: f64 = 0.055;
/// Between the intervals of two lines at one x, as a part of the width.
const WHISKER_STEP: f64 = 0.006;

/// Lines through points that may have intervals.
#[derive(Debug)]
pub struct Curves {
    /// Above the plot.
    pub title: String,
    /// At the axis of x.
    pub x: &'static str,
    /// At the axis of y.
    pub y: &'static str,
    /// Lines, each with its own colour.
    pub curves: Vec<Curve>,
    /// What happened at some x.
    pub marks: Vec<(f64, String)>,
}

/// A line.
#[derive(Debug)]
pub struct Curve {
    /// In the legend.
    pub name: String,
    /// Its points; a gap between two pieces is a gap in the line.
    pub pieces: Vec<Vec<Point>>,
    /// Whether each point is a dot too.
    pub dots: bool,
}

/// A point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// To the right.
    pub x: f64,
    /// Upwards.
    pub y: f64,
    /// Around y, where one is known.
    pub interval: Option<(f64, f64)>,
}

impl Curves {
    /// The names of the lines.
    pub(super) fn names(&self) -> Vec<&str> {
        self.curves.iter().map(|curve| curve.name.as_str()).collect()
    }

    fn points(&self) -> impl Iterator<Item = &Point> {
        self.curves.iter().flat_map(|curve| curve.pieces.iter().flatten())
    }

    /// The largest x, and the largest y; both above zero.
    fn bounds(&self) -> (f64, f64) {
        let xs = self.points().map(|point| point.x).chain(self.marks.iter().map(|(x, _)| *x));
        let ys = self.points().map(|point| point.interval.map_or(point.y, |(_, high)| high));
        (xs.fold(1e-9, f64::max), ys.fold(1e-9, f64::max))
    }

    pub(super) fn draw(&self, area: &Canvas<'_>) -> Result<()> {
        let (right, most) = self.bounds();
        let above = if self.marks.is_empty() { 0.05 } else { ROW_HEIGHT * (ROWS + 1) as f64 };
        let high = most * (1.0 + above);
        let mut chart =
            framed!(area).build_cartesian_2d(0.0..right * 1.02, 0.0..high).map_err(failed)?;
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .x_label_formatter(&|x| tick(*x))
            .y_label_formatter(&|y| tick(*y))
            .x_desc(self.x)
            .y_desc(self.y)
            .label_style((FONT, 14))
            .draw()
            .map_err(failed)?;
        let grey = RGBColor(150, 150, 150);
        for (index, (x, name)) in self.marks.iter().enumerate() {
            let line = PathElement::new([(*x, 0.0), (*x, high)], grey.stroke_width(1));
            chart.draw_series([line]).map_err(failed)?;
            let y = high * (1.0 - ROW_HEIGHT * (index % ROWS) as f64);
            let text = EmptyElement::at((*x, y)) + Text::new(name.clone(), (3, 2), (FONT, 12));
            chart.draw_series([text]).map_err(failed)?;
        }
        for ((index, curve), colour) in self.curves.iter().enumerate().zip(COLOURS) {
            // Beside each other, so that none hides another.
            let aside = right * WHISKER_STEP * index as f64;
            for piece in &curve.pieces {
                let points = piece.iter().map(|point| (point.x, point.y));
                let line = LineSeries::new(points.clone(), colour.stroke_width(2));
                chart.draw_series(line).map_err(failed)?;
                if curve.dots {
                    let dots = points.map(|point| Circle::new(point, 3, colour.filled()));
                    chart.draw_series(dots).map_err(failed)?;
                }
                let whiskers = piece.iter().filter_map(|point| Some((point.x, point.interval?)));
                let whiskers = whiskers.map(|(x, (low, high))| {
                    let x = x + aside;
                    PathElement::new([(x, low.max(0.0)), (x, high)], colour.stroke_width(2))
                });
                chart.draw_series(whiskers).map_err(failed)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::Plot;

    #[test]
    fn lines_intervals_and_marks_are_all_drawn() {
        let point = |x: f64| Point { x, y: x + 1.0, interval: Some((x, x + 2.0)) };
        let curve = |name: &str, pieces| Curve { name: name.to_owned(), pieces, dots: true };
        let plot = Plot::Curves(Curves {
            title: "A title".to_owned(),
            x: "p",
            y: "ms",
            curves: vec![
                curve("on", vec![vec![point(0.0), point(0.2)], vec![point(0.6)]]),
                curve("off", vec![vec![point(0.0)]]),
            ],
            marks: vec![(0.1, "kill".to_owned())],
        });
        let svg = plot.svg().unwrap();
        for text in ["A title", "on", "off", "kill"] {
            assert!(svg.contains(text), "{text}");
        }
        assert_eq!(svg.matches("<circle").count(), 4);
    }
}
