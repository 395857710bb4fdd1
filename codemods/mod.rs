pub static ALL: &[crate::codemod::Codemod] = &[];
