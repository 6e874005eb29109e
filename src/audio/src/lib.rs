//! Audio as pure state machines: samples in, frames and decisions out. Nothing here knows a clock, a socket or a microphone: time is
//! counted in frames, so that an hour of sound can be tested in a second.
//!
//! Inside Vesta, audio is 16 kHz mono in 16-bit samples, cut into frames of 20 ms.
//!
//! - [`frame`]: the frame, and a [`Framer`] that cuts any run of samples into frames.
//! - [`resample`]: from any rate to any other.
//! - [`wav`]: WAV files of any usual format, read as a stream, and written.
//! - [`vad`]: how likely it is that somebody speaks, and a [`SpeechGate`] that turns this into speech begun and ended.
//! - [`preroll`]: a ring that keeps the last moments, for words spoken before anybody listened.
//! - [`endpoint`]: when the user has finished, given what they have said so far.
//!
//! Deliberately absent: what was said. The endpointing is told in one word ([`Said`]); no language lives here.
#![forbid(unsafe_code)]

pub mod endpoint;
pub mod frame;
pub mod preroll;
pub mod resample;
pub mod vad;
pub mod wav;

pub use endpoint::{EndReason, Endpoint, EndpointConfig, Endpointer, Said};
pub use frame::{FRAME_MS, FRAME_SAMPLES, Frame, Framer, SAMPLE_RATE};
pub use preroll::PreRoll;
pub use resample::{ResampleError, Resampler};
pub use vad::{GateConfig, GateEvent, SpeechGate, Vad, VadConfig};
