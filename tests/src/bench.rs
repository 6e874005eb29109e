//! What benchmarks report: a table for people, JSON for programs, a plot for both.

use std::fmt::Write as _;
use std::path::PathBuf;

use plotters::prelude::*;
use serde_json::{Value, json};

/// What every benchmark can be told.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Measure less, to try things: figures are then only a hint.
    pub quick: bool,
    /// Measure only this part.
    pub only: Option<String>,
}

impl Options {
    /// The options of the command line, for a benchmark of these parts. Explains itself and ends the process where that is asked for, or where
    /// an option is unknown.
    pub fn from_arguments(parts: &[&str]) -> Self {
        let usage =
            format!("--quick      measure less, to try things\n--only PART  measure one part: {}", parts.join(", "));
        let mut options = Self::default();
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--quick" => options.quick = true,
                "--only" => match arguments.next().filter(|part| parts.contains(&part.as_str())) {
                    Some(part) => options.only = Some(part),
                    None => {
                        eprintln!("--only needs one of: {}", parts.join(", "));
                        std::process::exit(2);
                    }
                },
                // cargo says this to every benchmark.
                "--bench" => {}
                "-h" | "--help" => {
                    println!("{usage}");
                    std::process::exit(0);
                }
                other => {
                    eprintln!("there is no option {other}\n{usage}");
                    std::process::exit(2);
                }
            }
        }
        options
    }

    /// Whether this part is to be measured.
    pub fn wants(&self, part: &str) -> bool {
        self.only.as_deref().is_none_or(|only| only == part)
    }
}

/// A measured figure and what it should be.
#[derive(Debug, Clone)]
pub struct Figure {
    /// What was measured.
    pub figure: String,
    /// The value.
    pub value: f64,
    /// Its unit.
    pub unit: &'static str,
    /// What it should be; `None` where it is only told.
    pub goal: Option<Goal>,
}

/// What a figure should be.
#[derive(Debug, Clone, Copy)]
pub enum Goal {
    /// No more than this.
    AtMost(f64),
    /// No less than this.
    AtLeast(f64),
}

impl Goal {
    fn holds(self, value: f64) -> bool {
        match self {
            Self::AtMost(limit) => value <= limit,
            Self::AtLeast(limit) => value >= limit,
        }
    }

    fn text(self) -> String {
        match self {
            Self::AtMost(limit) => format!("<= {limit}"),
            Self::AtLeast(limit) => format!(">= {limit}"),
        }
    }
}

/// Everything that a benchmark found.
#[derive(Debug, Default)]
pub struct Report {
    figures: Vec<Figure>,
}

impl Report {
    /// Adds a figure.
    pub fn add(&mut self, figure: impl Into<String>, value: f64, unit: &'static str, goal: Option<Goal>) {
        self.figures.push(Figure { figure: figure.into(), value, unit, goal });
    }

    /// The figures so far.
    pub fn figures(&self) -> &[Figure] {
        &self.figures
    }

    /// Prints the table and writes `NAME.json`; returns where, for the plot beside it.
    pub fn finish(&self, name: &str) -> anyhow::Result<PathBuf> {
        let width = self.figures.iter().map(|figure| figure.figure.len()).max().unwrap_or(0);
        let mut table = String::new();
        for figure in &self.figures {
            let goal = figure.goal.map_or(String::new(), |goal| {
                format!("{:>12}  {}", goal.text(), if goal.holds(figure.value) { "holds" } else { "MISSED" })
            });
            let _ = writeln!(table, "{:<width$}  {:>10.3} {:<8}{goal}", figure.figure, figure.value, figure.unit);
        }
        print!("{table}");
        let folder = folder();
        std::fs::create_dir_all(&folder)?;
        let figures: Vec<Value> = self
            .figures
            .iter()
            .map(|figure| {
                json!({
                    "figure": figure.figure, "value": figure.value, "unit": figure.unit,
                    "goal": figure.goal.map(Goal::text), "holds": figure.goal.map(|goal| goal.holds(figure.value)),
                })
            })
            .collect();
        let file = folder.join(format!("{name}.json"));
        std::fs::write(&file, serde_json::to_string_pretty(&json!({ "machine": machine(), "figures": figures }))?)?;
        println!("written to {}", file.display());
        Ok(file.with_extension("svg"))
    }
}

/// Cargo's target folder has a `bench`.
fn folder() -> PathBuf {
    std::env::var_os("VESTA_BENCH_OUT").map_or_else(|| PathBuf::from("target/bench"), PathBuf::from)
}

/// What the figures were measured on.
fn machine() -> Value {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo").lines().find_map(|line| {
        line.strip_prefix("model name").map(|rest| rest.trim_start_matches([' ', '\t', ':']).to_owned())
    });
    let memory = read("/proc/meminfo")
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    json!({
        "os": std::env::consts::OS, "arch": std::env::consts::ARCH, "cpu": cpu,
        "cores": std::thread::available_parallelism().map_or(0, usize::from),
        "memory_gb": memory.map(|kilobytes| kilobytes as f64 / 1e6),
    })
}

/// The value below which `share` of the values lie (nearest rank).
pub fn percentile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}

/// Draws the share of values below each value, one line a series.
pub fn plot_distribution(
    path: &std::path::Path,
    title: &str,
    axis: &str,
    series: &[(&str, Vec<f64>)],
) -> anyhow::Result<()> {
    let most = series.iter().flat_map(|(_, values)| values).fold(1.0_f64, |most, value| most.max(*value));
    let area = SVGBackend::new(path, (900, 520)).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .caption(title, ("sans-serif", 22))
        .margin(16)
        .x_label_area_size(44)
        .y_label_area_size(52)
        .build_cartesian_2d(0.0..most * 1.05, 0.0..100.0)?;
    chart.configure_mesh().x_desc(axis).y_desc("% of all").draw()?;
    for (index, (name, values)) in series.iter().enumerate() {
        let mut sorted = values.clone();
        sorted.sort_by(f64::total_cmp);
        let count = sorted.len().max(1) as f64;
        let colour = Palette99::pick(index).to_rgba();
        let points = sorted.iter().enumerate().map(|(rank, value)| (*value, (rank + 1) as f64 / count * 100.0));
        chart
            .draw_series(LineSeries::new(points, colour.stroke_width(2)))?
            .label((*name).to_owned())
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerRight)
        .border_style(BLACK.mix(0.3))
        .background_style(WHITE)
        .draw()?;
    area.present()?;
    Ok(())
}

/// Draws how a figure grows with a number, each in powers of ten, one line a series. `axes` names the number and the figure.
pub fn plot_growth(
    path: &std::path::Path,
    title: &str,
    axes: (&str, &str),
    series: &[(&str, Vec<(f64, f64)>)],
) -> anyhow::Result<()> {
    let points = || series.iter().flat_map(|(_, points)| points);
    let widest = points().fold((f64::MAX, 1.0_f64), |(low, high), (x, _)| (low.min(*x), high.max(*x)));
    let tallest = points().fold(f64::MIN_POSITIVE, |most, (_, y)| most.max(*y));
    let area = SVGBackend::new(path, (900, 520)).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .caption(title, ("sans-serif", 22))
        .margin(16)
        .x_label_area_size(44)
        .y_label_area_size(64)
        .build_cartesian_2d((widest.0..widest.1).log_scale(), 0.0..tallest * 1.2)?;
    chart.configure_mesh().x_desc(axes.0).y_desc(axes.1).draw()?;
    for (index, (name, points)) in series.iter().enumerate() {
        let colour = Palette99::pick(index).to_rgba();
        chart
            .draw_series(LineSeries::new(points.iter().copied(), colour.stroke_width(2)).point_size(3))?
            .label((*name).to_owned())
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .border_style(BLACK.mix(0.3))
        .background_style(WHITE)
        .draw()?;
    area.present()?;
    Ok(())
}

/// Draws each figure that has a goal as a bar: how much of the goal it uses. Up to 100 % it holds.
pub fn plot_goals(path: &std::path::Path, title: &str, figures: &[Figure]) -> anyhow::Result<()> {
    let shares: Vec<(String, f64)> = figures
        .iter()
        .filter_map(|figure| {
            let share = match figure.goal? {
                // Of nothing there are no shares.
                Goal::AtMost(0.0) => {
                    if figure.value == 0.0 {
                        100.0
                    } else {
                        200.0
                    }
                }
                Goal::AtMost(limit) => figure.value / limit * 100.0,
                Goal::AtLeast(limit) => limit / figure.value * 100.0,
            };
            Some((format!("{}: {:.2} {}", figure.figure, figure.value, figure.unit), share))
        })
        .collect();
    let most = shares.iter().fold(100.0_f64, |most, (_, share)| most.max(*share));
    let rows = shares.len();
    let area = SVGBackend::new(path, (900, 120 + 64 * rows as u32)).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .caption(title, ("sans-serif", 22))
        .margin(16)
        .x_label_area_size(44)
        .build_cartesian_2d(0.0..most * 1.1, 0.0..rows as f64)?;
    chart.configure_mesh().disable_y_mesh().disable_y_axis().x_desc("% of what the goal allows").draw()?;
    for (row, (label, share)) in shares.iter().enumerate() {
        let bottom = (rows - row - 1) as f64;
        let colour = if *share <= 100.0 { RGBColor(86, 152, 96) } else { RGBColor(196, 84, 68) };
        chart.draw_series([Rectangle::new([(0.0, bottom + 0.15), (*share, bottom + 0.6)], colour.filled())])?;
        chart.draw_series([Text::new(label.clone(), (most * 0.01, bottom + 0.9), ("sans-serif", 15))])?;
    }
    chart.draw_series(LineSeries::new([(100.0, 0.0), (100.0, rows as f64)], BLACK.stroke_width(1)))?;
    area.present()?;
    Ok(())
}
