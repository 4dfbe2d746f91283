//! The public DNS that the emulated Azure asks: records that a test sets, and a zone file that a
//! person edits.

use std::path::PathBuf;

use crate::arm::error::ArmError;

/// The type of a [`DnsRecord`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum DnsRecordType {
    /// An IPv4 address.
    A,
    /// Another name of the same host.
    Cname,
    /// A text.
    Txt,
}

/// A record of the public DNS.
///
/// ```
/// use dify_infra_emulator::{DnsRecord, DnsRecordType};
///
/// let records = DnsRecord::parse_zone(
///     "; as `dify-infra outputs --zone` prints them\n\
///      dify.example.com. 300 IN CNAME dify-dev-nginx.blue-1.japaneast.azurecontainerapps.io.\n\
///      asuid.dify.example.com. TXT \"0A1B\"\n",
/// )?;
/// assert_eq!(records[1], DnsRecord::new(DnsRecordType::Txt, "asuid.dify.example.com", "0A1B"));
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DnsRecord {
    kind: DnsRecordType,
    name: String,
    value: String,
}

impl DnsRecord {
    /// A record; names are taken in any letter case, with or without the dot at their end.
    pub fn new(kind: DnsRecordType, name: &str, value: &str) -> Self {
        let value = match kind {
            DnsRecordType::Cname => plain(value),
            DnsRecordType::A | DnsRecordType::Txt => value.to_owned(),
        };
        Self {
            kind,
            name: plain(name),
            value,
        }
    }

    /// Reads records as zone files have them ([RFC 1035], section 5): `<name> [<ttl>] [IN] <type>
    /// <value>`, one a line, with whole names. Comments begin with `;`, and other types are passed
    /// over.
    ///
    /// [RFC 1035]: https://www.rfc-editor.org/rfc/rfc1035#section-5
    ///
    /// # Errors
    ///
    /// A sentence that names the first line that is no record.
    pub fn parse_zone(text: &str) -> Result<Vec<Self>, String> {
        let lines = text.lines().enumerate();
        let read = lines.filter_map(|(index, line)| record_of(line, index + 1).transpose());
        read.collect()
    }
}

/// A name in small letters without the dot at its end.
fn plain(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

fn record_of(line: &str, number: usize) -> Result<Option<DnsRecord>, String> {
    let line = without_comment(line).trim();
    if line.is_empty() {
        return Ok(None);
    }
    let refuse = |reason: &str| {
        Err(format!(
            "line {number} of the zone file {reason}; write `<name> [<ttl>] [IN] <type> <value>` \
             with the whole name"
        ))
    };
    let (name, mut rest) = split_word(line);
    if name.starts_with('$') || name.contains('@') {
        return refuse("has a directive or `@`, which are not read here");
    }
    let (mut word, mut after) = split_word(rest);
    while word.eq_ignore_ascii_case("IN")
        || (!word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit()))
    {
        rest = after;
        (word, after) = split_word(rest);
    }
    let kind = match word.to_ascii_uppercase().as_str() {
        "A" => DnsRecordType::A,
        "CNAME" => DnsRecordType::Cname,
        "TXT" => DnsRecordType::Txt,
        "" => return refuse("has no type"),
        _ => return Ok(None),
    };
    let value = after.trim().trim_matches('"');
    if value.is_empty() {
        return refuse("has no value");
    }
    Ok(Some(DnsRecord::new(kind, name, value)))
}

/// A line up to its comment; a `;` in quotes belongs to a text.
fn without_comment(line: &str) -> &str {
    let mut is_quoted = false;
    for (index, letter) in line.char_indices() {
        match letter {
            '"' => is_quoted = !is_quoted,
            ';' if !is_quoted => return line.get(..index).unwrap_or(line),
            _ => {}
        }
    }
    line
}

fn split_word(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    text.split_once(char::is_whitespace).unwrap_or((text, ""))
}

/// Where the emulated Azure looks names up.
#[derive(Clone, Debug, Default)]
pub(crate) struct Dns {
    pub(crate) records: Vec<DnsRecord>,
    pub(crate) zone_file: Option<PathBuf>,
}

impl Dns {
    /// The values of the records of a type and a name.
    pub(crate) fn find(&self, kind: DnsRecordType, name: &str) -> Result<Vec<String>, ArmError> {
        let name = plain(name);
        let from_file = self.read_file()?;
        let all = self.records.iter().chain(&from_file);
        let found = all.filter(|record| record.kind == kind && record.name == name);
        Ok(found.map(|record| record.value.clone()).collect())
    }

    /// The records of the zone file, which is read anew each time: a person edits it while the
    /// emulator runs.
    fn read_file(&self) -> Result<Vec<DnsRecord>, ArmError> {
        let Some(path) = &self.zone_file else {
            return Ok(Vec::new());
        };
        let unreadable = |reason: String| {
            let message = format!(
                "The emulated DNS can't be asked: {}: {reason}",
                path.display()
            );
            ArmError::bad_request("EmulatedDnsUnreadable", message)
        };
        match std::fs::read_to_string(path) {
            Ok(text) => DnsRecord::parse_zone(&text).map_err(unreadable),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(unreadable(error.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_file_is_read_with_and_without_class_and_time() {
        let text = "\n; a comment\nA.example.com 60 IN A 20.0.0.1 ; behind\n\
                    b.example.com. CNAME A.example.com.\nc.example.com IN TXT \"a;b\"\n\
                    example.com. IN SOA ns. mail. 1 2 3 4 5\n";
        let expected = [
            DnsRecord::new(DnsRecordType::A, "a.example.com", "20.0.0.1"),
            DnsRecord::new(DnsRecordType::Cname, "b.example.com", "a.example.com"),
            DnsRecord::new(DnsRecordType::Txt, "c.example.com", "a;b"),
        ];
        assert_eq!(DnsRecord::parse_zone(text).unwrap(), expected);
    }

    #[test]
    fn a_line_that_is_no_record_is_named() {
        for (text, reason) in [
            ("\n$ORIGIN example.com.", "line 2"),
            ("dify", "no type"),
            ("dify.example.com CNAME", "no value"),
        ] {
            let error = DnsRecord::parse_zone(text).unwrap_err();
            assert!(error.contains(reason), "{error}");
        }
    }

    #[test]
    fn a_zone_file_is_read_each_time() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("dns.zone");
        let dns = Dns {
            records: Vec::new(),
            zone_file: Some(path.clone()),
        };
        let find = || dns.find(DnsRecordType::Txt, "ASUID.example.com.");
        assert_eq!(find().unwrap(), Vec::<String>::new());
        std::fs::write(&path, "asuid.example.com TXT X\n").unwrap();
        assert_eq!(find().unwrap(), ["X"]);
        std::fs::write(&path, "$TTL 1\n").unwrap();
        assert!(find().unwrap_err().message.contains("line 1"));
    }
}
