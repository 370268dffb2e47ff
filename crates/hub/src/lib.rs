//! Checkpoints from a hub.
