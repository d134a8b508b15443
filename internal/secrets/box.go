package secrets

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	core "github.com/activity-core/activity-core"
)

// KeySize is the length of the key that seals secrets: AES-256.
const KeySize = 32

// maxHosts bounds the hosts of one secret.
const maxHosts = 100

// sealVersion leads every sealed secret, so that the way of sealing can change.
const sealVersion = 1

// ParseKey reads a key: 32 random bytes in base64 or hex, as `openssl rand -base64 32` makes them.
func ParseKey(text string) ([]byte, error) {
	text = strings.TrimSpace(text)
	for _, decode := range []func(string) ([]byte, error){
		hex.DecodeString, base64.StdEncoding.DecodeString, base64.RawStdEncoding.DecodeString,
		base64.URLEncoding.DecodeString, base64.RawURLEncoding.DecodeString,
	} {
		if key, err := decode(text); err == nil && len(key) == KeySize {
			return key, nil
		}
	}
	return nil, core.Errorf(core.CodeInvalid, "secrets.key: is not 32 bytes in base64 or hex; make one with `openssl rand -base64 32`")
}

// Box seals secrets with AES-256-GCM before they reach the store. Name and hosts are
// authenticated with the secret: who can write to the database can neither read it nor bind it
// to another host.
type Box struct {
	store core.SecretBox
	aead  cipher.AEAD // nil without a key
	now   func() time.Time
}

// NewBox makes a box on a store. Without a key (nil) it can list and delete only.
func NewBox(store core.SecretBox, key []byte, now func() time.Time) (*Box, error) {
	b := &Box{store: store, now: now}
	if key == nil {
		return b, nil
	}
	block, err := aes.NewCipher(key)
	if err != nil || len(key) != KeySize {
		return nil, core.Errorf(core.CodeInvalid, "secrets.key: has %d bytes; %d are needed", len(key), KeySize)
	}
	b.aead, err = cipher.NewGCM(block)
	return b, err
}

// Info is what may be told of a secret.
type Info struct {
	Name      string    `json:"name"`
	Hosts     []string  `json:"hosts"`
	UpdatedAt time.Time `json:"updated_at"`
}

// Set stores a secret, or replaces it. It needs at least one host.
func (b *Box) Set(ctx context.Context, name, value string, hosts []string, by core.Actor) error {
	if err := CheckName(name); err != nil {
		return err
	}
	if b.aead == nil {
		return errNoKey()
	}
	switch {
	case value == "" || len(value) > maxSize:
		return core.Errorf(core.CodeInvalid, "value: has %d bytes; a secret has 1 to %d", len(value), maxSize)
	case len(hosts) > maxHosts:
		return core.Errorf(core.CodeInvalid, "hosts: there are %d; a secret has at most %d, and *.example.com stands for many", len(hosts), maxHosts)
	case len(hosts) == 0:
		return core.InvalidField("hosts", nil, "name at least one host that the secret may be sent to, such as api.example.com")
	}
	hosts = slices.Compact(slices.Sorted(slices.Values(hosts)))
	for _, h := range hosts {
		if err := CheckHost(h); err != nil {
			return err
		}
	}
	nonce := make([]byte, b.aead.NonceSize())
	rand.Read(nonce) // never fails, see its documentation
	sealed := b.aead.Seal(slices.Concat([]byte{sealVersion}, nonce), nonce, []byte(value), boundTo(name, hosts))
	return b.store.PutSecret(ctx, core.SealedSecret{Name: name, Sealed: sealed, Hosts: hosts, UpdatedAt: b.now().UTC()}, by)
}

// List tells of all stored secrets, by name.
func (b *Box) List(ctx context.Context) ([]Info, error) {
	all, err := b.store.Secrets(ctx)
	if err != nil {
		return nil, err
	}
	infos := make([]Info, 0, len(all))
	for _, s := range all {
		infos = append(infos, Info{Name: s.Name, Hosts: s.Hosts, UpdatedAt: s.UpdatedAt})
	}
	slices.SortFunc(infos, func(x, y Info) int { return strings.Compare(x.Name, y.Name) })
	return infos, nil
}

// Get tells of one secret; CodeNotFound if there is none of that name.
func (b *Box) Get(ctx context.Context, name string) (Info, error) {
	s, err := b.store.Secret(ctx, name)
	return Info{Name: s.Name, Hosts: s.Hosts, UpdatedAt: s.UpdatedAt}, err
}

// Delete removes a secret; CodeNotFound if there is none.
func (b *Box) Delete(ctx context.Context, name string, by core.Actor) error {
	return b.store.DeleteSecret(ctx, name, by, b.now().UTC())
}

// Lookup implements [Source].
func (b *Box) Lookup(ctx context.Context, name string) (string, []string, bool, error) {
	s, err := b.store.Secret(ctx, name)
	if core.IsCode(err, core.CodeNotFound) {
		return "", nil, false, nil
	}
	if err != nil {
		return "", nil, false, err
	}
	if b.aead == nil {
		return "", nil, false, errNoKey()
	}
	n := b.aead.NonceSize()
	if len(s.Sealed) < 1+n || s.Sealed[0] != sealVersion {
		return "", nil, false, errUnreadable(name)
	}
	hosts := slices.Sorted(slices.Values(s.Hosts))
	value, err := b.aead.Open(nil, s.Sealed[1:1+n], s.Sealed[1+n:], boundTo(name, hosts))
	if err != nil {
		return "", nil, false, errUnreadable(name)
	}
	return string(value), hosts, true, nil
}

// boundTo is the additional data of a seal: a secret moved to another name or host does not open.
func boundTo(name string, hosts []string) []byte {
	return []byte(name + "\x00" + strings.Join(hosts, "\x00"))
}

func errNoKey() error {
	return core.Errorf(core.CodeInvalid, "secrets.key is not set, so secrets in the store cannot be used; make one with `openssl rand -base64 32`")
}

func errUnreadable(name string) error {
	return core.Errorf(core.CodeInvalid, "secret %q cannot be opened: secrets.key is not the one it was sealed with, or its row was changed; set it again", name)
}
