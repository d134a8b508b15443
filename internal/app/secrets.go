package app

import (
	"context"
	"os"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/httpapi/wire"
	"github.com/activity-core/activity-core/internal/secrets"
)

// openVault makes the box of sealed secrets and the resolver that looks into it last. Without
// secrets.key the box lists and deletes only, and says so where a sealed secret is asked for.
func (a *App) openVault() error {
	var key []byte
	var err error
	if a.Config.SecretsKey != "" {
		if key, err = secrets.ParseKey(a.Config.SecretsKey); err != nil {
			return err
		}
	}
	if a.box, err = secrets.NewBox(a.Store, key, time.Now); err != nil {
		return err
	}
	a.vault = secrets.NewResolver(secrets.Environment{LookupEnv: os.LookupEnv}, secrets.Files{Dir: a.Config.SecretsDir}, a.box)
	return nil
}

// secretBook is the box as the API sees it.
type secretBook struct{ app *App }

func (b secretBook) Set(ctx context.Context, name, value string, hosts []string, by core.Actor) (wire.Secret, error) {
	if err := b.app.box.Set(ctx, name, value, hosts, by); err != nil {
		return wire.Secret{}, err
	}
	info, err := b.app.box.Get(ctx, name)
	return wire.Secret(info), err
}

func (b secretBook) Get(ctx context.Context, name string) (wire.Secret, error) {
	info, err := b.app.box.Get(ctx, name)
	return wire.Secret(info), err
}

func (b secretBook) List(ctx context.Context) ([]wire.Secret, error) {
	infos, err := b.app.box.List(ctx)
	out := make([]wire.Secret, len(infos))
	for i, info := range infos {
		out[i] = wire.Secret(info)
	}
	return out, err
}

func (b secretBook) Delete(ctx context.Context, name string, by core.Actor) error {
	return b.app.box.Delete(ctx, name, by)
}
