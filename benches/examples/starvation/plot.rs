//! Draws how long readers waited, over time: one panel for each lock, all with the same scales.
//!
//! Left out: how the waits came about.

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use plotters::chart::ChartBuilder;
use plotters::coord::Shift;
use plotters::prelude::*;

use crate::Wait;
use crate::waits::microseconds;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

const SIZE: (u32, u32) = (1200, 860);
const HEAD: u32 = 64;
const FOOT: u32 = 40;
const FONT: &str = "sans-serif";
const LONGEST: RGBColor = RGBColor(178, 34, 34);
const MEDIAN: RGBColor = RGBColor(31, 78, 140);

/// The time axis is cut into slices of this many milliseconds, each a point of a line.
const SLICE: u32 = 20;

/// The scale of waits, in microseconds; waits below it are drawn at its end.
const FLOOR: f64 = 0.1;
const CEILING: f64 = 10_000_000.0;

/// One lock.
pub(crate) struct Panel {
    pub(crate) caption: String,
    pub(crate) waits: Vec<Wait>,
}

/// Writes the picture to `svg`: the four panels, how to read them, and how they were made.
pub(crate) fn draw(
    svg: &Path,
    panels: &[Panel],
    watched: Duration,
    machine: &str,
) -> Result<(), Box<dyn Error>> {
    let root = SVGBackend::new(svg, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let (head, rest) = root.split_vertically(HEAD);
    let (middle, foot) = rest.split_vertically(SIZE.1 - HEAD - FOOT);
    let title = "How long readers wait under a steady stream of writers";
    head.draw_text(title, &(FONT, 24).into_text_style(&root), (16, 8))?;
    let longest = (FONT, 15).into_text_style(&root).color(&LONGEST);
    head.draw_text("longest wait under way in each 20 ms", &longest, (16, 40))?;
    let median = (FONT, 15).into_text_style(&root).color(&MEDIAN);
    head.draw_text("median of the waits begun in it", &median, (300, 40))?;
    for (area, panel) in middle.split_evenly((2, 2)).iter().zip(panels) {
        draw_panel(area, panel, watched)?;
    }
    let made = format!("cargo run --release --example starvation; {machine}");
    foot.draw_text(&made, &(FONT, 14).into_text_style(&root), (16, 12))?;
    root.present()?;
    Ok(())
}

/// One lock's lines, and the axes that all panels share.
fn draw_panel(area: &Area<'_>, panel: &Panel, watched: Duration) -> Result<(), Box<dyn Error>> {
    let mut chart = ChartBuilder::on(area)
        .margin(10)
        .caption(&panel.caption, (FONT, 15))
        .x_label_area_size(34)
        .y_label_area_size(58)
        .build_cartesian_2d(0.0..watched.as_secs_f64(), (FLOOR..CEILING).log_scale())?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .label_style((FONT, 14))
        .x_labels(8)
        .y_labels(8)
        .x_desc("seconds since the start")
        .x_label_formatter(&|seconds| format!("{seconds:.1}"))
        .y_label_formatter(&|wait| duration(*wait))
        .draw()?;
    let slices = slices(&panel.waits, watched);
    let longest = slices.iter().filter_map(|slice| Some((slice.at, slice.longest()?)));
    chart.draw_series(LineSeries::new(longest, LONGEST.stroke_width(2)))?;
    let median = slices.iter().filter_map(|slice| Some((slice.at, slice.median()?)));
    chart.draw_series(LineSeries::new(median, MEDIAN.stroke_width(1)))?;
    Ok(())
}

/// The waits of some milliseconds, in microseconds.
#[derive(Default)]
struct Slice {
    at: f64,
    under_way: Vec<f64>,
    begun: Vec<f64>,
}

impl Slice {
    fn longest(&self) -> Option<f64> {
        self.under_way.iter().copied().max_by(f64::total_cmp)
    }

    fn median(&self) -> Option<f64> {
        let mut begun = self.begun.clone();
        begun.sort_by(f64::total_cmp);
        begun.get(begun.len() / 2).copied()
    }
}

/// Puts each wait where it began, and wherever it was under way: a reader that is left out in the cold
/// for a second shows for all of that second.
fn slices(waits: &[Wait], watched: Duration) -> Vec<Slice> {
    let width = Duration::from_millis(SLICE.into());
    let starts = (0..).map(|slice| width * slice).take_while(|start| *start < watched);
    starts.map(|start| slice(waits, start, start + width)).collect()
}

fn slice(waits: &[Wait], start: Duration, end: Duration) -> Slice {
    let mut slice = Slice { at: start.as_secs_f64(), ..Slice::default() };
    for &(asked, wait) in
        waits.iter().filter(|(asked, wait)| *asked < end && *asked + *wait >= start)
    {
        let drawn = microseconds(wait).clamp(FLOOR, CEILING);
        slice.under_way.push(drawn);
        if asked >= start {
            slice.begun.push(drawn);
        }
    }
    slice
}

/// A label of the scale, given in microseconds.
fn duration(microseconds: f64) -> String {
    match microseconds {
        us if us < 1.0 => format!("{us:.1} \u{b5}s"),
        us if us < 1e3 => format!("{us:.0} \u{b5}s"),
        us if us < 1e6 => format!("{:.0} ms", us / 1e3),
        us => format!("{:.0} s", us / 1e6),
    }
}
