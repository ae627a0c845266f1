//! How much memory a process has come to use since a moment.

/// What no hostile peer may make a daemon grow by.
pub const MOST: u64 = 32 << 20;

pub struct Memory {
    pid: u32,
    before: u64,
}

impl Memory {
    /// From now on: its peak is measured anew.
    pub fn of(pid: u32) -> Self {
        std::fs::write(format!("/proc/{pid}/clear_refs"), "5").expect("a process of our own");
        Self { pid, before: octets(pid, "VmRSS:") }
    }

    /// Octets that it had at its peak and not at the beginning.
    pub fn growth(&self) -> u64 {
        octets(self.pid, "VmHWM:").saturating_sub(self.before)
    }

    pub fn is_small(&self, what: &str) {
        let growth = self.growth();
        assert!(growth <= MOST, "{what}: memory grew by {} KiB", growth >> 10);
    }
}

fn octets(pid: u32, name: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a line of it");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") << 10
}
