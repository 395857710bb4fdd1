//! Follows a response from the call that made it to every place that reads it, and writes what httpx needs there.
//!
//! The difference that matters most: a response of requests is false for a status of 400 to 599, one of httpx is always true.

mod members;
mod pieces;
mod travels;
mod truth;

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, UnaryOp};
use ruff_text_size::Ranged;

use super::errors::Raises;
use super::{Blame, Conversion, LOG_METHODS, Read, Weight, helpers};
use crate::finding::Declined;
use crate::semantic::NodeId;
use crate::semantic::reaching::Definition;
use truth::is_none;

/// What a value is, of those that are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// A response whose body has been read.
    Loaded,
    /// A response under `client.stream`.
    Streamed,
    /// A list of loaded responses.
    List,
}

/// A value that is followed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Value {
    pub shape: Shape,
    /// It may be None as well.
    pub optional: bool,
}

impl Value {
    pub(super) const LOADED: Self = Self {
        shape: Shape::Loaded,
        optional: false,
    };
}

/// How an expression's value is taken up by the syntax around it.
enum Place<'a> {
    Dropped,
    Assigned(Vec<&'a Expr>),
    Attribute(&'a ast::ExprAttribute),
    Test,
    Negated(&'a ast::ExprUnaryOp),
    /// The value of the parent expression.
    Outwards,
    Argument(&'a ast::ExprCall),
    Compared(&'a ast::ExprCompare),
    Returned,
    IteratedBy(&'a Expr),
    Element,
    Subscripted,
    Manager(&'a ast::WithItem),
    Other,
}

impl<'a> Conversion<'_, 'a> {
    /// Follows a value from the expression that makes it, through names, to its uses.
    pub(super) fn follow(&mut self, from: NodeId, value: Value) -> Result<(), Declined> {
        self.work.push((from, value));
        while let Some((node, value)) = self.work.pop() {
            if self.followed.insert(node) {
                self.step(node, value)?;
            }
        }
        Ok(())
    }

    /// After all has been followed: no name may stand for something else where it is read as a response.
    pub(super) fn check_names(&self) -> Result<(), Blame> {
        let model = self.ctx.model;
        for read in &self.reads {
            let is_ours = |definition: &Definition| match definition {
                Definition::Entry => true,
                Definition::At(node) => self.definitions.contains(node) || is_none(model, *node),
            };
            if !read.definitions.iter().all(is_ours) {
                let name = model.slice(model.node(read.node));
                let reason = self.keep(format!("`{name}` may stand for something else than the response here"));
                return Err(Blame::one(read.owner, reason));
            }
        }
        for (owner, value) in &self.appended {
            if !self.followed.contains(value) {
                let reason = self.keep("the list takes up other values than responses, too".to_owned());
                return Err(Blame::one(*owner, reason));
            }
        }
        Ok(())
    }

    fn place(&self, node: NodeId) -> Place<'a> {
        let model = self.ctx.model;
        let range = model.node(node).range();
        let parent_id = model.parent(node);
        let is = |expr: &Expr| expr.range() == range;
        match model.node(parent_id) {
            AnyNodeRef::StmtExpr(_) | AnyNodeRef::StmtDelete(_) => Place::Dropped,
            AnyNodeRef::StmtAssign(assign) if is(&assign.value) => Place::Assigned(assign.targets.iter().collect()),
            AnyNodeRef::StmtAnnAssign(assign) if assign.value.as_deref().is_some_and(is) => {
                Place::Assigned(vec![&assign.target])
            }
            // `a, b = f(), g()`
            AnyNodeRef::ExprTuple(tuple) => match model.node(model.parent(parent_id)) {
                AnyNodeRef::StmtAssign(assign) if assign.value.range() == tuple.range() => {
                    let index = tuple.elts.iter().position(is);
                    let targets: Option<Vec<&'a Expr>> = assign
                        .targets
                        .iter()
                        .map(|target| match target {
                            Expr::Tuple(targets)
                                if targets.len() == tuple.len() && !targets.iter().any(Expr::is_starred_expr) =>
                            {
                                targets.elts.get(index?)
                            }
                            _ => None,
                        })
                        .collect();
                    targets.map_or(Place::Other, Place::Assigned)
                }
                _ => Place::Other,
            },
            AnyNodeRef::ExprNamed(named) if is(&named.value) => Place::Assigned(vec![&named.target]),
            AnyNodeRef::ExprAttribute(attribute) => Place::Attribute(attribute),
            AnyNodeRef::StmtIf(inner) if is(&inner.test) => Place::Test,
            AnyNodeRef::ElifElseClause(_) | AnyNodeRef::StmtWhile(_) => Place::Test,
            AnyNodeRef::StmtAssert(inner) if is(&inner.test) => Place::Test,
            AnyNodeRef::ExprIf(inner) if is(&inner.test) => Place::Test,
            AnyNodeRef::ExprIf(_) => Place::Outwards,
            AnyNodeRef::Comprehension(inner) if inner.ifs.iter().any(is) => Place::Test,
            AnyNodeRef::Comprehension(inner) if is(&inner.iter) => Place::IteratedBy(&inner.target),
            AnyNodeRef::StmtFor(inner) if is(&inner.iter) => Place::IteratedBy(&inner.target),
            AnyNodeRef::ExprUnaryOp(inner) if inner.op == UnaryOp::Not => Place::Negated(inner),
            AnyNodeRef::ExprBoolOp(_) if self.is_tested(parent_id) => Place::Test,
            AnyNodeRef::ExprBoolOp(inner)
                if inner.op == ast::BoolOp::And
                    && !inner.values.last().is_some_and(is)
                    && self.is_surely_good(node) =>
            {
                Place::Test
            }
            AnyNodeRef::ExprBoolOp(inner) if inner.values.last().is_some_and(is) => Place::Outwards,
            AnyNodeRef::ExprCompare(inner) => Place::Compared(inner),
            AnyNodeRef::StmtReturn(_) => Place::Returned,
            AnyNodeRef::ExprListComp(inner) if is(&inner.elt) => Place::Element,
            AnyNodeRef::ExprSubscript(inner) if is(&inner.value) => Place::Subscripted,
            AnyNodeRef::WithItem(item) if is(&item.context_expr) => Place::Manager(item),
            AnyNodeRef::Arguments(_) => match model.node(model.parent(parent_id)) {
                AnyNodeRef::ExprCall(call) => Place::Argument(call),
                _ => Place::Other,
            },
            _ => Place::Other,
        }
    }

    fn step(&mut self, node: NodeId, value: Value) -> Result<(), Declined> {
        let model = self.ctx.model;
        self.no_debug_text(node)?;
        let value = Value {
            optional: value.optional && !self.is_known_to_exist(node),
            ..value
        };
        if value.shape == Shape::List {
            return self.list(node);
        }
        match self.place(node) {
            Place::Dropped => Ok(()),
            Place::Assigned(targets) => {
                for target in targets {
                    self.bind(target, value)?;
                }
                if let AnyNodeRef::ExprNamed(named) = model.node(model.parent(node)) {
                    self.work.push((model.id(named), value));
                }
                Ok(())
            }
            Place::Attribute(attribute) => self.attribute(node, attribute, value),
            Place::Test => self.truth(node, value),
            Place::Negated(not) => self.untruth(node, not, value),
            Place::Outwards => {
                let parent = model.parent(node);
                let optional = match model.node(parent) {
                    AnyNodeRef::ExprIf(inner) => {
                        let other = if inner.body.range() == model.node(node).range() {
                            &inner.orelse
                        } else {
                            &inner.body
                        };
                        if !other.is_none_literal_expr() {
                            return Err(self.keep("the response is one of two values of an expression".to_owned()));
                        }
                        true
                    }
                    _ => return Err(self.keep("the response is one of two values of an expression".to_owned())),
                };
                self.work.push((parent, Value { optional, ..value }));
                Ok(())
            }
            Place::Argument(call) => self.argument(node, call, value),
            Place::Compared(compare) => {
                let is_identity = compare
                    .ops
                    .iter()
                    .all(|op| matches!(op, ast::CmpOp::Is | ast::CmpOp::IsNot));
                if is_identity { Ok(()) } else { Err(self.other_use(node)) }
            }
            Place::Returned => self.returned(node, value),
            Place::IteratedBy(_) if value.shape == Shape::Loaded => {
                self.tighten(node);
                self.draft.around(node, 2, "", ".iter_bytes(128)");
                Ok(())
            }
            Place::Element => {
                let comprehension = model.parent(node);
                self.work.push((
                    comprehension,
                    Value {
                        shape: Shape::List,
                        optional: false,
                    },
                ));
                Ok(())
            }
            Place::Manager(item) => self.manager(node, item, value),
            Place::IteratedBy(_) | Place::Subscripted | Place::Other => Err(self.other_use(node)),
        }
    }

    fn other_use(&self, node: NodeId) -> Declined {
        let model = self.ctx.model;
        let mut around = model.parent(node);
        if matches!(model.node(around), AnyNodeRef::Arguments(_)) {
            around = model.parent(around);
        }
        let around = model.slice(model.node(around));
        let shown: String = around.lines().next().unwrap_or_default().chars().take(50).collect();
        self.keep(format!("`{shown}` is not known to work with the response of httpx"))
    }

    /// An f-string with `=` shows its own source.
    fn no_debug_text(&self, node: NodeId) -> Result<(), Declined> {
        let shows_source = self
            .ctx
            .model
            .ancestors(node)
            .take_while(|(_, node)| !node.is_statement())
            .any(|(_, node)| matches!(node, AnyNodeRef::InterpolatedElement(element) if element.debug_text.is_some()));
        if shows_source {
            return Err(self.keep("it stands in an f-string that shows its own source".to_owned()));
        }
        Ok(())
    }
}
