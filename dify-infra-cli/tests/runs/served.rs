//! An Azure behind a loopback port of this process: its state and its log can be looked at.

use dify_infra_emulator::server::Running;
use dify_infra_emulator::{Emulator, EmulatorBuilder};
use tokio::runtime::Runtime;

use crate::place::TIME_SCALE;

pub(crate) struct Served {
    azure: Running,
    /// It ends after the server, which runs on it.
    _runtime: Runtime,
}

impl Served {
    pub(crate) fn start(builder: EmulatorBuilder) -> Self {
        let runtime = Runtime::new().unwrap();
        let scale = TIME_SCALE.parse().unwrap();
        let emulator = builder.time_scale(scale).build().unwrap();
        let azure = runtime.block_on(emulator.serve()).unwrap();
        Self {
            azure,
            _runtime: runtime,
        }
    }

    pub(crate) fn endpoint(&self) -> &str {
        self.azure.endpoint()
    }

    pub(crate) fn emulator(&self) -> &Emulator {
        self.azure.emulator()
    }

    /// The ids of all resources of a type.
    pub(crate) fn ids(&self, resource_type: &str) -> Vec<String> {
        let resources = self.emulator().resources(jiff::Timestamp::now());
        let of_type = resources.into_values().filter(|body| {
            body["type"]
                .as_str()
                .is_some_and(|kind| kind.eq_ignore_ascii_case(resource_type))
        });
        of_type
            .map(|body| body["id"].as_str().unwrap().to_owned())
            .collect()
    }
}
