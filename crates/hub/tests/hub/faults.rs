//! Networks and disks that fail on the way.

use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use ragdex_core::{Cancel, NoReporter};
use ragdex_hub::{Error, pull};
use ragdex_testing::HubFault;

use crate::place::{ID, Place, WEIGHTS};

fn status(code: u16) -> HubFault {
    HubFault::Status(code, Vec::new())
}

/// The file that holds what came of the weights.
fn incomplete(place: &Place) -> PathBuf {
    pieces(place).next().unwrap()
}

fn pieces(place: &Place) -> impl Iterator<Item = PathBuf> {
    let blobs = place.settings.cache.join("models--org--model/blobs");
    let files = fs::read_dir(blobs)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path());
    files.filter(|path| path.extension().is_some_and(|end| end == "incomplete"))
}

#[test]
fn a_cut_connection_goes_on_where_it_was_cut() {
    let place = Place::new();
    place.hub.fail(WEIGHTS, HubFault::Cut(100_000), 2);
    let pulled = place.pulls_whole();
    assert_eq!(
        place.asked_for_weights(),
        [None, Some(100_000), Some(200_000)]
    );
    assert_eq!(pulled.fetched, pulled.bytes, "no byte came twice");
}

#[test]
fn patience_ends_and_the_next_call_goes_on() {
    let place = Place::new();
    place.hub.fail(WEIGHTS, HubFault::Cut(50_000), 4);
    let error = place.fails();
    assert!(
        matches!(error, Error::Connection { .. } | Error::Length { .. }),
        "{error}"
    );
    assert!(
        error.is_transient() && error.hint().unwrap().contains("goes on"),
        "{error}"
    );
    place.pulls_whole();
    assert_eq!(place.asked_for_weights().last(), Some(&Some(200_000)));
}

#[test]
fn a_hub_in_trouble_is_asked_again() {
    for code in [429, 500, 502, 503, 504] {
        let place = Place::new();
        place.hub.fail("/api/", status(code), 1);
        place.hub.fail(WEIGHTS, status(code), 2);
        place.pulls_whole();
    }
}

#[test]
fn a_hub_that_stays_in_trouble_is_given_up() {
    let place = Place::new();
    place.hub.fail("/api/", status(503), usize::MAX);
    let error = place.fails();
    assert!(
        matches!(error, Error::Status { status: 503, .. }) && error.is_transient(),
        "{error}"
    );
    assert_eq!(
        place.hub.requests().len(),
        place.settings.timing.attempts as usize
    );
}

#[test]
fn the_pause_that_a_hub_asks_for_is_made_unless_it_is_long() {
    let place = Place::new();
    let later = |seconds: &str| HubFault::Status(429, vec![("Retry-After", seconds.to_owned())]);
    place.hub.fail("/api/", later("1"), 1);
    place.pulls_whole();
    place.hub.fail("/api/", later("3600"), 1);
    let error = place.pull().unwrap_err();
    assert!(error.hint().unwrap().contains("3600 s"), "{error}");
}

#[test]
fn other_refusals_are_not_asked_again() {
    let place = Place::new();
    place.hub.fail("/api/", status(400), 1);
    let error = place.fails();
    assert!(
        matches!(error, Error::Status { status: 400, .. }) && !error.is_transient(),
        "{error}"
    );
    assert_eq!(place.hub.requests().len(), 1);
}

#[test]
fn a_connection_that_gives_nothing_is_given_up_and_made_anew() {
    let mut place = Place::new();
    place.settings.timing.stall = Duration::from_secs(1);
    place.hub.fail(WEIGHTS, HubFault::Stall(120_000), 1);
    place.pulls_whole();
    assert_eq!(place.asked_for_weights()[..2], [None, Some(120_000)]);
}

#[test]
fn a_server_that_knows_no_parts_sends_the_whole_anew() {
    let place = Place::new();
    place.hub.fail(WEIGHTS, HubFault::Cut(100_000), 1);
    place.hub.fail(WEIGHTS, HubFault::NoRange, 1);
    place.pulls_whole();
    assert_eq!(place.asked_for_weights(), [None, Some(100_000)]);
}

#[test]
fn a_damaged_file_is_fetched_once_more() {
    let place = Place::new();
    place.hub.fail(WEIGHTS, HubFault::Corrupt, 1);
    place.hub.fail("config.json", HubFault::Corrupt, 1);
    place.pulls_whole();
    assert_eq!(place.asked_for_weights(), [None, None]);
}

#[test]
fn a_file_that_stays_damaged_is_refused_and_not_kept() {
    let place = Place::new();
    place.hub.fail(WEIGHTS, HubFault::Corrupt, 2);
    let error = place.fails();
    assert!(
        matches!(error, Error::Checksum { .. }) && error.is_transient(),
        "{error}"
    );
    place.pulls_whole();
    assert_eq!(place.asked_for_weights(), [None, None, None]);
}

#[test]
fn a_file_of_another_length_is_refused_before_it_comes() {
    for bytes in [u64::MAX, 1 << 40, 7] {
        let place = Place::new();
        place
            .hub
            .fail(WEIGHTS, HubFault::Announce(bytes), usize::MAX);
        let error = place.fails();
        let Error::Length {
            expected, found, ..
        } = error
        else {
            panic!("{error}");
        };
        assert_eq!((expected, found), (300_000, bytes));
    }
}

#[test]
fn a_file_longer_than_listed_is_refused() {
    let place = Place::new();
    let longer = HubFault::Body(vec![0; 300_001]);
    place.hub.fail(WEIGHTS, longer, usize::MAX);
    assert!(matches!(
        place.fails(),
        Error::Length { found: 300_001, .. }
    ));
}

#[test]
fn pieces_that_belong_to_nothing_are_thrown_away() {
    let place = Place::new();
    place.hub.fail(WEIGHTS, HubFault::Cut(1000), 4);
    place.fails();
    // As long as the file, then longer, then of other content.
    for piece in [vec![1; 300_000], vec![1; 300_001], vec![1; 5000]] {
        fs::write(incomplete(&place), piece).unwrap();
        place.pulls_whole();
        let weights = place.settings.cache.join("models--org--model/snapshots");
        let weights = weights
            .join(&place.commit)
            .join(WEIGHTS)
            .canonicalize()
            .unwrap();
        fs::rename(&weights, weights.with_extension("incomplete")).unwrap();
    }
}

#[test]
fn a_stop_leaves_what_came_and_the_next_call_goes_on() {
    let mut place = Place::new();
    place.settings.timing.stall = Duration::from_mins(1);
    place.hub.fail(WEIGHTS, HubFault::Stall(150_000), 1);
    let cancel = Cancel::default();
    let name = ID.parse().unwrap();
    thread::scope(|scope| {
        let call = scope.spawn(|| pull(&name, &place.settings, &NoReporter, &cancel).unwrap_err());
        let came = || pieces(&place).find_map(|path| Some(fs::metadata(path).ok()?.len()));
        while came().is_none_or(|bytes| bytes < 150_000) {
            thread::sleep(Duration::from_millis(5));
        }
        cancel.cancel();
        assert!(matches!(call.join().unwrap(), Error::Cancelled(_)));
    });
    assert_eq!(fs::metadata(incomplete(&place)).unwrap().len(), 150_000);
    place.pulls_whole();
    assert_eq!(place.asked_for_weights(), [None, Some(150_000)]);
}

#[test]
fn a_cache_that_cannot_be_written_is_named() {
    let place = Place::new();
    fs::write(&place.settings.cache, "a file in its place").unwrap();
    let error = place.pull().unwrap_err();
    assert!(matches!(error, Error::Io { .. }), "{error}");
    assert!(error.to_string().contains("hub"), "{error}");
}

/// A file system of 256 kB that only this test uses, where the system allows mounting.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told_and_the_next_call_goes_on() {
    let place = Place::new();
    fs::create_dir_all(&place.settings.cache).unwrap();
    let mount = |arguments: &[&str]| {
        let mut command = std::process::Command::new("mount");
        let done = command.args(arguments).arg(&place.settings.cache).output();
        done.is_ok_and(|output| output.status.success())
    };
    if !mount(&["-t", "tmpfs", "-o", "size=256k", "tmpfs"]) {
        return; // not allowed here; what a full disk becomes is tested beside the errors
    }
    let full = place.pull();
    let is_larger = mount(&["-o", "remount,size=64m"]);
    let after = place.pull();
    let whole = after
        .as_ref()
        .map(|pulled| crate::place::files(&pulled.folder) == place.expected);
    let unmounted = std::process::Command::new("umount")
        .arg(&place.settings.cache)
        .status();
    assert!(unmounted.unwrap().success() && is_larger);
    let error = full.unwrap_err();
    assert!(
        matches!(error, Error::DiskFull { .. }) && error.is_transient(),
        "{error}"
    );
    assert!(error.hint().unwrap().contains("space"));
    assert!(whole.unwrap());
    assert!(
        place.asked_for_weights()[1].is_some_and(|from| from > 0),
        "it went on"
    );
}
