//! The connection as `rtc` has it: what is negotiated, and how patient it is.

use std::time::{Duration, Instant};

use rtc::ice::mdns::MulticastDnsMode;
use rtc::interceptor::{Registry, Slot};
use rtc::media_stream::MediaStreamTrack;
use rtc::peer_connection::configuration::RTCConfigurationBuilder;
use rtc::peer_connection::configuration::interceptor_registry::{configure_rtcp_reports, configure_twcc_sender_only};
use rtc::peer_connection::configuration::media_engine::{MIME_TYPE_OPUS, MediaEngine};
use rtc::peer_connection::configuration::setting_engine::{SctpMaxMessageSize, SettingEngineBuilder};
use rtc::peer_connection::sdp::RTCSessionDescription;
use rtc::peer_connection::transport::RTCIceCandidateInit;
use rtc::peer_connection::{RTCPeerConnection, RTCPeerConnectionBuilder};
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind,
};
use rtc::shared::error::Error;

use crate::error::RtcError;
use crate::feedback::LetReportsThrough;

/// The largest message either way: what browsers send at most.
pub const MAX_MESSAGE: usize = 256 * 1_024;
/// What the client may have under way to us; a message must fit.
const RECEIVE_WINDOW: u32 = 512 * 1_024;
/// ICE by itself says that the client is gone after this; until then a new offer can bring it back.
const ICE_DISCONNECTED: Duration = Duration::from_secs(4);
const ICE_FAILED: Duration = Duration::from_secs(60);
const ICE_KEEPALIVE: Duration = Duration::from_secs(2);
/// How often a way that does not answer yet is tried, and how many times: two seconds in all.
const ICE_CHECK: Duration = Duration::from_millis(50);
const ICE_CHECKS: u16 = 40;
/// Payload type where the offer names none.
pub(crate) const OPUS: u8 = 111;

/// A connection that waits for an offer.
pub(crate) fn connection(now: Instant) -> Result<RTCPeerConnection, RtcError> {
    let mut codecs = MediaEngine::default();
    let opus = RTCRtpCodecParameters { rtp_codec: opus(), payload_type: OPUS };
    codecs.register_codec(opus, RtpCodecKind::Audio).map_err(refused)?;
    let interceptors = configure_rtcp_reports(Registry::new().with(Slot::Rfc8888, LetReportsThrough::default()));
    let interceptors = configure_twcc_sender_only(interceptors, &mut codecs).map_err(refused)?;
    let settings = SettingEngineBuilder::new()
        .with_multicast_dns_mode(MulticastDnsMode::Disabled)
        .with_ice_timeouts(Some(ICE_DISCONNECTED), Some(ICE_FAILED), Some(ICE_KEEPALIVE))
        .with_ice_connection_attempts(Some(ICE_CHECK), Some(ICE_CHECKS))
        .with_sctp_max_message_size(SctpMaxMessageSize::Bounded(MAX_MESSAGE as u32))
        .with_sctp_max_receive_buffer_size(RECEIVE_WINDOW)
        .build();
    RTCPeerConnectionBuilder::new()
        .with_configuration(RTCConfigurationBuilder::new().build())
        .with_media_engine(codecs)
        .with_setting_engine(settings)
        .with_interceptor_registry(interceptors)
        .build(now)
        .map_err(refused)
}

fn opus() -> RTCRtpCodec {
    RTCRtpCodec {
        mime_type: MIME_TYPE_OPUS.to_owned(),
        clock_rate: 48_000,
        channels: 2,
        sdp_fmtp_line: "minptime=10;useinbandfec=1;usedtx=1".to_owned(),
        rtcp_feedback: Vec::new(),
    }
}

/// The track of the house's voice.
pub(crate) fn track(ssrc: u32) -> MediaStreamTrack {
    let coding = RTCRtpCodingParameters { ssrc: Some(ssrc), ..Default::default() };
    let encoding = RTCRtpEncodingParameters { rtp_coding_parameters: coding, codec: opus(), ..Default::default() };
    MediaStreamTrack::new(
        "vesta".to_owned(),
        "voice".to_owned(),
        "voice".to_owned(),
        RtpCodecKind::Audio,
        vec![encoding],
    )
}

/// Answers an offer. `candidates` are this machine's.
pub(crate) fn negotiate(
    pc: &mut RTCPeerConnection,
    offer: &str,
    candidates: &[String],
    now: Instant,
) -> Result<String, RtcError> {
    let offer = RTCSessionDescription::offer(offer.to_owned()).map_err(|error| RtcError::NoSdp(error.to_string()))?;
    pc.set_remote_description(now, offer).map_err(refused)?;
    for candidate in candidates {
        let init = RTCIceCandidateInit { candidate: candidate.clone(), ..Default::default() };
        pc.add_local_candidate(init).map_err(refused)?;
    }
    let answer = pc.create_answer(None).map_err(refused)?;
    let description = answer.sdp.clone();
    pc.set_local_description(now, answer).map_err(refused)?;
    Ok(description)
}

pub(crate) fn refused(error: Error) -> RtcError {
    RtcError::Refused(error.to_string())
}
