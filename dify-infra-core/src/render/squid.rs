//! The SSRF proxy: `squid.conf`.

use std::time::Duration;

use super::directive::UnquotableText;
use super::text::comment_lines;
use super::{RenderError, RenderedFile};
use crate::egress::{
    AccessList, AccessRule, Action, Condition, EgressPolicy, ExceptionTarget, ProxyLimits,
};

/// Directory that the squid file is mounted in: one of its own, since `/etc/squid` holds files that
/// squid needs.
pub const SQUID_DIRECTORY: &str = "/etc/dify-infra/squid";

/// The name that squid gives itself.
pub(crate) const SQUID_HOSTNAME: &str = "dify-ssrf-proxy";

const CONFIGURATION: &str = "squid.conf";

/// The command of the squid container.
///
/// Squid starts as root and opens its log as the user `proxy`, who may not write to a standard
/// output that belongs to root: squid 5.7 ends with "FATAL: Cannot open '/dev/stdout' for writing".
/// So the output is opened to all first. `-N` keeps squid in the foreground, `-C` lets a fatal
/// signal end it, `-d 1` prints its own messages to the standard error.
pub const SQUID_COMMAND: [&str; 3] = [
    "/bin/sh",
    "-c",
    "chmod a+w /dev/stdout || true; exec squid -f /etc/dify-infra/squid/squid.conf -NYCd 1",
];

type Written<T> = Result<T, UnquotableText>;

/// Renders the file.
pub(super) fn render(policy: &EgressPolicy) -> Result<RenderedFile, RenderError> {
    let text = file(policy)
        .map_err(|source| RenderError::Unquotable {
            file: CONFIGURATION,
            source,
        })?
        .text;
    Ok(RenderedFile::public(CONFIGURATION, text))
}

/// Lines of a squid file. Squid has no quoting that is on by default: a word that could be read as
/// more than itself is refused.
#[derive(Debug, Default)]
struct Lines {
    text: String,
}

impl Lines {
    /// Adds a directive with its words.
    fn directive<S: AsRef<str>>(&mut self, name: &'static str, words: &[S]) -> Written<()> {
        self.text.push_str(name);
        for word in words {
            self.text.push(' ');
            self.text.push_str(checked(word.as_ref())?);
        }
        self.text.push('\n');
        Ok(())
    }

    /// Adds a directive whose words are the program's own, separated by spaces.
    fn fixed(&mut self, line: &'static str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// Adds a remark, on as many lines as it needs.
    fn comment(&mut self, comment: &str) {
        for line in comment_lines(comment) {
            self.text.push_str("# ");
            self.text.push_str(&line);
            self.text.push('\n');
        }
    }

    /// Adds an empty line and a remark that heads what follows.
    fn section(&mut self, comment: &str) {
        self.text.push('\n');
        self.comment(comment);
    }
}

/// Passes words that squid can only read as themselves.
///
/// Left out are blanks and `#`, `"` (reads a file), `$` (macro), `\` (continues a line), and
/// parentheses and braces. A leading `-` is an option, so only fixed words have it.
fn checked(word: &str) -> Written<&str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._:/,!-".contains(&byte);
    if word.is_empty() || word.len() > 300 || !word.bytes().all(is_plain) {
        return Err(UnquotableText::new(word, "is not one word of a squid file"));
    }
    if word.starts_with('-') && word != "-n" {
        return Err(UnquotableText::new(
            word,
            "reads as an option of a squid access list",
        ));
    }
    Ok(word)
}

/// The whole file.
fn file(policy: &EgressPolicy) -> Written<Lines> {
    let mut lines = Lines::default();
    lines.comment(
        "The SSRF proxy of Dify, rendered by dify-infra: change the deployment file, not this.",
    );
    listening(&mut lines, policy)?;
    access_lists(&mut lines, policy)?;
    lines.section("Who may what: the first line that fits decides.");
    for rule in policy.rules() {
        access_rule(&mut lines, &rule)?;
    }
    answers(&mut lines);
    limits(&mut lines, policy.limits())?;
    Ok(lines)
}

/// Port, name, addresses and logs.
fn listening(lines: &mut Lines, policy: &EgressPolicy) -> Written<()> {
    lines.directive("http_port", &[policy.listen_port().to_string()])?;
    lines.directive("visible_hostname", &[SQUID_HOSTNAME])?;
    if policy.ipv4_only() {
        lines.section("The platform has no way out over IPv6: connect from IPv4 alone.");
        lines.fixed("tcp_outgoing_address 0.0.0.0");
    }
    lines.section("Logs go to the container's output; squid's own messages too, by its option -d.");
    lines.fixed("access_log stdio:/dev/stdout squid");
    lines.fixed("cache_log /dev/null");
    lines.fixed("logfile_rotate 0");
    lines.fixed("pid_filename none");
    lines.fixed("pinger_enable off");
    Ok(())
}

/// Clients, ports, destinations.
fn access_lists(lines: &mut Lines, policy: &EgressPolicy) -> Written<()> {
    lines.section("Clients: the environment's apps, also as its ingress shows them.");
    for network in policy.clients() {
        acl(lines, AccessList::Clients, "src", &[&network.to_string()])?;
    }
    lines.text.push('\n');
    let ports = |ports: &[u16]| ports.iter().map(u16::to_string).collect::<Vec<_>>();
    acl(lines, AccessList::Ports, "port", &ports(policy.ports()))?;
    acl(
        lines,
        AccessList::ConnectPorts,
        "port",
        &ports(policy.connect_ports()),
    )?;
    acl(lines, AccessList::ConnectMethod, "method", &["CONNECT"])?;
    acl(lines, AccessList::WebSchemes, "proto", &["HTTP", "HTTPS"])?;
    lines.section("Destinations that are not the public internet.");
    for range in policy.denied() {
        lines.comment(&range.reason);
        acl(
            lines,
            AccessList::DeniedDestinations,
            "dst",
            &[&range.network.to_string()],
        )?;
    }
    if !policy.exceptions().is_empty() {
        lines.section("What no exception opens.");
        for (network, what) in policy.never_excepted() {
            lines.comment(what);
            let network = network.to_string();
            acl(lines, AccessList::NeverExcepted, "dst", &[&network])?;
        }
        lines.section("Private destinations that the deployment file allows, and why.");
    }
    for (index, exception) in policy.exceptions().iter().enumerate() {
        lines.comment(exception.reason());
        let list = AccessList::Exception(index);
        match exception.target() {
            ExceptionTarget::Network(network) => acl(lines, list, "dst", &[&network.to_string()]),
            // Without -n squid asks DNS for the name of an address, and waits.
            ExceptionTarget::Domain(domain) => acl(lines, list, "dstdomain", &["-n", domain]),
        }?;
    }
    Ok(())
}

/// Adds values to an access list.
fn acl<S: AsRef<str>>(
    lines: &mut Lines,
    list: AccessList,
    kind: &'static str,
    values: &[S],
) -> Written<()> {
    let name = list_name(list);
    let mut words = vec![name.as_str(), kind];
    words.extend(values.iter().map(AsRef::as_ref));
    lines.directive("acl", &words)
}

/// The name of a list in the file; `all` and `manager` are squid's own.
pub(crate) fn list_name(list: AccessList) -> String {
    match list {
        AccessList::All => "all".to_owned(),
        AccessList::Manager => "manager".to_owned(),
        AccessList::ConnectMethod => "connect_method".to_owned(),
        AccessList::WebSchemes => "web_schemes".to_owned(),
        AccessList::Ports => "safe_ports".to_owned(),
        AccessList::ConnectPorts => "connect_ports".to_owned(),
        AccessList::Clients => "clients".to_owned(),
        AccessList::DeniedDestinations => "denied_destinations".to_owned(),
        AccessList::NeverExcepted => "never_excepted".to_owned(),
        AccessList::Exception(index) => format!("exception_{}", index + 1),
    }
}

/// One decision, with the reason for it.
fn access_rule(lines: &mut Lines, rule: &AccessRule) -> Written<()> {
    lines.comment(rule.reason);
    lines.directive("http_access", &access_words(rule))
}

/// The line of a decision.
pub(crate) fn access_line(rule: &AccessRule) -> String {
    format!("http_access {}", access_words(rule).join(" "))
}

fn access_words(rule: &AccessRule) -> Vec<String> {
    let action = match rule.action {
        Action::Allow => "allow",
        Action::Deny => "deny",
    };
    let condition = |condition: &Condition| {
        let negation = if condition.negated { "!" } else { "" };
        format!("{negation}{}", list_name(condition.list))
    };
    let mut words = vec![action.to_owned()];
    words.extend(rule.conditions.iter().map(condition));
    words
}

/// What clients and destinations see of the proxy.
fn answers(lines: &mut Lines) {
    lines.section(
        "Dify tells a denial from a destination's own 403 by squid's name in Server and Via: both \
         stay, without the version.",
    );
    lines.fixed("via on");
    lines.fixed("httpd_suppress_version_string on");
    lines.fixed("forwarded_for delete");
    lines.fixed("email_err_data off");
}

/// A duration as squid writes it.
fn seconds(lines: &mut Lines, name: &'static str, duration: Duration) -> Written<()> {
    lines.directive(name, &[&duration.as_secs().max(1).to_string(), "seconds"])
}

/// No cache, and limits that fit the container.
fn limits(lines: &mut Lines, limits: &ProxyLimits) -> Written<()> {
    lines.section("Nothing is kept; memory holds what is on its way.");
    lines.fixed("cache deny all");
    lines.directive("cache_mem", &[&limits.memory_mebibytes.to_string(), "MB"])?;
    lines.fixed("digest_generation off");
    lines.fixed("client_db off");
    lines.directive(
        "max_filedescriptors",
        &[limits.file_descriptors.to_string()],
    )?;
    lines.section("Times: those of Dify's HTTP node are shorter, so that its own message is seen.");
    seconds(lines, "connect_timeout", limits.connect_timeout)?;
    seconds(lines, "read_timeout", limits.read_timeout)?;
    seconds(lines, "write_timeout", limits.write_timeout)?;
    seconds(lines, "request_timeout", limits.request_timeout)?;
    seconds(lines, "client_lifetime", limits.client_lifetime)?;
    seconds(lines, "dns_timeout", limits.dns_timeout)?;
    lines.fixed("dns_retransmit_interval 2 seconds");
    lines.fixed("positive_dns_ttl 5 minutes");
    lines.fixed("negative_dns_ttl 5 seconds");
    seconds(lines, "shutdown_lifetime", limits.shutdown_lifetime)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Lines, render};
    use crate::egress::{EgressException, EgressPolicy};

    proptest! {
        #[test]
        fn a_word_is_written_as_it_is_or_refused(word in ".{0,20}") {
            let mut lines = Lines::default();
            if lines.directive("acl", &[word.as_str()]).is_ok() {
                let words: Vec<&str> = lines.text.split_ascii_whitespace().collect();
                prop_assert_eq!(words, vec!["acl", word.as_str()]);
                let special = ['#', '"', '$', '\\', '\'', '%', '(', '{'];
                prop_assert!(!word.contains(special));
            }
        }

        #[test]
        fn a_reason_adds_no_directive(reason in "(?s).{0,40}[\n\r\u{2028}]{0,2}http_access.{0,99}") {
            let exception = EgressException::network("10.0.8.4/32", &reason).unwrap();
            let policy = EgressPolicy::default_policy().with_exception(exception);
            let with_reason = render(&policy).unwrap().text;
            let plain = EgressException::network("10.0.8.4/32", "x").unwrap();
            let policy = EgressPolicy::default_policy().with_exception(plain);
            let without = render(&policy).unwrap().text;
            let directives = |text: &str| {
                text.split('\n')
                    .filter(|line| !line.is_empty() && !line.starts_with("# "))
                    .map(str::to_owned)
                    .collect::<Vec<_>>()
            };
            prop_assert_eq!(directives(&with_reason), directives(&without));
            prop_assert!(with_reason.split('\n').all(|line| line.len() < 400));
        }
    }

    #[test]
    fn an_option_is_not_a_word() {
        let mut lines = Lines::default();
        assert!(lines.directive("acl", &["-i"]).is_err());
        assert!(lines.directive("acl", &["-n"]).is_ok());
    }
}
