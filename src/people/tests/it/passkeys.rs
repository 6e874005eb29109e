//! Passkeys, with an authenticator in software.

use std::time::Duration;

use serde_json::{Value, json};
use url::Url;
use vesta_people::{NoPasskeys, PeopleError, Role, SignedIn, passkeys_possible};
use webauthn_authenticator_rs::WebauthnAuthenticator;
use webauthn_authenticator_rs::softpasskey::SoftPasskey;

use crate::house::{House, device, nobody};

fn origin() -> Url {
    Url::parse("https://vesta.local:8443").unwrap()
}

/// A phone with an authenticator, and the credentials that it has made.
struct Phone {
    authenticator: SoftPasskey,
    credentials: Vec<(Value, Vec<u8>)>,
}

impl Phone {
    fn new() -> Self {
        Self { authenticator: SoftPasskey::new(true), credentials: Vec::new() }
    }

    /// `navigator.credentials.create`
    fn create(&mut self, options: &Value, origin: &Url) -> Value {
        let selection = &options["publicKey"]["authenticatorSelection"];
        assert_eq!(
            (&selection["residentKey"], &selection["userVerification"]),
            (&json!("required"), &json!("required"))
        );
        // The authenticator in software keeps no resident keys; whose key it is, the test remembers for it.
        let mut asked = options.clone();
        asked["publicKey"]["authenticatorSelection"]["residentKey"] = json!("discouraged");
        asked["publicKey"]["authenticatorSelection"]["requireResidentKey"] = json!(false);
        let asked = serde_json::from_value(asked).unwrap();
        let made = self.authenticator.do_registration(origin.clone(), asked).unwrap();
        let made = serde_json::to_value(&made).unwrap();
        let user = options["publicKey"]["user"]["id"].clone();
        self.credentials.push((made["id"].clone(), serde_json::to_vec(&user).unwrap()));
        made
    }

    /// `navigator.credentials.get`
    fn get(&mut self, options: &Value, origin: &Url) -> Value {
        let (id, user) = self.credentials.last().unwrap().clone();
        let mut asked = options.clone();
        asked["publicKey"]["allowCredentials"] = json!([{ "type": "public-key", "id": id }]);
        let proof =
            self.authenticator.do_authentication(origin.clone(), serde_json::from_value(asked).unwrap()).unwrap();
        let mut proof = serde_json::to_value(&proof).unwrap();
        proof["response"]["userHandle"] = serde_json::from_slice(&user).unwrap();
        proof
    }
}

async fn with_passkey(house: &House, phone: &mut Phone, name: &str) -> SignedIn {
    let someone = house.invited(name, Role::Adult).await;
    let begun = house.people.begin_passkey(&someone.person.id, &origin(), None).await.unwrap();
    let made = phone.create(&begun.options, &origin());
    let actor = house.people.authenticate(someone.secret.reveal(), None).await.unwrap().unwrap().actor(None);
    let info = house.people.add_passkey(&begun.ceremony, made.clone(), None, &origin(), actor.clone()).await.unwrap();
    assert_eq!(info.host, "vesta.local");
    let again = house.people.add_passkey(&begun.ceremony, made, None, &origin(), actor).await.unwrap_err();
    assert!(matches!(again, PeopleError::WrongPasskey(_)), "a ceremony is finished once");
    someone
}

#[tokio::test]
async fn a_passkey_signs_its_person_in() {
    let (house, mut phone) = (House::new(), Phone::new());
    let ida = with_passkey(&house, &mut phone, "Ida").await;
    let house = house.restart();
    let begun = house.people.begin_sign_in(&origin(), None).unwrap();
    assert!(
        begun.options["publicKey"]["allowCredentials"].as_array().is_none_or(Vec::is_empty),
        "nobody is asked for a name"
    );
    let proof = phone.get(&begun.options, &origin());
    let signed_in =
        house.people.sign_in_by_passkey(&begun.ceremony, proof.clone(), &origin(), device("10.0.0.5")).await.unwrap();
    assert_eq!((signed_in.person.id.as_str(), signed_in.session.method.as_str()), (ida.person.id.as_str(), "passkey"));
    let replayed = house.people.sign_in_by_passkey(&begun.ceremony, proof.clone(), &origin(), device("10.0.0.5")).await;
    assert!(matches!(replayed.unwrap_err(), PeopleError::WrongPasskey(_)), "a proof is worth something once");
    let next = house.people.begin_sign_in(&origin(), None).unwrap();
    let replayed = house.people.sign_in_by_passkey(&next.ceremony, proof, &origin(), device("10.0.0.5")).await;
    assert!(matches!(replayed.unwrap_err(), PeopleError::WrongPasskey(_)), "and for its own challenge");
    assert!(house.people.passkeys(&ida.person.id).await.unwrap()[0].used_at_ms.is_some());
}

#[tokio::test]
async fn a_passkey_of_another_page_person_or_time_is_refused() {
    let (house, mut phone) = (House::new(), Phone::new());
    let ida = with_passkey(&house, &mut phone, "Ida").await;
    let tom = house.invited("Tom", Role::Child).await;
    let elsewhere = Url::parse("https://other.example").unwrap();

    // The ceremony was begun on another page.
    let begun = house.people.begin_sign_in(&origin(), None).unwrap();
    let proof = phone.get(&begun.options, &origin());
    assert!(house.people.sign_in_by_passkey(&begun.ceremony, proof, &elsewhere, device("10.0.0.5")).await.is_err());

    // The proof names another person.
    let begun = house.people.begin_sign_in(&origin(), None).unwrap();
    let mut proof = phone.get(&begun.options, &origin());
    let other = house.people.begin_passkey(&tom.person.id, &origin(), None).await.unwrap();
    proof["response"]["userHandle"] = other.options["publicKey"]["user"]["id"].clone();
    assert!(house.people.sign_in_by_passkey(&begun.ceremony, proof, &origin(), device("10.0.0.5")).await.is_err());

    // It took too long.
    let begun = house.people.begin_sign_in(&origin(), None).unwrap();
    let proof = phone.get(&begun.options, &origin());
    house.pass(Duration::from_secs(5 * 60));
    assert!(house.people.sign_in_by_passkey(&begun.ceremony, proof, &origin(), device("10.0.0.5")).await.is_err());

    // Somebody else finishes what Tom began.
    let begun = house.people.begin_passkey(&tom.person.id, &origin(), None).await.unwrap();
    let made = phone.create(&begun.options, &origin());
    let mut actor = nobody();
    actor.person.clone_from(&ida.person.id);
    assert!(house.people.add_passkey(&begun.ceremony, made, None, &origin(), actor).await.is_err());

    // It was removed.
    let mut actor = nobody();
    actor.person.clone_from(&ida.person.id);
    let passkeys = house.people.passkeys(&ida.person.id).await.unwrap();
    assert!(house.people.remove_passkey(&passkeys[0].id, nobody()).await.is_err(), "it is Ida's");
    house.people.remove_passkey(&passkeys[0].id, actor).await.unwrap();
    let begun = house.people.begin_sign_in(&origin(), None).unwrap();
    phone.credentials.pop();
    let proof = phone.get(&begun.options, &origin());
    assert!(house.people.sign_in_by_passkey(&begun.ceremony, proof, &origin(), device("10.0.0.5")).await.is_err());
}

#[tokio::test]
async fn nonsense_is_no_credential() {
    let house = House::new();
    let ida = house.owner("Ida").await;
    for nonsense in [json!(null), json!({}), json!({ "id": 7 }), json!([1, 2, 3]), json!("x".repeat(100_000))] {
        let begun = house.people.begin_sign_in(&origin(), None).unwrap();
        let refused =
            house.people.sign_in_by_passkey(&begun.ceremony, nonsense.clone(), &origin(), device("10.0.0.5")).await;
        assert!(matches!(refused.unwrap_err(), PeopleError::Invalid { .. }));
        let begun = house.people.begin_passkey(&ida.person.id, &origin(), None).await.unwrap();
        let refused = house.people.add_passkey(&begun.ceremony, nonsense, None, &origin(), nobody()).await;
        assert!(matches!(refused.unwrap_err(), PeopleError::Invalid { .. }));
    }
}

#[tokio::test]
async fn some_addresses_have_no_passkeys() {
    let possible = |origin: &str| passkeys_possible(&Url::parse(origin).unwrap());
    for good in ["https://vesta.local:8443", "https://home.example.org", "http://localhost:8420"] {
        assert_eq!(possible(good), Ok(()), "{good}");
    }
    assert_eq!(possible("https://192.168.1.4:8443"), Err(NoPasskeys::Address));
    assert_eq!(possible("https://[fd00::1]"), Err(NoPasskeys::Address));
    assert_eq!(possible("http://vesta.local:8420"), Err(NoPasskeys::Insecure));
    let house = House::new();
    let refused = house.people.begin_sign_in(&Url::parse("https://192.168.1.4:8443").unwrap(), None).unwrap_err();
    assert!(refused.to_string().contains("code"), "it says what to do: {refused}");
}

#[tokio::test]
async fn ceremonies_that_nobody_finishes_do_not_pile_up() {
    let (house, mut phone) = (House::new(), Phone::new());
    with_passkey(&house, &mut phone, "Ida").await;
    let mine = house.people.begin_sign_in(&origin(), Some("10.0.0.5".parse().unwrap())).unwrap();
    for _ in 0..5_000 {
        house.people.begin_sign_in(&origin(), Some("203.0.113.9".parse().unwrap())).unwrap();
    }
    let proof = phone.get(&mine.options, &origin());
    house.people.sign_in_by_passkey(&mine.ceremony, proof, &origin(), device("10.0.0.5")).await.unwrap();
}
