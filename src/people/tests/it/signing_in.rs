//! Links, codes, devices and their end.

use std::time::Duration;

use vesta_people::{LinkKind, PeopleError, Role};

use crate::house::{House, device, nobody};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);

#[tokio::test]
async fn the_first_link_makes_the_owner_once() {
    let house = House::new();
    let (first, _) = house.people.welcome().await.unwrap().unwrap();
    let (second, _) = house.people.welcome().await.unwrap().unwrap();
    let refused = house.people.link(first.reveal(), None).await.unwrap_err();
    assert!(matches!(refused, PeopleError::NoSuchLink), "a new link replaces the old one");
    let link = house.people.link(second.reveal(), None).await.unwrap();
    assert_eq!((link.kind, link.role), (LinkKind::Owner, Role::Owner));
    let nameless = house.people.accept(second.reveal(), None, None, device("10.0.0.1")).await.unwrap_err();
    assert!(matches!(nameless, PeopleError::Invalid { field: "name", .. }), "{nameless}");
    let accept =
        || house.people.accept(second.reveal(), Some("Ida".to_owned()), Some("de".to_owned()), device("10.0.0.1"));
    let owner = accept().await.unwrap();
    assert_eq!(
        (owner.person.name.as_str(), owner.person.role, owner.person.language.as_deref()),
        ("Ida", Role::Owner, Some("de"))
    );
    assert!(matches!(accept().await.unwrap_err(), PeopleError::NoSuchLink));
    assert!(house.people.welcome().await.unwrap().is_none(), "a house with an owner has no such link");
    let house = house.restart();
    let identity = house.people.authenticate(owner.secret.reveal(), None).await.unwrap().unwrap();
    assert_eq!((identity.person, identity.role), (owner.person.id, Role::Owner));
}

#[tokio::test]
async fn two_who_use_a_link_at_once_do_not_both_get_in() {
    let house = House::new();
    let (secret, _) = house.people.welcome().await.unwrap().unwrap();
    let accept = |name: &str| house.people.accept(secret.reveal(), Some(name.to_owned()), None, device("10.0.0.1"));
    let (one, other) = tokio::join!(accept("One"), accept("Other"));
    assert!(one.is_ok() != other.is_ok());
    assert_eq!(house.people.people().await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_invitation_works_once_and_not_for_ever() {
    let house = House::new();
    house.owner("Ida").await;
    let invite =
        |lasts| house.people.invite(Role::Child, Some("Tom".to_owned()), Some("fr".to_owned()), lasts, nobody());
    let (_, secret) = invite(None).await.unwrap();
    let tom = house.people.accept(secret.reveal(), None, None, device("10.0.0.2")).await.unwrap();
    assert_eq!(
        (tom.person.name.as_str(), tom.person.role, tom.person.language.as_deref()),
        ("Tom", Role::Child, Some("fr"))
    );
    let again =
        house.people.accept(secret.reveal(), Some("Eve".to_owned()), None, device("10.0.0.3")).await.unwrap_err();
    assert!(matches!(again, PeopleError::NoSuchLink));

    let (_, second) = invite(Some(MINUTE)).await.unwrap();
    let taken =
        house.people.accept(second.reveal(), Some("TOM".to_owned()), None, device("10.0.0.2")).await.unwrap_err();
    assert!(matches!(taken, PeopleError::NameTaken { .. }), "{taken}");
    house.pass(MINUTE);
    let late =
        house.people.accept(second.reveal(), Some("Ben".to_owned()), None, device("10.0.0.2")).await.unwrap_err();
    assert!(matches!(late, PeopleError::NoSuchLink));
    house.jump(-3_600_000);
    let back =
        house.people.accept(second.reveal(), Some("Ben".to_owned()), None, device("10.0.0.2")).await.unwrap_err();
    assert!(matches!(back, PeopleError::NoSuchLink), "a clock that is set back revives nothing");

    let (third, secret) = invite(None).await.unwrap();
    house.people.revoke_invite(&third.id, nobody()).await.unwrap();
    assert!(house.people.accept(secret.reveal(), Some("Ben".to_owned()), None, device("10.0.0.2")).await.is_err());
    assert!(invite(Some(DAY * 31)).await.is_err());
}

#[tokio::test]
async fn a_code_signs_the_same_person_in_on_another_device() {
    let house = House::new();
    let ida = house.owner("Ida").await;
    let pairing = house.people.pair(&ida.person.id, nobody()).await.unwrap();
    let typed = pairing.code.to_string().to_lowercase();
    let phone = house.people.sign_in_by_code(&typed, device("10.0.0.9")).await.unwrap();
    assert_eq!((phone.person.id.as_str(), phone.session.method.as_str()), (ida.person.id.as_str(), "code"));
    assert!(house.people.sign_in_by_code(&typed, device("10.0.0.9")).await.is_err(), "a code works once");
    assert!(
        house.people.accept(pairing.secret.reveal(), None, None, device("10.0.0.9")).await.is_err(),
        "and its link with it"
    );

    let pairing = house.people.pair(&ida.person.id, nobody()).await.unwrap();
    let tablet =
        house.people.accept(pairing.secret.reveal(), Some("Eve".to_owned()), None, device("10.0.0.9")).await.unwrap();
    assert_eq!(tablet.person.name, "Ida", "a device is added, nobody is renamed");

    let pairing = house.people.pair(&ida.person.id, nobody()).await.unwrap();
    house.jump(-86_400_000);
    house.pass(MINUTE * 10);
    assert!(
        house.people.sign_in_by_code(&pairing.code.to_string(), device("10.0.0.8")).await.is_err(),
        "ten minutes have passed, whatever the clock says"
    );
}

/// A different code of the same selector: the last letter is another.
fn nearly(code: &str) -> String {
    let (body, last) = code.split_at(code.len() - 1);
    format!("{body}{}", if last == "2" { "3" } else { "2" })
}

#[tokio::test]
async fn a_thousand_attempts_find_nothing_and_leave_little() {
    let house = House::new();
    let ida = house.owner("Ida").await;
    let pairing = house.people.pair(&ida.person.id, nobody()).await.unwrap();
    let wrong = nearly(&pairing.code.to_string());
    let (mut compared, mut slowed) = (0, 0);
    for attempt in 0..1_000 {
        // As fast as the network carries them.
        house.pass(Duration::from_millis(1));
        match house.people.sign_in_by_code(&wrong, device("203.0.113.9")).await.unwrap_err() {
            PeopleError::SlowDown { retry_after } => {
                assert!(retry_after <= Duration::from_secs(15 * 60), "{attempt}");
                slowed += 1;
            }
            PeopleError::WrongCode => compared += 1,
            other => panic!("{other}"),
        }
    }
    assert_eq!((compared, slowed), (6, 994), "five are free, and the one after them");
    let right = house.people.sign_in_by_code(&pairing.code.to_string(), device("10.0.0.7")).await.unwrap_err();
    assert!(
        matches!(right, PeopleError::SlowDown { .. } | PeopleError::WrongCode),
        "the code died with its fifth wrong attempt: {right}"
    );
    let failures =
        house.people.audit(2_000, None).await.unwrap().into_iter().filter(|line| line.action == "sign_in_failed");
    assert!(failures.count() <= 7, "what is slowed down is not even written down");
    let others = house.people.authenticate(ida.secret.reveal(), None).await.unwrap();
    assert!(others.is_some(), "who is signed in does not notice");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_attempts_at_once_count_as_many() {
    let house = House::new();
    let ida = house.owner("Ida").await;
    let pairing = house.people.pair(&ida.person.id, nobody()).await.unwrap();
    let wrong = nearly(&pairing.code.to_string());
    let mut attempts = tokio::task::JoinSet::new();
    for host in 0..60 {
        let (people, wrong) = (house.people.clone(), wrong.clone());
        attempts.spawn(async move {
            people.sign_in_by_code(&wrong, device(&format!("203.0.113.{host}"))).await.unwrap_err()
        });
    }
    let results = attempts.join_all().await;
    assert!(results.iter().all(|error| matches!(error, PeopleError::WrongCode | PeopleError::SlowDown { .. })));
    house.pass(MINUTE);
    let right = house.people.sign_in_by_code(&pairing.code.to_string(), device("10.0.0.7")).await.unwrap_err();
    assert!(matches!(right, PeopleError::WrongCode), "the code died with its fifth wrong attempt: {right}");
    let next = house.people.pair(&ida.person.id, nobody()).await.unwrap();
    house.people.sign_in_by_code(&next.code.to_string(), device("10.0.0.7")).await.map(drop).unwrap();
}

#[tokio::test]
async fn a_device_that_is_used_stays_and_one_that_is_not_goes() {
    let house = House::new();
    let ida = house.owner("Ida").await;
    let alive = async || house.people.authenticate(ida.secret.reveal(), None).await.unwrap().is_some();
    for _ in 0..10 {
        house.pass(DAY * 60);
        assert!(alive().await);
    }
    house.pass(DAY * 90);
    assert!(!alive().await);
    house.jump(-1_000 * 86_400 * 90);
    assert!(!alive().await, "a clock that is set back revives nothing");
}

#[tokio::test]
async fn revoking_a_device_ends_what_it_has_open_and_nothing_else() {
    let house = House::new();
    let ida = house.owner("Ida").await;
    let tom = house.invited("Tom", Role::Adult).await;
    let open = async |secret: &str| house.people.authenticate(secret, None).await.unwrap().unwrap().revoked;
    let (ida_open, tom_open) = (open(ida.secret.reveal()).await, open(tom.secret.reveal()).await);
    house.people.revoke_session(&tom.session.id, "device_revoked", nobody()).await.unwrap();
    assert!(tom_open.is_cancelled() && !ida_open.is_cancelled());
    assert!(house.people.authenticate(tom.secret.reveal(), None).await.unwrap().is_none());
}

#[tokio::test]
async fn what_expires_while_it_is_open_ends() {
    let house = House::new();
    let ida = house.owner("Ida").await;
    let open = house.people.authenticate(ida.secret.reveal(), None).await.unwrap().unwrap().revoked;
    let ending = tokio_util::sync::CancellationToken::new();
    let watching = tokio::spawn({
        let (people, ending) = (house.people.clone(), ending.clone());
        async move { people.watch(ending).await }
    });
    house.pass(DAY * 91);
    // The watcher looks at the clock whenever something is used.
    let other = house.people.pair(&ida.person.id, nobody()).await.unwrap();
    house.people.accept(other.secret.reveal(), None, None, device("10.0.0.2")).await.map(drop).unwrap();
    house.people.authenticate(house.people.local_token().reveal(), None).await.unwrap().unwrap();
    house.people.expire();
    open.cancelled().await;
    ending.cancel();
    watching.await.unwrap();
}

#[tokio::test]
async fn a_changed_role_ends_what_is_open_and_counts_at_once() {
    let house = House::new();
    house.owner("Ida").await;
    let tom = house.invited("Tom", Role::Adult).await;
    let before = house.people.authenticate(tom.secret.reveal(), None).await.unwrap().unwrap();
    house.people.change_person(&tom.person.id, None, Some(Role::Guest), None, nobody()).await.unwrap();
    assert!(before.revoked.is_cancelled());
    let after = house.people.authenticate(tom.secret.reveal(), None).await.unwrap().unwrap();
    assert_eq!(after.role, Role::Guest);
    assert!(!after.revoked.is_cancelled());
}

#[tokio::test]
async fn the_last_owner_stays() {
    let house = House::new();
    let ida = house.owner("Ida").await;
    let id = ida.person.id.as_str();
    for role in [Role::Adult, Role::Child, Role::Guest] {
        let refused = house.people.change_person(id, None, Some(role), None, nobody()).await.unwrap_err();
        assert!(matches!(refused, PeopleError::LastOwner));
    }
    assert!(matches!(house.people.remove_person(id, nobody()).await.unwrap_err(), PeopleError::LastOwner));
    let tom = house.invited("Tom", Role::Owner).await;
    let (one, other) =
        tokio::join!(house.people.remove_person(id, nobody()), house.people.remove_person(&tom.person.id, nobody()));
    assert!(one.is_ok() != other.is_ok(), "two owners who remove each other at once leave one");
    assert!(house.people.is_owned().await.unwrap());
}

#[tokio::test]
async fn a_removed_person_leaves_nothing_that_opens() {
    let house = House::new();
    house.owner("Ida").await;
    let tom = house.invited("Tom", Role::Adult).await;
    let scopes = vec![vesta_people::Action::Talk];
    let (_, token) = house.people.create_token(&tom.person.id, "lamp", scopes, None, nobody()).await.unwrap();
    let pairing = house.people.pair(&tom.person.id, nobody()).await.unwrap();
    let identity = house.people.authenticate(tom.secret.reveal(), None).await.unwrap().unwrap();
    let (client, _) = house.people.create_client_secret(&identity, serde_json::json!({}), MINUTE).unwrap();
    house.people.remove_person(&tom.person.id, nobody()).await.unwrap();
    for secret in [&tom.secret, &token, &client] {
        assert!(house.people.authenticate(secret.reveal(), None).await.unwrap().is_none());
    }
    assert!(house.people.accept(pairing.secret.reveal(), None, None, device("10.0.0.4")).await.is_err());
    assert!(identity.revoked.is_cancelled());
}

#[tokio::test]
async fn the_audit_log_tells_who_did_what_and_no_secret() {
    let house = House::new();
    let ida = house.owner("Ida").await;
    let (_, secret) = house.people.invite(Role::Guest, Some("Eve".to_owned()), None, None, nobody()).await.unwrap();
    house.people.accept(secret.reveal(), None, None, device("192.0.2.7")).await.unwrap();
    let _ = house.people.sign_in_by_code("K7Q-9M2-XPB", device("203.0.113.1")).await;
    let log = house.people.audit(100, None).await.unwrap();
    let actions: Vec<_> = log.iter().map(|line| line.action.as_str()).collect();
    assert_eq!(actions, ["sign_in_failed", "signed_in", "invited", "signed_in"]);
    assert_eq!((log[1].name.as_str(), log[1].address.as_deref()), ("Eve", Some("192.0.2.7")));
    let text = format!("{log:?}");
    assert!(!text.contains(secret.reveal()) && !text.contains(ida.secret.reveal()));
    assert_eq!(house.people.audit(1, Some(log[0].id)).await.unwrap(), [log[1].clone()]);
}

#[tokio::test]
async fn nothing_on_disk_opens_anything() {
    let house = House::new();
    let ida = house.owner("Ida").await;
    let pairing = house.people.pair(&ida.person.id, nobody()).await.unwrap();
    let scopes = vec![vesta_people::Action::Talk];
    let (_, token) = house.people.create_token(&ida.person.id, "lamp", scopes, None, nobody()).await.unwrap();
    let mut kept = Vec::new();
    for entry in std::fs::read_dir(house.folder.path()).unwrap() {
        let entry = entry.unwrap();
        kept.extend(std::fs::read(entry.path()).unwrap());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o077, 0, "{:?}", entry.path());
        }
    }
    let code = pairing.code.to_string().replace('-', "");
    for secret in [ida.secret.reveal(), token.reveal(), pairing.secret.reveal(), &code] {
        let bytes = secret.trim_start_matches("vs_").trim_start_matches("vesta_").as_bytes();
        assert!(!kept.windows(bytes.len()).any(|window| window == bytes), "{secret}");
    }
}
