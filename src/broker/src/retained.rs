//! Retained messages: a tree by topic level in memory, every change on disk before the publisher is acknowledged.

use std::str::FromStr;
use std::sync::atomic::{AtomicIsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use rmqtt::Result;
use rmqtt::codec::v5::PublishProperties;
use rmqtt::retain::{RetainStorage, RetainTree};
use rmqtt::types::{CodecPublish, From as Origin, Id, QoS, Retain, TimedValue, Topic, TopicFilter, TopicName};

use crate::disk::{Change, Record, Writer, unix_ms};

/// The broker's retained messages.
#[derive(Clone)]
pub(crate) struct Retained {
    tree: Arc<RwLock<RetainTree<TimedValue<Retain>>>>,
    most: Arc<AtomicIsize>,
    writer: Writer,
}

impl Retained {
    /// Takes the messages read from disk; later changes go to `writer`.
    pub(crate) fn new(records: Vec<Record>, writer: Writer) -> Self {
        let now = unix_ms();
        let mut tree = RetainTree::default();
        for record in records {
            let expires_in = record.expires_at_ms.map(|at| Duration::from_millis(at.saturating_sub(now).max(0) as u64));
            match Topic::from_str(&record.topic) {
                Ok(topic) => tree.insert(&topic, TimedValue::new(retain_of(record), expires_in)),
                Err(error) => {
                    tracing::warn!(topic = record.topic, %error, "a retained message with a bad topic was left out");
                }
            }
        }
        let most = Arc::new(AtomicIsize::new(tree.values_size() as isize));
        Self { tree: Arc::new(RwLock::new(tree)), most, writer }
    }

    /// Forgets what has expired, in memory and on disk.
    pub(crate) async fn prune(&self) {
        let removed =
            self.tree.write().unwrap_or_else(PoisonError::into_inner).retain(usize::MAX, |value| !value.is_expired());
        if removed > 0 {
            self.writer.apply(Change::Prune { before_ms: unix_ms() }).await;
        }
    }

    fn len(&self) -> usize {
        self.tree.read().unwrap_or_else(PoisonError::into_inner).values_size()
    }
}

#[async_trait]
impl RetainStorage for Retained {
    fn enable(&self) -> bool {
        true
    }

    fn need_sync(&self) -> bool {
        false
    }

    /// `_expiry` is the listener's limit for queued messages; a retained message lives until it is replaced, unless the
    /// publisher itself said otherwise (MQTT 5, section 3.3.2.3.3).
    async fn set(&self, topic: &TopicName, retain: Retain, _expiry: Option<Duration>) -> Result<()> {
        let path = Topic::from_str(topic)?;
        let expires_in = retain
            .publish
            .properties
            .as_ref()
            .and_then(|properties| properties.message_expiry_interval)
            .map(|seconds| Duration::from_secs(u64::from(seconds.get())));
        let change = if retain.publish.payload.is_empty() {
            Change::Remove { topic: topic.to_string() }
        } else {
            Change::Put(record_of(topic, &retain, expires_in))
        };

        // The place in the queue is taken first: the change in memory and its place on disk then have the same order, and no
        // lock is held across an await.
        let slot = self.writer.reserve().await;
        let on_disk = {
            let mut tree = self.tree.write().unwrap_or_else(PoisonError::into_inner);
            if retain.publish.payload.is_empty() {
                tree.remove(&path);
            } else {
                tree.insert(&path, TimedValue::new(retain, expires_in));
            }
            slot.send(change)
        };
        on_disk.wait().await;
        self.most.fetch_max(self.len() as isize, Ordering::Relaxed);
        Ok(())
    }

    async fn get(&self, topic_filter: &TopicFilter) -> Result<Vec<(TopicName, Retain)>> {
        let filter = Topic::from_str(topic_filter)?;
        let found = self.tree.read().unwrap_or_else(PoisonError::into_inner).matches(&filter);
        Ok(found
            .into_iter()
            .filter(|(_, value)| !value.is_expired())
            .map(|(topic, value)| {
                let left =
                    value.remaining().and_then(|left| u32::try_from(left.as_secs().max(1)).ok()?.try_into().ok());
                let mut retain = value.into_value();
                if let Some(properties) = retain.publish.properties.as_mut() {
                    properties.message_expiry_interval = left.or(properties.message_expiry_interval);
                }
                (TopicName::from(topic.to_string()), retain)
            })
            .collect())
    }

    async fn count(&self) -> isize {
        self.len() as isize
    }

    async fn max(&self) -> isize {
        self.most.load(Ordering::Relaxed)
    }
}

fn record_of(topic: &TopicName, retain: &Retain, expires_in: Option<Duration>) -> Record {
    let properties = retain.publish.properties.as_ref().map(|properties| {
        // A topic alias and the subscriptions' ids belong to one connection.
        let lasting = PublishProperties { topic_alias: None, subscription_ids: Vec::new(), ..properties.clone() };
        serde_json::to_string(&lasting).unwrap_or_default()
    });
    Record {
        topic: topic.to_string(),
        payload: retain.publish.payload.to_vec(),
        qos: retain.publish.qos.value(),
        client: retain.from.id.client_id.to_string(),
        properties,
        expires_at_ms: expires_in.map(|left| unix_ms().saturating_add(left.as_millis() as i64)),
    }
}

fn retain_of(record: Record) -> Retain {
    let publish = CodecPublish {
        dup: false,
        retain: true,
        qos: QoS::try_from(record.qos).unwrap_or(QoS::AtMostOnce),
        topic: TopicName::from(record.topic),
        packet_id: None,
        payload: record.payload.into(),
        properties: record.properties.and_then(|json| serde_json::from_str(&json).ok()),
    };
    let id = Id::new(0, 0, None, None, record.client.into(), None);
    Retain { msg_id: None, from: Origin::from_custom(id), publish: publish.into() }
}
