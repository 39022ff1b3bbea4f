//! Takes the fields of one struct out of a JSON object and leaves those that it does not know.

use serde::de::value::StrDeserializer;
use serde::de::{Deserialize, DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value};
use std::slice::Iter;

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
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        visitor.visit_map(Taken { object: self.object, fields: fields.iter(), value: Value::Null })
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        Value::Object(std::mem::take(self.object)).deserialize_any(visitor)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

/// The fields that are there, one by one.
struct Taken<'a> {
    object: &'a mut Map<String, Value>,
    fields: Iter<'static, &'static str>,
    /// Of the field that was named last.
    value: Value,
}

impl<'de> MapAccess<'de> for Taken<'_> {
    type Error = serde_json::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Self::Error> {
        let object = &mut *self.object;
        let taken = self.fields.find_map(|field| object.remove(*field).map(|value| (field, value)));
        let Some((field, value)) = taken else { return Ok(None) };
        self.value = value;
        seed.deserialize(StrDeserializer::new(field)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Self::Error> {
        seed.deserialize(std::mem::take(&mut self.value))
    }
}
