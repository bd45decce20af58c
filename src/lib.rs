//! Passerelle: a FHIR R4 document repository and key-information hub. The README has the map and three walks.
//!
//! Allowed imports, kept by a test: `fhir`, `config`, `pdf` → nothing of ours · `access`, `cda`, `xds`, `keyinfo`, `audit`,
//! `identity`, `web` → `fhir` · `store` → `fhir`, `config`, `access` · `tls` → `config`, `identity`, `fhir` · `interaction` → the
//! pure rooms, `pdf`, `store`, `config`, `identity` · `http` → `interaction`, `identity`, `fhir`, `config`, `access`, `audit`, `tls`
//! · `cli` → all.
#![recursion_limit = "256"]

pub mod access;
pub mod audit;
pub mod cda;
pub mod cli;
pub mod config;
pub mod fhir;
pub mod http;
pub mod identity;
pub mod interaction;
pub mod keyinfo;
pub mod pdf;
pub mod store;
pub mod tls;
pub mod web;
pub mod xds;
