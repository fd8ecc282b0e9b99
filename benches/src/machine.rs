//! The machine of a run.

use serde::{Deserialize, Serialize};

/// The machine of a run.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Machine {
    /// The processor's name.
    pub processor: String,
    /// Number of hardware threads.
    pub cores: usize,
    /// Memory in bytes.
    pub memory_bytes: u64,
    /// The kernel.
    pub system: String,
}

impl Machine {
    /// This machine, as far as its system describes it.
    #[must_use]
    pub fn this() -> Self {
        let line = |path: &str, name: &str| {
            let text = std::fs::read_to_string(path).unwrap_or_default();
            let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
            line.trim_start_matches([':', ' ', '\t']).trim().to_owned()
        };
        let kib: u64 = line("/proc/meminfo", "MemTotal").trim_end_matches(" kB").parse().unwrap_or_default();
        let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let major = release.split('.').next().unwrap_or_default().trim().to_owned();
        Self {
            processor: line("/proc/cpuinfo", "model name"),
            cores: cores(),
            memory_bytes: kib * 1024,
            system: format!("Linux {major}"),
        }
    }
}

/// Number of hardware threads of this machine.
#[must_use]
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
