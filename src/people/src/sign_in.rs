//! Ways in: the first owner's link, invitations, further devices by link or by code.

use std::net::IpAddr;
use std::time::Duration;

use rusqlite::{OptionalExtension, Transaction, params};
use serde_json::json;

use crate::PeopleError;
use crate::clock::Moment;
use crate::code::Code;
use crate::database::{self, FAILURE};
use crate::model::{Actor, Device, Link, LinkKind, Pairing, Person, Session, device_name, language, name};
use crate::pairings::{OpenPairing, Welcome};
use crate::people::{Inner, People, SESSION_IDLE, about, lock};
use crate::role::Role;
use crate::secret::{Hash, Kind, Secret};
use crate::throttle::Key;

/// How long the first owner's link works.
const WELCOME: Duration = Duration::from_secs(24 * 3_600);
/// How long a further device may take to sign in.
const PAIRING: Duration = Duration::from_secs(10 * 60);
/// Devices that a person may have; the one that was not used for longest is signed out.
const MAX_SESSIONS: i64 = 50;
/// People that there may be.
const MAX_PEOPLE: usize = 200;
/// Longest text that is kept of what a browser calls itself.
const MAX_USER_AGENT: usize = 300;

/// Somebody who has just signed in.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// The cookie.
    pub secret: Secret,
    /// Who it is.
    pub person: Person,
    /// The device.
    pub session: Session,
}

impl People {
    /// A link for the first owner, in place of the one before; `None` where there is an owner.
    ///
    /// # Errors
    /// The database failed.
    pub async fn welcome(&self) -> Result<Option<(Secret, i64)>, PeopleError> {
        self.run(|inner, transaction, now| {
            if database::owners(transaction)? > 0 {
                lock(&inner.pairings).set_welcome(None);
                return Ok(None);
            }
            let secret = Secret::new(Kind::Link)?;
            let (expires, expires_at_ms) = (now.steady + WELCOME, now.unix_ms_after(WELCOME));
            lock(&inner.pairings).set_welcome(Some(Welcome { hash: secret.hash(), expires, expires_at_ms }));
            Ok(Some((secret, expires_at_ms)))
        })
        .await
    }

    /// Whether there is an owner.
    ///
    /// # Errors
    /// The database failed.
    pub async fn is_owned(&self) -> Result<bool, PeopleError> {
        self.run(|_, transaction, _| Ok(database::owners(transaction)? > 0)).await
    }

    /// What a link is for. It stays unused.
    ///
    /// # Errors
    /// There is no such link, or there were too many attempts.
    pub async fn link(&self, secret: &str, address: Option<IpAddr>) -> Result<Link, PeopleError> {
        let keys = of_address(address);
        self.allowed(&keys)?;
        let hash = Hash::of(secret);
        let found = self
            .run(move |inner, transaction, now| Ok(inner.find_link(transaction, &hash, now)?.map(|found| found.link)))
            .await?;
        found.ok_or_else(|| self.refused(&keys, PeopleError::NoSuchLink))
    }

    /// Uses a link up and signs the device in.
    ///
    /// # Errors
    /// There is no such link; the name is missing, unusable or taken (the link stays then); there were too many attempts.
    pub async fn accept(
        &self,
        secret: &str,
        given_name: Option<String>,
        given_language: Option<String>,
        device: Device,
    ) -> Result<SignedIn, PeopleError> {
        let keys = of_address(device.address);
        self.allowed(&keys)?;
        let given_name = given_name.map(|given| name("name", &given)).transpose()?;
        let given_language = given_language.map(|tag| language(&tag)).transpose()?;
        let hash = Hash::of(secret);
        let signed_in = self
            .run(move |inner, transaction, now| {
                // No error: an invitation that was found to be expired stays deleted.
                let Some(found) = inner.find_link(transaction, &hash, now)? else { return Ok(None) };
                let link = found.link;
                let person = match found.person {
                    Some(person) => person,
                    None => {
                        let name = given_name.or(link.name).ok_or_else(|| PeopleError::Invalid {
                            field: "name",
                            why: "is missing; say what you are called".to_owned(),
                        })?;
                        if database::people(transaction)?.len() >= MAX_PEOPLE {
                            return Err(PeopleError::TooMany { what: "people", limit: MAX_PEOPLE });
                        }
                        let language = given_language.or(link.language);
                        database::add_person(transaction, &name, link.role, language.as_deref(), now)?
                    }
                };
                if !found.used.use_up(inner, transaction)? {
                    return Ok(None);
                }
                sign_in(inner, transaction, &person, link.kind.word(), &device, now).map(Some)
            })
            .await?;
        signed_in.ok_or_else(|| self.refused(&keys, PeopleError::NoSuchLink))
    }

    /// A further device for a person: a link and a code, either of which works once, for ten minutes.
    ///
    /// # Errors
    /// There is no such person, or the database failed.
    pub async fn pair(&self, person: &str, actor: Actor) -> Result<Pairing, PeopleError> {
        let person = person.to_owned();
        let (secret, code) = (Secret::new(Kind::Link)?, Code::new()?);
        // Slow on purpose, so not while others wait for the database.
        let permit = self.inner.hashing.acquire().await;
        let hashed = code.clone();
        let stored = tokio::task::spawn_blocking(move || hashed.store()).await;
        let stored = stored.map_err(|error| PeopleError::Internal(format!("a task ended: {error}")))??;
        drop(permit);
        self.run(move |inner, transaction, now| {
            let person = database::person(transaction, &person)?;
            let (expires, expires_at_ms) = (now.steady + PAIRING, now.unix_ms_after(PAIRING));
            let pairing = OpenPairing::new(
                person.id.clone(),
                actor.person.clone(),
                secret.hash(),
                stored,
                expires,
                expires_at_ms,
            );
            database::audit(
                transaction,
                now,
                &actor,
                "code_made",
                &json!({ "person": person.id, "name": person.name }),
            )?;
            lock(&inner.pairings).open(pairing, now);
            Ok(Pairing { secret, code, expires_at_ms })
        })
        .await
    }

    /// Signs a device in by a code that was typed.
    ///
    /// # Errors
    /// The code is wrong, or there were too many attempts.
    pub async fn sign_in_by_code(&self, typed: &str, device: Device) -> Result<SignedIn, PeopleError> {
        // Codes are short: guesses from many addresses are slowed down together.
        let mut keys = of_address(device.address);
        keys.push(Key::Everybody);
        self.allowed(&keys)?;
        let Some(code) = Code::typed(typed) else {
            return Err(self.refused_and_noted(&keys, PeopleError::WrongCode, None, &device).await);
        };
        let now = self.now();
        let pairing = lock(&self.inner.pairings).attempt(code.selector(), now);
        let person = pairing.as_ref().map(|pairing| pairing.person.clone());
        keys.extend(person.clone().map(Key::Account));
        // Counted before the work begins: a thousand attempts at once are a thousand failures until one of them is right.
        self.allowed(&keys)?;
        lock(&self.inner.throttle).failed(&keys, now.steady);
        let permit = self.inner.hashing.acquire().await;
        let compared = tokio::task::spawn_blocking(move || match pairing {
            Some(pairing) => Ok(pairing.code.is(&code)?.then_some(pairing)),
            None => code.compare_in_vain().map(|()| None),
        });
        let right = compared.await.map_err(|error| PeopleError::Internal(format!("a comparison ended: {error}")))??;
        drop(permit);
        let Some(pairing) = right else {
            self.note_failure(person, "code", &device).await;
            return Err(PeopleError::WrongCode);
        };
        let signed_in = self
            .run(move |inner, transaction, now| {
                let person = database::person(transaction, &pairing.person)?;
                if !lock(&inner.pairings).take(&pairing.id) {
                    return Err(PeopleError::WrongCode);
                }
                sign_in(inner, transaction, &person, "code", &device, now)
            })
            .await?;
        lock(&self.inner.throttle).succeeded(&keys);
        Ok(signed_in)
    }

    /// Whether `keys` may try now.
    pub(crate) fn allowed(&self, keys: &[Key]) -> Result<(), PeopleError> {
        let now = self.now().steady;
        lock(&self.inner.throttle).check(keys, now).map_err(|retry_after| PeopleError::SlowDown { retry_after })
    }

    /// Counts a failure.
    pub(crate) fn refused(&self, keys: &[Key], error: PeopleError) -> PeopleError {
        let now = self.now().steady;
        lock(&self.inner.throttle).failed(keys, now);
        error
    }

    /// Counts a failure and writes it into the audit log.
    pub(crate) async fn refused_and_noted(
        &self,
        keys: &[Key],
        error: PeopleError,
        person: Option<String>,
        device: &Device,
    ) -> PeopleError {
        let error = self.refused(keys, error);
        self.note_failure(person, error.code(), device).await;
        error
    }

    async fn note_failure(&self, person: Option<String>, method: &'static str, device: &Device) {
        let actor = Actor { person: person.unwrap_or_default(), name: "somebody".to_owned(), address: device.address };
        let noted = self.run(move |_, transaction, now| {
            database::audit(transaction, now, &actor, FAILURE, &json!({ "method": method }))
        });
        if let Err(error) = noted.await {
            tracing::error!(%error, "a failed sign-in could not be noted");
        }
    }
}

/// Whom a failure slows down where nothing can be guessed.
pub(crate) fn of_address(address: Option<IpAddr>) -> Vec<Key> {
    address.map(Key::address).into_iter().collect()
}

/// A link that works.
struct FoundLink {
    link: Link,
    /// Whose device it adds.
    person: Option<Person>,
    used: Used,
}

/// How a link is used up.
enum Used {
    Welcome,
    Invite(String),
    Pairing(String),
}

impl Used {
    /// `false` where somebody was faster.
    fn use_up(self, inner: &Inner, transaction: &Transaction<'_>) -> Result<bool, PeopleError> {
        match self {
            Self::Welcome => {
                lock(&inner.pairings).set_welcome(None);
                Ok(true)
            }
            Self::Pairing(id) => Ok(lock(&inner.pairings).take(&id)),
            Self::Invite(id) => {
                Ok(transaction.prepare_cached("DELETE FROM invites WHERE id = ?1")?.execute([id])? == 1)
            }
        }
    }
}

impl Inner {
    fn find_link(
        &self,
        transaction: &Transaction<'_>,
        hash: &Hash,
        now: Moment,
    ) -> Result<Option<FoundLink>, PeopleError> {
        let welcome = lock(&self.pairings).welcome(hash, now);
        if let Some(welcome) = welcome {
            let link = Link {
                kind: LinkKind::Owner,
                name: None,
                role: Role::Owner,
                language: None,
                expires_at_ms: welcome.expires_at_ms,
            };
            let is_first = database::owners(transaction)? == 0;
            return Ok(is_first.then_some(FoundLink { link, person: None, used: Used::Welcome }));
        }
        let pairing = lock(&self.pairings).by_link(hash, now);
        if let Some(pairing) = pairing {
            let person = database::person(transaction, &pairing.person)?;
            let link = Link {
                kind: LinkKind::Device,
                name: Some(person.name.clone()),
                role: person.role,
                language: person.language.clone(),
                expires_at_ms: pairing.expires_at_ms,
            };
            return Ok(Some(FoundLink { link, person: Some(person), used: Used::Pairing(pairing.id) }));
        }
        // What was seen to be expired is gone, whatever becomes of the clock.
        transaction.prepare_cached("DELETE FROM invites WHERE expires_at_ms <= ?1")?.execute([now.unix_ms])?;
        let invite = transaction
            .prepare_cached("SELECT id, name, role, language, expires_at_ms FROM invites WHERE hash = ?1")?
            .query_row([hash.bytes()], |row| {
                let link = Link {
                    kind: LinkKind::Invite,
                    name: row.get(1)?,
                    role: database::role(row, 2)?,
                    language: row.get(3)?,
                    expires_at_ms: row.get(4)?,
                };
                Ok(FoundLink { link, person: None, used: Used::Invite(row.get(0)?) })
            })
            .optional()?;
        Ok(invite)
    }
}

/// Makes a session for `person`, and writes the audit log.
pub(crate) fn sign_in(
    inner: &Inner,
    transaction: &Transaction<'_>,
    person: &Person,
    method: &str,
    device: &Device,
    now: Moment,
) -> Result<SignedIn, PeopleError> {
    let secret = Secret::new(Kind::Session)?;
    let user_agent: Option<String> = device
        .user_agent
        .as_ref()
        .map(|agent| agent.chars().filter(|letter| !letter.is_control()).take(MAX_USER_AGENT).collect());
    let given = device.name.as_deref().and_then(|given| name("device", given).ok());
    let session = Session {
        id: uuid::Uuid::now_v7().to_string(),
        person: person.id.clone(),
        name: given.unwrap_or_else(|| device_name(user_agent.as_deref())),
        user_agent,
        method: method.to_owned(),
        created_at_ms: now.unix_ms,
        seen_at_ms: now.unix_ms,
        address: device.address.map(|address| address.to_string()),
        expires_at_ms: now.unix_ms_after(SESSION_IDLE),
    };
    transaction
        .prepare_cached(
            "INSERT INTO sessions (id, person, hash, name, user_agent, method, created_at_ms, seen_at_ms, address, expires_at_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7, ?8, ?9)",
        )?
        .execute(params![
            session.id,
            session.person,
            secret.hash().bytes(),
            session.name,
            session.user_agent,
            session.method,
            session.created_at_ms,
            session.address,
            session.expires_at_ms
        ])?;
    let mut oldest = transaction.prepare_cached(
        "DELETE FROM sessions WHERE person = ?1 AND id NOT IN
             (SELECT id FROM sessions WHERE person = ?1 ORDER BY seen_at_ms DESC, created_at_ms DESC, id DESC LIMIT ?2) RETURNING id",
    )?;
    for id in oldest.query_map(params![person.id, MAX_SESSIONS], |row| row.get::<_, String>(0))? {
        inner.end(&id?);
    }
    let actor = Actor { person: person.id.clone(), name: person.name.clone(), address: device.address };
    let mut detail = about(person, method);
    if let Some(detail) = detail.as_object_mut() {
        detail.insert("device".to_owned(), session.name.clone().into());
    }
    database::audit(transaction, now, &actor, "signed_in", &detail)?;
    let person = database::person(transaction, &person.id)?;
    Ok(SignedIn { secret, person, session })
}
