//! The file sandbox of the engine's process (Landlock).
//!
//! In the mode in which the engine runs here the scalar function `file()` reads any path, whatever the
//! grants of the user who asks. So the kernel is told that this process has nothing but its store.

use std::path::Path;

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, NetPort, PathBeneath, PathFd,
    Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError, RulesetStatus,
};

/// Files and folders that the engine reads to know the machine. Nothing in them is a secret.
const READABLE: &[&str] = &[
    "/proc/self/statm",
    "/proc/self/status",
    "/proc/self/stat",
    "/proc/self/maps",
    "/proc/self/fd",
    "/proc/self/cgroup",
    "/proc/self/mountinfo",
    "/proc/self/io",
    "/proc/meminfo",
    "/proc/cpuinfo",
    "/proc/stat",
    "/proc/loadavg",
    "/proc/uptime",
    "/proc/filesystems",
    "/proc/sys/vm",
    "/proc/sys/kernel",
    "/sys/fs/cgroup",
    "/sys/devices/system",
    "/dev/urandom",
    "/dev/zero",
    "/etc/localtime",
    "/usr/share/zoneinfo",
];

/// What the kernel enforces now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Enforced {
    /// Files and network.
    Full,
    /// Files; the kernel is too old for rules about the network (before 6.7).
    Files,
    /// Nothing.
    Nothing,
}

/// Confines this process, and the threads that it starts from now on, to `store`, reading of `config`,
/// and listening on `ports`. Err: files can't be confined on this kernel; nothing was changed.
pub(super) fn confine(store: &Path, config: &Path, ports: &[u16]) -> Result<Enforced, String> {
    let status = restrict(store, config, ports).map_err(|error| error.to_string())?;
    Ok(match status {
        RulesetStatus::FullyEnforced => Enforced::Full,
        RulesetStatus::PartiallyEnforced => Enforced::Files,
        RulesetStatus::NotEnforced => Enforced::Nothing,
    })
}

fn restrict(store: &Path, config: &Path, ports: &[u16]) -> Result<RulesetStatus, RulesetError> {
    // The second version can rename between folders, which the engine does: less than that won't do.
    let needed = AccessFs::from_all(ABI::V2);
    let wanted = AccessFs::from_all(ABI::V4);
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(needed)?
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(wanted)?
        .handle_access(AccessNet::from_all(ABI::V4))?
        .create()?
        .set_compatibility(CompatLevel::BestEffort);
    rules = allow(rules, store, wanted)?;
    rules = allow(rules, config, AccessFs::ReadFile | AccessFs::ReadDir)?;
    rules = allow(
        rules,
        Path::new("/dev/null"),
        AccessFs::ReadFile | AccessFs::WriteFile,
    )?;
    for path in READABLE.iter().map(Path::new) {
        let access = if path.is_dir() {
            AccessFs::ReadFile | AccessFs::ReadDir
        } else {
            AccessFs::ReadFile.into()
        };
        rules = allow(rules, path, access)?;
    }
    for port in ports {
        rules = rules.add_rule(NetPort::new(*port, AccessNet::BindTcp))?;
    }
    Ok(rules.restrict_self()?.ruleset)
}

/// A path that does not exist needs no rule.
fn allow(
    rules: landlock::RulesetCreated,
    path: &Path,
    access: BitFlags<AccessFs>,
) -> Result<landlock::RulesetCreated, RulesetError> {
    match PathFd::new(path) {
        Ok(descriptor) => rules.add_rule(PathBeneath::new(descriptor, access)),
        Err(_) => Ok(rules),
    }
}
