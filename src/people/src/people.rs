//! The handle: opens the database, tells who presents a secret, ends what is revoked or expired.

use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use serde_json::{Value, json};
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::PeopleError;
use crate::client_secrets::ClientSecrets;
use crate::clock::{Clock, Moment};
use crate::database;
use crate::live::{Expiry, Live};
use crate::model::{Actor, AuditEntry, Identity, LOCAL, Person};
use crate::pairings::Pairings;
use crate::passkeys::Ceremonies;
use crate::role::{Action, Role};
use crate::secret::{Hash, Kind, Secret};
use crate::throttle::Throttle;

/// How long a device stays signed in after it was last used.
pub(crate) const SESSION_IDLE: Duration = Duration::from_secs(90 * 86_400);
/// How often it is noted that a session or token is used.
const SEEN_EVERY_MS: i64 = 5 * 60 * 1_000;
/// How often the wall clock is looked at, in case it jumped.
const LOOK: Duration = Duration::from_secs(10);

/// The people of one data folder. Cheap to clone; every clone speaks of the same people.
#[derive(Clone)]
pub struct People {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    clock: Clock,
    database: Mutex<Connection>,
    /// Taken while the database is, where both are needed: what is looked up there and what hangs on it change together.
    live: Mutex<Live>,
    pub(crate) throttle: Mutex<Throttle>,
    pub(crate) pairings: Mutex<Pairings>,
    pub(crate) client_secrets: Mutex<ClientSecrets>,
    pub(crate) ceremonies: Mutex<Ceremonies>,
    /// One Argon2 at a time: each takes 19 MiB and a core.
    pub(crate) hashing: Semaphore,
    local: Secret,
    used: Notify,
}

/// A lock whose holder panicked guards nothing that could be half done: every change is one statement or one transaction.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl std::fmt::Debug for People {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("People").finish_non_exhaustive()
    }
}

impl People {
    /// Opens the people of a data folder, which is made where it is missing. What they have open ends with `cancel`.
    ///
    /// # Errors
    /// The database cannot be used, or is of a newer version.
    pub fn open(folder: &Path, clock: Clock, cancel: CancellationToken) -> Result<Self, PeopleError> {
        let inner = Inner {
            clock,
            database: Mutex::new(database::open(folder)?),
            live: Mutex::new(Live::new(cancel)),
            throttle: Mutex::default(),
            pairings: Mutex::default(),
            client_secrets: Mutex::default(),
            ceremonies: Mutex::default(),
            hashing: Semaphore::new(1),
            local: Secret::new(Kind::Local)?,
            used: Notify::new(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The secret of the programs of this machine: an owner's, new for every handle that is opened.
    pub fn local_token(&self) -> &Secret {
        &self.inner.local
    }

    /// What time it is for the people.
    pub fn now(&self) -> Moment {
        self.inner.clock.now()
    }

    /// Whoever presents `secret`; `None` where it opens nothing.
    ///
    /// # Errors
    /// The database failed.
    pub async fn authenticate(&self, secret: &str, address: Option<IpAddr>) -> Result<Option<Identity>, PeopleError> {
        let Some(kind) = Kind::of(secret) else { return Ok(None) };
        let hash = Hash::of(secret);
        if kind == Kind::Local {
            return Ok(hash.is(&self.inner.local.hash()).then(|| self.local()));
        }
        let identity = self
            .run(move |inner, transaction, now| match kind {
                Kind::Session => inner.session(transaction, hash, address, now),
                Kind::Token => inner.token(transaction, hash, now),
                Kind::Client => inner.client_secret(transaction, hash, now),
                Kind::Link | Kind::Local => Ok(None),
            })
            .await?;
        if identity.is_some() {
            // The watcher may have to wake up earlier now.
            self.inner.used.notify_one();
        }
        Ok(identity)
    }

    fn local(&self) -> Identity {
        Identity {
            person: LOCAL.to_owned(),
            name: "This machine".to_owned(),
            role: Role::Owner,
            language: None,
            session: LOCAL.to_owned(),
            method: "local",
            scopes: None,
            realtime_session: None,
            expires_at_ms: None,
            revoked: lock(&self.inner.live).used(LOCAL, LOCAL, Expiry::Never),
        }
    }

    /// Ends what expires, at once, until `cancel`. Somebody has to run it.
    pub async fn watch(&self, cancel: CancellationToken) {
        loop {
            let left = self.expire();
            tokio::select! {
                () = tokio::time::sleep(left.unwrap_or(LOOK).min(LOOK)) => {}
                () = self.inner.used.notified() => {}
                () = cancel.cancelled() => return,
            }
        }
    }

    /// Ends what has expired. [`People::watch`] does it by itself.
    pub fn expire(&self) -> Option<Duration> {
        let now = self.now();
        lock(&self.inner.client_secrets).expire(now);
        lock(&self.inner.live).expire(now)
    }

    /// Everybody.
    ///
    /// # Errors
    /// The database failed.
    pub async fn people(&self) -> Result<Vec<Person>, PeopleError> {
        self.run(|_, transaction, _| database::people(transaction)).await
    }

    /// A person by id.
    ///
    /// # Errors
    /// There is none, or the database failed.
    pub async fn person(&self, id: &str) -> Result<Person, PeopleError> {
        let id = id.to_owned();
        self.run(move |_, transaction, _| database::person(transaction, &id)).await
    }

    /// Changes a person. What they have open ends, and comes back as whoever they are now.
    ///
    /// # Errors
    /// There is no such person, the name is taken or unusable, or the house would have no owner.
    pub async fn change_person(
        &self,
        id: &str,
        name: Option<String>,
        role: Option<Role>,
        language: Option<Option<String>>,
        actor: Actor,
    ) -> Result<Person, PeopleError> {
        let id = id.to_owned();
        let name = name.map(|name| crate::model::name("name", &name)).transpose()?;
        let language = match language {
            Some(Some(tag)) => Some(Some(crate::model::language(&tag)?)),
            other => other,
        };
        self.run(move |inner, transaction, now| {
            let before = database::person(transaction, &id)?;
            let name = name.unwrap_or_else(|| before.name.clone());
            let role = role.unwrap_or(before.role);
            let language = language.unwrap_or_else(|| before.language.clone());
            if before.role == Role::Owner && role != Role::Owner && database::owners(transaction)? <= 1 {
                return Err(PeopleError::LastOwner);
            }
            let changed = transaction
                .prepare_cached("UPDATE people SET name = ?2, folded = ?3, role = ?4, language = ?5 WHERE id = ?1")?
                .execute(params![id, name, database::folded(&name), role.name(), language]);
            database::named(changed, &name)?;
            let detail = json!({ "person": id, "name": name, "role": role, "language": language, "was": before.role });
            database::audit(transaction, now, &actor, "person_changed", &detail)?;
            let after = database::person(transaction, &id)?;
            if after != before {
                lock(&inner.pairings).forget_person(&id);
                inner.end_person(&id);
            }
            Ok(after)
        })
        .await
    }

    /// Removes a person with their devices, tokens and passkeys. What they have open ends.
    ///
    /// # Errors
    /// There is no such person, or they are the last owner.
    pub async fn remove_person(&self, id: &str, actor: Actor) -> Result<(), PeopleError> {
        let id = id.to_owned();
        self.run(move |inner, transaction, now| {
            let person = database::person(transaction, &id)?;
            if person.role == Role::Owner && database::owners(transaction)? <= 1 {
                return Err(PeopleError::LastOwner);
            }
            transaction.prepare_cached("DELETE FROM people WHERE id = ?1")?.execute([&id])?;
            database::audit(transaction, now, &actor, "person_removed", &json!({ "person": id, "name": person.name }))?;
            lock(&inner.pairings).forget_person(&id);
            lock(&inner.client_secrets).forget_person(&id);
            inner.end_person(&id);
            Ok(())
        })
        .await
    }

    /// The audit log: up to `limit` lines with an id below `before`, the newest first.
    ///
    /// # Errors
    /// The database failed.
    pub async fn audit(&self, limit: usize, before: Option<i64>) -> Result<Vec<AuditEntry>, PeopleError> {
        self.run(move |_, transaction, _| database::audit_entries(transaction, limit, before)).await
    }

    /// Works in one transaction, off the threads that must not wait for a disk. It is undone where `work` fails.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner, &Transaction<'_>, Moment) -> Result<T, PeopleError> + Send + 'static,
    ) -> Result<T, PeopleError> {
        let inner = self.inner.clone();
        let done = tokio::task::spawn_blocking(move || {
            let mut connection = lock(&inner.database);
            let now = inner.clock.now();
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let value = work(&inner, &transaction, now)?;
            transaction.commit()?;
            Ok(value)
        });
        done.await.map_err(|error| PeopleError::Internal(format!("a task about people ended: {error}")))?
    }
}

impl Inner {
    /// Ends everything that hangs on a session or token, the client secrets that it made as well.
    pub(crate) fn end(&self, id: &str) {
        let children = lock(&self.client_secrets).forget_children(id);
        let mut live = lock(&self.live);
        for id in children.iter().map(String::as_str).chain([id]) {
            live.end(id);
        }
    }

    /// Ends everything of a person.
    pub(crate) fn end_person(&self, person: &str) {
        lock(&self.live).end_person(person);
    }

    /// Notes that something is used.
    pub(crate) fn used(&self, id: &str, person: &str, expiry: Expiry) -> CancellationToken {
        lock(&self.live).used(id, person, expiry)
    }

    fn session(
        &self,
        transaction: &Transaction<'_>,
        hash: Hash,
        address: Option<IpAddr>,
        now: Moment,
    ) -> Result<Option<Identity>, PeopleError> {
        let found = transaction
            .prepare_cached("SELECT id, person, seen_at_ms, expires_at_ms FROM sessions WHERE hash = ?1")?
            .query_row([hash.bytes()], |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, i64>(2)?, row.get::<_, i64>(3)?))
            })
            .optional()?;
        let Some((id, person, seen, mut expires)) = found else { return Ok(None) };
        if Expiry::Wall(expires).is_over(now) {
            // Deleted, so that a clock that is set back does not make it valid again.
            transaction.prepare_cached("DELETE FROM sessions WHERE id = ?1")?.execute([&id])?;
            self.end(&id);
            return Ok(None);
        }
        if now.unix_ms.saturating_sub(seen) > SEEN_EVERY_MS {
            expires = now.unix_ms_after(SESSION_IDLE);
            transaction
                .prepare_cached(
                    "UPDATE sessions SET seen_at_ms = ?2, expires_at_ms = ?3, address = coalesce(?4, address) WHERE id = ?1",
                )?
                .execute(params![id, now.unix_ms, expires, address.map(|address| address.to_string())])?;
        }
        let person = database::person(transaction, &person)?;
        let revoked = self.used(&id, &person.id, Expiry::Wall(expires));
        Ok(Some(identity(person, id, "device", Some(expires), revoked)))
    }

    fn token(&self, transaction: &Transaction<'_>, hash: Hash, now: Moment) -> Result<Option<Identity>, PeopleError> {
        let found = transaction
            .prepare_cached("SELECT id, person, scopes, seen_at_ms, expires_at_ms FROM tokens WHERE hash = ?1")?
            .query_row([hash.bytes()], |row| {
                let scopes: String = row.get(2)?;
                Ok((
                    row.get::<_, String>(0)?,
                    row.get::<_, String>(1)?,
                    scopes,
                    row.get::<_, Option<i64>>(3)?,
                    row.get::<_, Option<i64>>(4)?,
                ))
            })
            .optional()?;
        let Some((id, person, scopes, seen, expires)) = found else { return Ok(None) };
        let expiry = expires.map_or(Expiry::Never, Expiry::Wall);
        if expiry.is_over(now) {
            transaction.prepare_cached("DELETE FROM tokens WHERE id = ?1")?.execute([&id])?;
            self.end(&id);
            return Ok(None);
        }
        if seen.is_none_or(|seen| now.unix_ms.saturating_sub(seen) > SEEN_EVERY_MS) {
            transaction
                .prepare_cached("UPDATE tokens SET seen_at_ms = ?2 WHERE id = ?1")?
                .execute(params![id, now.unix_ms])?;
        }
        let person = database::person(transaction, &person)?;
        let revoked = self.used(&id, &person.id, expiry);
        let scopes: Vec<Action> = scopes.split(' ').filter_map(|scope| scope.parse().ok()).collect();
        Ok(Some(Identity { scopes: Some(scopes.into()), ..identity(person, id, "token", expires, revoked) }))
    }

    fn client_secret(
        &self,
        transaction: &Transaction<'_>,
        hash: Hash,
        now: Moment,
    ) -> Result<Option<Identity>, PeopleError> {
        let Some(secret) = lock(&self.client_secrets).find(&hash, now) else { return Ok(None) };
        let person = if secret.person == LOCAL {
            Person {
                id: LOCAL.to_owned(),
                name: "This machine".to_owned(),
                role: Role::Owner,
                language: None,
                created_at_ms: 0,
                devices: 0,
                passkeys: 0,
            }
        } else {
            database::person(transaction, &secret.person)?
        };
        let revoked = self.used(&secret.id, &person.id, Expiry::Steady(secret.expires));
        Ok(Some(Identity {
            scopes: Some(secret.scopes),
            realtime_session: Some(secret.session),
            ..identity(person, secret.id, "client_secret", Some(secret.expires_at_ms), revoked)
        }))
    }
}

fn identity(
    person: Person,
    session: String,
    method: &'static str,
    expires_at_ms: Option<i64>,
    revoked: CancellationToken,
) -> Identity {
    Identity {
        person: person.id,
        name: person.name,
        role: person.role,
        language: person.language,
        session,
        method,
        scopes: None,
        realtime_session: None,
        expires_at_ms,
        revoked,
    }
}

impl Identity {
    /// This caller, as the audit log names it.
    pub fn actor(&self, address: Option<IpAddr>) -> Actor {
        Actor { person: self.person.clone(), name: self.name.clone(), address }
    }
}

/// A value of the audit log, for brevity.
pub(crate) fn about(person: &Person, method: &str) -> Value {
    json!({ "person": person.id, "name": person.name, "role": person.role, "method": method })
}
