// Package httpapi is the REST API: it translates HTTP to use cases and ports,
// and their answers and errors back. It owns routes, wire format, access and
// limits; it decides nothing about definitions, events or runs, and imports no
// other adapter.
package httpapi
