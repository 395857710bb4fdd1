//! What a function reads and writes.
#[derive(Default)]
pub struct Cache<'a>(std::marker::PhantomData<&'a ()>);
