//! Bytes to events and back, without I/O.
//!
//! Every length is checked against [`Limits`] when the header is read, before a byte of the body is waited for, and the buffer
//! only grows with bytes that really arrived: a peer that announces four gigabytes costs one error, not four gigabytes.

use bytes::{Buf, Bytes, BytesMut};
use serde_json::{Map, Value};
use tokio_util::codec::{Decoder, Encoder};

use crate::{Event, PROTOCOL_VERSION};

/// The largest pieces of one event that are read or written, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The header line without its newline. The reference implementation reads lines up to 64 KiB.
    pub header: usize,
    /// The separate JSON object.
    pub data: usize,
    /// The raw bytes after it.
    pub payload: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { header: 64 * 1024, data: 1024 * 1024, payload: 4 * 1024 * 1024 }
    }
}

/// Why a stream of bytes is not a stream of events. After any of these the stream has no known position any more: the connection
/// has to be closed.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// Reading or writing failed.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// No newline within the allowed length.
    #[error("the event's header is longer than {limit} bytes; is the peer a Wyoming service?")]
    HeaderTooLong {
        /// The allowed length in bytes.
        limit: usize,
    },
    /// The header is not a JSON object with a type.
    #[error("the event's header is malformed: {why}; is the peer a Wyoming service?")]
    Header {
        /// What is wrong with it.
        why: String,
    },
    /// The separate data is longer than allowed.
    #[error("the event announces {length} bytes of data; at most {limit} are accepted")]
    DataTooLong {
        /// The announced length in bytes.
        length: u64,
        /// The allowed length in bytes.
        limit: usize,
    },
    /// The payload is longer than allowed.
    #[error(
        "the event announces a payload of {length} bytes; at most {limit} are accepted: send audio in smaller chunks"
    )]
    PayloadTooLong {
        /// The announced length in bytes.
        length: u64,
        /// The allowed length in bytes.
        limit: usize,
    },
    /// The separate data is not a JSON object.
    #[error("the data of the event {kind:?} is malformed: {why}")]
    Data {
        /// The event's type.
        kind: String,
        /// What is wrong with the data.
        why: String,
    },
    /// The stream ended inside an event.
    #[error("the connection was closed in the middle of an event")]
    Truncated,
    /// More was read after one of the errors above.
    #[error("the stream is unreadable since an earlier error")]
    Poisoned,
}

/// Where the decoder stands inside an event.
#[derive(Clone, Debug, Default)]
enum State {
    /// Before a header's newline; the first `scanned` bytes hold none.
    #[default]
    Header,
    /// Behind the header: the body is still to come.
    Body(Head),
    /// An error was returned: nothing after it can be trusted.
    Poisoned,
}

/// A header that was read and found acceptable.
#[derive(Clone, Debug)]
struct Head {
    kind: String,
    data: Map<String, Value>,
    data_length: usize,
    payload_length: usize,
}

/// The protocol's decoder and encoder. Use one for each direction of a connection.
#[derive(Clone, Debug, Default)]
pub struct Codec {
    limits: Limits,
    state: State,
    /// How many bytes at the front of the buffer are known to hold no newline.
    scanned: usize,
}

impl Codec {
    /// A codec with these limits.
    pub fn new(limits: Limits) -> Codec {
        Codec { limits, ..Codec::default() }
    }

    /// The header at the front of `src`, once its newline is there.
    fn header(&mut self, src: &mut BytesMut) -> Result<Option<Head>, CodecError> {
        let limit = self.limits.header;
        let unseen = src.get(self.scanned..).unwrap_or_default();
        let Some(offset) = unseen.iter().position(|&byte| byte == b'\n') else {
            self.scanned = src.len();
            return if src.len() > limit { Err(CodecError::HeaderTooLong { limit }) } else { Ok(None) };
        };
        let length = self.scanned + offset;
        self.scanned = 0;
        if length > limit {
            return Err(CodecError::HeaderTooLong { limit });
        }
        let line = src.split_to(length);
        src.advance(1);
        self.parse_header(&line).map(Some)
    }

    fn parse_header(&self, line: &[u8]) -> Result<Head, CodecError> {
        let malformed = |why: String| CodecError::Header { why };
        let mut header: Map<String, Value> =
            serde_json::from_slice(line).map_err(|error| malformed(format!("no JSON object ({error})")))?;
        let kind = match header.remove("type") {
            Some(Value::String(kind)) if !kind.is_empty() => kind,
            Some(other) => return Err(malformed(format!("\"type\" is {other}, not a name"))),
            None => return Err(malformed("there is no \"type\"".to_owned())),
        };
        let data = match header.remove("data") {
            Some(Value::Object(data)) => data,
            Some(Value::Null) | None => Map::new(),
            Some(_) => return Err(malformed("\"data\" is not an object".to_owned())),
        };
        let length = |field: &str| match header.get(field) {
            None | Some(Value::Null) => Ok(0),
            Some(value) => value
                .as_u64()
                .ok_or_else(|| malformed(format!("{field:?} is {value}, not a whole number from 0 upwards"))),
        };
        let data_length = length("data_length")?;
        let payload_length = length("payload_length")?;
        Ok(Head {
            kind,
            data,
            data_length: within(data_length, self.limits.data)
                .ok_or(CodecError::DataTooLong { length: data_length, limit: self.limits.data })?,
            payload_length: within(payload_length, self.limits.payload)
                .ok_or(CodecError::PayloadTooLong { length: payload_length, limit: self.limits.payload })?,
        })
    }

    fn step(&mut self, src: &mut BytesMut) -> Result<Option<Event>, CodecError> {
        if matches!(self.state, State::Header) {
            match self.header(src)? {
                Some(head) => self.state = State::Body(head),
                None => return Ok(None),
            }
        }
        match &self.state {
            State::Header => return Ok(None),
            State::Poisoned => return Err(CodecError::Poisoned),
            State::Body(head) if src.len() < head.data_length + head.payload_length => return Ok(None),
            State::Body(_) => {}
        }
        match std::mem::take(&mut self.state) {
            State::Body(head) => read_body(head, src).map(Some),
            other => {
                self.state = other;
                Ok(None)
            }
        }
    }
}

/// `length` as a size, where it is at most `limit`.
fn within(length: u64, limit: usize) -> Option<usize> {
    usize::try_from(length).ok().filter(|&length| length <= limit)
}

/// The event whose whole body lies at the front of `src`. Fields of the separate data win over fields in the header, as in the
/// reference implementation.
fn read_body(mut head: Head, src: &mut BytesMut) -> Result<Event, CodecError> {
    if head.data_length > 0 {
        let bytes = src.split_to(head.data_length);
        let separate: Map<String, Value> = serde_json::from_slice(&bytes)
            .map_err(|error| CodecError::Data { kind: head.kind.clone(), why: error.to_string() })?;
        head.data.extend(separate);
    }
    let payload = if head.payload_length > 0 { src.split_to(head.payload_length).freeze() } else { Bytes::new() };
    Ok(Event { kind: head.kind, data: head.data, payload })
}

impl Decoder for Codec {
    type Item = Event;
    type Error = CodecError;

    fn decode(&mut self, src: &mut BytesMut) -> Result<Option<Event>, CodecError> {
        let result = self.step(src);
        if result.is_err() {
            self.state = State::Poisoned;
            src.clear();
        }
        result
    }

    fn decode_eof(&mut self, src: &mut BytesMut) -> Result<Option<Event>, CodecError> {
        if let Some(event) = self.decode(src)? {
            return Ok(Some(event));
        }
        let between_events = matches!(self.state, State::Header) && src.is_empty();
        if between_events { Ok(None) } else { Err(CodecError::Truncated) }
    }
}

impl Encoder<Event> for Codec {
    type Error = CodecError;

    fn encode(&mut self, event: Event, dst: &mut BytesMut) -> Result<(), CodecError> {
        let Limits { header: header_limit, data: data_limit, payload: payload_limit } = self.limits;
        let unwritable =
            |error: serde_json::Error| CodecError::Data { kind: event.kind.clone(), why: error.to_string() };
        let data =
            if event.data.is_empty() { Vec::new() } else { serde_json::to_vec(&event.data).map_err(unwritable)? };
        if data.len() > data_limit {
            return Err(CodecError::DataTooLong { length: data.len() as u64, limit: data_limit });
        }
        if event.payload.len() > payload_limit {
            return Err(CodecError::PayloadTooLong { length: event.payload.len() as u64, limit: payload_limit });
        }
        let mut header = Map::new();
        header.insert("type".to_owned(), event.kind.as_str().into());
        header.insert("version".to_owned(), PROTOCOL_VERSION.into());
        if !data.is_empty() {
            header.insert("data_length".to_owned(), data.len().into());
        }
        if !event.payload.is_empty() {
            header.insert("payload_length".to_owned(), event.payload.len().into());
        }
        let header = serde_json::to_vec(&header).map_err(unwritable)?;
        if header.len() > header_limit {
            return Err(CodecError::HeaderTooLong { limit: header_limit });
        }
        dst.reserve(header.len() + 1 + data.len() + event.payload.len());
        dst.extend_from_slice(&header);
        dst.extend_from_slice(b"\n");
        dst.extend_from_slice(&data);
        dst.extend_from_slice(&event.payload);
        Ok(())
    }
}
