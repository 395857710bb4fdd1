//! Handlers: what can be raised now, where it is caught, and what the classes of requests are called in httpx.
//!
//! An exception is followed outwards through the `try` statements around the place that raises it, and through the callers of this
//! module that await the function, until it is surely caught.

mod classes;
mod elsewhere;
mod uses;

use std::collections::{BTreeMap, BTreeSet};

use ruff_python_ast::{self as ast, AnyNodeRef, ExceptHandler, Expr};
use ruff_text_size::Ranged;

use super::response::{Shape, Value};
use super::{Blame, Conversion, LOG_METHODS, Weight, calls};
use crate::finding::Declined;
use crate::semantic::NodeId;
pub(super) use classes::requests_exception;
use classes::{Class, Counterpart, counterpart, is_os_error};

/// What a place can raise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Raises {
    /// Everything that goes wrong before the answer is there.
    Transport,
    /// `raise_for_status()`
    Status,
    /// `.json()`
    Json,
}

/// A place that raises, and the item it came with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Point {
    pub node: NodeId,
    pub owner: usize,
    pub raises: Raises,
}

/// What a `try` statement, or a `with suppress(...)`, must still catch.
type Regions = BTreeMap<NodeId, Vec<Point>>;

impl<'a> Conversion<'_, 'a> {
    pub(super) fn raises(&mut self, node: NodeId, raises: Raises) {
        self.points.push(Point {
            node,
            owner: self.owner,
            raises,
        });
    }

    /// Rewrites every handler that a converted call can reach.
    pub(super) fn handlers(&mut self) -> Result<(), Blame> {
        let model = self.ctx.model;
        let mut regions = Regions::new();
        let mut left: BTreeSet<(NodeId, Raises)> = BTreeSet::new();
        let mut queue = self.points.clone();
        let mut leaks: Vec<Point> = Vec::new();
        let mut is_handed_on = false;
        while let Some(point) = queue.pop() {
            if self
                .climb(point, &mut regions)
                .map_err(|reason| Blame::one(point.owner, reason))?
            {
                continue;
            }
            let Some(function) = model.enclosing_function(point.node) else {
                continue;
            };
            if !left.insert((model.id(function), point.raises)) {
                continue;
            }
            leaks.push(point);
            for use_ in model.uses_of_function(function) {
                match use_.awaited {
                    Some(awaited) => queue.push(Point { node: awaited, ..point }),
                    None => is_handed_on = true,
                }
            }
        }
        for (region, points) in regions {
            let owners: Vec<usize> = points.iter().map(|point| point.owner).collect();
            self.owner = owners[0];
            self.region(region, &points)
                .map_err(|Declined(reason)| Blame { owners, reason })?;
        }
        for leak in &leaks {
            let function = model
                .enclosing_function(leak.node)
                .map_or("", |function| &function.name);
            if let Some(place) = self.ctx.project.expects_requests(function) {
                let reason = self.keep(format!(
                    "exceptions leave `{function}`, and {place} expects those of requests"
                ));
                return Err(Blame::one(leak.owner, reason));
            }
        }
        if let Some(leak) = leaks.first() {
            self.check_other_mentions()
                .and_then(|()| if is_handed_on { self.check_os_errors() } else { Ok(()) })
                .map_err(|Declined(reason)| Blame::one(leak.owner, Declined(reason)))?;
            let name = model
                .enclosing_function(leak.node)
                .map_or("the function", |function| &function.name);
            self.weigh(
                Weight::Outside,
                format!("exceptions leave `{name}`, and code elsewhere may expect those of requests"),
            );
        }
        Ok(())
    }

    /// Walks outwards through the handlers of one function; true when one of them surely catches.
    fn climb(&self, point: Point, regions: &mut Regions) -> Result<bool, Declined> {
        let model = self.ctx.model;
        let mut inner = point.node;
        for (id, node) in model.ancestors(point.node) {
            match node {
                AnyNodeRef::StmtFunctionDef(_) | AnyNodeRef::ExprLambda(_) => return Ok(false),
                AnyNodeRef::StmtTry(outer)
                    if !outer.handlers.is_empty()
                        && outer.body.iter().any(|stmt| model.contains(model.id(stmt), inner)) =>
                {
                    regions.entry(id).or_default().push(point);
                    let catches = outer.handlers.iter().any(|ExceptHandler::ExceptHandler(handler)| {
                        self.catches(handler.type_.as_deref(), point.raises) && !reraises(model, handler)
                    });
                    if catches {
                        return Ok(true);
                    }
                }
                AnyNodeRef::StmtWith(outer) if outer.body.iter().any(|stmt| model.contains(model.id(stmt), inner)) => {
                    for item in &outer.items {
                        let Expr::Call(call) = &item.context_expr else { continue };
                        let mentions =
                            call.arguments.args.iter().any(|class| {
                                requests_exception(self.ctx, class).is_some() || is_os_error(self.ctx, class)
                            });
                        if model.qualified_name(&call.func).as_deref() == Some("contextlib.suppress") {
                            if mentions {
                                regions.entry(id).or_default().push(point);
                            }
                            if call
                                .arguments
                                .args
                                .iter()
                                .any(|class| self.catches(Some(class), point.raises))
                            {
                                return Ok(true);
                            }
                        } else if mentions {
                            return Err(
                                self.keep("a context manager around it expects exceptions of requests".to_owned())
                            );
                        }
                    }
                }
                _ => {}
            }
            inner = id;
        }
        Ok(false)
    }

    /// Rewrites the handlers of one statement.
    fn region(&mut self, id: NodeId, points: &[Point]) -> Result<(), Declined> {
        let model = self.ctx.model;
        match model.node(id) {
            AnyNodeRef::StmtTry(outer) => {
                let raised: BTreeSet<Raises> = points.iter().map(|point| point.raises).collect();
                let others = outer.body.iter().any(|stmt| self.may_raise_otherwise(model.id(stmt)));
                self.tell_apart(outer)?;
                let mut done = BTreeSet::new();
                for ExceptHandler::ExceptHandler(handler) in &outer.handlers {
                    let open: BTreeSet<Raises> = raised.difference(&done).copied().collect();
                    self.handler(handler, &open, others, points)?;
                    done.extend(
                        raised
                            .iter()
                            .filter(|raises| self.catches(handler.type_.as_deref(), **raises)),
                    );
                }
                Ok(())
            }
            AnyNodeRef::StmtWith(outer) => {
                let raised: BTreeSet<Raises> = points.iter().map(|point| point.raises).collect();
                let others = outer.body.iter().any(|stmt| self.may_raise_otherwise(model.id(stmt)));
                for item in &outer.items {
                    let Expr::Call(call) = &item.context_expr else { continue };
                    for class in &call.arguments.args {
                        let (names, kept) = self.new_classes(&[(class, self.class(class))], &raised, others, points)?;
                        if names.is_empty() {
                            continue;
                        }
                        let text = kept.into_iter().chain(names).collect::<Vec<_>>().join(", ");
                        self.draft.replace(class.range(), text);
                    }
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Two handlers whose classes become the same cannot both be kept.
    fn tell_apart(&self, outer: &'a ast::StmtTry) -> Result<(), Declined> {
        let mut seen: Vec<&str> = Vec::new();
        for ExceptHandler::ExceptHandler(handler) in &outer.handlers {
            let mut own: Vec<&str> = Vec::new();
            for (_, class) in self.classes(handler.type_.as_deref()) {
                if let Class::Requests(name) = &class {
                    let names = match counterpart(name) {
                        Counterpart::Shared(names, _) | Counterpart::Nearly(names, _) => names,
                        _ => continue,
                    };
                    let clashes = names
                        .iter()
                        .any(|name| seen.contains(name) && *name != "ConnectTimeout");
                    if clashes {
                        return Err(self.keep(format!("httpx cannot tell `{name}` from what another handler catches")));
                    }
                    own.extend(names);
                }
            }
            seen.extend(own);
        }
        Ok(())
    }

    fn handler(
        &mut self,
        handler: &'a ast::ExceptHandlerExceptHandler,
        raised: &BTreeSet<Raises>,
        others: bool,
        points: &[Point],
    ) -> Result<(), Declined> {
        let Some(type_) = handler.type_.as_deref() else {
            return Ok(());
        };
        let classes = self.classes(Some(type_));
        let (names, kept) = self.new_classes(&classes, raised, others, points)?;
        let catches_ours = !names.is_empty() || raised.iter().any(|raises| self.catches(Some(type_), *raises));
        if !names.is_empty() {
            self.write_classes(handler, type_, kept, &names)?;
        }
        if let (Some(name), true) = (&handler.name, catches_ours) {
            let status = format!("{}.HTTPStatusError", self.library.name);
            let only_status = names == [status] && !others && classes.len() == 1;
            let streams = points
                .iter()
                .any(|point| point.raises == Raises::Status && self.streaming.contains(&point.owner));
            let response = Value {
                shape: if streams { Shape::Streamed } else { Shape::Loaded },
                optional: false,
            };
            self.exception_uses(handler, name, only_status, response)?;
        }
        Ok(())
    }
}

/// Whether a handler lets the exception out again.
fn reraises(model: &crate::semantic::SemanticModel, handler: &ast::ExceptHandlerExceptHandler) -> bool {
    handler.body.iter().any(|stmt| {
        model.subtree(model.id(stmt)).any(|(_, node)| match node {
            AnyNodeRef::StmtRaise(raise) => match raise.exc.as_deref() {
                None => true,
                Some(Expr::Name(name)) => handler
                    .name
                    .as_ref()
                    .is_some_and(|own| own.as_str() == name.id.as_str()),
                _ => false,
            },
            _ => false,
        })
    })
}
