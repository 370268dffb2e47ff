//! Hubs that lie.

use ragdex_hub::Error;
use ragdex_testing::HubFault;
use serde_json::json;

use crate::place::{ID, Place, files};

#[test]
fn answers_that_are_no_description_are_refused() {
    let deep = "[".repeat(100_000);
    for body in [
        "",
        "<html>Please log in</html>",
        "null",
        "{\"sha\": 1}",
        &deep,
    ] {
        let place = Place::new();
        place.hub.fail("/api/", HubFault::Body(body.into()), 1);
        let error = place.fails();
        assert!(matches!(error, Error::Answer { .. }), "{body:.40}: {error}");
        assert!(error.hint().unwrap().contains("HF_ENDPOINT"));
    }
}

#[test]
fn names_that_lead_out_of_the_model_write_nothing() {
    for name in [
        "../../../config.json",
        "/tmp/config.json",
        "1_Pooling/../../config.json",
        "..\\config.json",
    ] {
        let place = Place::new();
        place.hub.describe(ID, |description| {
            description["siblings"][0]["rfilename"] = json!(name);
        });
        let error = place.fails();
        assert!(
            matches!(error, Error::FileName { .. }) && !error.is_transient(),
            "{name}: {error}"
        );
        assert!(
            !place.settings.cache.exists(),
            "{name}: something was written"
        );
    }
}

#[test]
fn checksums_that_lead_out_of_the_cache_are_not_taken_for_names() {
    let place = Place::new();
    place.hub.describe(ID, |description| {
        for file in description["siblings"].as_array_mut().unwrap() {
            file["blobId"] = json!("../../../../evil");
        }
    });
    // The list is not believed; the answers for the files themselves are.
    place.pulls_whole();
    assert!(
        files(place.folder.path())
            .keys()
            .all(|name| !name.contains("evil"))
    );
}

#[test]
fn a_commit_that_leads_out_of_the_cache_is_refused() {
    let place = Place::new();
    place
        .hub
        .describe(ID, |description| description["sha"] = json!("../../../x"));
    assert!(matches!(place.fails(), Error::Answer { .. }));
}

#[test]
fn lengths_that_add_up_to_more_than_there_is_are_no_panic() {
    let place = Place::new();
    place.hub.describe(ID, |description| {
        for file in description["siblings"].as_array_mut().unwrap() {
            file["size"] = json!(u64::MAX);
        }
    });
    assert!(matches!(place.fails(), Error::Length { .. }));
}
