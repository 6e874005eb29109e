//! The waterfall as SVG, legible on light and dark pages.

use std::fmt::Write;

use super::layout::{Layout, detail, duration, shorten};
use crate::record::TurnRecord;

const WIDTH: f64 = 960.0;
const MARGIN: f64 = 24.0;
/// Left edge of the time axis.
const AXIS: f64 = 190.0;
/// Right edge of the time axis; the durations stand beyond it.
const AXIS_END: f64 = 860.0;
const ROW: f64 = 26.0;
const LINE: f64 = 20.0;

const STYLE: &str = "\
svg { background: #ffffff; font: 13px system-ui, sans-serif; }
text { fill: #1f2328; }
.title { font-size: 16px; font-weight: 600; }
.quiet { fill: #59636e; }
.number { font-variant-numeric: tabular-nums; }
.grid { stroke: #d1d9e0; }
.bar { fill: #0969da; }
.event { stroke: #bc4c00; stroke-dasharray: 3 3; }
.mark { fill: #bc4c00; }
@media (prefers-color-scheme: dark) {
svg { background: #0d1117; }
text { fill: #f0f6fc; }
.quiet { fill: #9198a1; }
.grid { stroke: #3d444d; }
.bar { fill: #4493f8; }
.event { stroke: #f0883e; }
.mark { fill: #f0883e; }
}";

/// A turn's stages as bars over time, events as numbered lines with a legend. A document of its own.
pub fn svg(turn: &TurnRecord) -> String {
    let layout = Layout::new(turn);
    let top = MARGIN + 3.0 * LINE + 26.0;
    let bottom = top + ROW * layout.stages.len().max(1) as f64;
    let legend = bottom + 44.0;
    let height = legend + LINE * layout.events.len() as f64 + MARGIN;
    let x = |ms: f64| AXIS + layout.place(ms) * (AXIS_END - AXIS);

    let mut out = String::new();
    let mut put = |line: String| {
        out.push_str(&line);
        out.push('\n');
    };
    put(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH:.0}\" height=\"{height:.0}\" \
         viewBox=\"0 0 {WIDTH:.0} {height:.0}\" role=\"img\" aria-labelledby=\"title\">"
    ));
    put(format!("<style>{STYLE}</style>"));
    put(format!("<title id=\"title\">{}</title>", escape(&format!("Turn {}", turn.id))));
    for (index, (class, line)) in heading(turn, layout.total_ms).into_iter().enumerate() {
        let y = MARGIN + LINE * (index as f64 + 0.7);
        put(format!("<text class=\"{class}\" x=\"{MARGIN:.0}\" y=\"{y:.1}\">{}</text>", escape(&shorten(&line, 120))));
    }
    for tick in layout.ticks() {
        let x = x(tick);
        put(format!("<line class=\"grid\" x1=\"{x:.1}\" y1=\"{top:.1}\" x2=\"{x:.1}\" y2=\"{bottom:.1}\"/>"));
        let label = duration(tick).replace("0.0 ms", "0");
        let y = bottom + 18.0;
        put(format!("<text class=\"quiet number\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"middle\">{label}</text>"));
    }
    for (index, stage) in layout.stages.iter().enumerate() {
        let y = top + ROW * index as f64;
        let (start, end) = (x(stage.start_ms), x(stage.end_ms));
        let (name, took) = (escape(&stage.name), duration(stage.end_ms - stage.start_ms));
        let began = duration(stage.start_ms);
        let middle = y + ROW / 2.0 + 4.5;
        put(format!(
            "<text x=\"{:.1}\" y=\"{middle:.1}\" text-anchor=\"end\">{}</text>",
            AXIS - 10.0,
            escape(&shorten(&stage.name, 22))
        ));
        put(format!(
            "<rect class=\"bar\" x=\"{start:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"3\">\
             <title>{name}: {took}, from {began}</title></rect>",
            y + 4.0,
            (end - start).max(2.0),
            ROW - 8.0,
        ));
        put(format!("<text class=\"number\" x=\"{:.1}\" y=\"{middle:.1}\">{took}</text>", AXIS_END + 10.0));
    }
    for (index, event) in layout.events.iter().enumerate() {
        let (number, x) = (index + 1, x(event.at_ms));
        put(format!("<line class=\"event\" x1=\"{x:.1}\" y1=\"{top:.1}\" x2=\"{x:.1}\" y2=\"{bottom:.1}\"/>"));
        // Neighbours stand on two levels, so that close ones can be told apart.
        let y = top - if index % 2 == 0 { 3.0 } else { 13.0 };
        put(format!(
            "<text class=\"mark number\" font-size=\"10\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"middle\">{number}</text>"
        ));
        let y = legend + LINE * index as f64;
        let mut line = format!("<text class=\"mark number\" x=\"{MARGIN:.0}\" y=\"{y:.1}\">{number}</text>");
        let _ = write!(
            line,
            "<text class=\"quiet number\" x=\"110\" y=\"{y:.1}\" text-anchor=\"end\">{}</text>",
            duration(event.at_ms)
        );
        let words = format!("{}  {}", event.name, detail(event));
        let _ = write!(line, "<text x=\"122\" y=\"{y:.1}\">{}</text>", escape(&shorten(words.trim_end(), 110)));
        put(line);
    }
    out.push_str("</svg>\n");
    out
}

/// Three lines above the drawing, with their classes.
fn heading(turn: &TurnRecord, total_ms: f64) -> [(&'static str, String); 3] {
    let outcome = match &turn.error_code {
        Some(code) => format!("{} ({code})", turn.outcome),
        None => turn.outcome.clone(),
    };
    let facts = [&turn.source, &turn.mode, &turn.language].map(String::as_str).join(" · ");
    [
        ("title", turn.transcript.as_ref().map_or_else(|| "(nothing heard)".to_owned(), |text| format!("“{text}”"))),
        ("", turn.spoken.as_ref().map_or_else(|| "(nothing said)".to_owned(), |text| format!("→ “{text}”"))),
        ("quiet", format!("{outcome} · {facts} · {} · {}", duration(total_ms), turn.id)),
    ]
}

/// Text as XML 1.0 may hold it.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            // Controls and the two non-characters have no place in XML (XML 1.0, section 2.2).
            '\u{0}'..='\u{1f}' | '\u{7f}' | '\u{fffe}' | '\u{ffff}' => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::record::{Stage, TurnEvent};

    fn turn() -> TurnRecord {
        TurnRecord {
            id: "0192".into(),
            transcript: Some("is 3 < 4 & \"so\" on\u{1}".into()),
            stages: vec![
                Stage { name: "listen".into(), start_ms: 0.0, end_ms: 1_000.0 },
                Stage { name: "act".into(), start_ms: 1_000.0, end_ms: 2_000.0 },
            ],
            events: vec![TurnEvent { at_ms: 500.0, name: "speech".into(), detail: json!({ "a": "<b>" }) }],
            ..TurnRecord::default()
        }
    }

    #[test]
    fn bars_lie_where_their_times_are() {
        let svg = svg(&turn());
        let middle = f64::midpoint(AXIS, AXIS_END);
        assert!(svg.contains(&format!("<rect class=\"bar\" x=\"{AXIS:.1}\"")), "{svg}");
        assert!(svg.contains(&format!("<rect class=\"bar\" x=\"{middle:.1}\"")), "{svg}");
        assert_eq!(svg.matches("width=\"335.0\"").count(), 2);
        assert!(svg.contains(">1.00 s<") && svg.contains("prefers-color-scheme: dark"));
    }

    #[test]
    fn the_text_is_well_formed_whatever_was_said() {
        let svg = svg(&turn());
        assert!(svg.contains("is 3 &lt; 4 &amp; &quot;so&quot; on "));
        assert!(!svg.contains('\u{1}') && !svg.contains("<b>"));
        // Every tag that is opened is closed.
        let open = svg.matches('<').count() - svg.matches("</").count() - svg.matches("/>").count();
        assert_eq!(open, svg.matches("</").count());
    }

    #[test]
    fn an_empty_turn_can_be_drawn() {
        let svg = svg(&TurnRecord::default());
        assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n"));
        assert!(!svg.contains("NaN") && !svg.contains("inf"));
    }
}
