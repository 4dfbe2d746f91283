//! `[gateway]`: an application gateway with a firewall in front of everything.

use super::Resolver;
use crate::check::{gateway as rules, spc};
use crate::deployment::gateway::{
    FILE_UPLOAD_MIB, INGRESS_REQUEST_SECONDS, LEAST_MAXIMUM, MOST_INSTANCES, REQUEST_BODY_KIB,
};
use crate::deployment::routes::bytes;
use crate::deployment::{
    CertificateReader, FirewallMode, Gateway, GatewayCertificate, InstanceRange, Network,
    NetworkPlace, Profile, Public, has_zones,
};
use crate::diagnostic::KeyPath;
use crate::names::Location;
use crate::resource::Kind;
use crate::routes::RouteTable;
use crate::spec::GatewaySpec;
use crate::values::Cidr;

/// Zones of a region that has some.
const ZONES: [&str; 3] = ["1", "2", "3"];

/// Seconds that the gateway waits longer than the ingress behind it, so that the ingress decides.
const MARGIN_SECONDS: u32 = 60;

/// The longest time for which Azure lets a gateway wait for a back-end of its own network: a day
/// (<https://learn.microsoft.com/azure/azure-resource-manager/management/azure-subscription-service-limits#azure-application-gateway-limits>).
const LONGEST_SECONDS: u32 = 86_400;

impl Resolver<'_> {
    /// The gateway; nothing when the file has none, or none that could be made.
    pub(super) fn gateway(
        &mut self,
        (profile, location): (Profile, &Location),
        network: Option<&Network>,
        routes: &RouteTable,
    ) -> Option<Gateway> {
        let whole = self.spec;
        let spec = whole.gateway.as_ref()?;
        let certificate = self.gateway_certificate(spec);
        let reader = self.certificate_reader(spec, certificate.as_ref());
        let mode = self.word(
            "gateway.mode",
            spec.mode.as_deref(),
            &["prevention", "detection"],
        );
        let subnet = self.gateway_range(spec, network);
        let gateway = Gateway {
            certificate: certificate?,
            reader: reader?,
            instances: self.instances(spec, profile),
            zones: self.gateway_zones(spec, profile, location),
            mode: match mode {
                Some("detection") => FirewallMode::Detection,
                _ => FirewallMode::Prevention,
            },
            inspects_arguments: spec.inspect_arguments.unwrap_or(false),
            request_timeout: self.number(
                "gateway.request_timeout",
                spec.request_timeout,
                INGRESS_REQUEST_SECONDS + MARGIN_SECONDS,
                1..=LONGEST_SECONDS,
            ),
            max_request_body: self.body_limit(
                "gateway.max_request_body",
                spec.max_request_body.as_deref(),
                (REQUEST_BODY_KIB.0 << 10, REQUEST_BODY_KIB.1 << 10),
                "from 8K to 2000K",
            ),
            max_file_upload: self
                .body_limit(
                    "gateway.max_file_upload",
                    spec.max_file_upload.as_deref(),
                    (FILE_UPLOAD_MIB.0 << 20, FILE_UPLOAD_MIB.1 << 20),
                    "from 1M to 4000M",
                )
                .unwrap_or_else(|| routes.largest_body()),
            subnet: subnet?,
        };
        Some(gateway)
    }

    /// How people reach it: with a gateway in front, the origin's TLS ends there, and no name is put
    /// on the front door.
    pub(super) fn public_behind(&mut self, gateway: Option<&Gateway>) -> Public {
        let mut public = self.public();
        if gateway.is_some() && public.certificate.take().is_some() {
            // A name on the front door takes TLS to the environment, a gateway in front ends it: what the
            // file says twice can't both be meant.
            let message = "`public.certificate` is for a front door that is reached by itself, and behind \
                           a gateway it is not: the gateway ends TLS, with its own certificate";
            let path = KeyPath::of("public.certificate");
            let finding = rules::CERTIFICATE.finding(path, message);
            self.report(
                finding.with_help("remove it; `gateway.certificate` is the one that counts"),
            );
        }
        public
    }

    fn gateway_certificate(&mut self, spec: &GatewaySpec) -> Option<GatewayCertificate> {
        let path = KeyPath::of("gateway.certificate");
        let Some(text) = spec.certificate.as_deref() else {
            let message = "`gateway.certificate` is missing: the gateway answers https alone";
            self.report(rules::CERTIFICATE.finding(path, message));
            return None;
        };
        let parsed = GatewayCertificate::parse(text);
        parsed
            .map_err(|error| self.refuse(&rules::CERTIFICATE, path, &error))
            .ok()
    }

    /// Who reads the certificate: the identity that the file names, or one of our own with a role
    /// on the certificate's vault, of which the file must say where it is.
    fn certificate_reader(
        &mut self,
        spec: &GatewaySpec,
        certificate: Option<&GatewayCertificate>,
    ) -> Option<CertificateReader> {
        if let Some(id) = spec.identity.as_deref() {
            if spec.vault.is_some() {
                let message = "`gateway.vault` has no effect: the identity has its role already";
                self.report(spc::NO_EFFECT.finding(KeyPath::of("gateway.vault"), message));
            }
            let id = self.id_of("gateway.identity", Kind::UserAssignedIdentity, id);
            return id.map(CertificateReader::Existing);
        }
        let name = certificate.map(|certificate| certificate.vault().to_owned());
        if let Some(id) = spec.vault.as_deref() {
            let id = self.id_of("gateway.vault", Kind::Vault, id)?;
            let name = name.unwrap_or_else(|| id.name().to_owned());
            if !id.name().eq_ignore_ascii_case(&name) {
                let message = format!(
                    "the certificate is in the vault `{name}`, and `gateway.vault` is `{}`",
                    id.name()
                );
                let path = KeyPath::of("gateway.vault");
                self.report(rules::READER.finding(path, message));
            }
            return Some(CertificateReader::OnVault(id));
        }
        let secrets = &self.spec.secrets;
        let own = secrets
            .existing
            .as_deref()
            .filter(|_| secrets.store.as_deref() == Some("key-vault"));
        if let (Some(own), Some(name)) = (own, &name)
            && own.eq_ignore_ascii_case(name)
        {
            return Some(CertificateReader::OnDeploymentVault);
        }
        let message = match name {
            Some(name) => format!("nothing says where the vault `{name}` of the certificate is"),
            None => "nothing says who reads the certificate".to_owned(),
        };
        self.report(rules::READER.finding(KeyPath::of("gateway.certificate"), message));
        None
    }

    fn instances(&mut self, spec: &GatewaySpec, profile: Profile) -> InstanceRange {
        // One instance that fails leaves production without a way in.
        let default = match profile {
            Profile::Dev => (1, 2),
            Profile::Prod => (2, 10),
        };
        let given = spec.instances.as_ref();
        let ends = given.map_or((None, None), |given| (given.min, given.max));
        let (min, max) = match ends {
            (None, None) => default,
            (Some(min), Some(max)) => (min, max),
            (Some(min), None) => (min, min.max(default.1)),
            (None, Some(max)) => (max.min(default.0), max),
        };
        if min > max || !(LEAST_MAXIMUM..=MOST_INSTANCES).contains(&max) {
            let message = format!("{min} to {max} instances are not a range that a gateway takes");
            let path = KeyPath::of("gateway.instances");
            self.report(rules::INSTANCES.finding(path, message));
            let (min, max) = default;
            return InstanceRange { min, max };
        }
        InstanceRange { min, max }
    }

    fn gateway_zones(
        &mut self,
        spec: &GatewaySpec,
        profile: Profile,
        location: &Location,
    ) -> Vec<String> {
        let all = || ZONES.map(str::to_owned).to_vec();
        let Some(given) = &spec.zones else {
            let are_wanted = profile == Profile::Prod && has_zones(location);
            return if are_wanted { all() } else { Vec::new() };
        };
        for (index, zone) in given.iter().enumerate() {
            if !ZONES.contains(&zone.as_str()) {
                let message = format!("there is no zone {zone:?}");
                let path = KeyPath::of("gateway.zones").index(index);
                let finding = spc::INVALID_VALUE.finding(path, message);
                self.report(finding.with_help("the zones are \"1\", \"2\" and \"3\""));
            }
        }
        let mut zones = given.clone();
        zones.sort();
        zones.dedup();
        zones
    }

    /// A size within bounds, in bytes.
    fn body_limit(
        &mut self,
        path: &str,
        text: Option<&str>,
        (least, most): (u64, u64),
        bounds: &str,
    ) -> Option<u64> {
        let text = text?;
        let size = bytes(text);
        let within = size.filter(|size| (least..=most).contains(size));
        if within.is_none() {
            let message = match size {
                None => format!("{text:?} is not a size such as 100M"),
                Some(_) => format!("`{path}` is {text}, and the firewall takes sizes {bounds}"),
            };
            let finding = spc::INVALID_VALUE.finding(KeyPath::of(path), message);
            self.report(finding.with_help(format!("give a size {bounds}")));
        }
        within
    }

    /// The addresses of the gateway's subnet: of our plan, or as the file says.
    fn gateway_range(&mut self, spec: &GatewaySpec, network: Option<&Network>) -> Option<Cidr> {
        let path = "gateway.subnet_range";
        let text = spec.subnet_range.as_deref();
        let given = self.parse::<Cidr>(&spc::INVALID_VALUE, KeyPath::of(path), text);
        match &network?.place {
            NetworkPlace::Own(plan) => {
                if text.is_some() {
                    let message = format!("`{path}` has no effect in a network that is made");
                    let finding = spc::NO_EFFECT.finding(KeyPath::of(path), message);
                    self.report(finding.with_help("write it as `network.subnets.gateway`"));
                }
                Some(plan.gateway)
            }
            NetworkPlace::Existing(_) => {
                if text.is_none() {
                    let message = "`gateway.subnet_range` is missing: the front door believes \
                                   whoever asks from the gateway's subnet about the public host";
                    self.report(rules::SUBNET.finding(KeyPath::of(path), message));
                }
                given
            }
        }
    }
}
