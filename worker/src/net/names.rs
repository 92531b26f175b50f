//! Names of hosts: which of those that an endpoint is known by fits one that is asked for.

/// How well a name fits the one that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fit {
    No,
    /// By `*.example.com`.
    Wildcard,
    Exact,
}

/// How well the best of these names, in lower case, fits one in lower case.
pub(crate) fn fit(names: &[String], asked: &str) -> Fit {
    let fit = |name: &String| {
        if name == asked {
            return Fit::Exact;
        }
        let domain = asked.split_once('.').map(|(_, domain)| domain);
        match name.strip_prefix("*.") {
            Some(parent) if Some(parent) == domain => Fit::Wildcard,
            _ => Fit::No,
        }
    };
    names.iter().map(fit).max().unwrap_or(Fit::No)
}

/// The names of an endpoint, in groups that clients authenticate for in different ways; the first has all other names, too.
#[derive(Debug)]
pub(crate) struct Groups(Vec<Vec<String>>);

impl Groups {
    /// The names in each group.
    pub(crate) fn new(names: Vec<Vec<String>>) -> Self {
        Self(names)
    }

    /// Whether there is one of these that fits a host, in lower case, which may be all of one label below another.
    pub(crate) fn know(&self, host: &str) -> bool {
        self.0.iter().any(|names| fit(names, host) > Fit::No)
    }

    /// The group of a host.
    pub(crate) fn of(&self, host: &str) -> usize {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let fits = self.0.iter().map(|names| fit(names, &host)).enumerate();
        // Of several that fit as well, the first.
        let best = fits.rev().max_by_key(|(_, fit)| *fit);
        best.filter(|(_, fit)| *fit > Fit::No).map_or(0, |(group, _)| group)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_stands_for_one_label() {
        let names = ["*.example.com".to_owned(), "example.org".to_owned()];
        assert_eq!(fit(&names, "a.example.com"), Fit::Wildcard);
        assert_eq!(fit(&names, "a.b.example.com"), Fit::No);
        assert_eq!(fit(&names, "example.com"), Fit::No);
        assert_eq!(fit(&names, "example.org"), Fit::Exact);
    }

    #[test]
    fn a_host_belongs_to_the_group_that_fits_best() {
        let names = [&["example.org", "*.test"][..], &["admin.test"], &["*.admin.test", "example.org"]];
        let groups =
            Groups::new(names.map(|names| names.iter().map(|name| (*name).to_owned()).collect()).into());
        for (host, group) in [
            ("example.org", 0),
            ("a.test", 0),
            ("Admin.Test", 1),
            ("admin.test.", 1),
            ("x.admin.test", 2),
            ("y.x.admin.test", 0),
            ("unknown", 0),
            ("", 0),
        ] {
            assert_eq!(groups.of(host), group, "{host}");
        }
    }
}
