//! Tests of the room: real handshakes over loopback, and certificates and lists made for one rule each.
mod corpus;
mod folders;
mod handshake;
mod limbo;
mod lists;
mod maker;
mod names;
mod pki;
mod reload;
mod tokens;
mod vectors;
mod wycheproof;
