//! What a device says about one entity, before the home gives it an id, a name and an area.

use serde_json::Value;

use super::availability::Availability;
use super::fields::{FieldError, Fields, Input};
use crate::component::{self, Component};
use crate::text::scalar;

/// An entity as its device describes it.
#[derive(Debug)]
pub struct Description {
    /// Distinguishes the entities of one discovery message.
    pub(crate) key: String,
    pub(crate) unique_id: Option<String>,
    /// The part of the entity id after the domain that the device wishes for.
    pub(crate) wanted_id: Option<String>,
    /// Object id of the discovery topic, or the key within a device message.
    pub(crate) object_id: String,
    /// The entity's own name; `None` where it is named as its device.
    pub(crate) name: Option<String>,
    pub(crate) device: Option<Device>,
    pub(crate) device_class: Option<String>,
    pub(crate) icon: Option<String>,
    /// A setting or a diagnostic of its device, or switched off by default: nothing to speak about.
    pub(crate) background: bool,
    pub(crate) availability: Availability,
    pub(crate) attributes: Option<Input>,
    pub(crate) component: Box<dyn Component>,
}

/// The device that an entity is a part of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Device {
    /// First identifier or connection: equal for all entities of the device.
    pub(crate) id: String,
    pub(crate) name: Option<String>,
    pub(crate) suggested_area: Option<String>,
}

impl Description {
    pub(super) fn new(key: &str, platform: &str, object_id: &str, fields: Fields<'_>) -> Result<Self, FieldError> {
        let device = device(fields)?;
        let device_class = fields.text("device_class")?.filter(|class| class != "None" && !class.is_empty());
        let category = fields.text("entity_category")?;
        if let Some(encoding) = fields.text("encoding")?.filter(|encoding| !is_utf8(encoding)) {
            return Err(FieldError { key: "encoding".to_owned(), problem: format!("{encoding:?} is not supported") });
        }
        let description = Self {
            key: key.to_owned(),
            unique_id: fields.text("unique_id")?.filter(|id| !id.is_empty()),
            wanted_id: wanted_id(fields, platform)?,
            object_id: object_id.to_owned(),
            name: name(fields, device_class.as_deref())?,
            device,
            device_class,
            icon: fields.text("icon")?,
            background: category.is_some() || !fields.boolean("enabled_by_default", true)?,
            availability: Availability::new(fields)?,
            attributes: fields.input("json_attributes_topic", "json_attributes_template", "")?,
            component: component::build(platform, fields)?,
        };
        Ok(description)
    }

    /// The domain of the entity, such as `light`.
    pub fn domain(&self) -> &str {
        self.component.domain()
    }

    /// The unique id, where the device gave one.
    pub fn unique_id(&self) -> Option<&str> {
        self.unique_id.as_deref()
    }

    /// The name as the device gave it: without the device's own name.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }
}

fn is_utf8(encoding: &str) -> bool {
    matches!(encoding.to_lowercase().as_str(), "" | "utf-8" | "utf8" | "us-ascii" | "ascii")
}

/// `default_entity_id` holds the whole id, the older `object_id` only what follows the domain.
fn wanted_id(fields: Fields<'_>, platform: &str) -> Result<Option<String>, FieldError> {
    if let Some(whole) = fields.text("default_entity_id")? {
        let own = whole.strip_prefix(platform).and_then(|rest| rest.strip_prefix('.'));
        return Ok(Some(own.unwrap_or(&whole).to_owned()));
    }
    fields.text("object_id")
}

/// A missing name falls back to the device class (`Door sensor` + `temperature`), a null name to the device alone.
fn name(fields: Fields<'_>, device_class: Option<&str>) -> Result<Option<String>, FieldError> {
    if fields.is_null("name") {
        return Ok(None);
    }
    let given = fields.text("name")?.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
    Ok(given.or_else(|| {
        let class = device_class?.replace('_', " ");
        let mut letters = class.chars();
        letters.next().map(|first| first.to_uppercase().chain(letters).collect())
    }))
}

fn device(fields: Fields<'_>) -> Result<Option<Device>, FieldError> {
    let Some(value) = fields.get("device") else { return Ok(None) };
    let Some(map) = value.as_object() else {
        return Err(FieldError { key: "device".to_owned(), problem: "must be an object".to_owned() });
    };
    let inner = Fields(map);
    let first = |value: &Value| match value {
        Value::Array(items) => items.first().and_then(scalar),
        other => scalar(other),
    };
    let connection = || match inner.get("connections").and_then(Value::as_array)?.first()? {
        Value::Array(pair) => pair.get(1).and_then(scalar),
        _ => None,
    };
    let text = |key: &str| {
        Ok::<_, FieldError>(inner.text(key)?.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()))
    };
    let name = text("name")?;
    let id = inner.get("identifiers").and_then(first).or_else(connection).or_else(|| name.clone());
    let Some(id) = id else {
        return Err(FieldError { key: "device".to_owned(), problem: "needs identifiers or connections".to_owned() });
    };
    Ok(Some(Device { id, name, suggested_area: text("suggested_area")? }))
}
