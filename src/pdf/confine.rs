//! What the child gives up before it looks at a byte of the file: memory, time, files, processes, the network.
//!
//! Limits hold on every Unix; the filter of system calls is Linux's, and where the kernel refuses it the child says so and reads under
//! its limits alone.
//! Spec: POSIX setrlimit; Linux prctl(2) PR_SET_NO_NEW_PRIVS, seccomp(2).

use nix::sys::resource::{Resource, setrlimit};

/// Seconds of processor time.
const CPU_SECONDS: u64 = 10;

/// How far the child is confined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Confined {
    /// Limits, and no system call that opens or starts anything.
    Wholly,
    /// Limits alone.
    ByLimits,
}

/// Sets the limits; `memory` bytes of address space. No file can be opened from here on.
///
/// # Errors
/// The limit that could not be set.
pub(super) fn limit(memory: u64) -> Result<(), String> {
    let all = [
        (Resource::RLIMIT_CORE, 0),
        (Resource::RLIMIT_FSIZE, 0),
        (Resource::RLIMIT_CPU, CPU_SECONDS),
        (Resource::RLIMIT_AS, memory),
        // Standard input, output and error are open already.
        (Resource::RLIMIT_NOFILE, 3),
    ];
    for (resource, value) in all {
        setrlimit(resource, value, value).map_err(|e| format!("{resource:?}: {e}"))?;
    }
    #[cfg(target_os = "linux")]
    setrlimit(Resource::RLIMIT_NPROC, 0, 0).map_err(|e| format!("processes: {e}"))?;
    Ok(())
}

/// From here on only memory, standard streams and the end of the process; every other system call fails with EPERM.
#[cfg(target_os = "linux")]
pub(super) fn lock() -> Confined {
    use nix::sys::prctl::set_no_new_privs;
    if set_no_new_privs().is_ok() && filter().is_some_and(|f| seccompiler::apply_filter(&f).is_ok()) { Confined::Wholly } else { Confined::ByLimits }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn lock() -> Confined {
    Confined::ByLimits
}

#[cfg(target_os = "linux")]
fn filter() -> Option<seccompiler::BpfProgram> {
    use seccompiler::{SeccompAction, SeccompFilter};
    const ALLOWED: &[i64] = &[
        libc::SYS_read,
        libc::SYS_write,
        libc::SYS_close,
        libc::SYS_brk,
        libc::SYS_mmap,
        libc::SYS_munmap,
        libc::SYS_mremap,
        libc::SYS_mprotect,
        libc::SYS_madvise,
        libc::SYS_futex,
        libc::SYS_sched_yield,
        libc::SYS_clock_gettime,
        libc::SYS_getrandom,
        libc::SYS_sigaltstack,
        libc::SYS_rt_sigaction,
        libc::SYS_rt_sigprocmask,
        libc::SYS_rt_sigreturn,
        libc::SYS_getpid,
        libc::SYS_gettid,
        libc::SYS_tgkill,
        libc::SYS_exit,
        libc::SYS_exit_group,
    ];
    let rules = ALLOWED.iter().map(|call| (*call, Vec::new())).collect();
    let denied = SeccompAction::Errno(u32::try_from(libc::EPERM).ok()?);
    SeccompFilter::new(rules, denied, SeccompAction::Allow, std::env::consts::ARCH.try_into().ok()?).ok()?.try_into().ok()
}
