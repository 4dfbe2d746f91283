//! The regions that the emulated cloud has.

/// A region: the name that resources carry and the one that people read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Region {
    /// For example `japaneast`.
    pub(crate) name: &'static str,
    /// For example `Japan East`.
    pub(crate) display: &'static str,
}

const fn region(name: &'static str, display: &'static str) -> Region {
    Region { name, display }
}

/// Every region, in the order in which lists show them.
pub(crate) const REGIONS: &[Region] = &[
    region("eastus", "East US"),
    region("eastus2", "East US 2"),
    region("centralus", "Central US"),
    region("southcentralus", "South Central US"),
    region("westus2", "West US 2"),
    region("westus3", "West US 3"),
    region("canadacentral", "Canada Central"),
    region("brazilsouth", "Brazil South"),
    region("northeurope", "North Europe"),
    region("westeurope", "West Europe"),
    region("uksouth", "UK South"),
    region("francecentral", "France Central"),
    region("germanywestcentral", "Germany West Central"),
    region("swedencentral", "Sweden Central"),
    region("japaneast", "Japan East"),
    region("japanwest", "Japan West"),
    region("koreacentral", "Korea Central"),
    region("southeastasia", "Southeast Asia"),
    region("eastasia", "East Asia"),
    region("centralindia", "Central India"),
    region("australiaeast", "Australia East"),
];

/// Finds a region by either of its names; case and spaces do not matter.
pub(crate) fn find(text: &str) -> Option<Region> {
    let wanted: String = text
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| c.to_ascii_lowercase())
        .collect();
    REGIONS.iter().copied().find(|region| region.name == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_spaces_do_not_matter() {
        assert_eq!(find("Japan East"), find("japaneast"));
        assert_eq!(
            find("JAPANEAST").map(|region| region.display),
            Some("Japan East")
        );
        assert_eq!(find("moonwest"), None);
    }

    #[test]
    fn the_two_names_of_a_region_agree() {
        for region in REGIONS {
            assert_eq!(find(region.display), Some(*region));
        }
    }
}
