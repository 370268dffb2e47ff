//! Requests: redirects, the token, and what a status means.

use std::cell::Cell;
use std::io::{self, Read};

use ragdex_core::Cancel;
use ureq::http::header::{AUTHORIZATION, LOCATION, RANGE, RETRY_AFTER};
use ureq::http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri};
use ureq::{Agent, Body, Timeout};

use crate::{Error, Settings, connection};

/// Redirects that are followed. The hub itself needs two or three.
const MAX_REDIRECTS: usize = 10;

/// Answers that are no files are read up to this length: lists of a hundred thousand files.
const MAX_ANSWER_BYTES: u64 = 64 << 20;

/// How long an error told by the hub may become.
const MAX_MESSAGE_CHARS: usize = 200;

/// Asks the hub, on behalf of one model.
pub(crate) struct Client<'a> {
    agent: Agent,
    pub(crate) settings: &'a Settings,
    pub(crate) cancel: &'a Cancel,
    endpoint: Uri,
    authorization: Option<HeaderValue>,
    id: &'a str,
    /// Whether the hub was ever reached: before that, nothing is gained by trying again.
    has_answered: Cell<bool>,
}

/// How far redirects are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Follow {
    /// To other hosts too.
    Anywhere,
    /// Within the hub: what the hub itself says of a file is in the last answer.
    WithinHub,
}

impl<'a> Client<'a> {
    /// # Errors
    /// [`Error::Variable`] for a token or certificates that cannot be used.
    pub(crate) fn new(
        settings: &'a Settings,
        id: &'a str,
        cancel: &'a Cancel,
    ) -> Result<Self, Error> {
        let endpoint = settings.endpoint.parse::<Uri>();
        Ok(Self {
            agent: connection::agent(settings)?,
            settings,
            cancel,
            endpoint: endpoint.map_err(|_| Error::Variable {
                name: "HF_ENDPOINT",
                expected: "an address such as `https://huggingface.co`",
                found: settings.endpoint.clone(),
            })?,
            authorization: connection::authorization(settings)?,
            id,
            has_answered: Cell::new(false),
        })
    }

    /// What ends every request under way, from another thread.
    pub(crate) fn agent(&self) -> Agent {
        self.agent.clone()
    }

    /// Asks for a file, from a byte on. The answer is 200, or 206 when `from` is not 0.
    pub(crate) fn get(&self, url: &str, from: u64) -> Result<Response<Body>, Error> {
        self.request(&Method::GET, url, from, Follow::Anywhere)
    }

    /// Asks what the hub says of a file without fetching it.
    pub(crate) fn head(&self, url: &str) -> Result<HeaderMap, Error> {
        let response = self.request(&Method::HEAD, url, 0, Follow::WithinHub)?;
        Ok(response.headers().clone())
    }

    /// Asks for a short answer.
    pub(crate) fn text(&self, url: &str) -> Result<Vec<u8>, Error> {
        let response = self.get(url, 0)?;
        let mut body = Vec::new();
        let mut reader = response
            .into_body()
            .into_reader()
            .take(MAX_ANSWER_BYTES + 1);
        let read = reader.read_to_end(&mut body);
        read.map_err(|error| self.broken(url, error))?;
        if body.len() as u64 > MAX_ANSWER_BYTES {
            return Err(Error::Answer {
                url: url.to_owned(),
                found: format!("more than {MAX_ANSWER_BYTES} bytes"),
            });
        }
        Ok(body)
    }

    /// What a connection that broke while a body came is called.
    pub(crate) fn broken(&self, url: &str, error: io::Error) -> Error {
        match error.downcast::<ureq::Error>() {
            Ok(error) => self.failed(url, error),
            Err(error) if error.kind() == io::ErrorKind::TimedOut => self.stalled(url),
            Err(error) => Error::Connection {
                url: url.to_owned(),
                source: Box::new(error),
                is_unreachable: false,
            },
        }
    }

    fn request(
        &self,
        method: &Method,
        url: &str,
        from: u64,
        follow: Follow,
    ) -> Result<Response<Body>, Error> {
        let mut url = url.to_owned();
        for _ in 0..=MAX_REDIRECTS {
            self.cancel.check()?;
            let uri = address(&url)?;
            let response = self.send(method, &uri, from)?;
            if !response.status().is_redirection() {
                return self.accept(&url, response);
            }
            let next = target(&uri, response.headers()).ok_or_else(|| Error::Redirect {
                url: url.clone(),
                what: "a redirect without a usable address".into(),
            })?;
            if follow == Follow::WithinHub && !self.is_hub(&address(&next)?) {
                return Ok(response);
            }
            if uri.scheme_str() == Some("https") && !next.starts_with("https://") {
                let what = format!("a redirect to `{next}`, which is not encrypted");
                return Err(Error::Redirect { url, what });
            }
            url = next;
        }
        let what = format!("more than {MAX_REDIRECTS} redirects");
        Err(Error::Redirect { url, what })
    }

    fn send(&self, method: &Method, uri: &Uri, from: u64) -> Result<Response<Body>, Error> {
        let mut request = Request::builder().method(method).uri(uri);
        if let Some(token) = self.authorization.as_ref().filter(|_| self.is_hub(uri)) {
            request = request.header(AUTHORIZATION, token);
        }
        if from > 0 {
            request = request.header(RANGE, format!("bytes={from}-"));
        }
        let url = uri.to_string();
        let sent = request.body(()).map_err(ureq::Error::from);
        let response = sent.and_then(|request| self.agent.run(request));
        let response = response.map_err(|error| self.failed(&url, error))?;
        self.has_answered.set(true);
        Ok(response)
    }

    /// Whether an address is the hub's own. No other host sees the token, such as those that hold large
    /// files.
    fn is_hub(&self, uri: &Uri) -> bool {
        uri.scheme() == self.endpoint.scheme() && uri.authority() == self.endpoint.authority()
    }

    fn accept(&self, url: &str, response: Response<Body>) -> Result<Response<Body>, Error> {
        if response.status().is_success() {
            return Ok(response);
        }
        Err(self.refused(url, response.status(), response.headers()))
    }

    /// What a refusal means. The hub answers 401 for models that do not exist, so that nobody learns which
    /// private ones do; the header tells more than the status.
    fn refused(&self, url: &str, status: StatusCode, headers: &HeaderMap) -> Error {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let has_token = self.authorization.is_some();
        let (id, endpoint) = (self.id.to_owned(), self.settings.endpoint.clone());
        let is_file = url.contains("/resolve/");
        let is_bad_token =
            header("x-error-message").is_some_and(|text| text.starts_with("Invalid credentials"));
        match (status.as_u16(), header("x-error-code")) {
            (401, _) if is_bad_token && has_token => Error::TokenRefused { endpoint },
            (401 | 403, Some("GatedRepo")) => Error::Gated {
                id,
                endpoint,
                has_token,
            },
            (_, Some("RevisionNotFound")) => Error::UnknownRevision {
                id,
                revision: url
                    .rsplit("/revision/")
                    .next()
                    .map(revision_in)
                    .unwrap_or_default(),
            },
            (401 | 403, _) if is_file => Error::Gated {
                id,
                endpoint,
                has_token,
            },
            (404, _) if is_file => Error::UnknownFile {
                url: url.to_owned(),
            },
            (401 | 403 | 404, _) => Error::UnknownModel {
                id,
                endpoint,
                has_token,
            },
            (status, _) => Error::Status {
                url: url.to_owned(),
                status,
                message: header("x-error-message").map(printable),
                retry_after: headers.get(RETRY_AFTER).and_then(seconds),
            },
        }
    }

    fn failed(&self, url: &str, error: ureq::Error) -> Error {
        if matches!(&error, ureq::Error::Timeout(after) if *after != Timeout::Connect) {
            return self.stalled(url);
        }
        Error::Connection {
            url: url.to_owned(),
            is_unreachable: is_unreachable(&error) && !self.has_answered.get(),
            source: Box::new(error),
        }
    }

    fn stalled(&self, url: &str) -> Error {
        Error::Stalled {
            url: url.to_owned(),
            seconds: self.settings.timing.stall.as_secs(),
        }
    }
}

/// Whether no connection came about, for a reason that does not pass in seconds.
fn is_unreachable(error: &ureq::Error) -> bool {
    match error {
        ureq::Error::Io(error) => error.kind() == io::ErrorKind::ConnectionRefused,
        ureq::Error::HostNotFound
        | ureq::Error::Tls(_)
        | ureq::Error::Rustls(_)
        | ureq::Error::BadUri(_)
        | ureq::Error::Http(_)
        | ureq::Error::InvalidProxyUrl
        | ureq::Error::ConnectProxyFailed(_)
        | ureq::Error::Timeout(Timeout::Connect | Timeout::Resolve) => true,
        _ => false,
    }
}

fn address(url: &str) -> Result<Uri, Error> {
    url.parse().map_err(|_| Error::Redirect {
        url: url.to_owned(),
        what: "no address".into(),
    })
}

/// Where a redirect leads.
fn target(from: &Uri, headers: &HeaderMap) -> Option<String> {
    let location = headers.get(LOCATION)?.to_str().ok()?;
    let (scheme, authority) = (from.scheme_str()?, from.authority()?);
    if location.starts_with("https://") || location.starts_with("http://") {
        Some(location.to_owned())
    } else if location.starts_with("//") {
        Some(format!("{scheme}:{location}"))
    } else if location.starts_with('/') {
        Some(format!("{scheme}://{authority}{location}"))
    } else {
        None
    }
}

fn seconds(value: &HeaderValue) -> Option<u64> {
    value.to_str().ok()?.trim().parse().ok()
}

/// The revision in an address of the list of files.
fn revision_in(rest: &str) -> String {
    let revision = rest.split('?').next().unwrap_or(rest);
    revision.replace("%2F", "/")
}

/// A message of the hub, which may hold anything, cut and without control characters.
fn printable(text: &str) -> String {
    let shown = text.chars().take(MAX_MESSAGE_CHARS);
    shown
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redirect(location: &'static str) -> Option<String> {
        let from = "https://hub.example/a/b?c".parse().unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(LOCATION, HeaderValue::from_static(location));
        target(&from, &headers)
    }

    #[test]
    fn redirects_are_resolved_against_the_address() {
        assert_eq!(redirect("/x").as_deref(), Some("https://hub.example/x"));
        assert_eq!(
            redirect("//cdn.example/x").as_deref(),
            Some("https://cdn.example/x")
        );
        assert_eq!(
            redirect("http://cdn.example/x").as_deref(),
            Some("http://cdn.example/x")
        );
        assert_eq!(redirect("file:///etc/passwd"), None);
        assert_eq!(redirect(""), None);
    }

    #[test]
    fn only_the_hub_itself_is_the_hub() {
        let mut settings = Settings::from_environment().unwrap();
        settings.endpoint = "https://hub.example".into();
        settings.certificates = None;
        let cancel = Cancel::default();
        let client = Client::new(&settings, "a/b", &cancel).unwrap();
        let is_hub = |url: &str| client.is_hub(&url.parse().unwrap());
        assert!(is_hub("https://hub.example/api") && is_hub("https://HUB.example"));
        for url in [
            "http://hub.example/api",
            "https://hub.example:444/api",
            "https://hub.example@evil.example/",
            "https://hub.example.evil.example/",
            "https://cdn.hub.example/",
        ] {
            assert!(!is_hub(url), "{url}");
        }
    }
}
