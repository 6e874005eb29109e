//! Client events of the Realtime protocol: any text may be refused, none makes the parser fall.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match vesta_realtime::client::parse(text) {
        // What was understood says so with the same id.
        Ok(event) => drop(event),
        Err(error) => assert!(!error.message.is_empty()),
    }
});
