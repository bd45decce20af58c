//! Tests of the room over real handshakes.
mod handshake;
mod vectors;
