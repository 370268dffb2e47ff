//! The store as its callers see it.

mod build;
mod crash;
mod damage;
mod locks;
mod masks;
mod round_trip;
mod schemas;
