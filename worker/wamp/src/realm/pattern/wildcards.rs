//! Wildcard patterns, by their components.

use slab::Slab;
use std::collections::HashMap;

/// A tree of components.
#[derive(Debug)]
pub(crate) struct Wildcards<T> {
    nodes: Slab<Node<T>>,
    root: usize,
    count: usize,
}

#[derive(Debug)]
struct Node<T> {
    children: HashMap<Box<str>, usize>,
    any: Option<usize>,
    /// The lengths of the parts between wildcards, in components, and the value.
    value: Option<(Box<[usize]>, T)>,
}

impl<T> Default for Node<T> {
    fn default() -> Self {
        Self { children: HashMap::new(), any: None, value: None }
    }
}

impl<T> Default for Wildcards<T> {
    fn default() -> Self {
        let mut nodes = Slab::new();
        let root = nodes.insert(Node::default());
        Self { nodes, root, count: 0 }
    }
}

impl<T: Copy> Wildcards<T> {
    pub(crate) const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Whether there is nothing of a pattern any more.
    #[cfg(test)]
    pub(crate) fn is_bare(&self) -> bool {
        self.is_empty() && self.nodes.len() == 1
    }

    fn child(&self, node: usize, component: &str) -> Option<usize> {
        let node = &self.nodes[node];
        if component.is_empty() { node.any } else { node.children.get(component).copied() }
    }

    pub(crate) fn get(&self, pattern: &str) -> Option<T> {
        let mut components = pattern.split('.');
        let node = components.try_fold(self.root, |node, component| self.child(node, component))?;
        self.nodes[node].value.as_ref().map(|(_, value)| *value)
    }

    pub(crate) fn insert(&mut self, pattern: &str, value: T) {
        let mut at = self.root;
        for component in pattern.split('.') {
            at = match self.child(at, component) {
                Some(next) => next,
                None => {
                    let next = self.nodes.insert(Node::default());
                    let node = &mut self.nodes[at];
                    if component.is_empty() {
                        node.any = Some(next);
                    } else {
                        node.children.insert(component.into(), next);
                    }
                    next
                }
            };
        }
        if self.nodes[at].value.replace((parts(pattern), value)).is_none() {
            self.count += 1;
        }
    }

    pub(crate) fn remove(&mut self, pattern: &str) {
        let mut path = vec![self.root];
        for component in pattern.split('.') {
            let Some(next) = self.child(path[path.len() - 1], component) else { return };
            path.push(next);
        }
        if self.nodes[path[path.len() - 1]].value.take().is_none() {
            return;
        }
        self.count -= 1;
        for component in pattern.rsplit('.') {
            let (Some(leaf), Some(&parent)) = (path.pop(), path.last()) else { return };
            let node = &self.nodes[leaf];
            if node.value.is_some() || node.any.is_some() || !node.children.is_empty() {
                return;
            }
            self.nodes.remove(leaf);
            let parent = &mut self.nodes[parent];
            if component.is_empty() {
                parent.any = None;
            } else {
                parent.children.remove(component);
            }
        }
    }

    pub(crate) fn all<'a>(&'a self, uri: &str, mut found: impl FnMut(&'a [usize], T)) {
        if self.count == 0 {
            return;
        }
        let mut level = vec![self.root];
        let mut next = Vec::new();
        for component in uri.split('.') {
            for &node in &level {
                let node = &self.nodes[node];
                next.extend(node.children.get(component));
                next.extend(node.any);
            }
            if next.is_empty() {
                return;
            }
            std::mem::swap(&mut level, &mut next);
            next.clear();
        }
        for node in level {
            if let Some((parts, value)) = &self.nodes[node].value {
                found(parts, *value);
            }
        }
    }
}

/// The lengths, in components, of the parts that wildcards separate.
fn parts(pattern: &str) -> Box<[usize]> {
    let mut parts = vec![0];
    for component in pattern.split('.') {
        if component.is_empty() {
            parts.push(0);
        } else if let Some(last) = parts.last_mut() {
            *last += 1;
        }
    }
    parts.into()
}
