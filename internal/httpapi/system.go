package httpapi

import (
	"context"
	"net/http"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/catalog"
	"github.com/activity-core/activity-core/internal/httpapi/wire"
)

func (s *server) system() {
	const tag = "Operation"
	show := op(http.MethodGet, "/system", "get-system", tag, "What this process is: its version, and the release of the time zone database it goes by")
	register(s, show, func(context.Context, *struct{}) (*body[wire.System], error) {
		if s.Zones == nil {
			return nil, unavailable("its zone data")
		}
		return answer(wire.System{Version: s.Version, ZoneData: s.Zones.State()}, nil)
	})

	type planInput struct {
		Body wire.ZoneDataPlan
	}
	plan := op(http.MethodPost, "/system/zone-data/plan", "plan-zone-data", tag, "Show which coming fires another release of the time zone database would move; nothing is stored")
	plan.Description = "The body holds the files of the zones in the format of RFC 9636, in base64: of those that definitions name; others may be left out. The answer lists the definitions of which a fire of the coming year moves."
	plan.MaxBodyBytes = maxApplyBody
	register(s, plan, func(ctx context.Context, in *planInput) (*body[catalog.ZonePlan], error) {
		if in.Body.Release == "" {
			return nil, core.InvalidField("release", "", "is missing: the name of the release, such as 2026f")
		}
		return answer(s.Catalog.PlanZones(ctx, in.Body.Release, in.Body.Zones))
	})
}
