//! The Wyoming protocol: pure codec, client and server.
