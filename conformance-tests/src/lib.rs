//! Black-box checks of a running document repository over mutual TLS. It links nothing of any server.
//!
//! [`kit`] reads the scenarios (data) · [`run`] plays them · [`register`] fills their placeholders · [`request`] builds what is sent ·
//! [`http`] and [`tls`] carry it · [`assertion`] judges the answer. The format is described in the README of this crate.

pub mod assertion;
pub mod document;
pub mod generate;
pub mod http;
pub mod kit;
pub mod pointer;
pub mod register;
pub mod request;
pub mod run;
pub mod scenario;
pub mod tls;
