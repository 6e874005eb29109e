//! A small house that announces itself by MQTT discovery and behaves.
