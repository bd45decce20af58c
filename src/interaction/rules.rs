//! The tables that persons decide (habilitation matrix, establishments), loaded at start and again when their files change; a wrong
//! file is refused and the table before it stays.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use arc_swap::ArcSwap;

use crate::access::{Matrix, Structures, Visibility};
use crate::config::{Access, AccessPolicy};
use crate::fhir::Actor;
use crate::identity::Caller;

/// What decides who may see what.
pub struct Rules {
    policy: AccessPolicy,
    matrix: ArcSwap<Matrix>,
    structures: ArcSwap<Structures>,
    matrix_file: Option<PathBuf>,
    structures_file: Option<PathBuf>,
    /// When the files were last changed, as far as this server has read them.
    read: Mutex<Times>,
}

/// Times of the matrix file and of the structures file.
type Times = (Option<SystemTime>, Option<SystemTime>);

impl Rules {
    /// Reads what the configuration names, else what is part of the program.
    ///
    /// # Errors
    /// A text that names the file, the row and the reason.
    pub fn load(access: &Access) -> Result<Self, String> {
        let file = |path: &str| (!path.is_empty()).then(|| PathBuf::from(path));
        let (matrix_file, structures_file) = (file(&access.matrix), file(&access.structures));
        let rules = Self {
            policy: access.policy,
            matrix: ArcSwap::from_pointee(matrix(matrix_file.as_ref())?),
            structures: ArcSwap::from_pointee(structures(structures_file.as_ref())?),
            read: Mutex::new((None, None)),
            matrix_file,
            structures_file,
        };
        *rules.read.lock().unwrap_or_else(PoisonError::into_inner) = rules.times();
        Ok(rules)
    }

    /// Reads again what changed on disk; whether anything did.
    ///
    /// # Errors
    /// A text that names the file, the row and the reason; the tables before stay in force.
    pub fn reload_if_changed(&self) -> Result<bool, String> {
        let now = self.times();
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if *read == now {
            return Ok(false);
        }
        // A wrong file is told once, not at every look.
        *read = now;
        let (new, names) = (matrix(self.matrix_file.as_ref())?, structures(self.structures_file.as_ref())?);
        self.matrix.store(Arc::new(new));
        self.structures.store(Arc::new(names));
        Ok(true)
    }

    fn times(&self) -> Times {
        let time = |path: &Option<PathBuf>| path.as_ref().and_then(|p| std::fs::metadata(p).ok()?.modified().ok());
        (time(&self.matrix_file), time(&self.structures_file))
    }

    /// The matrix in force.
    pub fn matrix(&self) -> Arc<Matrix> {
        self.matrix.load_full()
    }

    /// What a caller may see at a moment (µs UTC).
    pub fn visibility(&self, caller: &Caller, actor: &Actor, now_us: i64) -> Visibility {
        let own = caller.structure.canonical();
        match self.policy {
            AccessPolicy::Open => Visibility::open(own, now_us),
            AccessPolicy::Enforced => Visibility::enforced(self.structures.load().identities_of(&own), actor.clone(), self.matrix(), now_us),
        }
    }
}

fn matrix(file: Option<&PathBuf>) -> Result<Matrix, String> {
    match file {
        Some(path) => Matrix::parse(&text(path)?).map_err(|e| format!("{}: {e}", path.display())),
        None => Matrix::builtin(),
    }
}

fn structures(file: Option<&PathBuf>) -> Result<Structures, String> {
    match file {
        Some(path) => Structures::parse(&text(path)?).map_err(|e| format!("{}: {e}", path.display())),
        None => Structures::builtin(),
    }
}

fn text(path: &PathBuf) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))
}
