//! Processor time, page faults and peak memory of this process, by stage of its work and by thread, as Linux counts them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

use crate::outcome::{memory_bytes, peak_memory_bytes};

/// The unit of times in `/proc/*/stat`.
const TICK: Duration = Duration::from_millis(10);
/// Time between two looks at the threads. What a thread does after the last look at it is only in the total.
const INTERVAL: Duration = Duration::from_millis(1);
/// The thread that looks. It does not count.
const SAMPLER: &str = "sampler";

/// What a process or a thread has used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// Processor time.
    pub processor: Duration,
    /// The part of it in the kernel, to 10 ms. Zero for a thread.
    pub kernel: Duration,
    /// Page faults without I/O.
    pub minor_faults: u64,
    /// Page faults that waited for the disk.
    pub major_faults: u64,
}

impl Usage {
    /// What this process has used until now.
    ///
    /// # Errors
    /// On a system without `/proc`.
    pub fn now() -> Result<Self> {
        let clock = clock_gettime(ClockId::ProcessCPUTime);
        let processor = Duration::new(clock.tv_sec.unsigned_abs(), u32::try_from(clock.tv_nsec)?);
        Ok(Self { processor, ..Stat::of(Path::new("/proc/self"))?.usage })
    }

    /// What another process has used until now, to 10 ms.
    ///
    /// # Errors
    /// If the process does not exist, or the system has no `/proc`.
    pub fn of(process: u32) -> Result<Self> {
        Ok(Stat::of(&Path::new("/proc").join(process.to_string()))?.usage)
    }

    /// What was used since then.
    #[must_use]
    pub fn since(self, before: Self) -> Self {
        Self {
            processor: self.processor.saturating_sub(before.processor),
            kernel: self.kernel.saturating_sub(before.kernel),
            minor_faults: self.minor_faults.saturating_sub(before.minor_faults),
            major_faults: self.major_faults.saturating_sub(before.major_faults),
        }
    }

    fn plus(self, other: Self) -> Self {
        Self {
            processor: self.processor + other.processor,
            kernel: self.kernel + other.kernel,
            minor_faults: self.minor_faults + other.minor_faults,
            major_faults: self.major_faults + other.major_faults,
        }
    }
}

/// The `stat` file of a process or a thread.
struct Stat {
    name: String,
    usage: Usage,
}

impl Stat {
    fn of(folder: &Path) -> Result<Self> {
        let text = fs::read_to_string(folder.join("stat"))?;
        // The name is in brackets and may contain any character.
        let (name, rest) = text.rsplit_once(')').context("a stat file has a name in brackets")?;
        let name = name.split_once('(').map_or(name, |(_, name)| name).to_owned();
        let fields: Vec<u64> = rest.split_whitespace().map(|field| field.parse().unwrap_or_default()).collect();
        let field = |number: usize| fields.get(number - 3).copied().unwrap_or_default();
        let time = |number| TICK * u32::try_from(field(number)).unwrap_or(u32::MAX);
        let (user, kernel) = (time(14), time(15));
        let usage = Usage { processor: user + kernel, kernel, minor_faults: field(10), major_faults: field(12) };
        Ok(Self { name, usage })
    }
}

/// What the running threads of this process have used, by id. Linux cuts a name after 15 characters.
fn threads() -> Result<BTreeMap<u32, (String, Usage)>> {
    let mut threads = BTreeMap::new();
    for entry in fs::read_dir("/proc/self/task")? {
        let entry = entry?;
        let id = entry.file_name().to_string_lossy().parse()?;
        // A thread can end in between.
        if let Ok(thread) = thread_of(&entry.path()) {
            threads.insert(id, thread);
        }
    }
    Ok(threads)
}

fn thread_of(folder: &Path) -> Result<(String, Usage)> {
    let Stat { name, usage } = Stat::of(folder)?;
    let schedule = fs::read_to_string(folder.join("schedstat"))?;
    let nanoseconds = schedule.split_whitespace().next().context("a schedstat file has three numbers")?.parse()?;
    Ok((name, Usage { processor: Duration::from_nanos(nanoseconds), kernel: Duration::ZERO, ..usage }))
}

/// The processor time of the running threads whose name begins like this, if there are any.
///
/// # Errors
/// On a system without `/proc`.
pub fn processor_of(name: &str) -> Result<Option<Duration>> {
    let name: String = name.chars().take(15).collect();
    let times = threads()?.into_values().filter(|(other, _)| *other == name).map(|(_, usage)| usage.processor);
    Ok(times.reduce(|sum, time| sum + time))
}

/// A stage of a measured process, such as opening or closing a database.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Stage {
    /// Its name.
    pub name: String,
    /// Its duration.
    pub took: Duration,
    /// What the process used in it.
    pub usage: Usage,
    /// Peak resident memory in it.
    pub peak_memory_bytes: u64,
    /// Resident memory at its end.
    pub memory_bytes: u64,
}

/// Measures the stages of this process, one after the other.
#[derive(Debug)]
pub struct Stages {
    began: Instant,
    before: Usage,
    ended: Vec<Stage>,
}

impl Stages {
    /// Begins the first stage.
    ///
    /// # Errors
    /// On a system without `/proc`.
    pub fn begin() -> Result<Self> {
        Ok(Self { began: Instant::now(), before: Usage::now()?, ended: Vec::new() })
    }

    /// Ends a stage and begins the next one.
    ///
    /// # Errors
    /// On a system without `/proc`.
    pub fn end(&mut self, name: &str) -> Result<&Stage> {
        let took = self.began.elapsed();
        let now = Usage::now()?;
        self.ended.push(Stage {
            name: name.to_owned(),
            took,
            usage: now.since(self.before),
            peak_memory_bytes: peak_memory_bytes()?,
            memory_bytes: memory_bytes()?,
        });
        // The next peak begins with the memory of now.
        fs::write("/proc/self/clear_refs", "5")?;
        (self.before, self.began) = (Usage::now()?, Instant::now());
        self.ended.last().context("a stage has ended")
    }

    /// All stages that have ended.
    #[must_use]
    pub fn all(self) -> Vec<Stage> {
        self.ended
    }
}

/// A group of threads with one name.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Thread {
    /// The name, as far as Linux keeps it.
    pub name: String,
    /// What they used together.
    pub usage: Usage,
}

/// Watches the threads of this process from another one, every millisecond. It takes some percent of a processor, so it
/// does not run while time is measured.
#[derive(Debug)]
pub struct Sampler {
    is_over: Arc<AtomicBool>,
    sampling: JoinHandle<Result<BTreeMap<u32, (String, Usage)>>>,
    before: BTreeMap<u32, (String, Usage)>,
    total_before: Usage,
}

impl Sampler {
    /// Begins to watch.
    ///
    /// # Errors
    /// On a system without `/proc`.
    pub fn begin() -> Result<Self> {
        let (before, total_before) = (threads()?, Usage::now()?);
        let is_over = Arc::new(AtomicBool::new(false));
        let stop = is_over.clone();
        let sampling = thread::Builder::new().name(SAMPLER.to_owned()).spawn(move || {
            let mut seen = BTreeMap::new();
            loop {
                let is_last = stop.load(Ordering::Relaxed);
                seen.append(&mut threads()?);
                if is_last {
                    return Ok(seen);
                }
                thread::sleep(INTERVAL);
            }
        })?;
        Ok(Self { is_over, sampling, before, total_before })
    }

    /// What the threads used meanwhile, the busiest first; then what no look at a thread saw.
    ///
    /// # Errors
    /// On a system without `/proc`.
    pub fn end(self) -> Result<Vec<Thread>> {
        self.is_over.store(true, Ordering::Relaxed);
        let seen = self.sampling.join().map_err(|_| anyhow!("watching the threads panicked"))??;
        let total = Usage::now()?.since(self.total_before);
        let mut by_name = BTreeMap::<String, Usage>::new();
        let mut all = Usage::default();
        for (id, (name, usage)) in seen {
            let before = self.before.get(&id).map_or(Usage::default(), |(_, before)| *before);
            let used = usage.since(before);
            all = all.plus(used);
            // Numbered threads do the same work. The first thread of a process has the id of the process.
            let kind =
                if id == std::process::id() { "main" } else { name.trim_end_matches(|it: char| it.is_ascii_digit()) };
            let kind = kind.trim_end_matches('-').to_owned();
            let is_shown = used.processor * 200 >= total.processor || name == SAMPLER;
            let sum = by_name.entry(if is_shown { kind } else { "others".to_owned() }).or_default();
            *sum = sum.plus(used);
        }
        by_name.remove(SAMPLER);
        let mut threads: Vec<_> = by_name.into_iter().map(|(name, usage)| Thread { name, usage }).collect();
        threads.sort_by_key(|thread| std::cmp::Reverse(thread.usage.processor));
        threads.push(Thread { name: "ended unseen".to_owned(), usage: total.since(all) });
        Ok(threads)
    }
}
