//! People, and what they sign in with.

use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;

use crate::PeopleError;
use crate::role::{Action, Role};

/// Id of the caller that stands for the programs of this machine.
pub const LOCAL: &str = "local";

/// A person of the household, or a guest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Person {
    /// UUID; also the user handle of the person's passkeys.
    pub id: String,
    /// What they are called; no two have the same name.
    pub name: String,
    /// What they are to the household.
    pub role: Role,
    /// BCP 47 tag; the household's where there is none.
    pub language: Option<String>,
    /// Milliseconds since 1970.
    pub created_at_ms: i64,
    /// Devices that are signed in.
    pub devices: u32,
    /// Passkeys.
    pub passkeys: u32,
}

/// A browser or app that is signed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Session {
    /// UUID.
    pub id: String,
    /// Id of the person.
    pub person: String,
    /// What the device is called.
    pub name: String,
    /// What the browser calls itself.
    pub user_agent: Option<String>,
    /// How it was signed in: `owner`, `invite`, `device`, `code` or `passkey`.
    pub method: String,
    /// Milliseconds since 1970.
    pub created_at_ms: i64,
    /// When it was last used, to a few minutes.
    pub seen_at_ms: i64,
    /// From where it was last used.
    pub address: Option<String>,
    /// When it has to sign in again, unless it is used before.
    pub expires_at_ms: i64,
}

/// An API token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Token {
    /// UUID.
    pub id: String,
    /// Id of the person as whom it acts.
    pub person: String,
    /// What it is for.
    pub name: String,
    /// What it may do, as far as the person may.
    pub scopes: Vec<Action>,
    /// Milliseconds since 1970.
    pub created_at_ms: i64,
    /// When it was last used, to a few minutes.
    pub seen_at_ms: Option<i64>,
    /// When it ends; `None` for never.
    pub expires_at_ms: Option<i64>,
}

/// An invitation that is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Invite {
    /// UUID.
    pub id: String,
    /// For whom, where that is known.
    pub name: Option<String>,
    /// What they will be to the household.
    pub role: Role,
    /// Their language.
    pub language: Option<String>,
    /// Milliseconds since 1970.
    pub created_at_ms: i64,
    /// When it ends.
    pub expires_at_ms: i64,
}

/// A passkey, without its key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PasskeyInfo {
    /// UUID.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// The host name under which it works.
    pub host: String,
    /// Milliseconds since 1970.
    pub created_at_ms: i64,
    /// When somebody last signed in with it.
    pub used_at_ms: Option<i64>,
}

/// What a link is for, before it is used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Link {
    /// What it makes.
    pub kind: LinkKind,
    /// The person's name, where it is known.
    pub name: Option<String>,
    /// The person's role.
    pub role: Role,
    /// The person's language.
    pub language: Option<String>,
    /// When it ends, in milliseconds since 1970.
    pub expires_at_ms: i64,
}

/// What a link makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LinkKind {
    /// The first owner.
    Owner,
    /// A new person.
    Invite,
    /// A further device of a person.
    Device,
}

impl LinkKind {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Invite => "invite",
            Self::Device => "device",
        }
    }
}

/// A further device's way in: both sign in the same person, and one of them once.
#[derive(Debug, Clone)]
pub struct Pairing {
    /// For a link or a QR code.
    pub secret: crate::Secret,
    /// To be typed.
    pub code: crate::Code,
    /// When both end, in milliseconds since 1970.
    pub expires_at_ms: i64,
}

/// A device that signs in.
#[derive(Debug, Clone, Default)]
pub struct Device {
    /// What its user calls it.
    pub name: Option<String>,
    /// What the browser calls itself.
    pub user_agent: Option<String>,
    /// From where.
    pub address: Option<IpAddr>,
}

/// Who changes something, for the audit log.
#[derive(Debug, Clone)]
pub struct Actor {
    /// Id of the person.
    pub person: String,
    /// Name of the person.
    pub name: String,
    /// From where.
    pub address: Option<IpAddr>,
}

/// A line of the audit log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AuditEntry {
    /// Grows with every line.
    pub id: i64,
    /// Milliseconds since 1970.
    pub at_ms: i64,
    /// Id of whoever did it; `None` where that is unknown.
    pub person: Option<String>,
    /// Their name then.
    pub name: String,
    /// What was done, such as `signed_in`.
    pub action: String,
    /// To whom or what.
    pub detail: Value,
    /// From where.
    pub address: Option<String>,
}

/// Whoever presented a valid secret.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Id of the person; [`LOCAL`] for the programs of this machine.
    pub person: String,
    /// Name of the person.
    pub name: String,
    /// What they are to the household.
    pub role: Role,
    /// BCP 47 tag; the household's where there is none.
    pub language: Option<String>,
    /// Id of the session or token.
    pub session: String,
    /// `device`, `token`, `client_secret` or `local`.
    pub method: &'static str,
    /// What the token is limited to; `None` for what its person may.
    pub scopes: Option<Arc<[Action]>>,
    /// The Realtime session that a client secret was made for.
    pub realtime_session: Option<Arc<Value>>,
    /// When it ends, in milliseconds since 1970; a device's moves on with its use.
    pub expires_at_ms: Option<i64>,
    /// Cancelled when it is revoked or expires, or its person changes or is removed.
    pub revoked: CancellationToken,
}

/// Longest name of a person or thing, in characters.
const MAX_NAME: usize = 64;

/// A name without what surrounds it.
///
/// # Errors
/// It is empty, too long, or has characters that cannot be seen.
pub(crate) fn name(field: &'static str, text: &str) -> Result<String, PeopleError> {
    let name = text.trim();
    let why = if name.is_empty() {
        "is empty; give a name".to_owned()
    } else if name.chars().count() > MAX_NAME {
        format!("is longer than {MAX_NAME} characters")
    } else if name.chars().any(|letter| letter.is_control() || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')) {
        "has characters that cannot be seen".to_owned()
    } else {
        return Ok(name.to_owned());
    };
    Err(PeopleError::Invalid { field, why })
}

/// A BCP 47 tag.
///
/// # Errors
/// It does not look like one.
pub(crate) fn language(tag: &str) -> Result<String, PeopleError> {
    let part = |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if tag.len() <= 35 && tag.split('-').all(part) && tag.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic())
    {
        return Ok(tag.to_owned());
    }
    Err(PeopleError::Invalid { field: "language", why: "is no language tag such as 'de' or 'pt-BR'".to_owned() })
}

/// What a device is called after its browser, such as `Firefox on Linux`.
pub(crate) fn device_name(user_agent: Option<&str>) -> String {
    let agent = user_agent.unwrap_or_default();
    // The first that fits: browsers also name those that they want to be taken for.
    let browsers = [
        ("Edg", "Edge"),
        ("OPR/", "Opera"),
        ("SamsungBrowser", "Samsung Internet"),
        ("Firefox", "Firefox"),
        ("FxiOS", "Firefox"),
        ("CriOS", "Chrome"),
        ("Chrom", "Chrome"),
        ("Safari", "Safari"),
    ];
    let systems = [
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Android", "Android"),
        ("CrOS", "ChromeOS"),
        ("Macintosh", "Mac"),
        ("Windows", "Windows"),
        ("Linux", "Linux"),
    ];
    let first =
        |table: &[(&str, &'static str)]| table.iter().find(|(mark, _)| agent.contains(mark)).map(|(_, name)| *name);
    match (first(&browsers), first(&systems)) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(one), None) | (None, Some(one)) => one.to_owned(),
        (None, None) => "a device".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_can_be_seen() {
        assert_eq!(name("name", "  Ana María ").unwrap(), "Ana María");
        for bad in ["", "   ", "a\nb", "a\r\nSet-Cookie: x=y", "\u{202e}anna", &"x".repeat(65)] {
            assert!(name("name", bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn languages_look_like_tags() {
        for good in ["de", "pt-BR", "zh-Hant-TW"] {
            assert_eq!(language(good).unwrap(), good);
        }
        for bad in ["", "-", "de-", "../de", "d e", "ü", "123456789", &"a-".repeat(40)] {
            assert!(language(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn devices_are_named_after_their_browser() {
        for (agent, expected) in [
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1",
                "Safari on iPhone",
            ),
            (
                "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Mobile Safari/537.36",
                "Chrome on Android",
            ),
            ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36 Edg/131.0.0.0",
                "Edge on Windows",
            ),
            ("curl/8", "a device"),
        ] {
            assert_eq!(device_name(Some(agent)), expected);
        }
        assert_eq!(device_name(None), "a device");
    }
}
