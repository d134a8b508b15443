// Package document reads the YAML and JSON that users write into
// activitycore.Definition. It owns strictness and positions: unknown fields are
// refused with the nearest known name, aliases and custom tags are refused, and
// every fault says file, line and column. It also describes the document to
// editors, as a JSON Schema.
//
// It does not judge what the fields mean: activitycore.Validate and
// internal/catalog do. It does no I/O.
package document
