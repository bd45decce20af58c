//! The ranking profiles in force: those of the program, with those that the configuration adds or puts in their place.
//! Pure data: another set can be read while the server runs, and one of an earlier day from the text that was kept of it.

use serde::Deserialize;

use super::profile::{Profile, Situation};

/// Name and text of each file of the program, the neutral profile first.
const FILES: &[(&str, &str)] = &[
    ("neutral.toml", include_str!("../../../fhir-profiles/keyinfo-profiles/neutral.toml")),
    ("general-practitioner.toml", include_str!("../../../fhir-profiles/keyinfo-profiles/general-practitioner.toml")),
    ("cardiologist.toml", include_str!("../../../fhir-profiles/keyinfo-profiles/cardiologist.toml")),
    ("diabetologist.toml", include_str!("../../../fhir-profiles/keyinfo-profiles/diabetologist.toml")),
    ("paediatrician.toml", include_str!("../../../fhir-profiles/keyinfo-profiles/paediatrician.toml")),
    ("midwife.toml", include_str!("../../../fhir-profiles/keyinfo-profiles/midwife.toml")),
    ("radiologist.toml", include_str!("../../../fhir-profiles/keyinfo-profiles/radiologist.toml")),
    ("pharmacist.toml", include_str!("../../../fhir-profiles/keyinfo-profiles/pharmacist.toml")),
    ("nurse.toml", include_str!("../../../fhir-profiles/keyinfo-profiles/nurse.toml")),
    ("physiotherapist.toml", include_str!("../../../fhir-profiles/keyinfo-profiles/physiotherapist.toml")),
    ("dentist.toml", include_str!("../../../fhir-profiles/keyinfo-profiles/dentist.toml")),
    ("emergency.toml", include_str!("../../../fhir-profiles/keyinfo-profiles/emergency.toml")),
    (SITUATIONS, include_str!("../../../fhir-profiles/keyinfo-profiles/situations.toml")),
];
/// The file that holds situations instead of a profile.
const SITUATIONS: &str = "situations.toml";

/// Profiles and situations, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Profiles {
    all: Vec<Profile>,
    situations: Vec<Situation>,
    /// Name and text of the files that were added to the program's.
    added: Vec<(String, String)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SituationsFile {
    situation: Vec<Situation>,
}

impl Profiles {
    /// Those of the program with files put over them: a profile takes the place of the one of its id, a speciality or a profession that it
    /// names reads with it from then on; `situations.toml` takes the place of the situations that it names. Files are read in the order of
    /// their names.
    ///
    /// # Errors
    /// File, place and reason: what is no profile, an unknown section or member, a weight out of bounds, one speciality in two files.
    pub fn with(mut added: Vec<(String, String)>) -> Result<Self, String> {
        added.sort();
        let mut out = Self { all: Vec::new(), situations: Vec::new(), added: Vec::new() };
        for (name, text) in FILES {
            out.put(name, text)?;
        }
        for (name, text) in &added {
            out.put(name, text)?;
        }
        out.added = added;
        let unknown = out.situations.iter().find_map(|s| s.profile.as_ref().filter(|id| !out.all.iter().any(|p| p.id == **id)).map(|id| (&s.code, id)));
        match unknown {
            Some((code, id)) => Err(format!("{SITUATIONS}: situation {code} reads with the profile {id}, which there is not")),
            None => Ok(out),
        }
    }

    fn put(&mut self, name: &str, text: &str) -> Result<(), String> {
        let refused = |why: String| format!("{name}: {why}");
        if name == SITUATIONS {
            let file: SituationsFile = toml::from_str(text).map_err(|e| refused(e.to_string()))?;
            for s in file.situation {
                s.wrong().map_or(Ok(()), |why| Err(refused(format!("situation {}: {why}", s.code))))?;
                self.situations.retain(|known| known.code != s.code);
                self.situations.push(s);
            }
            return Ok(());
        }
        let profile: Profile = toml::from_str(text).map_err(|e| refused(e.to_string()))?;
        profile.wrong().map_or(Ok(()), |why| Err(refused(why)))?;
        for known in &mut self.all {
            known.specialities.retain(|s| !profile.specialities.contains(s));
            known.professions.retain(|s| !profile.professions.contains(s));
        }
        match self.all.iter_mut().find(|p| p.id == profile.id) {
            Some(known) => *known = profile,
            None => self.all.push(profile),
        }
        Ok(())
    }

    /// Every profile, the neutral one first.
    pub fn all(&self) -> &[Profile] {
        &self.all
    }

    /// Every situation.
    pub fn situations(&self) -> &[Situation] {
        &self.situations
    }

    /// The profile of a speciality (`SM26`, `G15_10/SM26`, `system|SM26`) or profession, or of that id; `None` for one that no profile names.
    pub fn of(&self, asked: &str) -> Option<&Profile> {
        let part = asked.rsplit(['/', '|']).next().unwrap_or(asked);
        let profession = asked.strip_prefix("G15_").map_or(part, |p| p.split('/').next().unwrap_or(p));
        let by = |test: &dyn Fn(&Profile) -> bool| self.all.iter().find(|p| test(p));
        by(&|p| p.id == asked).or_else(|| by(&|p| p.specialities.iter().any(|s| s == part))).or_else(|| by(&|p| p.professions.iter().any(|s| s == profession)))
    }

    /// The situation of a code.
    pub fn situation(&self, code: &str) -> Option<&Situation> {
        self.situations.iter().find(|s| s.code == code)
    }

    /// The texts that make this set, to be kept: [`Profiles::kept`] reads them again. The program's own are among them, since they change
    /// with it.
    ///
    /// # Errors
    /// Never in practice: names and texts are JSON strings.
    pub fn text(&self) -> Result<String, String> {
        let own = FILES.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
        let all: Vec<(String, String)> = own.chain(self.added.iter().cloned()).collect();
        serde_json::to_string(&all).map_err(|e| e.to_string())
    }

    /// The set that a kept text says.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn kept(text: &str) -> Result<Self, String> {
        let files: Vec<(String, String)> = serde_json::from_str(text).map_err(|e| e.to_string())?;
        let mut out = Self { all: Vec::new(), situations: Vec::new(), added: Vec::new() };
        for (name, text) in &files {
            out.put(name, text)?;
        }
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built_in() -> Profiles {
        Profiles::with(Vec::new()).unwrap()
    }

    fn file(name: &str, text: &str) -> Vec<(String, String)> {
        vec![(name.to_owned(), text.to_owned())]
    }

    const OWN: &str = "id = \"thermal\"\nversion = \"1\"\ntitle = \"Cure\"\nspecialities = [\"SM26\"]\nprofessions = []\nsource = \"us\"\n";

    #[test]
    fn every_profile_of_the_program_is_read_the_neutral_one_first() {
        let known = built_in();
        assert_eq!(known.all().len(), FILES.len() - 1);
        assert_eq!(known.all()[0].id, "neutral");
        let codes: Vec<&str> = known.situations().iter().map(|s| s.code.as_str()).collect();
        assert_eq!(codes, ["routine", "emergency", "preop", "pregnancy", "medication-review", "vaccination", "first-visit"]);
    }

    #[test]
    fn a_profile_is_found_by_speciality_profession_and_name() {
        let known = built_in();
        for (asked, id) in [
            ("SM26", "general-practitioner"),
            ("G15_10/SM04", "cardiologist"),
            ("21", "pharmacist"),
            ("G15_60", "nurse"),
            ("10", "general-practitioner"),
            ("emergency", "emergency"),
        ] {
            assert_eq!(known.of(asked).map(|p| p.id.as_str()), Some(id), "{asked}");
        }
        assert!(known.of("SM99").is_none() && known.of("").is_none());
    }

    #[test]
    fn a_boost_weighs_only_where_it_is_more() {
        let known = built_in();
        let cardio = known.of("SM04").unwrap();
        assert_eq!(cardio.weight("problems", &["I48.9"]).0, 30.0);
        assert_eq!(cardio.weight("problems", &["J45"]), (20.0, None));
        assert_eq!(cardio.weight("pregnancy", &[]), (10.0, None));
    }

    #[test]
    fn a_situation_never_makes_a_line_weigh_less() {
        let known = built_in();
        for p in known.all() {
            for s in known.situations() {
                let there = p.clone().in_situation(s);
                for section in ["alerts", "problems", "medications", "results", "immunizations", "pregnancy", "past-problems"] {
                    assert!(there.weight(section, &[]).0 >= p.weight(section, &[]).0, "{} {} {section}", p.id, s.code);
                }
            }
        }
        let review = known.of("SM20").unwrap().clone().in_situation(known.situation("medication-review").unwrap());
        assert_eq!(review.weight("medications", &[]).0, 30.0);
    }

    #[test]
    fn an_added_profile_takes_its_specialities_and_the_place_of_its_id() {
        let known = Profiles::with(file("own.toml", OWN)).unwrap();
        assert_eq!(known.of("SM26").unwrap().id, "thermal");
        assert_eq!(known.of("SM53").unwrap().id, "general-practitioner");
        let again = Profiles::with(file("n.toml", &OWN.replace("thermal", "neutral"))).unwrap();
        assert_eq!((again.all().len(), again.all()[0].title.as_str()), (FILES.len() - 1, "Cure"));
    }

    #[test]
    fn a_wrong_profile_is_refused_with_its_file_and_the_reason() {
        let said = |text: &str| Profiles::with(file("own.toml", text)).unwrap_err();
        assert!(said(&format!("{OWN}[weight]\nhoroscope = 3\n")).starts_with("own.toml: there is no section horoscope"));
        assert!(said(&format!("{OWN}[weight]\nalerts = 31\n")).contains("0 to 30"));
        assert!(said(&format!("{OWN}[[boost]]\nsection = \"results\"\ncodes = []\nweight = 3\nwhy = \"x\"\n")).contains("codes"));
        assert!(said(&format!("{OWN}colour = 1\n")).contains("colour"));
        assert!(said("id =").contains("own.toml"));
        let nowhere = "[[situation]]\ncode = \"x\"\ntitle = \"x\"\nsource = \"x\"\nprofile = \"nobody\"\n";
        assert!(Profiles::with(file(SITUATIONS, nowhere)).unwrap_err().contains("nobody"));
    }

    #[test]
    fn what_was_kept_of_a_set_makes_the_same_set() {
        let known = Profiles::with(file("own.toml", OWN)).unwrap();
        let again = Profiles::kept(&known.text().unwrap()).unwrap();
        assert_eq!((&again.all, &again.situations), (&known.all, &known.situations));
    }
}
