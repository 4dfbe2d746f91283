//! Names of Microsoft.Network.

use super::alphabet::Alphabet;
use super::define::names;
use super::error::Problem;
use super::rule::NameRule;

/// Letters, digits, `.`, `_` and `-`, starting with a letter or digit, ending with those or `_`.
const NETWORK: NameRule = NameRule {
    unique_in: "resource group",
    source: "learn.microsoft.com resource-name-rules",
    minimum: 1,
    maximum: 80,
    first: Alphabet::ALPHANUMERIC,
    last: Alphabet::ALPHANUMERIC.with("_"),
    ..NameRule::resource(Alphabet::ALPHANUMERIC.with("._-"))
};

const ONE_TO_EIGHTY: &str = "1 to 80 letters, digits, '.', '_' and '-', starting with a letter or \
                             digit, ending with a letter, digit or '_'";

const TWO_TO_SIXTY_FOUR: &str = "2 to 64 letters, digits, '.', '_' and '-', starting with a letter \
                                 or digit, ending with a letter, digit or '_'";

names! {
    /// The name of a virtual network.
    VirtualNetworkName => NameRule {
        what: "virtual network name",
        text: TWO_TO_SIXTY_FOUR,
        minimum: 2,
        maximum: 64,
        resource_type: Some("Microsoft.Network/virtualNetworks"),
        ..NETWORK
    };

    /// The name of a subnet.
    SubnetName => NameRule {
        what: "subnet name",
        text: ONE_TO_EIGHTY,
        unique_in: "virtual network",
        resource_type: Some("Microsoft.Network/virtualNetworks/subnets"),
        ..NETWORK
    };

    /// The name of a private endpoint.
    PrivateEndpointName => NameRule {
        what: "private endpoint name",
        text: TWO_TO_SIXTY_FOUR,
        minimum: 2,
        maximum: 64,
        resource_type: Some("Microsoft.Network/privateEndpoints"),
        ..NETWORK
    };

    /// The name of a network security group.
    NetworkSecurityGroupName => NameRule {
        what: "network security group name",
        text: ONE_TO_EIGHTY,
        resource_type: Some("Microsoft.Network/networkSecurityGroups"),
        ..NETWORK
    };

    /// The name of the link between a private DNS zone and a virtual network.
    VirtualNetworkLinkName => NameRule {
        what: "virtual network link name",
        text: ONE_TO_EIGHTY,
        unique_in: "private DNS zone",
        resource_type: Some("Microsoft.Network/privateDnsZones/virtualNetworkLinks"),
        ..NETWORK
    };

    /// The name of a private DNS zone, such as `privatelink.blob.core.windows.net`.
    PrivateDnsZoneName => NameRule {
        what: "private DNS zone name",
        text: "2 to 34 labels of 1 to 63 letters, digits, '_' and '-' joined by '.', 3 to 253 \
               characters in all",
        minimum: 3,
        maximum: 253,
        unique_in: "resource group",
        resource_type: Some("Microsoft.Network/privateDnsZones"),
        source: "learn.microsoft.com resource-name-rules; the whole length is RFC 1035's",
        first: Alphabet::ALPHANUMERIC.with("_"),
        inner: Alphabet::ALPHANUMERIC.with("._-"),
        last: Alphabet::ALPHANUMERIC.with("_"),
        forbidden: &[".."],
        also: Some(wrong_labels),
        ..NETWORK
    };
}

/// What is wrong with the labels of a zone, or nothing.
fn wrong_labels(zone: &str) -> Option<Problem> {
    if let Some(label) = zone.split('.').find(|label| label.len() > 63) {
        let reason = format!("the label {label:?} has {} characters", label.len());
        return Some(Problem::Because(reason));
    }
    match zone.split('.').count() {
        1 => Some(Problem::Because("it has a single label".to_owned())),
        2..=34 => None,
        labels => Some(Problem::Because(format!("it has {labels} labels"))),
    }
}
