//! JSON Pointer (RFC 6901) with two more segments: `*` (every element or member) and `[a.b=v]` (the first element whose `a.b` is `v`).

use serde_json::Value;

/// The value at a pointer; a pointer with `*` gives the array of all values found, never nothing.
#[must_use]
pub fn find(root: &Value, pointer: &str) -> Option<Value> {
    let mut many = false;
    let mut found = vec![root];
    for segment in segments(pointer) {
        many |= segment == "*";
        found = found.into_iter().flat_map(|v| step(v, &segment)).collect();
    }
    if many { Some(Value::Array(found.into_iter().cloned().collect())) } else { found.first().map(|v| (*v).clone()) }
}

/// Puts a value at a pointer, appending to an array at `-`; without a value, removes what is there.
///
/// # Errors
/// The pointer leads nowhere.
pub fn change(root: &mut Value, pointer: &str, value: Option<Value>) -> Result<(), String> {
    let nowhere = || format!("`{pointer}` leads nowhere in the body");
    let (parent, last) = pointer.rsplit_once('/').ok_or_else(nowhere)?;
    let last = last.replace("~1", "/").replace("~0", "~");
    match (root.pointer_mut(parent).ok_or_else(nowhere)?, value) {
        (Value::Object(members), Some(value)) => drop(members.insert(last, value)),
        (Value::Object(members), None) => drop(members.remove(&last).ok_or_else(nowhere)?),
        (Value::Array(elements), Some(value)) if last == "-" => elements.push(value),
        (Value::Array(elements), value) => {
            let index: usize = last.parse().map_err(|_| nowhere())?;
            let slot = elements.get_mut(index).ok_or_else(nowhere)?;
            match value {
                Some(value) => *slot = value,
                None => drop(elements.remove(index)),
            }
        }
        _ => return Err(nowhere()),
    }
    Ok(())
}

/// Segments without their leading slash; a slash inside brackets belongs to the condition.
fn segments(pointer: &str) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    let mut depth = 0_usize;
    for c in pointer.chars() {
        match c {
            '/' if depth == 0 => {
                all.push(String::new());
                continue;
            }
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if let Some(last) = all.last_mut() {
            last.push(c);
        }
    }
    all.iter().map(|s| if s.starts_with('[') { s.clone() } else { s.replace("~1", "/").replace("~0", "~") }).collect()
}

fn step<'a>(value: &'a Value, segment: &str) -> Vec<&'a Value> {
    if segment == "*" {
        return match value {
            Value::Array(elements) => elements.iter().collect(),
            Value::Object(members) => members.values().collect(),
            _ => Vec::new(),
        };
    }
    if let Some((path, wanted)) = segment.strip_prefix('[').and_then(|s| s.strip_suffix(']')).and_then(|s| s.split_once('=')) {
        let elements = value.as_array().map(Vec::as_slice).unwrap_or_default();
        return elements.iter().find(|e| holds(e, path, wanted)).into_iter().collect();
    }
    match value {
        Value::Array(elements) => segment.parse::<usize>().ok().and_then(|i| elements.get(i)).into_iter().collect(),
        Value::Object(members) => members.get(segment).into_iter().collect(),
        _ => Vec::new(),
    }
}

fn holds(element: &Value, path: &str, wanted: &str) -> bool {
    let found = path.split('.').try_fold(element, |at, name| match name.parse::<usize>() {
        Ok(index) => at.get(index),
        Err(_) => at.get(name),
    });
    match found {
        Some(Value::String(text)) => text == wanted,
        Some(other) => {
            let text = other.to_string();
            text == wanted
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn bundle() -> Value {
        json!({"link": [{"relation": "self", "url": "a"}, {"relation": "next", "url": "b/c"}], "entry": [{"resource": {"id": "1", "x": [1, 2]}}, {"resource": {"id": "2"}}]})
    }

    #[test]
    fn a_star_gathers_and_a_condition_picks() {
        assert_eq!(find(&bundle(), "/entry/*/resource/id"), Some(json!(["1", "2"])));
        assert_eq!(find(&bundle(), "/entry/*/resource/x/*"), Some(json!([1, 2])));
        assert_eq!(find(&bundle(), "/link/[relation=next]/url"), Some(json!("b/c")));
        assert_eq!(find(&bundle(), "/link/[url=b/c]/relation"), Some(json!("next")));
        assert_eq!(find(&bundle(), "/entry/[resource.x.1=2]/resource/id"), Some(json!("1")));
        assert_eq!(find(&bundle(), "/nothing"), None);
        assert_eq!(find(&bundle(), "/nothing/*"), Some(json!([])));
        assert_eq!(find(&bundle(), ""), Some(bundle()));
    }

    #[test]
    fn a_change_sets_appends_and_removes() {
        let mut body = bundle();
        change(&mut body, "/entry/0/resource/id", Some(json!("9"))).unwrap();
        change(&mut body, "/entry/-", Some(json!({"n": 1}))).unwrap();
        change(&mut body, "/entry/1", None).unwrap();
        change(&mut body, "/link", None).unwrap();
        assert_eq!(body, json!({"entry": [{"resource": {"id": "9", "x": [1, 2]}}, {"n": 1}]}));
        assert!(change(&mut body, "/nothing/here", Some(json!(1))).is_err());
        assert!(change(&mut body, "/nothing", None).is_err());
    }
}
