//! What was asked of the hub.

use std::io::{BufRead, BufReader};
use std::net::TcpStream;

/// One request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubRequest {
    /// `GET` or `HEAD`.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// The first byte asked for.
    pub from: Option<usize>,
    /// What came as `Authorization`.
    pub authorization: Option<String>,
    /// The bytes of the body that were sent.
    pub sent: usize,
}

impl HubRequest {
    /// Reads the head; `None` for a connection that brings none.
    pub(super) fn read(stream: &TcpStream) -> Option<Self> {
        let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
        let first = lines.next()?;
        let mut words = first.split_whitespace();
        let mut request = Self {
            method: words.next()?.to_owned(),
            target: words.next()?.to_owned(),
            from: None,
            authorization: None,
            sent: 0,
        };
        for line in lines.take_while(|line| !line.is_empty()) {
            let (name, value) = line.split_once(':')?;
            let value = value.trim();
            match &*name.to_ascii_lowercase() {
                "range" => {
                    let range = value.strip_prefix("bytes=")?;
                    request.from = range.trim_end_matches('-').parse().ok();
                }
                "authorization" => request.authorization = Some(value.to_owned()),
                _ => {}
            }
        }
        Some(request)
    }
}
