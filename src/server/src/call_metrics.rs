//! What is measured of calls, in Prometheus' text format.

use std::sync::Arc;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use vesta_rtc::{Observation, Observe};

type Labels = Vec<(&'static str, &'static str)>;

/// Seconds; fine where a frame of 20 ms is.
const SECONDS: [f64; 16] =
    [0.001, 0.002, 0.005, 0.01, 0.015, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 10.0];

/// What is measured of calls.
#[derive(Clone)]
pub(crate) struct CallMetrics {
    connect: Histogram,
    first_audio: Histogram,
    lateness: Family<Labels, Histogram>,
    packets: Family<Labels, Counter>,
    ended: Family<Labels, Counter>,
}

impl Default for CallMetrics {
    fn default() -> Self {
        let seconds = || Histogram::new(SECONDS);
        Self {
            connect: seconds(),
            first_audio: seconds(),
            lateness: Family::new_with_constructor(seconds),
            packets: Family::default(),
            ended: Family::default(),
        }
    }
}

impl CallMetrics {
    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register("call_connect_seconds", "From a client's offer to its connection", self.connect.clone());
        registry.register(
            "call_first_audio_seconds",
            "From a client's offer to its first audio",
            self.first_audio.clone(),
        );
        registry.register(
            "call_frame_lateness_seconds",
            "How much later than its time a frame was heard (handed to the session) or said (sent)",
            self.lateness.clone(),
        );
        registry.register("call_packets", "Audio packets of clients, by what became of them", self.packets.clone());
        registry.register("calls_ended", "Calls that are over, by why", self.ended.clone());
    }

    /// Takes what calls tell.
    pub(crate) fn observe(&self) -> Observe {
        let metrics = self.clone();
        Arc::new(move |observation| metrics.count(observation))
    }

    fn count(&self, observation: Observation) {
        match observation {
            Observation::Connected(after) => self.connect.observe(after.as_secs_f64()),
            Observation::FirstAudio(after) => self.first_audio.observe(after.as_secs_f64()),
            Observation::Heard(late) => self.late("heard", late),
            Observation::Said(late) => self.late("said", late),
            Observation::Ended { why, packets, broken } => {
                self.ended.get_or_create(&vec![("why", why.name())]).inc();
                let fates = [
                    ("received", packets.received),
                    ("lost", packets.lost),
                    ("late", packets.late),
                    ("duplicate", packets.duplicate),
                    ("padding", packets.padding),
                    ("garbage", packets.garbage + broken),
                ];
                for (fate, count) in fates {
                    self.packets.get_or_create(&vec![("fate", fate)]).inc_by(count);
                }
            }
        }
    }

    fn late(&self, direction: &'static str, late: std::time::Duration) {
        self.lateness.get_or_create(&vec![("direction", direction)]).observe(late.as_secs_f64());
    }
}
