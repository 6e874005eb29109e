//! `vesta config`: an example, and what is in force.

use std::process::ExitCode;

use crate::cli::ConfigCommand;
use crate::commands::Setting;
use crate::terminal;

pub(crate) fn run(setting: &Setting, command: &ConfigCommand) -> anyhow::Result<ExitCode> {
    let mut config = setting.config.clone();
    let hidden = || "…".to_owned();
    config.mqtt.password = config.mqtt.password.map(|_| hidden());
    config.broker.users.iter_mut().for_each(|user| user.password = hidden());
    match command {
        ConfigCommand::Example => terminal::line(crate::config::EXAMPLE.trim_end()),
        ConfigCommand::Show { json: true } => terminal::json(&config)?,
        ConfigCommand::Show { json: false } => terminal::line(toml::to_string_pretty(&config)?.trim_end()),
    }
    Ok(ExitCode::SUCCESS)
}
