//! What a client reports about the packets that it got.

use std::collections::VecDeque;
use std::time::Instant;

use rtc::interceptor::{Attribute, Interceptor, Packet, StreamInfo, TaggedPacket};
use rtc::rtcp::receiver_report::ReceiverReport;
use rtc::rtcp::sender_report::SenderReport;
use rtc::rtcp::transport_feedbacks::transport_layer_cc::{PacketStatusChunk, SymbolTypeTcc, TransportLayerCc};
use rtc::sansio::Protocol;
use rtc::shared::error::Error;

/// What became of our packets, by one RTCP packet of the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Report {
    /// The share that was lost, from 0 to 255 (RFC 3550, 6.4.1).
    Lost(u8),
    /// The newest packet that arrived, by its transport-wide sequence number (draft-holmer-rmcat-transport-wide-cc-extensions-01).
    Arrived(u16),
}

/// What a packet reports about the stream `ssrc`.
pub(crate) fn report(packet: &dyn rtc::rtcp::Packet, ssrc: u32) -> Option<Report> {
    let any = packet.as_any();
    if let Some(feedback) = any.downcast_ref::<TransportLayerCc>() {
        return arrived(feedback).map(Report::Arrived);
    }
    let receiver = any.downcast_ref::<ReceiverReport>().map(|report| &report.reports);
    let reports = receiver.or_else(|| any.downcast_ref::<SenderReport>().map(|report| &report.reports))?;
    reports.iter().find(|report| report.ssrc == ssrc).map(|report| Report::Lost(report.fraction_lost))
}

fn arrived(feedback: &TransportLayerCc) -> Option<u16> {
    let statuses = feedback.packet_chunks.iter().flat_map(statuses).take(usize::from(feedback.packet_status_count));
    let newest = statuses.enumerate().filter(|(_, status)| *status != SymbolTypeTcc::PacketNotReceived).last()?.0;
    Some(feedback.base_sequence_number.wrapping_add(u16::try_from(newest).ok()?))
}

fn statuses(chunk: &PacketStatusChunk) -> Box<dyn Iterator<Item = SymbolTypeTcc> + '_> {
    match chunk {
        PacketStatusChunk::RunLengthChunk(run) => {
            Box::new(std::iter::repeat_n(run.packet_status_symbol, usize::from(run.run_length)))
        }
        PacketStatusChunk::StatusVectorChunk(vector) => Box::new(vector.symbol_list.iter().copied()),
    }
}

/// Which packet carried which frame. Transport-wide sequence numbers count the packets from 0.
#[derive(Debug, Default)]
pub(crate) struct Packets {
    count: u64,
    /// Frame numbers of the latest packets.
    frames: VecDeque<u64>,
}

/// Packets that a report may still be about: ten seconds.
const MAX_PACKETS: usize = 512;

impl Packets {
    /// The next packet carried this frame.
    pub(crate) fn sent(&mut self, frame: u64) {
        self.count += 1;
        self.frames.push_back(frame);
        if self.frames.len() > MAX_PACKETS {
            self.frames.pop_front();
        }
    }

    /// The frame in the packet of that transport-wide sequence number.
    pub(crate) fn frame(&self, sequence: u16) -> Option<u64> {
        let behind = (self.count.checked_sub(1)? as u16).wrapping_sub(sequence);
        let place = self.frames.len().checked_sub(1 + usize::from(behind))?;
        self.frames.get(place).copied()
    }
}

/// Lets reports through to the call. `rtc` keeps RTCP to itself unless an interceptor marks it.
#[derive(Default)]
pub(crate) struct LetReportsThrough {
    inbound: VecDeque<TaggedPacket>,
    outbound: VecDeque<TaggedPacket>,
}

impl Protocol<TaggedPacket, TaggedPacket, ()> for LetReportsThrough {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = Error;
    type Time = Instant;

    fn handle_read(&mut self, mut tagged: TaggedPacket) -> Result<(), Error> {
        if let Packet::Rtcp(packets) = &mut tagged.message.packet {
            // The stream that the first one is about decides whose they all are; an empty receiver report is about none.
            packets.sort_by_key(|packet| packet.destination_ssrc().is_empty());
            tagged.message.attributes.push(Attribute::DeliverToApplication);
        }
        self.inbound.push_back(tagged);
        Ok(())
    }

    fn poll_read(&mut self) -> Option<TaggedPacket> {
        self.inbound.pop_front()
    }

    fn handle_write(&mut self, tagged: TaggedPacket) -> Result<(), Error> {
        self.outbound.push_back(tagged);
        Ok(())
    }

    fn poll_write(&mut self) -> Option<TaggedPacket> {
        self.outbound.pop_front()
    }

    fn handle_event(&mut self, (): ()) -> Result<(), Error> {
        Ok(())
    }

    fn poll_event(&mut self) -> Option<()> {
        None
    }

    fn handle_timeout(&mut self, _: Instant) -> Result<(), Error> {
        Ok(())
    }

    fn poll_timeout(&mut self) -> Option<Instant> {
        None
    }

    fn close(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

impl Interceptor for LetReportsThrough {
    fn bind_local_stream(&mut self, _: &StreamInfo) {}

    fn unbind_local_stream(&mut self, _: &StreamInfo) {}

    fn bind_remote_stream(&mut self, _: &StreamInfo) {}

    fn unbind_remote_stream(&mut self, _: &StreamInfo) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_packets_lead_to_their_frames() {
        let mut packets = Packets::default();
        assert_eq!(packets.frame(0), None);
        for frame in 0..70_000 {
            packets.sent(frame * 2);
        }
        let newest = 69_999u64;
        assert_eq!(packets.frame(newest as u16), Some(newest * 2));
        assert_eq!(packets.frame((newest - 511) as u16), Some((newest - 511) * 2));
        assert_eq!(packets.frame((newest - 512) as u16), None, "too long ago");
        assert_eq!(packets.frame((newest + 1) as u16), None, "not sent yet");
    }

    #[test]
    fn feedback_names_the_newest_packet_that_arrived() {
        use rtc::rtcp::transport_feedbacks::transport_layer_cc::{RunLengthChunk, StatusChunkTypeTcc};
        let run = |packet_status_symbol, run_length| {
            let type_tcc = StatusChunkTypeTcc::RunLengthChunk;
            PacketStatusChunk::RunLengthChunk(RunLengthChunk { type_tcc, packet_status_symbol, run_length })
        };
        let arrived = SymbolTypeTcc::PacketReceivedSmallDelta;
        let feedback = |packet_chunks| TransportLayerCc {
            base_sequence_number: 65_534,
            packet_status_count: 7,
            packet_chunks,
            ..TransportLayerCc::default()
        };
        let some = feedback(vec![run(arrived, 3), run(SymbolTypeTcc::PacketNotReceived, 4)]);
        assert_eq!(report(&some, 1), Some(Report::Arrived(0)));
        let none = feedback(vec![run(SymbolTypeTcc::PacketNotReceived, 8_000)]);
        assert_eq!(report(&none, 1), None);
        let too_many = feedback(vec![run(arrived, 8_000)]);
        assert_eq!(report(&too_many, 1), Some(Report::Arrived(4)), "no more than the feedback says it has");
    }
}
