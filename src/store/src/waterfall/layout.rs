//! What both drawings share.

use serde_json::Value;

use crate::record::{Stage, TurnEvent, TurnRecord};

/// A turn laid out over time. All times are finite, not negative, and at most `total_ms`.
pub(super) struct Layout<'a> {
    /// Length of the time axis, above zero.
    pub(super) total_ms: f64,
    /// By begin.
    pub(super) stages: Vec<Stage>,
    /// By time.
    pub(super) events: Vec<&'a TurnEvent>,
}

impl<'a> Layout<'a> {
    pub(super) fn new(turn: &'a TurnRecord) -> Self {
        let clean = |ms: f64| if ms.is_finite() { ms.max(0.0) } else { 0.0 };
        let mut stages: Vec<Stage> = turn
            .stages
            .iter()
            .map(|stage| {
                let start_ms = clean(stage.start_ms);
                Stage { name: stage.name.clone(), start_ms, end_ms: clean(stage.end_ms).max(start_ms) }
            })
            .collect();
        // Stable: what began at the same time keeps its order.
        stages.sort_by(|a, b| a.start_ms.total_cmp(&b.start_ms));
        let mut events: Vec<&TurnEvent> = turn.events.iter().collect();
        events.sort_by(|a, b| a.at_ms.total_cmp(&b.at_ms));
        let last = stages.iter().map(|stage| stage.end_ms).chain(events.iter().map(|event| clean(event.at_ms)));
        let total_ms = last.fold(1.0, f64::max);
        Self { total_ms, stages, events }
    }

    /// Place of a moment on the axis, 0 to 1.
    pub(super) fn place(&self, ms: f64) -> f64 {
        if ms.is_finite() { (ms / self.total_ms).clamp(0.0, 1.0) } else { 0.0 }
    }

    /// Moments for marks on the axis: round numbers, at most ten.
    pub(super) fn ticks(&self) -> Vec<f64> {
        let magnitude = 10_f64.powf((self.total_ms / 10.0).log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0]
            .map(|factor| factor * magnitude)
            .into_iter()
            .find(|step| self.total_ms / step <= 10.0);
        let step = step.unwrap_or(self.total_ms);
        (0..=10).map(|index| f64::from(index) * step).take_while(|ms| *ms <= self.total_ms).collect()
    }
}

/// A time as people read it: `0.4 ms`, `12 ms`, `1.25 s`.
pub(super) fn duration(ms: f64) -> String {
    match ms {
        _ if ms >= 10_000.0 => format!("{:.1} s", ms / 1000.0),
        _ if ms >= 1_000.0 => format!("{:.2} s", ms / 1000.0),
        _ if ms >= 10.0 => format!("{ms:.0} ms"),
        _ => format!("{ms:.1} ms"),
    }
}

/// What an event adds to its name, on one line; empty where it adds nothing.
pub(super) fn detail(event: &TurnEvent) -> String {
    let text = match &event.detail {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Object(fields) => {
            let field = |(name, value): (&String, &Value)| match value {
                Value::String(text) => format!("{name}={text:?}"),
                other => format!("{name}={other}"),
            };
            fields.iter().map(field).collect::<Vec<_>>().join(" ")
        }
        other => other.to_string(),
    };
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// The first `width` characters, the last of them `…` where something is missing.
pub(super) fn shorten(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(1)).chain(std::iter::once('…')).take(width).collect()
}
