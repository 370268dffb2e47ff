//! How much memory the process has used, and keeping that down.

/// The largest resident memory so far, where the system tells it (Linux).
///
/// Pages of mapped files count as long as they are resident.
pub(crate) fn peak_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

/// Has memory of a mebibyte and more go back to the system as soon as it is freed.
///
/// For commands that embed: they free and ask for buffers of many sizes for hours. The GNU C library keeps freed
/// ones, up to 32 MiB each, for requests to come, and what it keeps in pieces too small for them grows with the
/// corpus: 15 % more after 200,000 passages than after 20,000, against 3 % this way and a quarter less in all. Commands
/// that generate ask for large buffers at every token, and would wait for fresh pages. Elsewhere nothing is done.
pub(crate) fn return_large_buffers() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        #[expect(
            unsafe_code,
            reason = "no safe wrapper; the call takes two numbers and no other thread has started"
        )]
        // SAFETY: `mallopt` reads its arguments only. It is not to run beside allocations of other threads, and is
        // called before the first one is started.
        let _ = unsafe { libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE_BYTES) };
    }
}

/// From here on a buffer is large.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const LARGE_BYTES: i32 = 1 << 20;
