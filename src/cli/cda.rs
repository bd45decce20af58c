//! `passerelle cda …`: what this server makes of documents, without a server.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Subcommand;

use crate::cda;

#[derive(Debug, Subcommand)]
pub(super) enum CdaCommand {
    /// Print what is wrong with CDA files: line, severity, rule, XPath. The exit status is 1 when there is an error.
    Check {
        /// CDA files, or folders of them.
        #[arg(required = true)]
        paths: Vec<PathBuf>,
    },
    /// Print, per document, statements found, mapped and kept as text only, and the rows of the mapping tables that none exercised.
    Coverage {
        /// CDA files, or folders of them.
        #[arg(required = true)]
        paths: Vec<PathBuf>,
        /// Name every statement that stays as text: its place, code and template.
        #[arg(long)]
        statements: bool,
        /// Folder of mapping tables added to ours, as documents.cda_maps.
        #[arg(long)]
        maps: Option<PathBuf>,
    },
}

/// Reads the mapping tables of a folder, and the ConceptMaps in it or in its `concept-maps`, and adds them to ours, for the whole process.
///
/// # Errors
/// The file that cannot be read; file, line and reason of what is wrong in it.
pub(super) fn add_maps(folder: &Path) -> Result<(), String> {
    let mut files = Vec::new();
    read_maps(folder, &["toml", "json"], &mut files)?;
    let below = folder.join("concept-maps");
    if below.is_dir() {
        read_maps(&below, &["json"], &mut files)?;
    }
    if files.is_empty() {
        return Err(format!("documents.cda_maps: {} holds no .toml and no .json file", folder.display()));
    }
    cda::add_maps(files).map_err(|reason| format!("{}: {reason}", folder.display()))
}

fn read_maps(folder: &Path, endings: &[&str], files: &mut Vec<(String, String)>) -> Result<(), String> {
    let wrong = |e: std::io::Error| format!("documents.cda_maps: {}: {e}", folder.display());
    for entry in std::fs::read_dir(folder).map_err(wrong)? {
        let path = entry.map_err(wrong)?.path();
        if path.extension().is_some_and(|e| endings.iter().any(|known| e == *known)) {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            files.push((name, std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?));
        }
    }
    Ok(())
}

pub(super) fn run(command: &CdaCommand) -> Result<(), String> {
    let (CdaCommand::Check { paths } | CdaCommand::Coverage { paths, .. }) = command;
    let mut files = Vec::new();
    for path in paths {
        gather(path, &mut files)?;
    }
    match command {
        CdaCommand::Check { .. } => check(&files),
        CdaCommand::Coverage { statements, maps, .. } => {
            maps.as_deref().map_or(Ok(()), add_maps)?;
            coverage(&files, *statements);
            Ok(())
        }
    }
}

fn check(files: &[PathBuf]) -> Result<(), String> {
    let mut errors = 0;
    for file in files {
        let document = std::fs::read(file).map_err(|e| e.to_string()).and_then(|bytes| cda::read(&bytes).map_err(|e| e.to_string()));
        match document {
            Ok(document) => {
                for finding in cda::check(&document) {
                    errors += usize::from(finding.rule.severity == "error");
                    println!("{}:{}: {} [{}] {} at {}", file.display(), finding.line, finding.rule.severity, finding.rule.id, finding.said(), finding.xpath);
                }
            }
            Err(reason) => {
                errors += 1;
                println!("{}:1: error [cda] {reason}", file.display());
            }
        }
    }
    if errors == 0 { Ok(()) } else { Err(format!("{errors} errors in {} documents", files.len())) }
}

fn gather(path: &Path, out: &mut Vec<PathBuf>) -> Result<(), String> {
    if !path.is_dir() {
        out.push(path.to_owned());
        return Ok(());
    }
    let wrong = |e: std::io::Error| format!("{}: {e}", path.display());
    let mut all: Vec<PathBuf> = std::fs::read_dir(path).map_err(wrong)?.map(|e| e.map(|e| e.path()).map_err(wrong)).collect::<Result<_, _>>()?;
    all.retain(|p| p.is_dir() || p.extension().is_some_and(|e| e.eq_ignore_ascii_case("xml")));
    all.sort();
    all.iter().try_for_each(|p| gather(p, out))
}

fn coverage(files: &[PathBuf], each: bool) {
    println!("statements  mapped  within  around  as text  resources  document");
    let mut sum = cda::Coverage::default();
    let mut kinds: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut reasons: BTreeMap<cda::Why, usize> = BTreeMap::new();
    let mut unread = 0;
    for file in files {
        let read = std::fs::read(file).map_err(|e| e.to_string()).and_then(|bytes| cda::read(&bytes).map_err(|e| e.to_string()));
        let one = match read {
            Ok(document) => cda::coverage(&document),
            Err(reason) => {
                unread += 1;
                println!("{:>10}  {}: {reason}", "-", file.display());
                continue;
            }
        };
        println!("{:>10}  {:>6}  {:>6}  {:>6}  {:>7}  {:>9}  {}", one.statements, one.mapped, one.within, one.around, one.left.len(), one.resources, file.display());
        for left in &one.left {
            let (code, template) = (left.code.as_deref().unwrap_or("-"), left.template.as_deref().unwrap_or("-"));
            *reasons.entry(left.why).or_default() += 1;
            if left.why == cda::Why::NotUnderstood {
                *kinds.entry((left.name.clone(), template.to_owned())).or_default() += 1;
            }
            if each {
                println!("            {} code {code} template {template}: {}", left.path, left.why.said());
            }
        }
        sum.statements += one.statements;
        sum.mapped += one.mapped;
        sum.within += one.within;
        sum.around += one.around;
        sum.resources += one.resources;
    }
    let left: usize = reasons.values().sum();
    println!(
        "{:>10}  {:>6}  {:>6}  {:>6}  {left:>7}  {:>9}  {} documents, {unread} of them not read",
        sum.statements,
        sum.mapped,
        sum.within,
        sum.around,
        sum.resources,
        files.len()
    );
    let mut kinds: Vec<_> = kinds.into_iter().collect();
    kinds.sort_by_key(|((name, template), count)| (std::cmp::Reverse(*count), name.clone(), template.clone()));
    println!("\nkept as text only, by reason:");
    for (why, count) in &reasons {
        println!("{count:>10}  {}", why.said());
    }
    println!("\nnot understood, by statement and template:");
    for ((name, template), count) in kinds.iter().take(40) {
        println!("{count:>10}  {name} {template}");
    }
    println!("\nrows that no document exercised:");
    for (table, from, to) in cda::unexercised() {
        println!("            {table}.toml: {from} → {to}");
    }
}
