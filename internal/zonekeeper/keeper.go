package zonekeeper

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/background"
	"github.com/activity-core/activity-core/internal/cronspec"
	"github.com/activity-core/activity-core/internal/zonedata"
)

// Record is what a [Keeper] asks of the record.
type Record interface {
	ZoneRules(ctx context.Context, zone string) ([]core.ZoneRules, error)
	AdoptZoneRules(ctx context.Context, rules []core.ZoneRules) error
}

// Config says how a [Keeper] works. Record is required.
type Config struct {
	Record Record
	// Path is a folder or zip archive of zones (see [zonedata.Open]); empty for the built-in
	// release.
	Path string
	// Every is the time between looks at the files and the record; default 10s.
	Every time.Duration
	// Changed is called after the rules of a zone have changed in this process, if not nil.
	Changed func()
	// Observed is told the state after each look, if not nil.
	Observed func(core.ZoneDataState)
	// Log receives what was taken up; nil discards it.
	Log *slog.Logger
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Keeper gives this process its zone data, from [Config.Path] or built in, and reads the files
// anew when they change.
//
// The record has the rules that are in force, by zone and since when. A zone's rules are taken
// into the record, from this moment on, where they differ from the record's and come from a
// newer release. Where the record's are newer, or have been taken from a release of the same
// name, this process goes by the record's. So all replicas agree, the last to be updated
// included.
type Keeper struct {
	cfg  Config
	task background.Task

	mu sync.Mutex // one look at a time; guards the following
	// own is the release that was read, used the one this process goes by.
	own, used *zonedata.Release
	// print is the fingerprint of the files of own; seen is one that was seen at the last look and
	// not read yet.
	print, seen string
	state       core.ZoneDataState
	// agreed is the release, and how many rules the record had, when the two last agreed: the
	// record only ever adds rules.
	agreed *zonedata.Release
	known  int
}

// New makes a keeper; it reads nothing.
func New(cfg Config) *Keeper {
	if cfg.Every <= 0 {
		cfg.Every = 10 * time.Second
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Keeper{cfg: cfg}
}

// Start reads the zone data, agrees with the record and begins to watch both. CodeInvalid: the
// path holds no zone data.
func (k *Keeper) Start(ctx context.Context) error {
	if err := k.first(ctx); err != nil {
		return err
	}
	k.task.Start(background.Every(k.cfg.Every, func(ctx context.Context) {
		if err := k.Look(ctx); err != nil && ctx.Err() == nil {
			k.cfg.Log.WarnContext(ctx, "zone data was not looked at and will be again", "error", err)
		}
	}))
	return nil
}

// Stop ends the watching, and waits for the look in progress, or for ctx. The process keeps its
// zone data.
func (k *Keeper) Stop(ctx context.Context) error { return k.task.Stop(ctx) }

// State is what this process goes by.
func (k *Keeper) State() core.ZoneDataState {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.present()
}

func (k *Keeper) first(ctx context.Context) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.own = zonedata.BuiltIn()
	if k.cfg.Path != "" {
		k.print, _ = zonedata.Fingerprint(k.cfg.Path) // Open says what is wrong, with a remedy
		var err error
		if k.own, err = zonedata.Open(k.cfg.Path); err != nil {
			return core.InvalidField("timezone_data", k.cfg.Path, "%v", err)
		}
		k.seen = k.print
	}
	if err := k.agree(ctx); err != nil {
		return err
	}
	k.warn(ctx)
	return nil
}

// warn says once, at start and after a change, what an operator should know.
func (k *Keeper) warn(ctx context.Context) {
	s := k.present()
	log := k.cfg.Log.With("release", s.Release, "source", s.Source, "date", s.Date, "age_days", s.AgeDays)
	if s.Old {
		log.WarnContext(ctx, "zone data is old: governments have probably changed their clocks since; set timezone_data to a newer release, or update activity-core")
	} else {
		log.InfoContext(ctx, "zone data")
	}
	if k.own.Name() < zonedata.BuiltIn().Name() {
		log.WarnContext(ctx, "timezone_data is older than the zone data that is built in; update it, or remove the setting", "built_in", zonedata.BuiltIn().Name())
	}
}

// Look reads the files if they have changed, and agrees with the record.
func (k *Keeper) Look(ctx context.Context) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	fresh := k.reload(ctx)
	if err := k.agree(ctx); err != nil {
		return err
	}
	if fresh {
		k.warn(ctx)
	}
	return nil
}

// reload reads the files once they have stayed the same from one look to the next: they may be
// under way. What cannot be read leaves the release as it is.
func (k *Keeper) reload(ctx context.Context) (fresh bool) {
	if k.cfg.Path == "" {
		return false
	}
	print, err := zonedata.Fingerprint(k.cfg.Path)
	switch {
	case err != nil:
		k.trouble(ctx, err)
		return false
	case print == k.print:
		k.seen, k.state.Problem = print, ""
		return false
	case print != k.seen:
		k.seen = print
		return false
	}
	release, err := zonedata.Open(k.cfg.Path)
	if err != nil {
		k.trouble(ctx, err)
		return false
	}
	k.own, k.print, k.state.Problem = release, print, ""
	return true
}

func (k *Keeper) trouble(ctx context.Context, err error) {
	if k.state.Problem != err.Error() {
		k.cfg.Log.WarnContext(ctx, "timezone_data has changed and cannot be read: the zone data stays as it is", "path", k.cfg.Path, "release", k.own.Name(), "error", err)
	}
	k.state.Problem = err.Error()
}

// agree takes newer rules into the record and follows the record's where those are newer.
func (k *Keeper) agree(ctx context.Context) error {
	recorded, err := k.cfg.Record.ZoneRules(ctx, "")
	if err != nil {
		return fmt.Errorf("read the rules of zones: %w", err)
	}
	if k.agreed == k.own && k.known == len(recorded) {
		k.observed()
		return nil
	}
	latest := map[string]core.ZoneRules{}
	for _, z := range recorded {
		latest[z.Zone] = z
	}
	news := k.news(latest)
	if len(news) > 0 {
		if err := k.cfg.Record.AdoptZoneRules(ctx, news); err != nil {
			return fmt.Errorf("record the rules of zones: %w", err)
		}
		for _, z := range news {
			latest[z.Zone] = z
			k.cfg.Log.InfoContext(ctx, "the rules of a zone have changed: coming times go by them, past ones keep theirs", "zone", z.Zone, "release", z.Release, "since", z.Since)
		}
	}
	if err := k.use(ctx, latest); err != nil {
		return err
	}
	k.agreed, k.known = k.own, len(recorded)+len(news)
	k.observed()
	return nil
}

func (k *Keeper) observed() {
	if k.cfg.Observed != nil {
		k.cfg.Observed(k.present())
	}
}

// news are the zones of the own release whose rules differ from those in force, and are newer.
func (k *Keeper) news(latest map[string]core.ZoneRules) []core.ZoneRules {
	var news []core.ZoneRules
	now := k.cfg.Now().UTC().Truncate(time.Microsecond)
	for zone := range k.own.Zones() {
		data, _ := k.own.Data(zone)
		before, release := latest[zone].Data, latest[zone].Release
		if before == nil {
			before, _ = zonedata.Baseline().Data(zone)
			release = zonedata.Baseline().Name()
		}
		if before == nil || k.own.Name() > release && !cronspec.SameRules(before, data) {
			news = append(news, core.ZoneRules{Zone: zone, Since: now, Release: k.own.Name(), Data: data})
		}
	}
	return news
}

// use makes this process go by the rules in force: those of its own release, except where the
// record has others.
func (k *Keeper) use(ctx context.Context, latest map[string]core.ZoneRules) error {
	followed, others := map[string][]byte{}, 0
	follow := func(zone string, data []byte) {
		own, ok := k.own.Data(zone)
		if string(own) == string(data) {
			return
		}
		followed[zone] = data
		if !ok || !cronspec.SameRules(own, data) {
			others++
		}
	}
	for zone, z := range latest {
		follow(zone, z.Data)
	}
	for zone := range zonedata.Baseline().Zones() {
		if _, recorded := latest[zone]; recorded || k.own.Name() >= zonedata.Baseline().Name() {
			continue
		}
		if data, _ := zonedata.Baseline().Data(zone); data != nil {
			follow(zone, data)
		}
	}
	release := k.own
	if len(followed) > 0 {
		var err error
		if release, err = k.own.With(followed); err != nil {
			return fmt.Errorf("the rules in the record: %w", err)
		}
	}
	if others != k.state.Followed && others > 0 {
		k.cfg.Log.WarnContext(ctx, "the record has newer rules of zones than this process: it goes by them; give every replica the same zone data", "zones", others, "release", k.own.Name())
	}
	k.state.Followed = others
	if k.used == nil || !release.Equal(k.used) {
		before := zonedata.Use(release)
		k.used = release
		if k.cfg.Changed != nil && !release.Equal(before) {
			k.cfg.Changed()
		}
	}
	return nil
}

// present fills the state in.
func (k *Keeper) present() core.ZoneDataState {
	s := StateOf(k.used, k.cfg.Now())
	s.Followed, s.Problem = k.state.Followed, k.state.Problem
	return s
}

// StateOf describes a release; nil is the one that this process goes by.
func StateOf(r *zonedata.Release, now time.Time) core.ZoneDataState {
	if r == nil {
		r = zonedata.Current()
	}
	s := core.ZoneDataState{Release: r.Name(), Source: r.Source(), BuiltIn: zonedata.BuiltIn().Name(), Old: r.Old(now), AgeDays: int(r.Age(now) / (24 * time.Hour))}
	if !r.Date().IsZero() {
		s.Date = r.Date().Format(time.DateOnly)
	}
	return s
}
