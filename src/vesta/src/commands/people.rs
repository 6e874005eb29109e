//! `vesta users`, `vesta invite`, `vesta tokens`, `vesta pair`: who may come in.

use std::io::IsTerminal;
use std::process::ExitCode;

use anyhow::{Context, bail};
use jiff::Timestamp;
use reqwest::Method;
use serde_json::{Value, json};

use crate::cli::{InviteArgs, PairArgs, TokensCommand, UsersCommand};
use crate::commands::{Host, Setting, running};
use crate::remote::Server;
use crate::terminal;

/// `vesta users …`
pub(crate) async fn users(setting: Setting, command: UsersCommand) -> anyhow::Result<ExitCode> {
    if let UsersCommand::Code { name, json } = command {
        return code(&setting, &name, json).await;
    }
    let host = Host::find(&setting).await?;
    let done = change_users(&host.server, command).await;
    host.leave().await;
    done.map(|()| ExitCode::SUCCESS)
}

async fn change_users(server: &Server, command: UsersCommand) -> anyhow::Result<()> {
    match command {
        UsersCommand::List { json } => {
            let people = server.call(Method::GET, "/api/people", None).await?;
            show(&people, json, "nobody yet; `vesta serve` prints the link of the first owner", |person| {
                let language = person["language"].as_str().unwrap_or("");
                let (devices, passkeys) = (&person["devices"], &person["passkeys"]);
                format!(
                    "{:<20} {:<6} {language:<6} {devices} devices, {passkeys} passkeys  {}",
                    text(person, "name"),
                    text(person, "role"),
                    text(person, "id")
                )
            })
        }
        UsersCommand::Change { name, role, rename, language, json } => {
            let person = person(server, &name).await?;
            let mut change = serde_json::Map::new();
            change.extend(role.map(|role| ("role".to_owned(), role.to_string().into())));
            change.extend(rename.map(|name| ("name".to_owned(), name.into())));
            change.extend(language.map(|language| ("language".to_owned(), language.into())));
            if change.is_empty() {
                bail!("say what to change: --role, --rename or --language");
            }
            let path = format!("/api/people/{}", text(&person, "id"));
            let person = server.call(Method::PATCH, &path, Some(&Value::Object(change))).await?;
            told(&person, json, || format!("{} is {} now", text(&person, "name"), text(&person, "role")))
        }
        UsersCommand::Remove { name, json } => {
            let person = person(server, &name).await?;
            server.call(Method::DELETE, &format!("/api/people/{}", text(&person, "id")), None).await?;
            told(&person, json, || format!("{} is removed, with all devices and tokens", text(&person, "name")))
        }
        UsersCommand::Devices { name, json } => {
            let person = match name {
                Some(name) => text(&person(server, &name).await?, "id").to_owned(),
                None => "all".to_owned(),
            };
            let devices = server.call(Method::GET, &format!("/api/devices?person={person}"), None).await?;
            let names = names(server).await?;
            show(&devices, json, "no device is signed in", |device| {
                format!(
                    "{}  {:<14} {:<24} last used {} from {}",
                    text(device, "id"),
                    names(text(device, "person")),
                    text(device, "name"),
                    when(&device["seen_at_ms"]),
                    device["address"].as_str().unwrap_or("?")
                )
            })
        }
        UsersCommand::Revoke { device, json } => {
            server.call(Method::DELETE, &format!("/api/devices/{device}"), None).await?;
            told(&json!({ "revoked": device }), json, || "the device is signed out".to_owned())
        }
        UsersCommand::Invites { json } => {
            let invites = server.call(Method::GET, "/api/invites", None).await?;
            show(&invites, json, "no invitation is open", |invite| {
                let name = invite["name"].as_str().unwrap_or("(anybody)");
                let until = when(&invite["expires_at_ms"]);
                format!("{}  {name:<20} {:<6} until {until}", text(invite, "id"), text(invite, "role"))
            })
        }
        UsersCommand::Uninvite { invite, json } => {
            server.call(Method::DELETE, &format!("/api/invites/{invite}"), None).await?;
            told(&json!({ "revoked": invite }), json, || "the invitation is taken back".to_owned())
        }
        UsersCommand::Audit { limit, json } => {
            let lines = server.call(Method::GET, &format!("/api/audit?limit={limit}"), None).await?;
            show(&lines, json, "nothing happened yet", |line| {
                let address = line["address"].as_str().unwrap_or("-");
                format!(
                    "{}  {:<16} {:<16} {address:<24} {}",
                    when(&line["at_ms"]),
                    text(line, "name"),
                    text(line, "action"),
                    line["detail"]
                )
            })
        }
        UsersCommand::Code { .. } => Ok(()),
    }
}

/// `vesta users code`: a way in for a browser that knows neither passkey nor link.
async fn code(setting: &Setting, name: &str, json: bool) -> anyhow::Result<ExitCode> {
    let server = running_server(setting).await?;
    let person = person(&server, name).await?;
    let pairing = server.call(Method::POST, "/api/auth/pair", Some(&json!({ "person": person["id"] }))).await?;
    told(&pairing, json, || format!("{}   (until {})", text(&pairing, "code"), when(&pairing["expires_at_ms"])))?;
    Ok(ExitCode::SUCCESS)
}

/// `vesta invite`: somebody new.
pub(crate) async fn invite(setting: Setting, args: InviteArgs) -> anyhow::Result<ExitCode> {
    let host = Host::find(&setting).await?;
    let body = json!({
        "role": args.role.to_string(), "name": args.name, "language": args.language,
        "expires_in_s": u64::from(args.expires_days) * 86_400,
    });
    let invited = async {
        let invited = host.server.call(Method::POST, "/api/invites", Some(&body)).await?;
        let link = link(&host.server, &invited).await?;
        anyhow::Ok((invited, link))
    };
    let invited = invited.await;
    let own = host.is_own();
    host.leave().await;
    let (mut invited, link) = invited?;
    if args.json {
        invited["link"] = link.into();
        return terminal::json(&invited).map(|()| ExitCode::SUCCESS);
    }
    show_link(&link)?;
    terminal::line(format!("It works once, until {}.", when(&invited["invite"]["expires_at_ms"])));
    if own {
        terminal::remark(
            "No server runs: the link works as soon as one does; put its address in front, `vesta check` names it.",
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// `vesta pair`: the first owner, or a further device.
pub(crate) async fn pair(setting: Setting, args: PairArgs) -> anyhow::Result<ExitCode> {
    let server = running_server(&setting).await?;
    let people = server.call(Method::GET, "/api/people", None).await?;
    let owned = people.as_array().is_some_and(|people| people.iter().any(|person| person["role"] == "owner"));
    let mut pairing = if owned {
        let person = match (&args.person, people.as_array().map(Vec::as_slice)) {
            (Some(name), _) => person(&server, name).await?,
            (None, Some([only])) => only.clone(),
            (None, _) => bail!("say whose device it is: vesta pair --person NAME; `vesta users list` names them"),
        };
        server.call(Method::POST, "/api/auth/pair", Some(&json!({ "person": person["id"] }))).await?
    } else {
        server.call(Method::POST, "/api/welcome", Some(&json!({}))).await?
    };
    let link = link(&server, &pairing).await?;
    if args.json {
        pairing["link"] = link.into();
        return terminal::json(&pairing).map(|()| ExitCode::SUCCESS);
    }
    show_link(&link)?;
    if let Some(code) = pairing["code"].as_str() {
        terminal::line(format!("or open the house in a browser and type the code   {code}"));
    }
    terminal::line(format!("Both work once, until {}.", when(&pairing["expires_at_ms"])));
    Ok(ExitCode::SUCCESS)
}

/// `vesta tokens …`
pub(crate) async fn tokens(setting: Setting, command: TokensCommand) -> anyhow::Result<ExitCode> {
    let host = Host::find(&setting).await?;
    let done = change_tokens(&host.server, command).await;
    host.leave().await;
    done.map(|()| ExitCode::SUCCESS)
}

async fn change_tokens(server: &Server, command: TokensCommand) -> anyhow::Result<()> {
    match command {
        TokensCommand::List { json } => {
            let tokens = server.call(Method::GET, "/api/tokens?person=all", None).await?;
            let names = names(server).await?;
            show(&tokens, json, "no tokens", |token| {
                let scopes: Vec<_> =
                    token["scopes"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
                let until = if token["expires_at_ms"].is_null() {
                    "for ever".to_owned()
                } else {
                    format!("until {}", when(&token["expires_at_ms"]))
                };
                format!(
                    "{}  {:<20} {:<14} {until}  {}",
                    text(token, "id"),
                    text(token, "name"),
                    names(text(token, "person")),
                    scopes.join(", ")
                )
            })
        }
        TokensCommand::Create { name, scope, person: whose, expires_days, never_expires, json } => {
            let people = server.call(Method::GET, "/api/people", None).await?;
            let owner = match &whose {
                Some(name) => person(server, name).await?,
                None => people
                    .as_array()
                    .and_then(|people| people.iter().find(|person| person["role"] == "owner"))
                    .cloned()
                    .context("there is no owner yet; `vesta pair` shows the link of the first one")?,
            };
            let lasts = (!never_expires).then(|| u64::from(expires_days) * 86_400);
            let body = json!({ "name": name, "scopes": scope, "person": owner["id"], "expires_in_s": lasts });
            let created = server.call(Method::POST, "/api/tokens", Some(&body)).await?;
            told(&created, json, || text(&created, "secret").to_owned())?;
            if !json {
                terminal::remark("This is the only time that it is shown. Send it as 'Authorization: Bearer …'.");
            }
            Ok(())
        }
        TokensCommand::Revoke { token, json } => {
            server.call(Method::DELETE, &format!("/api/tokens/{token}"), None).await?;
            told(&json!({ "revoked": token }), json, || "the token is revoked".to_owned())
        }
    }
}

/// Codes and links for devices live in the server's memory, so one has to run.
async fn running_server(setting: &Setting) -> anyhow::Result<Server> {
    running(setting).await?.context("no server runs in this data folder; start it with `vesta serve`")
}

/// The person called `name`, or of that id.
async fn person(server: &Server, name: &str) -> anyhow::Result<Value> {
    let people = server.call(Method::GET, "/api/people", None).await?;
    let people = people.as_array().cloned().unwrap_or_default();
    let is = |person: &&Value| text(person, "id") == name || text(person, "name").to_lowercase() == name.to_lowercase();
    match people.iter().find(is) {
        Some(person) => Ok(person.clone()),
        None => {
            let names: Vec<_> = people.iter().map(|person| text(person, "name")).collect();
            bail!("there is nobody called '{name}'; there are: {}", names.join(", "))
        }
    }
}

/// Names by id.
async fn names(server: &Server) -> anyhow::Result<impl Fn(&str) -> String> {
    let people = server.call(Method::GET, "/api/people", None).await?;
    Ok(move |id: &str| {
        let found = people.as_array().into_iter().flatten().find(|person| text(person, "id") == id);
        found.map_or_else(|| id.to_owned(), |person| text(person, "name").to_owned())
    })
}

/// The whole link: the best address of the house, and the path that the server gave.
async fn link(server: &Server, made: &Value) -> anyhow::Result<String> {
    let links = server.reach().await?.links.unwrap_or_default();
    let best =
        links.secure.first().map_or_else(|| server.url().replace("127.0.0.1", "localhost"), |link| link.url.clone());
    Ok(format!("{best}{}", text(made, "path")))
}

fn show_link(link: &str) -> anyhow::Result<()> {
    for row in vesta_reach::qr(link, std::io::stdout().is_terminal())? {
        terminal::line(format!("  {row}"));
    }
    terminal::line("");
    terminal::line(link);
    Ok(())
}

/// A list: as a line of JSON each, or as lines for people.
fn show(list: &Value, json: bool, nothing: &str, line: impl Fn(&Value) -> String) -> anyhow::Result<()> {
    let entries = list.as_array().map(Vec::as_slice).unwrap_or_default();
    if entries.is_empty() && !json {
        terminal::line(nothing);
    }
    for entry in entries {
        if json {
            terminal::json(entry)?;
        } else {
            terminal::line(line(entry));
        }
    }
    Ok(())
}

fn told(value: &Value, json: bool, sentence: impl Fn() -> String) -> anyhow::Result<()> {
    if json {
        return terminal::json(value);
    }
    terminal::line(sentence());
    Ok(())
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

fn when(milliseconds: &Value) -> String {
    let zone = jiff::tz::TimeZone::system();
    let time = milliseconds.as_i64().and_then(|milliseconds| Timestamp::from_millisecond(milliseconds).ok());
    time.map_or_else(|| "?".to_owned(), |time| time.to_zoned(zone).strftime("%Y-%m-%d %H:%M").to_string())
}
