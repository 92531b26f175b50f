//! Types that are read from the attributes of an object.

use super::context::Context;
use super::fields::Fields;
use super::shape::{Defs, Shape};
use serde_json::{Value as Json, json};

/// A type that is read from the attributes of an object.
pub(crate) trait Object: Sized {
    /// Its name in the schema's `$defs`.
    const NAME: &'static str;

    /// What it is, to follow "expected".
    const EXPECTED: &'static str;

    /// Reads what belongs to it; attributes left over are the caller's business.
    fn read(fields: &mut Fields<'_>, cx: &mut Context<'_>) -> Option<Self>;

    /// Its attributes, as data.
    fn shape(defs: &mut Defs) -> Shape;
}

impl Defs {
    /// A reference to `T`'s schema.
    pub(crate) fn reference<T: Object>(&mut self) -> Json {
        if !self.schemas.contains_key(T::NAME) {
            self.schemas.insert(T::NAME.to_owned(), Json::Null);
            let place = self.shapes.len();
            self.shapes.push((T::NAME, Shape::default()));
            let shape = T::shape(self);
            self.schemas.insert(T::NAME.to_owned(), shape.schema());
            if let Some(slot) = self.shapes.get_mut(place) {
                slot.1 = shape;
            }
        }
        json!({"$ref": format!("#/$defs/{}", T::NAME)})
    }
}

/// `Option`, taken apart by type.
pub(crate) trait Maybe {
    /// What it may hold.
    type Inner;
}

impl<T> Maybe for Option<T> {
    type Inner = T;
}
