//! Integration tests: a whole server in this process, called over real mutual TLS, on each database.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test that panics has failed, which is what it is for"
)]

mod access;
mod audit;
mod bad_input;
mod cds_hooks;
mod choices;
mod concept_maps;
mod consult;
mod corpus;
mod delta;
mod deposit;
mod desk;
mod durable;
mod exchange;
mod feeding;
mod golden;
mod habilitation;
mod house;
mod ips;
mod key_info;
mod key_info_asked;
mod key_info_golden;
mod key_info_rules;
mod key_info_time;
mod leaks;
mod numbers;
mod operations;
mod outcomes;
mod patients;
mod pdf;
mod pdf_maker;
mod refusals;
mod render;
mod rest;
mod rights;
mod routes;
mod search;
mod sharing;
mod strangers;
mod summary;
mod support;
mod tables;
mod together;
mod tokens;
mod trail;
mod two_worlds;
mod vectors;
mod whose;
mod words;
