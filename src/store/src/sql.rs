//! Saves, finds and deletes.

use std::hash::{DefaultHasher, Hasher};

use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, named_params, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::record::{Audio, AudioKind, Deleted, TurnFilter, TurnRecord, Usage};

/// Rows that one step of a clean-up deletes, so that a save never waits long for it.
const STEP: i64 = 64;
/// Pages that one step gives back to the file system.
const VACUUM_PAGES: i64 = 2_000;

const COLUMNS: &str = "id, started_at_ms, source, mode, language, transcript, intent, action, outcome, error_code, spoken, \
                       events, stages, settings, person, went_wrong";

/// Saves a turn, in place of an earlier version of it. Audio that is there already is not written again, and audio that the
/// newer version lacks is deleted.
pub(crate) fn save(connection: &mut Connection, turn: &TurnRecord) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    transaction
        .prepare_cached(
            "INSERT INTO turns (id, started_at_ms, source, mode, language, transcript, intent, action, outcome, error_code,
                                spoken, events, stages, settings, person, went_wrong)
             VALUES (:id, :started_at_ms, :source, :mode, :language, :transcript, :intent, :action, :outcome, :error_code,
                     :spoken, :events, :stages, :settings, :person, :went_wrong)
             ON CONFLICT (id) DO UPDATE SET
                 started_at_ms = excluded.started_at_ms, source = excluded.source, mode = excluded.mode,
                 language = excluded.language, transcript = excluded.transcript, intent = excluded.intent,
                 action = excluded.action, outcome = excluded.outcome, error_code = excluded.error_code,
                 spoken = excluded.spoken, events = excluded.events, stages = excluded.stages, settings = excluded.settings,
                 person = excluded.person",
        )?
        .execute(named_params! {
            ":id": turn.id, ":started_at_ms": turn.started_at_ms, ":source": turn.source, ":mode": turn.mode,
            ":language": turn.language, ":transcript": turn.transcript, ":intent": optional_json(turn.intent.as_ref())?,
            ":action": optional_json(turn.action.as_ref())?, ":outcome": turn.outcome, ":error_code": turn.error_code,
            ":spoken": turn.spoken, ":events": json(&turn.events)?, ":stages": json(&turn.stages)?,
            ":settings": json(&turn.settings)?, ":person": turn.person, ":went_wrong": turn.went_wrong,
        })?;
    save_audio(&transaction, &turn.id, AudioKind::Heard, turn.heard.as_ref())?;
    save_audio(&transaction, &turn.id, AudioKind::Reply, turn.reply.as_ref())?;
    transaction.commit()
}

fn save_audio(transaction: &Transaction, turn: &str, kind: AudioKind, audio: Option<&Audio>) -> rusqlite::Result<()> {
    let Some(audio) = audio else {
        transaction
            .prepare_cached("DELETE FROM audio WHERE turn = ?1 AND kind = ?2")?
            .execute(params![turn, kind.word()])?;
        return Ok(());
    };
    let pcm: Vec<u8> = audio.samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    let hash = hash(&pcm);
    let known: Option<(u32, i64, i64)> = transaction
        .prepare_cached("SELECT rate, hash, length(pcm) FROM audio WHERE turn = ?1 AND kind = ?2")?
        .query_row(params![turn, kind.word()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    if known != Some((audio.rate, hash, pcm.len() as i64)) {
        transaction
            .prepare_cached("INSERT OR REPLACE INTO audio (turn, kind, rate, hash, pcm) VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![turn, kind.word(), audio.rate, hash, pcm])?;
    }
    Ok(())
}

/// Tells one recording from another. Where the hash function changes with the compiler, audio is written once more.
fn hash(bytes: &[u8]) -> i64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    hasher.finish().cast_signed()
}

/// A turn with its audio.
pub(crate) fn turn(connection: &Connection, id: &str) -> rusqlite::Result<Option<TurnRecord>> {
    let mut statement = connection.prepare_cached(&format!("SELECT {COLUMNS} FROM turns WHERE id = ?1"))?;
    let Some(mut turn) = statement.query_row([id], record).optional()? else { return Ok(None) };
    turn.heard = audio(connection, id, AudioKind::Heard)?;
    turn.reply = audio(connection, id, AudioKind::Reply)?;
    Ok(Some(turn))
}

/// Turns without audio, the newest first.
pub(crate) fn turns(connection: &Connection, filter: &TurnFilter) -> rusqlite::Result<Vec<TurnRecord>> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM turns
         WHERE (:outcome IS NULL OR outcome = :outcome) AND (:source IS NULL OR source = :source)
           AND (:prefix IS NULL OR substr(id, 1, length(:prefix)) = :prefix)
           AND (:since IS NULL OR started_at_ms >= :since) AND (:before IS NULL OR started_at_ms < :before)
           AND (:person IS NULL OR person = :person) AND (NOT :wrong OR went_wrong IS NOT NULL)
           AND (:text IS NULL OR instr(lower(coalesce(transcript, '') || char(10) || coalesce(spoken, '')), lower(:text)))
         ORDER BY started_at_ms DESC, id DESC LIMIT :limit"
    ))?;
    let rows = statement.query_map(
        named_params! {
            ":outcome": filter.outcome, ":source": filter.source, ":prefix": filter.id_prefix,
            ":since": filter.since_ms, ":before": filter.before_ms, ":person": filter.person,
            ":text": filter.text, ":wrong": filter.went_wrong,
            ":limit": i64::try_from(filter.limit).unwrap_or(i64::MAX),
        },
        record,
    )?;
    rows.collect()
}

/// One recording.
pub(crate) fn audio(connection: &Connection, turn: &str, kind: AudioKind) -> rusqlite::Result<Option<Audio>> {
    connection
        .prepare_cached("SELECT rate, pcm FROM audio WHERE turn = ?1 AND kind = ?2")?
        .query_row(params![turn, kind.word()], |row| {
            let pcm = row.get_ref(1)?.as_blob()?;
            let samples = pcm.as_chunks().0.iter().map(|bytes| i16::from_le_bytes(*bytes)).collect();
            Ok(Audio { rate: row.get(0)?, samples })
        })
        .optional()
}

/// Deletes a turn with its audio; returns whether there was one.
pub(crate) fn delete(connection: &Connection, id: &str) -> rusqlite::Result<bool> {
    Ok(connection.prepare_cached("DELETE FROM turns WHERE id = ?1")?.execute([id])? > 0)
}

/// Notes that a turn went wrong, or takes that back; returns whether there is such a turn.
pub(crate) fn set_went_wrong(connection: &Connection, id: &str, note: Option<&str>) -> rusqlite::Result<bool> {
    Ok(connection.prepare_cached("UPDATE turns SET went_wrong = ?2 WHERE id = ?1")?.execute(params![id, note])? > 0)
}

/// Deletes some turns that began before `before_ms` and of which nobody said that they went wrong; returns how many, fewer
/// than a step when it was the last one.
pub(crate) fn delete_old(connection: &mut Connection, before_ms: i64) -> rusqlite::Result<Deleted> {
    let turns = connection
        .prepare_cached(
            "DELETE FROM turns WHERE id IN (
                 SELECT id FROM turns WHERE started_at_ms < ?1 AND went_wrong IS NULL ORDER BY started_at_ms LIMIT ?2)",
        )?
        .execute(params![before_ms, STEP])?;
    Ok(Deleted { turns: turns as u64, recordings: 0 })
}

/// Deletes what is oldest while the database is larger than `max_bytes`: recordings, and when there are none left, turns;
/// what somebody said went wrong is the last to go.
/// Returns what one step deleted, nothing when it is small enough.
pub(crate) fn delete_above(connection: &mut Connection, max_bytes: u64) -> rusqlite::Result<Deleted> {
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let excess = i64::try_from(usage(&transaction)?.bytes.saturating_sub(max_bytes)).unwrap_or(i64::MAX);
    if excess == 0 {
        return Ok(Deleted::default());
    }
    // The oldest recordings up to the one that covers the excess.
    let recordings = transaction
        .prepare_cached(
            "DELETE FROM audio WHERE rowid IN (
                 SELECT rowid FROM (
                     SELECT audio.rowid, sum(length(pcm)) OVER older - length(pcm) AS freed_before
                     FROM audio JOIN turns ON turns.id = audio.turn
                     WINDOW older AS (ORDER BY turns.went_wrong IS NOT NULL, turns.started_at_ms, audio.turn, audio.kind
                                      ROWS UNBOUNDED PRECEDING)
                     ORDER BY turns.went_wrong IS NOT NULL, turns.started_at_ms, audio.turn, audio.kind LIMIT ?2)
                 WHERE freed_before < ?1)",
        )?
        .execute(params![excess, STEP])? as u64;
    let turns = if recordings > 0 {
        0
    } else {
        transaction
            .prepare_cached(
                "DELETE FROM turns WHERE id IN (
                     SELECT id FROM turns ORDER BY went_wrong IS NOT NULL, started_at_ms, id LIMIT ?1)",
            )?
            .execute([STEP])? as u64
    };
    transaction.commit()?;
    Ok(Deleted { turns, recordings })
}

/// Gives some free pages back to the file system; returns whether there are more.
pub(crate) fn vacuum(connection: &mut Connection) -> rusqlite::Result<bool> {
    // Each row that the pragma returns is a page given back.
    let mut statement = connection.prepare(&format!("PRAGMA incremental_vacuum({VACUUM_PAGES})"))?;
    let mut rows = statement.query([])?;
    while rows.next()?.is_some() {}
    drop(rows);
    drop(statement);
    Ok(pragma(connection, "freelist_count")? > 0)
}

/// Moves what is in the journal into the database file, as far as readers allow.
pub(crate) fn checkpoint(connection: &Connection) -> rusqlite::Result<()> {
    connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
}

/// How much there is.
pub(crate) fn usage(connection: &Connection) -> rusqlite::Result<Usage> {
    let count =
        |table: &str| connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get::<_, i64>(0));
    let pages = pragma(connection, "page_count")? - pragma(connection, "freelist_count")?;
    Ok(Usage {
        turns: count("turns")?.cast_unsigned(),
        recordings: count("audio")?.cast_unsigned(),
        bytes: (pages * pragma(connection, "page_size")?).cast_unsigned(),
    })
}

fn pragma(connection: &Connection, name: &str) -> rusqlite::Result<i64> {
    connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get(0))
}

fn record(row: &Row) -> rusqlite::Result<TurnRecord> {
    Ok(TurnRecord {
        id: row.get(0)?,
        started_at_ms: row.get(1)?,
        source: row.get(2)?,
        mode: row.get(3)?,
        language: row.get(4)?,
        transcript: row.get(5)?,
        intent: optional_value(row, 6)?,
        action: optional_value(row, 7)?,
        outcome: row.get(8)?,
        error_code: row.get(9)?,
        spoken: row.get(10)?,
        events: value(row, 11)?,
        stages: value(row, 12)?,
        settings: value(row, 13)?,
        person: row.get(14)?,
        went_wrong: row.get(15)?,
        heard: None,
        reply: None,
    })
}

fn json(value: &impl Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}

fn optional_json(value: Option<&impl Serialize>) -> rusqlite::Result<Option<String>> {
    value.map(json).transpose()
}

fn value<T: DeserializeOwned>(row: &Row, column: usize) -> rusqlite::Result<T> {
    parse(&row.get::<_, String>(column)?, column)
}

fn optional_value<T: DeserializeOwned>(row: &Row, column: usize) -> rusqlite::Result<Option<T>> {
    row.get::<_, Option<String>>(column)?.map(|text| parse(&text, column)).transpose()
}

fn parse<T: DeserializeOwned>(text: &str, column: usize) -> rusqlite::Result<T> {
    serde_json::from_str(text)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error.into()))
}
