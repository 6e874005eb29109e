//! Opens a listener for a whole network.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

/// Connections that wait to be taken.
const BACKLOG: i32 = 1024;

/// A listener at `address`, not blocking. `[::]` takes IPv4 too, whatever the system's default is, and means IPv4 alone
/// where there is no IPv6.
///
/// # Errors
/// As the system says: the port is taken, or not allowed, or the address is not this machine's.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let any_v6 = address.is_ipv6() && address.ip().is_unspecified();
    match bind_exactly(address, any_v6) {
        Err(error) if any_v6 && no_ipv6(&error) => bind_exactly((Ipv4Addr::UNSPECIFIED, address.port()).into(), false),
        bound => bound,
    }
}

fn bind_exactly(address: SocketAddr, both: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if both {
        socket.set_only_v6(false)?;
    }
    // A restarted server takes its port at once, although old connections linger. On Windows the option means another thing.
    #[cfg(not(windows))]
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

fn no_ipv6(error: &io::Error) -> bool {
    let unsupported = error.kind() == io::ErrorKind::AddrNotAvailable || error.kind() == io::ErrorKind::Unsupported;
    // EAFNOSUPPORT has no kind of its own.
    unsupported || error.to_string().to_lowercase().contains("address family not supported")
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::*;

    #[test]
    fn every_address_means_ipv4_too() {
        let listener = bind("[::]:0".parse().unwrap()).unwrap();
        let port = listener.local_addr().unwrap().port();
        TcpStream::connect(("127.0.0.1", port)).unwrap();
        let taken = bind(SocketAddr::from(([127, 0, 0, 1], port)));
        assert!(taken.is_err() || cfg!(target_os = "macos"));
    }
}
