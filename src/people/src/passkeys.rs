//! Passkeys: made by somebody who is signed in, and signed in with. WebAuthn Level 3, <https://www.w3.org/TR/webauthn-3/>.
//!
//! A passkey belongs to a host name (the relying party's id), which is the one under which the page was opened.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

use rusqlite::{OptionalExtension, params};
use serde_json::{Value, json};
use url::{Host, Url};
use webauthn_rs::prelude::{
    DiscoverableAuthentication, DiscoverableKey, Passkey, PasskeyRegistration, Webauthn, WebauthnBuilder,
};
use webauthn_rs_proto::{PublicKeyCredential, RegisterPublicKeyCredential, ResidentKeyRequirement};

use crate::PeopleError;
use crate::clock::Moment;
use crate::database;
use crate::error::NoPasskeys;
use crate::model::{Actor, Device, PasskeyInfo, name};
use crate::people::{People, lock};
use crate::sign_in::{SignedIn, of_address, sign_in};

/// How long a ceremony may take.
const CEREMONY: Duration = Duration::from_secs(5 * 60);
/// Ceremonies that may be under way, altogether and from one address; the oldest goes.
const CEREMONIES: usize = 1_024;
const CEREMONIES_OF_ADDRESS: usize = 16;
/// Passkeys that a person may have.
const MAX_PASSKEYS: usize = 20;
/// What the house is called where a passkey is made.
const RELYING_PARTY: &str = "Vesta";

/// A ceremony that began: its id, and the options for the browser.
#[derive(Debug, Clone, serde::Serialize, utoipa::ToSchema)]
pub struct Ceremony {
    /// To be sent back with the credential.
    pub ceremony: String,
    /// For `navigator.credentials.create` or `.get`.
    #[schema(value_type = Object)]
    pub options: Value,
}

enum Kind {
    Registration { person: String, state: Box<PasskeyRegistration> },
    SignIn(Box<DiscoverableAuthentication>),
}

struct Open {
    id: String,
    kind: Kind,
    origin: Url,
    address: Option<IpAddr>,
    expires: Duration,
}

/// Ceremonies that are under way, in memory only.
#[derive(Default)]
pub(crate) struct Ceremonies {
    open: VecDeque<Open>,
}

impl Ceremonies {
    fn begin(&mut self, kind: Kind, origin: &Url, address: Option<IpAddr>, now: Moment) -> String {
        self.open.retain(|open| now.steady < open.expires);
        let of_address = self.open.iter().filter(|open| open.address == address).count();
        if of_address >= CEREMONIES_OF_ADDRESS
            && let Some(oldest) = self.open.iter().position(|open| open.address == address)
        {
            self.open.remove(oldest);
        }
        if self.open.len() >= CEREMONIES {
            self.open.pop_front();
        }
        let id = uuid::Uuid::new_v4().to_string();
        let expires = now.steady + CEREMONY;
        self.open.push_back(Open { id: id.clone(), kind, origin: origin.clone(), address, expires });
        id
    }

    /// A ceremony is finished once, well or not.
    fn finish(&mut self, id: &str, origin: &Url, now: Moment) -> Option<Kind> {
        let place = self.open.iter().position(|open| open.id == id)?;
        let open = self.open.remove(place)?;
        (now.steady < open.expires && open.origin == *origin).then_some(open.kind)
    }
}

/// Whether a page of `origin` can have passkeys.
///
/// # Errors
/// Why not.
pub fn passkeys_possible(origin: &Url) -> Result<(), NoPasskeys> {
    match origin.host() {
        Some(Host::Domain(host))
            if origin.scheme() == "https" || host == "localhost" || host.ends_with(".localhost") =>
        {
            Ok(())
        }
        Some(Host::Domain(_)) => Err(NoPasskeys::Insecure),
        _ => Err(NoPasskeys::Address),
    }
}

fn relying_party(origin: &Url) -> Result<(String, Webauthn), PeopleError> {
    passkeys_possible(origin).map_err(PeopleError::NoPasskeysHere)?;
    let host = origin.domain().unwrap_or_default().to_owned();
    let built = WebauthnBuilder::new(&host, origin).and_then(|builder| builder.rp_name(RELYING_PARTY).build());
    let webauthn = built.map_err(|error| PeopleError::Internal(format!("passkeys under {origin}: {error}")))?;
    Ok((host, webauthn))
}

impl People {
    /// Begins to make a passkey for a person, on a page of `origin`.
    ///
    /// # Errors
    /// There are none under this address, or the person has too many.
    pub async fn begin_passkey(
        &self,
        person: &str,
        origin: &Url,
        address: Option<IpAddr>,
    ) -> Result<Ceremony, PeopleError> {
        let (host, webauthn) = relying_party(origin)?;
        let (person, known) = {
            let person = person.to_owned();
            self.run(move |_, transaction, _| {
                let person = database::person(transaction, &person)?;
                let mut statement =
                    transaction.prepare_cached("SELECT key FROM passkeys WHERE person = ?1 AND host = ?2")?;
                let keys = statement.query_map([&person.id, &host], |row| row.get::<_, String>(0))?;
                let keys: Vec<String> = keys.collect::<Result<_, _>>()?;
                Ok((person, keys))
            })
            .await?
        };
        if known.len() >= MAX_PASSKEYS {
            return Err(PeopleError::TooMany { what: "passkeys", limit: MAX_PASSKEYS });
        }
        let known =
            known.iter().map(|key| passkey(key).map(|key| key.cred_id().clone())).collect::<Result<Vec<_>, _>>()?;
        let id = uuid::Uuid::parse_str(&person.id).map_err(|error| PeopleError::Internal(error.to_string()))?;
        let (mut options, state) = webauthn
            .start_passkey_registration(id, &person.name, &person.name, Some(known))
            .map_err(|error| PeopleError::Internal(format!("a passkey could not be begun: {error}")))?;
        // Signing in asks for no name, so the authenticator has to keep whose key it is.
        let selection = options.public_key.authenticator_selection.get_or_insert_default();
        selection.resident_key = Some(ResidentKeyRequirement::Required);
        selection.require_resident_key = true;
        let kind = Kind::Registration { person: person.id, state: Box::new(state) };
        let ceremony = lock(&self.inner.ceremonies).begin(kind, origin, address, self.now());
        Ok(Ceremony { ceremony, options: json(&options)? })
    }

    /// Keeps the passkey that the browser made.
    ///
    /// # Errors
    /// The ceremony was another person's, another page's, finished, or took too long; or the credential proves nothing.
    pub async fn add_passkey(
        &self,
        ceremony: &str,
        credential: Value,
        key_name: Option<String>,
        origin: &Url,
        actor: Actor,
    ) -> Result<PasskeyInfo, PeopleError> {
        let (host, webauthn) = relying_party(origin)?;
        let key_name = key_name.map(|given| name("name", &given)).transpose()?;
        let credential: RegisterPublicKeyCredential = read(credential)?;
        let begun = lock(&self.inner.ceremonies).finish(ceremony, origin, self.now());
        let Some(Kind::Registration { person, state }) = begun else { return Err(no_ceremony()) };
        if person != actor.person {
            return Err(no_ceremony());
        }
        let passkey = webauthn
            .finish_passkey_registration(&credential, &state)
            .map_err(|error| PeopleError::WrongPasskey(error.to_string()))?;
        let key = serde_json::to_string(&passkey).map_err(|error| PeopleError::Internal(error.to_string()))?;
        self.run(move |_, transaction, now| {
            let info = PasskeyInfo {
                id: uuid::Uuid::now_v7().to_string(),
                name: key_name.unwrap_or_else(|| host.clone()),
                host,
                created_at_ms: now.unix_ms,
                used_at_ms: None,
            };
            let added = transaction
                .prepare_cached(
                    "INSERT INTO passkeys (id, person, credential, host, name, key, created_at_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                )?
                .execute(params![info.id, person, passkey.cred_id().as_slice(), info.host, info.name, key, info.created_at_ms]);
            database::named(added, &info.name)?;
            database::audit(transaction, now, &actor, "passkey_added", &json!({ "passkey": info.id, "host": info.host }))?;
            Ok(info)
        })
        .await
    }

    /// A person's passkeys, the newest first.
    ///
    /// # Errors
    /// The database failed.
    pub async fn passkeys(&self, person: &str) -> Result<Vec<PasskeyInfo>, PeopleError> {
        let person = person.to_owned();
        self.run(move |_, transaction, _| {
            let mut statement = transaction.prepare_cached(
                "SELECT id, name, host, created_at_ms, used_at_ms FROM passkeys WHERE person = ?1 ORDER BY created_at_ms DESC, id DESC",
            )?;
            let rows = statement.query_map([person], |row| {
                Ok(PasskeyInfo {
                    id: row.get(0)?,
                    name: row.get(1)?,
                    host: row.get(2)?,
                    created_at_ms: row.get(3)?,
                    used_at_ms: row.get(4)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Removes a passkey of `actor`.
    ///
    /// # Errors
    /// The person has no such passkey, or the database failed.
    pub async fn remove_passkey(&self, id: &str, actor: Actor) -> Result<(), PeopleError> {
        let id = id.to_owned();
        self.run(move |_, transaction, now| {
            let removed = transaction
                .prepare_cached("DELETE FROM passkeys WHERE id = ?1 AND person = ?2")?
                .execute([&id, &actor.person])?;
            if removed == 0 {
                return Err(PeopleError::NotFound { what: "passkey", id });
            }
            database::audit(transaction, now, &actor, "passkey_removed", &json!({ "passkey": id }))
        })
        .await
    }

    /// Begins to sign in by passkey, on a page of `origin`. Whose it is, the browser says at the end.
    ///
    /// # Errors
    /// There are none under this address, or there were too many failures.
    pub fn begin_sign_in(&self, origin: &Url, address: Option<IpAddr>) -> Result<Ceremony, PeopleError> {
        self.allowed(&of_address(address))?;
        let (_, webauthn) = relying_party(origin)?;
        let (mut options, state) = webauthn
            .start_discoverable_authentication()
            .map_err(|error| PeopleError::Internal(format!("signing in by passkey could not be begun: {error}")))?;
        // Whether the browser offers keys in a field or asks at once is the page's choice.
        options.mediation = None;
        let ceremony = lock(&self.inner.ceremonies).begin(Kind::SignIn(Box::new(state)), origin, address, self.now());
        Ok(Ceremony { ceremony, options: json(&options)? })
    }

    /// Signs a device in by a passkey.
    ///
    /// # Errors
    /// The passkey is unknown or proves nothing, the ceremony took too long, or there were too many failures.
    pub async fn sign_in_by_passkey(
        &self,
        ceremony: &str,
        credential: Value,
        origin: &Url,
        device: Device,
    ) -> Result<SignedIn, PeopleError> {
        let keys = of_address(device.address);
        self.allowed(&keys)?;
        match self.check_passkey(ceremony, credential, origin, &device).await {
            Ok(signed_in) => {
                lock(&self.inner.throttle).succeeded(&keys);
                Ok(signed_in)
            }
            Err(error @ PeopleError::WrongPasskey(_)) => Err(self.refused_and_noted(&keys, error, None, &device).await),
            Err(error) => Err(error),
        }
    }

    async fn check_passkey(
        &self,
        ceremony: &str,
        credential: Value,
        origin: &Url,
        device: &Device,
    ) -> Result<SignedIn, PeopleError> {
        let (host, webauthn) = relying_party(origin)?;
        let credential: PublicKeyCredential = read(credential)?;
        let begun = lock(&self.inner.ceremonies).finish(ceremony, origin, self.now());
        let Some(Kind::SignIn(state)) = begun else { return Err(no_ceremony()) };
        let wrong = |error: &dyn std::fmt::Display| PeopleError::WrongPasskey(error.to_string());
        let (person, id) = webauthn.identify_discoverable_authentication(&credential).map_err(|error| wrong(&error))?;
        let (person, id, device) = (person.to_string(), id.to_vec(), device.clone());
        self.run(move |inner, transaction, now| {
            let found = transaction
                .prepare_cached("SELECT id, key FROM passkeys WHERE credential = ?1 AND person = ?2 AND host = ?3")?
                .query_row(params![id, person, host], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))
                .optional()?;
            let Some((row, key)) = found else { return Err(wrong(&"it is not known here")) };
            let mut passkey = passkey(&key)?;
            let key = DiscoverableKey::from(&passkey);
            let proof = webauthn
                .finish_discoverable_authentication_v2(&credential, *state, &key)
                .map_err(|error| wrong(&error))?;
            passkey.update_credential(&proof);
            let key = serde_json::to_string(&passkey).map_err(|error| PeopleError::Internal(error.to_string()))?;
            transaction
                .prepare_cached("UPDATE passkeys SET key = ?2, used_at_ms = ?3 WHERE id = ?1")?
                .execute(params![row, key, now.unix_ms])?;
            let person = database::person(transaction, &person)?;
            sign_in(inner, transaction, &person, "passkey", &device, now)
        })
        .await
    }
}

fn passkey(key: &str) -> Result<Passkey, PeopleError> {
    serde_json::from_str(key).map_err(|error| PeopleError::Internal(format!("a passkey cannot be read: {error}")))
}

fn json(options: &impl serde::Serialize) -> Result<Value, PeopleError> {
    serde_json::to_value(options).map_err(|error| PeopleError::Internal(error.to_string()))
}

fn read<T: serde::de::DeserializeOwned>(credential: Value) -> Result<T, PeopleError> {
    serde_json::from_value(credential).map_err(|error| PeopleError::Invalid {
        field: "credential",
        why: format!("is no WebAuthn credential: {error}"),
    })
}

fn no_ceremony() -> PeopleError {
    PeopleError::WrongPasskey("it took too long, or was begun elsewhere".to_owned())
}
