//! What runs the tests of a project: whether it waits for them, and what must be said for that.

use std::collections::{BTreeMap, BTreeSet};

use super::graph::{Graph, NodeIndex};
use super::usage::{self, Kind};
use super::{Span, World};
use crate::project::resolve::{ClassId, Found, FunctionId};

/// The test cases of unittest that wait for none of their methods.
const PLAIN_CASES: &[&str] = &["unittest.TestCase", "unittest.case.TestCase"];

/// What unittest calls around tests, without waiting.
const HOOKS: &[&str] = &["setUp", "tearDown", "setUpClass", "tearDownClass"];

/// The tests of classes, and what is called around them.
#[derive(Default)]
pub struct Suites {
    /// The tests that unittest runs, each with the bases that must be exchanged for it to wait: files and ranges.
    cases: BTreeMap<NodeIndex, BTreeSet<(usize, Span)>>,
    /// Those that stay plain, with what is called around them.
    plain: BTreeSet<NodeIndex>,
}

impl Suites {
    /// Whether it is a test that unittest runs.
    pub fn has(&self, node: NodeIndex) -> bool {
        self.cases.contains_key(&node)
    }

    /// Whether it is a test that stays plain: nothing runs in an event loop there.
    pub fn stays(&self, node: NodeIndex) -> bool {
        self.plain.contains(&node)
    }

    /// Where classes derive from a test case that does not wait for this test.
    pub fn bases(&self, node: NodeIndex) -> impl Iterator<Item = (usize, Span)> + '_ {
        self.cases.get(&node).into_iter().flatten().copied()
    }
}

/// A class and all that it derives from.
struct Lineage {
    own: Vec<ClassId>,
    /// Of libraries.
    external: Vec<String>,
    /// Whether all bases are known, and all classes were looked at.
    is_whole: bool,
}

impl Graph<'_, '_> {
    /// Finds the tests. Of those that nothing waits for, each stays plain, and can start an event loop for what it calls.
    pub(super) fn find_suites(&mut self, world: &World) {
        let linker = self.linker;
        let summaries = linker.summaries();
        let classes: Vec<ClassId> = summaries
            .flat_map(|(file, summary)| (0..summary.classes.len()).map(move |index| ClassId { file, index }))
            .filter(|class| self.usage(class.file).is_some())
            .collect();
        let mut plain: Vec<(NodeIndex, String)> = Vec::new();
        for class in classes {
            let lineage = self.lineage(class);
            let is_case = lineage.external.iter().any(|name| name.ends_with("TestCase"));
            if !is_case && (lineage.is_whole || !linker.class(class).qualname.contains("Test")) {
                continue;
            }
            let methods = lineage.own.iter().flat_map(|class| {
                let methods = linker.class(*class).methods.iter();
                methods.map(|(name, &index)| {
                    (
                        name.as_str(),
                        FunctionId {
                            file: class.file,
                            index,
                        },
                    )
                })
            });
            let methods = methods.filter(|(name, _)| name.starts_with("test") || HOOKS.contains(name));
            let methods: Vec<(&str, NodeIndex)> =
                methods.filter_map(|(name, id)| Some((name, self.known(id)?))).collect();
            if methods.is_empty() {
                continue;
            }
            let foreign = lineage.external.iter().find(|name| !usage::is_harmless_base(name));
            let bases = lineage.own.iter().filter_map(|class| {
                let base = self.usage(class.file)?.bases[class.index].test_case?;
                Some((class.file, base.into()))
            });
            let bases: Vec<(usize, Span)> = bases.collect();
            let says_so = |name: &String| PLAIN_CASES.contains(&name.as_str());
            let is_exchanged = !bases.is_empty() || !lineage.external.iter().any(says_so);
            for (name, node) in methods {
                if HOOKS.contains(&name) {
                    plain.push((node, "unittest calls it without waiting".to_owned()));
                } else if let Some(base) = foreign {
                    plain.push((node, format!("`{base}` may run it, which would not wait for it")));
                } else if !lineage.is_whole || !is_exchanged {
                    plain.push((
                        node,
                        "it is not known what runs it, and whether that would wait for it".to_owned(),
                    ));
                } else if matches!(self.kind(node), Kind::Plain | Kind::Pytest | Kind::Unittest) {
                    self.suites.cases.entry(node).or_default().extend(bases.iter().copied());
                }
            }
        }
        for (node, reason) in plain {
            self.stop(node, || reason);
            self.stays_as_test(node);
        }
        for node in (0..self.nodes.len()).filter(|_| !world.has_test_runner) {
            if self.kind(node) == Kind::Pytest {
                self.stop(node, || {
                    "it is a test, and no requirement of the project names pytest-asyncio, which would run it"
                        .to_owned()
                });
            }
        }
    }

    /// A test that is called as the plain function that it is.
    pub(super) fn stays_as_test(&mut self, node: NodeIndex) {
        self.suites.plain.insert(node);
        self.boundaries.insert(node);
    }

    /// A test behind a decorator of which too little is known.
    pub(super) fn decorated_test(&mut self, node: NodeIndex) {
        if matches!(self.kind(node), Kind::Pytest | Kind::Unittest) {
            self.stays_as_test(node);
        }
    }

    fn lineage(&self, class: ClassId) -> Lineage {
        let mut lineage = Lineage {
            own: vec![class],
            external: Vec::new(),
            is_whole: true,
        };
        let mut at = 0;
        while let Some(&class) = lineage.own.get(at) {
            at += 1;
            let is_looked_at = |usage: &usage::Usage| usage.bases[class.index].unknown.is_none();
            let found = self.linker.bases(class).len();
            lineage.is_whole &= self.usage(class.file).is_some_and(is_looked_at)
                && found == self.linker.class(class).bases.iter().flatten().count();
            for base in self.linker.bases(class) {
                match base {
                    Found::Class(base) if !lineage.own.contains(&base) => lineage.own.push(base),
                    Found::External(name) => lineage.external.push(name),
                    Found::Class(_) | Found::Function(_) | Found::Module(_) => {}
                }
            }
        }
        lineage
    }
}
