//! Which folder of a crate imports which.

use crate::source::Crate;
use std::collections::{BTreeMap, BTreeSet};

/// Folders (and files beside them), what they import, and in which files.
#[derive(Debug, Default)]
pub(crate) struct Graph(BTreeMap<String, BTreeMap<String, BTreeSet<String>>>);

impl Graph {
    pub(crate) fn of(sources: &Crate) -> Self {
        let mut graph = Self::default();
        for (file, from, to) in sources.imports() {
            if from != to {
                graph.0.entry(from).or_default().entry(to).or_default().insert(file);
            }
        }
        graph
    }

    /// What a folder imports.
    pub(crate) fn from(&self, folder: &str) -> BTreeSet<String> {
        self.0.get(folder).map(|targets| targets.keys().cloned().collect()).unwrap_or_default()
    }

    /// The files of one folder that import another.
    pub(crate) fn files(&self, from: &str, to: &str) -> Vec<String> {
        self.0
            .get(from)
            .and_then(|targets| targets.get(to))
            .map(|files| files.iter().cloned().collect())
            .unwrap_or_default()
    }

    /// Forgets an import; false if there is none.
    pub(crate) fn cut(&mut self, from: &str, to: &str) -> bool {
        self.0.get_mut(from).is_some_and(|targets| targets.remove(to).is_some())
    }

    /// A shortest circle, as imports one after the other.
    pub(crate) fn circle(&self) -> Option<Vec<(String, String)>> {
        let circles = self.0.keys().filter_map(|start| self.back_to(start));
        circles.min_by_key(Vec::len)
    }

    fn back_to(&self, start: &str) -> Option<Vec<(String, String)>> {
        let mut came_from: BTreeMap<String, String> = BTreeMap::new();
        let mut next = vec![start.to_owned()];
        while !next.is_empty() {
            let mut further = Vec::new();
            for at in next {
                for to in self.from(&at) {
                    if to == start {
                        let mut circle = vec![(at.clone(), to)];
                        let mut at = at;
                        while let Some(before) = came_from.get(&at) {
                            circle.push((before.clone(), at.clone()));
                            at.clone_from(before);
                        }
                        circle.reverse();
                        return Some(circle);
                    }
                    if !came_from.contains_key(&to) {
                        came_from.insert(to.clone(), at.clone());
                        further.push(to);
                    }
                }
            }
            next = further;
        }
        None
    }
}

#[test]
fn a_circle_is_found_wherever_it_is() {
    let mut graph = Graph::default();
    for (from, to) in [("a", "b"), ("b", "c"), ("c", "d"), ("d", "b"), ("a", "d")] {
        graph.0.entry(from.into()).or_default().entry(to.into()).or_default().insert("x.rs".into());
    }
    let circle = graph.circle().unwrap();
    assert_eq!(circle.len(), 3, "{circle:?}");
    assert!(circle.windows(2).all(|pair| pair[0].1 == pair[1].0), "{circle:?}");
    assert!(graph.cut("c", "d") && !graph.cut("c", "d"));
    assert_eq!(graph.circle(), None);
}
