package ruleeval

import core "github.com/activity-core/activity-core"

// Decode checks the resolved parameters of an action and returns them as a
// pointer to the struct of its type. It fails with CodeInvalid if a parameter is
// wrong, and if a.Deferred is set: such an action goes through [Resolver.Resolve] first.
func Decode(a core.PlannedAction) (any, error) {
	if a.Deferred {
		return nil, core.Errorf(core.CodeInvalid, "action %s still waits for the results of earlier steps", a.Key)
	}
	return DecodeParams(a.Type, a.With)
}

// DecodeParams is [Decode] for parameters alone.
func DecodeParams(t core.ActionType, with map[string]any) (any, error) {
	spec, ok := SpecOf(t)
	if !ok {
		return nil, core.InvalidField("type", string(t), "%q is not an action type", t)
	}
	if with == nil {
		with = map[string]any{}
	}
	v, err := coerce(spec.root, with, nil, nil)
	if err != nil {
		return nil, fieldError("", err)
	}
	return spec.decode(fields(v.(map[string]any))), nil
}

// fields reads parameters that coerce has checked.
type fields map[string]any

func (f fields) text(name, absent string) string {
	if s, ok := f[name].(string); ok {
		return s
	}
	return absent
}

func (f fields) texts(name string) map[string]string {
	m, ok := f[name].(map[string]any)
	if !ok {
		return nil
	}
	out := make(map[string]string, len(m))
	for k, v := range m {
		out[k], _ = v.(string)
	}
	return out
}
