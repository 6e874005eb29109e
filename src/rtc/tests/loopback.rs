//! Both ends of a call in one process, over real sockets.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod client;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use client::{Caller, Client, Do, Kind, Noticed};
use opus::{Application, Channels, Decoder, Encoder};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use vesta_realtime::ports::{AudioPort, Playback, Played, Ports};
use vesta_rtc::{Begun, Calls, Observation, Observe, RtcConfig, RtcError};

const PATIENCE: Duration = Duration::from_secs(20);

/// The session's side of a call.
struct House {
    calls: Calls,
    id: String,
    events: mpsc::Receiver<String>,
    tell: mpsc::Sender<String>,
    heard: mpsc::Receiver<Vec<i16>>,
    play: mpsc::Sender<Playback>,
    played: mpsc::Receiver<Played>,
    over: CancellationToken,
    _open: CancellationToken,
}

async fn open(config: RtcConfig) -> (Calls, CancellationToken) {
    let cancel = CancellationToken::new();
    (Calls::open(config, cancel.clone()).await.unwrap(), cancel)
}

fn house(calls: &Calls, begun: Begun, open: CancellationToken) -> House {
    let Ports { client_events, server_events, audio } = begun.ports;
    let AudioPort::Beside { heard, playback, played } = audio else { panic!("audio travels beside the events") };
    House {
        calls: calls.clone(),
        id: begun.id,
        events: client_events,
        tell: server_events,
        heard,
        play: playback,
        played,
        over: begun.over,
        _open: open,
    }
}

async fn call(kind: Kind) -> (House, Client) {
    let (calls, cancel) = open(RtcConfig::default()).await;
    call_to(&calls, kind, cancel).await
}

async fn call_to(calls: &Calls, kind: Kind, cancel: CancellationToken) -> (House, Client) {
    let caller = Caller::new(kind).await;
    let begun = calls.begin(&caller.offer, "ada", true).unwrap();
    let client = caller.connect(&begun.answer);
    (house(calls, begun, cancel), client)
}

/// A second of a tone as Opus packets of 20 ms.
fn tone(encoder: &mut Encoder, hertz: f32, from: usize, frames: usize) -> Vec<Bytes> {
    (0..frames)
        .map(|frame| {
            let sample = |n: usize| {
                let seconds = ((from + frame) * 960 + n) as f32 / 48_000.0;
                ((seconds * hertz * std::f32::consts::TAU).sin() * 12_000.0) as i16
            };
            let samples: Vec<i16> = (0..960).map(sample).collect();
            Bytes::from(encoder.encode_vec(&samples, 1_000).unwrap())
        })
        .collect()
}

fn encoder() -> Encoder {
    let mut encoder = Encoder::new(48_000, Channels::Mono, Application::Voip).unwrap();
    encoder.set_inband_fec(true).unwrap();
    encoder.set_packet_loss_perc(20).unwrap();
    encoder
}

/// Zero crossings a second, halved.
fn frequency(samples: &[i16], rate: f32) -> f32 {
    let crossings = samples.windows(2).filter(|pair| (pair[0] < 0) != (pair[1] < 0)).count();
    crossings as f32 / 2.0 / (samples.len() as f32 / rate)
}

async fn heard(house: &mut House, samples: usize) -> Vec<i16> {
    let mut all = Vec::new();
    while all.len() < samples {
        all.extend(timeout(PATIENCE, house.heard.recv()).await.unwrap().unwrap());
    }
    all
}

async fn event(house: &mut House) -> String {
    timeout(PATIENCE, house.events.recv()).await.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn events_and_audio_go_both_ways() {
    let (mut house, mut client) = call(Kind::default()).await;
    client.opened().await;
    client.order(Do::Text("hello".to_owned())).await;
    assert_eq!(event(&mut house).await, "hello");
    house.tell.send("welcome".to_owned()).await.unwrap();
    let text = client.wait(|noticed| if let Noticed::Text(text) = noticed { Some(text.clone()) } else { None }).await;
    assert_eq!(text, "welcome");

    let mut encoder = encoder();
    for payload in tone(&mut encoder, 440.0, 0, 50) {
        client.order(Do::Say { payload, ticks: 960 }).await;
    }
    let samples = heard(&mut house, 15_000).await;
    let pitch = frequency(&samples[4_000..15_000], 16_000.0);
    assert!((430.0..450.0).contains(&pitch), "{pitch} Hz were heard instead of 440");

    let sound: Vec<i16> =
        (0..16_000).map(|n| ((n as f32 * 880.0 * std::f32::consts::TAU / 16_000.0).sin() * 9e3) as i16).collect();
    house.play.send(Playback::Audio { response: "r".to_owned(), rate: 16_000, samples: sound }).await.unwrap();
    house.play.send(Playback::End { response: "r".to_owned() }).await.unwrap();
    let mut decoder = Decoder::new(48_000, Channels::Mono).unwrap();
    let (mut out, mut frames, mut stamps) = (Vec::new(), Vec::new(), Vec::new());
    while frames.len() < 50 {
        let (at, timestamp, marker, payload) = client
            .wait(|noticed| match noticed {
                Noticed::Audio { at, timestamp, marker, payload, .. } => {
                    Some((*at, *timestamp, *marker, payload.clone()))
                }
                _ => None,
            })
            .await;
        assert_eq!(marker, frames.is_empty(), "only the first frame follows a pause");
        let mut samples = vec![0; 5_760];
        let made = decoder.decode(&payload, &mut samples, false).unwrap();
        out.extend_from_slice(&samples[..made]);
        frames.push(at);
        stamps.push(timestamp);
    }
    assert!(stamps.windows(2).all(|pair| pair[1].wrapping_sub(pair[0]) == 960));
    let pitch = frequency(&out[9_600..40_000], 48_000.0);
    assert!((860.0..900.0).contains(&pitch), "{pitch} Hz were played instead of 880");
    let length = frames[49].duration_since(frames[0]);
    assert!(length >= Duration::from_millis(960), "50 frames took {length:?}: they were not paced");
    assert_eq!(
        timeout(PATIENCE, house.played.recv()).await.unwrap(),
        Some(Played::Started { response: "r".to_owned() })
    );
    let stopped = Played::Stopped { response: "r".to_owned(), played_ms: 1_000 };
    assert_eq!(timeout(PATIENCE, house.played.recv()).await.unwrap(), Some(stopped));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_opens_no_channel_gets_one() {
    let (house, mut client) = call(Kind { opens_channel: false, ..Kind::default() }).await;
    house.tell.send("welcome".to_owned()).await.unwrap();
    client.wait(|noticed| matches!(noticed, Noticed::Text(text) if text == "welcome").then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_without_udp_calls_over_tcp() {
    let (mut house, mut client) = call(Kind { tcp: true, ..Kind::default() }).await;
    client.opened().await;
    client.order(Do::Text("over TCP".to_owned())).await;
    assert_eq!(event(&mut house).await, "over TCP");
    let mut encoder = encoder();
    for payload in tone(&mut encoder, 440.0, 0, 20) {
        client.order(Do::Say { payload, ticks: 960 }).await;
    }
    heard(&mut house, 6_000).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clear_is_silence_at_once_and_tells_what_was_heard() {
    let (mut house, mut client) = call(Kind::default()).await;
    client.opened().await;
    let minute = Playback::Audio { response: "long".to_owned(), rate: 24_000, samples: vec![1_000; 24_000 * 60] };
    house.play.send(minute).await.unwrap();
    for _ in 0..10 {
        client.wait(|noticed| matches!(noticed, Noticed::Audio { .. }).then_some(())).await;
    }
    house.play.send(Playback::Clear).await.unwrap();
    assert_eq!(house.played.recv().await, Some(Played::Started { response: "long".to_owned() }));
    let Some(Played::Cleared { response, played_ms }) = house.played.recv().await else { panic!("not cleared") };
    assert_eq!(response, "long");
    let mut after = 10;
    // Frames that were under way; then another response, which is the next that is heard.
    house
        .play
        .send(Playback::Audio { response: "next".to_owned(), rate: 24_000, samples: vec![0; 480] })
        .await
        .unwrap();
    loop {
        let marker =
            client.wait(|noticed| if let Noticed::Audio { marker, .. } = noticed { Some(*marker) } else { None }).await;
        if marker {
            break;
        }
        after += 1;
    }
    assert_eq!(played_ms, after * 20, "what is told to have been played is what was sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_offer_moves_the_call_to_another_network() {
    let (mut house, mut client) = call(Kind::default()).await;
    client.opened().await;
    let (offer, offered) = oneshot::channel();
    client.order(Do::Restart { bind: "127.0.0.1:0".parse().unwrap(), offer }).await;
    let offer = offered.await.unwrap();
    let refused = house.calls.restart(&house.id, "somebody else", offer.clone(), true).await;
    assert!(matches!(refused, Err(RtcError::NoCall(_))), "a call is its owner's");
    let answer = house.calls.restart(&house.id, "ada", offer, true).await.unwrap();
    client.order(Do::Answer(answer)).await;
    client.order(Do::Text("from elsewhere".to_owned())).await;
    assert_eq!(event(&mut house).await, "from elsewhere");
    house.tell.send("to there".to_owned()).await.unwrap();
    client.wait(|noticed| matches!(noticed, Noticed::Text(text) if text == "to there").then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_vanishes_is_gone_within_ten_seconds() {
    let (house, mut client) = call(Kind::default()).await;
    client.opened().await;
    drop(client);
    let vanished = Instant::now();
    timeout(Duration::from_secs(10), house.over.cancelled()).await.expect("the call is over");
    assert!(vanished.elapsed() > Duration::from_secs(2), "a short gap ends no call");
    assert_eq!(house.calls.count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_side_can_end_the_call() {
    let (house, mut client) = call(Kind::default()).await;
    client.opened().await;
    client.order(Do::Close).await;
    timeout(Duration::from_secs(5), house.over.cancelled()).await.expect("the client closed it");

    let (house, mut client) = call(Kind::default()).await;
    client.opened().await;
    assert!(matches!(house.calls.hang_up(&house.id, "somebody else"), Err(RtcError::NoCall(_))));
    house.calls.hang_up(&house.id, "ada").unwrap();
    client.wait(|noticed| matches!(noticed, Noticed::Closed).then_some(())).await;

    let (house, mut client) = call(Kind::default()).await;
    client.opened().await;
    house.tell.send("the last word".to_owned()).await.unwrap();
    drop((house.tell, house.play, house.events, house.heard, house.played));
    client.wait(|noticed| matches!(noticed, Noticed::Text(text) if text == "the last word").then_some(())).await;
    client.wait(|noticed| matches!(noticed, Noticed::Closed).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_messages_at_once_arrive_in_order_and_disturb_nobody() {
    let (calls, cancel) = open(RtcConfig::default()).await;
    let (mut busy, mut flooding) = call_to(&calls, Kind::default(), cancel.clone()).await;
    let (mut other, mut calm) = call_to(&calls, Kind::default(), cancel).await;
    flooding.opened().await;
    calm.opened().await;
    let flood = tokio::spawn(async move {
        for number in 0..10_000 {
            flooding.order(Do::Text(number.to_string())).await;
        }
        flooding
    });
    // Nobody takes what the flood brings yet, so it cannot be over.
    calm.order(Do::Text("me too".to_owned())).await;
    assert_eq!(event(&mut other).await, "me too");
    for number in 0..10_000 {
        assert_eq!(event(&mut busy).await, number.to_string());
    }
    drop(flood.await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_changes_nothing() {
    let (mut house, mut client) = call(Kind::default()).await;
    client.opened().await;
    let mut encoder = encoder();
    let payload = tone(&mut encoder, 440.0, 0, 1).remove(0);
    client.order(Do::Say { payload: payload.clone(), ticks: 960 }).await;
    heard(&mut house, 300).await;
    for length in [0usize, 1, 3, 12, 20, 100, 1_400] {
        for first in [0u8, 1, 22, 63, 64, 128, 144, 191, 255] {
            let mut bytes: Vec<u8> = (0..length).map(|n| (n * 7) as u8).collect();
            if let Some(byte) = bytes.first_mut() {
                *byte = first;
            }
            client.order(Do::Raw(bytes)).await;
        }
    }
    client.order(Do::Replay).await;
    let odd =
        [(0u8, vec![1; 160]), (96, vec![2; 50]), (111, Vec::new()), (111, vec![0xff; 3]), (111, vec![0xff; 1_200])];
    for (number, (payload_type, payload)) in odd.into_iter().enumerate() {
        let sequence = 65_001u16.wrapping_add(number as u16);
        client.order(Do::Rtp { payload_type, sequence, timestamp: number as u32 * 77, payload: payload.into() }).await;
    }
    client.order(Do::Binary(vec![0xff, 0xfe])).await;
    assert!(event(&mut house).await.contains("no text"));
    client.order(Do::Text("still here".to_owned())).await;
    assert_eq!(event(&mut house).await, "still here");
    for payload in tone(&mut encoder, 440.0, 1, 50) {
        client.order(Do::Say { payload, ticks: 960 }).await;
    }
    heard(&mut house, 8_000).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_packets_leave_no_gap_and_pauses_are_silence() {
    let (mut house, mut client) = call(Kind::default()).await;
    client.opened().await;
    let mut encoder = encoder();
    for (number, payload) in tone(&mut encoder, 440.0, 0, 60).into_iter().enumerate() {
        let order = if number % 7 == 3 { Do::Lose { ticks: 960 } } else { Do::Say { payload, ticks: 960 } };
        client.order(order).await;
    }
    client.order(Do::Pause { ticks: 24_000 }).await;
    for payload in tone(&mut encoder, 440.0, 60, 10) {
        client.order(Do::Say { payload, ticks: 960 }).await;
    }
    // 60 frames, half a second of silence, 10 frames; the wait for the next real frame adds silence only after the end.
    let samples = heard(&mut house, (60 * 320) + 8_000 + (10 * 320)).await;
    let quiet = |range: std::ops::Range<usize>| samples[range].iter().all(|sample| sample.unsigned_abs() < 200);
    assert!(quiet(60 * 320 + 1_600..60 * 320 + 7_000), "the pause is silent");
    for frame in (5..60).filter(|frame| frame % 7 == 3) {
        assert!(!quiet(frame * 320..(frame + 1) * 320), "frame {frame} was lost and left a gap");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_offers_are_refused_with_what_to_do() {
    let (calls, _cancel) = open(RtcConfig { max_calls: 1, ..RtcConfig::default() }).await;
    let offer = Caller::new(Kind::default()).await.offer;
    let broken = [
        String::new(),
        "v=0".to_owned(),
        "\0\u{ff}".repeat(100),
        offer.replace("opus", "speex"),
        offer.replace("a=fingerprint", "a=print"),
        offer.replace("a=ice-pwd", "a=ice"),
        offer.replace("a=mid:0", "a=mid:"),
        offer[..offer.len() / 2].to_owned(),
        offer.replace("m=audio", "m=video"),
        offer.replace("UDP/TLS/RTP/SAVPF", "x"),
        offer.replace("a=fingerprint:sha-256 ", "a=fingerprint:sha-256 zz"),
    ];
    for broken in broken {
        if let Ok(begun) = calls.begin(&broken, "ada", true) {
            // What can be answered may be answered; it must not take a place for ever.
            begun.over.cancel();
            let wait = async {
                while calls.count() > 0 {
                    tokio::task::yield_now().await;
                }
            };
            timeout(PATIENCE, wait).await.unwrap();
        }
    }
    let first = calls.begin(&offer, "ada", true).unwrap();
    assert!(matches!(calls.begin(&offer, "ada", true), Err(RtcError::TooMany(1))));
    assert!(calls.candidate(&first.id, "ada", "candidate:nonsense".to_owned()).await.is_err());
    calls.candidate(&first.id, "ada", String::new()).await.unwrap();
    calls.candidate(&first.id, "ada", "candidate:9 1 udp 1 192.0.2.9 9 typ host".to_owned()).await.unwrap();
    assert!(matches!(calls.restart("rtc_0", "ada", offer, true).await, Err(RtcError::NoCall(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_goes_on_in_another_network_where_it_was_heard_last() {
    let (frames_said, mut said) = watch::channel(0);
    let observe: Observe = Arc::new(move |observation| {
        if let Observation::Said(_) = observation {
            frames_said.send_modify(|frames| *frames += 1);
        }
    });
    let (calls, cancel) = open(RtcConfig { observe, ..RtcConfig::default() }).await;
    let (mut house, mut client) = call_to(&calls, Kind::default(), cancel).await;
    client.opened().await;
    let samples =
        (0..24_000 * 4).map(|n| ((n as f32 * 440.0 * std::f32::consts::TAU / 24_000.0).sin() * 9e3) as i16).collect();
    house.play.send(Playback::Audio { response: "r".to_owned(), rate: 24_000, samples }).await.unwrap();
    house.play.send(Playback::End { response: "r".to_owned() }).await.unwrap();
    let mut frames = 0;
    while frames < 75 {
        client.wait(|noticed| matches!(noticed, Noticed::Audio { .. }).then_some(())).await;
        frames += 1;
    }
    // The old network is gone before the new one is there: half a second of the reply goes nowhere.
    let (offer, offered) = oneshot::channel();
    client.order(Do::Restart { bind: "127.0.0.1:0".parse().unwrap(), offer }).await;
    let offer = offered.await.unwrap();
    let lost_until = *said.borrow() + 25;
    timeout(PATIENCE, said.wait_for(|frames| *frames >= lost_until)).await.unwrap().unwrap();
    let answer = house.calls.restart(&house.id, "ada", offer, true).await.unwrap();
    client.order(Do::Answer(answer)).await;
    // What is told after the last frame comes after it.
    let house_says_all = async {
        while !matches!(timeout(PATIENCE, house.played.recv()).await.unwrap().unwrap(), Played::Stopped { .. }) {}
        house.tell.send("that was all".to_owned()).await.unwrap();
    };
    let client_hears_all = async {
        let mut resumed = 0;
        loop {
            match timeout(PATIENCE, client.noticed.recv()).await.unwrap().expect("the call goes on") {
                Noticed::Audio { marker, .. } => {
                    frames += 1;
                    resumed += usize::from(marker);
                }
                Noticed::Text(text) if text == "that was all" => return (frames, resumed),
                _ => {}
            }
        }
    };
    let ((), (frames, resumed)) = tokio::join!(house_says_all, client_hears_all);
    // What had arrived before is still in the queue; the first frame from the new network follows a pause.
    assert_eq!(resumed, 1, "the reply goes on once");
    // The client tells what it got every 100 ms; what it had no time to tell is heard twice.
    assert!((200..=212).contains(&frames), "{frames} frames of 200 were heard");
}

/// A STUN server that sees everybody at 203.0.113.5:4444.
async fn stun_server() -> std::net::SocketAddr {
    let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut request = [0; 64];
        while let Ok((length, from)) = socket.recv_from(&mut request).await {
            assert_eq!(length, 20);
            let mut answer = vec![1, 1, 0, 12];
            answer.extend_from_slice(&request[4..20]);
            let (cookie, address) = ([0x21, 0x12, 0xa4, 0x42], [203u8, 0, 113, 5]);
            answer.extend([0, 0x20, 0, 8, 0, 1]);
            answer.extend((4_444u16 ^ 0x2112).to_be_bytes());
            answer.extend(address.iter().zip(cookie).map(|(byte, mask)| byte ^ mask));
            socket.send_to(&answer, from).await.unwrap();
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_see_of_this_machine_is_offered_too() {
    let mut config = RtcConfig { public_addresses: vec!["198.51.100.7".parse().unwrap()], ..RtcConfig::default() };
    config.servers.stun = vec![format!("stun:{}", stun_server().await)];
    let (calls, _cancel) = open(config).await;
    let offer = Caller::new(Kind::default()).await.offer;
    let asked = async {
        loop {
            let begun = calls.begin(&offer, "ada", true).unwrap();
            begun.over.cancel();
            while calls.count() > 0 {
                tokio::task::yield_now().await;
            }
            if begun.answer.contains("203.0.113.5 4444 typ srflx") {
                return begun.answer;
            }
        }
    };
    let answer = timeout(PATIENCE, asked).await.expect("the STUN server was asked");
    let (udp, _) = calls.addresses();
    if udp.iter().any(|address| address.is_ipv4() && !address.ip().is_loopback()) {
        assert!(answer.contains(&format!("198.51.100.7 {} typ srflx", udp[0].port())), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_are_no_calls_are_closed() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    let (calls, _cancel) = open(RtcConfig::default()).await;
    let (_, tcp) = calls.addresses();
    let closes = |sent: Vec<u8>| async move {
        let mut stream = TcpStream::connect(tcp[0]).await.unwrap();
        stream.write_all(&sent).await.unwrap();
        // Reading ends with the connection, in whatever way it is closed.
        let read = timeout(PATIENCE, stream.read(&mut [0; 16])).await.expect("the connection is closed");
        assert!(!matches!(read, Ok(1..)), "nobody answers");
    };
    for sent in [
        b"GET / HTTP/1.1\r\nHost: here\r\n\r\n".to_vec(),
        vec![0; 64],
        vec![0xff; 64],
        vec![0, 4, 0x80, 111, 0, 1],
        // Half a frame, and then nothing.
        vec![1, 0, 0, 1],
        Vec::new(),
    ] {
        closes.clone()(sent).await;
    }
}
