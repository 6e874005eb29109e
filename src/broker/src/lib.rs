//! The embedded MQTT broker: rmqtt with retained messages on disk.
