//! `vesta home`: areas and devices with their state, and the timers.

use std::process::ExitCode;

use serde_json::Value;

use crate::cli::HomeArgs;
use crate::commands::{Host, Setting};
use crate::terminal;

pub(crate) async fn run(setting: Setting, args: HomeArgs) -> anyhow::Result<ExitCode> {
    let host = Host::find(&setting).await?;
    let filter = args.filter.as_deref().map(str::to_lowercase);
    let mut home = host.server.home().await?;
    if let Some(entities) = home["entities"].as_object_mut() {
        entities.retain(|_, entity| shown(entity, filter.as_deref()));
    }
    if args.json && !args.watch {
        terminal::json(&home)?;
    } else if !args.json {
        print(&home, filter.as_deref());
        if filter.is_none() {
            print_timers(&home, unix_ms());
        }
    }
    if args.watch {
        let watching = host.server.changes(|event, change| {
            if event == "change" && shown(entity_of(&change), filter.as_deref()) {
                if args.json {
                    terminal::json(&change)?;
                } else {
                    terminal::line(change_line(&change));
                }
            }
            Ok(())
        });
        tokio::select! {
            watched = watching => {
                watched?;
                anyhow::bail!("the server ended");
            }
            stopped = tokio::signal::ctrl_c() => stopped?,
        }
    }
    host.leave().await;
    Ok(ExitCode::SUCCESS)
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

fn shown(entity: &Value, filter: Option<&str>) -> bool {
    filter
        .is_none_or(|filter| ["id", "name", "area"].iter().any(|key| text(entity, key).to_lowercase().contains(filter)))
}

fn print(home: &Value, filter: Option<&str>) {
    let entities: Vec<&Value> = home["entities"]
        .as_object()
        .into_iter()
        .flat_map(|entities| entities.values())
        .filter(|entity| shown(entity, filter))
        .collect();
    if let (true, Some(filter)) = (entities.is_empty(), filter) {
        terminal::line(format!("nothing has '{filter}' in its name, id or area"));
        return;
    }
    if entities.is_empty() {
        terminal::line(
            "no devices yet. Devices announce themselves over MQTT (docs/devices.md); `vesta demo-home` shows some to try.",
        );
        return;
    }
    let areas = home["areas"].as_array().cloned().unwrap_or_default();
    let sections = areas
        .iter()
        .map(|area| (text(area, "name").to_owned(), Some(text(area, "id").to_owned())))
        .chain([("Elsewhere".to_owned(), None)]);
    for (name, id) in sections {
        let here: Vec<_> = entities.iter().filter(|entity| entity["area"].as_str() == id.as_deref()).collect();
        if here.is_empty() {
            continue;
        }
        terminal::line(format!("\n{name}"));
        for entity in here {
            terminal::line(format!("  {:<28} {:<36} {}", text(entity, "name"), text(entity, "id"), state(entity)));
        }
    }
}

/// The timers, the one that ends first in front, with what is left at `now_ms` (Unix time in milliseconds).
fn print_timers(home: &Value, now_ms: i64) {
    let timers = home["timers"].as_array().map(Vec::as_slice).unwrap_or_default();
    if timers.is_empty() {
        return;
    }
    terminal::line("\nTimers");
    for timer in timers {
        let left = timer["ends_at_ms"].as_i64().map(|ends| (ends - now_ms).max(0));
        let (left_ms, running) = (left.or(timer["left_ms"].as_i64()).unwrap_or(0), left.is_some());
        let seconds = left_ms / 1_000;
        let clock = format!("{}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60);
        let what = ["name", "command"].iter().find_map(|key| timer[*key].as_str()).unwrap_or("timer");
        let how = match timer["ringing"].as_bool() {
            Some(true) => "rings".to_owned(),
            _ if running => format!("{clock} left"),
            _ => format!("{clock} left, paused"),
        };
        terminal::line(format!("  {what:<28} {how}"));
    }
}

fn unix_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// The state with what belongs to it.
fn state(entity: &Value) -> String {
    if entity["available"] == false {
        return "unavailable".to_owned();
    }
    let attributes = &entity["attributes"];
    let unit = text(entity, "unit");
    let mut state = match entity["state"].as_str() {
        Some(state) if unit.is_empty() => state.to_owned(),
        Some(state) => format!("{state} {unit}"),
        None => "unknown".to_owned(),
    };
    for key in ["brightness", "current_position", "percentage", "temperature", "current_temperature", "battery_level"] {
        if let Some(number) = attributes[key].as_f64() {
            state.push_str(&format!(", {} {number}", key.replace('_', " ")));
        }
    }
    state
}

/// What a change left: the entity as it is now, or as it was when it was taken away.
fn entity_of(change: &Value) -> &Value {
    if change["after"].is_object() { &change["after"] } else { &change["before"] }
}

fn change_line(change: &Value) -> String {
    let entity = entity_of(change);
    match change["kind"].as_str() {
        Some("removed") => format!("{:<36} removed", text(entity, "id")),
        _ => format!("{:<36} {}", text(entity, "id"), state(entity)),
    }
}
