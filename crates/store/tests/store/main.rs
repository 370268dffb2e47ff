//! The store as its callers see it.

#![expect(clippy::unwrap_used, reason = "a test may end at the first surprise")]

mod build;
mod contract;
mod crash;
mod damage;
mod deletions;
mod embed_folder;
mod locks;
mod masks;
mod round_trip;
mod schemas;
mod split_folder;
mod update;
