//! Times the exact index and checks it against scoring everything.
//!
//! ```text
//! exact make DIR ROWS DIM [f16]     vectors, their scan copy and 10,000 questions
//! exact copy DIR                    the scan copy of vectors, questions and shape that lie there
//! exact time DIR BATCH K [plain]    searches of BATCH questions: ms of processor time and of the clock
//! exact check DIR QUESTIONS         every result for k = 1, 5, 100 against a sort of all scores
//! exact open DIR                    opening, first and later questions, memory
//! exact read DIR                    the bandwidth of reading the scan copy
//! ```
//!
//! One thread with `RAYON_NUM_THREADS=1`. `benches/peers/index.py` runs it beside FAISS.

use std::error::Error;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use half::f16;
use memmap2::Mmap;
use ragdex_core::{Cancel, PassageId, Rows, Sha256, Vectors};
use ragdex_index::{Codes, ExactIndex, Hit, SearchOptions, Segment, VectorIndex, write_codes};
use ragdex_testing::DprLike;
use rayon::prelude::*;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Questions that `make` writes.
const QUESTIONS: usize = 10_000;

/// Rows made at a time.
const MADE_ROWS: usize = 8192;

/// How often `time` searches.
const REPEATS: usize = 5;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["make", dir, rows, dim] => make(dir.as_ref(), rows.parse()?, dim.parse()?, "f32"),
        ["make", dir, rows, dim, element] => {
            make(dir.as_ref(), rows.parse()?, dim.parse()?, element)
        }
        ["copy", dir] => copy(dir),
        ["time", dir, batch, k] => time(dir, batch.parse()?, k.parse()?, true),
        ["time", dir, batch, k, "plain"] => time(dir, batch.parse()?, k.parse()?, false),
        ["check", dir, questions] => check(dir, questions.parse()?),
        ["open", dir] => open(dir),
        ["read", dir] => read(dir),
        _ => Err("see the top of the source".into()),
    }
}

/// A folder that `make` filled.
struct Folder {
    dir: PathBuf,
    rows: usize,
    dim: usize,
    element: String,
    vectors: Mmap,
}

impl Folder {
    fn open(dir: &str) -> Result<Self> {
        let dir = PathBuf::from(dir);
        let shape = fs::read_to_string(dir.join("shape"))?;
        let mut shape = shape.split_whitespace();
        let mut next = || shape.next().ok_or("a shape of three words");
        Ok(Self {
            rows: next()?.parse()?,
            dim: next()?.parse()?,
            element: next()?.into(),
            vectors: map(&dir.join("vectors"))?,
            dir,
        })
    }

    fn vectors(&self) -> Result<Vectors<'_>> {
        let rows = match &*self.element {
            "f16" => Rows::F16(numbers(&self.vectors)?),
            _ => Rows::F32(numbers(&self.vectors)?),
        };
        Ok(Vectors::new(rows, self.dim)?)
    }

    fn codes(&self) -> Result<Codes> {
        let content = map(&self.dir.join("codes"))?;
        Ok(Codes::open(content, self.rows as u64, self.dim, &source())?)
    }

    fn questions(&self) -> Result<Vec<f32>> {
        let bytes = fs::read(self.dir.join("questions"))?;
        let (numbers, _) = bytes.as_chunks();
        Ok(numbers
            .iter()
            .map(|bytes| f32::from_le_bytes(*bytes))
            .collect())
    }
}

/// The files are the example's own; no store says their checksums.
fn source() -> Sha256 {
    Sha256([0; 32])
}

#[expect(unsafe_code, reason = "files that nobody changes meanwhile")]
fn map(path: &Path) -> Result<Mmap> {
    // SAFETY: the files of the folder are only written by `make`.
    Ok(unsafe { Mmap::map(&File::open(path)?)? })
}

/// The numbers of a mapped file, which begins on a page.
#[expect(unsafe_code, reason = "every pattern of bits is a number")]
fn numbers<T>(bytes: &[u8]) -> Result<&[T]> {
    // SAFETY: used for `f32` and `f16`, of which all bits are values.
    let (before, numbers, after) = unsafe { bytes.align_to() };
    if before.is_empty() && after.is_empty() {
        Ok(numbers)
    } else {
        Err("whole numbers expected".into())
    }
}

fn make(dir: &Path, rows: usize, dim: usize, element: &str) -> Result<()> {
    fs::create_dir_all(dir)?;
    let maker = DprLike::new(dim, 1);
    let mut file = BufWriter::new(File::create(dir.join("vectors"))?);
    let starts: Vec<usize> = (0..rows).step_by(MADE_ROWS).collect();
    for group in starts.chunks(8) {
        let made = group.par_iter().map(|&start| {
            let values = maker.passages(start..rows.min(start + MADE_ROWS));
            bytes(&values, element)
        });
        for bytes in made.collect::<Vec<_>>() {
            file.write_all(&bytes)?;
        }
    }
    file.flush()?;
    fs::write(dir.join("shape"), format!("{rows} {dim} {element}\n"))?;
    fs::write(
        dir.join("questions"),
        bytes(&maker.questions(QUESTIONS), "f32"),
    )?;
    copy(dir.to_str().ok_or("a path in UTF-8")?)
}

/// Writes the scan copy of the vectors of a folder.
fn copy(dir: &str) -> Result<()> {
    let folder = Folder::open(dir)?;
    let (started, spent) = (Instant::now(), processor_ms()?);
    let path = folder.dir.join("codes");
    let mut codes = BufWriter::new(File::create(&path)?);
    let cancel = Cancel::default();
    write_codes(folder.vectors()?, &source(), &mut codes, &|_| (), &cancel)?;
    codes.flush()?;
    say(&format!(
        "scan copy of {} bytes: {:.0} ms of processor time, {:.0} ms",
        fs::metadata(path)?.len(),
        processor_ms()? - spent,
        started.elapsed().as_secs_f64() * 1e3
    ))
}

fn bytes(values: &[f32], element: &str) -> Vec<u8> {
    match element {
        "f16" => values
            .iter()
            .flat_map(|&v| f16::from_f32(v).to_le_bytes())
            .collect(),
        _ => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
    }
}

fn time(dir: &str, batch: usize, k: usize, coded: bool) -> Result<()> {
    let folder = Folder::open(dir)?;
    let codes = folder.codes()?;
    let questions = folder.questions()?;
    let index = index(&folder, coded.then_some(&codes))?;
    // The first touches every page and checks every block.
    search(&index, &questions[..folder.dim], k)?;
    let others = (questions.len() / folder.dim).saturating_sub(batch).max(1);
    for repeat in 0..REPEATS {
        let start = repeat * batch % others * folder.dim;
        let questions = &questions[start..start + batch * folder.dim];
        let (started, spent) = (Instant::now(), processor_ms()?);
        search(&index, questions, k)?;
        let wall = started.elapsed().as_secs_f64() * 1e3;
        say(&format!("{:.3} {wall:.3}", processor_ms()? - spent))?;
    }
    Ok(())
}

fn index<'a>(folder: &'a Folder, codes: Option<&'a Codes>) -> Result<ExactIndex<'a>> {
    let mut segment = Segment::new(folder.vectors()?, PassageId(0));
    if let Some(codes) = codes {
        segment = segment.with_codes(codes)?;
    }
    Ok(ExactIndex::new(folder.dim, vec![segment])?)
}

fn search(index: &ExactIndex<'_>, questions: &[f32], k: usize) -> Result<Vec<Vec<Hit>>> {
    let questions = Vectors::f32(questions, index.dim())?;
    Ok(index.search(questions, &SearchOptions::top(k))?)
}

fn check(dir: &str, n_questions: usize) -> Result<()> {
    const BATCH: usize = 200;
    let folder = Folder::open(dir)?;
    let codes = folder.codes()?;
    let questions = folder.questions()?;
    let questions = &questions[..n_questions * folder.dim];
    for (first, batch) in (0..)
        .step_by(BATCH)
        .zip(questions.chunks(BATCH * folder.dim))
    {
        let expected = sorted(&folder, batch, 100)?;
        for codes in [Some(&codes), None] {
            for k in [1, 5, 100] {
                let index = index(&folder, codes)?;
                for (number, found) in (first..).zip(search(&index, batch, k)?) {
                    let expected = &expected[number - first][..k.min(folder.rows)];
                    if found != expected {
                        return Err(format!("question {number}, k = {k} differs").into());
                    }
                }
            }
        }
    }
    say(&format!(
        "{n_questions} questions, k = 1, 5, 100, with codes and without: all equal"
    ))
}

/// Sums every product in double precision, one after the other, rounds and sorts: written down again here,
/// so as to share nothing with the index.
fn sorted(folder: &Folder, questions: &[f32], k: usize) -> Result<Vec<Vec<Hit>>> {
    let vectors = folder.vectors()?;
    let row = |row: usize| -> Vec<f64> {
        let place = row * folder.dim..(row + 1) * folder.dim;
        match vectors.rows() {
            Rows::F32(values) => values[place].iter().map(|&v| v.into()).collect(),
            Rows::F16(values) => values[place].iter().map(|v| v.to_f64()).collect(),
        }
    };
    let questions: Vec<Vec<f64>> = questions
        .chunks_exact(folder.dim)
        .map(|question| question.iter().map(|&v| v.into()).collect())
        .collect();
    let blocks: Vec<usize> = (0..folder.rows).step_by(1024).collect();
    let best = |mut hits: Vec<Hit>| {
        hits.sort_by(Hit::best_first);
        hits.truncate(k);
        hits
    };
    let found = blocks.par_iter().map(|&start| {
        let rows: Vec<_> = (start..folder.rows.min(start + 1024))
            .map(|r| (r, row(r)))
            .collect();
        let hits = questions.iter().map(|question| {
            best(
                rows.iter()
                    .map(|(row, vector)| hit(*row, question, vector))
                    .collect(),
            )
        });
        hits.collect::<Vec<_>>()
    });
    Ok(found.reduce(
        || vec![Vec::new(); questions.len()],
        |left, right| {
            let pairs = left.into_iter().zip(right);
            pairs.map(|(l, r)| best([l, r].concat())).collect()
        },
    ))
}

fn hit(row: usize, question: &[f64], vector: &[f64]) -> Hit {
    let mut sums = [0.0; 16];
    for (q, v) in question.chunks(16).zip(vector.chunks(16)) {
        for ((sum, q), v) in sums.iter_mut().zip(q).zip(v) {
            *sum += q * v;
        }
    }
    for width in [8, 4, 2, 1] {
        for lane in 0..width {
            sums[lane] += sums[lane + width];
        }
    }
    Hit {
        id: PassageId(row as u64),
        score: sums[0] as f32 + 0.0,
    }
}

fn open(dir: &str) -> Result<()> {
    let started = Instant::now();
    let folder = Folder::open(dir)?;
    let codes = folder.codes()?;
    let index = index(&folder, Some(&codes))?;
    say(&format!(
        "open {:.2} ms",
        started.elapsed().as_secs_f64() * 1e3
    ))?;
    let questions = folder.questions()?;
    let mut ids = 0_u64;
    for (number, question) in questions.chunks(folder.dim).take(10).enumerate() {
        let (started, spent) = (Instant::now(), processor_ms()?);
        let hits = search(&index, question, 10)?;
        ids = hits[0]
            .iter()
            .fold(ids, |sum, hit| sum.wrapping_mul(31) + hit.id.0);
        let elapsed = started.elapsed().as_secs_f64() * 1e3;
        let spent = processor_ms()? - spent;
        say(&format!(
            "question {number}: {elapsed:.1} ms, {spent:.1} ms of processor time"
        ))?;
    }
    let status = fs::read_to_string("/proc/self/status")?;
    let memory = |name: &&str| name.starts_with("VmHWM") || name.starts_with("RssAnon");
    status.lines().filter(memory).try_for_each(say)?;
    say(&format!("digest of the ids {ids:x}"))
}

fn read(dir: &str) -> Result<()> {
    let codes = map(&Path::new(dir).join("codes"))?;
    for _ in 0..REPEATS {
        let spent = processor_ms()?;
        let words = numbers::<u64>(&codes[..codes.len() / 64 * 64])?;
        let mut sums = [0_u64; 32];
        for line in words.as_chunks::<32>().0 {
            sums.iter_mut()
                .zip(line)
                .for_each(|(sum, word)| *sum ^= word);
        }
        std::hint::black_box(sums);
        let spent = processor_ms()? - spent;
        say(&format!("{:.2} GB/s", codes.len() as f64 / spent / 1e6))?;
    }
    Ok(())
}

/// Milliseconds of processor time that all threads of this process have used.
fn processor_ms() -> Result<f64> {
    let mut nanoseconds = 0.0;
    for thread in fs::read_dir("/proc/self/task")? {
        let spent = fs::read_to_string(thread?.path().join("schedstat"))?;
        let spent = spent.split(' ').next().ok_or("three numbers")?;
        nanoseconds += spent.parse::<f64>()?;
    }
    Ok(nanoseconds / 1e6)
}

fn say(line: &str) -> Result<()> {
    Ok(writeln!(std::io::stdout(), "{line}")?)
}
