//! `near_texts FILE THREADS THRESHOLD`: which of the texts in a file, each ended by a zero byte, are near to an earlier one.
//!
//! Prints a line of JSON with the seconds of each part, by the clock and by the processors, and then a line for each text
//! that is near to one that stays: its number, that one's, and the share of all their runs. `python -m
//! bench.near_duplicates` compares it with others.

use std::convert::Infallible;
use std::error::Error;
use std::io::Write;
use std::thread;
use std::time::Instant;

use octomed_minhash::{Band, Groups, Limits, Near, Runs, Sets, Shingles, Sketcher, resolve};

/// Bytes of runs in memory at once.
const MEMORY: u64 = 768 << 20;

/// The texts, whose runs are made when they are asked for.
struct Texts<'t> {
    texts: &'t [&'t str],
    candidates: Vec<u32>,
    near: Near,
    threads: usize,
}

impl Sets for Texts<'_> {
    type Error = Infallible;

    fn bytes(&self, text: u32) -> u64 {
        self.texts[self.candidates[text as usize] as usize].len() as u64 * 4 / 3
    }

    fn are_comparable(&self, _: u32, _: u32) -> bool {
        true
    }

    fn read(&mut self, texts: &[u32]) -> Result<Vec<Shingles>, Infallible> {
        let this = &*self;
        let parts = split(texts, self.threads, |part| {
            let mut runs = Runs::new(this.near.ngram as usize);
            let text = |number: &u32| this.texts[this.candidates[*number as usize] as usize];
            part.iter()
                .map(|number| Shingles::of(text(number), &mut runs))
                .collect::<Vec<_>>()
        });
        Ok(parts.into_iter().flatten().collect())
    }
}

/// What `work` makes of equal parts of a list, each on a thread, in order.
fn split<T: Sync, R: Send>(list: &[T], threads: usize, work: impl Fn(&[T]) -> R + Sync) -> Vec<R> {
    let each = list.len().div_ceil(threads).max(1);
    thread::scope(|scope| {
        let work = &work;
        let workers: Vec<_> = list
            .chunks(each)
            .map(|part| scope.spawn(move || work(part)))
            .collect();
        let joined = workers.into_iter().map(|worker| worker.join());
        joined
            .map(|result| result.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    })
}

/// Seconds by the clock, and of all processors that worked for this process.
struct Clock {
    begin: Instant,
    processors: f64,
}

impl Clock {
    fn start() -> Self {
        Self {
            begin: Instant::now(),
            processors: processor_seconds(),
        }
    }

    fn stop(&self) -> [f64; 2] {
        [
            self.begin.elapsed().as_secs_f64(),
            processor_seconds() - self.processors,
        ]
    }
}

/// Seconds of processor time that the threads of this process have had, those that ended too.
fn processor_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    let ticks = after_name
        .split(' ')
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<f64>().ok());
    ticks.sum::<f64>() / 100.0
}

/// The most memory that the process has had, in bytes.
fn most_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.trim().split(' ').next()?.parse::<u64>().ok());
    number.unwrap_or_default() * 1024
}

/// The band keys of all texts, one after the other.
fn sketched(texts: &[&str], near: Near, threads: usize) -> Vec<u64> {
    let bands = near.bands as usize;
    let parts = split(texts, threads, |part| {
        let mut sketcher = Sketcher::new(&near);
        let mut keys = vec![0; bands * part.len()];
        for (text, keys) in part.iter().zip(keys.chunks_exact_mut(bands)) {
            sketcher.bands(text, keys);
        }
        keys
    });
    parts.concat()
}

fn grouped(keys: &[u64], near: Near, threads: usize) -> Groups {
    let bands = near.bands as usize;
    let numbers: Vec<usize> = (0..bands).collect();
    let parts = split(&numbers, threads, |part| {
        let mut groups = Groups::default();
        for number in part {
            let mut band = Band::new(keys.len() / bands);
            for (text, keys) in (0..).zip(keys.chunks_exact(bands)) {
                band.add(text, keys[*number], 0);
            }
            groups.append(&band.groups());
        }
        groups
    });
    let mut groups = Groups::default();
    parts.iter().for_each(|part| groups.append(part));
    groups
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, threads, threshold] = arguments.as_slice() else {
        return Err("near_texts FILE THREADS THRESHOLD".into());
    };
    let (threads, threshold) = (threads.parse::<usize>()?.max(1), threshold.parse()?);
    let content = std::fs::read_to_string(file)?;
    let texts: Vec<&str> = content.split_terminator('\0').collect();
    let near = Near::default();
    let clock = Clock::start();
    let keys = sketched(&texts, near, threads);
    let sketch = clock.stop();
    let clock = Clock::start();
    let groups = grouped(&keys, near, threads);
    let group = clock.stop();
    let before = most_memory();
    let clock = Clock::start();
    let candidates = groups.distinct();
    let groups = groups.renumbered(&candidates);
    let mut sets = Texts {
        texts: &texts,
        candidates,
        near,
        threads,
    };
    let count = sets.candidates.len();
    let limits = Limits {
        threshold,
        memory: MEMORY,
    };
    let resolved = resolve(&groups, count, limits, &mut sets)?;
    let verify = clock.stop();
    let memory = most_memory() - before;
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "{{\"sketch\": {sketch:?}, \"group\": {group:?}, \"verify\": {verify:?}, \"candidates\": {count}, \
         \"compared\": {}, \"crowded\": {}, \"verify_bytes\": {memory}}}",
        resolved.compared, resolved.crowded
    )?;
    for one in &resolved.near {
        let [text, kept] = [one.text, one.kept].map(|number| sets.candidates[number as usize]);
        writeln!(out, "[{text}, {kept}, {}]", one.jaccard)?;
    }
    Ok(())
}
