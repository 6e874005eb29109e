//! Devices, invitations and API tokens: list, make, change, revoke.

use std::time::Duration;

use rusqlite::{OptionalExtension, Row, params};
use serde_json::{Value, json};

use crate::PeopleError;
use crate::client_secrets::ClientSecret;
use crate::database;
use crate::model::{Actor, Identity, Invite, Session, Token, language, name};
use crate::people::{People, lock};
use crate::role::{Action, Role};
use crate::secret::{Kind, Secret};

/// How long an invitation works where nothing else is said, and at most.
const INVITE: Duration = Duration::from_secs(7 * 86_400);
const MAX_INVITE: Duration = Duration::from_secs(30 * 86_400);
/// Invitations that may be open.
const MAX_INVITES: usize = 100;
/// Tokens that a person may have.
const MAX_TOKENS: usize = 100;
/// How long a client secret may work: OpenAI's limits.
const CLIENT_SECRET: std::ops::RangeInclusive<Duration> = Duration::from_secs(10)..=Duration::from_secs(7_200);
/// What a client secret may do at most.
const CLIENT_SCOPES: [Action; 7] = [
    Action::Talk,
    Action::ReadHome,
    Action::ReadSecurity,
    Action::ControlHome,
    Action::ControlAppliances,
    Action::UnlockDoors,
    Action::KeepLists,
];

impl People {
    /// Devices of a person, or everybody's, the last used first.
    ///
    /// # Errors
    /// The database failed.
    pub async fn sessions(&self, person: Option<String>) -> Result<Vec<Session>, PeopleError> {
        self.run(move |_, transaction, now| {
            transaction.prepare_cached("DELETE FROM sessions WHERE expires_at_ms <= ?1")?.execute([now.unix_ms])?;
            let mut statement = transaction.prepare_cached(&format!(
                "{SESSION} WHERE ?1 IS NULL OR person = ?1 ORDER BY seen_at_ms DESC, id DESC"
            ))?;
            let rows = statement.query_map([person], session_row)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// A device by id.
    ///
    /// # Errors
    /// There is none, or the database failed.
    pub async fn session(&self, id: &str) -> Result<Session, PeopleError> {
        let id = id.to_owned();
        self.run(move |_, transaction, _| {
            let found = transaction
                .prepare_cached(&format!("{SESSION} WHERE id = ?1"))?
                .query_row([&id], session_row)
                .optional()?;
            found.ok_or(PeopleError::NotFound { what: "device", id })
        })
        .await
    }

    /// Names a device.
    ///
    /// # Errors
    /// There is no such device, or the name is unusable.
    pub async fn rename_session(&self, id: &str, new_name: &str, actor: Actor) -> Result<Session, PeopleError> {
        let (key, new_name) = (id.to_owned(), name("name", new_name)?);
        self.run(move |_, transaction, now| {
            transaction
                .prepare_cached("UPDATE sessions SET name = ?2 WHERE id = ?1")?
                .execute(params![key, new_name])?;
            database::audit(transaction, now, &actor, "device_renamed", &json!({ "device": key, "name": new_name }))
        })
        .await?;
        self.session(id).await
    }

    /// Signs a device out. What it has open ends at once.
    ///
    /// # Errors
    /// There is no such device, or the database failed.
    pub async fn revoke_session(&self, id: &str, action: &'static str, actor: Actor) -> Result<(), PeopleError> {
        let id = id.to_owned();
        self.run(move |inner, transaction, now| {
            let revoked = transaction
                .prepare_cached("DELETE FROM sessions WHERE id = ?1 RETURNING person, name")?
                .query_row([&id], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))
                .optional()?;
            let Some((person, name)) = revoked else { return Err(PeopleError::NotFound { what: "device", id }) };
            database::audit(transaction, now, &actor, action, &json!({ "device": name, "person": person }))?;
            lock(&inner.pairings).forget_person(&person);
            inner.end(&id);
            Ok(())
        })
        .await
    }

    /// Open invitations, the newest first.
    ///
    /// # Errors
    /// The database failed.
    pub async fn invites(&self) -> Result<Vec<Invite>, PeopleError> {
        self.run(|_, transaction, now| {
            transaction.prepare_cached("DELETE FROM invites WHERE expires_at_ms <= ?1")?.execute([now.unix_ms])?;
            let mut statement = transaction.prepare_cached(
                "SELECT id, name, role, language, created_at_ms, expires_at_ms FROM invites ORDER BY created_at_ms DESC, id DESC",
            )?;
            let rows = statement.query_map([], |row| {
                Ok(Invite {
                    id: row.get(0)?,
                    name: row.get(1)?,
                    role: database::role(row, 2)?,
                    language: row.get(3)?,
                    created_at_ms: row.get(4)?,
                    expires_at_ms: row.get(5)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Invites somebody. The secret goes into the link.
    ///
    /// # Errors
    /// The name, the language or the time is unusable, or too many invitations are open.
    pub async fn invite(
        &self,
        role: Role,
        for_name: Option<String>,
        tag: Option<String>,
        lasts: Option<Duration>,
        actor: Actor,
    ) -> Result<(Invite, Secret), PeopleError> {
        let for_name = for_name.map(|given| name("name", &given)).transpose()?;
        let tag = tag.map(|tag| language(&tag)).transpose()?;
        let lasts = lasts.unwrap_or(INVITE);
        if lasts.is_zero() || lasts > MAX_INVITE {
            return Err(PeopleError::Invalid { field: "expires_in_s", why: "must be 1 second to 30 days".to_owned() });
        }
        if self.invites().await?.len() >= MAX_INVITES {
            return Err(PeopleError::TooMany { what: "open invitations", limit: MAX_INVITES });
        }
        self.run(move |_, transaction, now| {
            let secret = Secret::new(Kind::Link)?;
            let invite = Invite {
                id: uuid::Uuid::now_v7().to_string(),
                name: for_name,
                role,
                language: tag,
                created_at_ms: now.unix_ms,
                expires_at_ms: now.unix_ms_after(lasts),
            };
            transaction
                .prepare_cached(
                    "INSERT INTO invites (id, hash, name, role, language, created_at_ms, expires_at_ms)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                )?
                .execute(params![
                    invite.id,
                    secret.hash().bytes(),
                    invite.name,
                    invite.role.name(),
                    invite.language,
                    invite.created_at_ms,
                    invite.expires_at_ms
                ])?;
            let detail = json!({ "invite": invite.id, "role": role, "name": invite.name });
            database::audit(transaction, now, &actor, "invited", &detail)?;
            Ok((invite, secret))
        })
        .await
    }

    /// Takes an invitation back.
    ///
    /// # Errors
    /// There is no such invitation, or the database failed.
    pub async fn revoke_invite(&self, id: &str, actor: Actor) -> Result<(), PeopleError> {
        let id = id.to_owned();
        self.run(move |_, transaction, now| {
            if transaction.prepare_cached("DELETE FROM invites WHERE id = ?1")?.execute([&id])? == 0 {
                return Err(PeopleError::NotFound { what: "invitation", id });
            }
            database::audit(transaction, now, &actor, "invite_revoked", &json!({ "invite": id }))
        })
        .await
    }

    /// API tokens of a person, or everybody's, the newest first.
    ///
    /// # Errors
    /// The database failed.
    pub async fn tokens(&self, person: Option<String>) -> Result<Vec<Token>, PeopleError> {
        self.run(move |_, transaction, now| {
            transaction.prepare_cached("DELETE FROM tokens WHERE expires_at_ms <= ?1")?.execute([now.unix_ms])?;
            let mut statement = transaction.prepare_cached(&format!(
                "{TOKEN} WHERE ?1 IS NULL OR person = ?1 ORDER BY created_at_ms DESC, id DESC"
            ))?;
            let rows = statement.query_map([person], token_row)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Makes an API token of a person. The secret is told this once.
    ///
    /// # Errors
    /// The name or the scopes are unusable, the person may not do what the token should, or has too many of them.
    pub async fn create_token(
        &self,
        person: &str,
        token_name: &str,
        scopes: Vec<Action>,
        lasts: Option<Duration>,
        actor: Actor,
    ) -> Result<(Token, Secret), PeopleError> {
        let (person, token_name) = (person.to_owned(), name("name", token_name)?);
        let mut scopes = scopes;
        scopes.sort();
        scopes.dedup();
        if scopes.is_empty() {
            return Err(PeopleError::Invalid {
                field: "scopes",
                why: "are missing; say what the token may do".to_owned(),
            });
        }
        self.run(move |_, transaction, now| {
            let person = database::person(transaction, &person)?;
            if let Some(beyond) = scopes.iter().find(|scope| !person.role.may(**scope)) {
                let why = format!("go beyond what a {} may do: {beyond}", person.role);
                return Err(PeopleError::Invalid { field: "scopes", why });
            }
            let count: i64 = transaction
                .prepare_cached("SELECT count(*) FROM tokens WHERE person = ?1")?
                .query_row([&person.id], |row| row.get(0))?;
            if count >= MAX_TOKENS as i64 {
                return Err(PeopleError::TooMany { what: "tokens", limit: MAX_TOKENS });
            }
            let secret = Secret::new(Kind::Token)?;
            let token = Token {
                id: uuid::Uuid::now_v7().to_string(),
                person: person.id,
                name: token_name,
                scopes,
                created_at_ms: now.unix_ms,
                seen_at_ms: None,
                expires_at_ms: lasts.map(|lasts| now.unix_ms_after(lasts)),
            };
            let names: Vec<_> = token.scopes.iter().map(|scope| scope.name()).collect();
            transaction
                .prepare_cached(
                    "INSERT INTO tokens (id, person, hash, name, scopes, created_at_ms, expires_at_ms)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                )?
                .execute(params![
                    token.id,
                    token.person,
                    secret.hash().bytes(),
                    token.name,
                    names.join(" "),
                    token.created_at_ms,
                    token.expires_at_ms
                ])?;
            let detail =
                json!({ "token": token.id, "name": token.name, "scopes": token.scopes, "person": token.person });
            database::audit(transaction, now, &actor, "token_created", &detail)?;
            Ok((token, secret))
        })
        .await
    }

    /// A token by id.
    ///
    /// # Errors
    /// There is none, or the database failed.
    pub async fn token(&self, id: &str) -> Result<Token, PeopleError> {
        let id = id.to_owned();
        self.run(move |_, transaction, _| {
            let found = transaction
                .prepare_cached(&format!("{TOKEN} WHERE id = ?1"))?
                .query_row([&id], token_row)
                .optional()?;
            found.ok_or(PeopleError::NotFound { what: "token", id })
        })
        .await
    }

    /// Revokes a token. What it has open ends at once.
    ///
    /// # Errors
    /// There is no such token, or the database failed.
    pub async fn revoke_token(&self, id: &str, actor: Actor) -> Result<(), PeopleError> {
        let id = id.to_owned();
        self.run(move |inner, transaction, now| {
            let revoked = transaction
                .prepare_cached("DELETE FROM tokens WHERE id = ?1 RETURNING name, person")?
                .query_row([&id], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))
                .optional()?;
            let Some((name, person)) = revoked else { return Err(PeopleError::NotFound { what: "token", id }) };
            database::audit(
                transaction,
                now,
                &actor,
                "token_revoked",
                &json!({ "token": id, "name": name, "person": person }),
            )?;
            lock(&inner.pairings).forget_person(&person);
            inner.end(&id);
            Ok(())
        })
        .await
    }

    /// A short-lived secret that opens Realtime sessions beginning with `session`, as `maker`, and never more than that; returns when it ends,
    /// in milliseconds since 1970.
    ///
    /// # Errors
    /// The time is out of bounds, or there are too many.
    pub fn create_client_secret(
        &self,
        maker: &Identity,
        session: Value,
        lasts: Duration,
    ) -> Result<(Secret, i64), PeopleError> {
        if !CLIENT_SECRET.contains(&lasts) {
            return Err(PeopleError::Invalid { field: "expires_after.seconds", why: "must be 10 to 7200".to_owned() });
        }
        let now = self.now();
        let secret = Secret::new(Kind::Client)?;
        let allowed = |action: &Action| maker.scopes.as_ref().is_none_or(|scopes| scopes.contains(action));
        let expires_at_ms = now.unix_ms_after(lasts);
        let kept = ClientSecret {
            id: uuid::Uuid::now_v7().to_string(),
            hash: secret.hash(),
            person: maker.person.clone(),
            parent: maker.session.clone(),
            scopes: CLIENT_SCOPES.into_iter().filter(allowed).collect(),
            session: session.into(),
            expires: now.steady + lasts,
            expires_at_ms,
        };
        lock(&self.inner.client_secrets).add(kept, now)?;
        Ok((secret, expires_at_ms))
    }
}

const SESSION: &str =
    "SELECT id, person, name, user_agent, method, created_at_ms, seen_at_ms, address, expires_at_ms FROM sessions";

fn session_row(row: &Row<'_>) -> rusqlite::Result<Session> {
    Ok(Session {
        id: row.get(0)?,
        person: row.get(1)?,
        name: row.get(2)?,
        user_agent: row.get(3)?,
        method: row.get(4)?,
        created_at_ms: row.get(5)?,
        seen_at_ms: row.get(6)?,
        address: row.get(7)?,
        expires_at_ms: row.get(8)?,
    })
}

const TOKEN: &str = "SELECT id, person, name, scopes, created_at_ms, seen_at_ms, expires_at_ms FROM tokens";

fn token_row(row: &Row<'_>) -> rusqlite::Result<Token> {
    let scopes: String = row.get(3)?;
    Ok(Token {
        id: row.get(0)?,
        person: row.get(1)?,
        name: row.get(2)?,
        scopes: scopes.split(' ').filter_map(|scope| scope.parse().ok()).collect(),
        created_at_ms: row.get(4)?,
        seen_at_ms: row.get(5)?,
        expires_at_ms: row.get(6)?,
    })
}
