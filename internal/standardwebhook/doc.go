// Package standardwebhook owns what Standard Webhooks 1.0 (https://www.standardwebhooks.com)
// says of a message: its secret, its headers, its signature. Who sends one and who receives one
// read the same rules here.
//
// It is pure, and never puts a secret or an expected signature into an error.
package standardwebhook
