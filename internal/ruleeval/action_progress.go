package ruleeval

import core "github.com/activity-core/activity-core"

var reportProgress = ActionSpec{
	Type: core.ActionReportProgress,
	Doc:  "Posts a report to the hub that progress.url names; its result is {status}.",
	Params: []Param{
		required(line("message", "What has happened, in one line.", 2000)),
		{Name: "percent", Kind: KindNumber, Min: 0, Max: 100, Doc: "How much is done, 0 to 100."},
		{Name: "status", Kind: KindString, Enum: []string{"started", "running", "succeeded", "failed"}, Default: "running", Doc: "Where the work stands."},
		line("subject", "What the progress is about.", 500),
		{Name: "data", Kind: KindAny, Doc: "Anything more, as JSON."},
	},
	Example: map[string]any{"message": "The build is done"},
	decode:  decodeProgress,
}

// ReportProgressParams are the parameters of report_progress.
type ReportProgressParams struct {
	Message string
	Percent *float64 // nil if absent
	Status  string   // running if absent
	Subject string
	Data    any
}

func decodeProgress(f fields) any {
	p := &ReportProgressParams{Message: f.text("message", ""), Status: f.text("status", "running"), Subject: f.text("subject", ""), Data: f["data"]}
	switch v := f["percent"].(type) {
	case int64:
		n := float64(v)
		p.Percent = &n
	case float64:
		p.Percent = &v
	}
	return p
}
