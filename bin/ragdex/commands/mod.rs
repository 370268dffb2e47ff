//! One function a command.

pub(crate) mod answer;
pub(crate) mod build;
pub(crate) mod completions;
pub(crate) mod demo;
pub(crate) mod embed;
pub(crate) mod export;
pub(crate) mod history;
pub(crate) mod index;
pub(crate) mod info;
pub(crate) mod models;
mod questions;
pub(crate) mod reading;
pub(crate) mod refresh;
pub(crate) mod search;
pub(crate) mod show;
pub(crate) mod split;
pub(crate) mod verify;
