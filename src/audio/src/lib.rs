//! Audio as pure state machines: frames, resampling, WAV, voice activity, pre-roll, endpointing.
