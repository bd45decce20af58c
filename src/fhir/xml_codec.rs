use super::Result;
pub fn to_xml(_: &[u8]) -> Result<Vec<u8>> { unimplemented!() }
pub fn to_json(_: &[u8]) -> Result<Vec<u8>> { unimplemented!() }
