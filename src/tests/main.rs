//! Integration tests: a whole server in this process, called over real mutual TLS, on each database.

mod access;
mod audit;
mod bad_input;
mod corpus;
mod deposit;
mod golden;
mod house;
mod operations;
mod rest;
mod search;
mod sharing;
mod summary;
mod support;
