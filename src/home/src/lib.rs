//! Areas, floors, entities and their state; MQTT with Home Assistant discovery.
