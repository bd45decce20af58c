//! Where a walk stands, kept on the stack and spelled out only for an issue.

/// A place in a resource, as FHIRPath.
#[derive(Debug, Clone, Copy)]
pub enum Path<'p> {
    /// The type of the resource the walk began with.
    Root(&'p str),
    Member(&'p Path<'p>, &'p str),
    Item(&'p Path<'p>, usize),
}

impl Path<'_> {
    /// The path as text, `Bundle.entry[2].resource.status`; a key that is no element name shows as `?`, since it may be a value.
    pub fn spell(&self) -> String {
        let mut out = String::new();
        self.spell_into(&mut out);
        out
    }

    fn spell_into(&self, out: &mut String) {
        match self {
            Path::Root(name) => out.push_str(shown(name)),
            Path::Member(parent, name) => {
                parent.spell_into(out);
                out.push('.');
                out.push_str(shown(name));
            }
            Path::Item(parent, index) => {
                parent.spell_into(out);
                out.push_str(&format!("[{index}]"));
            }
        }
    }
}

fn shown(name: &str) -> &str {
    let named = name.len() <= 64 && !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if named { name } else { "?" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_fhirpath_and_hides_what_is_no_name() {
        let root = Path::Root("Patient");
        let contact = Path::Member(&root, "contact");
        let second = Path::Item(&contact, 1);
        assert_eq!(Path::Member(&second, "name").spell(), "Patient.contact[1].name");
        assert_eq!(Path::Member(&second, "Jean Dupont").spell(), "Patient.contact[1].?");
    }
}
