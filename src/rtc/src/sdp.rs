//! Session descriptions (RFC 8866, RFC 9429): what an offer must have, and where a call can be reached.

use std::net::{IpAddr, SocketAddr};

use crate::error::RtcError;
use crate::net::Place;
use crate::route::Transport;

/// The longest offer: Chromium's for audio and data has 2 kB, one with video and many candidates 20 kB.
pub const MAX_OFFER: usize = 64 * 1_024;
/// Candidates that one description may carry; more is no client that means well.
const MAX_CANDIDATES: usize = 64;

/// What an offer asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Offered {
    /// A data channel.
    pub(crate) data: bool,
}

/// Looks whether an offer has what a call needs, so that a client is told what it lacks.
pub(crate) fn check(offer: &str) -> Result<Offered, RtcError> {
    if offer.len() > MAX_OFFER {
        return Err(RtcError::OfferTooLong(offer.len()));
    }
    if !offer.starts_with("v=0") {
        return Err(RtcError::NoSdp("it does not begin with v=0".to_owned()));
    }
    let has = |prefix: &str| offer.lines().any(|line| line.starts_with(prefix));
    let audio = offer.lines().any(|line| line.starts_with("m=audio") && !line.starts_with("m=audio 0 "));
    let data = offer.lines().any(|line| line.starts_with("m=application") && line.contains("webrtc-datachannel"));
    if !audio && !data {
        return Err(RtcError::Unusable(
            "has neither audio nor a data channel; add a microphone or create `oai-events`",
        ));
    }
    let opus = |line: &str| line.starts_with("a=rtpmap:") && line.to_ascii_lowercase().contains("opus/48000");
    if audio && !offer.lines().any(opus) {
        return Err(RtcError::Unusable("has audio without Opus; a call speaks opus/48000/2 only"));
    }
    if !has("a=ice-ufrag:") || !has("a=ice-pwd:") {
        return Err(RtcError::Unusable("has no ICE credentials (a=ice-ufrag and a=ice-pwd); a call needs ICE"));
    }
    if !has("a=fingerprint:") {
        return Err(RtcError::Unusable("has no DTLS fingerprint (a=fingerprint); a call is always encrypted"));
    }
    if offer.lines().filter(|line| line.starts_with("a=candidate:")).count() > MAX_CANDIDATES {
        return Err(RtcError::Unusable("has more than 64 candidates; leave out what no other machine can reach"));
    }
    Ok(Offered { data })
}

/// The username fragment of a description.
pub(crate) fn ufrag(description: &str) -> Option<&str> {
    description.lines().find_map(|line| line.strip_prefix("a=ice-ufrag:")).map(str::trim)
}

/// Priorities of candidates (RFC 8445, 5.1.2): a direct way before one through a translated address, UDP before TCP.
const HOST: u32 = 126;
const REFLEXIVE: u32 = 100;
const TCP: u32 = 90;

/// A candidate for a place of this machine, without `a=`.
pub(crate) fn host_candidate(place: Place, rank: usize) -> String {
    let (ip, port) = (place.address.ip(), place.address.port());
    match place.transport {
        Transport::Udp => format!("candidate:{} 1 udp {} {ip} {port} typ host", 100 + rank, priority(HOST, rank)),
        Transport::Tcp => {
            format!("candidate:{} 1 tcp {} {ip} {port} typ host tcptype passive", 200 + rank, priority(TCP, rank))
        }
    }
}

/// A candidate for an address under which others see `base`.
pub(crate) fn public_candidate(public: SocketAddr, base: Place, rank: usize) -> String {
    let (ip, port) = (public.ip(), public.port());
    let (near, near_port) = (base.address.ip(), base.address.port());
    match base.transport {
        Transport::Udp => format!(
            "candidate:{} 1 udp {} {ip} {port} typ srflx raddr {near} rport {near_port}",
            300 + rank,
            priority(REFLEXIVE, rank)
        ),
        Transport::Tcp => format!(
            "candidate:{} 1 tcp {} {ip} {port} typ srflx raddr {near} rport {near_port} tcptype passive",
            400 + rank,
            priority(TCP - 1, rank)
        ),
    }
}

fn priority(kind: u32, rank: usize) -> u32 {
    // One component; the first address is preferred.
    let local = 65_535 - u32::try_from(rank).unwrap_or(0).min(65_535);
    (kind << 24) | (local << 8) | 255
}

/// The places to tell a client of: those on loopback only if the client is on this machine, or there are no others.
pub(crate) fn offered_places(places: &[Place], local_client: bool) -> Vec<Place> {
    let others = places.iter().any(|place| !place.address.ip().is_loopback());
    let wanted = |place: &&Place| !place.address.ip().is_loopback() || local_client || !others;
    let mut places: Vec<Place> = places.iter().filter(wanted).copied().collect();
    // What is nearest first: loopback for a client on this machine.
    places.sort_by_key(|place| {
        (place.transport == Transport::Tcp, !place.address.ip().is_loopback(), is_v6(place.address.ip()))
    });
    places
}

fn is_v6(ip: IpAddr) -> bool {
    ip.is_ipv6()
}

/// What a client is asked to send, beside what it offered: nothing while nobody speaks (DTX), and no more than the recogniser listens to
/// (RFC 7587, 6.1).
const WANTED: &str = "usedtx=1;maxplaybackrate=16000";

/// An answer in which the Opus that the client is to send is described as Vesta wants it.
pub(crate) fn with_opus_wanted(answer: &str) -> String {
    let opus = answer.lines().find_map(|line| {
        let (payload_type, codec) = line.strip_prefix("a=rtpmap:")?.split_once(' ')?;
        codec.to_ascii_lowercase().starts_with("opus/").then_some(payload_type)
    });
    let Some(payload_type) = opus else { return answer.to_owned() };
    let prefix = format!("a=fmtp:{payload_type} ");
    let wanted = |line: &str| {
        if line.starts_with(&prefix) && !line.contains("usedtx") {
            format!("{line};{WANTED}\r\n")
        } else {
            format!("{line}\r\n")
        }
    };
    answer.lines().map(wanted).collect()
}

/// A description with these candidates instead of its own.
pub(crate) fn with_candidates(description: &str, candidates: &[String]) -> String {
    let mut out = String::with_capacity(description.len() + candidates.len() * 80);
    let mut section = 0;
    let tell = |out: &mut String| {
        for candidate in candidates {
            out.push_str(&format!("a={candidate}\r\n"));
        }
        out.push_str("a=end-of-candidates\r\n");
    };
    for line in description.lines() {
        if line.starts_with("a=candidate:") || line.starts_with("a=end-of-candidates") {
            continue;
        }
        if line.starts_with("m=") {
            section += 1;
            // All sections share the transport of the first (BUNDLE, RFC 9143).
            if section == 2 {
                tell(&mut out);
            }
        }
        out.push_str(line);
        out.push_str("\r\n");
    }
    if section == 1 {
        tell(&mut out);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=ice-ufrag:ab\r\na=ice-pwd:cd\r\na=fingerprint:sha-256 00\r\na=rtpmap:111 opus/48000/2\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n";

    #[test]
    fn an_offer_is_told_what_it_lacks() {
        assert_eq!(check(OFFER).unwrap(), Offered { data: true });
        for (without, told) in [
            ("a=rtpmap:111 opus/48000/2\r\n", "Opus"),
            ("a=ice-ufrag:ab\r\n", "ICE"),
            ("a=fingerprint:sha-256 00\r\n", "fingerprint"),
            ("v=0\r\n", "v=0"),
        ] {
            let error = check(&OFFER.replace(without, "")).unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        }
        assert!(matches!(check(&"v=0".repeat(MAX_OFFER)), Err(RtcError::OfferTooLong(_))));
        assert!(check("v=0\r\n").unwrap_err().to_string().contains("neither"));
    }

    #[test]
    fn candidates_stand_in_the_first_section_only() {
        let place = Place { transport: Transport::Udp, address: "192.0.2.1:8420".parse().unwrap() };
        let answer = with_candidates(OFFER, &[host_candidate(place, 0)]);
        let (audio, data) = answer.split_once("m=application").unwrap();
        assert!(audio.contains("a=candidate:100 1 udp 2130706431 192.0.2.1 8420 typ host\r\na=end-of-candidates\r\n"));
        assert!(!data.contains("candidate"));
        assert_eq!(with_candidates(&answer, &[]).matches("a=candidate").count(), 0);
        assert_eq!(ufrag(&answer), Some("ab"));
    }

    #[test]
    fn a_client_is_asked_to_pause_while_nobody_speaks() {
        let answer = format!("{OFFER}a=fmtp:111 minptime=10\r\na=fmtp:9 x=1\r\n");
        let wanted = with_opus_wanted(&answer);
        assert!(
            wanted.contains("a=fmtp:111 minptime=10;usedtx=1;maxplaybackrate=16000\r\na=fmtp:9 x=1\r\n"),
            "{wanted}"
        );
        assert_eq!(with_opus_wanted(&wanted), wanted);
        assert_eq!(with_opus_wanted("v=0\r\n"), "v=0\r\n");
    }

    #[test]
    fn loopback_is_only_told_to_who_can_use_it() {
        let place = |address: &str| Place { transport: Transport::Udp, address: address.parse().unwrap() };
        let (here, there) = (place("127.0.0.1:1"), place("192.0.2.1:1"));
        assert_eq!(offered_places(&[here, there], false), [there]);
        assert_eq!(offered_places(&[there, here], true), [here, there]);
        assert_eq!(offered_places(&[here], false), [here]);
    }
}
