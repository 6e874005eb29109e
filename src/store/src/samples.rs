//! What sensors measured: one value a sensor and interval, for a bounded time.

use rusqlite::{Connection, params};
use serde::Serialize;

use crate::error::StoreError;
use crate::store::Store;

/// A measured value at a time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Sample {
    /// Unix time in milliseconds.
    pub at_ms: i64,
    /// In the sensor's unit.
    pub value: f64,
}

/// Rows that one clean-up deletes at most, so that a turn never waits long to be saved.
const STEP: i64 = 5_000;

impl Store {
    /// Adds what sensors measured, each by its entity's id, and deletes some of what is older than `keep_ms`. A second value
    /// at the same time replaces the first.
    ///
    /// # Errors
    /// [`StoreError`] where the database cannot be written.
    pub async fn add_samples(&self, samples: Vec<(String, Sample)>, keep_ms: i64) -> Result<(), StoreError> {
        self.run(move |connection| add(connection, &samples, keep_ms)).await
    }

    /// What a sensor measured from `since_ms` on, the oldest first, at most `limit` values: where there are more, they are
    /// averaged over equal spans of time.
    ///
    /// # Errors
    /// [`StoreError`] where the database cannot be read.
    pub async fn samples(&self, entity: &str, since_ms: i64, limit: u32) -> Result<Vec<Sample>, StoreError> {
        let entity = entity.to_owned();
        self.run(move |connection| samples(connection, &entity, since_ms, limit.max(1))).await
    }
}

fn add(connection: &mut Connection, samples: &[(String, Sample)], keep_ms: i64) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    {
        let mut insert =
            transaction.prepare_cached("INSERT OR REPLACE INTO samples (entity, at_ms, value) VALUES (?1, ?2, ?3)")?;
        for (entity, sample) in samples.iter().filter(|(_, sample)| sample.value.is_finite()) {
            insert.execute(params![entity, sample.at_ms, sample.value])?;
        }
    }
    if let Some(newest) = samples.iter().map(|(_, sample)| sample.at_ms).max() {
        transaction
            .prepare_cached(
                "DELETE FROM samples WHERE (entity, at_ms) IN (SELECT entity, at_ms FROM samples WHERE at_ms < ?1 LIMIT ?2)",
            )?
            .execute(params![newest.saturating_sub(keep_ms), STEP])?;
    }
    transaction.commit()
}

fn samples(connection: &Connection, entity: &str, since_ms: i64, limit: u32) -> rusqlite::Result<Vec<Sample>> {
    let mut statement = connection.prepare_cached(
        "WITH chosen AS (SELECT at_ms, value FROM samples WHERE entity = ?1 AND at_ms >= ?2),
              span AS (SELECT min(at_ms) AS first, max(max(at_ms) - min(at_ms) + 1, ?3) AS length FROM chosen)
         SELECT CAST(avg(at_ms) AS INTEGER), avg(value) FROM chosen, span
         GROUP BY (at_ms - first) * ?3 / length ORDER BY 1",
    )?;
    let rows = statement
        .query_map(params![entity, since_ms, limit], |row| Ok(Sample { at_ms: row.get(0)?, value: row.get(1)? }))?;
    rows.collect()
}
