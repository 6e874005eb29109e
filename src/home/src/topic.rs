//! Topic names and filters (MQTT 5, section 4.7).

/// The longest topic that the protocol can carry, in bytes.
const MAX_BYTES: usize = 65_535;

/// Whether a message can be published to `topic`.
pub(crate) fn is_name(topic: &str) -> bool {
    !topic.is_empty() && topic.len() <= MAX_BYTES && !topic.contains(['+', '#', '\0'])
}

/// Whether `filter` can be subscribed to: `#` only as the last level, `+` only as a whole level.
pub(crate) fn is_filter(filter: &str) -> bool {
    if filter.is_empty() || filter.len() > MAX_BYTES || filter.contains('\0') {
        return false;
    }
    let mut levels = filter.split('/').peekable();
    while let Some(level) = levels.next() {
        let whole = level.len() == 1;
        if level.contains('#') && !(whole && levels.peek().is_none()) {
            return false;
        }
        if level.contains('+') && !whole {
            return false;
        }
    }
    true
}

/// Whether `filter` has wildcards.
pub(crate) fn has_wildcard(filter: &str) -> bool {
    filter.contains(['+', '#'])
}

/// Whether `topic` falls under `filter`. Wildcards do not match topics that begin with `$`.
pub(crate) fn matches(filter: &str, topic: &str) -> bool {
    if topic.starts_with('$') && filter.starts_with(['+', '#']) {
        return false;
    }
    let mut topic = topic.split('/');
    for level in filter.split('/') {
        if level == "#" {
            return true;
        }
        match topic.next() {
            Some(part) if level == "+" || level == part => {}
            _ => return false,
        }
    }
    topic.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_follow_the_specification() {
        for good in ["a", "a/+/b", "#", "+", "a/#", "/", "+/+"] {
            assert!(is_filter(good), "{good}");
        }
        for bad in ["", "a#", "#/a", "a+/b", "a/b#", "nul\0"] {
            assert!(!is_filter(bad), "{bad}");
        }
    }

    #[test]
    fn matching_follows_the_specification() {
        assert!(matches("a/+/c", "a/b/c"));
        assert!(!matches("a/+", "a/b/c"));
        assert!(matches("a/#", "a/b/c"));
        assert!(matches("a/#", "a"));
        assert!(matches("+", ""));
        assert!(!matches("#", "$SYS/x"));
        assert!(!matches("+/x", "$SYS/x"));
    }
}
