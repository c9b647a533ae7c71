//! Plots as SVG.

use anyhow::{Result, anyhow};
use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;

use crate::spread::{Spread, number};

mod curves;

pub use curves::{Curve, Curves, Point};

const SIZE: (u32, u32) = (720, 380);
const LEGEND_HEIGHT: i32 = 24;
/// Of the labels at the axis of y.
const LABELS_WIDTH: u32 = 72;
/// About the width of a letter in the legend.
const LETTER_WIDTH: i32 = 8;
const FONT: &str = "sans-serif";
/// Told apart by everybody, also in print.
const COLOURS: [RGBColor; 4] =
    [RGBColor(0, 114, 178), RGBColor(213, 94, 0), RGBColor(0, 158, 115), RGBColor(120, 120, 120)];

type Canvas<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// A plot.
#[derive(Debug)]
pub enum Plot {
    /// Bars in groups.
    Bars(Bars),
    /// Lines through points.
    Lines(Lines),
    /// Lines with intervals and marks.
    Curves(Curves),
}

/// Bars side by side in groups, each with its spread.
#[derive(Debug)]
pub struct Bars {
    /// Above the plot.
    pub title: &'static str,
    /// At the axis of x.
    pub x: &'static str,
    /// At the axis of y.
    pub y: &'static str,
    /// What the bars of a group are.
    pub kinds: Vec<&'static str>,
    /// The name of each group, and its bars.
    pub groups: Vec<(String, Vec<Spread>)>,
}

/// Lines through points.
#[derive(Debug)]
pub struct Lines {
    /// Above the plot.
    pub title: &'static str,
    /// At the axis of x.
    pub x: &'static str,
    /// At the axis of y.
    pub y: &'static str,
    /// Whether each step to the right is a multiple.
    pub log_x: bool,
    /// The name of each line, and its points.
    pub lines: Vec<(&'static str, Vec<(f64, f64)>)>,
}

impl Plot {
    /// The whole SVG.
    ///
    /// # Errors
    /// It cannot be drawn.
    pub fn svg(&self) -> Result<String> {
        let mut svg = String::new();
        {
            let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
            area.fill(&WHITE).map_err(failed)?;
            let (title, names): (_, Vec<_>) = match self {
                Self::Bars(bars) => (bars.title, bars.kinds.clone()),
                Self::Lines(lines) => {
                    (lines.title, lines.lines.iter().map(|(name, _)| *name).collect())
                }
                Self::Curves(curves) => (curves.title.as_str(), curves.names()),
            };
            let below = area.titled(title, (FONT, 18)).map_err(failed)?;
            let (legend, chart) = below.split_vertically(LEGEND_HEIGHT);
            draw_legend(&legend, &names)?;
            match self {
                Self::Bars(bars) => bars.draw(&chart),
                Self::Lines(lines) if lines.log_x => lines.draw_log(&chart),
                Self::Lines(lines) => lines.draw_linear(&chart),
                Self::Curves(curves) => curves.draw(&chart),
            }?;
            area.present().map_err(failed)?;
        }
        Ok(svg)
    }
}

fn failed(error: impl std::fmt::Display) -> anyhow::Error {
    anyhow!("cannot draw: {error}")
}

/// A square and a name for each colour, in a row above the chart, where it hides nothing.
fn draw_legend(area: &Canvas<'_>, names: &[&str]) -> Result<()> {
    let mut x = LABELS_WIDTH as i32 + 10;
    for (name, colour) in names.iter().zip(COLOURS) {
        area.draw(&Rectangle::new([(x, 6), (x + 12, 18)], colour.filled())).map_err(failed)?;
        area.draw(&Text::new(*name, (x + 18, 5), (FONT, 14))).map_err(failed)?;
        x += 40 + LETTER_WIDTH * name.chars().count() as i32;
    }
    Ok(())
}

/// A figure at an axis: without the zeros that say nothing.
fn tick(figure: f64) -> String {
    let text = number(figure);
    if !text.contains('.') {
        return text;
    }
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Margins alike for all.
macro_rules! framed {
    ($area:expr) => {
        // Half of the last label at the axis of x stands right of the chart.
        ChartBuilder::on($area)
            .margin(10)
            .margin_right(40)
            .x_label_area_size(42)
            .y_label_area_size(LABELS_WIDTH)
    };
}

use framed;

/// Axes and lines; the chart's type differs with the scale of its axis.
macro_rules! lines {
    ($chart:expr, $plot:expr) => {
        $chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .x_label_formatter(&|x| tick(*x))
            .y_label_formatter(&|y| tick(*y))
            .x_desc($plot.x)
            .y_desc($plot.y)
            .label_style((FONT, 14))
            .draw()
            .map_err(failed)?;
        for ((_, points), colour) in $plot.lines.iter().zip(COLOURS) {
            let points = points.iter().copied();
            let line = LineSeries::new(points.clone(), colour.stroke_width(2));
            $chart.draw_series(line).map_err(failed)?;
            let dots = points.map(|point| Circle::new(point, 3, colour.filled()));
            $chart.draw_series(dots).map_err(failed)?;
        }
    };
}

impl Bars {
    fn draw(&self, area: &Canvas<'_>) -> Result<()> {
        let all = || self.groups.iter().flat_map(|(_, spreads)| spreads);
        let most = all().map(|spread| spread.most).fold(0.0, f64::max).max(1e-9);
        let count = self.groups.len() as f64;
        let mut chart =
            framed!(area).build_cartesian_2d(0.0..count, 0.0..most * 1.15).map_err(failed)?;
        let name = |x: &f64| {
            let group = self.groups.get(*x as usize).filter(|_| (x.fract() - 0.5).abs() < 0.01);
            group.map(|(name, _)| name.clone()).unwrap_or_default()
        };
        chart
            .configure_mesh()
            .disable_x_mesh()
            .light_line_style(TRANSPARENT)
            .x_labels(2 * self.groups.len() + 1)
            .x_label_formatter(&name)
            .y_label_formatter(&|y| tick(*y))
            .x_desc(self.x)
            .y_desc(self.y)
            .label_style((FONT, 14))
            .draw()
            .map_err(failed)?;
        let width = 0.8 / self.kinds.len().max(1) as f64;
        for (index, (_, colour)) in self.kinds.iter().zip(COLOURS).enumerate() {
            let spreads = self.groups.iter().filter_map(|(_, spreads)| spreads.get(index));
            let left = |group: usize| group as f64 + 0.1 + index as f64 * width;
            let bars: Vec<_> = spreads.enumerate().map(|(group, s)| (left(group), *s)).collect();
            self.draw_kind(&mut chart, colour, width, &bars)?;
        }
        Ok(())
    }

    fn draw_kind<'a>(
        &self,
        chart: &mut ChartContext<'_, SVGBackend<'a>, Cartesian2d<RangedCoordf64, RangedCoordf64>>,
        colour: RGBColor,
        width: f64,
        bars: &[(f64, Spread)],
    ) -> Result<()> {
        let bodies = bars.iter().map(|(x, spread)| {
            Rectangle::new([(*x, 0.0), (x + width * 0.9, spread.median)], colour.filled())
        });
        chart.draw_series(bodies).map_err(failed)?;
        let whiskers = bars.iter().map(|(x, spread)| {
            let middle = x + width * 0.45;
            PathElement::new([(middle, spread.least), (middle, spread.most)], BLACK.stroke_width(1))
        });
        chart.draw_series(whiskers).map_err(failed)?;
        let texts = bars.iter().map(|(x, spread)| {
            let text = number(spread.median);
            EmptyElement::at((*x, spread.most)) + Text::new(text, (0, -16), (FONT, 13))
        });
        chart.draw_series(texts).map_err(failed)?;
        Ok(())
    }
}

impl Lines {
    fn points(&self) -> impl Iterator<Item = (f64, f64)> {
        self.lines.iter().flat_map(|(_, points)| points.iter().copied())
    }

    fn bounds(&self) -> (f64, f64, f64) {
        let least = self.points().map(|(x, _)| x).fold(f64::INFINITY, f64::min);
        let most = self.points().map(|(x, _)| x).fold(least.min(0.0), f64::max);
        let high = self.points().map(|(_, y)| y).fold(0.0, f64::max).max(1e-9);
        (if least.is_finite() { least } else { 0.0 }, most, high * 1.05)
    }

    fn draw_linear(&self, area: &Canvas<'_>) -> Result<()> {
        let (least, most, high) = self.bounds();
        let mut chart = framed!(area)
            .build_cartesian_2d(least.min(0.0)..most.max(1e-9), 0.0..high)
            .map_err(failed)?;
        lines!(chart, self);
        Ok(())
    }

    fn draw_log(&self, area: &Canvas<'_>) -> Result<()> {
        let (least, most, high) = self.bounds();
        let x = (least.max(1e-9) * 0.8..most.max(2e-9) * 1.25).log_scale();
        let mut chart = framed!(area).build_cartesian_2d(x, 0.0..high).map_err(failed)?;
        lines!(chart, self);
        Ok(())
    }
}
