//! Things that belong together: disjoint sets of indexes (union-find), each known by its lowest one.

#[derive(Default)]
pub struct Groups {
    /// A step towards the lowest index of the group; that one's own.
    parents: Vec<usize>,
}

impl Groups {
    /// So many indexes, each a group of its own.
    pub fn new(count: usize) -> Self {
        Self {
            parents: (0..count).collect(),
        }
    }

    /// One more index, in a group of its own.
    pub fn push(&mut self) {
        self.parents.push(self.parents.len());
    }

    /// The lowest index of the group.
    pub fn root(&self, mut index: usize) -> usize {
        while self.parents[index] != index {
            index = self.parents[index];
        }
        index
    }

    pub fn unite(&mut self, one: usize, other: usize) {
        let roots = [self.root(one), self.root(other)];
        let lowest = roots[0].min(roots[1]);
        // Short ways, or long chains would cost their square.
        for index in [roots[0], roots[1], one, other] {
            self.parents[index] = lowest;
        }
    }
}
