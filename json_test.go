package activitycore_test

import (
	"encoding/json"
	"math"
	"reflect"
	"strconv"
	"testing"

	core "github.com/activity-core/activity-core"
)

func TestANumberIsReadAsWhatItIsWrittenAs(t *testing.T) {
	for text, want := range map[string]any{
		"0": int64(0), "-1": int64(-1), "12000000": int64(12_000_000), "9007199254740993": int64(9007199254740993),
		"9223372036854775807": int64(math.MaxInt64), "-9223372036854775808": int64(math.MinInt64),
		"9223372036854775808": uint64(9223372036854775808), "18446744073709551615": uint64(math.MaxUint64),
		"1.0": 1.0, "1e2": 100.0, "-0.25": -0.25,
		"18446744073709552000": math.Pow(2, 64), "-18446744073709552000": -math.Pow(2, 64), "100000000000000000000": 1e20, // how encoders write these
	} {
		if got, err := core.DecodeJSON([]byte(text)); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %T %v, %v; want %T %v", text, got, got, err, want, want)
		}
	}
	for _, text := range []string{"18446744073709551616", "-9223372036854775809", "123456789012345678901234567890", "1e999", "1 2", "01", ""} {
		if got, err := core.DecodeJSON([]byte(text)); err == nil {
			t.Errorf("%s: got %v", text, got)
		}
	}
}

func TestDataIsReadWhateverItsNumbersAre(t *testing.T) {
	for text, want := range map[string]any{
		"9223372036854775807": int64(math.MaxInt64), "18446744073709551615": uint64(math.MaxUint64), "0.5": 0.5,
		"18446744073709551616": math.Pow(2, 64), "-9223372036854775809": -math.Pow(2, 63), "123456789012345678901234567890": 123456789012345678901234567890.0,
		"1e400": "1e400", "-1e400": "-1e400", "1e-400": 0.0,
	} {
		got, err := core.DecodeData([]byte(`[{"x": ` + text + `}]`))
		if err != nil || !reflect.DeepEqual(got, []any{map[string]any{"x": want}}) {
			t.Errorf("%s: %T %v, %v; want %T %v", text, got, got, err, want, want)
		}
	}
	for _, text := range []string{"1 2", "01", "", "[1"} {
		if got, err := core.DecodeData([]byte(text)); err == nil {
			t.Errorf("%s: got %v", text, got)
		}
	}
}

func TestEveryNumberSurvivesBeingWrittenAndRead(t *testing.T) {
	for _, f := range []float64{1.5, math.MaxFloat64, math.SmallestNonzeroFloat64, -math.MaxFloat64, 1e20, 1e21, 1e22, math.Pow(2, 63), math.Pow(2, 64), -math.Pow(2, 64), 123456789012345680000} {
		b, err := json.Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		got, err := core.DecodeJSON(b)
		if err != nil {
			t.Fatalf("%s: %v", b, err)
		}
		again, err := json.Marshal(got)
		if err != nil || string(again) != string(b) {
			t.Errorf("%s came back as %s (%v)", b, again, err)
		}
	}
}

func TestARecordedActionIsReadWithExactNumbersAndItsResult(t *testing.T) {
	big := strconv.FormatInt(math.MaxInt64, 10)
	text := `{"seq":3,"rule":"r","item_key":"k","item_index":1,"action_index":0,"key":"x","type":"http_request","with":{"l":[` + big + `],"n":` + big + `},` +
		`"deferred":true,"scope":{"i":{"n":` + big + `}},"status":"failed","result":{"seq":3,"status":"failed","attempts":2,"error":"e","finished_at":"2026-03-02T05:00:00Z"}}`
	var rec core.ActionRecord
	if err := json.Unmarshal([]byte(text), &rec); err != nil {
		t.Fatal(err)
	}
	if rec.With["n"] != int64(math.MaxInt64) || rec.Scope["i"].(map[string]any)["n"] != int64(math.MaxInt64) || rec.Status != core.ActionFailed || rec.Result.Attempts != 2 {
		t.Errorf("%+v", rec)
	}
	again, err := json.Marshal(rec)
	if err != nil || string(again) != text {
		t.Errorf("came back as %s (%v)", again, err)
	}
	if err := json.Unmarshal([]byte(`{"with":{"n":123456789012345678901234567890}}`), &rec); err == nil {
		t.Error("an integer beyond 64 bits was read")
	}
}

func TestAnExplanationShowsNumbersAsTheyWere(t *testing.T) {
	text := `{"path":"filters.n","operator":"equals","expected":9007199254740993,"actual":[123456789012345678901234567890,1.50],"present":true,"ok":false}`
	var x core.FilterExplanation
	if err := json.Unmarshal([]byte(text), &x); err != nil {
		t.Fatal(err)
	}
	if again, err := json.Marshal(x); err != nil || string(again) != text {
		t.Errorf("came back as %s (%v)", again, err)
	}
}

// hyphen: what people read has its signs as they are, and means the same.
func TestPlainJSONShowsSignsAsThemselves(t *testing.T) {
	for text, want := range map[string]string{
		`{"when":"a \u003c 1 \u0026\u0026 b \u003E 2"}`: `{"when":"a < 1 && b > 2"}`, `"\\u003c"`: `"\\u003c"`, `"\\\u003c"`: `"\\<"`, `"\u00e4\"\u0000"`: `"\u00e4\"\u0000"`, `"a\`: `"a\`, `"\u003`: `"\u003`,
	} {
		if got := string(core.PlainJSON([]byte(text))); got != want {
			t.Errorf("%s is written %s, want %s", text, got, want)
		}
	}
	got, err := core.MarshalPlain(map[string]any{"b": json.RawMessage(`"\u003c"`), "a": "<&>"})
	if want := `{"a":"<&>","b":"<"}`; err != nil || string(got) != want {
		t.Errorf("got %s (%v), want %s", got, err, want)
	}
}
