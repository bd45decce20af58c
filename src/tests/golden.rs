//! Our own documents: what a correct reader finds in each.

use crate::on_both;
use crate::support::{TestServer, sample};

on_both! {
    every_sample_is_accepted
}

fn every_sample_is_accepted(server: &TestServer) {
    let mut cabinet = server.cabinet();
    for name in ["01-synthese-medicale.xml", "02-biologie-2026-03.xml", "03-biologie-2026-09.xml", "04-imagerie-irm-genou.xml", "05-lettre-de-liaison-sortie.xml", "06-vaccinations.xml", "07-prescription.xml", "08-courrier-pdf.xml"] {
        cabinet.deposited(&sample(name));
    }
}
