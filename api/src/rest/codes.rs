//! All error codes with their message templates and HTTP statuses: the one table.

/// A code as it stands in `error_code`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Code {
    pub(super) name: &'static str,
    /// With `{placeholders}`.
    pub(super) template: &'static str,
    pub(super) status: u16,
}

impl Code {
    /// The message with its placeholders filled.
    pub(super) fn message(&self, values: &[(&str, &str)]) -> String {
        values
            .iter()
            .fold(self.template.to_owned(), |message, (name, value)| {
                message.replace(&format!("{{{name}}}"), value)
            })
    }
}

macro_rules! codes {
    ($(#[$doc:meta])* $table:ident: $($name:ident = $status:literal, $template:literal;)*) => {
        // The documented lists stand here whole, also with what no endpoint answers yet.
        $(#[allow(dead_code)]
        pub(super) const $name: Code = Code { name: stringify!($name), template: $template, status: $status };)*
        $(#[$doc])*
        pub(super) const $table: &[Code] = &[$($name),*];
    };
}

codes! {
    /// About one field of a request.
    VALIDATION:
    ARRAY_MUST_NOT_BE_EMPTY = 400, "Field {fieldName} must not be empty";
    FIELD_MAX_LENGTH_EXCEEDED = 400, "Field {fieldName} must have at most {maxLength} characters";
    FIELD_MIN_LENGTH_NOT_MET = 400, "Field {fieldName} must have at least {minLength} characters";
    FIELD_MUST_BE_BOOLEAN = 400, "Field {fieldName} must be a boolean";
    FIELD_MUST_BE_EMAIL = 400, "Field {fieldName} must be a valid email";
    FIELD_MUST_BE_INTEGER = 400, "Field {fieldName} must be an integer";
    FIELD_MUST_BE_NUMERIC = 400, "Field {fieldName} must be a number";
    FIELD_MUST_BE_PHONE_NUMBER = 400, "Field {fieldName} must be a valid phone number";
    FIELD_MUST_BE_STRING = 400, "Field {fieldName} must be a string";
    FIELD_MUST_NOT_BE_EMPTY = 400, "Field {fieldName} must not be empty";
    INVALID_DATE_FORMAT = 400, "Field {fieldName} must be a valid date string in the format {dateFormat}";
    INVALID_URL_FORMAT = 400, "Field {fieldName} must be a valid URL";
    NUMBER_MUST_BE_POSITIVE = 400, "Field {fieldName} must be a positive number";
    UNSUPPORTED_ENUM_VALUE = 400, "Field {fieldName} must be one of the following enum values: {enumValues}";
    VALUE_ABOVE_MAXIMUM = 400, "Value of field {fieldName} is above the maximum allowed ({maxValue})";
    VALUE_BELOW_MINIMUM = 400, "Value of field {fieldName} is below the minimum allowed ({minValue})";
    FIELD_MUST_BE_ARRAY = 400, "Field {fieldName} must be an array";
    FIELD_MUST_BE_UUID = 400, "Field {fieldName} must be a valid UUID";
    FIELD_MUST_BE_DEFINED = 400, "Field {fieldName} must be defined";
}

codes! {
    /// About the things that a request is about.
    RESOURCE:
    INVALID_PARAMETERS = 400, "There were one or more validation errors in the request";
    ENTITY_WITH_FIELD_ALREADY_EXISTS = 409, "{entity} already exists with this {field}";
    ENTITY_WITH_FIELD_NOT_FOUND = 400, "{entity} not found with field {field}";
    FIELD_MUST_BE_OF_TYPE = 400, "{field} must be of type {type}";
    INSTANCE_NOT_FOUND = 400, "Instance not found";
    ENTITY_NOT_FOUND = 400, "{entityName} {entity} not found";
    ENTITY_ALREADY_EXISTS = 409, "{entityName} already exists";
    QUERY_FAILED = 422, "Database query error occurred";
    REQUEST_FAILED = 500, "Error processing request";
}

/// What a delete of something in use is on the documented surface: the status that its pages list, and what a
/// failed foreign key gives there.
pub(super) const IN_USE: &Code = &QUERY_FAILED;

/// The documented list of resource errors has this name with another template.
pub(super) const RESOURCE_FIELD_MUST_NOT_BE_EMPTY: Code = Code {
    name: "FIELD_MUST_NOT_BE_EMPTY",
    template: "{field} must not be empty",
    status: 400,
};

codes! {
    /// Outside the documented lists, which have no code for them.
    OUTSIDE:
    UNAUTHORIZED = 401, "The header apikey is missing or its key is not valid";
    FORBIDDEN = 403, "This key may not do that: it lacks the scope {scope}";
    ORIGIN_NOT_ALLOWED = 403, "Pages of this origin may not call the API";
    PREFLIGHT_METHOD_NOT_ALLOWED = 403, "Pages may not send requests with the method that this preflight asks for";
    PREFLIGHT_HEADER_NOT_ALLOWED = 403, "Pages may not send all the headers that this preflight asks for";
    ROUTE_NOT_FOUND = 404, "There is no such path";
    METHOD_NOT_ALLOWED = 405, "This path does not answer this method";
    REQUEST_TIMEOUT = 408, "The request took too long to arrive or to be answered";
    BODY_TOO_LARGE = 413, "The body must have at most {maxBytes} bytes";
    PRECONDITION_FAILED = 412, "{entity} is not any more what If-Match says";
    IDEMPOTENCY_KEY_REUSED = 422, "This Idempotency-Key was used for another request";
    ENTITY_IN_USE = 422, "{entity} is in use";
    TOO_MANY_REQUESTS = 429, "This key sends more requests than it may, try again later";
    FIELD_IS_UNKNOWN = 400, "Field {fieldName} is not known here";
    INVALID_CURSOR = 400, "Field {fieldName} must be a cursor as an earlier answer gave it";
    INVALID_BBOX = 400, "Field {fieldName} must be west,south,east,north in degrees, south not above north";
    NOTHING_CHOSEN = 400, "Say which: ids, or at least one of reason, vendor and device";
    PLUGIN_REFUSED = 422, "{reason}";
    PLUGIN_CONFLICT = 409, "{reason}";
    PLUGIN_NOT_FOUND = 404, "{reason}";
    REDECODE_CONFLICT = 409, "{reason}";
    HISTORY_AWAY = 503, "ClickHouse does not answer at the moment, try again later";
    OVERLOADED = 503, "The hub can not accept more right now, try again later";
}
