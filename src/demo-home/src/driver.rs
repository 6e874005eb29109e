//! The MQTT client around the house.
//!
//! One task polls the connection and hands on what arrives; the loop here never waits for it, so that neither can block the
//! other: what cannot be sent at once waits in the outbox.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use rumqttc::{
    AsyncClient, ClientError, ConnectReturnCode, ConnectionError, Event, EventLoop, LastWill, Outgoing, Packet, QoS,
    SubscribeFilter,
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::config::DemoConfig;
use crate::error::DemoError;
use crate::house::{House, Publish};

/// Requests that may wait for the network.
const REQUESTS: usize = 256;
/// Messages that may wait for the house.
const ARRIVALS: usize = 256;
const FIRST_RETRY: Duration = Duration::from_millis(250);
const LAST_RETRY: Duration = Duration::from_secs(10);
/// How long a goodbye may take.
const GOODBYE: Duration = Duration::from_secs(2);

/// What the connection reports.
enum News {
    Connected,
    Lost,
    Refused(String),
    Message {
        topic: String,
        payload: String,
    },
    /// The broker has one more of the published messages.
    Acknowledged,
}

/// Runs the house until `cancel`: connects, announces, obeys, reconnects, and says goodbye.
///
/// A broker that is not there is waited for.
///
/// # Errors
/// [`DemoError`] when the URL makes no sense or the broker refuses the credentials.
pub async fn run(config: DemoConfig, cancel: CancellationToken) -> Result<(), DemoError> {
    let mut house = House::new(&config.discovery_prefix, config.seed);
    let mut options = config.options()?;
    let will = house.will();
    options.set_last_will(LastWill::new(will.topic, will.payload, QoS::AtLeastOnce, will.retain));
    let (client, events) = AsyncClient::new(options, REQUESTS);
    let (news_sender, mut news) = mpsc::channel(ARRIVALS);
    let poller = AbortOnDropHandle::new(tokio::spawn(poll(events, news_sender, config.mqtt_url.clone())));

    let began = Instant::now();
    let mut connected = false;
    let mut outbox = Outbox::new(client);
    // Commands that the devices still think about.
    let mut pending: VecDeque<(Duration, String, String)> = VecDeque::new();
    loop {
        let next = house.next_tick().into_iter().chain(pending.front().map(|(due, ..)| *due)).min();
        let wake = async {
            match next {
                Some(at) => tokio::time::sleep_until((began + at).into()).await,
                None => std::future::pending().await,
            }
        };
        let replies = tokio::select! {
            () = cancel.cancelled() => break,
            report = news.recv() => match report {
                Some(News::Connected) => {
                    connected = true;
                    outbox.begin(&house);
                    house.announce()
                }
                Some(News::Message { topic, payload }) if config.latency.is_zero() => {
                    house.handle_message(&topic, &payload, began.elapsed())
                }
                Some(News::Message { topic, payload }) => {
                    pending.push_back((began.elapsed() + config.latency, topic, payload));
                    Vec::new()
                }
                Some(News::Lost) => {
                    connected = false;
                    Vec::new()
                }
                Some(News::Acknowledged) => {
                    outbox.acknowledged();
                    Vec::new()
                }
                Some(News::Refused(why)) => return Err(DemoError::Refused { url: config.mqtt_url, why }),
                None => break,
            },
            () = wake => {
                let now = began.elapsed();
                let mut replies = Vec::new();
                while let Some((_, topic, payload)) = pending.pop_front_if(|(due, ..)| *due <= now) {
                    replies.extend(house.handle_message(&topic, &payload, now));
                }
                replies.extend(house.tick(now));
                replies
            }
        };
        // While the broker is away nothing is kept: the next announcement tells all there is to tell.
        if connected {
            outbox.send(replies);
        } else {
            outbox.waiting.clear();
        }
    }
    if connected {
        // Lost or slow: then the broker says goodbye for the house, by its last will.
        let _ = tokio::time::timeout(GOODBYE, outbox.close(house.goodbye(), &mut news)).await;
    }
    drop(poller);
    Ok(())
}

/// Withdraws the house: the broker forgets its descriptions and states, and homes stop showing its devices.
///
/// # Errors
/// [`DemoError`] when the URL makes no sense, or the broker refuses or cannot be reached within five seconds.
pub async fn forget(config: DemoConfig) -> Result<(), DemoError> {
    let house = House::new(&config.discovery_prefix, config.seed);
    let (client, events) = AsyncClient::new(config.options()?, REQUESTS);
    let (news_sender, mut news) = mpsc::channel(ARRIVALS);
    let url = config.mqtt_url;
    let _poller = AbortOnDropHandle::new(tokio::spawn(poll(events, news_sender, url.clone())));
    let work = async {
        loop {
            match news.recv().await {
                Some(News::Connected) => break,
                Some(News::Refused(why)) => return Err(DemoError::Refused { url: url.clone(), why }),
                Some(_) => {}
                None => return Err(DemoError::Unreachable { url: url.clone(), why: "the connection ended".into() }),
            }
        }
        let outbox = Outbox::new(client);
        outbox.close(house.withdraw(), &mut news).await;
        Ok(())
    };
    let late = DemoError::Unreachable { url: url.clone(), why: "no answer within five seconds".into() };
    tokio::time::timeout(Duration::from_secs(5), work).await.unwrap_or(Err(late))
}

/// Messages on their way out.
struct Outbox {
    client: AsyncClient,
    waiting: VecDeque<Publish>,
    /// Handed to the client, not yet acknowledged by the broker.
    under_way: usize,
}

impl Outbox {
    fn new(client: AsyncClient) -> Self {
        Self { client, waiting: VecDeque::new(), under_way: 0 }
    }

    fn acknowledged(&mut self) {
        self.under_way = self.under_way.saturating_sub(1);
    }

    /// Begins a connection: subscribes, and forgets what was meant for the one before.
    fn begin(&mut self, house: &House) {
        self.waiting.clear();
        self.under_way = 0;
        let filters = house.subscriptions().into_iter().map(|topic| SubscribeFilter::new(topic, QoS::AtLeastOnce));
        if let Err(error) = self.client.try_subscribe_many(filters) {
            tracing::error!(%error, "the demo home could not subscribe to its commands");
        }
    }

    /// Sends what there is room for; the rest waits.
    fn send(&mut self, messages: Vec<Publish>) {
        self.waiting.extend(messages);
        while let Some(Publish { topic, payload, retain }) = self.waiting.front() {
            match self.client.try_publish(topic, QoS::AtLeastOnce, *retain, payload.as_bytes()) {
                Err(ClientError::TryRequest(_)) => return,
                Err(error) => {
                    tracing::warn!(%error, topic, "the demo home could not publish");
                    self.waiting.pop_front();
                }
                Ok(()) => {
                    self.waiting.pop_front();
                    self.under_way += 1;
                }
            }
        }
    }

    /// Sends the last messages, waits until the broker has them all, and closes the connection in good order.
    async fn close(mut self, messages: Vec<Publish>, news: &mut mpsc::Receiver<News>) {
        self.send(messages);
        while !self.waiting.is_empty() || self.under_way > 0 {
            match news.recv().await {
                Some(News::Lost | News::Refused(_)) | None => return,
                Some(News::Acknowledged) => {
                    self.acknowledged();
                    self.send(Vec::new());
                }
                Some(_) => {}
            }
        }
        if self.client.try_disconnect().is_ok() {
            // The poller ends after the goodbye is written.
            while news.recv().await.is_some() {}
        }
    }
}

/// Polls the connection until the house has disconnected or is gone.
async fn poll(mut events: EventLoop, news: mpsc::Sender<News>, url: String) {
    let mut retry = FIRST_RETRY;
    loop {
        let report = match events.poll().await {
            Ok(Event::Incoming(Packet::ConnAck(_))) => {
                retry = FIRST_RETRY;
                tracing::info!(broker = url, "the demo home is connected");
                News::Connected
            }
            Ok(Event::Incoming(Packet::Publish(publish))) => {
                let payload = String::from_utf8_lossy(&publish.payload).into_owned();
                News::Message { topic: publish.topic, payload }
            }
            Ok(Event::Outgoing(Outgoing::Disconnect)) => return,
            Ok(Event::Incoming(Packet::PubAck(_))) => News::Acknowledged,
            Ok(_) => continue,
            Err(ConnectionError::ConnectionRefused(
                code @ (ConnectReturnCode::BadUserNamePassword | ConnectReturnCode::NotAuthorized),
            )) => {
                let _ = news.send(News::Refused(format!("{code:?}"))).await;
                return;
            }
            Err(error) => {
                tracing::warn!(broker = url, %error, again_in = ?retry, "the demo home has no connection to the broker");
                if news.send(News::Lost).await.is_err() {
                    return;
                }
                tokio::time::sleep(retry).await;
                retry = (retry * 2).min(LAST_RETRY);
                continue;
            }
        };
        if news.send(report).await.is_err() {
            return;
        }
    }
}
