//! As much of STUN (RFC 8489) as it takes to tell whose packet a datagram is, and to ask a server for one's own address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

const HEADER: usize = 20;
const COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const BINDING_REQUEST: u16 = 0x0001;
const BINDING_SUCCESS: u16 = 0x0101;
const USERNAME: u16 = 0x0006;
const XOR_MAPPED_ADDRESS: u16 = 0x0020;

/// What a datagram is, as far as its first bytes tell (RFC 7983).
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Packet<'a> {
    /// A connectivity check for the agent whose username fragment this is (RFC 8445, 7.2.2).
    Check {
        /// The fragment of the agent that the check is for.
        ufrag: &'a str,
    },
    /// Another STUN message.
    Stun {
        /// The transaction.
        transaction: &'a [u8; 12],
    },
    /// DTLS, SRTP or SRTCP.
    Other,
    /// Nothing that belongs here.
    Garbage,
}

/// Classifies a datagram.
pub(crate) fn classify(datagram: &[u8]) -> Packet<'_> {
    match datagram.first() {
        Some(0..=3) => stun(datagram).unwrap_or(Packet::Garbage),
        Some(20..=63 | 128..=191) => Packet::Other,
        _ => Packet::Garbage,
    }
}

fn stun(datagram: &[u8]) -> Option<Packet<'_>> {
    let (kind, transaction) = header(datagram)?;
    if kind == BINDING_REQUEST
        && let Some(username) = attribute(datagram, USERNAME)
    {
        let (ufrag, _) = std::str::from_utf8(username).ok()?.split_once(':')?;
        return Some(Packet::Check { ufrag });
    }
    Some(Packet::Stun { transaction })
}

/// Type and transaction of a message whose header is whole.
fn header(datagram: &[u8]) -> Option<(u16, &[u8; 12])> {
    let kind = datagram.first_chunk::<2>().map(|bytes| u16::from_be_bytes(*bytes))?;
    let cookie = datagram.get(4..8)?;
    (cookie == COOKIE).then_some(())?;
    Some((kind, datagram.get(8..)?.first_chunk()?))
}

/// The first attribute of that type.
fn attribute(datagram: &[u8], wanted: u16) -> Option<&[u8]> {
    let mut rest = datagram.get(HEADER..)?;
    loop {
        let [a, b, c, d] = *rest.first_chunk::<4>()?;
        let (kind, length) = (u16::from_be_bytes([a, b]), usize::from(u16::from_be_bytes([c, d])));
        let value = rest.get(4..4 + length)?;
        if kind == wanted {
            return Some(value);
        }
        rest = rest.get(4 + length.next_multiple_of(4)..)?;
    }
}

/// A request for one's own address as the server sees it.
pub(crate) fn binding_request(transaction: [u8; 12]) -> Vec<u8> {
    let mut request = Vec::with_capacity(HEADER);
    request.extend(BINDING_REQUEST.to_be_bytes());
    request.extend([0, 0]);
    request.extend(COOKIE);
    request.extend(transaction);
    request
}

/// The address in the answer to that request.
pub(crate) fn mapped_address(datagram: &[u8], transaction: &[u8; 12]) -> Option<SocketAddr> {
    let (kind, answered) = header(datagram)?;
    (kind == BINDING_SUCCESS && answered == transaction).then_some(())?;
    let value = attribute(datagram, XOR_MAPPED_ADDRESS)?;
    let [_, family, a, b] = *value.first_chunk::<4>()?;
    let port = u16::from_be_bytes([a ^ COOKIE[0], b ^ COOKIE[1]]);
    let mask: Vec<u8> = COOKIE.iter().chain(transaction).copied().collect();
    let unmasked = |length: usize| -> Option<Vec<u8>> {
        Some(value.get(4..4 + length)?.iter().zip(&mask).map(|(byte, mask)| byte ^ mask).collect())
    };
    let ip: IpAddr = match family {
        1 => Ipv4Addr::from(<[u8; 4]>::try_from(unmasked(4)?).ok()?).into(),
        2 => Ipv6Addr::from(<[u8; 16]>::try_from(unmasked(16)?).ok()?).into(),
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u16, attributes: &[(u16, &[u8])]) -> Vec<u8> {
        let mut message = binding_request([7; 12]);
        message[..2].copy_from_slice(&kind.to_be_bytes());
        for (kind, value) in attributes {
            message.extend(kind.to_be_bytes());
            message.extend((value.len() as u16).to_be_bytes());
            message.extend(*value);
            message.extend(vec![0; value.len().next_multiple_of(4) - value.len()]);
        }
        let length = (message.len() - HEADER) as u16;
        message[2..4].copy_from_slice(&length.to_be_bytes());
        message
    }

    #[test]
    fn a_check_names_the_agent_it_is_for() {
        let check = message(BINDING_REQUEST, &[(0x8022, b"odd"), (USERNAME, b"ours:theirs")]);
        assert_eq!(classify(&check), Packet::Check { ufrag: "ours" });
    }

    #[test]
    fn other_packets_are_told_by_their_first_byte() {
        assert_eq!(classify(&[0x80, 111]), Packet::Other);
        assert_eq!(classify(&[22, 254, 253]), Packet::Other);
        assert_eq!(classify(&[]), Packet::Garbage);
        assert_eq!(classify(&[0, 1, 0, 0]), Packet::Garbage);
        assert_eq!(classify(&[64; 100]), Packet::Garbage);
        assert!(matches!(classify(&message(BINDING_SUCCESS, &[])), Packet::Stun { .. }));
    }

    /// The example of RFC 5769, 2.2.
    #[test]
    fn the_own_address_is_read_from_an_answer() {
        let transaction = [0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae];
        let mut answer = message(BINDING_SUCCESS, &[(XOR_MAPPED_ADDRESS, &[0, 1, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43])]);
        answer[8..20].copy_from_slice(&transaction);
        assert_eq!(mapped_address(&answer, &transaction), Some("192.0.2.1:32853".parse().unwrap()));
        assert_eq!(mapped_address(&answer, &[0; 12]), None);
        for length in 0..answer.len() {
            let _ = (mapped_address(&answer[..length], &transaction), classify(&answer[..length]));
        }
    }
}
