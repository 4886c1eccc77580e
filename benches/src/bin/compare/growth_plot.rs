//! Draws the cost of an operation against size: a panel for each kind of size, a line for each server.

use std::error::Error;
use std::path::Path;

use plotters::chart::ChartBuilder;
use plotters::coord::Shift;
use plotters::prelude::*;

use crate::growth::Curve;

const SIZE: (u32, u32) = (1000, 760);
const FOOT: u32 = 30;
const FONT: &str = "sans-serif";
const OURS: RGBColor = RGBColor(31, 78, 140);
const THEIRS: RGBColor = RGBColor(178, 34, 34);

pub(crate) fn draw(file: &Path, curves: &[Curve], foot: &str) -> Result<(), Box<dyn Error>> {
    let root = SVGBackend::new(file, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let (panels, bottom) = root.split_vertically(SIZE.1 - FOOT);
    let mut titles: Vec<_> = curves.iter().map(|curve| curve.title).collect();
    titles.dedup();
    titles.sort_unstable();
    titles.dedup();
    for (area, title) in panels.split_evenly((2, 2)).iter().zip(titles) {
        let curves: Vec<_> = curves.iter().filter(|curve| curve.title == title).collect();
        panel(area, title, &curves)?;
    }
    bottom.draw_text(foot, &(FONT, 12).into_text_style(&root), (16, 8))?;
    root.present()?;
    Ok(())
}

fn panel(
    area: &DrawingArea<SVGBackend<'_>, Shift>,
    title: &str,
    curves: &[&Curve],
) -> Result<(), Box<dyn Error>> {
    let points = || curves.iter().flat_map(|curve| curve.points.iter().copied());
    let least = points().map(|(size, _)| size).min().unwrap_or(1);
    let most = points().map(|(size, _)| size).max().unwrap_or(1);
    let highest = points().map(|(_, cost)| cost).fold(0.0, f64::max);
    let mut chart = ChartBuilder::on(area)
        .caption(title, (FONT, 16))
        .margin(12)
        .x_label_area_size(30)
        .y_label_area_size(48)
        .build_cartesian_2d((least..most).log_scale(), 0.0..highest * 1.2)?;
    chart.configure_mesh().y_desc("CPU µs").light_line_style(WHITE).draw()?;
    for curve in curves {
        let color = if curve.server == "lockproof" { OURS } else { THEIRS };
        let line = LineSeries::new(curve.points.iter().copied(), color.stroke_width(2));
        let legend = move |(x, y)| PathElement::new([(x, y), (x + 16, y)], color.stroke_width(2));
        chart.draw_series(line)?.label(curve.server).legend(legend);
        let dots = curve.points.iter().map(|point| Circle::new(*point, 3, color.filled()));
        chart.draw_series(dots)?;
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerRight)
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK.mix(0.3))
        .draw()?;
    Ok(())
}
