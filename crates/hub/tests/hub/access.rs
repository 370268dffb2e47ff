//! Models that are not there, or not for everybody, and where the token goes.

use ragdex_hub::{Error, Token};
use ragdex_testing::{HubFault, HubServer};

use crate::place::{ID, Place, WEIGHTS};

#[test]
fn a_model_that_is_not_there_is_named() {
    let place = Place::new();
    let error = place.pull_as("org/modle").unwrap_err();
    assert!(
        matches!(error, Error::UnknownModel { .. }) && !error.is_transient(),
        "{error}"
    );
    assert!(
        error.to_string().contains("org/modle") && error.to_string().contains(&place.hub.url())
    );
    assert_eq!(place.hub.requests().len(), 1, "not asked for again");
}

#[test]
fn a_revision_that_is_not_there_is_named() {
    let place = Place::new();
    let error = place.pull_as(&format!("{ID}@refs/pr/1")).unwrap_err();
    assert!(matches!(error, Error::UnknownRevision { .. }), "{error}");
    assert!(error.to_string().contains("`refs/pr/1`"), "{error}");
}

#[test]
fn a_gated_model_needs_a_token_of_an_account_that_accepted_the_terms() {
    let mut place = Place::new();
    place.hub.gate(ID, "good");
    let error = place.fails();
    assert!(
        matches!(
            error,
            Error::Gated {
                has_token: false,
                ..
            }
        ),
        "{error}"
    );
    let hint = error.hint().unwrap();
    let page = format!("{}/{ID}", place.hub.url());
    assert!(hint.contains("HF_TOKEN") && hint.contains(&page), "{hint}");
    place.settings.token = Token::new("bad");
    let error = place.fails();
    assert!(
        matches!(
            error,
            Error::Gated {
                has_token: true,
                ..
            }
        ),
        "{error}"
    );
    place.settings.token = Token::new("good");
    place.pulls_whole();
}

#[test]
fn a_token_that_is_none_is_told_apart() {
    let mut place = Place::new();
    place.settings.token = Token::new("stale");
    let told = vec![(
        "X-Error-Message",
        "Invalid credentials in Authorization header".to_owned(),
    )];
    place.hub.fail("/api/", HubFault::Status(401, told), 1);
    let error = place.fails();
    assert!(matches!(error, Error::TokenRefused { .. }), "{error}");
    assert!(!format!("{error} {error:?}").contains("stale"));
    place.settings.token = Token::new("line\nbreak");
    let error = place.fails();
    assert!(
        matches!(
            error,
            Error::Variable {
                name: "HF_TOKEN",
                ..
            }
        ),
        "{error}"
    );
    assert!(!format!("{error} {error:?}").contains("break"));
}

#[test]
fn the_token_goes_to_the_hub_and_nowhere_else() {
    let mut place = Place::new();
    place.settings.token = Token::new("secret");
    let other = HubServer::start();
    let files: Vec<(&str, &[u8])> = place
        .expected
        .iter()
        .map(|(name, content)| (&**name, &**content))
        .collect();
    let commit = other.publish("files", &files);
    let elsewhere = format!("{}/files/resolve/{commit}/{WEIGHTS}", other.url());
    place.hub.fail(WEIGHTS, HubFault::Redirect(elsewhere), 1);
    place.pulls_whole();
    assert!(
        place
            .hub
            .requests()
            .iter()
            .all(|r| r.authorization.as_deref() == Some("Bearer secret"))
    );
    let asked = other.requests();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].authorization, None);
}

#[test]
fn a_redirect_within_the_hub_keeps_the_token() {
    let mut place = Place::new();
    place.settings.token = Token::new("secret");
    let renamed = format!("/api/models/{ID}/revision/main?blobs=true&renamed");
    place
        .hub
        .fail("?blobs=true", HubFault::Redirect(renamed), 1);
    place.pulls_whole();
    let second = &place.hub.requests()[1];
    assert!(second.target.ends_with("renamed"));
    assert_eq!(second.authorization.as_deref(), Some("Bearer secret"));
}

#[test]
fn redirects_in_a_circle_end() {
    let place = Place::new();
    let here = format!("/api/models/{ID}/revision/main?blobs=true");
    place
        .hub
        .fail("/api/", HubFault::Redirect(here), usize::MAX);
    let error = place.fails();
    assert!(
        matches!(error, Error::Redirect { .. }) && !error.is_transient(),
        "{error}"
    );
    assert!(place.hub.requests().len() <= 12);
}

#[test]
fn a_redirect_to_no_address_is_refused() {
    for to in ["file:///etc/passwd", "", "ftp://x/y", "http://"] {
        let place = Place::new();
        place.hub.fail("/api/", HubFault::Redirect(to.into()), 1);
        let error = place.fails();
        assert!(
            matches!(error, Error::Redirect { .. } | Error::Connection { .. }),
            "{to}: {error}"
        );
    }
}

#[test]
fn a_hub_that_is_not_there_is_not_asked_for_long() {
    let mut place = Place::new();
    place.settings.endpoint = {
        let gone = HubServer::start();
        gone.url()
    };
    let error = place.fails();
    assert!(
        matches!(
            error,
            Error::Connection {
                is_unreachable: true,
                ..
            }
        ),
        "{error}"
    );
    assert!(error.is_transient() && error.hint().unwrap().contains("HF_ENDPOINT"));
}
