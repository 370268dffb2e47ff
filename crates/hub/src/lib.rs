//! Models of a hub: names to local folders.
//!
//! The hub is Hugging Face's, or a mirror of it. What is fetched lies in the cache that Python's
//! `huggingface_hub` shares: `models--organisation--name`, with each file once below `blobs`, by its
//! checksum, and a folder of links for each commit below `snapshots`. Either program finds what the other
//! fetched, and both take the same locks.
//!
//! [`Settings`] hold what the environment says (`HF_HOME`, `HF_ENDPOINT`, `HF_TOKEN`, `HF_HUB_OFFLINE` and
//! their like). A [`ModelName`] is looked up by [`Cache::find`], which uses no network, and fetched by
//! [`pull()`], which fetches only the files that ragdex reads, goes on where an earlier call stopped, and checks
//! every length and checksum. Hubs and their answers are not trusted: no name of a file leaves the cache,
//! and the token goes to no other host.
//!
//! ```no_run
//! use ragdex_core::{Cancel, NoReporter};
//! use ragdex_hub::{Cache, ModelName, Settings, pull};
//!
//! # fn main() -> Result<(), ragdex_hub::Error> {
//! let settings = Settings::from_environment()?;
//! let name: ModelName = "sentence-transformers/all-MiniLM-L6-v2".parse()?;
//! let folder = match Cache::new(&settings.cache).find(&name)? {
//!     Some(model) if model.is_usable => model.folder,
//!     _ => pull(&name, &settings, &NoReporter, &Cancel::default())?.folder,
//! };
//! println!("{}", folder.display());
//! # Ok(())
//! # }
//! ```

mod cache;
mod card;
mod checksum;
mod choice;
mod client;
mod connection;
mod download;
mod error;
mod listing;
mod model_folder;
mod name;
mod patience;
mod pull;
mod settings;

pub use cache::{Cache, CachedModel};
pub use card::licence_of_card;
pub use error::Error;
pub use name::ModelName;
pub use pull::{Pulled, pull};
pub use settings::{Settings, Timing, Token};
