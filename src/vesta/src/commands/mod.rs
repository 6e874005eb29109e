//! One file a command.

mod ask;
mod check;
mod config;
mod demo_home;
pub(crate) mod hear;
mod home;
mod intents;
mod models;
mod people;
mod say;
mod serve;
mod talk;
mod turns;

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::CommandFactory;

use crate::cli::{Cli, Command};
use crate::config::Config;
use crate::folder::{DataFolder, Occupied};
use crate::house::{self, House};
use crate::remote::Server;

pub(crate) use demo_home::{demo_config, with_storeys};
pub(crate) use models::{BUILT_IN_MODEL, speech_model};

/// What every command starts from.
pub(crate) struct Setting {
    /// The data folder.
    pub folder: DataFolder,
    /// The configuration in force.
    pub config: Config,
    /// Whether there is a configuration file.
    pub configured: bool,
}

/// Runs the command.
pub(crate) async fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match &cli.command {
        Command::Completions { shell } => {
            clap_complete::generate(*shell, &mut Cli::command(), "vesta", &mut std::io::stdout());
            return Ok(ExitCode::SUCCESS);
        }
        Command::Config(crate::cli::ConfigCommand::Example) => {
            crate::terminal::line(crate::config::EXAMPLE.trim_end());
            return Ok(ExitCode::SUCCESS);
        }
        _ => {}
    }
    if let Command::Intents(command) = cli.command {
        return intents::run(command, cli.data.as_deref(), cli.config.as_deref()).await;
    }
    let setting = Setting::new(cli.data.as_deref(), cli.config.as_deref())?;
    match cli.command {
        Command::Serve(args) => serve::run(setting, args).await,
        Command::Ask(args) => ask::run(setting, args).await,
        Command::Hear(args) => hear::run(setting, args).await,
        Command::Say(args) => say::run(setting, args).await,
        Command::Talk(args) => talk::run(setting, args).await,
        Command::Home(args) => home::run(setting, args).await,
        Command::Check(args) => check::run(setting, args).await,
        Command::Models(command) => models::run(setting, command).await,
        Command::Turns(command) => turns::run(setting, command).await,
        Command::Users(command) => people::users(setting, command).await,
        Command::Invite(args) => people::invite(setting, args).await,
        Command::Tokens(command) => people::tokens(setting, command).await,
        Command::Pair(args) => people::pair(setting, args).await,
        Command::DemoHome(args) => demo_home::run(setting, args).await,
        Command::Config(command) => config::run(&setting, &command),
        Command::Intents(_) | Command::Completions { .. } => Ok(ExitCode::SUCCESS),
    }
}

impl Setting {
    fn new(data: Option<&Path>, config: Option<&Path>) -> anyhow::Result<Self> {
        let folder = DataFolder::open(data)?;
        let file = config.map_or_else(|| folder.config(), Path::to_owned);
        // Settings that are no text are for other programs.
        let environment =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        let loaded = crate::config::load(&file, config.is_some(), environment)?;
        Ok(Self { folder, config: loaded, configured: file.exists() })
    }
}

/// A server to speak to: the one that runs, or a house of our own for as long as the command takes.
pub(crate) struct Host {
    /// Its web endpoints.
    pub server: Server,
    own: Option<House>,
    /// The data folder is ours for as long as our own house stands in it.
    _occupied: Option<Occupied>,
}

/// How long a command waits for another that has a house of its own in the same data folder.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often it looks. The folder's lock tells nobody when it is free.
const LOOK: Duration = Duration::from_millis(50);

impl Host {
    /// The running server of this data folder, or a house of our own.
    pub(crate) async fn find(setting: &Setting) -> anyhow::Result<Self> {
        let began = Instant::now();
        let occupied = loop {
            if let Some(server) = running(setting).await? {
                return Ok(Self { server, own: None, _occupied: None });
            }
            match setting.folder.occupy() {
                Ok(occupied) => break occupied,
                Err(error) if began.elapsed() > PATIENCE => return Err(error),
                Err(_) => tokio::time::sleep(LOOK).await,
            }
        };
        let house = House::start(setting, house::Demo::AsConfigured).await.context("the house could not be started")?;
        house.settled().await;
        let server = Server::new(house.url(), &setting.folder.local_token())?;
        Ok(Self { server, own: Some(house), _occupied: Some(occupied) })
    }

    /// Whether it is a house of our own.
    pub(crate) fn is_own(&self) -> bool {
        self.own.is_some()
    }

    /// Ends a house of our own.
    pub(crate) async fn leave(self) {
        if let Some(house) = self.own {
            house.stop().await;
        }
    }

    /// The server's state once its engines have decided whether they work.
    pub(crate) async fn status_when_ready(&self) -> anyhow::Result<vesta_server::Status> {
        if let Some(house) = &self.own {
            house.engines_decided().await;
        }
        self.server.status().await
    }

    /// The id of the area called `name`.
    pub(crate) async fn area(&self, name: Option<&str>) -> anyhow::Result<Option<String>> {
        let Some(name) = name else { return Ok(None) };
        let home = self.server.home().await?;
        let areas = home["areas"].as_array().cloned().unwrap_or_default();
        let called = |area: &serde_json::Value, name: &str| {
            let is = |value: &serde_json::Value| value.as_str().is_some_and(|text| text.eq_ignore_ascii_case(name));
            is(&area["id"])
                || is(&area["name"])
                || area["aliases"].as_array().is_some_and(|aliases| aliases.iter().any(is))
        };
        match areas.iter().find(|area| called(area, name)) {
            Some(area) => Ok(area["id"].as_str().map(str::to_owned)),
            None => {
                let names: Vec<_> = areas.iter().filter_map(|area| area["name"].as_str()).collect();
                anyhow::bail!("there is no area '{name}'; there are: {}", names.join(", "))
            }
        }
    }
}

/// The running server of this data folder.
pub(crate) async fn running(setting: &Setting) -> anyhow::Result<Option<Server>> {
    let Some(running) = setting.folder.running() else { return Ok(None) };
    // A server holds its folder; an announcement without one is a killed server's, and its address may be another's now.
    if setting.folder.occupy().is_ok() {
        return Ok(None);
    }
    let server = Server::new(&running.url, &setting.folder.local_token())?;
    Ok(server.answers().await.then_some(server))
}
