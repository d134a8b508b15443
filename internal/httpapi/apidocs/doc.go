// Package apidocs makes the page at /docs out of the API's OpenAPI document: it has no script,
// and asks no other address for anything.
package apidocs
