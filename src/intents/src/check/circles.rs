//! Rules and lists that contain themselves.

use std::collections::{BTreeMap, HashMap, HashSet};

/// Names of rules (`<a>`) and lists (`{a}`), each with the names in its body.
pub(super) type Uses = BTreeMap<String, Vec<String>>;

/// The ways round through at least one of `own`, each beginning with one of them; what they use and do not define is
/// looked for in `shared`.
pub(super) fn circles(own: &Uses, shared: &Uses) -> Vec<Vec<String>> {
    let uses = |name: &str| own.get(name).or_else(|| shared.get(name)).map_or(&[] as &[String], Vec::as_slice);
    let mut circles = Vec::new();
    let mut done: HashSet<&str> = HashSet::new();
    for start in own.keys() {
        // Not by recursion: a chain of rules can be long.
        let mut way: Vec<(&str, usize)> = Vec::new();
        let mut on_way: HashMap<&str, usize> = HashMap::new();
        if !done.contains(start.as_str()) {
            on_way.insert(start, 0);
            way.push((start, 0));
        }
        while let Some((name, next)) = way.last_mut() {
            let Some(used) = uses(name).get(*next) else {
                done.insert(name);
                on_way.remove(name);
                way.pop();
                continue;
            };
            *next += 1;
            if let Some(first) = on_way.get(used.as_str()) {
                let mut circle: Vec<String> = way.iter().skip(*first).map(|(name, _)| (*name).to_owned()).collect();
                if let Some(begin) = circle.iter().position(|name| own.contains_key(name)) {
                    circle.rotate_left(begin);
                    circles.push(circle);
                }
            } else if !done.contains(used.as_str()) {
                on_way.insert(used, way.len());
                way.push((used, 0));
            }
        }
    }
    circles
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uses(names: &[(&str, &[&str])]) -> Uses {
        names.iter().map(|(name, used)| ((*name).to_owned(), used.iter().map(|u| (*u).to_owned()).collect())).collect()
    }

    #[test]
    fn every_circle_is_found_once() {
        let own = uses(&[("a", &["b", "c"]), ("b", &["a"]), ("c", &["d"]), ("d", &["d"]), ("e", &["a", "d"])]);
        assert_eq!(circles(&own, &Uses::new()), [vec!["a", "b"], vec!["d"]]);
    }

    #[test]
    fn circles_of_others_are_not_repeated() {
        let shared = uses(&[("a", &["b"]), ("b", &["b", "x"]), ("x", &[])]);
        assert_eq!(circles(&uses(&[("x", &["a"])]), &shared), [["x", "a", "b"]]);
        assert_eq!(circles(&uses(&[("y", &["a"])]), &shared), Vec::<Vec<String>>::new());
    }

    #[test]
    fn long_chains() {
        let own: Uses = (0..200_000).map(|i| (format!("{i:06}"), vec![format!("{:06}", (i + 1) % 200_000)])).collect();
        assert_eq!(circles(&own, &Uses::new()).len(), 1);
    }
}
