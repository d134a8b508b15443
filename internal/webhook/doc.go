// Package webhook owns the proof that an inbound webhook is genuine, and its translation into
// an event: GitHub, Gitea, GitLab and senders that follow Standard Webhooks.
//
// It is pure: headers, body, secrets and the time in, an event or a clear error out. It must
// not publish, store or log anything, and never puts a secret or an expected signature into an
// error.
//
// Signatures are compared in constant time and over the bytes as received. Several secrets may
// be valid at once, so that one can be rotated without losing a delivery.
package webhook
