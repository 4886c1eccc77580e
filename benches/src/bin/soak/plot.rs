//! Draws what the server was like over time: memory, descriptors, operations and deaths of clients, a panel each.
//!
//! Left out: what of it is too much.

use std::error::Error;
use std::path::Path;

use lockproof_benches::soak::Sample;
use plotters::chart::ChartBuilder;
use plotters::coord::Shift;
use plotters::prelude::*;

const SIZE: (u32, u32) = (1000, 720);
const HEAD: u32 = 40;
const FOOT: u32 = 30;
const FONT: &str = "sans-serif";
const LINE: RGBColor = RGBColor(31, 78, 140);

/// A panel: its title, and what is drawn of a sample, or of it and the one before.
type Panel = (&'static str, fn(&Sample, &Sample) -> f64);

#[expect(clippy::cast_precision_loss, reason = "drawn")]
const PANELS: [Panel; 4] = [
    ("resident memory, MiB", |_, now| now.resident as f64 / f64::from(1 << 20)),
    ("open descriptors", |_, now| now.descriptors as f64),
    ("operations answered, a second", |before, now| {
        (now.operations - before.operations) as f64 / (now.at - before.at).max(0.001)
    }),
    ("clients that died, so far", |_, now| now.deaths as f64),
];

pub(crate) fn draw(file: &Path, samples: &[Sample], foot: &str) -> anyhow::Result<()> {
    try_draw(file, samples, foot).map_err(|error| anyhow::anyhow!("{error}"))
}

fn try_draw(file: &Path, samples: &[Sample], foot: &str) -> Result<(), Box<dyn Error>> {
    let root = SVGBackend::new(file, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let (head, rest) = root.split_vertically(HEAD);
    let (panels, bottom) = rest.split_vertically(SIZE.1 - HEAD - FOOT);
    let title = "lockproof serve under a mixed load with clients that die";
    head.draw_text(title, &(FONT, 22).into_text_style(&root), (16, 10))?;
    for (area, panel) in panels.split_evenly((2, 2)).iter().zip(PANELS) {
        draw_panel(area, panel, samples)?;
    }
    bottom.draw_text(foot, &(FONT, 12).into_text_style(&root), (16, 8))?;
    root.present()?;
    Ok(())
}

fn draw_panel(
    area: &DrawingArea<SVGBackend<'_>, Shift>,
    (title, of): Panel,
    samples: &[Sample],
) -> Result<(), Box<dyn Error>> {
    let points: Vec<(f64, f64)> =
        samples.windows(2).map(|pair| (pair[1].at / 60.0, of(&pair[0], &pair[1]))).collect();
    let end = points.last().map_or(1.0, |(at, _)| at.max(0.01));
    let highest = points.iter().map(|(_, value)| *value).fold(1.0, f64::max);
    let mut chart = ChartBuilder::on(area)
        .caption(title, (FONT, 15))
        .margin(10)
        .x_label_area_size(30)
        .y_label_area_size(56)
        .build_cartesian_2d(0.0..end, 0.0..highest * 1.15)?;
    chart.configure_mesh().x_desc("minutes").light_line_style(WHITE).draw()?;
    chart.draw_series(LineSeries::new(points, LINE.stroke_width(2)))?;
    Ok(())
}
