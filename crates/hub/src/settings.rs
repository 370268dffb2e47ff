//! What the environment says of the hub: the one place of the libraries that reads it.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::Error;

/// Where models come from when nothing else is said.
const DEFAULT_ENDPOINT: &str = "https://huggingface.co";

/// Seconds without a byte after which a connection counts as stalled, as in `huggingface_hub`.
const DEFAULT_TIMEOUT_SECONDS: u64 = 10;

/// How models are found and fetched.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Settings {
    /// The cache folder.
    pub cache: PathBuf,
    /// The hub: scheme, host and perhaps a path, without a slash at the end.
    pub endpoint: String,
    /// Who asks. Sent to the endpoint only.
    pub token: Option<Token>,
    /// Whether the network is not to be used.
    pub is_offline: bool,
    /// Certificates (PEM) to trust in place of the built-in ones.
    pub certificates: Option<PathBuf>,
    /// How long to wait and how often to try.
    pub timing: Timing,
}

/// How long to wait and how often to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// A connection that gives nothing for so long is given up.
    pub stall: Duration,
    /// Attempts in a row that brought nothing.
    pub attempts: u32,
    /// The pause after the first failure; doubled after each further one.
    pub pause: Duration,
    /// The longest pause. A hub that asks for a longer one is not waited for.
    pub longest_pause: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            stall: Duration::from_secs(DEFAULT_TIMEOUT_SECONDS),
            attempts: 5,
            pause: Duration::from_millis(500),
            longest_pause: Duration::from_mins(1),
        }
    }
}

/// A secret; not printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// Takes a token, without the space around it; `None` when nothing is left.
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        (!text.is_empty()).then(|| Self(text.to_owned()))
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

impl Settings {
    /// Reads the environment.
    ///
    /// | variable | meaning |
    /// | --- | --- |
    /// | `HF_HUB_CACHE`, else `HF_HOME/hub`, else `huggingface/hub` in `XDG_CACHE_HOME` or `~/.cache` | the cache |
    /// | `HF_ENDPOINT` | a mirror |
    /// | `HF_TOKEN`, else the file `HF_TOKEN_PATH`, else `HF_HOME/token` | the token |
    /// | `HF_HUB_DISABLE_IMPLICIT_TOKEN` | send no token |
    /// | `HF_HUB_OFFLINE`, `TRANSFORMERS_OFFLINE` | use no network |
    /// | `HF_HUB_DOWNLOAD_TIMEOUT` | seconds until a connection counts as stalled |
    /// | `REQUESTS_CA_BUNDLE`, `SSL_CERT_FILE` | certificates to trust |
    /// | `HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY` | the way out |
    ///
    /// # Errors
    /// [`Error::Variable`] for an endpoint that is no address.
    pub fn from_environment() -> Result<Self, Error> {
        Self::read(|name| std::env::var_os(name))
    }

    fn read(variable: impl Fn(&str) -> Option<OsString>) -> Result<Self, Error> {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let path = |name: &str| set(name).map(PathBuf::from);
        let text = |name: &str| set(name).and_then(|value| value.into_string().ok());
        let is_on = |name: &str| text(name).is_some_and(|value| is_true(&value));
        let home = path("HF_HOME").unwrap_or_else(|| {
            let caches = path("XDG_CACHE_HOME");
            let caches = caches.unwrap_or_else(|| home_folder(path("HOME")).join(".cache"));
            caches.join("huggingface")
        });
        let cache = path("HF_HUB_CACHE").or_else(|| path("HUGGINGFACE_HUB_CACHE"));
        let token_file = path("HF_TOKEN_PATH").unwrap_or_else(|| home.join("token"));
        let token = text("HF_TOKEN").or_else(|| text("HUGGING_FACE_HUB_TOKEN"));
        let token = token.or_else(|| std::fs::read_to_string(token_file).ok());
        let token = token.filter(|_| !is_on("HF_HUB_DISABLE_IMPLICIT_TOKEN"));
        let seconds = text("HF_HUB_DOWNLOAD_TIMEOUT").and_then(|value| value.parse().ok());
        let seconds = seconds.filter(|seconds| *seconds > 0);
        Ok(Self {
            cache: cache.unwrap_or_else(|| home.join("hub")),
            endpoint: endpoint(text("HF_ENDPOINT"))?,
            token: token.and_then(|token| Token::new(&token)),
            is_offline: is_on("HF_HUB_OFFLINE") || is_on("TRANSFORMERS_OFFLINE"),
            certificates: path("REQUESTS_CA_BUNDLE").or_else(|| path("SSL_CERT_FILE")),
            timing: Timing {
                stall: Duration::from_secs(seconds.unwrap_or(DEFAULT_TIMEOUT_SECONDS)),
                ..Timing::default()
            },
        })
    }
}

fn home_folder(variable: Option<PathBuf>) -> PathBuf {
    variable.or_else(std::env::home_dir).unwrap_or_default()
}

/// What counts as yes, as in `huggingface_hub`.
fn is_true(value: &str) -> bool {
    ["1", "ON", "YES", "TRUE"].contains(&&*value.to_ascii_uppercase())
}

fn endpoint(named: Option<String>) -> Result<String, Error> {
    let endpoint = named.unwrap_or_else(|| DEFAULT_ENDPOINT.to_owned());
    let endpoint = endpoint.trim_end_matches('/');
    let uri = endpoint.parse::<ureq::http::Uri>().ok();
    let is_address = uri.is_some_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https"))
            && uri.host().is_some()
            && uri.query().is_none()
    });
    if is_address {
        return Ok(endpoint.to_owned());
    }
    Err(Error::Variable {
        name: "HF_ENDPOINT",
        expected: "an address such as `https://huggingface.co`",
        found: endpoint.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::path::Path;

    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Settings, Error> {
        let variables: HashMap<&str, &str> = variables.iter().copied().collect();
        Settings::read(|name| variables.get(name).map(OsString::from))
    }

    #[test]
    fn the_cache_is_where_python_looks_for_it() {
        for (variables, expected) in [
            (&[("HOME", "/h")][..], "/h/.cache/huggingface/hub"),
            (
                &[("HOME", "/h"), ("XDG_CACHE_HOME", "/x")],
                "/x/huggingface/hub",
            ),
            (&[("XDG_CACHE_HOME", "/x"), ("HF_HOME", "/f")], "/f/hub"),
            (&[("HF_HOME", "/f"), ("HF_HUB_CACHE", "/c")], "/c"),
            (&[("HF_HOME", "/f"), ("HF_HUB_CACHE", "")], "/f/hub"),
        ] {
            assert_eq!(read(variables).unwrap().cache, Path::new(expected));
        }
    }

    #[test]
    fn a_token_comes_from_the_variable_or_the_file_and_is_not_printed() {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("token"), "from-file\n").unwrap();
        let home = home.path().to_str().unwrap();
        let token = |variables: &[(&str, &str)]| {
            let variables = [&[("HF_HOME", home)], variables].concat();
            read(&variables).unwrap().token
        };
        assert_eq!(token(&[]), Token::new("from-file"));
        assert_eq!(token(&[("HF_TOKEN", " given ")]), Token::new("given"));
        assert_eq!(token(&[("HF_TOKEN_PATH", "/nowhere")]), None);
        assert_eq!(token(&[("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")]), None);
        assert!(!format!("{:?}", read(&[("HF_TOKEN", "secret")]).unwrap()).contains("secret"));
    }

    #[test]
    fn an_endpoint_is_an_address() {
        let of = |value| read(&[("HF_ENDPOINT", value)]);
        assert_eq!(
            of("https://mirror.example/hub/").unwrap().endpoint,
            "https://mirror.example/hub"
        );
        assert_eq!(of("").unwrap().endpoint, DEFAULT_ENDPOINT);
        for value in ["mirror.example", "ftp://x", "https://", "https://x?y"] {
            assert!(of(value).is_err(), "{value}");
        }
    }

    #[test]
    fn offline_is_what_python_takes_for_it() {
        for (value, expected) in [
            ("1", true),
            ("yes", true),
            ("TRUE", true),
            ("0", false),
            ("", false),
        ] {
            assert_eq!(
                read(&[("HF_HUB_OFFLINE", value)]).unwrap().is_offline,
                expected,
                "{value}"
            );
        }
    }
}
