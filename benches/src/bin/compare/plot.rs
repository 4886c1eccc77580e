//! Draws the ratios: a row a cell, a bar for throughput and one for processor time, their spread, and the targets.
//!
//! Left out: figures that are no ratios.

use std::error::Error;
use std::path::Path;

use plotters::prelude::*;

use crate::results::{Judged, Ratio, Results};

const WIDTH: u32 = 1000;
const HEAD: u32 = 90;
const ROW: u32 = 34;
const FOOT: u32 = 40;
const FONT: &str = "sans-serif";
/// Where ratio 0 stands, and how wide 1 is.
const ZERO: i32 = 420;
const ONE: f64 = 120.0;
/// Larger ones are drawn up to here.
const LARGEST: f64 = 4.6;
const FASTER: RGBColor = RGBColor(31, 78, 140);
const CHEAPER: RGBColor = RGBColor(46, 125, 50);
const TARGET: RGBColor = RGBColor(178, 34, 34);
const GREY: RGBColor = RGBColor(120, 120, 120);

pub(crate) fn draw(file: &Path, results: &Results) -> anyhow::Result<()> {
    try_draw(file, results).map_err(|error| anyhow::anyhow!("{error}"))
}

fn try_draw(file: &Path, results: &Results) -> Result<(), Box<dyn Error>> {
    let cells: Vec<_> = results.cells.iter().filter(|cell| !cell.ratios.is_empty()).collect();
    let rows = u32::try_from(cells.len())?;
    let height = HEAD + ROW * rows + FOOT;
    let root = SVGBackend::new(file, (WIDTH, height)).into_drawing_area();
    root.fill(&WHITE)?;
    let text =
        |size: u32, color: &'static RGBColor| (FONT, size).into_text_style(&root).color(color);
    root.draw_text("The reference server beside memcached", &text(24, &BLACK), (16, 10))?;
    root.draw_text("operations a second: more is better", &text(15, &FASTER), (16, 44))?;
    let less = "processor time (or p99, memory): less is better";
    root.draw_text(less, &text(15, &CHEAPER), (270, 44))?;
    root.draw_text("what was aimed at", &text(15, &TARGET), (610, 44))?;
    let bottom = i32::try_from(height - FOOT)?;
    for ratio in 0..5 {
        let x = at(f64::from(ratio));
        let style = if ratio == 1 { BLACK.stroke_width(2) } else { GREY.stroke_width(1) };
        root.draw(&PathElement::new([(x, 80), (x, bottom)], style))?;
        root.draw_text(&ratio.to_string(), &text(13, &GREY), (x - 3, 66))?;
    }
    for (row, cell) in cells.into_iter().enumerate() {
        let y = i32::try_from(HEAD + ROW * u32::try_from(row)?)?;
        root.draw_text(&label(cell), &text(13, &BLACK), (16, y + 6))?;
        for (line, ratio) in bars(cell).into_iter().enumerate() {
            bar(&root, ratio, y + 3 + 13 * i32::try_from(line)?)?;
        }
    }
    let foot =
        format!("{}; {}; medians of {} rounds", results.machine, results.versions, results.rounds);
    root.draw_text(&foot, &text(12, &GREY), (16, bottom + 14))?;
    root.present()?;
    Ok(())
}

/// The first two that a cell is judged by; of several ratios of one figure, the one that has a target.
fn bars(cell: &Judged) -> Vec<&Ratio> {
    let has_target =
        |metric| cell.ratios.iter().any(|ratio| ratio.metric == metric && ratio.bound.is_some());
    let is_drawn = |ratio: &&Ratio| {
        ratio.bound.is_some() || (ratio.metric != "p99" && !has_target(ratio.metric))
    };
    cell.ratios.iter().filter(is_drawn).take(2).collect()
}

fn bar(
    root: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>,
    ratio: &Ratio,
    y: i32,
) -> Result<(), Box<dyn Error>> {
    let color = if ratio.metric == "ops/s" { FASTER } else { CHEAPER };
    let spread = ratio.spread;
    root.draw(&Rectangle::new([(ZERO, y), (at(spread.median), y + 11)], color.mix(0.75).filled()))?;
    let middle = y + 5;
    let whisker = [(at(spread.least), middle), (at(spread.most), middle)];
    root.draw(&PathElement::new(whisker, BLACK.stroke_width(1)))?;
    if let Some(bound) = ratio.bound {
        let x = at(bound);
        root.draw(&PathElement::new([(x, y - 1), (x, y + 12)], TARGET.stroke_width(3)))?;
    }
    let style = (FONT, 11).into_text_style(root).color(&BLACK);
    root.draw_text(&format!("{:.2}", spread.median), &style, (at(spread.most) + 6, y))?;
    Ok(())
}

fn at(ratio: f64) -> i32 {
    #[expect(clippy::cast_possible_truncation, reason = "bounded by LARGEST")]
    let offset = (ratio.min(LARGEST) * ONE) as i32;
    ZERO + offset
}

/// Short enough for its place.
fn label(cell: &Judged) -> String {
    let title: String = cell.title.chars().take(58).collect();
    format!("{}  {title}", cell.name)
}
