//! x
pub struct SemanticModel<'a>(std::marker::PhantomData<&'a ()>);
