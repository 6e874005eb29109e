//! The waterfall for a terminal.

use std::fmt::Write;

use super::layout::{Layout, detail, duration, shorten};
use crate::record::TurnRecord;

/// Narrower terminals get lines that wrap.
const NARROWEST: usize = 40;
const WIDEST_NAME: usize = 20;
const DURATION: usize = 8;

/// A turn's stages as aligned bars, then its events, one a line. `width` is the terminal's, in characters.
pub fn terminal(turn: &TurnRecord, width: usize) -> String {
    let width = width.max(NARROWEST);
    let layout = Layout::new(turn);
    let longest = layout.stages.iter().map(|stage| stage.name.chars().count()).max().unwrap_or_default();
    let name_width = longest.clamp(5, WIDEST_NAME);
    let bar_width = width.saturating_sub(name_width + DURATION + 2).max(8);

    let mut text = String::new();
    let end = duration(layout.total_ms);
    let gap = bar_width.saturating_sub(end.chars().count() + 1);
    // Writing into a string cannot fail.
    let _ = writeln!(text, "{:name_width$} 0{:gap$}{end}", "stage", "");
    for stage in &layout.stages {
        let name = shorten(&stage.name, name_width);
        let bar = bar(layout.place(stage.start_ms), layout.place(stage.end_ms), bar_width);
        let _ = writeln!(text, "{name:name_width$} {bar} {:>DURATION$}", duration(stage.end_ms - stage.start_ms));
    }
    if layout.stages.is_empty() {
        text.push_str("(no stages)\n");
    }
    if !layout.events.is_empty() {
        text.push_str("\nevents\n");
    }
    for event in &layout.events {
        let line = format!("{:>9}  {}  {}", duration(event.at_ms), event.name, detail(event));
        let _ = writeln!(text, "{}", shorten(line.trim_end(), width));
    }
    text
}

/// A bar from `start` to `end` (0 to 1) in `width` characters. It begins on a whole character and is as long as the stage took,
/// to an eighth of a character; even the shortest can be seen.
fn bar(start: f64, end: f64, width: usize) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let cells = width as f64;
    let eighths = (((end - start) * cells * 8.0).round() as usize).clamp(1, width * 8);
    let (whole, part) = (eighths / 8, EIGHTHS.get(eighths % 8).copied().unwrap_or_default());
    let drawn = whole + usize::from(!part.is_empty());
    let first = ((start * cells).round() as usize).min(width - drawn);
    format!("{}{}{part}{}", " ".repeat(first), "█".repeat(whole), " ".repeat(width - drawn - first))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::record::{Stage, TurnEvent};

    fn turn() -> TurnRecord {
        let stage = |name: &str, start_ms, end_ms| Stage { name: name.into(), start_ms, end_ms };
        TurnRecord {
            stages: vec![
                stage("transcribe", 500.0, 540.0),
                stage("listen", 0.0, 500.0),
                stage("speak", 545.0, 1_000.0),
            ],
            events: vec![
                TurnEvent { at_ms: 500.0, name: "ended".into(), detail: json!({ "reason": "silence", "ms": 200 }) },
                TurnEvent { at_ms: 120.0, name: "speech".into(), detail: json!(null) },
            ],
            ..TurnRecord::default()
        }
    }

    #[test]
    fn bars_are_aligned_and_in_order() {
        let text = terminal(&turn(), 60);
        let expected = "\
stage      0                                 1.00 s
listen     ████████████████████                       500 ms
transcribe                     █▋                      40 ms
speak                           ██████████████████▎   455 ms

events
   120 ms  speech
   500 ms  ended  reason=\"silence\" ms=200
";
        let trimmed = |text: &str| text.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>();
        assert_eq!(trimmed(&text), trimmed(expected), "\n{text}");
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        let mut turn = turn();
        turn.stages.push(Stage { name: "a_very_long_name_of_a_stage_indeed".into(), start_ms: 1.0, end_ms: 2.0 });
        turn.events.push(TurnEvent { at_ms: 3.0, name: "long".into(), detail: json!("äöü ".repeat(100)) });
        for width in [40, 60, 80, 200] {
            let text = terminal(&turn, width);
            assert!(text.lines().all(|line| line.chars().count() <= width), "{width}\n{text}");
        }
    }

    #[test]
    fn strange_times_are_drawn_somehow() {
        let stage = |start_ms, end_ms| Stage { name: "odd".into(), start_ms, end_ms };
        let stages = vec![stage(f64::NAN, 5.0), stage(10.0, 3.0), stage(-4.0, f64::INFINITY), stage(0.0, 0.0)];
        let text = terminal(&TurnRecord { stages, ..TurnRecord::default() }, 0);
        assert_eq!(text.lines().filter(|line| line.starts_with("odd")).count(), 4);
        assert!(terminal(&TurnRecord::default(), 80).contains("no stages"));
    }

    #[test]
    fn every_bar_can_be_seen_and_fits() {
        for (start, end) in [(0.0, 0.0), (1.0, 1.0), (0.0, 1.0), (0.33, 0.34), (0.999, 1.0)] {
            let bar = bar(start, end, 17);
            assert_eq!(bar.chars().count(), 17, "{bar:?}");
            assert!(!bar.trim().is_empty(), "{start} {end}");
        }
    }
}
