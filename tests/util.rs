//! A folder for a test, the program, and what it printed.

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// A folder that is removed when the test ends.
pub(crate) struct Dir(tempfile::TempDir);

impl Dir {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file, with the folders above it.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }

    /// The program, in this folder, without the user's settings.
    pub(crate) fn ragdex<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Run {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ragdex"));
        command
            .current_dir(self.0.path())
            .env_clear()
            .env("HOME", self.0.path())
            .env("HF_HUB_OFFLINE", "1")
            .stdin(Stdio::null())
            .args(arguments);
        Run(command)
    }
}

/// A run of the program that is being prepared.
pub(crate) struct Run(pub Command);

impl Run {
    /// Runs and checks the exit code; on another one the whole output is shown.
    #[track_caller]
    pub(crate) fn exits(mut self, code: i32) -> Printed {
        Printed::of(self.0.output().unwrap(), code)
    }

    #[track_caller]
    pub(crate) fn succeeds(self) -> Printed {
        self.exits(0)
    }

    /// Runs with text on standard input.
    #[track_caller]
    pub(crate) fn exits_given(mut self, input: &[u8], code: i32) -> Printed {
        let pipes = self.0.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = pipes.stderr(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_owned();
        // A program that stops early closes its end: not this test's concern.
        let feeder = std::thread::spawn(move || stdin.write_all(&input).is_ok());
        let output = child.wait_with_output().unwrap();
        feeder.join().unwrap();
        Printed::of(output, code)
    }
}

/// What the program printed.
pub(crate) struct Printed {
    pub stdout: String,
    pub stderr: String,
}

impl Printed {
    #[track_caller]
    fn of(output: Output, code: i32) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let printed = Self {
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        };
        assert_eq!(
            output.status.code(),
            Some(code),
            "stdout:\n{}\nstderr:\n{}",
            printed.stdout,
            printed.stderr
        );
        assert!(!printed.stderr.contains("panicked"), "{}", printed.stderr);
        printed
    }

    /// The JSON objects on standard output, which must hold nothing else.
    #[track_caller]
    pub(crate) fn json(&self) -> Vec<Value> {
        let parse = |line| serde_json::from_str(line).unwrap();
        self.stdout.lines().map(parse).collect()
    }
}

/// A file of the repository.
pub(crate) fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Every file below a folder, by its path within, with its content; for comparing two folders.
pub(crate) fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut pending = vec![folder.to_owned()];
    while let Some(next) = pending.pop() {
        for entry in std::fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                pending.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_str().unwrap();
                found.push((name.to_owned(), std::fs::read(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}
