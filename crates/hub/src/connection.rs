//! What every connection has: time limits, certificates, the token.

use ureq::Agent;
use ureq::http::HeaderValue;
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};

use crate::{Error, Settings};

/// Makes connections that end when nothing comes. Redirects and statuses are left to the caller.
pub(crate) fn agent(settings: &Settings) -> Result<Agent, Error> {
    let stall = Some(settings.timing.stall);
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .timeout_connect(stall)
        .timeout_per_read(stall)
        .timeout_per_write(stall)
        .tls_config(tls_config(settings)?)
        .user_agent(concat!("ragdex/", env!("CARGO_PKG_VERSION")))
        .build();
    Ok(config.new_agent())
}

/// The header that says who asks; `None` without a token.
pub(crate) fn authorization(settings: &Settings) -> Result<Option<HeaderValue>, Error> {
    let Some(token) = &settings.token else {
        return Ok(None);
    };
    let value = HeaderValue::from_str(&format!("Bearer {}", token.reveal()));
    let mut value = value.map_err(|_| Error::Variable {
        name: "HF_TOKEN",
        expected: "a token of letters and digits",
        found: "(hidden)".into(),
    })?;
    value.set_sensitive(true);
    Ok(Some(value))
}

fn tls_config(settings: &Settings) -> Result<TlsConfig, Error> {
    let Some(path) = &settings.certificates else {
        return Ok(TlsConfig::default());
    };
    let pem = std::fs::read(path).map_err(Error::reading(path))?;
    let certificates: Vec<_> = parse_pem(&pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if certificates.is_empty() {
        return Err(Error::Variable {
            name: "SSL_CERT_FILE",
            expected: "a file of certificates (PEM)",
            found: path.display().to_string(),
        });
    }
    Ok(TlsConfig::builder()
        .root_certs(RootCerts::from(certificates))
        .build())
}
