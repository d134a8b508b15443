// Package catalog holds the use cases around activity definitions: check,
// create, update, pause, delete, plan and apply, trigger, preview. It is the one
// place that knows what "a valid definition" means, since it joins the
// document's own rules with cron, filters and expressions.
//
// The record is the truth: a change is committed there first and the Temporal
// schedule follows; if Temporal is away, reconciliation catches up. It talks to
// ports only and must not import an adapter.
package catalog
