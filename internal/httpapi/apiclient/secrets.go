package apiclient

import (
	"context"
	"net/http"
	"net/url"

	"github.com/activity-core/activity-core/internal/httpapi/wire"
)

// SetSecret keeps a secret for some hosts, or replaces it.
func (c *Client) SetSecret(ctx context.Context, name string, v wire.SecretValue) (s wire.Secret, err error) {
	return s, c.send(ctx, http.MethodPut, "/secrets/"+url.PathEscape(name), v, nil, &s)
}

// Secret tells the hosts and time of a secret.
func (c *Client) Secret(ctx context.Context, name string) (s wire.Secret, err error) {
	return s, c.get(ctx, "/secrets/"+url.PathEscape(name), nil, &s)
}

// Secrets lists the names, hosts and times of all secrets.
func (c *Client) Secrets(ctx context.Context) (wire.Page[wire.Secret], error) {
	return list[wire.Secret](ctx, c, "/secrets", ListOptions{})
}

// DeleteSecret removes a secret.
func (c *Client) DeleteSecret(ctx context.Context, name string) error {
	return c.send(ctx, http.MethodDelete, "/secrets/"+url.PathEscape(name), nil, nil, nil)
}
