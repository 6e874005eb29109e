//! The database file, and small steps on it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::Value;

use crate::PeopleError;
use crate::clock::Moment;
use crate::model::{Actor, AuditEntry, Person};
use crate::role::Role;

/// Name of the database in the data folder.
const FILE: &str = "people.db";
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Lines of the audit log that are kept: changes and sign-ins, and failures, which must not drive those out.
const KEPT_CHANGES: i64 = 10_000;
const KEPT_FAILURES: i64 = 2_000;
/// The action of failures in the audit log.
pub(crate) const FAILURE: &str = "sign_in_failed";

/// Each step leads from the format of its index to the next one.
const MIGRATIONS: [&str; 1] = ["
    CREATE TABLE people (
        id TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        folded TEXT NOT NULL UNIQUE,
        role TEXT NOT NULL,
        language TEXT,
        created_at_ms INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE sessions (
        id TEXT PRIMARY KEY,
        person TEXT NOT NULL REFERENCES people (id) ON DELETE CASCADE,
        hash BLOB NOT NULL UNIQUE,
        name TEXT NOT NULL,
        user_agent TEXT,
        method TEXT NOT NULL,
        created_at_ms INTEGER NOT NULL,
        seen_at_ms INTEGER NOT NULL,
        address TEXT,
        expires_at_ms INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX sessions_by_person ON sessions (person);
    CREATE TABLE tokens (
        id TEXT PRIMARY KEY,
        person TEXT NOT NULL REFERENCES people (id) ON DELETE CASCADE,
        hash BLOB NOT NULL UNIQUE,
        name TEXT NOT NULL,
        scopes TEXT NOT NULL,
        created_at_ms INTEGER NOT NULL,
        seen_at_ms INTEGER,
        expires_at_ms INTEGER
    ) WITHOUT ROWID;
    CREATE INDEX tokens_by_person ON tokens (person);
    CREATE TABLE invites (
        id TEXT PRIMARY KEY,
        hash BLOB NOT NULL UNIQUE,
        name TEXT,
        role TEXT NOT NULL,
        language TEXT,
        created_at_ms INTEGER NOT NULL,
        expires_at_ms INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE passkeys (
        id TEXT PRIMARY KEY,
        person TEXT NOT NULL REFERENCES people (id) ON DELETE CASCADE,
        credential BLOB NOT NULL UNIQUE,
        host TEXT NOT NULL,
        name TEXT NOT NULL,
        key TEXT NOT NULL,
        created_at_ms INTEGER NOT NULL,
        used_at_ms INTEGER
    ) WITHOUT ROWID;
    CREATE INDEX passkeys_by_person ON passkeys (person);
    CREATE TABLE audit (
        id INTEGER PRIMARY KEY,
        at_ms INTEGER NOT NULL,
        person TEXT,
        name TEXT NOT NULL,
        action TEXT NOT NULL,
        detail TEXT NOT NULL,
        address TEXT
    );
"];

/// Opens the database in `folder`, both made where they are missing. Nobody but the user may read it.
pub(crate) fn open(folder: &Path) -> Result<Connection, PeopleError> {
    let path = folder.join(FILE);
    let failed = |source: rusqlite::Error| PeopleError::Open { path: path.clone(), source };
    let unusable = |error: std::io::Error| failed(rusqlite::Error::ToSqlConversionFailure(error.into()));
    fs::create_dir_all(folder).map_err(unusable)?;
    // Made before SQLite does, which would let everybody read it; its journals take over these rights.
    let mut options = fs::OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(&path).map_err(unusable)?;
    let mut connection = Connection::open(&path).map_err(failed)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(failed)?;
    connection
        .execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON;")
        .map_err(failed)?;
    let known = MIGRATIONS.len() as i64;
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).map_err(failed)?;
    let found: i64 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(failed)?;
    if found > known {
        return Err(PeopleError::Newer { path, found, known });
    }
    for step in MIGRATIONS.iter().skip(usize::try_from(found).unwrap_or_default()) {
        transaction.execute_batch(step).map_err(failed)?;
    }
    transaction.pragma_update(None, "user_version", known).map_err(failed)?;
    transaction.commit().map_err(failed)?;
    Ok(connection)
}

const PERSON: &str = "SELECT people.id, people.name, people.role, people.language, people.created_at_ms,
    (SELECT count(*) FROM sessions WHERE sessions.person = people.id),
    (SELECT count(*) FROM passkeys WHERE passkeys.person = people.id) FROM people";

/// A person by id.
pub(crate) fn person(connection: &Connection, id: &str) -> Result<Person, PeopleError> {
    let found =
        connection.prepare_cached(&format!("{PERSON} WHERE id = ?1"))?.query_row([id], person_row).optional()?;
    found.ok_or_else(|| PeopleError::NotFound { what: "person", id: id.to_owned() })
}

/// Everybody, in the order in which they came.
pub(crate) fn people(connection: &Connection) -> Result<Vec<Person>, PeopleError> {
    let mut statement = connection.prepare_cached(&format!("{PERSON} ORDER BY created_at_ms, id"))?;
    let rows = statement.query_map([], person_row)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn person_row(row: &Row<'_>) -> rusqlite::Result<Person> {
    Ok(Person {
        id: row.get(0)?,
        name: row.get(1)?,
        role: role(row, 2)?,
        language: row.get(3)?,
        created_at_ms: row.get(4)?,
        devices: row.get(5)?,
        passkeys: row.get(6)?,
    })
}

/// A role in a column.
pub(crate) fn role(row: &Row<'_>, column: usize) -> rusqlite::Result<Role> {
    let text: String = row.get(column)?;
    text.parse().map_err(|error: String| {
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, error.into())
    })
}

/// Owners that there are.
pub(crate) fn owners(connection: &Connection) -> Result<i64, PeopleError> {
    let mut statement = connection.prepare_cached("SELECT count(*) FROM people WHERE role = 'owner'")?;
    Ok(statement.query_row([], |row| row.get(0))?)
}

/// Adds a person.
pub(crate) fn add_person(
    connection: &Connection,
    name: &str,
    role: Role,
    language: Option<&str>,
    now: Moment,
) -> Result<Person, PeopleError> {
    let id = uuid::Uuid::now_v7().to_string();
    let added = connection
        .prepare_cached(
            "INSERT INTO people (id, name, folded, role, language, created_at_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![id, name, folded(name), role.name(), language, now.unix_ms]);
    named(added, name)?;
    person(connection, &id)
}

/// The form in which names are compared.
pub(crate) fn folded(name: &str) -> String {
    name.to_lowercase()
}

/// A broken rule of uniqueness is a name that is taken.
pub(crate) fn named<T>(result: rusqlite::Result<T>, name: &str) -> Result<T, PeopleError> {
    result.map_err(|error| match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::ConstraintViolation) => PeopleError::NameTaken { name: name.to_owned() },
        _ => error.into(),
    })
}

/// Writes a line of the audit log, and drops the oldest where there are too many.
pub(crate) fn audit(
    connection: &Connection,
    now: Moment,
    actor: &Actor,
    action: &str,
    detail: &Value,
) -> Result<(), PeopleError> {
    connection
        .prepare_cached(
            "INSERT INTO audit (at_ms, person, name, action, detail, address) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            now.unix_ms,
            Some(&actor.person).filter(|person| !person.is_empty()),
            actor.name,
            action,
            detail.to_string(),
            actor.address.map(|address| address.to_string()),
        ])?;
    let (class, kept) = if action == FAILURE {
        ("action = 'sign_in_failed'", KEPT_FAILURES)
    } else {
        ("action <> 'sign_in_failed'", KEPT_CHANGES)
    };
    connection
        .prepare_cached(&format!(
            "DELETE FROM audit WHERE {class} AND id <= (SELECT id FROM audit WHERE {class} ORDER BY id DESC LIMIT 1 OFFSET ?1)"
        ))?
        .execute([kept])?;
    Ok(())
}

/// Lines of the audit log with an id below `before`, the newest first.
pub(crate) fn audit_entries(
    connection: &Connection,
    limit: usize,
    before: Option<i64>,
) -> Result<Vec<AuditEntry>, PeopleError> {
    let mut statement = connection.prepare_cached(
        "SELECT id, at_ms, person, name, action, detail, address FROM audit WHERE id < ?1 ORDER BY id DESC LIMIT ?2",
    )?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = statement.query_map(params![before.unwrap_or(i64::MAX), limit], |row| {
        let detail: String = row.get(5)?;
        Ok(AuditEntry {
            id: row.get(0)?,
            at_ms: row.get(1)?,
            person: row.get(2)?,
            name: row.get(3)?,
            action: row.get(4)?,
            detail: serde_json::from_str(&detail).unwrap_or_default(),
            address: row.get(6)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
