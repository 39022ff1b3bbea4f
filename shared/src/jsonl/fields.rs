//! Takes the fields of one struct out of a JSON object and leaves those that it does not know.

use serde::de::{Deserialize, Deserializer, Visitor};
use serde_json::{Map, Value};

/// Deserializes the struct `T` from the fields of `object` that it names, and removes those.
pub(crate) fn take_fields<T>(object: &mut Map<String, Value>) -> Result<T, serde_json::Error>
where
    T: for<'de> Deserialize<'de>,
{
    T::deserialize(TakeFields { object })
}

struct TakeFields<'a> {
    object: &'a mut Map<String, Value>,
}

impl<'de> Deserializer<'de> for TakeFields<'_> {
    type Error = serde_json::Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        let mut taken = Map::new();
        for field in fields {
            if let Some((name, value)) = self.object.remove_entry(*field) {
                taken.insert(name, value);
            }
        }
        Value::Object(taken).deserialize_struct(name, fields, visitor)
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        Value::Object(std::mem::take(self.object)).deserialize_any(visitor)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}
