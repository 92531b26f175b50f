//! Who imports whom, and who thereby imports itself.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Files (or folders), what they import, and by which names.
#[derive(Debug, Default)]
pub(crate) struct Graph(BTreeMap<String, BTreeMap<String, BTreeSet<String>>>);

/// Files or folders that import each other, and by which names.
#[derive(Debug)]
pub(crate) struct Circle {
    members: BTreeSet<String>,
    text: String,
}

impl Circle {
    /// Whether all of them are beneath a folder.
    pub(crate) fn is_within(&self, folder: &str) -> bool {
        self.members.iter().all(|member| member.starts_with(folder))
    }
}

impl fmt::Display for Circle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Graph {
    pub(crate) fn add(&mut self, from: &str, to: &str, name: &str) {
        if from != to {
            let targets = self.0.entry(from.to_owned()).or_default();
            targets.entry(to.to_owned()).or_default().insert(name.to_owned());
        }
    }

    /// What a file or folder imports.
    pub(crate) fn from(&self, from: &str) -> BTreeSet<String> {
        self.0.get(from).map(|targets| targets.keys().cloned().collect()).unwrap_or_default()
    }

    /// By which names one imports another.
    pub(crate) fn names(&self, from: &str, to: &str) -> Vec<String> {
        let names = self.0.get(from).and_then(|targets| targets.get(to));
        names.map(|names| names.iter().cloned().collect()).unwrap_or_default()
    }

    /// The groups that import each other: the strongly connected components of more than one part.
    pub(crate) fn circles(&self) -> Vec<Circle> {
        let reached: BTreeMap<&str, BTreeSet<String>> =
            self.0.keys().map(|from| (from.as_str(), self.reached(from))).collect();
        let mut seen = BTreeSet::new();
        let mut circles = Vec::new();
        for (from, to) in &reached {
            if !to.contains(*from) || seen.contains(*from) {
                continue;
            }
            let back = |other: &&String| reached.get(other.as_str()).is_some_and(|to| to.contains(*from));
            let circle: BTreeSet<String> = to.iter().filter(back).cloned().collect();
            let text = self.describe(&circle);
            seen.extend(circle.iter().cloned());
            circles.push(Circle { members: circle, text });
        }
        circles
    }

    fn describe(&self, circle: &BTreeSet<String>) -> String {
        let mut text = format!("{} import each other:\n", circle.len());
        for from in circle {
            for to in self.from(from).intersection(circle) {
                text += &format!("  {from} imports {to}: {}\n", self.names(from, to).join(", "));
            }
        }
        text
    }

    fn reached(&self, start: &str) -> BTreeSet<String> {
        let mut reached = BTreeSet::new();
        let mut next = vec![start.to_owned()];
        while let Some(at) = next.pop() {
            next.extend(self.from(&at).into_iter().filter(|to| reached.insert(to.clone())));
        }
        reached
    }
}

#[test]
fn a_circle_is_found_wherever_it_is() {
    let mut graph = Graph::default();
    for (from, to) in [("a", "b"), ("b", "c"), ("c", "d"), ("a", "d"), ("e", "a")] {
        graph.add(from, to, "x");
    }
    assert!(graph.circles().is_empty());
    graph.add("d", "b", "y");
    let circles = graph.circles();
    assert_eq!(circles.len(), 1);
    assert_eq!(
        circles[0].to_string(),
        "3 import each other:\n  b imports c: x\n  c imports d: x\n  d imports b: y\n"
    );
    assert!(circles[0].is_within("") && !circles[0].is_within("b"));
}
