//! Keeps what sensors measure: the last value of each minute, for a week.

use std::collections::HashMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::broadcast::error::RecvError;
use vesta_home::{Entity, Snapshot};
use vesta_store::Sample;

use crate::App;

/// One value is kept for each span of this length.
const SPAN_MS: i64 = 60_000;
/// How long values are kept.
const KEEP_MS: i64 = 7 * 24 * 3_600_000;
/// How often values are written; the last one of a span stays.
const WRITE: Duration = Duration::from_secs(15);
/// Entities of which values are kept.
const MAX_ENTITIES: usize = 2_000;

/// Unix time in milliseconds.
pub(crate) fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_millis() as i64)
}

/// The number that an entity measures: a sensor's state, or the temperature at a thermostat.
fn measured(entity: &Entity) -> Option<f64> {
    if !entity.available {
        return None;
    }
    match entity.domain.as_str() {
        "sensor" if entity.unit.is_some() => {
            entity.state.as_ref()?.parse().ok().filter(|value: &f64| value.is_finite())
        }
        "climate" => entity.number("current_temperature"),
        _ => None,
    }
}

/// The unit of what an entity measures.
pub(crate) fn unit(entity: &Entity) -> Option<String> {
    match entity.domain.as_str() {
        "climate" => entity.attributes.get("temperature_unit").and_then(|unit| unit.as_str()).map(|unit| match unit {
            "C" | "°C" => "°C".to_owned(),
            "F" | "°F" => "°F".to_owned(),
            other => other.to_owned(),
        }),
        _ => entity.unit.clone(),
    }
}

/// The newest value of each entity since the last time they were written.
#[derive(Default)]
struct Fresh(HashMap<String, Sample>);

impl Fresh {
    fn take_in(&mut self, entity: &Entity, now_ms: i64) {
        let Some(value) = measured(entity) else { return };
        if self.0.len() < MAX_ENTITIES || self.0.contains_key(&entity.id) {
            let at_ms = now_ms - now_ms.rem_euclid(SPAN_MS);
            self.0.insert(entity.id.clone(), Sample { at_ms, value });
        }
    }

    /// A sensor that did not change still measures.
    fn fill(&mut self, house: &Snapshot, now_ms: i64) {
        house.entities.values().for_each(|entity| self.take_in(entity, now_ms));
    }
}

/// Writes down what sensors measure until the server stops.
pub(crate) async fn keep(app: App) {
    let parts = app.assistant.parts();
    let mut changes = parts.home.changes();
    let mut ticks = tokio::time::interval(WRITE);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut fresh = Fresh::default();
    loop {
        tokio::select! {
            change = changes.recv() => match change {
                Ok(change) => if let Some(entity) = &change.after {
                    fresh.take_in(entity, now_ms());
                },
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => break,
            },
            _ = ticks.tick() => write(&app, &mut fresh).await,
            () = app.shutdown.cancelled() => break,
        }
    }
    write(&app, &mut fresh).await;
}

async fn write(app: &App, fresh: &mut Fresh) {
    let parts = app.assistant.parts();
    fresh.fill(&parts.home.snapshot(), now_ms());
    let samples: Vec<_> = fresh.0.drain().collect();
    if samples.is_empty() {
        return;
    }
    if let Err(error) = parts.store.add_samples(samples, KEEP_MS).await {
        tracing::warn!(%error, "what sensors measured could not be kept");
    }
}
