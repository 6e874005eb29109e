//! What a person set, and what a person asked once and must not be done twice.

use rusqlite::{Connection, OptionalExtension, params};
use serde_json::Value;

use crate::error::StoreError;
use crate::store::{Store, unix_ms};

/// Requests of a person that are remembered.
const REQUESTS: i64 = 500;

/// What is known of a request that comes in.
#[derive(Debug, Clone, PartialEq)]
pub enum Begun {
    /// It was never seen; from now on it is known.
    First,
    /// It was begun and its answer is not known: it runs still, or the server ended in the middle of it.
    Before,
    /// It was answered.
    Answered(Value),
}

impl Store {
    /// What a person set; null where nothing was.
    ///
    /// # Errors
    /// [`StoreError`] where the database cannot be read.
    pub async fn preferences(&self, person: &str) -> Result<Value, StoreError> {
        let person = person.to_owned();
        let body = self
            .run(move |connection| {
                connection
                    .prepare_cached("SELECT body FROM preferences WHERE person = ?1")?
                    .query_row([&person], |row| row.get::<_, String>(0))
                    .optional()
            })
            .await?;
        // Only this program writes it; what cannot be read is as if nothing was set.
        Ok(body.and_then(|body| serde_json::from_str(&body).ok()).unwrap_or_default())
    }

    /// Keeps what a person set, in place of what was before.
    ///
    /// # Errors
    /// [`StoreError`] where the database cannot be written.
    pub async fn set_preferences(&self, person: &str, body: &Value) -> Result<(), StoreError> {
        let (person, body) = (person.to_owned(), body.to_string());
        self.run(move |connection| {
            connection
                .prepare_cached("INSERT OR REPLACE INTO preferences (person, body) VALUES (?1, ?2)")?
                .execute(params![person, body])
                .map(drop)
        })
        .await
    }

    /// Notes, before anything is done about it, that a person asked something under an id of the client's choice. A client
    /// that lost the answer asks again under the same id, and nothing is done twice, not even over a restart.
    ///
    /// # Errors
    /// [`StoreError`] where the database cannot be written; the request is then not to be carried out.
    pub async fn begin_request(&self, person: &str, id: &str) -> Result<Begun, StoreError> {
        let (person, id) = (person.to_owned(), id.to_owned());
        self.run(move |connection| begin(connection, &person, &id)).await
    }

    /// Keeps the answer to a request that was begun.
    ///
    /// # Errors
    /// [`StoreError`] where the database cannot be written.
    pub async fn finish_request(&self, person: &str, id: &str, answer: &Value) -> Result<(), StoreError> {
        let (person, id, answer) = (person.to_owned(), id.to_owned(), answer.to_string());
        self.run(move |connection| {
            connection
                .prepare_cached("UPDATE requests SET answer = ?3 WHERE person = ?1 AND id = ?2")?
                .execute(params![person, id, answer])
                .map(drop)
        })
        .await
    }
}

fn begin(connection: &mut Connection, person: &str, id: &str) -> rusqlite::Result<Begun> {
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let known: Option<Option<String>> = transaction
        .prepare_cached("SELECT answer FROM requests WHERE person = ?1 AND id = ?2")?
        .query_row(params![person, id], |row| row.get(0))
        .optional()?;
    match known {
        Some(Some(answer)) => return Ok(serde_json::from_str(&answer).map_or(Begun::Before, Begun::Answered)),
        Some(None) => return Ok(Begun::Before),
        None => {}
    }
    transaction.prepare_cached("INSERT INTO requests (person, id, at_ms) VALUES (?1, ?2, ?3)")?.execute(params![
        person,
        id,
        unix_ms()
    ])?;
    transaction
        .prepare_cached(
            "DELETE FROM requests WHERE person = ?1 AND at_ms < (
                 SELECT at_ms FROM requests WHERE person = ?1 ORDER BY at_ms DESC LIMIT 1 OFFSET ?2)",
        )?
        .execute(params![person, REQUESTS])?;
    transaction.commit()?;
    Ok(Begun::First)
}
