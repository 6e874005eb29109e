//! Who may connect.

use async_trait::async_trait;
use rmqtt::hook::{Handler, HookResult, Parameter, ReturnType};
use rmqtt::types::AuthResult;

use crate::config::User;

/// Compares a client's name and password with the configured users.
pub(crate) struct Users(Vec<User>);

impl Users {
    pub(crate) fn new(users: Vec<User>) -> Self {
        Self(users)
    }

    fn allows(&self, name: &[u8], password: &[u8]) -> bool {
        // Every entry is looked at, so that the time taken does not tell which names exist.
        self.0.iter().fold(false, |allowed, user| {
            let name_fits = same(user.name.as_bytes(), name);
            let password_fits = same(user.password.as_bytes(), password);
            allowed | (name_fits & password_fits)
        })
    }
}

/// Equality whose time depends on the lengths only.
fn same(expected: &[u8], given: &[u8]) -> bool {
    let differing = expected.iter().zip(given).fold(0_u8, |acc, (a, b)| acc | (a ^ b));
    (differing == 0) & (expected.len() == given.len())
}

#[async_trait]
impl Handler for Users {
    async fn hook(&self, param: &Parameter, acc: Option<HookResult>) -> ReturnType {
        let Parameter::ClientAuthenticate(client) = param else { return (true, acc) };
        let name: &[u8] = client.username().map_or(&[], |name| name.as_bytes());
        let password: &[u8] = client.password().map_or(&[], AsRef::as_ref);
        let result = if self.allows(name, password) {
            AuthResult::Allow(false, None)
        } else {
            tracing::warn!(client = %client.id().client_id, "MQTT client refused: wrong user name or password");
            AuthResult::BadUsernameOrPassword
        };
        (false, Some(HookResult::AuthResult(result)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_pair_is_let_in() {
        let users = Users::new(vec![
            User { name: "lamp".into(), password: "secret".into() },
            User { name: "fan".into(), password: "other".into() },
        ]);
        assert!(users.allows(b"lamp", b"secret"));
        assert!(users.allows(b"fan", b"other"));
        assert!(!users.allows(b"lamp", b"other"));
        assert!(!users.allows(b"lamp", b"secre"));
        assert!(!users.allows(b"lamp", b"secret "));
        assert!(!users.allows(b"", b""));
    }
}
