//! A certificate for names of the owner's, from an ACME server (RFC 8555).

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use instant_acme::{
    Account, AccountCredentials, AuthorizationStatus, ChallengeType, Identifier, NewAccount, NewOrder, Order,
    OrderStatus, RetryPolicy,
};
use serde::{Deserialize, Serialize};

use crate::acme_http::Client;
use crate::config::{AcmeChallenge, AcmeConfig};
use crate::{ReachError, private_file, program};

/// How long the server may take to look at the proofs, and to issue.
const PATIENCE: Duration = Duration::from_secs(180);

/// What the server will ask for over HTTP: key authorizations by token (RFC 8555, section 8.3).
#[derive(Debug, Default)]
pub(crate) struct Challenges(Mutex<HashMap<String, String>>);

impl Challenges {
    /// The answer for `/.well-known/acme-challenge/<token>`.
    pub(crate) fn answer(&self, token: &str) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(token).cloned()
    }

    fn put(&self, token: &str, answer: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(token.to_owned(), answer.to_owned());
    }

    fn remove(&self, token: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(token);
    }
}

/// An account as it is kept. It belongs to one server.
#[derive(Serialize, Deserialize)]
struct KeptAccount {
    directory: String,
    credentials: AccountCredentials,
}

/// A proof that was set up and must be taken down.
enum Proof {
    Http { token: String },
    Dns { record: String, value: String },
}

/// Gets a certificate for `config.domains`: chain and key as one PEM text.
///
/// # Errors
/// The server cannot be reached, refuses, or does not find the proofs; its own words are in the message.
pub(crate) async fn obtain(config: &AcmeConfig, folder: &Path, challenges: &Challenges) -> Result<String, ReachError> {
    let account = account(config, folder).await?;
    let names: Vec<_> = config.domains.iter().map(|domain| Identifier::Dns(domain.to_ascii_lowercase())).collect();
    let mut order = account.new_order(&NewOrder::new(&names)).await.map_err(|error| failed(config, error))?;
    let mut proofs = Vec::new();
    let issued = fulfil(config, &mut order, challenges, &mut proofs).await;
    take_down(config, challenges, proofs).await;
    issued
}

async fn fulfil(
    config: &AcmeConfig,
    order: &mut Order,
    challenges: &Challenges,
    proofs: &mut Vec<Proof>,
) -> Result<String, ReachError> {
    let failed = |error| failed(config, error);
    prove(config, order, challenges, proofs).await?;
    let patience = RetryPolicy::default().timeout(PATIENCE);
    match order.poll_ready(&patience).await {
        Ok(OrderStatus::Ready | OrderStatus::Valid) => {}
        Ok(_) => return Err(refused(config, why_invalid(order).await)),
        Err(error) => {
            // A failed order often names no reason itself; its authorizations do.
            let why = why_invalid(order).await;
            return Err(if why.is_empty() { failed(error) } else { refused(config, why) });
        }
    }
    let key = order.finalize().await.map_err(failed)?;
    let chain = order.poll_certificate(&patience).await.map_err(failed)?;
    Ok(format!("{}\n{key}", chain.trim_end()))
}

/// Sets up a proof for each name and tells the server to look.
async fn prove(
    config: &AcmeConfig,
    order: &mut Order,
    challenges: &Challenges,
    proofs: &mut Vec<Proof>,
) -> Result<(), ReachError> {
    let failed = |error| failed(config, error);
    let kind = match config.challenge {
        AcmeChallenge::Http01 => ChallengeType::Http01,
        AcmeChallenge::Dns01 => ChallengeType::Dns01,
    };
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization.map_err(failed)?;
        match authorization.status {
            AuthorizationStatus::Valid => continue,
            AuthorizationStatus::Pending => {}
            status => return Err(refused(config, format!("the authorization is {status:?}"))),
        }
        let mut challenge = authorization
            .challenge(kind.clone())
            .ok_or_else(|| refused(config, format!("the server does not offer {kind:?} for this name")))?;
        let key = challenge.key_authorization();
        match config.challenge {
            AcmeChallenge::Http01 => {
                challenges.put(&challenge.token, key.as_str());
                proofs.push(Proof::Http { token: challenge.token.clone() });
            }
            AcmeChallenge::Dns01 => {
                let Identifier::Dns(domain) = challenge.identifier().identifier else {
                    return Err(refused(config, "the server asks for a proof of something that is no name".to_owned()));
                };
                let (record, value) = (format!("_acme-challenge.{domain}"), key.dns_value());
                // Noted before it is set: a hook that fails half-way may have set something.
                proofs.push(Proof::Dns { record: record.clone(), value: value.clone() });
                hook(config, "add", &record, &value).await?;
            }
        }
        challenge.set_ready().await.map_err(failed)?;
    }
    Ok(())
}

async fn take_down(config: &AcmeConfig, challenges: &Challenges, proofs: Vec<Proof>) {
    for proof in proofs {
        match proof {
            Proof::Http { token } => challenges.remove(&token),
            Proof::Dns { record, value } => {
                if let Err(error) = hook(config, "remove", &record, &value).await {
                    tracing::warn!(%error, record, "a DNS record was not removed");
                }
            }
        }
    }
}

/// Runs the owner's program: `PROGRAM add|remove RECORD VALUE`. It ends when the record can be seen.
async fn hook(config: &AcmeConfig, action: &str, record: &str, value: &str) -> Result<(), ReachError> {
    let program = config.dns_hook.as_deref().ok_or_else(|| refused(config, "dns_hook is not set".to_owned()))?;
    let deadline = Duration::from_secs(config.dns_hook_seconds);
    program::run(program, &[action, record, value], deadline).await.map(drop)
}

/// What the server says of the names that it could not prove.
async fn why_invalid(order: &mut Order) -> String {
    let mut reasons = Vec::new();
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let Ok(mut authorization) = authorization else { continue };
        let Ok(state) = authorization.refresh().await else { continue };
        let name = state.identifier().to_string();
        let problems = state.challenges.iter().filter_map(|challenge| challenge.error.as_ref());
        reasons.extend(problems.map(|problem| format!("{name}: {problem}")));
    }
    reasons.join("; ")
}

/// The account of an earlier time, or a new one.
async fn account(config: &AcmeConfig, folder: &Path) -> Result<Account, ReachError> {
    let failed = |error| failed(config, error);
    let path = folder.join("acme-account.json");
    let builder = || Client::new(config.ca_file.as_deref()).map(|client| Account::builder_with_http(Box::new(client)));
    let kept = private_file::read(&path)?.and_then(|text| serde_json::from_str::<KeptAccount>(&text).ok());
    if let Some(kept) = kept.filter(|kept| kept.directory == config.directory) {
        return builder()?.from_credentials(kept.credentials).await.map_err(failed);
    }
    let contact: Vec<String> = config.email.iter().map(|email| format!("mailto:{email}")).collect();
    let contact: Vec<&str> = contact.iter().map(String::as_str).collect();
    let new = NewAccount { contact: &contact, terms_of_service_agreed: true, only_return_existing: false };
    let (account, credentials) = builder()?.create(&new, config.directory.clone(), None).await.map_err(failed)?;
    let kept = KeptAccount { directory: config.directory.clone(), credentials };
    let text = serde_json::to_string(&kept).map_err(|error| refused(config, error.to_string()))?;
    private_file::write(&path, &text)?;
    Ok(account)
}

fn failed(config: &AcmeConfig, error: instant_acme::Error) -> ReachError {
    refused(config, error.to_string())
}

fn refused(config: &AcmeConfig, why: String) -> ReachError {
    ReachError::Acme { directory: config.directory.clone(), why }
}
