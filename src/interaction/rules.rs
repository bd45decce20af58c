//! The tables that persons decide (habilitation matrix, establishments, ranking profiles), loaded at start and again when their files
//! change; a wrong file is refused and the table before it stays. What was in force is kept, so that an earlier day can be reproduced.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use arc_swap::ArcSwap;

use super::App;
use super::acceptance::{Acceptance, Accepted};
use crate::access::{Matrix, Structures, Visibility};
use crate::config::{Access, AccessPolicy, Config};
use crate::fhir::{Actor, Fault, FaultKind, Result as Answered};
use crate::identity::Caller;
use crate::keyinfo::Profiles;
use crate::store::{Operation, Plan};

/// Names of the tables whose texts are kept.
const MATRIX: &str = "access-matrix";
const PROFILES: &str = "keyinfo-profiles";

/// What decides who may see what, and what is read first.
pub struct Rules {
    policy: AccessPolicy,
    matrix: ArcSwap<Matrix>,
    matrix_text: ArcSwap<String>,
    structures: ArcSwap<Structures>,
    profiles: ArcSwap<Profiles>,
    files: Files,
    /// What production asks of the configuration.
    acceptance: Option<Acceptance>,
    /// When the files were last changed, as far as this server has read them.
    read: Mutex<Times>,
}

/// Where the tables are read from, when it is not the program.
struct Files {
    matrix: Option<PathBuf>,
    structures: Option<PathBuf>,
    /// A folder.
    profiles: Option<PathBuf>,
}

/// Of each file: its path and when it was changed.
type Times = Vec<(PathBuf, Option<SystemTime>)>;

impl Rules {
    /// Reads what the configuration names, else what is part of the program.
    ///
    /// # Errors
    /// A text that names the file, the row and the reason.
    pub fn load(config: &Config) -> Result<Self, String> {
        let Access { policy, matrix: matrix_file, structures: structures_file, .. } = &config.access;
        let file = |path: &str| (!path.is_empty()).then(|| PathBuf::from(path));
        let files = Files { matrix: file(matrix_file), structures: file(structures_file), profiles: file(&config.keyinfo.profiles) };
        let (matrix, matrix_text) = files.matrix()?;
        Ok(Self {
            policy: *policy,
            matrix: ArcSwap::from_pointee(matrix),
            matrix_text: ArcSwap::from_pointee(matrix_text),
            structures: ArcSwap::from_pointee(files.structures()?),
            profiles: ArcSwap::from_pointee(files.profiles()?),
            read: Mutex::new(files.times()),
            files,
            acceptance: Acceptance::asked(config),
        })
    }

    /// Reads again what changed on disk; whether anything did.
    ///
    /// # Errors
    /// A text that names the file, the row and the reason; the tables before stay in force.
    pub fn reload_if_changed(&self) -> Result<bool, String> {
        let now = self.files.times();
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if *read == now {
            return Ok(false);
        }
        // A wrong file is told once, not at every look.
        *read = now;
        let ((matrix, matrix_text), structures, profiles) = (self.files.matrix()?, self.files.structures()?, self.files.profiles()?);
        self.files.distinct(&matrix, &matrix_text, &self.matrix_text.load())?;
        self.accepted(&matrix)?;
        self.matrix.store(Arc::new(matrix));
        self.matrix_text.store(Arc::new(matrix_text));
        self.structures.store(Arc::new(structures));
        self.profiles.store(Arc::new(profiles));
        Ok(true)
    }

    /// Who answers in production for what a matrix and the other tables of access assume; `None` elsewhere, and where nothing is assumed.
    ///
    /// # Errors
    /// What the configuration does not say, or says of another version.
    pub fn accepted(&self, matrix: &Matrix) -> Result<Option<Accepted>, String> {
        self.acceptance.as_ref().map_or(Ok(None), |acceptance| acceptance.of(matrix, chrono::Utc::now().timestamp_micros()))
    }

    /// The matrix in force.
    pub fn matrix(&self) -> Arc<Matrix> {
        self.matrix.load_full()
    }

    /// The ranking profiles in force.
    pub fn profiles(&self) -> Arc<Profiles> {
        self.profiles.load_full()
    }

    /// What a caller may see at a moment (µs UTC).
    pub fn visibility(&self, caller: &Caller, actor: &Actor, now_us: i64) -> Visibility {
        self.visibility_under(self.matrix(), (caller, actor), now_us)
    }

    /// The same under another matrix than that of today.
    pub fn visibility_under(&self, matrix: Arc<Matrix>, (caller, actor): (&Caller, &Actor), now_us: i64) -> Visibility {
        let names = self.structures.load().identities_of(&caller.structure.canonical());
        match self.policy {
            AccessPolicy::Open => Visibility::open_as(names, now_us),
            AccessPolicy::Enforced => Visibility::enforced(names, actor.clone(), matrix, now_us),
        }
    }

    /// The texts in force, by the names they are kept under.
    fn texts(&self) -> Result<[(&'static str, String); 2], String> {
        Ok([(MATRIX, String::clone(&self.matrix_text.load())), (PROFILES, self.profiles.load().text()?)])
    }
}

/// The tables of an earlier day.
pub(super) struct Then {
    pub matrix: Arc<Matrix>,
    pub profiles: Arc<Profiles>,
}

impl App {
    /// Keeps the tables in force where they are not those that were kept last.
    ///
    /// # Errors
    /// `Bug` for another matrix under the version that was kept last; what the writer answers.
    pub fn keep_tables(&self) -> Answered<()> {
        let now_us = self.now_us();
        let texts = self.rules.texts().map_err(|e| damaged(e.as_str()))?;
        let mut operations = Vec::new();
        self.store.read(&Visibility::open("", now_us), |reader| {
            for (kind, text) in texts {
                let kept = reader.edition(kind, i64::MAX)?;
                if let Some(before) = kept.as_ref().filter(|_| kind == MATRIX) {
                    self.rules.files.distinct(&self.rules.matrix(), &text, before).map_err(|why| Fault::new(FaultKind::Bug, 941, why))?;
                }
                if kept.as_ref() != Some(&text) {
                    operations.push(Operation::Edition { kind: kind.to_owned(), text });
                }
            }
            Ok(())
        })?;
        if operations.is_empty() { Ok(()) } else { self.store.write(Plan { operations, ..Plan::default() }).map(drop) }
    }

    /// The tables that were in force at a moment (µs UTC); before the first that were kept, those.
    ///
    /// # Errors
    /// `Bug` when what was kept is damaged, `Busy` from the database.
    pub(super) fn tables_of(&self, at_us: i64) -> Answered<Then> {
        let kept = |kind: &str| self.store.read(&Visibility::open("", at_us), |reader| reader.edition(kind, at_us));
        let matrix = kept(MATRIX)?.map(|text| Matrix::parse(&text).map(Arc::new).map_err(|e| damaged(e.as_str()))).transpose()?;
        let profiles = kept(PROFILES)?.map(|text| Profiles::kept(&text).map(Arc::new).map_err(|e| damaged(e.as_str()))).transpose()?;
        Ok(Then { matrix: matrix.unwrap_or_else(|| self.rules.matrix()), profiles: profiles.unwrap_or_else(|| self.rules.profiles()) })
    }
}

fn damaged(why: &str) -> Fault {
    Fault::new(FaultKind::Bug, 880, "a table that was kept cannot be read").because(why)
}

impl Files {
    fn matrix(&self) -> Result<(Matrix, String), String> {
        let Some(path) = &self.matrix else { return Ok((Matrix::builtin()?, Matrix::BUILTIN.to_owned())) };
        let text = text(path)?;
        Ok((Matrix::parse(&text).map_err(|e| format!("{}: {e}", path.display()))?, text))
    }

    /// A version names one text: decisions of the trail are reproduced by it.
    fn distinct(&self, matrix: &Matrix, text: &str, before: &str) -> Result<(), String> {
        let Some(path) = self.matrix.as_ref().filter(|_| text != before) else { return Ok(()) };
        match Matrix::parse(before) {
            Ok(other) if other.version() == matrix.version() => {
                Err(format!("{}: version {:?} is that of another text already; change `version` with every correction", path.display(), matrix.version()))
            }
            _ => Ok(()),
        }
    }

    fn structures(&self) -> Result<Structures, String> {
        match &self.structures {
            Some(path) => Structures::parse(&text(path)?).map_err(|e| format!("{}: {e}", path.display())),
            None => Structures::builtin(),
        }
    }

    /// The `.toml` files of the folder, over those of the program.
    fn profiles(&self) -> Result<Profiles, String> {
        let Some(folder) = &self.profiles else { return Profiles::with(Vec::new()) };
        let named = |path: &Path| path.file_name().and_then(|n| n.to_str()).map(str::to_owned).ok_or_else(|| format!("{}: the name is not UTF-8", path.display()));
        let files = toml_files(folder)?.iter().map(|path| Ok((named(path)?, text(path)?))).collect::<Result<Vec<_>, String>>()?;
        Profiles::with(files).map_err(|e| format!("{}: {e}", folder.display()))
    }

    /// When each file was changed; a folder that cannot be read has none.
    fn times(&self) -> Times {
        let time = |path: PathBuf| {
            let changed = std::fs::metadata(&path).ok().and_then(|m| m.modified().ok());
            (path, changed)
        };
        let profiles = self.profiles.as_deref().and_then(|folder| toml_files(folder).ok()).unwrap_or_default();
        self.matrix.iter().chain(&self.structures).cloned().chain(profiles).map(time).collect()
    }
}

fn toml_files(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let wrong = |e: std::io::Error| format!("{}: {e}", folder.display());
    let mut out = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(wrong)? {
        let path = entry.map_err(wrong)?.path();
        if path.extension().is_some_and(|e| e == "toml") {
            out.push(path);
        }
    }
    out.sort();
    Ok(out)
}

fn text(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Environment;

    /// The rules of a matrix file, written anew by the function.
    fn of_a_file(change: impl FnOnce(&mut Config)) -> (Rules, impl Fn(&str), PathBuf) {
        let folder = std::env::temp_dir().join(format!("passerelle-rules-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("matrix.toml");
        std::fs::write(&file, Matrix::BUILTIN).unwrap();
        let mut config = Config::default();
        config.access.matrix = file.display().to_string();
        change(&mut config);
        let rules = Rules::load(&config).unwrap();
        let write = move |text: &str| {
            // Times of files are coarse: a second write in the same tick is no change.
            std::thread::sleep(std::time::Duration::from_millis(20));
            std::fs::write(&file, text).unwrap();
        };
        (rules, write, folder)
    }

    /// The matrix of the program under another version, with a row more.
    fn corrected(version: &str, row: &str) -> String {
        let own = Matrix::builtin().unwrap().version().to_owned();
        format!("{}\n[[row]]\n{row}\nsource = \"s\"\nconfidence = \"sourced\"\n", Matrix::BUILTIN.replace(&own, version))
    }

    #[test]
    fn a_matrix_with_a_wrong_cell_is_refused_and_the_one_before_stays() {
        let (rules, write, folder) = of_a_file(|_| ());
        let before = rules.matrix();
        let cases = [
            ("professions = [\"10\"]\nclasses = [\"10\"]\nallow = false", "the cell 10 × 10 is given twice"),
            ("professions = [\"40\"]\ntypes = [\"80788-3\"]\nallow = true", "the cell 40 × 80788-3 is given twice"),
            ("professions = [\"10\"]\nclasses = [\"98\"]\nallow = true", "the class \"98\" is not in TRE_A03"),
            ("professions = [\"10\"]\ntypes = [\"00000-0\"]\nallow = true", "the type \"00000-0\" is not in typecode-class.toml"),
            ("professions = [\"4000\"]\nclasses = [\"10\"]\nallow = true", "the profession or group \"4000\" is not listed"),
            ("professions = [\"10\"]\nclasses = [\"10\"]\nactions = [\"print\"]\nallow = true", "unknown variant `print`"),
        ];
        for (row, reason) in cases {
            write(&corrected("2", row));
            let said = rules.reload_if_changed().unwrap_err();
            assert!(said.contains(reason) && said.contains("matrix.toml"), "{said}");
            assert!(Arc::ptr_eq(&rules.matrix(), &before), "{reason}");
            assert_eq!(rules.reload_if_changed(), Ok(false), "told once");
        }
        write(&corrected("2", "professions = [\"41\"]\ntypes = [\"EXPPAT_3\"]\nallow = true"));
        assert_eq!(rules.reload_if_changed(), Ok(true));
        assert!(rules.matrix().version() == "2" && rules.matrix().opens("41"));
        let _ = std::fs::remove_dir_all(folder);
    }

    #[test]
    fn a_version_names_one_text() {
        let (rules, write, folder) = of_a_file(|_| ());
        let before = rules.matrix();
        let row = "professions = [\"41\"]\ntypes = [\"EXPPAT_3\"]\nallow = true";
        write(&corrected(before.version(), row));
        assert!(rules.reload_if_changed().unwrap_err().contains("is that of another text already"));
        assert!(Arc::ptr_eq(&rules.matrix(), &before));
        write(Matrix::BUILTIN);
        assert_eq!(rules.reload_if_changed(), Ok(true), "the same text again");
        let _ = std::fs::remove_dir_all(folder);
    }

    #[test]
    fn production_loads_no_version_that_nobody_accepted() {
        let own = Matrix::builtin().unwrap().version().to_owned();
        let (rules, write, folder) = of_a_file(|c| {
            c.database.environment = Environment::Production;
            (c.access.assumptions_accepted_by, c.access.assumptions_accepted_on) = ("Dr Claire Martin".into(), "2026-11-01".into());
            c.access.assumptions_accepted_versions = vec![own.clone(), "3".into()];
        });
        assert_eq!(rules.accepted(&rules.matrix()).unwrap().unwrap().version, own);
        let row = "professions = [\"41\"]\ntypes = [\"EXPPAT_3\"]\nallow = true";
        write(&corrected("2", row));
        assert!(rules.reload_if_changed().unwrap_err().contains("assumptions_accepted_versions"));
        assert_eq!(rules.matrix().version(), own);
        write(&corrected("3", row));
        assert_eq!((rules.reload_if_changed(), rules.matrix().version()), (Ok(true), "3"));
        let _ = std::fs::remove_dir_all(folder);
    }
}
