//! `vesta demo-home`: a small house on an MQTT broker.

use std::process::ExitCode;

use tokio_util::sync::CancellationToken;
use vesta_demo_home::{DemoConfig, STOREYS};
use vesta_home::{AreaConfig, FloorConfig, HomeConfig};

use crate::cli::DemoHomeArgs;
use crate::commands::Setting;
use crate::terminal;

pub(crate) async fn run(setting: Setting, args: DemoHomeArgs) -> anyhow::Result<ExitCode> {
    let running = setting.folder.running().map(|running| running.mqtt);
    let usual = || format!("mqtt://{}", setting.config.broker.listen);
    let url = args.mqtt.or_else(|| setting.config.mqtt.url.clone()).or(running).unwrap_or_else(usual);
    let config = demo_config(&setting, url.clone())?;
    if args.remove {
        vesta_demo_home::forget(config).await?;
        terminal::remark(format!("the demo home is off {url}"));
        return Ok(ExitCode::SUCCESS);
    }
    terminal::remark(format!("showing the demo home on {url}; stop it with Ctrl-C"));
    let cancel = CancellationToken::new();
    let stop = cancel.clone();
    let stopping = async move {
        crate::house::stop_signal().await;
        stop.cancel();
    };
    let (ran, ()) = tokio::join!(
        async {
            let ran = vesta_demo_home::run(config, cancel.clone()).await;
            cancel.cancel();
            ran
        },
        async {
            tokio::select! {
                () = stopping => {}
                () = cancel.cancelled() => {}
            }
        }
    );
    ran?;
    Ok(ExitCode::SUCCESS)
}

/// A home with the storeys of the demo home, so that "upstairs" means something there. What the owner configured stays as it is.
pub(crate) fn with_storeys(mut home: HomeConfig) -> HomeConfig {
    let same = |a: &str, b: &str| a.eq_ignore_ascii_case(b);
    for storey in STOREYS {
        if !home.floors.iter().any(|floor| same(&floor.name, storey.name)) {
            home.floors.push(FloorConfig {
                name: storey.name.to_owned(),
                aliases: storey.aliases.iter().map(|&alias| alias.to_owned()).collect(),
                ..FloorConfig::default()
            });
        }
        for &room in storey.rooms {
            let floor = Some(storey.name.to_owned());
            if !home.areas.iter().any(|area| same(&area.name, room)) {
                home.areas.push(AreaConfig { name: room.to_owned(), floor, ..AreaConfig::default() });
            }
        }
    }
    home
}

/// The demo home's own connection, with the configured credentials.
pub(crate) fn demo_config(setting: &Setting, url: String) -> anyhow::Result<DemoConfig> {
    let mqtt = crate::house::credentials(&setting.config)?;
    Ok(DemoConfig {
        mqtt_url: url,
        username: mqtt.0,
        password: mqtt.1,
        discovery_prefix: setting.config.mqtt.discovery_prefix.clone(),
        ..DemoConfig::default()
    })
}
