//! Tests of behaviour, through the same door as clients.

mod apps;
mod contract;
mod deployments;
mod dialects;
mod documents;
mod domains;
mod environments;
mod every_type;
mod fault_injection;
mod front_door;
mod gateways;
mod jobs;
mod networks;
mod persistence;
mod postgres;
mod redis;
mod registries;
mod robustness;
mod rules;
mod storage;
mod subscriptions;
mod support;
mod vaults;
mod workspaces;
