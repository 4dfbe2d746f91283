//! `Microsoft.Cache/redis`: a new tenant can't create one any more.

use crate::arm::error::ArmError;
use crate::arm::id::ResourceId;
use crate::engine::world::World;
use crate::provider::redis::RETIRED;
use crate::provider::{Definition, Provider, Style};
use crate::types;

static DEFINITION: Definition = Definition {
    name: "Microsoft.Cache/redis",
    api_versions: &["2024-11-01"],
    table: Some(types::redis),
    create: Some(Style::STATE),
    update: Some(Style::STATE),
    tracked: true,
    ..Definition::READ_ONLY
};

/// Azure Cache for Redis.
pub(crate) struct Redis;

impl Provider for Redis {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn refuse_creation(&self, _world: World<'_>, _id: &ResourceId) -> Result<(), ArmError> {
        Err(RETIRED.refuse(
            "BadRequest",
            "Azure Cache for Redis is retiring, create Azure Managed Redis instance instead. Learn more: \
             https://aka.ms/AzureCacheForRedisRetirement",
        ))
    }
}
