//! placeholder
/// x
pub struct OutcomeIssue<'a>{pub severity:&'a str,pub code:&'a str,pub diagnostics:&'a str,pub expression:Option<&'a str>}
/// x
pub fn operation_outcome(_:&[OutcomeIssue<'_>])->Vec<u8>{Vec::new()}
/// x
pub struct CapabilityInput{pub version:String,pub url:String,pub date:String,pub description:String,pub security:String,pub resources:Vec<ResourceCapability>,pub system_interactions:Vec<String>,pub system_operations:Vec<Operation>,pub formats:Vec<String>}
/// x
pub struct ResourceCapability{pub kind:String,pub interactions:Vec<String>,pub search_params:Vec<SearchParam>,pub operations:Vec<Operation>,pub supported_profiles:Vec<String>,pub versioning:String,pub search_includes:Vec<String>}
/// x
pub struct Operation{pub name:String,pub definition:String,pub documentation:Option<String>}
/// x
pub struct SearchParam{pub name:String,pub kind:String,pub documentation:Option<String>}
/// x
pub fn capability_statement(_:&CapabilityInput)->Vec<u8>{Vec::new()}
