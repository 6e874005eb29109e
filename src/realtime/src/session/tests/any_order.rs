//! Whatever is sent, in whatever order.

use super::*;
use proptest::prelude::*;

fn event() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(speech(120)),
        Just(json!({ "type": "input_audio_buffer.commit" })),
        Just(json!({ "type": "input_audio_buffer.clear" })),
        Just(json!({ "type": "response.create" })),
        Just(json!({ "type": "response.create", "response": { "conversation": "none" } })),
        Just(json!({ "type": "response.cancel" })),
        Just(json!({ "type": "session.update", "session": { "audio": { "input": { "turn_detection": null } } } })),
        Just(json!({ "type": "session.update", "session": { "audio": { "input": {
            "turn_detection": { "type": "semantic_vad", "eagerness": "low" } } } } })),
        Just(json!({ "type": "conversation.item.create", "item": { "type": "message", "role": "user",
            "content": [{ "type": "input_text", "text": "hello" }] } })),
        Just(
            json!({ "type": "conversation.item.truncate", "item_id": "item_t000009", "content_index": 0, "audio_end_ms": 5 })
        ),
        Just(json!({ "type": "conversation.item.delete", "item_id": "item_t000009" })),
    ]
}

proptest! {
    /// Every response that is created is done, once, whatever is sent in whatever order.
    #[test]
    fn every_response_ends_once(events in prop::collection::vec((event(), 0u8..4), 1..60)) {
        let mut bench = Bench::new();
        let (mut created, mut done) = (Vec::new(), Vec::new());
        let mut note = |bench: &mut Bench| {
            for event in bench.events() {
                match event["type"].as_str() {
                    Some("response.created") => created.push(event["response"]["id"].clone()),
                    Some("response.done") => done.push(event["response"]["id"].clone()),
                    _ => {}
                }
            }
        };
        for (turn, (event, then)) in events.into_iter().enumerate() {
            bench.client(event);
            let turn = turn.to_string();
            match then {
                0 => bench.ear(TurnEvent::SpeechStarted { turn: turn.clone(), at_ms: 0 }),
                1 => bench.ear(TurnEvent::SpeechEnded { turn: turn.clone(), speech_end_ms: 0, at_ms: 0, reason: "client" }),
                _ => {}
            }
            note(&mut bench);
            for item in bench.session.unheard.clone() {
                bench.heard(&item, "hello");
            }
            note(&mut bench);
            for effect in std::mem::take(&mut bench.others) {
                if let Effect::Answer { response, .. } | Effect::Say { response, .. } = effect
                    && then == 2
                {
                    bench.say(&response, "Hello.", 10);
                    bench.finished(&response);
                }
            }
            note(&mut bench);
        }
        let open: Vec<String> = bench.session.responses.keys().cloned().collect();
        for response in open {
            bench.session.response_ended(&response, 0);
        }
        note(&mut bench);
        for _ in 0..2 {
            let open: Vec<String> = bench.session.responses.keys().cloned().collect();
            for response in open {
                bench.session.response_ended(&response, 0);
            }
            note(&mut bench);
        }
        created.sort_by_key(ToString::to_string);
        done.sort_by_key(ToString::to_string);
        prop_assert_eq!(created, done);
    }
}
