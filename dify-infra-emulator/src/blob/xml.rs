//! The little XML that the data plane speaks.

use std::fmt::Write as _;

/// Text that is safe within an element.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

fn unescape(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&apos;", "'")
        .replace("&amp;", "&")
}

/// Adds an element with a text.
pub(crate) fn element(xml: &mut String, name: &str, text: &str) {
    // writing to a String does not fail
    let _ = if text.is_empty() {
        write!(xml, "<{name} />")
    } else {
        write!(xml, "<{name}>{}</{name}>", escape(text))
    };
}

/// The innermost elements of a document with their texts, in order; none when it is not well-formed.
pub(crate) fn leaves(xml: &str) -> Option<Vec<(String, String)>> {
    let mut open: Vec<(String, bool)> = Vec::new();
    let mut found = Vec::new();
    let mut rest = xml.trim_start_matches('\u{feff}').trim();
    let mut text = String::new();
    let mut seen = false;
    while let Some(start) = rest.find('<') {
        text.push_str(&rest[..start]);
        let end = start + rest[start..].find('>')?;
        let tag = &rest[start + 1..end];
        rest = &rest[end + 1..];
        if tag.starts_with('?') || tag.starts_with('!') {
            continue;
        }
        seen = true;
        if let Some(name) = tag.strip_prefix('/') {
            let (opened, has_children) = open.pop()?;
            if opened != name.trim() {
                return None;
            }
            if !has_children {
                found.push((opened, unescape(text.trim())));
            }
        } else {
            if let Some(parent) = open.last_mut() {
                parent.1 = true;
            }
            let name = tag.trim_end_matches('/').split_whitespace().next()?;
            if tag.ends_with('/') {
                found.push((name.to_owned(), String::new()));
            } else {
                open.push((name.to_owned(), false));
            }
        }
        text.clear();
    }
    (seen && open.is_empty() && rest.trim().is_empty()).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_come_in_order() {
        let xml = "<?xml version=\"1.0\"?>\n<BlockList><Latest>a=</Latest> \
                   <Committed>b&amp;</Committed></BlockList>";
        let found = leaves(xml).unwrap();
        let expected = [("Latest", "a="), ("Committed", "b&")];
        assert!(
            found
                .iter()
                .map(|(name, text)| (name.as_str(), text.as_str()))
                .eq(expected)
        );
    }

    #[test]
    fn what_is_not_well_formed_is_refused() {
        for xml in ["", "x", "<a>", "<a></b>", "<a><b></a></b>", "<a", "</a>"] {
            assert_eq!(leaves(xml), None, "{xml}");
        }
        assert_eq!(leaves("<a/>"), Some(vec![("a".to_owned(), String::new())]));
    }

    #[test]
    fn texts_are_escaped() {
        let mut xml = String::new();
        element(&mut xml, "Name", "a<b>&\"c\"");
        assert_eq!(xml, "<Name>a&lt;b&gt;&amp;&quot;c&quot;</Name>");
    }
}
