package sqlstore

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	core "github.com/activity-core/activity-core"
)

// answer is a stored answer to a request.
type answer struct {
	hash string
	body []byte
}

func findAnswer(ctx context.Context, q Querier, scope, key, requestHash string) ([]byte, bool, error) {
	a, found, err := one(ctx, q, func(r scanner) (a answer, err error) {
		err = r.Scan(&a.hash, &a.body)
		return a, err
	}, `SELECT request_hash, answer FROM idempotency WHERE scope = $1 AND idem_key = $2`, clean(scope), clean(key))
	if err == nil && found && a.hash != requestHash {
		err = core.Errorf(core.CodeConflict,
			"the idempotency key %q was used for a different request; choose another key", clean(key))
	}
	if err != nil {
		return nil, false, err
	}
	return a.body, found, nil
}

// Remember returns the answer stored for (scope, key), or stores this one.
func (s *Store) Remember(ctx context.Context, scope, key, requestHash string, body []byte, at time.Time) (stored []byte, existed bool, err error) {
	if err := checkKey("scope", scope); err != nil {
		return nil, false, err
	}
	if err := checkKey("idempotency_key", key); err != nil {
		return nil, false, err
	}
	err = s.write(ctx, "remember answer", func(ctx context.Context, q Querier) error {
		n, err := exec(ctx, q, `INSERT INTO idempotency (scope, idem_key, request_hash, answer, created_at) VALUES ($1,$2,$3,$4,$5)
			ON CONFLICT (scope, idem_key) DO NOTHING`, scope, key, requestHash, body, ts(at))
		if err != nil {
			return err
		}
		if n == 1 {
			stored, existed = body, false
			return nil
		}
		stored, existed, err = findAnswer(ctx, q, scope, key, requestHash)
		return err
	})
	if err != nil {
		return nil, false, err
	}
	return stored, existed, nil
}

// Recall looks for the answer stored for (scope, key).
func (s *Store) Recall(ctx context.Context, scope, key, requestHash string) (stored []byte, existed bool, err error) {
	stored, existed, err = findAnswer(ctx, s.engine.Reader(), scope, key, requestHash)
	return stored, existed, s.translate("recall answer", err)
}

// auditRow is an entry with its place in the trail.
type auditRow struct {
	id int64
	core.AuditEntry
}

// AppendAudit adds an entry to the trail.
func (s *Store) AppendAudit(ctx context.Context, e core.AuditEntry) error {
	return s.write(ctx, "append to audit trail", func(ctx context.Context, q Querier) error { return s.appendAudit(ctx, q, e) })
}

// appendAudit adds entries to the trail in the transaction of what they tell of.
func (s *Store) appendAudit(ctx context.Context, q Querier, entries ...core.AuditEntry) error {
	for _, e := range entries {
		if err := checkKey("object", e.Object); err != nil {
			return err
		}
	}
	return s.insert(ctx, q, `INSERT INTO audit (created_at, actor, action, object, detail)`, ``, len(entries), func(i int) []any {
		e := &entries[i]
		var detail any
		if len(e.Detail) > 0 {
			detail = []byte(e.Detail)
		}
		return []any{ts(e.At), clean(string(e.By)), clean(e.Action), e.Object, detail}
	}, nil)
}

// AuditEntries lists the trail, of one object if it is given, newest first.
func (s *Store) AuditEntries(ctx context.Context, object string, p core.PageRequest) (core.Page[core.AuditEntry], error) {
	var none core.Page[core.AuditEntry]
	tag := listTag("audit", object)
	after, err := openPage(tag, 1, p)
	if err != nil {
		return none, err
	}
	l := &listing{table: "audit", columns: "id, created_at, actor, action, object, detail", order: []string{"created_at", "id"}, descending: true, limit: p.Limit}
	if l.equal("object", object); after != nil {
		id, err := strconv.ParseInt(after.Keys[0], 10, 64)
		if err != nil {
			return none, core.InvalidField("cursor", nil, "was not made by this list")
		}
		l.after = []any{after.time(), id}
	}
	rows, err := read(ctx, s, l, func(r scanner) (a auditRow, err error) {
		var detail []byte
		err = r.Scan(&a.id, timeInto{&a.At}, &a.By, &a.Action, &a.Object, &detail)
		if len(detail) > 0 {
			a.Detail = json.RawMessage(detail)
		}
		return a, err
	})
	if err != nil {
		return none, s.translate("list audit trail", err)
	}
	page := closePage(tag, rows, p.Limit, func(a auditRow) (time.Time, []string) {
		return a.At, []string{strconv.FormatInt(a.id, 10)}
	})
	out := core.Page[core.AuditEntry]{NextCursor: page.NextCursor}
	for _, a := range page.Items {
		out.Items = append(out.Items, a.AuditEntry)
	}
	return out, nil
}

func scanSecret(r scanner) (x core.SealedSecret, err error) {
	var hosts string
	if err = r.Scan(&x.Name, &x.Sealed, &hosts, timeInto{&x.UpdatedAt}); err == nil {
		x.Hosts, err = decodeList(hosts)
	}
	return x, err
}

// PutSecret stores a sealed secret, replacing one with its name.
func (s *Store) PutSecret(ctx context.Context, x core.SealedSecret, by core.Actor) error {
	if err := checkKey("name", x.Name); err != nil {
		return err
	}
	detail, err := json.Marshal(map[string][]string{"hosts": x.Hosts})
	if err != nil {
		return err
	}
	entry := core.AuditEntry{At: x.UpdatedAt, By: by, Action: "secret.set", Object: x.Name, Detail: detail}
	return s.write(ctx, "store secret", func(ctx context.Context, q Querier) error {
		_, err := exec(ctx, q, `INSERT INTO secrets (name, sealed, hosts, updated_at) VALUES ($1,$2,$3,$4)
			ON CONFLICT (name) DO UPDATE SET sealed = excluded.sealed, hosts = excluded.hosts, updated_at = excluded.updated_at`,
			x.Name, x.Sealed, encodeList(x.Hosts), ts(x.UpdatedAt))
		if err != nil {
			return err
		}
		return s.appendAudit(ctx, q, entry)
	})
}

// Secret finds a sealed secret.
func (s *Store) Secret(ctx context.Context, name string) (core.SealedSecret, error) {
	x, found, err := one(ctx, s.engine.Reader(), scanSecret, `SELECT name, sealed, hosts, updated_at FROM secrets WHERE name = $1`, clean(name))
	if err != nil {
		return x, s.translate("find secret", err)
	}
	if !found {
		return x, core.NotFound("secret", clean(name))
	}
	return x, nil
}

// Secrets lists all sealed secrets by name.
func (s *Store) Secrets(ctx context.Context) ([]core.SealedSecret, error) {
	out, err := list(ctx, s.engine.Reader(), scanSecret, `SELECT name, sealed, hosts, updated_at FROM secrets ORDER BY name`)
	return out, s.translate("list secrets", err)
}

// DeleteSecret removes a secret.
func (s *Store) DeleteSecret(ctx context.Context, name string, by core.Actor, at time.Time) error {
	return s.write(ctx, "delete secret", func(ctx context.Context, q Querier) error {
		n, err := exec(ctx, q, `DELETE FROM secrets WHERE name = $1`, clean(name))
		if err == nil && n == 0 {
			err = core.NotFound("secret", clean(name))
		}
		if err != nil {
			return err
		}
		return s.appendAudit(ctx, q, core.AuditEntry{At: at, By: by, Action: "secret.delete", Object: clean(name)})
	})
}
