//! The practitioner's page as a pure rendering: a view model of key information and what surrounds it in, one HTML document out.
//! French, server-rendered, one style sheet and one script of its own, both allowed by their hash; readable without the script.
//! Spec: RGAA 4; WCAG 2.2 AA; CSP Level 3.

mod asked;
mod band;
mod chosen;
mod dates;
mod documents;
mod filters;
mod fresh;
mod line;
mod links;
mod page;
mod policy;
mod refused;
mod section;
mod small;
#[cfg(test)]
mod tests;
mod trend;
mod value;

pub use asked::{Asked, is_filter};
pub use documents::all as documents;
pub use page::page;
pub use policy::policy;
pub use refused::refused;
pub use small::{failed, imported, more, sentence};

/// What surrounds the view on the page, as the launching software or the main listener gives it. All texts are plain, never HTML.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    /// Identity as the launching software shows it; `None`: the band says that it was not passed on.
    pub traits: Option<Traits<'a>>,
    /// The record's traits differ from those of the software: a warning comes first.
    pub mismatch: bool,
    /// Base path of the page's own links, from `/` to `/`: `/consult/`.
    pub home: &'a str,
    /// Name or number of the practitioner, for the notice that access is traced.
    pub who: &'a str,
    /// `normal`, `bris_de_glace` or `centre_15`.
    pub mode: &'a str,
    /// Show the notice that access is traced, to be confirmed.
    pub notice: bool,
    /// Anti-CSRF value that every form sends back as `token`.
    pub token: &'a str,
    /// FHIR instant.
    pub now: &'a str,
    /// What the address of the page asks for.
    pub asked: &'a Asked,
    /// The ways to arrange the page: value of `specialty`, and title.
    pub views: &'a [(String, String)],
}

impl Default for Frame<'_> {
    fn default() -> Self {
        static NOTHING: std::sync::LazyLock<Asked> = std::sync::LazyLock::new(Asked::default);
        Self { traits: None, mismatch: false, home: "", who: "", mode: "", notice: false, token: "", now: "", asked: &NOTHING, views: &[] }
    }
}

/// Identity of the patient; an empty text is not shown.
/// Spec: RNIV, strict traits.
#[derive(Debug, Clone, Copy, Default)]
pub struct Traits<'a> {
    pub birth_name: &'a str,
    pub given_names: &'a str,
    /// FHIR date.
    pub birth_date: &'a str,
    /// Administrative gender of FHIR, or words that are shown as they are.
    pub sex: &'a str,
    /// Matricule INS.
    pub ins: &'a str,
}
