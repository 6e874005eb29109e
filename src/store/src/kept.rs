//! What the house itself must not forget: timers, lists. Each thing is a JSON value under a kind and an id.

use rusqlite::params;
use serde_json::Value;

use crate::error::StoreError;
use crate::store::Store;

impl Store {
    /// Keeps things of a kind, `None` deletes; all of it or nothing. When this returns it is on disk.
    ///
    /// # Errors
    /// [`StoreError`] where the database cannot be written; nothing is then changed.
    pub async fn keep(&self, kind: &'static str, things: Vec<(String, Option<Value>)>) -> Result<(), StoreError> {
        self.run(move |connection| {
            let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            for (id, body) in &things {
                match body {
                    Some(body) => transaction
                        .prepare_cached("INSERT OR REPLACE INTO kept (kind, id, body) VALUES (?1, ?2, ?3)")?
                        .execute(params![kind, id, body.to_string()])?,
                    None => transaction
                        .prepare_cached("DELETE FROM kept WHERE kind = ?1 AND id = ?2")?
                        .execute(params![kind, id])?,
                };
            }
            transaction.commit()
        })
        .await
    }

    /// Everything of a kind, by id. What cannot be read as JSON is left out, with a warning in the log.
    ///
    /// # Errors
    /// [`StoreError`] where the database cannot be read.
    pub async fn kept(&self, kind: &'static str) -> Result<Vec<(String, Value)>, StoreError> {
        let rows = self
            .run(move |connection| {
                let mut statement =
                    connection.prepare_cached("SELECT id, body FROM kept WHERE kind = ?1 ORDER BY id")?;
                let rows = statement.query_map([kind], |row| Ok((row.get(0)?, row.get(1)?)))?;
                rows.collect::<rusqlite::Result<Vec<(String, String)>>>()
            })
            .await?;
        let read = |(id, body): (String, String)| match serde_json::from_str(&body) {
            Ok(body) => Some((id, body)),
            Err(error) => {
                tracing::warn!(kind, id, %error, "something that was kept cannot be read and is left out");
                None
            }
        };
        Ok(rows.into_iter().filter_map(read).collect())
    }
}
