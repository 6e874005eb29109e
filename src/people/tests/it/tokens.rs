//! API tokens and client secrets.

use std::time::Duration;

use serde_json::json;
use vesta_people::{Action, PeopleError, Role};

use crate::house::{House, nobody};

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_token_may_what_it_says_and_no_more_than_its_person() {
    let house = House::new();
    house.owner("Ida").await;
    let tom = house.invited("Tom", Role::Child).await;
    let create =
        |scopes: &[Action]| house.people.create_token(&tom.person.id, "display", scopes.to_vec(), None, nobody());
    let beyond = create(&[Action::Talk, Action::UnlockDoors]).await.unwrap_err();
    assert!(matches!(beyond, PeopleError::Invalid { field: "scopes", .. }), "{beyond}");
    assert!(create(&[]).await.is_err());
    let (token, secret) = create(&[Action::Talk, Action::ReadHome, Action::Talk]).await.unwrap();
    assert_eq!(token.scopes, [Action::Talk, Action::ReadHome]);
    let identity = house.people.authenticate(secret.reveal(), None).await.unwrap().unwrap();
    assert_eq!(
        (identity.method, identity.scopes.as_deref()),
        ("token", Some([Action::Talk, Action::ReadHome].as_slice()))
    );
    assert_eq!(identity.role, Role::Child, "and the role says no as well");
    let house = house.restart();
    assert!(house.people.authenticate(secret.reveal(), None).await.unwrap().is_some());
    let listed = house.people.tokens(Some(tom.person.id.clone())).await.unwrap();
    assert!(listed[0].seen_at_ms.is_some());
    house.people.revoke_token(&token.id, nobody()).await.unwrap();
    assert!(house.people.authenticate(secret.reveal(), None).await.unwrap().is_none());
}

#[tokio::test]
async fn a_token_expires() {
    let house = House::new();
    let ida = house.owner("Ida").await;
    let create = house.people.create_token(&ida.person.id, "visit", vec![Action::Talk], Some(MINUTE), nobody());
    let (_, secret) = create.await.unwrap();
    let open = house.people.authenticate(secret.reveal(), None).await.unwrap().unwrap().revoked;
    house.pass(MINUTE);
    house.people.expire();
    assert!(open.is_cancelled(), "in an open session as well");
    assert!(house.people.authenticate(secret.reveal(), None).await.unwrap().is_none());
    house.jump(-3_600_000);
    assert!(house.people.authenticate(secret.reveal(), None).await.unwrap().is_none());
}

#[tokio::test]
async fn a_client_secret_is_bound_to_its_session_and_its_maker() {
    let house = House::new();
    let ida = house.owner("Ida").await;
    let maker = house.people.authenticate(ida.secret.reveal(), None).await.unwrap().unwrap();
    for wrong in [9, 7_201] {
        assert!(house.people.create_client_secret(&maker, json!({}), Duration::from_secs(wrong)).is_err());
    }
    let session = json!({ "type": "realtime", "instructions": "Be brief." });
    let (secret, _) = house.people.create_client_secret(&maker, session.clone(), MINUTE).unwrap();
    assert!(secret.reveal().starts_with("ek_"));
    let identity = house.people.authenticate(secret.reveal(), None).await.unwrap().unwrap();
    assert_eq!(identity.realtime_session.as_deref(), Some(&session));
    let scopes = identity.scopes.clone().unwrap();
    assert!(
        scopes.contains(&Action::Talk)
            && !scopes.contains(&Action::ManagePeople)
            && !scopes.contains(&Action::ReadTurns)
    );
    // The wall clock jumps; a minute stays a minute.
    house.jump(86_400_000);
    house.people.expire();
    assert!(!identity.revoked.is_cancelled());
    house.pass(MINUTE);
    house.people.expire();
    assert!(identity.revoked.is_cancelled());
    assert!(house.people.authenticate(secret.reveal(), None).await.unwrap().is_none());

    let (secret, _) = house.people.create_client_secret(&maker, json!({}), MINUTE).unwrap();
    let identity = house.people.authenticate(secret.reveal(), None).await.unwrap().unwrap();
    house.people.revoke_session(&ida.session.id, "device_revoked", nobody()).await.unwrap();
    assert!(identity.revoked.is_cancelled(), "it ends with the device that made it");
    assert!(house.people.authenticate(secret.reveal(), None).await.unwrap().is_none());
}

#[tokio::test]
async fn this_machine_is_an_owner_until_the_server_is_another() {
    let house = House::new();
    let local = house.people.local_token().clone();
    let identity = house.people.authenticate(local.reveal(), None).await.unwrap().unwrap();
    assert_eq!((identity.method, identity.role), ("local", Role::Owner));
    let house = house.restart();
    assert!(house.people.authenticate(local.reveal(), None).await.unwrap().is_none());
}

#[tokio::test]
async fn what_is_no_secret_opens_nothing() {
    let house = House::new();
    house.owner("Ida").await;
    let huge = "vs_".to_owned() + &"x".repeat(1_000_000);
    for text in ["", "vs_", "vesta_", "ek_", "vl_", "vm_", "sk-abc", "vs_' OR 1=1 --", huge.as_str()] {
        assert!(house.people.authenticate(text, None).await.unwrap().is_none());
    }
}
