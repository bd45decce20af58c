//! `passerelle pki --out DIR` and `passerelle pki import FILE.p12 --out DIR`

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use crate::identity::{IdentityError, Subject, subject};

/// Where a PKI goes, or what is done with one.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct PkiArguments {
    /// Folder of the new development PKI.
    #[arg(long, required = true)]
    out: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<PkiCommand>,
}

#[derive(Debug, Subcommand)]
enum PkiCommand {
    /// Write chain and key of a PKCS#12 file, as the certification authority delivers it, as PEM.
    Import {
        /// The PKCS#12 file.
        file: PathBuf,
        /// Folder to write NAME.pem and NAME.key into.
        #[arg(long)]
        out: PathBuf,
        /// Name of the two files; that of the PKCS#12 file when absent.
        #[arg(long)]
        name: Option<String>,
        /// File whose first line is the password; an empty password when absent.
        #[arg(long)]
        password_file: Option<PathBuf>,
    },
}

pub(super) fn run(arguments: &PkiArguments) -> Result<(), String> {
    match (&arguments.command, &arguments.out) {
        (Some(PkiCommand::Import { file, out, name, password_file }), _) => import(file, out, name.as_deref(), password_file.as_deref()),
        (None, Some(out)) => generate(out),
        (None, None) => Err("say where the development PKI goes: --out DIR".into()),
    }
}

/// Writes a development PKI into `out`.
fn generate(out: &Path) -> Result<(), String> {
    crate::tls::generate(out, &crate::tls::PkiOptions::default()).map_err(|e| e.to_string())?;
    println!("development PKI written to {}", out.display());
    println!("  trust anchor   {}/ca.pem", out.display());
    println!("  server         {0}/server.pem {0}/server.key", out.display());
    for name in ["client-cabinet", "client-imagerie", "client-laboratoire", "client-revoked"] {
        println!("  client         {0}/{name}.pem {0}/{name}.key", out.display());
    }
    println!("For development only: these keys are known to whoever reads this folder.");
    Ok(())
}

/// Writes chain (leaf first) and key (mode 0600); nothing that is there is overwritten.
fn import(file: &Path, out: &Path, name: Option<&str>, password_file: Option<&Path>) -> Result<(), String> {
    let read = |path: &Path| std::fs::read(path).map_err(|e| format!("{}: {e}", path.display()));
    let password = password_file.map(read).transpose()?.unwrap_or_default();
    let password = String::from_utf8(password).map_err(|_| "the password file is not UTF-8 text")?;
    let imported = crate::tls::import_p12(&read(file)?, password.lines().next().unwrap_or("")).map_err(|e| format!("{}: {e}", file.display()))?;
    let leaf = crate::tls::leaf(&imported.chain_pem, chrono::Utc::now().timestamp()).map_err(|e| format!("{}: {e}", file.display()))?;
    let whose = match subject(&leaf) {
        Ok(Subject::Structure(caller)) => format!("{} ({})", caller.organization, caller.structure.value()),
        Ok(Subject::Person(_)) => return Err(format!("{}: {}; persons act through tokens", file.display(), IdentityError::Person)),
        // A server's certificate names a host.
        Err(_) => "a certificate that names no structure: good for the server, not for a client".to_owned(),
    };
    let name = name.or_else(|| file.file_stem().and_then(|s| s.to_str())).unwrap_or("imported");
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') {
        return Err("--name has letters, digits, - and _".into());
    }
    std::fs::create_dir_all(out).map_err(|e| format!("{}: {e}", out.display()))?;
    let (chain, key) = (out.join(format!("{name}.pem")), out.join(format!("{name}.key")));
    if let Some(there) = [&chain, &key].into_iter().find(|p| p.exists()) {
        return Err(format!("{}: it is there already; name another with --name", there.display()));
    }
    write(&key, &imported.key_pem, 0o600)?;
    write(&chain, &imported.chain_pem, 0o644)?;
    println!("imported {whose}");
    println!("  chain {}", chain.display());
    println!("  key   {}", key.display());
    Ok(())
}

fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<(), String> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let made = std::fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    made.and_then(|mut f| f.write_all(bytes).and_then(|()| f.sync_all())).map_err(|e| format!("{}: {e}", path.display()))
}
